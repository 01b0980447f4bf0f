"""Small pieces of VPP's text: padding, addresses, hex dumps.

VPP: vppinfra/std-formats.c, vnet/ethernet/format.c, vnet/ip/ip4_format.c, ip6_format.c.
"""

from __future__ import annotations

HEX_BYTES_PER_LINE = 32
HEXDUMP_BYTES_PER_LINE = 16


def padded(data: bytes, length: int) -> bytes:
    """The first `length` bytes, with zeros for those that were not captured."""
    return bytes(data[:length]).ljust(length, b"\0")


def new_line(indent: int) -> str:
    """A line break and the spaces up to column `indent`."""
    return "\n" + " " * indent


def format_ethernet_address(address: bytes) -> str:
    """A MAC address: 02:fe:00:00:00:01."""
    return ":".join(f"{octet:02x}" for octet in address)


def format_ip4_address(address: bytes) -> str:
    """An IPv4 address: 10.0.0.1."""
    return ".".join(str(octet) for octet in address)


def format_ip6_address(address: bytes) -> str:
    """An IPv6 address with the first of the longest runs of two or more zero groups as `::`; no dotted quads."""
    groups = [int.from_bytes(address[at : at + 2], "big") for at in range(0, 16, 2)]
    start, length = _longest_zero_run(groups)
    if length < 2:
        return ":".join(f"{group:x}" for group in groups)
    head, tail = groups[:start], groups[start + length :]
    return f"{':'.join(f'{group:x}' for group in head)}::{':'.join(f'{group:x}' for group in tail)}"


def _longest_zero_run(groups: list[int]) -> tuple[int, int]:
    best = (0, 0)
    start = 0
    for position, group in enumerate(groups):
        if group:
            start = position + 1
        elif position + 1 - start > best[1]:
            best = (start, position + 1 - start)
    return best


def format_hex_bytes(data: bytes, indent: int = 0) -> str:
    """Up to 32 bytes in one run; more in lines of 32, each after its offset, from column `indent`."""
    if len(data) <= HEX_BYTES_PER_LINE:
        return bytes(data).hex()
    return new_line(indent).join(
        f"{start:08x}: {bytes(data[start : start + HEX_BYTES_PER_LINE]).hex()}" for start in range(0, len(data), HEX_BYTES_PER_LINE)
    )


def format_hexdump(data: bytes, indent: int = 0) -> str:
    """Lines of 16 bytes: offset, hex, printable characters in brackets."""
    lines = []
    for start in range(0, len(data), HEXDUMP_BYTES_PER_LINE):
        row = bytes(data[start : start + HEXDUMP_BYTES_PER_LINE])
        octets = "".join(f"{octet:02x} " for octet in row).ljust(3 * HEXDUMP_BYTES_PER_LINE)
        printable = "".join(chr(octet) if 0x20 <= octet < 0x7F else "." for octet in row)
        lines.append(f"{start:05x}: {octets}[{printable}]")
    return new_line(indent).join(lines)
