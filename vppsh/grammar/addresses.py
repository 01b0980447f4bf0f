"""Addresses as VPP's command line reads them (ip4_format.c, ip6_format.c, ethernet/format.c)."""

from __future__ import annotations

import re
import socket
from typing import NamedTuple

from vppsh.grammar.reader import Reader, item

_B = r"[ \t\r\n]*"
_D = "([0-9]{1,20})"
_X = "([0-9a-fA-F]{1,20})"
_DOTTED = rf"{_B}\.{_B}".join([rf"\+?{_D}"] * 4)
_SLASH = rf"/{_B}([+-]?[0-9]{{1,20}})"
_IP4 = item(_DOTTED)
_IP4_PREFIX = item(rf"{_DOTTED}{_B}{_SLASH}")
_IP6_TOKEN = re.compile(r"[0-9a-fA-F]{0,4}:[0-9a-fA-F:]*")
_SLASH_LENGTH = item(_SLASH)
_MAC_UNIX = item(":".join([_X] * 6))
_MAC_CISCO = item(r"\.".join([_X] * 3))
_QUADS = 8
_OCTETS = {str(octet): octet for octet in range(256)}


class IpAddress(NamedTuple):
    """An address of either version; `value` is the number its bytes spell in network order."""

    version: int
    value: int

    @property
    def packed(self) -> bytes:
        """The bytes as they go on the wire."""
        return self.value.to_bytes(4 if self.version == 4 else 16, "big")


class IpPrefix(NamedTuple):
    """An address with a prefix length; host bits stay as typed."""

    version: int
    value: int
    length: int

    @property
    def bits(self) -> int:
        """The length of an address of this version."""
        return 32 if self.version == 4 else 128

    def normalized(self) -> IpPrefix:
        """The same prefix without host bits."""
        host_bits = self.bits - self.length
        return self._replace(value=self.value >> host_bits << host_bits)


def read_ip4(reader: Reader) -> int | None:
    """An IPv4 address as a number; blanks around the dots are allowed, octets are decimal (`010` is 10)."""
    start = reader.pos
    found = reader.take(_IP4)
    if found is None:
        return None
    value = _ip4_value(*found.groups())
    if value is None:
        reader.pos = start
    return value


def _ip4_value(one: str, two: str, three: str, four: str) -> int | None:
    try:
        return _OCTETS[one] << 24 | _OCTETS[two] << 16 | _OCTETS[three] << 8 | _OCTETS[four]
    except KeyError:  # too large, or zeros in front
        a, b, c, d = int(one), int(two), int(three), int(four)
        return a << 24 | b << 16 | c << 8 | d if max(a, b, c, d) < 256 else None


def read_ip6(reader: Reader) -> int | None:
    """An IPv6 address as a number."""
    start = reader.pos
    reader.skip_blanks()
    token = _IP6_TOKEN.match(reader.text, reader.pos) if not reader.at_end() else None
    if token is not None:
        try:
            value: int | None = int.from_bytes(socket.inet_pton(socket.AF_INET6, token[0]), "big")
            reader.pos = token.end()
        except OSError:
            value = _ip6_by_the_letter(reader, token.end())
        if value is not None:
            reader.skip_blanks()
            return value
    reader.pos = start
    return None


def _ip6_by_the_letter(reader: Reader, end: int) -> int | None:
    """What VPP's reader accepts beyond standard text: a third colon in a row ends it, an eighth quad may be followed by a colon."""
    quads: list[int] = []
    gap: int | None = None
    quad = digits = colons = 0
    pos = reader.pos
    while pos < end:
        char = reader.text[pos]
        if char == ":" and colons == 2:
            break
        if len(quads) >= _QUADS:
            return None
        if char == ":":
            colons += 1
        else:
            if digits == 4:
                return None
            quad, digits, colons = quad << 4 | int(char, 16), digits + 1, 0
        if colons == 2:
            if gap is not None:
                return None
            gap = len(quads)
        if colons and digits:
            quads.append(quad)
            quad = digits = 0
        pos += 1
    if digits:
        quads.append(quad)
    if gap is not None:
        quads[gap:gap] = [0] * (_QUADS - len(quads))
    if len(quads) != _QUADS:
        return None
    reader.pos = pos
    value = 0
    for quad in quads:
        value = value << 16 | quad
    return value


def read_ip_address(reader: Reader) -> IpAddress | None:
    """An address of either version."""
    value = read_ip4(reader)
    if value is not None:
        return IpAddress(4, value)
    value = read_ip6(reader)
    return None if value is None else IpAddress(6, value)


def read_ip4_prefix(reader: Reader) -> IpPrefix | None:
    """`%U/%d` with an IPv4 address; the length is not checked."""
    start = reader.pos
    found = reader.take(_IP4_PREFIX)
    if found is None:
        return None
    one, two, three, four, length = found.groups()
    value = _ip4_value(one, two, three, four)
    if value is None:
        reader.pos = start
        return None
    return IpPrefix(4, value, int(length))


def read_ip6_prefix(reader: Reader) -> IpPrefix | None:
    """`%U/%d` with an IPv6 address; the length is not checked."""
    start = reader.pos
    value = read_ip6(reader)
    if value is not None:
        found = reader.take(_SLASH_LENGTH)
        if found is not None:
            return IpPrefix(6, value, int(found[1]))
    reader.pos = start
    return None


def read_ip_prefix(reader: Reader) -> IpPrefix | None:
    """A prefix of either version whose length fits (VPP's unformat_ip_prefix)."""
    start = reader.pos
    prefix = read_ip4_prefix(reader) or read_ip6_prefix(reader)
    if prefix is not None and 0 <= prefix.length <= prefix.bits:
        return prefix
    reader.pos = start
    return None


def read_mac(reader: Reader) -> bytes | None:
    """A MAC address, `2:fe:0:0:0:9` or `02fe.0000.0009`."""
    start = reader.pos
    found = reader.take(_MAC_UNIX)
    if found is not None:
        octets = [int(octet, 16) for octet in found.groups()]
        if max(octets) < 256:
            return bytes(octets)
        reader.pos = start
    found = reader.take(_MAC_CISCO)
    if found is not None:
        words = [int(word, 16) for word in found.groups()]
        if max(words) < 1 << 16:
            return b"".join(word.to_bytes(2, "big") for word in words)
        reader.pos = start
    return None
