"""The messages by which the two sides of a memif agree on shared memory, 128 bytes each, over a Unix socket that keeps them apart.

Counterpart of VPP's plugins/memif/memif.h. The master listens and greets; the slave, which connects, brings the memory.
"""

from __future__ import annotations

import enum
import struct

from msgspec import Struct

MESSAGE_BYTES = 128
VERSION = 2 << 8
MOST_RINGS, MOST_REGIONS, MOST_LOG2_RING = 256, 256, 14
S2M_FLAG = 1
KIND = struct.Struct("<H")
HELLO = struct.Struct("<32sHHHHHB")
INIT = struct.Struct("<HIB24s32s")
ADD_REGION = struct.Struct("<HQ")
ADD_RING = struct.Struct("<HHHIBH")
NAME = struct.Struct("<32s")
DISCONNECT = struct.Struct("<I96s")


class Kind(enum.IntEnum):
    """What a message is."""

    ACK = 1
    HELLO = 2
    INIT = 3
    ADD_REGION = 4
    ADD_RING = 5
    CONNECT = 6
    CONNECTED = 7
    DISCONNECT = 8


class Hello(Struct, frozen=True):
    """What the master can do."""

    name: str
    min_version: int
    max_version: int
    max_m2s_ring: int
    max_s2m_ring: int
    max_log2_ring: int


class Init(Struct, frozen=True):
    """Which interface the slave wants, and by what right."""

    version: int
    number: int
    mode: int
    secret: str
    name: str


class AddRing(Struct, frozen=True):
    """Where a ring lies in the shared memory."""

    s2m: bool
    index: int
    region: int
    offset: int
    log2_size: int
    private_header: int = 0


def text_of(raw: bytes) -> str:
    """A string as far as its zero byte."""
    return raw.partition(b"\0")[0].decode(errors="replace")


def packed(kind: Kind, body: bytes = b"") -> bytes:
    """A whole message."""
    return (KIND.pack(kind) + body).ljust(MESSAGE_BYTES, b"\0")


def kind_of(message: bytes) -> int:
    """What a message says that it is."""
    kind: int = KIND.unpack_from(message)[0]
    return kind


def hello(name: str) -> bytes:
    """What a master says first."""
    return packed(Kind.HELLO, HELLO.pack(name.encode()[:31], VERSION, VERSION, MOST_REGIONS, MOST_RINGS, MOST_RINGS, MOST_LOG2_RING))


def read_hello(message: bytes) -> Hello:
    """A master's greeting."""
    name, lowest, highest, _, m2s, s2m, log2 = HELLO.unpack_from(message, KIND.size)
    return Hello(text_of(name), lowest, highest, m2s, s2m, log2)


def init(number: int, mode: int, secret: str, name: str) -> bytes:
    """What a slave answers."""
    return packed(Kind.INIT, INIT.pack(VERSION, number, mode, secret.encode()[:23], name.encode()[:31]))


def read_init(message: bytes) -> Init:
    """A slave's answer."""
    version, number, mode, secret, name = INIT.unpack_from(message, KIND.size)
    return Init(version, number, mode, text_of(secret), text_of(name))


def add_region(index: int, size: int) -> bytes:
    """A region of memory; its descriptor goes with the message."""
    return packed(Kind.ADD_REGION, ADD_REGION.pack(index, size))


def read_add_region(message: bytes) -> tuple[int, int]:
    """Index and size of a region."""
    index, size = ADD_REGION.unpack_from(message, KIND.size)
    return index, size


def add_ring(ring: AddRing) -> bytes:
    """A ring; the descriptor that tells of packets in it goes with the message."""
    flags = S2M_FLAG if ring.s2m else 0
    return packed(Kind.ADD_RING, ADD_RING.pack(flags, ring.index, ring.region, ring.offset, ring.log2_size, ring.private_header))


def read_add_ring(message: bytes) -> AddRing:
    """Where a ring lies."""
    flags, index, region, offset, log2, private = ADD_RING.unpack_from(message, KIND.size)
    return AddRing(bool(flags & S2M_FLAG), index, region, offset, log2, private)


def named(kind: Kind, interface: str) -> bytes:
    """`connect` or `connected`, with the name of one's own interface."""
    return packed(kind, NAME.pack(interface.encode()[:31]))


def read_name(message: bytes) -> str:
    """The name of the other side's interface."""
    return text_of(NAME.unpack_from(message, KIND.size)[0])


def disconnect(reason: str) -> bytes:
    """Why this side leaves."""
    return packed(Kind.DISCONNECT, DISCONNECT.pack(0, reason.encode()[:95]))


def read_disconnect(message: bytes) -> str:
    """Why the other side leaves."""
    return text_of(DISCONNECT.unpack_from(message, KIND.size)[1])
