"""arp-reply: answers requests for our addresses, learns from answers and from those we answer (vnet/arp/arp.c).

A sender must be on the link of the interface that the message came by. Requests for addresses of others
go on along the arc: a proxy may answer them.
"""

from __future__ import annotations

import enum

import numpy as np

from vppsh.engine.context import Context, Nexts
from vppsh.engine.features.arp.errors import (
    ARP_ERRORS,
    GRATUITOUS_ARP,
    L2_ADDRESS_MISMATCH,
    L3_DST_ADDRESS_NOT_LOCAL,
    L3_SRC_ADDRESS_IS_LOCAL,
    L3_SRC_ADDRESS_LEARNED,
    L3_SRC_ADDRESS_NOT_LOCAL,
    REPLIES_SENT,
    UNNUMBERED_MISMATCH,
)  # fmt: skip
from vppsh.engine.features.arp.message import ArpMessage, ethernet_source, format_arp_trace, make_reply, read_message, trace_arp
from vppsh.engine.fib.entry import Entry
from vppsh.engine.fib.fib import Fib
from vppsh.engine.fib.tables import FibTable
from vppsh.engine.fib.types import NO_INTERFACE, EntryFlag, Prefix, Protocol, Source, SourceFlag
from vppsh.engine.frame import Frame
from vppsh.engine.neighbor_counters import Direction, Message, NeighborCounters
from vppsh.engine.neighbors import Neighbors
from vppsh.registry import node

DROP, REPLY = range(2)
HOST = 32
VRRP_MAC = bytes((0x00, 0x00, 0x5E, 0x00, 0x01))
ON_LINK = EntryFlag.ATTACHED | EntryFlag.CONNECTED


class Verdict(enum.Enum):
    """What becomes of a message."""

    DROP = "drop"
    NEXT_FEATURE = "next feature"
    REPLY = "reply"


class Destination(enum.Enum):
    """What the FIB knows of the address that a message asks for."""

    NONE = "not on a link of ours"
    NEIGHBOR = "a neighbour"
    CONNECTED = "in a connected prefix"


def _added_flags(entry: Entry) -> list[int]:
    """The flags of each source of an entry, best first."""
    return [known.flags for known in entry.sources if known.state & SourceFlag.ADDED]


def _any_resolving_interface(entry: Entry) -> int:
    """The interface of the best source that names one."""
    for known in entry.sources:
        if known.state & SourceFlag.ADDED and known.path_list is not None:
            interface = known.path_list.resolving_interface()
            if interface != NO_INTERFACE:
                return interface
    return NO_INTERFACE


def _find_sender(table: FibTable, sender: int) -> tuple[Entry, int]:
    """The entry that puts a sender on a link (or the default route), and why it is refused if it is.

    A more specific route to the sender tells how we reach it, not whether it may ask us: so the less
    specific entries are looked at too.
    """
    length = HOST
    while True:
        entry = table.lookup(Prefix(Protocol.IP4, sender, length))
        for flags in _added_flags(entry):
            if flags & EntryFlag.LOCAL:
                return entry, L3_SRC_ADDRESS_IS_LOCAL
            if flags & ON_LINK:
                return entry, REPLIES_SENT
        if entry.find(Source.DEFAULT_ROUTE) is not None:
            return entry, L3_SRC_ADDRESS_NOT_LOCAL
        length = entry.prefix.length - 1


def _look_at(entry: Entry) -> tuple[Destination, int]:
    """What an entry says of a destination, with the flags of the source that says it."""
    for flags in _added_flags(entry):
        if entry.find(Source.ADJACENCY) is not None:
            return Destination.NEIGHBOR, flags
        if flags & EntryFlag.CONNECTED:
            return Destination.CONNECTED, flags
    return Destination.NONE, 0


