"""Ethernet and its VLAN tags: `TYPE: SRC -> DST [vlan ID [priority N] [cfi N]]...` (VPP: vnet/ethernet/pg.c)."""

from __future__ import annotations

from vppsh.engine.pg.edit import Edit, EditKind, bit_field, whole
from vppsh.engine.pg.headers.fields import ethernet_type, mac_address, number, option, read_edit
from vppsh.engine.pg.headers.lookup import Header, attempt, index
from vppsh.engine.pg.headers.payload import read_payload
from vppsh.engine.pg.layout import Draft, Group
from vppsh.engine.wire import ethertype
from vppsh.grammar.reader import Reader

HEADER_BYTES = 14
TAG_BYTES = 4
MAX_TAGS = 2


def read_ethernet(reader: Reader, draft: Draft) -> bool:
    """An Ethernet header and what follows it."""
    kind, source, destination = Edit(whole(12, 2)), Edit(whole(6, 6)), Edit(whole(0, 6))
    group = draft.begin(HEADER_BYTES, kind, source, destination)
    start = reader.pos
    if not (
        read_edit(reader, kind, ethernet_type)
        and reader.word(":")
        and read_edit(reader, source, mac_address)
        and reader.word("->")
        and read_edit(reader, destination, mac_address)
    ):
        reader.pos = start
        draft.drop()
        return False
    kinds = [kind]
    while reader.word("vlan"):
        inner = _read_tag(reader, group, len(kinds) - 1)
        if inner is None or len(kinds) > MAX_TAGS:
            draft.drop()
            return False
        kinds.append(inner)
    if len(kinds) > 1:
        kinds[-1].take(kind)
        for tagged in kinds[:-1]:
            tagged.fix(ethertype.VLAN)
    innermost = kinds[-1]
    following = index().ethertype.get(innermost.low_value) if innermost.kind is EditKind.FIXED else None
    if attempt(following, reader, draft) or attempt(read_payload, reader, draft):
        return True
    draft.drop()
    return False


def _read_tag(reader: Reader, group: Group, position: int) -> Edit | None:
    """The rest of `vlan ...`; its type, which is not typed, as an edit to be set."""
    at = HEADER_BYTES + position * TAG_BYTES
    kind = Edit(whole(at + 2, 2))
    vlan_id, cfi, priority = Edit(bit_field(at, 2, 0, 12)), Edit(bit_field(at, 2, 12, 1)), Edit(bit_field(at, 2, 13, 3))
    group.edits += [kind, vlan_id, cfi, priority]
    group.n_bytes += TAG_BYTES
    if not read_edit(reader, vlan_id, number):
        return None
    if not option(reader, "priority", priority):
        priority.fix(0)
    if not option(reader, "cfi", cfi):
        cfi.fix(0)
    return kind


HEADERS = (Header(read_ethernet, nodes=("ethernet-input", "ethernet-input-type", "ethernet-input-not-l2"), gre_protocols=(0x6558,)),)
