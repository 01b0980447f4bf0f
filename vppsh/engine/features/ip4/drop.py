"""ip4-drop, ip4-punt and ip4-not-enabled: the last IPv4 nodes of a packet that is not forwarded, and their arcs.

Counterpart of vnet/ip/ip4_punt_drop.c. What is dropped or punted belongs to no interface, so the features
of both arcs are enabled on interface 0.
"""

from __future__ import annotations

from collections.abc import Callable

from vppsh.engine.context import Context, Nexts
from vppsh.engine.features.ip4.trace import format_forward_trace, trace_forward
from vppsh.engine.frame import Frame
from vppsh.registry import arc, feature, node

DROP_ARC = arc("ip4-drop", "ip4-drop", "ip4-not-enabled")
PUNT_ARC = arc("ip4-punt", "ip4-punt")
FEATURES = (
    feature("ip4-drop", "error-drop"),
    feature("ip4-punt", "error-punt"),
    feature("ip4-unicast", "ip4-not-enabled", before=("ip4-lookup",)),
    feature("ip4-multicast", "ip4-not-enabled", before=("ip4-mfib-forward-lookup",)),
)

END = 0
ANY_INTERFACE = 0


def _through(name: str) -> Callable[[Context, Frame], Nexts]:
    """A node that only starts an arc."""

    def drop_or_punt(ctx: Context, frame: Frame) -> Nexts:
        trace_forward(ctx, frame)
        arcs = ctx.engine.arcs
        return arcs.start(arcs[name], ctx, frame, ANY_INTERFACE, END)

    return drop_or_punt


NODES = (
    node("ip4-drop", nexts=("error-drop",), trace=format_forward_trace)(_through("ip4-drop")),
    node("ip4-not-enabled", sibling_of="ip4-drop", trace=format_forward_trace)(_through("ip4-drop")),
    node("ip4-punt", nexts=("error-punt",), trace=format_forward_trace)(_through("ip4-punt")),
)
