"""gtpu4-input, gtpu6-input: packets come out of a tunnel, and are received by its interface (plugins/gtpu/gtpu_decap.c).

What no tunnel takes is dropped, or goes on as it came to where a tunnel for strays leads. One extension header is skipped.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from vppsh.engine.context import Context, Nexts
from vppsh.engine.engine import Engine
from vppsh.engine.exact_table import MISSING
from vppsh.engine.features.gtpu.tunnels import GtpuTunnels, Stray
from vppsh.engine.fib.types import Protocol
from vppsh.engine.frame import Frame
from vppsh.engine.l4_checksum import ip6_l4_checksums
from vppsh.engine.tunnel.udp_decap import OUTER_BYTES, Found, Outer, advance_each, by_sender, deliver, outer_of
from vppsh.engine.wire import gtpu, ip6, udp
from vppsh.engine.wire.checksum import update
from vppsh.registry import error, node

NEXTS = ("error-drop", "l2-input", "ip4-input", "ip6-input")
NO_ERROR, NO_SUCH_TUNNEL, BAD_VER, _, TOO_SMALL, UNSUPPORTED_TYPE, NO_ERROR_TUNNEL = range(7)
ERRORS = (
    error("decapsulated", "good packets decapsulated"),
    error("no_such_tunnel", "no such tunnel packets"),
    error("bad_ver", "packets with bad version in gtpu header"),
    error("bad_flags", "packets with bad flags field in gtpu header"),
    error("too_small", "packet too small to fit a gtpu header"),
    error("unsupported_type", "packets with message type < 255 in gtpu header"),
    error("no_error_tunnel", "did not find an forward tunnel"),
)
STRAYS = {
    NO_SUCH_TUNNEL: Stray.UNKNOWN_TEID,
    BAD_VER: Stray.BAD_HEADER,
    TOO_SMALL: Stray.BAD_HEADER,
    UNSUPPORTED_TYPE: Stray.UNKNOWN_TYPE,
}
OCTET, FIELD, WORD, NEAR = np.dtype("u1"), np.dtype(">u2"), np.dtype(">u4"), np.dtype("<u4")
CHECKSUM_AT, DST_AT = 10, 16
UDP_CHECKSUM_AT = 6
ALL_ONES = 0xFFFFFFFF


class InputTrace(Struct, frozen=True):
    """The tunnel (MISSING for none), of a stray what is wrong with it, where the packet goes, the header."""

    tunnel: int
    stray: Stray | None
    teid: int
    next: int
    error: int
    flags: int
    type: int
    length: int


def format_input_trace(view: Engine, record: InputTrace) -> str:
    """VPP's `GTPU decap from gtpu_tunnel0 teid 1000, next 2 error 0, flags: 0x30, type: 255, length: 68`."""
    if record.tunnel == MISSING:
        text = f"GTPU decap error - tunnel for teid {record.teid} does not exist, "
    else:
        forwarding = f"forwarding {record.stray.value} " if record.stray is not None else ""
        text = f"GTPU decap from gtpu_tunnel{record.tunnel} {forwarding}teid {record.teid}, "
    header = f"flags: 0x{record.flags:x}, type: {record.type}, length: {record.length}"
    return f"{text}next {record.next} error {record.error}, {header}"


def _forward(ctx: Context, frame: Frame, protocol: Protocol, outer: Outer, errors: NDArray[np.int64], found: Found) -> NDArray[np.bool_]:
    """Give strays to the tunnels that are for them, if there are any; which packets those are."""
    tunnels = ctx.get(GtpuTunnels)
    forwarded = np.zeros(frame.n, bool)
    for wrong, stray in STRAYS.items():
        number = tunnels.strays[protocol].get(stray)
        if number is None:
            continue
        mine = errors == wrong
        here = mine & (np.asarray(outer.fib_index) == tunnels.fib_index[number])
        found.shown[mine] = number
        found.number[here] = number
        errors[mine & ~here] = NO_ERROR_TUNNEL
        forwarded |= here
    errors[forwarded] = NO_ERROR
    return forwarded


