"""ARP for IPv4 over Ethernet: `OPCODE: MAC/IP -> MAC/IP`, nothing behind it (VPP: vnet/arp/arp.c)."""

from __future__ import annotations

from vppsh.engine.pg.edit import Edit, Field, whole
from vppsh.engine.pg.headers.fields import ip4_address, mac_address, named, plain_number, read_edit
from vppsh.engine.pg.headers.lookup import Header
from vppsh.engine.pg.layout import Draft
from vppsh.engine.wire import arp, ethertype
from vppsh.grammar.reader import Reader

HEADER_BYTES = 28
OPCODES = {name: number for number, name in enumerate(arp.OPCODE_NAMES)}


def read_arp(reader: Reader, draft: Draft) -> bool:
    """An ARP packet."""
    hardware, protocol, opcode = Edit(whole(0, 2)), Edit(whole(2, 2)), Edit(whole(6, 2))
    hardware_bytes, protocol_bytes = Edit(whole(4, 1)), Edit(whole(5, 1))
    addresses = [Edit(whole(8, 6)), Edit(whole(14, 4)), Edit(whole(18, 6)), Edit(whole(24, 4))]
    draft.begin(HEADER_BYTES, hardware, protocol, hardware_bytes, protocol_bytes, opcode, *addresses)
    hardware.fix(arp.HARDWARE_ETHERNET)
    protocol.fix(ethertype.IP4)
    hardware_bytes.fix(6)
    protocol_bytes.fix(4)
    start = reader.pos
    if (
        read_edit(reader, opcode, _opcode)
        and reader.word(":")
        and read_edit(reader, addresses[0], mac_address)
        and reader.word("/")
        and read_edit(reader, addresses[1], ip4_address)
        and reader.word("->")
        and read_edit(reader, addresses[2], mac_address)
        and reader.word("/")
        and read_edit(reader, addresses[3], ip4_address)
    ):
        return True
    reader.pos = start
    draft.drop()
    return False


def _opcode(reader: Reader, field: Field) -> bytes | None:
    value = plain_number(reader)
    if value is None:
        value = named(reader, OPCODES)
    return None if value is None or value >= 1 << 16 else (value & 0xFFFF).to_bytes(2, "big")


HEADERS = (Header(read_arp, nodes=("arp-input",), ethertypes=(ethertype.ARP,)),)
