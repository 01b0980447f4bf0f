"""ethernet-input of a frame that a device says came in on one port (eth_input_process_frame in vnet/ethernet/node.c).

VPP looks a tag up once and keeps the result for the packets behind it that carry the same tag. When one
of those is for another MAC address, the kept result turns into an error, which the next ones inherit: they
go on to where the tag leads, but as packets of the port, with the error noted. Runs of equal tags are
therefore found here as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vppsh.engine.features.ethernet.ethertypes import (
    DROP,
    L3_MAC_MISMATCH,
    NONE,
    PUNT,
    SUBINTERFACE_DOWN,
    UNKNOWN_TYPE,
    UNKNOWN_VLAN,
    Ethertypes,
)
from vppsh.engine.features.ethernet.ports import NOBODY, TAG_FLAGS, Port, Ports
from vppsh.engine.features.ethernet.tags import (
    DOT1AD,
    HEADER_BYTES,
    L2_L3_VALID,
    TAG_BYTES,
    TAG_TYPES,
    TWO_TAGS,
    VLAN,
    VLAN_BITS,
    VLAN_SHIFT,
    WORD2,
    WORD8,
    advance,
    find_matches,
    is_l2,
    refresh_hints,
    wrong_address,
)
from vppsh.engine.wire import vlan

if TYPE_CHECKING:
    from vppsh.engine.context import Context
    from vppsh.engine.frame import Frame

FIRST_TAG = np.uint64(0xFFFF_FFFF)


def input_from_port(ctx: Context, frame: Frame, port: Port, checked: bool) -> NDArray[np.int32]:
    """The next slots of packets that came in on one port.

    checked  whether destination addresses matter: some interface on the port routes
    """
    buffers, ethertypes = ctx.buffers, ctx.get(Ethertypes)
    rows = frame.indices(buffers)
    routed = not port.l2
    # Load: tags lie where a longer packet would go on.
    types = buffers.load(frame, WORD2, HEADER_BYTES - WORD2.itemsize).copy()
    tags = buffers.load(frame, TWO_TAGS, HEADER_BYTES)
    wrong = wrong_address(buffers.load(frame, WORD8), port) if checked else np.zeros(frame.n, bool)
    # As if untagged.
    start = buffers.current_data[rows]
    buffers.l2_hdr_offset[rows] = start
    buffers.l3_hdr_offset[rows] = start + HEADER_BYTES
    buffers.flags[rows] |= L2_L3_VALID
    tagged = (types == VLAN) | (types == DOT1AD)
    if routed:
        advance(buffers, rows, HEADER_BYTES)
        nexts = ethertypes.slots[types]
        mismatched = wrong & ~tagged
        nexts[mismatched] = PUNT
        buffers.error[rows[mismatched]] = ctx.error_base + L3_MAC_MISMATCH
    else:
        buffers.l2_len[rows] = HEADER_BYTES
        nexts = np.full(frame.n, ethertypes.l2, np.int32)
    for tag_type in TAG_TYPES:
        positions = np.flatnonzero(types == tag_type)
        if len(positions):
            nexts[positions] = _tagged(ctx, port, rows[positions], tags[positions], wrong[positions], tag_type == DOT1AD, routed)
    if tagged.any():
        refresh_hints(buffers, frame)
    elif routed and frame.offset is not None:
        frame.offset += HEADER_BYTES
    return nexts


def bridged_from_port(ctx: Context, frame: Frame) -> int:
    """The slot of packets without tags from a bridged or cross-connected port."""
    buffers, rows = ctx.buffers, frame.rows
    start = buffers.current_data[rows] if frame.offset is None else frame.offset
    buffers.l2_hdr_offset[rows] = start
    buffers.l3_hdr_offset[rows] = start + HEADER_BYTES
    buffers.l2_len[rows] = HEADER_BYTES
    buffers.flags[rows] |= L2_L3_VALID
    return ctx.get(Ethertypes).l2


def _tagged(
    ctx: Context, port: Port, rows: NDArray[np.int32], tags: np.ndarray, wrong: NDArray[np.bool_], dot1ad: bool, routed: bool
) -> NDArray[np.int32]:
    """Look up the tags of packets of one port and one kind of outer tag."""
    buffers, ports, ethertypes = ctx.buffers, ctx.get(Ports), ctx.get(Ethertypes)
    outer = (tags["outer"] & vlan.ID_MASK).astype(np.intp)
    inner = (tags["inner"] & vlan.ID_MASK).astype(np.intp)
    double = tags["outer_type"] == VLAN
    n_tags = 1 + double.astype(np.int32)
    matches = find_matches(ports, port, dot1ad, outer, inner, TAG_FLAGS[n_tags])
    interface = ports.interface[matches]
    bridged = is_l2(ports, matches)
    # VLAN 0 is a priority only: the packet is the port's own.
    own = ~double & (outer == 0)
    interface[own] = port.sw_if_index
    bridged[own] = not routed
    unknown = (matches == 0) & ~own
    # Decide.
    errors = np.where(interface == NOBODY, np.where(unknown, UNKNOWN_VLAN, SUBINTERFACE_DOWN), NONE)
    good = errors == NONE
    slots = ethertypes.slots[np.where(double, tags["inner_type"], tags["outer_type"])]
    nexts = np.where(good, np.where(bridged, ethertypes.l2, slots), DROP).astype(np.int32)
    errors[good & (nexts == PUNT)] = UNKNOWN_TYPE
    lengths = HEADER_BYTES + TAG_BYTES * n_tags
    by = np.where(bridged, -HEADER_BYTES if routed else 0, lengths - (HEADER_BYTES if routed else 0))
    mismatched = wrong & (by > 0)
    if mismatched.any():
        keys = np.ascontiguousarray(tags).view("<u8")
        errors[_from_first_in_run(np.where(double, keys, keys & FIRST_TAG), mismatched)] = L3_MAC_MISMATCH
        nexts[mismatched] = PUNT
    good = errors == NONE
    # Act.
    advance(buffers, rows, by)
    buffers.l2_len[rows] = lengths
    buffers.l3_hdr_offset[rows] = buffers.l2_hdr_offset[rows] + lengths
    received = rows[good]
    buffers.rx_sw_if_index[received] = interface[good]
    buffers.flags[received] = (buffers.flags[received] & ~VLAN_BITS) | (n_tags[good] << VLAN_SHIFT).astype(np.uint32)
    buffers.error[rows[~good]] = ctx.error_base + errors[~good]
    _count(ctx, rows, interface, lengths, by)
    return nexts


def _from_first_in_run(keys: NDArray[np.uint64], marked: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Within each run of equal keys, everything from the first marked one on."""
    at = np.arange(len(keys))
    begins = np.concatenate(([True], keys[1:] != keys[:-1]))
    run = np.maximum.accumulate(np.where(begins, at, 0))
    last_marked = np.maximum.accumulate(np.where(marked, at, -1))
    reached: NDArray[np.bool_] = last_marked >= run
    return reached


def _count(ctx: Context, rows: NDArray[np.int32], interface: NDArray[np.int32], lengths: NDArray[np.int32], by: NDArray[np.int32]) -> None:
    """Count what sub-interfaces received.

    VPP adds up runs of one interface and then adds the header that it looked at last, once per packet; a run
    can hold packets with one tag and with two when an interface takes both.
    """
    begins = np.flatnonzero(np.concatenate(([True], interface[1:] != interface[:-1])))
    ends = np.append(begins[1:], len(rows))
    packets = ends - begins
    n_bytes = np.add.reduceat(ctx.buffers.packet_length(rows), begins)
    n_bytes += np.where(by[ends - 1] > 0, packets * lengths[ends - 1], 0).astype(n_bytes.dtype)
    rx = ctx.engine.interfaces.rx
    for index, n, total in zip(interface[begins].tolist(), packets.tolist(), n_bytes.tolist(), strict=True):
        if index != NOBODY:
            rx.add(index, n, total)
