"""Punt reasons: why a node hands a packet to the host, and who wants such packets.

Counterpart of vlib/punt.c. A client allocates reasons; for each, packets go from punt-dispatch to the
node that was registered, or are dropped when there is none.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vppsh.engine.counters import CombinedCounter
from vppsh.engine.fib.types import Protocol

if TYPE_CHECKING:
    from vppsh.engine.engine import Engine

NOBODY = -1
DISPATCH = "punt-dispatch"


@dataclass
class PuntReason:
    """One reason: its number, what it is called, the protocol of its packets, who may give it, who gets the packets."""

    number: int
    name: str = ""
    protocol: Protocol | None = None
    owners: list[str] = field(default_factory=list)
    node: str | None = None

    def __str__(self) -> str:
        """`[1] ipsec4-spi-o-udp-0 flags: ip4-packet `, with VPP's blank at the end."""
        text = f"[{self.number}] {self.name}"
        return text if self.protocol is None else f"{text} flags: {self.protocol.text}-packet "


class Punts:
    """The reasons and clients of an engine.

    reasons   by number; 0 is no reason
    clients   their names
    slots     int32 by reason: the slot of punt-dispatch for its packets, NOBODY when nobody wants them
    counters  packets and bytes by reason
    """

    def __init__(self, engine: Engine) -> None:
        self._graph = engine.graph
        self.reasons = [PuntReason(0)]
        self.clients = ["ip-punt"]
        self.registrations: dict[str, list[PuntReason]] = {}
        self.slots: NDArray[np.int32] = np.full(64, NOBODY, np.int32)
        self.counters = CombinedCounter()

    def add_client(self, client: str) -> None:
        """A client that has no reasons of its own, and wants packets of others'."""
        if client not in self.clients:
            self.clients.append(client)

    def allocate(self, client: str, name: str, protocol: Protocol) -> int:
        """A new reason of a client; its number."""
        if client not in self.clients:
            self.clients.insert(len(self.clients) - 1, client)
        reason = PuntReason(len(self.reasons), name, protocol, [client])
        self.reasons.append(reason)
        self.counters.ensure(reason.number)
        if reason.number >= len(self.slots):
            self.slots = np.concatenate((self.slots, np.full_like(self.slots, NOBODY)))
        return reason.number

    def register(self, client: str, reason: PuntReason, node: str) -> bool:
        """Let a node have the packets of a reason; False when that has been said already."""
        if reason.node is not None:
            return False
        reason.node = node
        self.registrations.setdefault(client, []).append(reason)
        self.slots[reason.number] = self._graph.next_by_name(DISPATCH, node)
        return True

    def unregister(self, client: str, reason: PuntReason) -> None:
        """Drop the packets of a reason again."""
        if reason.node is not None:
            self.registrations[client].remove(reason)
        reason.node = None
        self.slots[reason.number] = NOBODY
