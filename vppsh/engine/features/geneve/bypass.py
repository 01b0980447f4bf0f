"""ip4-geneve-bypass, ip6-geneve-bypass: packets of tunnels on an interface go straight to the input node (plugins/geneve/decap.c)."""

from __future__ import annotations

from vppsh.engine.context import Context, Nexts
from vppsh.engine.features.geneve.tunnels import PORT, GeneveTunnels
from vppsh.engine.features.ip4.trace import format_forward_trace as format_ip4_trace
from vppsh.engine.features.ip6.trace import format_forward_trace as format_ip6_trace
from vppsh.engine.fib.types import Protocol
from vppsh.engine.frame import Frame
from vppsh.engine.tunnel.udp_bypass import bypass, to_port
from vppsh.registry import feature, node

FEATURES = tuple(feature(f"{ip}-unicast", f"{ip}-geneve-bypass", before=(f"{ip}-lookup",)) for ip in ("ip4", "ip6"))
MINE = to_port(PORT)


@node("ip4-geneve-bypass", nexts=("error-drop", "geneve4-input"), trace=format_ip4_trace)
def ip4_geneve_bypass(ctx: Context, frame: Frame) -> Nexts:
    """Over IPv4."""
    return bypass(ctx, frame, ctx.get(GeneveTunnels), Protocol.IP4, MINE)


@node("ip6-geneve-bypass", nexts=("error-drop", "geneve6-input"), trace=format_ip6_trace)
def ip6_geneve_bypass(ctx: Context, frame: Frame) -> Nexts:
    """Over IPv6."""
    return bypass(ctx, frame, ctx.get(GeneveTunnels), Protocol.IP6, MINE)