class Responder:
    """Decides, message by message."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._fib = ctx.get(Fib)
        self._neighbors = ctx.get(Neighbors)
        self._counters = ctx.get(NeighborCounters)

    def handle(self, index: int) -> tuple[Verdict, int]:
        """What becomes of the message in a buffer, and the error to drop it with."""
        buffers, fib = self._ctx.buffers, self._fib
        sw_if_index = int(buffers.rx_sw_if_index[index])
        message = read_message(buffers, index)
        table = fib.table_of(Protocol.IP4, sw_if_index)
        target = table.lookup(Prefix(Protocol.IP4, message.target, HOST))
        connected = _any_resolving_interface(target)
        borrowed = fib.unnumbered_lender(sw_if_index) == connected != sw_if_index
        origin, error = _find_sender(table, message.sender)
        if error == L3_SRC_ADDRESS_IS_LOCAL:
            # The host behind a tap may use our own address: a proxy can still answer it.
            return Verdict.NEXT_FEATURE, error
        if error and not borrowed:
            return Verdict.DROP, error
        destination, flags = _look_at(target)
        if destination is Destination.NONE:
            return Verdict.NEXT_FEATURE, L3_DST_ADDRESS_NOT_LOCAL
        if destination is Destination.NEIGHBOR:
            return Verdict.NEXT_FEATURE, self._announced(message, sw_if_index, connected)
        forged = ethernet_source(buffers, index) != message.sender_mac
        if forged and not (message.is_reply and message.sender_mac.startswith(VRRP_MAC)):
            return Verdict.DROP, L2_ADDRESS_MISMATCH
        self._count(Direction.RX, Message.REPLY if message.is_reply else Message.REQUEST, sw_if_index)
        ours = bool(flags & EntryFlag.LOCAL)
        if message.is_reply:
            return Verdict.NEXT_FEATURE, self._learn(message, sw_if_index) if ours else L3_DST_ADDRESS_NOT_LOCAL
        if message.is_request and not ours:
            return Verdict.NEXT_FEATURE, REPLIES_SENT
        if not borrowed and not sw_if_index == connected == origin.resolving_interface():
            return Verdict.DROP, UNNUMBERED_MISMATCH
        if message.sender == message.target:
            return Verdict.DROP, GRATUITOUS_ARP
        make_reply(self._ctx, index, target.prefix.address)
        self._learn(message, sw_if_index)
        self._count(Direction.TX, Message.REPLY, sw_if_index)
        return Verdict.REPLY, REPLIES_SENT

    def _announced(self, message: ArpMessage, sw_if_index: int, connected: int) -> int:
        """A message for a neighbour: only its own announcements are of interest."""
        if connected != sw_if_index:
            return L3_DST_ADDRESS_NOT_LOCAL
        if message.sender != message.target:
            return REPLIES_SENT
        self._count(Direction.RX, Message.GRATUITOUS, sw_if_index)
        return self._learn(message, sw_if_index)

    def _learn(self, message: ArpMessage, sw_if_index: int) -> int:
        self._neighbors.learn(Protocol.IP4, sw_if_index, message.sender, message.sender_mac)
        return L3_SRC_ADDRESS_LEARNED

    def _count(self, direction: Direction, message: Message, sw_if_index: int) -> None:
        self._counters.count(Protocol.IP4, direction, message, sw_if_index)


@node("arp-reply", nexts=("error-drop", "interface-output"), errors=ARP_ERRORS, trace=format_arp_trace)
def arp_reply(ctx: Context, frame: Frame) -> Nexts:
    """Answer, learn, or pass on."""
    buffers = ctx.buffers
    trace_arp(ctx, frame)
    responder = Responder(ctx)
    along = ctx.engine.arcs.next(ctx, frame)
    nexts = np.full(frame.n, DROP)
    following = np.broadcast_to(along, (frame.n,))
    replies = 0
    for position, index in enumerate(frame.indices(buffers).tolist()):
        verdict, error = responder.handle(index)
        if verdict is Verdict.REPLY:
            nexts[position] = REPLY
            replies += 1
            continue
        buffers.error[index] = ctx.error_base + error
        if verdict is Verdict.NEXT_FEATURE:
            nexts[position] = following[position]
    if replies:
        ctx.count(REPLIES_SENT, replies)
        frame.offset = None
    return nexts
