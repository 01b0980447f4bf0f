"""Names and addresses of filter expressions as numbers; protocols and ports are looked up in the system's lists, as libpcap does."""

from __future__ import annotations

import re
import socket

from vppsh.engine.bpf.errors import BpfError
from vppsh.engine.bpf.lexer import number

ETHERTYPES = {
    "pup": 0x0200, "xns": 0x0600, "ip": 0x0800, "ip6": 0x86DD, "arp": 0x0806, "rarp": 0x8035, "sprite": 0x0500, "mopdl": 0x6001,
    "moprc": 0x6002, "decnet": 0x6003, "lat": 0x6004, "sca": 0x6007, "loopback": 0x9000, "vexp": 0x805B, "vprod": 0x805C,
}  # fmt: skip
TRANSPORT_NAMES = {6: "tcp", 17: "udp", 132: "sctp"}


def ip4_bits(text: str) -> tuple[int, int]:
    """The value and the number of bits of one to four numbers with dots between."""
    value = 0
    parts = text.split(".")
    for part in parts:
        if not part.isdigit() or int(part) > 0xFF:
            raise BpfError(f"invalid IPv4 address '{text}'")
        value = value << 8 | int(part)
    return value, 8 * len(parts)


def ip6_address(text: str, length: int) -> tuple[bytes, bytes]:
    """Address and mask."""
    if length > 128:
        raise BpfError("mask length must be <= 128")
    try:
        address = socket.inet_pton(socket.AF_INET6, text)
    except OSError as error:
        raise BpfError(f"invalid ip6 address {text}") from error
    mask = (((1 << length) - 1) << (128 - length)).to_bytes(16, "big")
    if int.from_bytes(address, "big") & ~int.from_bytes(mask, "big"):
        raise BpfError(f'non-network bits set in "{text}/{length}"')
    return address, mask


def mac_bytes(text: str) -> bytes:
    """The bytes of a MAC address in any of its spellings."""
    if ":" in text or "-" in text or text.count(".") == 5:
        return bytes(int(part, 16) for part in re.split("[:.-]", text))
    return bytes.fromhex(text.replace(".", ""))


def ethertype_number(name: str) -> int:
    """An Ethernet type by name."""
    if name not in ETHERTYPES:
        raise BpfError(f"unknown ether proto '{name}'")
    return ETHERTYPES[name]


def protocol_number(name: str) -> int:
    """An IP protocol by name."""
    try:
        return socket.getprotobyname(name)
    except OSError as error:
        raise BpfError(f"unknown protocol: {name}") from error


def port_number(name: str, transports: tuple[int, ...]) -> tuple[int, tuple[int, ...]]:
    """A port by name, and those of the transports that have it (all, when the name is a number)."""
    if name.isdigit():
        port = number(name)
        if port > 0xFFFF:
            raise BpfError(f"illegal port number {port} > 65535")
        return port, transports
    found: dict[int, int] = {}
    for transport in (6, 17):
        try:
            found[transport] = socket.getservbyname(name, TRANSPORT_NAMES[transport])
        except OSError:
            continue
    if not found:
        raise BpfError(f"unknown port '{name}'")
    # A name that both have is any transport's; libpcap then takes the port of TCP.
    port = found.get(6, found.get(17, 0))
    if len(found) == 2:
        return port, transports
    only = next(iter(found))
    if only not in transports:
        raise BpfError(f"port '{name}' is {TRANSPORT_NAMES[only]}")
    return port, (only,)


def port_range(text: str, transports: tuple[int, ...]) -> tuple[int, int, tuple[int, ...]]:
    """`80-90` or a single port, of numbers or names."""
    low, dash, high = text.partition("-")
    if not dash:
        port, transports = port_number(low, transports)
        return port, port, transports
    first, over_first = port_number(low, transports)
    last, over_last = port_number(high, transports)
    return first, last, over_first if over_first == over_last else transports
