"""Masks of classifier tables as arguments: `l2 src`, `l3 ip4 src/24 proto`, `l4 dst_port`, `hex ...` (VPP's vnet_classify.c)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct

from vppsh.engine.classify import VECTOR
from vppsh.grammar.arguments import Reader, Value, read_with

ETHERNET_BYTES = 14
TAGGED_BYTES, TWICE_TAGGED_BYTES = 18, 22
ALL = 0xFFFFFFFF
# Fields of headers: where they begin and end. Longer names come after those they begin with, as VPP tries them.
IP4_FIELDS = {
    "src_address": (12, 16), "dst_address": (16, 20), "tos": (1, 2), "length": (2, 4), "fragment_id": (4, 6), "ttl": (8, 9),
    "protocol": (9, 10), "checksum": (10, 12),
}  # fmt: skip
IP6_FIELDS = {"src_address": (8, 24), "dst_address": (24, 40), "payload_length": (4, 6), "hop_limit": (7, 8), "protocol": (6, 7)}
IP4_BYTES, IP6_BYTES, TCP_BYTES, UDP_BYTES = 20, 40, 20, 8
SHORT = {"src": "src_address", "dst": "dst_address", "proto": "protocol"}
L2_WORDS = ("src", "dst", "proto", "tag1", "tag2", "ignore-tag1", "ignore-tag2", "cos1", "cos2", "dot1q", "dot1ad")

ReadBytes = Callable[[Reader], bytes | None]


class Mask(Struct, frozen=True):
    """The bytes that count, in whole vectors of 16, and how many vectors of the packet come before them."""

    skip: int
    data: bytes


def read_words(reader: Reader, words: Sequence[str]) -> set[str]:
    """Words in any order, as far as they come; the first that fits is read."""
    found: set[str] = set()
    while not reader.at_end():
        word = next((word for word in words if reader.word(word)), None)
        if word is None:
            break
        found.add(word)
    return found


def _fill(header: bytearray, start: int, end: int) -> None:
    header[start:end] = b"\xff" * (end - start)


def _ip4(reader: Reader) -> bytes | None:
    header = bytearray(IP4_BYTES)
    found: set[str] = set()
    widths = {"src": ALL, "dst": ALL}
    while not reader.at_end():
        side = next((side for side in widths if _read_width(reader, side, widths)), None)
        if side is not None:
            found.add(SHORT[side])
            continue
        word = next((word for word in ("version", "hdr_length", *SHORT, *IP4_FIELDS) if reader.word(word)), None)
        if word is None:
            break
        found.add(SHORT.get(word, word))
    if not found:
        return None
    for name in found & IP4_FIELDS.keys():
        _fill(header, *IP4_FIELDS[name])
    for side, name in (("src", "src_address"), ("dst", "dst_address")):
        if name in found:
            start, end = IP4_FIELDS[name]
            header[start:end] = widths[side].to_bytes(4, "big")
    header[0] = (0xF0 if "version" in found else 0) | (0x0F if "hdr_length" in found else 0)
    return bytes(header)


def _read_width(reader: Reader, side: str, widths: dict[str, int]) -> bool:
    """`src/24`."""
    start = reader.pos
    if reader.word(f"{side}/"):
        width = reader.signed()
        if width is not None:
            widths[side] &= ~((1 << ((32 - width) & 31)) - 1) & ALL
            return True
    reader.pos = start
    return False


def _ip6(reader: Reader) -> bytes | None:
    found = {SHORT.get(word, word) for word in read_words(reader, ("version", "traffic-class", "flow-label", *SHORT, *IP6_FIELDS))}
    if not found:
        return None
    header = bytearray(IP6_BYTES)
    for name in found & IP6_FIELDS.keys():
        _fill(header, *IP6_FIELDS[name])
    first = 0
    for name, bits in (("version", 0xF0000000), ("traffic-class", 0x0FF00000), ("flow-label", 0x000FFFFF)):
        first |= bits if name in found else 0
    header[:4] = first.to_bytes(4, "big")
    return bytes(header)


def _ports(reader: Reader, source: str, destination: str, size: int) -> bytes | None:
    found = read_words(reader, (source, destination))
    if not found:
        return None
    header = bytearray(size)
    if source in found:
        _fill(header, 0, 2)
    if destination in found:
        _fill(header, 2, 4)
    return bytes(header)


def read_named(reader: Reader, readers: Mapping[str, ReadBytes]) -> bytes | None:
    """A name and what is read after it: `ip4 src`."""
    for name, read in readers.items():
        start = reader.pos
        if reader.word(name):
            header = read(reader)
            if header is not None:
                return header
        reader.pos = start
    return None


def _l3(reader: Reader) -> bytes | None:
    return read_named(reader, {"ip4": _ip4, "ip6": _ip6})


def _l4(reader: Reader) -> bytes | None:
    header = read_named(
        reader,
        {
            "tcp": lambda reader: _ports(reader, "src", "dst", TCP_BYTES),
            "udp": lambda reader: _ports(reader, "src_port", "dst_port", UDP_BYTES),
        },
    )
    return header if header is not None else _ports(reader, "src_port", "dst_port", 4)


def _l2(reader: Reader) -> bytes | None:
    found = read_words(reader, L2_WORDS)
    if not found:
        return None
    size = ETHERNET_BYTES
    if found & {"tag1", "ignore-tag1", "cos1", "dot1q"}:
        size = TAGGED_BYTES
    if found & {"tag2", "ignore-tag2", "cos2", "dot1ad"}:
        size = TWICE_TAGGED_BYTES
    header = bytearray(TWICE_TAGGED_BYTES)
    if "dst" in found:
        _fill(header, 0, 6)
    if "src" in found:
        _fill(header, 6, 12)
    inner, outer = found & {"tag2", "dot1ad"}, found & {"tag1", "dot1q"}
    if "tag2" in found:
        header[18:20] = b"\x0f\xff"
    if "tag1" in found:
        header[14:16] = b"\x0f\xff"
    if "cos2" in found and (inner or not outer):
        header[18] |= 0xE0
    if "cos1" in found:
        header[14] |= 0xE0
    if "proto" in found:
        _fill(header, *((20, 22) if inner else (16, 18) if outer else (12, 14)))
    return bytes(header[:size])


def read_layers(reader: Reader, readers: Mapping[str, ReadBytes]) -> bytes | None:
    """`hex BYTES`, or headers of layers; None (and the reader where it was) when there is nothing or it does not fit together."""
    start = reader.pos
    raw: bytes | None = None
    layers: dict[str, bytes] = {}
    without_l2 = False
    while not reader.at_end():
        here = reader.pos
        if reader.word("hex") and (typed := reader.hex_string()) is not None:
            raw = typed
            continue
        reader.pos = here
        if reader.word("l2 none"):
            without_l2 = True
            continue
        for name, read in readers.items():
            if reader.word(name):
                header = read(reader)
                if header is not None:
                    layers[name] = header
                    break
            reader.pos = here
        else:
            break
    if ("l2" in layers and without_l2) or ("l4" in layers and "l3" not in layers) or (raw is None and not layers):
        reader.pos = start
        return None
    if layers:
        raw = b"" if without_l2 else layers.get("l2", bytes(ETHERNET_BYTES))
        raw += layers.get("l3", b"") + layers.get("l4", b"")
    return raw


def read_mask(reader: Reader) -> Mask | None:
    """A mask, cut to the vectors that have a bit set."""
    data = read_layers(reader, {"l2": _l2, "l3": _l3, "l4": _l4})
    if data is None:
        return None
    leading = len(data) - len(data.lstrip(b"\0"))
    skip = leading // VECTOR
    data = data[skip * VECTOR :].rstrip(b"\0")
    return Mask(skip, data.ljust(-(-len(data) // VECTOR) * VECTOR, b"\0"))


def mask(name: str) -> Value:
    """An argument that is a mask."""
    return read_with(name, read_mask, first="hl", metavar="<mask>")
