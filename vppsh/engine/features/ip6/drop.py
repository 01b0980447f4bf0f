"""ip6-drop, ip6-punt and ip6-not-enabled: the last IPv6 nodes of a packet that is not forwarded, and their arcs.

Counterpart of vnet/ip/ip6_punt_drop.c. What is dropped or punted belongs to no interface, so the features
of both arcs are enabled on interface 0.
"""

from __future__ import annotations

from collections.abc import Callable

from vppsh.engine.context import Context, Nexts
from vppsh.engine.features.ip6.trace import format_forward_trace, trace_forward
from vppsh.engine.frame import Frame
from vppsh.registry import arc, feature, node

DROP_ARC = arc("ip6-drop", "ip6-drop", "ip6-not-enabled")
PUNT_ARC = arc("ip6-punt", "ip6-punt")
FEATURES = (
    feature("ip6-drop", "error-drop"),
    feature("ip6-punt", "error-punt"),
    feature("ip6-unicast", "ip6-not-enabled", before=("ip6-lookup",)),
    feature("ip6-multicast", "ip6-not-enabled", before=("ip6-mfib-forward-lookup",)),
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
    node("ip6-drop", nexts=("error-drop",), trace=format_forward_trace)(_through("ip6-drop")),
    node("ip6-not-enabled", sibling_of="ip6-drop", trace=format_forward_trace)(_through("ip6-drop")),
    node("ip6-punt", nexts=("error-punt",), trace=format_forward_trace)(_through("ip6-punt")),
)
