"""What a filter expression says, as values."""

from __future__ import annotations

import enum

from msgspec import Struct


class Direction(enum.Enum):
    """Which of a packet's two addresses or ports."""

    EITHER = "src or dst"
    SOURCE = "src"
    DESTINATION = "dst"
    BOTH = "src and dst"


class Type(enum.Enum):
    """What a name or number stands for."""

    HOST = "host"
    NET = "net"
    PORT = "port"
    PORTRANGE = "portrange"
    PROTO = "proto"


class Qualifiers(Struct, frozen=True):
    """What comes before a name or number: `tcp src port`. A `type` of None is a host."""

    protocol: str | None = None
    direction: Direction | None = None
    type: Type | None = None


class Number(Struct, frozen=True):
    """A number, of a port for one."""

    value: int


class Name(Struct, frozen=True):
    """A word that is no keyword."""

    text: str


class Ip4Text(Struct, frozen=True):
    """Two to four numbers with dots between, and perhaps a prefix length or a mask."""

    text: str
    length: int | None = None
    mask: str | None = None


class Ip6Text(Struct, frozen=True):
    """An IPv6 address, and perhaps a prefix length."""

    text: str
    length: int = 128


class MacText(Struct, frozen=True):
    """A MAC address."""

    text: str


Subject = Number | Name | Ip4Text | Ip6Text | MacText


class Primitive(Struct, frozen=True):
    """`tcp src port 80`."""

    qualifiers: Qualifiers
    subject: Subject


class Protocol(Struct, frozen=True):
    """`udp`."""

    name: str


class Cast(Struct, frozen=True):
    """`broadcast` or `multicast`, of a protocol or of the link."""

    kind: str
    protocol: str | None


class Longer(Struct, frozen=True):
    """`greater N`, or (`shorter`) `less N`."""

    length: int
    shorter: bool


class ByteTest(Struct, frozen=True):
    """`byte 0 & 1`."""

    at: int
    operator: str
    value: int


class Tagged(Struct, frozen=True):
    """`vlan [N]` or `mpls [N]`; what comes after it in the expression is about what the tag carries."""

    kind: str
    number: int | None


class Load(Struct, frozen=True):
    """`tcp[13]`, `ip[2:2]`."""

    protocol: str
    at: Arithmetic
    size: int


class Length(Struct, frozen=True):
    """`len`."""


class Binary(Struct, frozen=True):
    """`A + B` and its kin."""

    operator: str
    left: Arithmetic
    right: Arithmetic


class Negative(Struct, frozen=True):
    """`-A`."""

    inner: Arithmetic


Arithmetic = Number | Load | Length | Binary | Negative


class Relation(Struct, frozen=True):
    """`A > B` and its kin."""

    operator: str
    left: Arithmetic
    right: Arithmetic


class Not(Struct, frozen=True):
    """`not A`."""

    inner: Expression


class And(Struct, frozen=True):
    """`A and B`."""

    left: Expression
    right: Expression


class Or(Struct, frozen=True):
    """`A or B`."""

    left: Expression
    right: Expression


Expression = Primitive | Protocol | Cast | Longer | ByteTest | Tagged | Relation | Not | And | Or
