"""ip4-input: checks the header, counts, starts the unicast or multicast arc of the receive interface.

Counterpart of vnet/ip/ip4_input.c; header checks of RFC 1812, 5.2.2.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vppsh.engine.context import Context, Nexts
from vppsh.engine.features.ip4.errors import (
    BAD_CHECKSUM,
    BAD_LENGTH,
    FRAGMENT_OFFSET_ONE,
    HDR_TOO_SHORT,
    IP4_ERRORS,
    NONE,
    OPTIONS,
    TIME_EXPIRED,
    TOO_SHORT,
    TTL_EXCEEDED,
    VERSION,
)  # fmt: skip
from vppsh.engine.features.ip4.trace import format_input_trace, trace_input
from vppsh.engine.frame import Frame
from vppsh.engine.icmp_error import set_icmp_error
from vppsh.engine.ip_arrival import Entry, admit, as_array
from vppsh.engine.uniform import all_are
from vppsh.engine.wire import ethertype, ip4
from vppsh.registry import demux, node

ERROR_DROP, ERROR_PUNT, TO_OPTIONS, LOOKUP, LOOKUP_MULTICAST, ICMP_ERROR = range(6)
ETHERTYPE = demux("ethernet-input", ethertype.IP4, "ip4-input")
NEXTS = ("error-drop", "error-punt", "ip4-options", "ip4-lookup", "ip4-mfib-forward-lookup", "ip4-icmp-error")
ENTRY = Entry("ip4-unicast", LOOKUP, "ip4-multicast", LOOKUP_MULTICAST)

WORD2 = np.dtype("u2")
WORD4 = np.dtype("u4")
WORD8 = np.dtype("u8")

# The first eight bytes of a header, read as one little-endian word: version and length, fragment offset.
VERSION_AND_OFFSET = np.uint64(int.from_bytes(b"\xff\0\0\0\0\0\x1f\xff", "little"))
PLAIN = np.uint64(ip4.VERSION_AND_LENGTH_NO_OPTIONS).tobytes()
LOW_BYTE = np.uint64(0xFF)
# 2^16 is 1 modulo 65535: the remainder of a word is the ones' complement sum of its halves.
ONES = np.uint64(0xFFFF)
MULTICAST_MASK, MULTICAST = np.uint32(0xF0), np.uint32(0xE0)


def _checksum_is_good(first: NDArray[np.uint64], second: NDArray[np.uint64], third: NDArray[np.uint32]) -> bool:
    """Whether the 20 bytes of every header sum to zero in ones' complement (RFC 1071)."""
    total = first + second
    total += total < first
    total %= ONES
    total += third
    total %= ONES
    return not np.count_nonzero(total)


def _faults(ctx: Context, frame: Frame, lengths: NDArray[np.int32], verify: bool) -> NDArray[np.int32]:
    """The error of each packet, NONE for a good one; of several faults the one that VPP checks last."""
    header = ctx.buffers.load(frame, ip4.HEADER)
    version_and_length = header["version_and_length"]
    errors = np.full(frame.n, NONE, np.int32)
    words = np.ascontiguousarray(header).view(WORD2).reshape(frame.n, 10)
    bad_sum = words.sum(axis=1, dtype=np.uint64) % ONES != 0 if verify else np.zeros(frame.n, bool)
    plain = version_and_length == ip4.VERSION_AND_LENGTH_NO_OPTIONS
    errors[plain & bad_sum] = BAD_CHECKSUM
    if not plain.all():
        short = version_and_length & 0xF < 5
        errors[~plain] = OPTIONS
        errors[~plain & short] = HDR_TOO_SHORT
        errors[version_and_length >> 4 != 4] = VERSION
        if verify:
            rows = frame.indices(ctx.buffers)
            for position in np.flatnonzero(errors == OPTIONS).tolist():
                size = int(ip4.header_bytes(version_and_length[position]))
                data = np.frombuffer(ctx.buffers.peek(int(rows[position]), size), WORD2)
                if int(data.sum(dtype=np.uint64)) % 0xFFFF:
                    errors[position] = BAD_CHECKSUM
    total_length = header["length"].astype(np.int32)
    errors[header["ttl"] == 0] = TIME_EXPIRED
    errors[header["flags_and_offset"] & ip4.FRAGMENT_OFFSET_MASK == 1] = FRAGMENT_OFFSET_ONE
    errors[total_length < ip4.HEADER.itemsize] = TOO_SHORT
    errors[lengths < total_length] = BAD_LENGTH
    return errors


def check(ctx: Context, frame: Frame, third: NDArray[np.uint32], verify: bool) -> NDArray[np.int32] | None:
    """The error of each packet, or None when all headers are good.

    third   their last four bytes, the destination
    verify  check the checksums, too
    """
    buffers = ctx.buffers
    first = buffers.load(frame, WORD8)
    second = buffers.load(frame, WORD8, 8)
    total_length = buffers.load(frame, WORD2, 2).byteswap().astype(np.int32)
    plain = (
        all_are(first & VERSION_AND_OFFSET, PLAIN)
        and np.count_nonzero(second & LOW_BYTE) == frame.n
        and not np.count_nonzero(total_length > buffers.current_length[frame.rows])
        and int(total_length.min()) >= ip4.HEADER.itemsize
        and (not verify or _checksum_is_good(first, second, third))
    )
    if plain:
        return None
    errors = _faults(ctx, frame, buffers.packet_length(frame.rows), verify)
    return errors if (errors != NONE).any() else None


def refuse(ctx: Context, frame: Frame, errors: NDArray[np.int32], nexts: int | NDArray[np.int32]) -> NDArray[np.int32]:
    """Where packets go instead when there is something wrong with them."""
    buffers = ctx.buffers
    bad = errors != NONE
    refused = as_array(nexts, frame.n)
    refused[bad] = ERROR_DROP
    refused[errors == OPTIONS] = TO_OPTIONS
    indices = frame.indices(buffers)
    buffers.error[indices[bad]] = ctx.error_base + errors[bad]
    expired = errors == TIME_EXPIRED
    if expired.any():
        refused[expired] = ICMP_ERROR
        set_icmp_error(buffers, indices[expired], TTL_EXCEEDED)
        buffers.tx_sw_if_index[indices[expired]] = -1
    return refused


def _input(ctx: Context, frame: Frame, verify: bool) -> Nexts:
    if frame.traced:
        trace_input(ctx, frame)
    third = ctx.buffers.load(frame, WORD4, 16)
    errors = check(ctx, frame, third, verify)
    nexts = admit(ctx, frame, ENTRY, ctx.engine.interfaces.ip4, third & MULTICAST_MASK == MULTICAST)
    return nexts if errors is None else refuse(ctx, frame, errors, nexts)


@node("ip4-input", nexts=NEXTS, errors=IP4_ERRORS, trace=format_input_trace, index=684)
def ip4_input(ctx: Context, frame: Frame) -> Nexts:
    """Check everything."""
    return _input(ctx, frame, True)


@node("ip4-input-no-checksum", sibling_of="ip4-input", errors_of="ip4-input", trace=format_input_trace, index=683)
def ip4_input_no_checksum(ctx: Context, frame: Frame) -> Nexts:
    """Check everything but the checksum, which the device or the node before has seen to."""
    return _input(ctx, frame, False)
