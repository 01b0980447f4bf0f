"""geneve4-encap, geneve6-encap: the output nodes of tunnels' interfaces (plugins/geneve/encap.c)."""

from __future__ import annotations

from msgspec import Struct

from vppsh.engine.context import Context, Nexts
from vppsh.engine.engine import Engine
from vppsh.engine.features.geneve.tunnels import GeneveTunnels
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
    """VPP's `GENEVE encap to geneve_tunnel0 vni 30`."""
    return f"GENEVE encap to geneve_tunnel{record.tunnel} vni {record.vni}"


def _encap(ctx: Context, frame: Frame, protocol: Protocol) -> Nexts:
    tunnels = ctx.get(GeneveTunnels)
    trace_tunnels(ctx, frame, tunnels, lambda tunnel: EncapTrace(tunnel.index, tunnel.vni))
    return encapsulate(ctx, frame, tunnels, HOW, protocol)


@node("geneve4-encap", nexts=NEXTS, errors=ERRORS, trace=format_encap_trace)
def geneve4_encap(ctx: Context, frame: Frame) -> Nexts:
    """Over IPv4."""
    return _encap(ctx, frame, Protocol.IP4)


@node("geneve6-encap", nexts=NEXTS, errors=ERRORS, trace=format_encap_trace)
def geneve6_encap(ctx: Context, frame: Frame) -> Nexts:
    """Over IPv6."""
    return _encap(ctx, frame, Protocol.IP6)
