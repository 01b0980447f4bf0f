"""ip4-vxlan-bypass, ip6-vxlan-bypass: packets of tunnels on an interface go straight to the input node (plugins/vxlan/decap.c)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vppsh.engine.context import Context, Nexts
from vppsh.engine.exact_table import MISSING
from vppsh.engine.features.ip4.trace import format_forward_trace as format_ip4_trace
from vppsh.engine.features.ip6.trace import format_forward_trace as format_ip6_trace
from vppsh.engine.features.vxlan.input import find_tunnels
from vppsh.engine.features.vxlan.tunnels import VxlanTunnels
from vppsh.engine.fib.types import Protocol
from vppsh.engine.frame import Frame
from vppsh.engine.tunnel.udp_bypass import bypass
from vppsh.engine.tunnel.udp_decap import OUTER_BYTES, Outer
from vppsh.engine.wire import vxlan
from vppsh.registry import feature, node

FEATURES = tuple(feature(f"{ip}-unicast", f"{ip}-vxlan-bypass", before=(f"{ip}-lookup",)) for ip in ("ip4", "ip6"))


def _of_tunnels(ctx: Context, frame: Frame, outer: Outer, protocol: Protocol) -> NDArray[np.bool_]:
    """Which datagrams are those of a tunnel; the input node would drop all others."""
    header = ctx.buffers.load(frame, vxlan.HEADER, OUTER_BYTES[protocol])
    found = find_tunnels(ctx.get(VxlanTunnels), outer, header["vni_and_reserved"], protocol)
    whole = ctx.buffers.current_length[frame.rows] >= OUTER_BYTES[protocol] + vxlan.HEADER.itemsize
    return (header["flags"] == vxlan.FLAG_VNI) & (found.number != MISSING) & whole


@node("ip4-vxlan-bypass", nexts=("error-drop", "vxlan4-input"), trace=format_ip4_trace)
def ip4_vxlan_bypass(ctx: Context, frame: Frame) -> Nexts:
    """Over IPv4."""
    return bypass(ctx, frame, ctx.get(VxlanTunnels), Protocol.IP4, _of_tunnels)


@node("ip6-vxlan-bypass", nexts=("error-drop", "vxlan6-input"), trace=format_ip6_trace)
def ip6_vxlan_bypass(ctx: Context, frame: Frame) -> Nexts:
    """Over IPv6."""
    return bypass(ctx, frame, ctx.get(VxlanTunnels), Protocol.IP6, _of_tunnels)
