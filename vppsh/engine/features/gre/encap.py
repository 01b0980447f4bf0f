"""gre-teb-encap, gre-erspan-encap: frames for a tunnel's interface get its adjacency (plugins/gre/gre.c, gre_encap_inline).

ERSPAN puts a sequence number and its own header in front first (draft-foschiano-erspan-03, type II).
"""

from __future__ import annotations

import numpy as np
from msgspec import Struct

from vppsh.engine.buffers import HEADROOM
from vppsh.engine.context import Context, Nexts
from vppsh.engine.engine import Engine
from vppsh.engine.features.gre.tunnels import GreTunnel, GreTunnels
from vppsh.engine.fib.types import Protocol, format_address
from vppsh.engine.frame import Frame
from vppsh.registry import error, node

L2_MIDCHAIN = 0
NO_ERROR, UNKNOWN_PROTOCOL, UNSUPPORTED_VERSION, DECAPSULATED, ENCAPSULATED, NO_SUCH_TUNNEL = range(6)
ERRORS = (
    error("none", "no error"),
    error("unknown_protocol", "unknown protocol"),
    error("unsupported_version", "unsupported version"),
    error("pkts_decap", "GRE input packets decapsulated"),
    error("pkts_encap", "GRE output packets encapsulated"),
    error("no_such_tunnel", "GRE input packets dropped due to missing tunnel"),
)
ERSPAN = np.dtype([("sequence", ">u4"), ("version_and_vlan", ">u2"), ("flags_and_session", ">u2"), ("index", ">u4")])
VERSION_2 = 0x1000
VLAN_PRESERVED = 0x1800


class EncapTrace(Struct, frozen=True):
    """The tunnel, the length of the frame, the outer addresses."""

    tunnel: int
    length: int
    protocol: Protocol
    src: int
    dst: int


def format_encap_trace(view: Engine, record: EncapTrace) -> str:
    """VPP's `GRE: tunnel 0 len 90 src 192.168.1.1 dst 192.168.1.2`."""
    src, dst = format_address(record.protocol, record.src), format_address(record.protocol, record.dst)
    return f"GRE: tunnel {record.tunnel} len {record.length} src {src} dst {dst}"


def _mirror(ctx: Context, frame: Frame, tunnel: GreTunnel) -> None:
    """Put ERSPAN's header in front, with the next sequence numbers between these ends."""
    assert tunnel.sequence is not None
    room = ctx.buffers.current_data[frame.rows] + HEADROOM >= ERSPAN.itemsize
    if not room.all():
        # There is none for the outer header either, so that adj-l2-midchain drops them.
        frame = frame.pick(ctx.buffers, room)
        if not frame.n:
            return
    headers = np.zeros(frame.n, ERSPAN)
    headers["sequence"] = (tunnel.sequence.next + np.arange(frame.n)) & 0xFFFFFFFF
    headers["version_and_vlan"] = VERSION_2
    headers["flags_and_session"] = VLAN_PRESERVED | tunnel.session
    tunnel.sequence.next += frame.n
    ctx.buffers.advance(frame, -ERSPAN.itemsize)
    ctx.buffers.store(frame, ERSPAN, headers)


def _takes(tunnel: GreTunnel, mirrored: bool) -> bool:
    """Whether a tunnel carries frames, or mirrored ones."""
    return tunnel.frames is not None and (tunnel.sequence is not None or not mirrored)


def _encap(ctx: Context, frame: Frame, mirrored: bool) -> Nexts:
    buffers, tunnels = ctx.buffers, ctx.get(GreTunnels)
    rows = frame.rows
    sent = buffers.tx_sw_if_index[rows].copy()
    found = {index: tunnels.of_interface(index) for index in set(sent.tolist())}
    leaving = {index: tunnel for index, tunnel in found.items() if tunnel is not None and _takes(tunnel, mirrored)}
    lost = ~np.isin(sent, list(leaving))
    if lost.any():
        # A stream brought them: they are for no tunnel that takes frames.
        ctx.enqueue_frame(ctx.engine.graph.next_by_name(ctx.node.name, "error-drop"), frame.pick(buffers, lost))
        known = frame.pick(buffers, ~lost)
        if known.n:
            _encap(ctx, known, mirrored)
            ctx.enqueue_frame(L2_MIDCHAIN, known)
        return None
    # Behind layer 2, words that routing uses for other things still hold what it left there.
    buffers.flow_hash[rows] = buffers.l2_len[rows]
    for index, tunnel in leaving.items():
        assert tunnel.frames is not None
        part = frame if len(leaving) == 1 else frame.pick(buffers, sent == index)
        buffers.adj_index[part.rows] = tunnel.frames.index
        if mirrored:
            _mirror(ctx, part, tunnel)
    if len(leaving) > 1:
        frame.offset = None
    for position, index in ctx.traced(frame):
        tunnel = leaving[int(sent[position])]
        length = int(buffers.packet_length(np.array([index]))[0])
        ctx.trace(index, EncapTrace(tunnel.index, length, tunnel.protocol, tunnel.src, tunnel.dst))
    ctx.count(ENCAPSULATED, frame.n)
    return L2_MIDCHAIN


@node("gre-teb-encap", nexts=("adj-l2-midchain",), errors=ERRORS, trace=format_encap_trace)
def gre_teb_encap(ctx: Context, frame: Frame) -> Nexts:
    """Frames as they are."""
    return _encap(ctx, frame, False)


@node("gre-erspan-encap", nexts=("adj-l2-midchain",), errors=ERRORS, trace=format_encap_trace)
def gre_erspan_encap(ctx: Context, frame: Frame) -> Nexts:
    """Mirrored frames, numbered."""
    return _encap(ctx, frame, True)
