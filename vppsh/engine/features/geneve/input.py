"""geneve4-input, geneve6-input: frames come out of a tunnel, and are received by its interface (plugins/geneve/decap.c).

Options are skipped, and what they ask for: critical ones too.
"""

from __future__ import annotations

import numpy as np
from msgspec import Struct

from vppsh.engine.context import Context, Nexts
from vppsh.engine.engine import Engine
from vppsh.engine.exact_table import MISSING
from vppsh.engine.features.geneve.tunnels import GeneveTunnels
from vppsh.engine.fib.types import Protocol
from vppsh.engine.frame import Frame
from vppsh.engine.tunnel.udp_decap import advance_each, by_sender, deliver, outer_of
from vppsh.engine.wire import geneve
from vppsh.registry import error, node

NEXTS = ("error-drop", "l2-input")
NO_ERROR, NO_SUCH_TUNNEL, BAD_FLAGS, BAD_LENGTH = range(4)
ERRORS = (
    error("decapsulated", "good packets decapsulated"),
    error("no_such_tunnel", "no such tunnel packets"),
    error("bad_flags", "packets with bad flags field in geneve header"),
    error("bad_length", "packets with invalid options length"),
)


class InputTrace(Struct, frozen=True):
    """The tunnel (MISSING for none), the network, where the packet goes, and the error."""

    tunnel: int
    vni: int
    next: int
    error: int


def format_input_trace(view: Engine, record: InputTrace) -> str:
    """VPP's `GENEVE decap from geneve_tunnel0 vni 30 next 1 error 0`."""
    if record.tunnel == MISSING:
        return f"GENEVE decap error - tunnel for vni {record.vni} does not exist"
    return f"GENEVE decap from geneve_tunnel{record.tunnel} vni {record.vni} next {record.next} error {record.error}"


def _input(ctx: Context, frame: Frame, protocol: Protocol) -> Nexts:
    buffers, tunnels = ctx.buffers, ctx.get(GeneveTunnels)
    # Load.
    header = buffers.load(frame, geneve.HEADER)
    first, networks = header["version_and_options"], (header["vni_and_reserved"] >> geneve.VNI_SHIFT).astype(np.uint64)
    outer = outer_of(ctx, frame, protocol)
    sizes = geneve.HEADER.itemsize + (first & geneve.OPTIONS_MASK).astype(np.int32) * geneve.OPTIONS_UNIT
    # Decide.
    short = buffers.current_length[frame.rows] < sizes
    other = first >> geneve.VERSION_SHIFT != geneve.VERSION
    found = by_sender(tunnels, tunnels.by_key[protocol], outer, networks, protocol)
    lost = short | other | (found.number == MISSING)
    errors = np.where(lost, np.where(short, BAD_LENGTH, np.where(other, BAD_FLAGS, NO_SUCH_TUNNEL)), NO_ERROR)
    # Act.
    buffers.error[frame.rows] = np.where(lost, ctx.error_base + errors, 0)
    advance_each(ctx, frame, np.where(short, 0, sizes))
    nexts = deliver(ctx, frame, tunnels, found, lost, tunnels.decap_next.take(found.number))
    # Report.
    for position, index in ctx.traced(frame):
        number = MISSING if short[position] or other[position] else int(found.shown[position])
        slot = nexts if isinstance(nexts, int) else int(nexts[position])
        ctx.trace(index, InputTrace(number, int(networks[position]), slot, int(errors[position])))
    return nexts


@node("geneve4-input", nexts=NEXTS, errors=ERRORS, trace=format_input_trace)
def geneve4_input(ctx: Context, frame: Frame) -> Nexts:
    """Out of an outer IPv4 header."""
    return _input(ctx, frame, Protocol.IP4)


@node("geneve6-input", nexts=NEXTS, errors=ERRORS, trace=format_input_trace)
def geneve6_input(ctx: Context, frame: Frame) -> Nexts:
    """Out of an outer IPv6 header."""
    return _input(ctx, frame, Protocol.IP6)
