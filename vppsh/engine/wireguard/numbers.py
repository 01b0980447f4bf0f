"""The numbers by which messages name the session or handshake that they belong to (VPP's wireguard_index_table.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vppsh.engine.wireguard.peer import Peer

if TYPE_CHECKING:
    from vppsh.engine.engine import Engine


class SessionNumbers:
    """Numbers in use, with the peer of each."""

    def __init__(self, engine: Engine) -> None:
        self._random = engine.random
        self._peers: dict[int, Peer] = {}

    def new(self, peer: Peer) -> int:
        """A number for a peer, at random; never 0."""
        while True:
            number = int(self._random.integers(1, 1 << 32))
            if number not in self._peers:
                self._peers[number] = peer
                return number

    def find(self, number: int) -> Peer | None:
        """The peer of a number."""
        return self._peers.get(number)

    def forget(self, number: int) -> None:
        """A number is used no longer."""
        self._peers.pop(number, None)
