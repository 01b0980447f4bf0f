"""IPv4: `PROTOCOL: SRC -> DST [tos N] [ttl N] [fragment id N offset N] [df] [mf] [ce] ...` (VPP: vnet/ip/ip4_pg.c).

`PROTOCOL:` alone leaves the addresses zero. The length is that of the packet when all packets have one size.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from vppsh.engine.pg.computed import Computation, Lengths, Packets, inverted, store, words
from vppsh.engine.pg.edit import Edit, EditKind, bit_field, encode, whole
from vppsh.engine.pg.headers.fields import ip4_address, number, option, protocol, read_edit
from vppsh.engine.pg.headers.lookup import Header, attempt, index
from vppsh.engine.pg.headers.payload import read_payload
from vppsh.engine.pg.layout import Draft
from vppsh.engine.wire import ethertype
from vppsh.grammar.reader import Reader

HEADER_BYTES = 20
LENGTH_AT = 2
CHECKSUM_AT = 10
ALL_BUT_CHECKSUM = b"\xff" * CHECKSUM_AT + bytes(2) + b"\xff" * (HEADER_BYTES - CHECKSUM_AT - 2)


@dataclass(frozen=True, slots=True)
class Ip4Fields(Computation):
    """Total length and header checksum."""

    edit_function = "ip4_pg_edit_function"

    length: bool = True
    checksum: bool = True

    @property
    def checksum_at(self) -> int | None:
        """See Computation."""
        return self.at + CHECKSUM_AT if self.checksum else None

    def apply(self, packets: Packets, lengths: Lengths) -> None:
        """See Computation."""
        if self.length:
            store(packets, self.at + LENGTH_AT, lengths - self.at)
        if self.checksum:
            store(packets, self.at + CHECKSUM_AT, 0)
            store(packets, self.at + CHECKSUM_AT, inverted(words(packets, self.at, HEADER_BYTES)))


class _Fields:
    """The edits of an IPv4 header, with VPP's defaults."""

    def __init__(self) -> None:
        self.version, self.header_length = Edit(bit_field(0, 1, 4, 4)), Edit(bit_field(0, 1, 0, 4))
        self.tos, self.length = Edit(whole(1, 1)), Edit(whole(LENGTH_AT, 2))
        self.fragment_id, self.fragment_offset = Edit(whole(4, 2)), Edit(bit_field(6, 2, 0, 13))
        self.flags = {name: Edit(bit_field(6, 2, bit, 1)) for bit, name in ((13, "mf"), (14, "df"), (15, "ce"))}
        self.ttl, self.protocol, self.checksum = Edit(whole(8, 1)), Edit(whole(9, 1)), Edit(whole(CHECKSUM_AT, 2))
        self.source, self.destination = Edit(whole(12, 4)), Edit(whole(16, 4))
        self.version.fix(4)
        self.header_length.fix(HEADER_BYTES // 4)
        self.ttl.fix(64)
        for edit in (self.tos, self.fragment_id, self.fragment_offset, *self.flags.values()):
            edit.fix(0)

    def __iter__(self) -> Iterator[Edit]:
        return iter((
            self.version, self.header_length, self.tos, self.length, self.fragment_id, self.fragment_offset,
            *self.flags.values(), self.ttl, self.protocol, self.checksum, self.source, self.destination,
        ))  # fmt: skip


def read_ip4(reader: Reader, draft: Draft) -> bool:
    """An IPv4 header and what follows it."""
    fields = _Fields()
    group = draft.begin(HEADER_BYTES, *fields)
    if not (_read_addresses(reader, fields) or _read_protocol(reader, fields)):
        draft.drop()
        return False
    while _read_option(reader, fields):
        pass
    following = index().ip_protocol.get(fields.protocol.low_value) if fields.protocol.kind is EditKind.FIXED else None
    if not (attempt(following, reader, draft) or attempt(read_payload, reader, draft)):
        draft.drop()
        return False
    if fields.length.kind is EditKind.UNSPECIFIED and draft.min_size == draft.max_size and draft.groups[-1] is not group:
        fields.length.fix(draft.n_bytes(group))
    if fields.checksum.kind is EditKind.UNSPECIFIED:
        data, mask = group.fixed()
        if mask == ALL_BUT_CHECKSUM:
            fields.checksum.fix(int(inverted(words(np.frombuffer(bytes(data), np.uint8)[None, :], 0, HEADER_BYTES))[0]))
    open_length, open_checksum = (edit.kind is EditKind.UNSPECIFIED for edit in (fields.length, fields.checksum))
    if open_length or open_checksum:
        group.computation = Ip4Fields(length=open_length, checksum=open_checksum)
    return True


def _read_addresses(reader: Reader, fields: _Fields) -> bool:
    start = reader.pos
    if (
        read_edit(reader, fields.protocol, protocol)
        and reader.word(":")
        and read_edit(reader, fields.source, ip4_address)
        and reader.word("->")
        and read_edit(reader, fields.destination, ip4_address)
    ):
        return True
    reader.pos = start
    return False


def _read_protocol(reader: Reader, fields: _Fields) -> bool:
    start = reader.pos
    if read_edit(reader, fields.protocol, protocol) and reader.word(":"):
        return True
    reader.pos = start
    return False


def _read_option(reader: Reader, fields: _Fields) -> bool:
    for name, edit in (
        ("version", fields.version), ("header-length", fields.header_length), ("tos", fields.tos), ("length", fields.length),
        ("checksum", fields.checksum), ("ttl", fields.ttl),
    ):  # fmt: skip
        if option(reader, name, edit):
            return True
    if _read_fragment(reader, fields):
        return True
    for name, edit in fields.flags.items():
        if reader.word(name) or reader.word(name.upper()):
            edit.fix(1)
            return True
    return False


def _read_fragment(reader: Reader, fields: _Fields) -> bool:
    """`fragment id N offset N`, the offset in bytes."""
    start = reader.pos
    offset = fields.fragment_offset
    if reader.word("fragment id") and read_edit(reader, fields.fragment_id, number) and option(reader, "offset", offset):
        offset.low = encode(offset.field, offset.low_value // 8)
        offset.high = encode(offset.field, offset.high_value // 8)
        return True
    reader.pos = start
    return False


HEADERS = (
    Header(
        read_ip4, nodes=("ip4-input", "ip4-input-no-checksum", "ip4-lookup"), ethertypes=(ethertype.IP4,), gre_protocols=(ethertype.IP4,)
    ),
)
