"""gtpu4-encap, gtpu6-encap: the output nodes of tunnels' interfaces (plugins/gtpu/gtpu_encap.c)."""

from __future__ import annotations

from msgspec import Struct

from vppsh.engine.context import Context, Nexts
from vppsh.engine.engine import Engine
from vppsh.engine.features.gtpu.tunnels import GtpuTunnels
from vppsh.engine.fib.types import Protocol
from vppsh.engine.frame import Frame
from vppsh.engine.tunnel.udp_encap import Encapsulation, encapsulate, trace_tunnels
from vppsh.engine.wire import gtpu
from vppsh.registry import error, node

NEXTS = ("error-drop", "ip4-lookup", "ip6-lookup")
ERRORS = (error("encapsulated", "good packets encapsulated"),)
# The length counts what is behind the mandatory header.
HOW = Encapsulation(length=(2, gtpu.MANDATORY_BYTES))


class EncapTrace(Struct, frozen=True):
    """The tunnel, the identifier that packets are sent with, the QoS flow."""

    tunnel: int
    tteid: int
    qfi: int | None


def format_encap_trace(view: Engine, record: EncapTrace) -> str:
    """VPP's `GTPU encap to gtpu_tunnel0 tteid 2000 no-pdu-extension `."""
    extension = "no-pdu-extension" if record.qfi is None else f"pdu-extension qfi {record.qfi}"
    return f"GTPU encap to gtpu_tunnel{record.tunnel} tteid {record.tteid} {extension} "


def _encap(ctx: Context, frame: Frame, protocol: Protocol) -> Nexts:
    tunnels = ctx.get(GtpuTunnels)
    trace_tunnels(ctx, frame, tunnels, lambda tunnel: EncapTrace(tunnel.index, tunnel.tteid, tunnel.qfi))
    return encapsulate(ctx, frame, tunnels, HOW, protocol)


@node("gtpu4-encap", nexts=NEXTS, errors=ERRORS, trace=format_encap_trace)
def gtpu4_encap(ctx: Context, frame: Frame) -> Nexts:
    """Over IPv4."""
    return _encap(ctx, frame, Protocol.IP4)


@node("gtpu6-encap", nexts=NEXTS, errors=ERRORS, trace=format_encap_trace)
def gtpu6_encap(ctx: Context, frame: Frame) -> Nexts:
    """Over IPv6."""
    return _encap(ctx, frame, Protocol.IP6)
