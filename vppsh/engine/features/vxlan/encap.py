"""vxlan4-encap, vxlan6-encap: the output nodes of tunnels' interfaces (plugins/vxlan/encap.c)."""

from __future__ import annotations

from msgspec import Struct

from vppsh.engine.context import Context, Nexts
from vppsh.engine.engine import Engine
from vppsh.engine.features.vxlan.tunnels import VxlanTunnels
from vppsh.engine.fib.types import Protocol
from vppsh.engine.frame import Frame
from vppsh.engine.tunnel.udp_encap import Encapsulation, encapsulate, trace_tunnels
from vppsh.registry import error, node

NEXTS = ("error-drop",)
ERRORS = (error("encapsulated", "good packets encapsulated"),)
HOW = Encapsulation()


class EncapTrace(Struct, frozen=True):
    """The tunnel and its network."""

    tunnel: int
    vni: int


def format_encap_trace(view: Engine, record: EncapTrace) -> str:
    """VPP's `VXLAN encap to vxlan_tunnel0 vni 13`; the number is that in the pool, whatever the interface is called."""
    return f"VXLAN encap to vxlan_tunnel{record.tunnel} vni {record.vni}"


def _encap(ctx: Context, frame: Frame, protocol: Protocol) -> Nexts:
    tunnels = ctx.get(VxlanTunnels)
    trace_tunnels(ctx, frame, tunnels, lambda tunnel: EncapTrace(tunnel.index, tunnel.vni))
    return encapsulate(ctx, frame, tunnels, HOW, protocol)


@node("vxlan4-encap", nexts=NEXTS, errors=ERRORS, trace=format_encap_trace)
def vxlan4_encap(ctx: Context, frame: Frame) -> Nexts:
    """Over IPv4."""
    return _encap(ctx, frame, Protocol.IP4)


@node("vxlan6-encap", nexts=NEXTS, errors=ERRORS, trace=format_encap_trace)
def vxlan6_encap(ctx: Context, frame: Frame) -> Nexts:
    """Over IPv6."""
    return _encap(ctx, frame, Protocol.IP6)
