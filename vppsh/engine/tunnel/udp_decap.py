"""Taking packets out of tunnels over UDP: whose they are, and how they come in by a tunnel's interface.

An input node gets packets whose data begins behind the UDP header; the headers before that are still there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vppsh.engine.buffers import BufferFlag
from vppsh.engine.context import Context
from vppsh.engine.exact_table import MISSING, ExactTable, Words
from vppsh.engine.features.ethernet.tags import TAGGED, VLAN, VLAN_BITS
from vppsh.engine.fib.fib import Fib
from vppsh.engine.fib.forwarding import table_of
from vppsh.engine.fib.types import Protocol
from vppsh.engine.frame import Frame
from vppsh.engine.tunnel.udp_tunnels import DROP, L2_INPUT, UdpTunnels
from vppsh.engine.uniform import common
from vppsh.engine.wire import ethernet, ip4, ip6, udp, vlan

TYPE = np.dtype("<u2")
TYPE_AT = 12
IP4_ADDRESS, IP6_ADDRESS = np.dtype("<u4"), np.dtype(("<u8", (2,)))
ENDS_AT = {Protocol.IP4: 12, Protocol.IP6: 8}
BOTH_ENDS = {Protocol.IP4: np.dtype("V8"), Protocol.IP6: np.dtype("V32")}
OUTER_BYTES = {
    Protocol.IP4: ip4.HEADER.itemsize + udp.HEADER.itemsize,
    Protocol.IP6: ip6.HEADER.itemsize + udp.HEADER.itemsize,
}
PORT_AT = 2 - udp.HEADER.itemsize
L2_LENGTH_MASK = np.uint32(0xFF)
ONE_TAG, TWO_TAGS = np.uint32(BufferFlag.VLAN_1_DEEP), np.uint32(BufferFlag.VLAN_2_DEEP)
DECAPSULATED = 0
"""The first counter of every input node."""
# VPP keeps 16 bits of a length.
LENGTH_MASK = np.int32(0xFFFF)


@dataclass
class Outer:
    """Of the outer headers of a frame: the ends as words of a key, source and destination, (n, 1) or (n, 2); the port; the table."""

    src: Words
    dst: Words
    port: NDArray[np.uint16]
    fib_index: int | NDArray[np.int32]


def outer_of(ctx: Context, frame: Frame, protocol: Protocol, back: int = 0) -> Outer:
    """The outer headers of packets, `back` bytes in front of which their data begins, as noted for the input node."""
    buffers = ctx.buffers
    at = ENDS_AT[protocol] - OUTER_BYTES[protocol] + back
    tables = ctx.get(Fib).tables(protocol)
    dtype = IP4_ADDRESS if protocol is Protocol.IP4 else IP6_ADDRESS
    size = protocol.bits // 8
    src, dst = (buffers.load(frame, dtype, each).astype(np.uint64).reshape(frame.n, -1) for each in (at, at + size))
    return Outer(src, dst, buffers.load(frame, TYPE, PORT_AT + back), table_of(ctx, frame, tables))


def alike(ctx: Context, frame: Frame, protocol: Protocol) -> Outer | None:
    """The outer headers of the first packet, if all packets of a frame have the same ends, port and table."""
    buffers = ctx.buffers
    size = 2 * protocol.bits // 8
    both = buffers.load(frame, BOTH_ENDS[protocol], ENDS_AT[protocol] - OUTER_BYTES[protocol]).tobytes()
    port = common(buffers.load(frame, TYPE, PORT_AT))
    if port is None or both != both[:size] * frame.n:
        return None
    fib_index = table_of(ctx, frame, ctx.get(Fib).tables(protocol))
    if not isinstance(fib_index, int):
        return None
    dtype = IP4_ADDRESS if protocol is Protocol.IP4 else np.dtype("<u8")
    words = np.frombuffer(both, dtype, size // dtype.itemsize).astype(np.uint64).reshape(2, -1)
    return Outer(words[:1], words[1:], np.array([port], TYPE), fib_index)


def is_group(protocol: Protocol, dst: Words) -> NDArray[np.bool_]:
    """Which destinations are multicast groups."""
    first = dst[:, 0] & np.uint64(0xFF)
    return first >> np.uint64(4) == 0xE if protocol is Protocol.IP4 else first == 0xFF


@dataclass
class Found:
    """The tunnels of packets.

    number   MISSING for none
    shown    what traces name: a tunnel in another table is found, and not used
    counted  where packets are counted if not there: those to a group at the group's tunnel
    """

    number: NDArray[np.int32]
    shown: NDArray[np.int32]
    counted: NDArray[np.int32] | None = None

    def pick(self, chosen: NDArray[np.bool_]) -> Found:
        """Those of some packets."""
        return Found(self.number[chosen], self.shown[chosen], None if self.counted is None else self.counted[chosen])


def by_sender(
    tunnels: UdpTunnels[Any], table: ExactTable, outer: Outer, last: NDArray[np.uint64], protocol: Protocol, *, check_table: bool = True
) -> Found:
    """Find tunnels by the sender and the last word of a key; the destination is our end, or a group that another tunnel is for.

    check_table  the tunnel's ends must be in the table that packets came in by
    """
    words = np.concatenate((outer.src, last[:, None]), axis=1)
    shown = table.find(words)
    number = shown
    if check_table:
        number = np.where((shown != MISSING) & (tunnels.fib_index.take(shown) == outer.fib_index), shown, np.int32(MISSING))
    ours = (tunnels.near[protocol].take(number, axis=0) == outer.dst).all(axis=1)
    if ours.all() or not np.count_nonzero(number != MISSING):
        return Found(number, shown)
    counted = None
    groups = ~ours & is_group(protocol, outer.dst)
    if np.count_nonzero(groups):
        of_group = table.find(np.concatenate((outer.dst, last[:, None]), axis=1))
        counted = np.where(groups, of_group, number)
        ours |= groups & (of_group != MISSING)
    return Found(np.where(ours, number, np.int32(MISSING)), shown, counted)


def deliver(
    ctx: Context, frame: Frame, tunnels: UdpTunnels[Any], found: Found, lost: NDArray[np.bool_], slots: NDArray[np.int32], *,
    always_l2: bool = False,
) -> int | NDArray[np.int32]:  # fmt: skip
    """Let the packets that are not lost come in by the interfaces of their tunnels, whose headers are off; the slots of all.

    slots      where each packet goes if it is not lost
    always_l2  the Ethernet header is looked at whatever is in the packets, as VPP does for some kinds of tunnels
    """
    n_lost = np.count_nonzero(lost)
    nexts: int | NDArray[np.int32]
    if not n_lost:
        one = common(slots)
        nexts = slots if one is None else one
        _come_in(ctx, frame, tunnels, found, slots, always_l2)
    else:
        nexts = np.where(lost, np.int32(DROP), slots)
        if n_lost < frame.n:
            good = ~lost
            _come_in(ctx, frame.pick(ctx.buffers, good), tunnels, found.pick(good), slots[good], always_l2)
    if not isinstance(nexts, int) or ctx.node.nexts[nexts].name == "ethernet-input":
        # Frames out of a tunnel did not come in by a device: ethernet-input is to look at each.
        frame.rx = None
    ctx.count(DECAPSULATED, int(frame.n - n_lost))
    return nexts


def deliver_all(ctx: Context, frame: Frame, tunnels: UdpTunnels[Any], number: int, slot: int, *, always_l2: bool = False) -> int:
    """The same for packets that are all of one tunnel and go to one next node."""
    if always_l2 or slot == L2_INPUT:
        note_l2_length(ctx, frame)
    index = int(tunnels.sw_if_index[number])
    ctx.buffers.rx_sw_if_index[frame.rows] = index
    ctx.engine.interfaces.rx.add(index, frame.n, int(np.add.reduce(_lengths(ctx, frame))))
    frame.rx = index if ctx.node.nexts[slot].name != "ethernet-input" else None
    ctx.count(DECAPSULATED, frame.n)
    return slot


def _lengths(ctx: Context, frame: Frame) -> NDArray[np.int32]:
    """How many bytes packets are counted with; those that are shorter than their headers are empty from here on."""
    buffers = ctx.buffers
    lengths = buffers.packet_length(frame.rows)
    if int(np.minimum.reduce(lengths)) < 0:
        lengths = lengths & LENGTH_MASK
        buffers.current_length[frame.rows] = np.maximum(buffers.current_length[frame.rows], 0)
    return lengths


def _come_in(ctx: Context, frame: Frame, tunnels: UdpTunnels[Any], found: Found, slots: NDArray[np.int32], always_l2: bool) -> None:
    """Note the interfaces of tunnels, and count there."""
    buffers, counter = ctx.buffers, ctx.engine.interfaces.rx
    frames = slots == L2_INPUT
    n_frames = np.count_nonzero(frames)
    if always_l2 or n_frames == frame.n:
        note_l2_length(ctx, frame)
    elif n_frames:
        note_l2_length(ctx, frame.pick(buffers, frames))
    lengths = _lengths(ctx, frame)
    received = tunnels.sw_if_index.take(found.number)
    buffers.rx_sw_if_index[frame.rows] = received
    counter.add_each(received if found.counted is None else tunnels.sw_if_index.take(found.counted), lengths)
    frame.rx = common(received)


def note_l2_length(ctx: Context, frame: Frame) -> None:
    """Note how long the Ethernet header of each packet is with its tags, and how many there are (vnet_update_l2_len).

    VPP does so whatever is in the packet, and a word of the routed packets' metadata shows it.
    """
    buffers = ctx.buffers
    rows = frame.rows
    types = buffers.load(frame, TYPE, TYPE_AT)
    tagged = np.isin(types, TAGGED) if common(types) is None else np.broadcast_to(types[0] in TAGGED, (frame.n,))
    flags = buffers.flags[rows]
    lengths: NDArray[np.int32] | int = ethernet.HEADER.itemsize
    if np.count_nonzero(tagged):
        two = tagged & (buffers.load(frame, TYPE, TYPE_AT + vlan.HEADER.itemsize) == VLAN)
        lengths = lengths + vlan.HEADER.itemsize * (tagged.astype(np.int32) + two)
        buffers.flags[rows] = flags & ~VLAN_BITS | np.where(two, TWO_TAGS, np.where(tagged, ONE_TAG, np.uint32(0)))
    elif np.bitwise_or.reduce(flags) & VLAN_BITS:
        buffers.flags[rows] = flags & ~VLAN_BITS
    buffers.l2_len[rows] = lengths
    buffers.flow_hash[rows] = buffers.flow_hash[rows] & ~L2_LENGTH_MASK | np.asarray(lengths, np.uint32)


def advance_each(ctx: Context, frame: Frame, sizes: NDArray[np.integer]) -> None:
    """Take headers off whose sizes differ."""
    one = common(sizes)
    if one is not None:
        ctx.buffers.advance(frame, one)
        return
    ctx.buffers.current_data[frame.rows] += sizes
    ctx.buffers.current_length[frame.rows] -= sizes
    frame.offset = None
