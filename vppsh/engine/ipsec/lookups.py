"""By which association of which protected tunnel a packet comes in: by its source and SPI.

VPP counterpart: the hashes tun4_protect_by_key and tun6_protect_by_key of vnet/ipsec/ipsec_tun.c.
"""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from vppsh.engine.crc32c import crc32c
from vppsh.engine.exact_table import ExactTable, Key, Words
from vppsh.engine.fib.rows import Rows
from vppsh.engine.fib.types import Protocol
from vppsh.engine.wire import ip6

BUCKETS = 1 << 16
SPI_BITS = np.uint64(32)


class Peer(Struct, frozen=True):
    """Where packets come from, and the SPI that they carry."""

    family: Protocol
    address: int
    spi: int

    @property
    def words(self) -> Key:
        """As words of the table of its family."""
        if self.family is Protocol.IP4:
            return (self.address << 32 | self.spi,)
        return (*ip6.to_halves(self.address), self.spi)

    @property
    def bucket(self) -> int:
        """Where VPP's hash has it: that orders listings."""
        spi = self.spi.to_bytes(4, "big")
        if self.family is Protocol.IP4:
            return crc32c(spi + self.address.to_bytes(4, "big")) % BUCKETS
        return crc32c(self.address.to_bytes(16, "big") + spi + bytes(4)) % BUCKETS


class InputLookups(Rows):
    """What packets find.

    tunnel       index of the protection
    sa           index of the association
    sw_if_index  the tunnel's interface
    encaped      whether the association encapsulates on its own: packets are then counted when they come out of the tunnel
    """

    tunnel: NDArray[np.int32]
    sa: NDArray[np.int32]
    sw_if_index: NDArray[np.int32]
    encaped: NDArray[np.bool_]

    def __init__(self) -> None:
        super().__init__({"tunnel": ("i4", -1), "sa": ("i4", -1), "sw_if_index": ("i4", -1), "encaped": ("?", 0)})
        self._tables = {Protocol.IP4: ExactTable(1), Protocol.IP6: ExactTable(3)}
        self._rows: dict[Peer, int] = {}

    def set(self, peer: Peer, tunnel: int, sa: int, sw_if_index: int, encaped: bool) -> None:
        """Let packets of a peer come in; what they found before is replaced."""
        row = self._rows.get(peer)
        if row is None:
            row = self._rows[peer] = self._allocate()
            self._tables[peer.family].set(peer.words, row)
        self.tunnel[row], self.sa[row], self.sw_if_index[row], self.encaped[row] = tunnel, sa, sw_if_index, encaped

    def remove(self, peer: Peer) -> bool:
        """Packets of a peer no longer come in; False if they did not before."""
        row = self._rows.pop(peer, None)
        if row is None:
            return False
        self._tables[peer.family].remove(peer.words)
        self._release(row)
        return True

    def find(self, family: Protocol, sources: Words, spis: NDArray[np.integer]) -> NDArray[np.int32]:
        """The row of each packet, MISSING for none; sources are (n,) IPv4 addresses, or (n, 2) halves of IPv6 addresses."""
        spi = spis.astype(np.uint64)
        if family is Protocol.IP4:
            return self._tables[family].find((sources << SPI_BITS | spi)[:, None])
        return self._tables[family].find(np.column_stack((sources, spi)))

    def listed(self, family: Protocol) -> list[tuple[Peer, int]]:
        """Peers of a family and their rows, as VPP's hash has them."""
        return sorted(((peer, row) for peer, row in self._rows.items() if peer.family is family), key=lambda each: each[0].bucket)
