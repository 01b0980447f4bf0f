"""ethernet-input of packets that other nodes send there, of several interfaces (ethernet_input_inline in vnet/ethernet/node.c).

Here a packet for another MAC address is dropped, where a frame of a device would punt it, and every packet
gets ethernet-input's "no error" as its reason to begin with.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from vppsh.engine.features.ethernet.ethertypes import (
    DROP,
    L3_MAC_MISMATCH,
    LLC,
    NONE,
    PUNT,
    SUBINTERFACE_DOWN,
    UNKNOWN_TYPE,
    UNKNOWN_VLAN,
    Ethertypes,
)
from vppsh.engine.features.ethernet.ports import NOBODY, TAG_FLAGS, Match, Port, Ports
from vppsh.engine.features.ethernet.tags import (
    DOT1AD,
    HEADER_BYTES,
    L2_L3_VALID,
    TAG_BYTES,
    TAGGED,
    TWO_TAGS,
    VLAN,
    VLAN_BITS,
    VLAN_SHIFT,
    WORD2,
    WORD8,
    advance,
    find_matches,
    is_l2,
    one_of,
    refresh_hints,
    wrong_address,
)
from vppsh.engine.wire import vlan

if TYPE_CHECKING:
    from vppsh.engine.context import Context
    from vppsh.engine.frame import Frame

TYPE_BYTES = 2


class Variant(Struct, frozen=True):
    """What a node finds at the start of its packets.

    header_bytes  of the header, whose last two are the ethertype
    llc           whether the header can be that of an 802.3 frame
    bridged       whether bridges and cross-connects get their packets
    """

    header_bytes: int
    llc: bool
    bridged: bool = True


ETHERNET = Variant(HEADER_BYTES, llc=True)
ETHERTYPE_ONLY = Variant(TYPE_BYTES, llc=False)
NOT_BRIDGED = Variant(HEADER_BYTES, llc=False, bridged=False)


@dataclass
class Result:
    """What was found for each packet: its next slot and its error."""

    nexts: NDArray[np.int32]
    errors: NDArray[np.int32]


def input_from_anywhere(ctx: Context, frame: Frame, variant: Variant, error_base: int) -> NDArray[np.int32]:
    """The next slots of packets that came in on interfaces of their own."""
    buffers, ports = ctx.buffers, ctx.get(Ports)
    rows = frame.indices(buffers)
    received = buffers.rx_sw_if_index[rows]
    result = Result(np.empty(frame.n, np.int32), np.empty(frame.n, np.int32))
    buffers.l2_hdr_offset[rows] = buffers.current_data[rows]
    buffers.flags[rows] |= L2_L3_VALID
    for sw_if_index in set(received.tolist()):
        port = ports.of(ctx.engine.interfaces[sw_if_index])
        positions = np.flatnonzero(received == sw_if_index)
        group = frame.pick(buffers, positions)
        types = buffers.load(group, WORD2, variant.header_bytes - TYPE_BYTES)
        wrong = np.zeros(group.n, bool) if port is None else wrong_address(buffers.load(group, WORD8), port)
        slow = one_of(types, TAGGED) if variant.llc else np.ones(group.n, bool)
        if not slow.all():
            quick = ~slow
            _plain(ctx, positions[quick], rows[positions[quick]], types[quick], wrong[quick], port, result)
        if slow.any():
            tags = buffers.load(group, TWO_TAGS, variant.header_bytes)[slow]
            chosen = positions[slow]
            _tagged(ctx, chosen, rows[chosen], types[slow], tags, wrong[slow], port, variant, result)
    buffers.error[rows] = error_base + result.errors
    refresh_hints(buffers, frame)
    return result.nexts


def _plain(
    ctx: Context, positions: NDArray[np.intp], rows: NDArray[np.int32], types: NDArray[np.uint16], wrong: NDArray[np.bool_],
    port: Port | None, result: Result,
) -> None:  # fmt: skip
    """Packets without a tag."""
    buffers, ethertypes = ctx.buffers, ctx.get(Ethertypes)
    buffers.l3_hdr_offset[rows] = buffers.l2_hdr_offset[rows] + HEADER_BYTES
    if port is not None and port.l2:
        buffers.l2_len[rows] = HEADER_BYTES
        result.nexts[positions], result.errors[positions] = ethertypes.l2, NONE
        return
    advance(buffers, rows, HEADER_BYTES)
    nexts = ethertypes.slots[types]
    errors = np.where((nexts == PUNT) | (nexts == LLC), UNKNOWN_TYPE, NONE)
    errors[wrong] = L3_MAC_MISMATCH
    nexts[wrong] = DROP
    result.nexts[positions], result.errors[positions] = nexts, errors


def _tagged(
    ctx: Context, positions: NDArray[np.intp], rows: NDArray[np.int32], types: NDArray[np.uint16], tags: np.ndarray,
    wrong: NDArray[np.bool_], port: Port | None, variant: Variant, result: Result,
) -> None:  # fmt: skip
    """Packets with tags, and all of those whose link header is gone."""
    buffers, ports, ethertypes = ctx.buffers, ctx.get(Ports), ctx.get(Ethertypes)
    # Load.
    one = one_of(types, TAGGED)
    two = one & (tags["outer_type"] == VLAN)
    three = two & (tags["inner_type"] == VLAN)
    outer = np.where(one, tags["outer"] & vlan.ID_MASK, 0).astype(np.intp)
    inner = np.where(two, tags["inner"] & vlan.ID_MASK, 0).astype(np.intp)
    innermost = np.where(two, tags["inner_type"], np.where(one, tags["outer_type"], types))
    n_tags = one.astype(np.int32) + two + three
    # Decide.
    wanted = TAG_FLAGS[n_tags]
    wanted[one & ~two & (outer == 0)] = Match.VALID
    received = buffers.rx_sw_if_index[rows]
    if port is None:
        matches, interface = np.zeros(len(rows), np.int32), np.full(len(rows), NOBODY, np.int32)
    else:
        matches = find_matches(ports, port, types == DOT1AD, outer, inner, wanted)
        interface = ports.interface[matches]
    bridged = is_l2(ports, matches)
    errors = np.where(matches == 0, UNKNOWN_VLAN, np.where(wrong & ~bridged, L3_MAC_MISMATCH, NONE))
    errors[(matches != 0) & (interface == NOBODY)] = SUBINTERFACE_DOWN
    bridged &= variant.bridged
    good = errors == NONE
    slots = ethertypes.slots[innermost]
    if not variant.llc:
        slots[slots == LLC] = PUNT
    nexts = np.where(good, np.where(bridged, ethertypes.l2, slots), DROP)
    errors[good & ~bridged & ((slots == PUNT) | (slots == LLC))] = UNKNOWN_TYPE
    # Act.
    others = (interface != NOBODY) & (interface != received)
    if others.any():
        ctx.engine.interfaces.rx.add_each(interface[others], buffers.packet_length(rows[others]))
    lengths = variant.header_bytes + TAG_BYTES * n_tags
    buffers.rx_sw_if_index[rows] = np.where(good, interface, received)
    buffers.flags[rows] = (buffers.flags[rows] & ~VLAN_BITS) | (n_tags << VLAN_SHIFT).astype(np.uint32)
    buffers.l3_hdr_offset[rows] = buffers.l2_hdr_offset[rows] + lengths
    buffers.l2_len[rows] = lengths
    advance(buffers, rows, np.where(bridged & good, 0, lengths))
    result.nexts[positions], result.errors[positions] = nexts, errors
