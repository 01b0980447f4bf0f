"""ip4-gtpu-bypass, ip6-gtpu-bypass: packets of tunnels on an interface go straight to the input node (plugins/gtpu/gtpu_decap.c)."""

from __future__ import annotations

from vppsh.engine.context import Context, Nexts
from vppsh.engine.features.gtpu.tunnels import GtpuTunnels
from vppsh.engine.features.ip4.trace import format_forward_trace as format_ip4_trace
from vppsh.engine.features.ip6.trace import format_forward_trace as format_ip6_trace
from vppsh.engine.fib.types import Protocol
from vppsh.engine.frame import Frame
from vppsh.engine.tunnel.udp_bypass import bypass, to_port
from vppsh.engine.wire import gtpu
from vppsh.registry import feature, node

FEATURES = tuple(feature(f"{ip}-unicast", f"{ip}-gtpu-bypass", before=(f"{ip}-lookup",)) for ip in ("ip4", "ip6"))
MINE = to_port(gtpu.PORT)


@node("ip4-gtpu-bypass", nexts=("error-drop", "gtpu4-input"), trace=format_ip4_trace)
def ip4_gtpu_bypass(ctx: Context, frame: Frame) -> Nexts:
    """Over IPv4."""
    return bypass(ctx, frame, ctx.get(GtpuTunnels), Protocol.IP4, MINE)


@node("ip6-gtpu-bypass", nexts=("error-drop", "gtpu6-input"), trace=format_ip6_trace)
def ip6_gtpu_bypass(ctx: Context, frame: Frame) -> Nexts:
    """Over IPv6."""
    return bypass(ctx, frame, ctx.get(GtpuTunnels), Protocol.IP6, MINE)