def _readdress(ctx: Context, frame: Frame, protocol: Protocol, numbers: NDArray[np.int32]) -> None:
    """Send strays, outer headers and all, to the address that they are to go to; over IPv6 VPP leaves the address."""
    buffers, tunnels = ctx.buffers, ctx.get(GtpuTunnels)
    if protocol is Protocol.IP6:
        at = ip6.HEADER.itemsize + UDP_CHECKSUM_AT
        buffers.store(frame, FIELD, 0, at)
        buffers.store(frame, FIELD, udp.transmitted(ip6_l4_checksums(buffers, frame)), at)
        return
    old = buffers.load(frame, WORD, DST_AT).copy()
    new = tunnels.near[protocol].take(numbers, axis=0)[:, 0].astype(NEAR).view(WORD)
    buffers.store(frame, FIELD, update(buffers.load(frame, FIELD, CHECKSUM_AT), (old, new)), CHECKSUM_AT)
    buffers.store(frame, WORD, new, DST_AT)


def _input(ctx: Context, frame: Frame, protocol: Protocol) -> Nexts:
    buffers, tunnels = ctx.buffers, ctx.get(GtpuTunnels)
    # Load.
    header = buffers.load(frame, gtpu.HEADER)
    captured = {position: header[position].copy() for position, _ in ctx.traced(frame)}
    flags = header["flags"]
    sizes = gtpu.MANDATORY_BYTES + gtpu.OPTIONAL_BYTES * (flags & gtpu.OPTIONAL_MASK != 0).astype(np.int32)
    extended = flags & gtpu.FLAG_EXTENSION != 0
    if np.count_nonzero(extended):
        units = buffers.load(frame, OCTET, gtpu.EXTENSION_LENGTH_AT).astype(np.int32)
        sizes += np.where(extended, units * gtpu.EXTENSION_UNIT, 0)
    outer = outer_of(ctx, frame, protocol)
    # Decide.
    room = buffers.current_length[frame.rows] >= sizes
    fixed = flags & gtpu.FIXED_MASK == gtpu.FIXED
    found = by_sender(tunnels, tunnels.by_key[protocol], outer, header["teid"].astype(np.uint64), protocol)
    good = room & fixed & (header["type"] == gtpu.G_PDU)
    if np.count_nonzero(good & (found.number != MISSING)) == frame.n:
        errors = np.zeros(frame.n, np.int64)
    else:
        wrong = np.where(~room, TOO_SMALL, np.where(~fixed, BAD_VER, UNSUPPORTED_TYPE))
        errors = np.where(good, np.where(found.number == MISSING, NO_SUCH_TUNNEL, NO_ERROR), wrong)
        kept = np.where(errors == NO_ERROR, found.number, np.int32(MISSING))
        found = replace(found, number=kept, shown=kept.copy())
        forwarded = _forward(ctx, frame, protocol, outer, errors, found)
        sizes = np.where(forwarded, -OUTER_BYTES[protocol], np.where(errors == NO_ERROR, sizes, 0))
    lost = errors != NO_ERROR
    # Act.
    buffers.error[frame.rows] = np.where(lost, ctx.error_base + errors, 0)
    advance_each(ctx, frame, sizes)
    strays = sizes < 0
    if np.count_nonzero(strays):
        _readdress(ctx, frame.pick(buffers, strays), protocol, found.number[strays])
    nexts = deliver(ctx, frame, tunnels, found, lost, tunnels.decap_next.take(found.number))
    # Report.
    for position, index in ctx.traced(frame):
        number, seen = int(found.shown[position]), captured[position]
        slot = nexts if isinstance(nexts, int) else int(nexts[position])
        teid = int(seen["teid"]) if room[position] else ALL_ONES
        stray = tunnels[number].stray if number != MISSING else None
        record = InputTrace(
            number, stray, teid, slot, int(errors[position]), int(seen["flags"]), int(seen["type"]), int(seen["length"])
        )  # fmt: skip
        ctx.trace(index, record)
    return nexts


@node("gtpu4-input", nexts=NEXTS, errors=ERRORS, trace=format_input_trace)
def gtpu4_input(ctx: Context, frame: Frame) -> Nexts:
    """Out of an outer IPv4 header."""
    return _input(ctx, frame, Protocol.IP4)


@node("gtpu6-input", nexts=NEXTS, errors=ERRORS, trace=format_input_trace)
def gtpu6_input(ctx: Context, frame: Frame) -> Nexts:
    """Out of an outer IPv6 header."""
    return _input(ctx, frame, Protocol.IP6)
