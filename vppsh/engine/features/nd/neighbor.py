"""icmp6-neighbor-solicitation and icmp6-neighbor-advertisement: answers for our addresses, learns those of others.

Counterpart of vnet/ip6-nd/ip6_nd.c. A solicitation becomes its answer in place, the Ethernet header that it
came with included. Whoever asks from an address of the link, or tells, is a neighbour from then on.
"""

from __future__ import annotations

import numpy as np
from msgspec import Struct

from vppsh.engine.adjacency import Adjacencies
from vppsh.engine.buffers import HEADROOM, BufferFlag, BufferPool
from vppsh.engine.context import Context, Nexts
from vppsh.engine.features.icmp6.errors import (
    NEIGHBOR_ADVERTISEMENTS_RX,
    NEIGHBOR_ADVERTISEMENTS_TX,
    NEIGHBOR_SOLICITATION_SOURCE_NOT_ON_LINK,
    NEIGHBOR_SOLICITATION_SOURCE_UNKNOWN,
    NONE,
)  # fmt: skip
from vppsh.engine.features.ip6.trace import format_input_trace, trace_input
from vppsh.engine.features.nd.dad import DuplicateDetection
from vppsh.engine.features.nd.message import ALL_NODES, HOP_LIMIT, ip6_packet
from vppsh.engine.features.nd.router import Routers
from vppsh.engine.fib.dpo import ADJACENCY_TYPES
from vppsh.engine.fib.entry import Entry
from vppsh.engine.fib.fib import Fib
from vppsh.engine.fib.types import EntryFlag, Prefix, Protocol, Source
from vppsh.engine.frame import Frame
from vppsh.engine.interfaces import LOCAL0
from vppsh.engine.link_local import NO_TABLE, LinkLocalTables, is_link_local
from vppsh.engine.neighbor_counters import Direction, Message, NeighborCounters
from vppsh.engine.neighbors import Neighbors
from vppsh.engine.wire import icmp6, ip6
from vppsh.engine.wire.ip6 import to_halves
from vppsh.registry import demux, node

TO_DROP, REPLY = range(2)
PUNT = 0
NEXTS = ("ip6-drop", "interface-output")
MAC_BYTES = 6
OPTION_BYTES = 8
NO_ADJACENCY = -1

SOLICITATION = demux("ip6-icmp-input", icmp6.NEIGHBOR_SOLICITATION, "icmp6-neighbor-solicitation")
ADVERTISEMENT = demux("ip6-icmp-input", icmp6.NEIGHBOR_ADVERTISEMENT, "icmp6-neighbor-advertisement")


class NeighborMessage(Struct, frozen=True):
    """The fields of a message that decide what becomes of it; `mac` is that of its link-layer address option."""

    source: int
    target: int
    mac: bytes | None
    payload: bytes


def read_message(buffers: BufferPool, index: int, option: int, length: int = icmp6.NEIGHBOR.itemsize) -> NeighborMessage:
    """The message at a buffer's current data, `length` bytes long; an option counts when it is the only one."""
    header = buffers.peek(index, ip6.HEADER.itemsize)
    payload = buffers.peek(index, int.from_bytes(header[4:6], "big"), len(header))
    source, target = int.from_bytes(header[8:24], "big"), int.from_bytes(payload[8:24], "big")
    options = payload[length:]
    known = len(options) == OPTION_BYTES and options[:2] == bytes((option, 1))
    return NeighborMessage(source, target, options[2:] if known else None, payload)


def turn_back(buffers: BufferPool, index: int, mac: bytes | None) -> None:
    """Let the link-layer header that a message came with lead its answer back, from `mac`; nothing if it came without one."""
    length = int(buffers.current_data[index]) - int(buffers.l2_hdr_offset[index])
    if length < 2 * MAC_BYTES or not buffers.flags[index] & BufferFlag.L2_HDR_OFFSET_VALID:
        return
    buffers.current_data[index] -= length
    buffers.current_length[index] += length
    start = HEADROOM + int(buffers.current_data[index])
    header = buffers.data[index, start : start + 2 * MAC_BYTES]
    header[:MAC_BYTES] = header[MAC_BYTES:].copy()
    if mac is not None:
        header[MAC_BYTES:] = np.frombuffer(mac, np.uint8)


