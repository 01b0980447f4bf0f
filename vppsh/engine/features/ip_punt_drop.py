"""ip4-drop, ip6-drop and their like: the last IP nodes of a packet that is not forwarded, and their arcs.

Counterpart of vnet/ip/ip4_punt_drop.c and ip6_punt_drop.c. What is dropped or punted belongs to no interface,
so the features of both arcs are enabled on interface 0.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from vppsh.engine.context import Context, Nexts
from vppsh.engine.features.ip4 import trace as ip4_trace
from vppsh.engine.features.ip6 import trace as ip6_trace
from vppsh.engine.frame import Frame
from vppsh.engine.ip_enable import IpEnable
from vppsh.registry import ArcSpec, FeatureSpec, NodeSpec, arc, feature, node, table

END = 0
ANY_INTERFACE = 0

IP_ENABLE = table(IpEnable)


def _through(name: str, trace: Callable[[Context, Frame], None]) -> Callable[[Context, Frame], Nexts]:
    """A node that only starts an arc."""

    def drop_or_punt(ctx: Context, frame: Frame) -> Nexts:
        trace(ctx, frame)
        arcs = ctx.engine.arcs
        return arcs.start(arcs[name], ctx, frame, ANY_INTERFACE, END)

    return drop_or_punt


def _declared(ip: str, traces: Any) -> tuple[ArcSpec | FeatureSpec | NodeSpec, ...]:
    """The arcs, their ends and the nodes of one IP version."""
    dropped, punted = _through(f"{ip}-drop", traces.trace_forward), _through(f"{ip}-punt", traces.trace_forward)
    text = traces.format_forward_trace
    return (
        arc(f"{ip}-drop", f"{ip}-drop", f"{ip}-not-enabled"),
        arc(f"{ip}-punt", f"{ip}-punt"),
        feature(f"{ip}-drop", "error-drop"),
        feature(f"{ip}-punt", "error-punt"),
        feature(f"{ip}-unicast", f"{ip}-not-enabled", before=(f"{ip}-lookup",)),
        feature(f"{ip}-multicast", f"{ip}-not-enabled", before=(f"{ip}-mfib-forward-lookup",)),
        node(f"{ip}-drop", nexts=("error-drop",), trace=text)(dropped),
        node(f"{ip}-not-enabled", sibling_of=f"{ip}-drop", trace=text)(dropped),
        node(f"{ip}-punt", nexts=("error-punt",), trace=text)(punted),
    )


IP4 = _declared("ip4", ip4_trace)
IP6 = _declared("ip6", ip6_trace)
