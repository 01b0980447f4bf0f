"""IPv6: `PROTOCOL: SRC -> DST [hop-limit N] [traffic-class N] [length N] [version N]` (VPP: vnet/ip/ip6_pg.c)."""

from __future__ import annotations

from dataclasses import dataclass

from vppsh.engine.pg.computed import Computation, Lengths, Packets, store
from vppsh.engine.pg.edit import Edit, EditKind, bit_field, whole
from vppsh.engine.pg.headers.fields import ip6_address, option, protocol, read_edit
from vppsh.engine.pg.headers.lookup import Header, attempt, index
from vppsh.engine.pg.headers.payload import read_payload
from vppsh.engine.pg.layout import Draft
from vppsh.engine.wire import ethertype
from vppsh.grammar.reader import Reader

HEADER_BYTES = 40
LENGTH_AT = 4


@dataclass(frozen=True, slots=True)
class Ip6Length(Computation):
    """Payload length."""

    edit_function = "ip6_pg_edit_function"

    def apply(self, packets: Packets, lengths: Lengths) -> None:
        """See Computation."""
        store(packets, self.at + LENGTH_AT, lengths - self.at - HEADER_BYTES)


def read_ip6(reader: Reader, draft: Draft) -> bool:
    """An IPv6 header and what follows it."""
    version, traffic_class, flow_label = Edit(bit_field(0, 4, 28, 4)), Edit(bit_field(0, 4, 20, 8)), Edit(bit_field(0, 4, 0, 20))
    length, next_header, hop_limit = Edit(whole(LENGTH_AT, 2)), Edit(whole(6, 1)), Edit(whole(7, 1))
    source, destination = Edit(whole(8, 16)), Edit(whole(24, 16))
    group = draft.begin(HEADER_BYTES, version, traffic_class, flow_label, length, next_header, hop_limit, source, destination)
    version.fix(6)
    traffic_class.fix(0)
    flow_label.fix(0)
    hop_limit.fix(64)
    start = reader.pos
    if not (
        read_edit(reader, next_header, protocol)
        and reader.word(":")
        and read_edit(reader, source, ip6_address)
        and reader.word("->")
        and read_edit(reader, destination, ip6_address)
    ):
        reader.pos = start
        draft.drop()
        return False
    options = (("version", version), ("traffic-class", traffic_class), ("length", length), ("hop-limit", hop_limit))
    while any(option(reader, name, edit) for name, edit in options):
        pass
    following = index().ip_protocol.get(next_header.low_value) if next_header.kind is EditKind.FIXED else None
    if not (attempt(following, reader, draft) or attempt(read_payload, reader, draft)):
        draft.drop()
        return False
    if length.kind is EditKind.UNSPECIFIED:
        if draft.min_size == draft.max_size and draft.groups[-1] is not group:
            length.fix(draft.n_bytes(group) - HEADER_BYTES)
        else:
            group.computation = Ip6Length()
    return True


HEADERS = (Header(read_ip6, nodes=("ip6-input", "ip6-lookup"), ethertypes=(ethertype.IP6,), gre_protocols=(ethertype.IP6,)),)