class NeighborDiscovery:
    """What the engine makes of neighbours' messages."""

    def __init__(self, ctx: Context) -> None:
        self._engine = ctx.engine
        self.buffers = ctx.buffers
        self._fib = ctx.get(Fib)
        self._adjacencies = ctx.get(Adjacencies)
        self._link_local = ctx.get(LinkLocalTables)
        self._neighbors = ctx.get(Neighbors)
        self._routers = ctx.get(Routers)
        self._dad = ctx.get(DuplicateDetection)
        self.counters = ctx.get(NeighborCounters)

    def check_source(self, index: int, message: NeighborMessage) -> int:
        """A message comes from nobody, from a link-local address, or from one on the link that it came by."""
        if not message.source or is_link_local(message.source):
            return NONE
        interface = int(self.buffers.rx_sw_if_index[index])
        found = self._source_adjacency(index, interface, message.source)
        on_link = found != NO_ADJACENCY and int(self._adjacencies.sw_if_index[found]) == interface
        return NONE if on_link else NEIGHBOR_SOLICITATION_SOURCE_NOT_ON_LINK

    def learn(self, index: int, message: NeighborMessage, address: int) -> None:
        """Note where an address is, if the message says so."""
        if message.mac is not None and message.source:
            self._neighbors.learn(Protocol.IP6, int(self.buffers.rx_sw_if_index[index]), address, message.mac)

    def conflict(self, index: int, message: NeighborMessage) -> None:
        """Somebody else uses an address, which may be one of ours that is on trial."""
        self._dad.conflict(int(self.buffers.rx_sw_if_index[index]), message.target)

    def find_entry(self, sw_if_index: int, address: int) -> Entry | None:
        """What the FIB knows of just that address on a link."""
        table = self._link_local.index_of(sw_if_index) if is_link_local(address) else self._fib.ip6.index_of_interface(sw_if_index)
        return None if table == NO_TABLE else self._fib.ip6[table].find(Prefix(Protocol.IP6, address, Protocol.IP6.bits))

    def is_ours(self, sw_if_index: int, target: int) -> bool:
        """Whether an address is to be answered for on a link."""
        entry = self.find_entry(sw_if_index, target)
        if entry is None:
            return False
        own = (entry.find(Source.INTERFACE), entry.find(Source.IP6_ND))
        return any(known is not None and known.flags & EntryFlag.LOCAL for known in own) or entry.find(Source.IP6_ND_PROXY) is not None

    def make_advertisement(self, index: int, message: NeighborMessage) -> None:
        """Turn a solicitation into its answer."""
        buffers = self.buffers
        sw_if_index = int(buffers.rx_sw_if_index[index])
        interface = self._engine.interfaces[sw_if_index]
        ethernet = interface.hardware.hardware_class.ethernet
        router = self._routers.find(sw_if_index)
        flags = icmp6.FLAG_SOLICITED | icmp6.FLAG_OVERRIDE | (icmp6.FLAG_ROUTER if router is not None and router.sending else 0)
        answer = bytes((icmp6.NEIGHBOR_ADVERTISEMENT,)) + message.payload[1:2] + bytes(2) + flags.to_bytes(4, "big") + message.payload[8:]
        if ethernet and message.mac is not None:
            start = icmp6.NEIGHBOR.itemsize
            answer = answer[:start] + bytes((icmp6.TARGET_LINK_LAYER_ADDRESS,)) + answer[start + 1 : start + 2] + interface.mac
        packet = ip6_packet(message.target, message.source or ALL_NODES, HOP_LIMIT, answer)
        start = HEADROOM + int(buffers.current_data[index])
        kept = buffers.data[index, start : start + 4].tobytes()
        buffers.data[index, start : start + len(packet)] = np.frombuffer(kept + packet[4:], np.uint8)
        # The Ethernet header that it came with serves again, tags included.
        turn_back(buffers, index, interface.mac if ethernet else None)
        buffers.tx_sw_if_index[index], buffers.rx_sw_if_index[index] = sw_if_index, LOCAL0
        self.counters.count(Protocol.IP6, Direction.TX, Message.REPLY, sw_if_index)

    def _source_adjacency(self, index: int, interface: int, source: int) -> int:
        """The adjacency that leads to the sender, noted in the buffer (ip6_src_lookup_for_packet)."""
        known = int(self.buffers.adj_index_rx[index])
        if known != NO_ADJACENCY:
            return self._adjacencies.known(known)
        balances = self._fib.load_balances
        found = int(self._fib.ip6.lookup6(self._fib.ip6.index_of_interface(interface), np.array([to_halves(source)], np.uint64))[0])
        dpo = balances.buckets(found)[0]
        if dpo.type in ADJACENCY_TYPES:
            self.buffers.adj_index_rx[index] = dpo.index
            return dpo.index
        return NO_ADJACENCY


