"""802.1Q and 802.1ad tags of a vector of packets, and the sub-interfaces that they lead to."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vppsh.engine.buffers import BufferFlag, BufferPool
from vppsh.engine.features.ethernet.ethertypes import as_loaded
from vppsh.engine.features.ethernet.ports import Match, Port, Ports
from vppsh.engine.frame import Frame
from vppsh.engine.wire import ethernet, ethertype, vlan

HEADER_BYTES = ethernet.HEADER.itemsize
TAG_BYTES = vlan.HEADER.itemsize
VLAN, DOT1AD = as_loaded(ethertype.VLAN), as_loaded(ethertype.DOT1AD)
# A frame of a device is looked at for these tags only, other packets for some of old switches too.
TAG_TYPES = (VLAN, DOT1AD)
TAGGED = (VLAN, DOT1AD, as_loaded(ethertype.VLAN_9100), as_loaded(ethertype.VLAN_9200))
WORD2 = np.dtype("<u2")
WORD4 = np.dtype("<u4")
WORD8 = np.dtype("<u8")
# Two tags in a row, types as loaded.
TWO_TAGS = np.dtype([("outer", ">u2"), ("outer_type", "<u2"), ("inner", ">u2"), ("inner_type", "<u2")])

L2_L3_VALID = np.uint32(BufferFlag.L2_HDR_OFFSET_VALID | BufferFlag.L3_HDR_OFFSET_VALID)
VLAN_BITS = np.uint32(BufferFlag.VLAN_1_DEEP | BufferFlag.VLAN_2_DEEP)
VLAN_SHIFT = int(BufferFlag.VLAN_1_DEEP).bit_length() - 1

# Shifting a word left by 16 leaves its first six bytes; the lowest bit of the first one marks groups.
NOT_MAC_BITS = np.uint64(16)
GROUP_BIT = np.uint64(1 << 16)


def one_of(types: NDArray[np.uint16], kinds: tuple[int, ...]) -> NDArray[np.bool_]:
    """Which ethertypes are among a few (np.isin is ten times slower)."""
    found: NDArray[np.bool_] = types == kinds[0]
    for kind in kinds[1:]:
        found |= types == kind
    return found


def wrong_address(words: NDArray[np.uint64], port: Port) -> NDArray[np.bool_]:
    """Which packets are for somebody else: neither a group, nor an address of the port.

    words  the first eight bytes of each packet
    """
    addresses = words << NOT_MAC_BITS
    wrong: NDArray[np.bool_] = (addresses != port.mac) & (addresses & GROUP_BIT == 0)
    for mac in port.secondary:
        wrong &= addresses != mac
    return wrong


def find_matches(
    ports: Ports, port: Port, dot1ad: NDArray[np.bool_] | bool, outer: NDArray[np.intp], inner: NDArray[np.intp],
    wanted: NDArray[np.uint8],
) -> NDArray[np.int32]:  # fmt: skip
    """The match row of each packet of a port, 0 for none; the most specific that wants it.

    dot1ad        whether the outer tag is one of 802.1ad
    outer, inner  VLAN ids, 0 for a tag that is not there
    wanted        `Match` bits that a row must have
    """
    tables = np.where(dot1ad, port.vlans[True], port.vlans[False])
    candidates = (
        ports.double[ports.inner[tables, outer], inner], ports.any_inner[tables, outer], ports.single[tables, outer],
        np.int32(port.default), np.int32(port.untagged),
    )  # fmt: skip
    found: NDArray[np.int32] = np.zeros(len(outer), np.int32)
    for rows in reversed(candidates):
        found = np.where(ports.flags[rows] & wanted == wanted, rows, found)
    return found


def is_l2(ports: Ports, rows: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Which match rows are those of bridged interfaces."""
    bridged: NDArray[np.bool_] = ports.flags[rows] & np.uint8(Match.L2) != 0
    return bridged


def advance(buffers: BufferPool, rows: NDArray[np.int32], by: NDArray[np.int32] | int) -> None:
    """Move the start of packets on, by as much for all or for each."""
    buffers.current_data[rows] += by
    buffers.current_length[rows] -= by


def refresh_hints(buffers: BufferPool, frame: Frame) -> None:
    """Note again what all packets of a frame have in common."""
    offsets, received = buffers.current_data[frame.rows], buffers.rx_sw_if_index[frame.rows]
    frame.offset = int(offsets[0]) if (offsets == offsets[0]).all() else None
    frame.rx = int(received[0]) if (received == received[0]).all() else None


def measure_l2_header(buffers: BufferPool, frame: Frame) -> None:
    """Note how long the Ethernet headers of packets are that ethernet-input did not see (vnet_update_l2_len)."""
    rows = frame.rows
    outer = one_of(buffers.load(frame, WORD2, HEADER_BYTES - WORD2.itemsize), TAGGED)
    n_tags = outer.astype(np.int32)
    if outer.any():
        n_tags += outer & (buffers.load(frame, WORD2, HEADER_BYTES + TAG_BYTES - WORD2.itemsize) == VLAN)
    buffers.l2_len[rows] = HEADER_BYTES + TAG_BYTES * n_tags
    buffers.flags[rows] = (buffers.flags[rows] & ~VLAN_BITS) | (n_tags << VLAN_SHIFT).astype(np.uint32)
