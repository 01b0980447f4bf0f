"""From headers to a packet: groups of edits while a stream is read, then one template for all its packets.

Counterpart of pg_edit_group_t and perform_fixed_edits in VPP's pg/stream.c. Each header is a group;
groups are laid one behind the other. Fixed edits become bytes of the template, the others are kept and
written over it for every packet, and each group's computation (lengths, checksums) comes last.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from msgspec import Struct

from vppsh.engine.pg.computed import Computation
from vppsh.engine.pg.edit import Edit, EditKind, Field, put

MAX_PACKET_BYTES = 65535


@dataclass(slots=True)
class Group:
    """One header: its edits, its length in bytes, and what is computed once the packet is there."""

    edits: list[Edit]
    n_bytes: int
    computation: Computation | None = None

    def fixed(self) -> tuple[bytearray, bytearray]:
        """The header's fixed bits and the mask that says which these are."""
        length = max((edit.field.lsb // 8 + 1 for edit in self.edits), default=0)
        data, mask = bytearray(length), bytearray(length)
        for edit in self.edits:
            if edit.kind is EditKind.FIXED:
                put(edit, data, mask)
        return data, mask


class Range(Struct, frozen=True):
    """A field that changes from packet to packet: ascending and starting over, or random."""

    field: Field
    kind: EditKind
    low: int
    high: int


class HeaderPlace(Struct, frozen=True):
    """A header in the packet: its length, where it begins, and VPP's name for what is computed in it."""

    n_bytes: int
    at: int
    edit_function: str = ""


class Template(Struct, frozen=True):
    """What all packets of a stream have in common.

    data          the packet with every changing field zero
    ranges        the changing fields, in the order in which they are written
    computations  lengths and checksums to fill in, in the order in which that happens
    headers       the headers and the payload
    """

    data: bytes
    ranges: tuple[Range, ...]
    computations: tuple[Computation, ...]
    headers: tuple[HeaderPlace, ...]

    @property
    def header_bytes(self) -> int:
        """The length that the headers and the payload ask for."""
        return sum(header.n_bytes for header in self.headers)


@dataclass(slots=True)
class Draft:
    """The packet data of a stream while it is read.

    min_size, max_size  packet lengths the stream was given; the payload fills up to the larger
    """

    min_size: int
    max_size: int
    groups: list[Group] = field(default_factory=list)

    def begin(self, n_bytes: int, *edits: Edit) -> Group:
        """Append a header."""
        group = Group(list(edits), n_bytes)
        self.groups.append(group)
        return group

    def drop(self) -> None:
        """Take back the last header: it did not parse."""
        self.groups.pop()

    def n_bytes(self, since: Group | None = None) -> int:
        """The length of all headers, or of one and those behind it."""
        first = 0 if since is None else self.index(since)
        return sum(group.n_bytes for group in self.groups[first:])

    def index(self, wanted: Group) -> int:
        """The place of a header in the packet."""
        return next(index for index, group in enumerate(self.groups) if group is wanted)

    def template(self) -> Template:
        """Lay the headers out."""
        data = bytearray()
        starts, ranges = [], []
        for group in self.groups:
            start = len(data)
            starts.append(start)
            ranges += [
                Range(edit.field.moved(start), edit.kind, edit.low_value, edit.high_value)
                for edit in group.edits
                if edit.kind in (EditKind.INCREMENT, EditKind.RANDOM)
            ]
            data += group.fixed()[0]
        computations = [
            group.computation.placed(starts[index], starts[index - 1] if index else starts[index])
            for index, group in reversed(list(enumerate(self.groups)))
            if group.computation is not None
        ]
        headers = [
            HeaderPlace(group.n_bytes, start, group.computation.edit_function if group.computation else "")
            for group, start in zip(self.groups, starts, strict=True)
        ]
        return Template(bytes(data), tuple(ranges), tuple(computations), tuple(headers))
