"""The fragments of one packet that is being put together, and which octets each of them is used for.

Counterpart of the range lists of vnet/ip/reass. Where IPv4 fragments overlap, that which begins first is used,
and one that lies within another is not used at all, whichever came first.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass, field

from .table import Waiting

NONE = 0xFFFFFFFF


@dataclass(slots=True)
class Piece:
    """A fragment: where it lies, which octets of the payload it has, and which of them are used.

    index   of its first buffer
    header  how many bytes there are in front of its payload
    """

    index: int
    header: int
    first: int
    last: int
    range_first: int = field(init=False)
    range_last: int = field(init=False)

    def __post_init__(self) -> None:
        self.range_first, self.range_last = self.first, self.last

    @property
    def offset(self) -> int:
        """How many octets at the beginning are not used."""
        return self.range_first - self.first

    @property
    def length(self) -> int:
        """How many octets are used."""
        return self.range_last - self.range_first + 1


class Action(enum.Enum):
    """What happens to a fragment."""

    NEW = "new"
    SHRINK = "shrink"
    DISCARD = "discard"
    OVERLAP = "overlapping/ignored"
    REFUSE = "overlap"
    TIMEOUT = "icmp-error - reassembly time exceeded"
    FINALIZE = "finalize reassembly"
    PASS = "passthrough - not a fragment"


Note = Callable[[Action, Piece], None]


@dataclass(slots=True, eq=False)
class Assembly(Waiting):
    """One packet.

    pieces      the fragments so far, in order
    last_octet  of the payload, known once the last fragment is there
    fragments   how many were used
    """

    pieces: list[Piece] = field(default_factory=list)
    last_octet: int = NONE
    fragments: int = 0

    @property
    def buffers(self) -> list[int]:
        """Where the fragments lie."""
        return [piece.index for piece in self.pieces]

    @property
    def data_length(self) -> int:
        """How many octets there are."""
        return sum(piece.length for piece in self.pieces)

    @property
    def is_complete(self) -> bool:
        """Whether nothing is missing."""
        return self.last_octet != NONE and self.data_length == self.last_octet + 1

    @property
    def first_index(self) -> int:
        """The buffer of the first fragment."""
        return self.pieces[0].index if self.pieces else NONE

    def insert(self, piece: Piece, note: Note, discard: Callable[[Piece], None]) -> bool:
        """Add a fragment; whether it is of any use. Those that are not needed any more are discarded."""
        place = 0
        while place < len(self.pieces):
            other = self.pieces[place]
            if piece.first > other.range_last:
                place += 1
                continue
            if piece.last < other.range_first:
                break
            if other.range_first <= piece.first and piece.last <= other.range_last:
                note(Action.OVERLAP, piece)
                return False
            if piece.first < other.range_first:
                overlap = piece.last - other.range_first + 1
                if overlap < other.length:
                    other.range_first += overlap
                    note(Action.SHRINK, other)
                    break
            else:
                overlap = other.range_last - piece.first + 1
                if overlap < other.length:
                    piece.range_first += overlap
                    place += 1
                    continue
            del self.pieces[place]
            note(Action.DISCARD, other)
            discard(other)
        self.pieces.insert(place, piece)
        self.fragments += 1
        note(Action.NEW, piece)
        return True
