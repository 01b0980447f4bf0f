"""Writing pcapng: packets with comments, interfaces with names (draft-ietf-opsawg-pcapng)."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import BinaryIO

LINK_ETHERNET, LINK_RAW_IP = 1, 101
NANOSECONDS = 9
COMMENT, IF_NAME, IF_TSRESOL, APPLICATION = 1, 2, 9, 4


def option(code: int, value: bytes) -> bytes:
    """An option, padded to four bytes."""
    return struct.pack("<HH", code, len(value)) + value + bytes(-len(value) % 4)


def block(kind: int, body: bytes) -> bytes:
    """A block: its kind and length around a body of whole words."""
    return struct.pack("<II", kind, len(body) + 12) + body + struct.pack("<I", len(body) + 12)


@dataclass
class PcapngWriter:
    """A pcapng file that is written to a stream; interfaces are declared when their first packet comes.

    packets  how many were written
    """

    stream: BinaryIO
    application: str = "vppsh"
    packets: int = 0
    _interfaces: dict[tuple[str, int], int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Begin the section."""
        section = struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1) + option(APPLICATION, self.application.encode()) + option(0, b"")
        self.stream.write(block(0x0A0D0D0A, section))

    def add(
        self, data: bytes, time: int, *, link_type: int = LINK_ETHERNET, interface: str = "", length: int | None = None, comment: str = ""
    ) -> None:
        """Write a packet: its bytes, nanoseconds since 1970, and what else is known of it."""
        number = self._interface(interface, link_type)
        options = option(COMMENT, comment.encode("utf-8", "replace")[:65535]) + option(0, b"") if comment else b""
        head = struct.pack(
            "<IIIII", number, time >> 32, time & 0xFFFFFFFF, len(data), len(data) if length is None else max(length, len(data))
        )
        self.stream.write(block(6, head + data + bytes(-len(data) % 4) + options))
        self.packets += 1

    def _interface(self, name: str, link_type: int) -> int:
        key = (name, link_type)
        if key not in self._interfaces:
            self._interfaces[key] = len(self._interfaces)
            names = option(IF_NAME, name.encode("utf-8", "replace")) if name else b""
            body = struct.pack("<HHI", link_type, 0, 0) + names + option(IF_TSRESOL, bytes([NANOSECONDS])) + option(0, b"")
            self.stream.write(block(1, body))
        return self._interfaces[key]