@node("icmp6-neighbor-solicitation", nexts=NEXTS, errors_of="ip6-icmp-input", trace=format_input_trace)
def icmp6_neighbor_solicitation(ctx: Context, frame: Frame) -> Nexts:
    """Answer those who ask for our addresses."""
    buffers, discovery = ctx.buffers, NeighborDiscovery(ctx)
    if frame.traced:
        trace_input(ctx, frame)
    nexts = np.full(frame.n, TO_DROP)
    for position, index in enumerate(frame.indices(buffers).tolist()):
        message = read_message(buffers, index, icmp6.SOURCE_LINK_LAYER_ADDRESS)
        sw_if_index = int(buffers.rx_sw_if_index[index])
        error = discovery.check_source(index, message)
        if error == NONE:
            discovery.learn(index, message, message.source)
        if message.source:
            # Whoever asks from nowhere is about to use the address itself; who has an address is not.
            discovery.conflict(index, message)
        if error == NONE and not discovery.is_ours(sw_if_index, message.target):
            error = NEIGHBOR_SOLICITATION_SOURCE_UNKNOWN
        discovery.counters.count(Protocol.IP6, Direction.RX, Message.REQUEST, sw_if_index)
        if error == NONE:
            discovery.make_advertisement(index, message)
            nexts[position] = REPLY
        buffers.error[index] = ctx.error_base + error
    answered = int(np.count_nonzero(nexts == REPLY))
    if answered:
        ctx.count(NEIGHBOR_ADVERTISEMENTS_TX, answered)
        frame.offset = frame.rx = None
    return nexts


@node("icmp6-neighbor-advertisement", nexts=("ip6-punt",), errors_of="ip6-icmp-input", trace=format_input_trace)
def icmp6_neighbor_advertisement(ctx: Context, frame: Frame) -> Nexts:
    """Learn from those who tell where they are; the host may want to know, too."""
    buffers, discovery = ctx.buffers, NeighborDiscovery(ctx)
    if frame.traced:
        trace_input(ctx, frame)
    for index in frame.indices(buffers).tolist():
        message = read_message(buffers, index, icmp6.TARGET_LINK_LAYER_ADDRESS)
        error = discovery.check_source(index, message)
        if error == NONE:
            discovery.learn(index, message, message.target)
            error = NEIGHBOR_ADVERTISEMENTS_RX
        discovery.conflict(index, message)
        discovery.counters.count(Protocol.IP6, Direction.RX, Message.REPLY, int(buffers.rx_sw_if_index[index]))
        buffers.error[index] = ctx.error_base + error
    return PUNT
