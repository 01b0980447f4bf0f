"""ICMP and ICMPv6: `ICMP TYPE [checksum N]` or `ICMP CODE ...` by their names (VPP: vnet/ip/icmp4.c, icmp6.c)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from msgspec import Struct

from vppsh.engine.pg.computed import IP4_LENGTH_AT, Computation, Lengths, Packets, covered_sum, inverted, load, said_length, store, words
from vppsh.engine.pg.edit import Edit, EditKind, whole
from vppsh.engine.pg.headers.fields import named, option
from vppsh.engine.pg.headers.ip6 import HEADER_BYTES as IP6_HEADER_BYTES
from vppsh.engine.pg.headers.ip6 import LENGTH_AT as IP6_LENGTH_AT
from vppsh.engine.pg.headers.lookup import Header, attempt
from vppsh.engine.pg.headers.payload import read_payload
from vppsh.engine.pg.layout import Draft
from vppsh.engine.wire import icmp4, icmp6, ip_protocol
from vppsh.grammar.reader import Reader

HEADER_BYTES = 4
CHECKSUM_AT = 2
IP6_NEXT_HEADER_AT = 6
IP6_ADDRESSES_AT = 8


@dataclass(frozen=True, slots=True)
class Icmp4Checksum(Computation):
    """Checksum."""

    edit_function = "icmp4_pg_edit_function"

    @property
    def checksum_at(self) -> int | None:
        """See Computation."""
        return self.at + CHECKSUM_AT

    @property
    def decided_by(self) -> tuple[int, ...]:
        """See Computation."""
        return (self.below + IP4_LENGTH_AT, self.below + IP4_LENGTH_AT + 1)

    def apply(self, packets: Packets, lengths: Lengths) -> None:
        """See Computation."""
        covered = said_length(packets, lengths, self.below, self.at)
        store(packets, self.at + CHECKSUM_AT, inverted(covered_sum(packets, self.at, covered)))


@dataclass(frozen=True, slots=True)
class Icmp6Checksum(Computation):
    """Checksum with the pseudo header of IPv6; it trusts the length that the IPv6 header says."""

    edit_function = "icmp6_pg_edit_function"

    @property
    def checksum_at(self) -> int | None:
        """See Computation."""
        return self.at + CHECKSUM_AT

    @property
    def decided_by(self) -> tuple[int, ...]:
        """See Computation."""
        return (self.below + IP6_LENGTH_AT, self.below + IP6_LENGTH_AT + 1)

    def apply(self, packets: Packets, lengths: Lengths) -> None:
        """See Computation."""
        said = load(packets, self.below + IP6_LENGTH_AT)
        covered = np.minimum(said, lengths - self.at)
        total = words(packets, self.below + IP6_ADDRESSES_AT, IP6_HEADER_BYTES - IP6_ADDRESSES_AT)
        total += said + packets[:, self.below + IP6_NEXT_HEADER_AT]
        store(packets, self.at + CHECKSUM_AT, inverted(total + covered_sum(packets, self.at, covered)))


class Names(Struct, frozen=True):
    """Codes and types by name; a name of a code says its type too."""

    codes: Mapping[str, int]
    types: Mapping[str, int]


def _names(codes: Mapping[tuple[int, int], str], types: Mapping[int, str]) -> Names:
    return Names({name: kind << 8 | code for (kind, code), name in codes.items()}, {name: kind << 8 for kind, name in types.items()})


ICMP4 = _names(icmp4.CODE_NAMES, icmp4.TYPE_NAMES)
ICMP6 = _names(icmp6.CODE_NAMES, icmp6.TYPE_NAMES)


def read_icmp4(reader: Reader, draft: Draft) -> bool:
    """An ICMP header and its payload."""
    return _read_icmp(reader, draft, ICMP4, Icmp4Checksum())


def read_icmp6(reader: Reader, draft: Draft) -> bool:
    """An ICMPv6 header and its payload; it is typed `ICMP` too."""
    return _read_icmp(reader, draft, ICMP6, Icmp6Checksum())


def _read_icmp(reader: Reader, draft: Draft, names: Names, computation: Computation) -> bool:
    kind, code, checksum = Edit(whole(0, 1)), Edit(whole(1, 1)), Edit(whole(CHECKSUM_AT, 2))
    group = draft.begin(HEADER_BYTES, kind, code, checksum)
    start = reader.pos
    if not reader.word("ICMP") or (value := _type_and_code(reader, names)) is None:
        reader.pos = start
        draft.drop()
        return False
    kind.fix(value >> 8)
    code.fix(value & 0xFF)
    while option(reader, "checksum", checksum):
        pass
    if not attempt(read_payload, reader, draft):
        draft.drop()
        return False
    if checksum.kind is EditKind.UNSPECIFIED:
        group.computation = computation
    return True


def _type_and_code(reader: Reader, names: Names) -> int | None:
    value = named(reader, names.codes)
    return named(reader, names.types) if value is None else value


HEADERS = (Header(read_icmp4, ip_protocols=(ip_protocol.ICMP,)), Header(read_icmp6, ip_protocols=(ip_protocol.ICMP6,)))
