"""What classifier sessions match, as arguments: `l3 ip4 src 10.0.0.1 proto 17`, `hex ...` (VPP's vnet_classify.c)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from vppsh.commands.classify_mask import (
    ETHERNET_BYTES,
    IP4_BYTES,
    IP6_BYTES,
    TAGGED_BYTES,
    TWICE_TAGGED_BYTES,
    read_layers,
    read_named,
)
from vppsh.engine.wire.ethertype import NUMBERS
from vppsh.grammar.addresses import read_ip4, read_ip6, read_mac
from vppsh.grammar.arguments import Reader, Value, read_with

Read = Callable[[Reader], object | None]


def _number(reader: Reader) -> int | None:
    return reader.signed()


def _ethertype(reader: Reader) -> int | None:
    """A name of VPP's, or a number (unformat_ethernet_type_host_byte_order)."""
    start = reader.pos
    if reader.word("0x"):
        value = reader.hexadecimal()
    else:
        value = reader.unsigned()
    if value is not None and value < 1 << 16:
        return value
    reader.pos = start
    name = reader.string()
    if name is not None and name in NUMBERS:
        return NUMBERS[name]
    reader.pos = start
    return None


def _fields(reader: Reader, fields: Mapping[str, Read | None]) -> dict[str, object]:
    """`NAME VALUE` in any order, as far as they come; a field without a reading function has no value."""
    found: dict[str, object] = {}
    while not reader.at_end():
        start = reader.pos
        for name, read in fields.items():
            if reader.word(name):
                value = True if read is None else read(reader)
                if value is not None:
                    found[name] = value
                    break
            reader.pos = start
        else:
            break
    return found


def _put(header: bytearray, found: Mapping[str, object], name: str, start: int, end: int) -> None:
    value = found.get(name)
    if isinstance(value, int):
        size = end - start
        header[start:end] = (value & ((1 << 8 * size) - 1)).to_bytes(size, "big")


def _ip4(reader: Reader) -> bytes | None:
    numbers = dict.fromkeys(("proto", "tos", "length", "fragment_id", "ttl", "checksum"), _number)
    found = _fields(reader, {"version": _number, "hdr_length": _number, "src": read_ip4, "dst": read_ip4, **numbers})
    if not found:
        return None
    header = bytearray(IP4_BYTES)
    # VPP reads a fragment id and forgets it.
    places = {"src": (12, 16), "dst": (16, 20), "proto": (9, 10), "tos": (1, 2), "length": (2, 4), "ttl": (8, 9), "checksum": (10, 12)}
    for name, (start, end) in places.items():
        _put(header, found, name, start, end)
    header[0] = (_int(found, "version") & 0xF) << 4 | _int(found, "hdr_length") & 0xF
    return bytes(header)


def _int(found: Mapping[str, object], name: str) -> int:
    value = found.get(name, 0)
    return value if isinstance(value, int) else 0


def _ip6(reader: Reader) -> bytes | None:
    numbers = dict.fromkeys(("proto", "payload_length", "hop_limit"), _number)
    first = dict.fromkeys(("version", "traffic_class", "flow_label"), _number)
    found = _fields(reader, {**first, "src": read_ip6, "dst": read_ip6, **numbers})
    if not found:
        return None
    header = bytearray(IP6_BYTES)
    word = (_int(found, "version") & 0xF) << 28 | (_int(found, "traffic_class") & 0xFF) << 20 | _int(found, "flow_label") & 0xFF
    header[:4] = word.to_bytes(4, "big")
    places = {"src": (8, 24), "dst": (24, 40), "proto": (6, 7), "payload_length": (4, 6), "hop_limit": (7, 8)}
    for name, (start, end) in places.items():
        _put(header, found, name, start, end)
    return bytes(header)


def _l3(reader: Reader) -> bytes | None:
    return read_named(reader, {"ip4": _ip4, "ip6": _ip6})


def _l4(reader: Reader) -> bytes | None:
    found = _fields(reader, {"src_port": _number, "dst_port": _number})
    header = bytearray(4)
    _put(header, found, "src_port", 0, 2)
    _put(header, found, "dst_port", 2, 4)
    return bytes(header)


def _l2(reader: Reader) -> bytes | None:
    fields: dict[str, Read | None] = {
        "src": read_mac, "dst": read_mac, "proto": _ethertype, "tag1": _number, "tag2": _number, "ignore-tag1": None, "ignore-tag2": None,
        "cos1": _number, "cos2": _number,
    }  # fmt: skip
    found = _fields(reader, fields)
    if not found:
        return None
    size = ETHERNET_BYTES
    if found.keys() & {"tag1", "ignore-tag1", "cos1"}:
        size = TAGGED_BYTES
    if found.keys() & {"tag2", "ignore-tag2", "cos2"}:
        size = TWICE_TAGGED_BYTES
    header = bytearray(TWICE_TAGGED_BYTES)
    for name, start in (("dst", 0), ("src", 6)):
        address = found.get(name)
        if isinstance(address, bytes):
            header[start : start + 6] = address
    for name, start in (("tag1", 14), ("tag2", 18)):
        if name in found:
            header[start : start + 2] = (_int(found, name) & 0xFFF).to_bytes(2, "big")
    if "tag2" in found or "tag1" not in found:
        header[18] |= (_int(found, "cos2") & 0x7) << 5
    header[14] |= (_int(found, "cos1") & 0x7) << 5
    if "proto" in found:
        _put(header, found, "proto", *((20, 22) if "tag2" in found else (16, 18) if "tag1" in found else (12, 14)))
    return bytes(header[:size])


def read_match(reader: Reader) -> bytes | None:
    """The bytes of a packet from its first one on; the table that they are meant for says how many count."""
    return read_layers(reader, {"l2": _l2, "l3": _l3, "l4": _l4})


def match(name: str) -> Value:
    """An argument that says what a session matches."""
    return read_with(name, read_match, first="hl", metavar="<match>")
