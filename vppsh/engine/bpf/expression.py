"""What a filter expression says, as values."""

from __future__ import annotations

import enum
from dataclasses import dataclass


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


@dataclass(frozen=True)
class Qualifiers:
    """What comes before a name or number: `tcp src port`. A `type` of None is a host."""

    protocol: str | None = None
    direction: Direction | None = None
    type: Type | None = None


@dataclass(frozen=True)
class Number:
    """A number, of a port for one."""

    value: int


@dataclass(frozen=True)
class Name:
    """A word that is no keyword."""

    text: str


@dataclass(frozen=True)
class Ip4Text:
    """Two to four numbers with dots between, and perhaps a prefix length or a mask."""

    text: str
    length: int | None = None
    mask: str | None = None


@dataclass(frozen=True)
class Ip6Text:
    """An IPv6 address, and perhaps a prefix length."""

    text: str
    length: int = 128


@dataclass(frozen=True)
class MacText:
    """A MAC address."""

    text: str


Subject = Number | Name | Ip4Text | Ip6Text | MacText


@dataclass(frozen=True)
class Primitive:
    """`tcp src port 80`."""

    qualifiers: Qualifiers
    subject: Subject


@dataclass(frozen=True)
class Protocol:
    """`udp`."""

    name: str


@dataclass(frozen=True)
class Cast:
    """`broadcast` or `multicast`, of a protocol or of the link."""

    kind: str
    protocol: str | None


@dataclass(frozen=True)
class Longer:
    """`greater N`, or (`shorter`) `less N`."""

    length: int
    shorter: bool


@dataclass(frozen=True)
class ByteTest:
    """`byte 0 & 1`."""

    at: int
    operator: str
    value: int


@dataclass(frozen=True)
class Tagged:
    """`vlan [N]` or `mpls [N]`; what comes after it in the expression is about what the tag carries."""

    kind: str
    number: int | None


@dataclass(frozen=True)
class Load:
    """`tcp[13]`, `ip[2:2]`."""

    protocol: str
    at: Arithmetic
    size: int


@dataclass(frozen=True)
class Length:
    """`len`."""


@dataclass(frozen=True)
class Binary:
    """`A + B` and its kin."""

    operator: str
    left: Arithmetic
    right: Arithmetic


@dataclass(frozen=True)
class Negative:
    """`-A`."""

    inner: Arithmetic


Arithmetic = Number | Load | Length | Binary | Negative


@dataclass(frozen=True)
class Relation:
    """`A > B` and its kin."""

    operator: str
    left: Arithmetic
    right: Arithmetic


@dataclass(frozen=True)
class Not:
    """`not A`."""

    inner: Expression


@dataclass(frozen=True)
class And:
    """`A and B`."""

    left: Expression
    right: Expression


@dataclass(frozen=True)
class Or:
    """`A or B`."""

    left: Expression
    right: Expression


Expression = Primitive | Protocol | Cast | Longer | ByteTest | Tagged | Relation | Not | And | Or
