"""How the values of header fields are typed: numbers, names, addresses, and ranges of them.

Counterpart of unformat_pg_edit and unformat_pg_number in VPP's pg/edit.c. `a-b` counts up from a to b and starts
over, `a+b` takes values between them at random.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from vppsh.engine.pg.edit import Edit, EditKind, Field, encode
from vppsh.engine.pg.ports import PORT_NUMBERS
from vppsh.engine.wire import ethertype, ip_protocol
from vppsh.grammar.addresses import read_ip4, read_ip6, read_mac
from vppsh.grammar.reader import Reader

ReadValue = Callable[[Reader, Field], bytes | None]

_TOKEN = re.compile(r"[a-zA-Z0-9_]+")


def read_edit(reader: Reader, edit: Edit, read: ReadValue) -> bool:
    """A value, or a range of values, for a field."""
    low = read(reader, edit.field)
    if low is None:
        return False
    edit.low = low
    for sign, kind in (("-", EditKind.INCREMENT), ("+", EditKind.RANDOM)):
        start = reader.pos
        if reader.word(sign) and (high := read(reader, edit.field)) is not None:
            edit.kind, edit.high = kind, high
            return True
        reader.pos = start
    edit.kind = EditKind.FIXED
    return True


def option(reader: Reader, name: str, edit: Edit, read: ReadValue | None = None) -> bool:
    """`name VALUE`: True when it was there."""
    start = reader.pos
    if reader.word(name) and read_edit(reader, edit, read or number):
        return True
    reader.pos = start
    return False


def named(reader: Reader, numbers: Mapping[str, int]) -> int | None:
    """A word of letters, digits and underscores that stands for a number, as typed or in capitals."""
    start = reader.pos
    reader.skip_blanks()
    found = _TOKEN.match(reader.text, reader.pos) if not reader.at_end() else None
    value = None
    if found is not None:
        reader.pos = found.end()
        value = numbers.get(found[0], numbers.get(found[0].upper()))
        if value is None and reader.at_end():
            # VPP does not take back a word that ended the input.
            return None
    if value is None:
        reader.pos = start
        return None
    reader.skip_blanks()
    return value


def plain_number(reader: Reader) -> int | None:
    """`0x%x` or `%d` (unformat_vlib_number)."""
    start = reader.pos
    if reader.word("0x") and (value := reader.hexadecimal()) is not None:
        return value
    reader.pos = start
    return reader.signed()


def number(reader: Reader, field: Field) -> bytes | None:
    """A number that fits the field."""
    start = reader.pos
    value = None
    if reader.word("0x"):
        value = reader.hexadecimal(64)
    if value is None:
        reader.pos = start
        value = reader.signed(64)
    if value is not None and 0 <= value < 1 << field.bits:
        return encode(field, value)
    reader.pos = start
    return None


def ethernet_type(reader: Reader, field: Field) -> bytes | None:
    """An EtherType by number or name."""
    value = plain_number(reader)
    if value is None:
        value = named(reader, ethertype.NUMBERS)
    return None if value is None or value >= 1 << 16 else (value & 0xFFFF).to_bytes(2, "big")


def protocol(reader: Reader, field: Field) -> bytes | None:
    """An IP protocol, by name only."""
    value = named(reader, ip_protocol.PROTOCOL_NUMBERS)
    return None if value is None else bytes([value])


def port(reader: Reader, field: Field) -> bytes | None:
    """A TCP or UDP port by name or number."""
    value = named(reader, PORT_NUMBERS)
    if value is None:
        value = plain_number(reader)
    return None if value is None or value >= 1 << 16 else (value & 0xFFFF).to_bytes(2, "big")


def mac_address(reader: Reader, field: Field) -> bytes | None:
    """A MAC address."""
    return read_mac(reader)


def ip4_address(reader: Reader, field: Field) -> bytes | None:
    """An IPv4 address."""
    value = read_ip4(reader)
    return None if value is None else value.to_bytes(4, "big")


def ip6_address(reader: Reader, field: Field) -> bytes | None:
    """An IPv6 address."""
    value = read_ip6(reader)
    return None if value is None else value.to_bytes(16, "big")
