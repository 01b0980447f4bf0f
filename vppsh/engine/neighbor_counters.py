"""How many ARP and ND messages an interface has received and sent, for `show ip neighbor-stats`."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from vppsh.engine.counters import SimpleCounter
from vppsh.engine.fib.types import Protocol
from vppsh.engine.interfaces import Change, Interface, Interfaces

if TYPE_CHECKING:
    from vppsh.engine.engine import Engine


class Direction(enum.Enum):
    """Seen from the interface."""

    RX = "rx"
    TX = "tx"


class Message(enum.Enum):
    """What a message does; the order is that of the listing."""

    REPLY = "reply"
    REQUEST = "request"
    GRATUITOUS = "gratuitous"


class NeighborCounters:
    """A counter per sw_if_index for every kind of message, of ARP (IP4) and of ND (IP6)."""

    def __init__(self, engine: Engine) -> None:
        self._counters = {
            (protocol, direction, message): SimpleCounter()
            for protocol in (Protocol.IP4, Protocol.IP6)
            for direction in Direction
            for message in Message
        }
        engine.get(Interfaces).subscribe(self._interface_changed)

    def count(self, protocol: Protocol, direction: Direction, message: Message, sw_if_index: int) -> None:
        """One message more."""
        self._counters[protocol, direction, message].add(sw_if_index)

    def value(self, protocol: Protocol, direction: Direction, message: Message, sw_if_index: int) -> int:
        """How many messages there were."""
        return int(self._counters[protocol, direction, message].value[sw_if_index])

    def _interface_changed(self, change: Change, interface: Interface) -> None:
        if change is Change.ADDED:
            for counter in self._counters.values():
                counter.ensure(interface.sw_if_index)
                counter.clear(interface.sw_if_index)
