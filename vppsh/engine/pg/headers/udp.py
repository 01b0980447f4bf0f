"""UDP: `UDP: SRC -> DST [length N] [checksum N]` (VPP: vnet/udp/udp_pg.c)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vppsh.engine.pg.computed import Computation, Lengths, Packets, covered_sum, inverted, load, pseudo_header, store
from vppsh.engine.pg.edit import Edit, EditKind, whole
from vppsh.engine.pg.headers.fields import option, port, read_edit
from vppsh.engine.pg.headers.lookup import Header, attempt
from vppsh.engine.pg.headers.payload import read_payload
from vppsh.engine.pg.layout import Draft
from vppsh.engine.wire import ip_protocol
from vppsh.grammar.reader import Reader

HEADER_BYTES = 8
LENGTH_AT = 4
CHECKSUM_AT = 6


@dataclass(frozen=True, slots=True)
class UdpFields(Computation):
    """Length and checksum; a checksum that comes out as zero is sent as ones (RFC 768)."""

    edit_function = "udp_pg_edit_function"
    never_zero = True

    length: bool = True
    checksum: bool = True

    @property
    def checksum_at(self) -> int | None:
        """See Computation."""
        return self.at + CHECKSUM_AT if self.checksum else None

    @property
    def decided_by(self) -> tuple[int, ...]:
        """See Computation."""
        return () if self.length else (self.at + LENGTH_AT, self.at + LENGTH_AT + 1)

    def apply(self, packets: Packets, lengths: Lengths) -> None:
        """See Computation."""
        if self.length:
            said = covered = lengths - self.at
            store(packets, self.at + LENGTH_AT, said)
        else:
            said = load(packets, self.at + LENGTH_AT)
            covered = np.minimum(said, lengths - self.at)
        if self.checksum:
            store(packets, self.at + CHECKSUM_AT, 0)
            checksum = inverted(pseudo_header(packets, self.below, said) + covered_sum(packets, self.at, covered))
            store(packets, self.at + CHECKSUM_AT, np.where(checksum == 0, 0xFFFF, checksum))


def read_udp(reader: Reader, draft: Draft) -> bool:
    """A UDP header and its payload."""
    source, destination, length, checksum = Edit(whole(0, 2)), Edit(whole(2, 2)), Edit(whole(LENGTH_AT, 2)), Edit(whole(CHECKSUM_AT, 2))
    group = draft.begin(HEADER_BYTES, source, destination, length, checksum)
    start = reader.pos
    if not (reader.word("UDP:") and read_edit(reader, source, port) and reader.word("->") and read_edit(reader, destination, port)):
        reader.pos = start
        draft.drop()
        return False
    while option(reader, "length", length) or option(reader, "checksum", checksum):
        pass
    if not attempt(read_payload, reader, draft):
        draft.drop()
        return False
    open_length, open_checksum = (edit.kind is EditKind.UNSPECIFIED for edit in (length, checksum))
    if open_length or open_checksum:
        group.computation = UdpFields(length=open_length, checksum=open_checksum)
    return True


HEADERS = (Header(read_udp, nodes=("ip4-udp-lookup", "ip6-udp-lookup"), ip_protocols=(ip_protocol.UDP,)),)
