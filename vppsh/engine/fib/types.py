"""Words of the FIB: protocols, prefixes, route paths, sources and the flags that `show ip fib` prints.

VPP counterpart: vnet/fib/fib_types.h, fib_source.h, fib_entry.h. Addresses are Python integers in
host order here (32 or 128 bits, said by the protocol); numpy only meets them in the lookup structures.
Flags are plain integers: operations on enum members cost more than all the rest of adding a route.
"""

from __future__ import annotations

import enum
import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from msgspec import Struct

from vppsh.engine.wire.mpls import EOS_NAMES, format_mpls_unicast_label

NO_INTERFACE = -1
NO_TABLE = -1


class Protocol(enum.IntEnum):
    """What a chain of forwarding objects carries (VPP's dpo_proto_t)."""

    IP4 = 0
    IP6 = 1
    MPLS = 2
    ETHERNET = 3
    BIER = 4
    NSH = 5

    @property
    def text(self) -> str:
        """Name in paths and load-balances."""
        return ("ip4", "ip6", "mpls", "ethernet", "bier", "nsh")[self]

    @property
    def fib_name(self) -> str:
        """Name in the head of a table and in glean adjacencies."""
        return ("ipv4", "ipv6", "MPLS")[self]

    @property
    def link_name(self) -> str:
        """Name in a neighbour adjacency (VPP's vnet_link_t)."""
        return ("ipv4", "ipv6", "mpls", "ethernet", "bier", "nsh")[self]

    @property
    def bits(self) -> int:
        """Length of a host prefix."""
        return HOST_BITS[self]


HOST_BITS = (32, 128, 21)


class Chain(enum.IntEnum):
    """For which payload an entry is asked to forward; each has its own load-balance."""

    IP4 = 0
    IP6 = 1
    MPLS_NON_EOS = 2
    MPLS_EOS = 3

    @property
    def text(self) -> str:
        """Name in `show ip fib`, without its `-chain`."""
        return ("unicast-ip4", "unicast-ip6", "mpls-neos", "mpls-eos")[self]

    @property
    def protocol(self) -> Protocol:
        """Protocol of the chain's load-balance."""
        return (Protocol.IP4, Protocol.IP6, Protocol.MPLS, Protocol.MPLS)[self]


def format_address(protocol: Protocol, address: int) -> str:
    """An address as VPP prints it."""
    if protocol is Protocol.IP6:
        return str(ipaddress.IPv6Address(address)) if address >> 32 else format_low_ip6(address)
    return f"{address >> 24 & 255}.{address >> 16 & 255}.{address >> 8 & 255}.{address & 255}"


def format_low_ip6(address: int) -> str:
    """An IPv6 address below 2^32: never with dots, as VPP prints it."""
    high, low = address >> 16, address & 0xFFFF
    return f"::{high:x}:{low:x}" if high else (f"::{low:x}" if low else "::")


class Prefix(NamedTuple):
    """A prefix as it was configured: host bits may be set, `network` clears them.

    The address of an MPLS prefix is twice a label, plus 1 at the bottom of the stack.

    payload  of an MPLS prefix: what is behind the label
    """

    protocol: Protocol
    address: int
    length: int
    payload: Protocol = Protocol.MPLS

    @classmethod
    def of_label(cls, label: int, end_of_stack: int, payload: Protocol = Protocol.MPLS) -> Prefix:
        """The prefix of an MPLS label."""
        return cls(Protocol.MPLS, label << 1 | end_of_stack, Protocol.MPLS.bits, payload)

    @property
    def carries(self) -> Protocol:
        """What packets to this prefix are once no label is left of them."""
        return self.payload if self.protocol is Protocol.MPLS else self.protocol

    @property
    def network(self) -> int:
        """The address with its host bits cleared."""
        host = HOST_BITS[self.protocol] - self.length
        return self.address >> host << host

    @property
    def is_host(self) -> bool:
        """Whether the prefix covers one address only."""
        return self.length == self.protocol.bits

    def covers(self, other: Prefix) -> bool:
        """Whether the other prefix lies inside this one."""
        host = HOST_BITS[self.protocol] - self.length
        return other.length >= self.length and self.address >> host == other.address >> host

    def __str__(self) -> str:
        if self.protocol is Protocol.MPLS:
            return f"{format_mpls_unicast_label(self.address >> 1)}:{EOS_NAMES[self.address & 1]}/{self.length}"
        return f"{format_address(self.protocol, self.network)}/{self.length}"


class Source(enum.IntEnum):
    """Who says an entry should exist, best first; the value orders them (VPP's class and slot)."""

    SPECIAL = 0x0000
    CLASSIFY = 0x0100
    PROXY = 0x0200
    INTERFACE = 0x0300
    SR = 0x1000
    PATH_MTU = 0x1100
    BIER = 0x2000
    SIX_RD = 0x3000
    API = 0x8000
    CLI = 0x8100
    LISP = 0x9000
    MAP = 0xA000
    DHCP = 0xB000
    IP6_ND_PROXY = 0xC000
    IP6_ND = 0xC100
    ADJACENCY = 0xD000
    MPLS = 0xE000
    ATTACHED_EXPORT = 0xF000
    RECURSIVE = 0xFB00
    URPF_EXEMPT = 0xFC00
    DEFAULT_ROUTE = 0xFD00
    INTERPOSE = 0xFE00

    @property
    def text(self) -> str:
        """Name in `show ip fib`."""
        return SOURCE_NAMES[self]

    @property
    def number(self) -> int:
        """Position in VPP's enumeration: the order of a table's locks in its head."""
        return SOURCE_NUMBERS[self]


SOURCE_NAMES = {
    Source.SPECIAL: "special",
    Source.CLASSIFY: "classify",
    Source.PROXY: "proxy",
    Source.INTERFACE: "interface",
    Source.SR: "SR",
    Source.BIER: "BIER",
    Source.SIX_RD: "6RD",
    Source.API: "API",
    Source.CLI: "CLI",
    Source.LISP: "LISP",
    Source.MAP: "MAP",
    Source.DHCP: "DHCP",
    Source.IP6_ND_PROXY: "IPv6-proxy-nd",
    Source.IP6_ND: "IPv6-nd",
    Source.ADJACENCY: "adjacency",
    Source.MPLS: "mpls",
    Source.ATTACHED_EXPORT: "attached_export",
    Source.RECURSIVE: "recursive-resolution",
    Source.URPF_EXEMPT: "urpf-exempt",
    Source.DEFAULT_ROUTE: "default-route",
    Source.INTERPOSE: "interpose",
    Source.PATH_MTU: "path-mtu",
}
SOURCE_NUMBERS = {source: number for number, source in enumerate(SOURCE_NAMES, start=1)}


class EntryFlag:
    """What kind of entry a source asks for; names in the order VPP prints them."""

    NONE = 0
    CONNECTED = 1 << 0
    ATTACHED = 1 << 1
    DROP = 1 << 2
    EXCLUSIVE = 1 << 3
    IMPORT = 1 << 4
    LOCAL = 1 << 5
    MULTICAST = 1 << 6
    LOOSE_URPF_EXEMPT = 1 << 7
    NO_ATTACHED_EXPORT = 1 << 8
    COVERED_INHERIT = 1 << 9
    INTERPOSE = 1 << 10


ENTRY_FLAG_NAMES = (
    "connected",
    "attached",
    "drop",
    "exclusive",
    "import",
    "local",
    "multicast",
    "uRPF-exempt",
    "no-attached-export",
    "covered-inherit",
    "interpose",
)


class SourceFlag:
    """State of a source on its entry."""

    NONE = 0
    ADDED = 1 << 0
    CONTRIBUTING = 1 << 1
    ACTIVE = 1 << 2
    STALE = 1 << 3
    INHERITED = 1 << 4
    PROVIDES_GLEAN = 1 << 5


SOURCE_FLAG_NAMES = ("added", "contributing", "active", "stale", "inherited", "provides-glean")


class PathListFlag:
    """Properties of a path-list."""

    NONE = 0
    SHARED = 1 << 0
    DROP = 1 << 1
    LOCAL = 1 << 2
    EXCLUSIVE = 1 << 3
    RESOLVED = 1 << 4
    LOOPED = 1 << 5
    POPULAR = 1 << 6
    NO_URPF = 1 << 7


PATH_LIST_FLAG_NAMES = ("shared", "drop", "local", "exclusive", "resolved", "looped", "popular", "no-uRPF")


class PathFlag:
    """How a path was configured."""

    NONE = 0
    DROP = 1 << 0
    EXCLUSIVE = 1 << 1
    RESOLVE_HOST = 1 << 2
    RESOLVE_ATTACHED = 1 << 3
    ATTACHED = 1 << 4
    INTERFACE_RX = 1 << 5
    RPF_ID = 1 << 6
    LOCAL = 1 << 7
    ICMP_UNREACH = 1 << 8
    ICMP_PROHIBIT = 1 << 9
    CLASSIFY = 1 << 10
    SOURCE_LOOKUP = 1 << 11
    POP_PW_CW = 1 << 12
    GLEAN = 1 << 13
    # Of a route path only: they choose the kind of the path and are not kept in its flags.
    DEAG = 1 << 14
    UDP_ENCAP = 1 << 15
    DVR = 1 << 16


PATH_FLAG_NAMES = (
    "drop",
    "exclusive",
    "resolve-host",
    "resolve-attached",
    "attached",
    "interface-rx",
    "rpf-id",
    "local",
    "icmp-unreach",
    "icmp-prohibit",
    "classify",
    "deag-src",
    "pop-pw-cw",
    "glean",
)
KEPT_PATH_FLAGS = (1 << len(PATH_FLAG_NAMES)) - 1


class OperFlag:
    """What became of a path."""

    NONE = 0
    RECURSIVE_LOOP = 1 << 0
    RESOLVED = 1 << 1
    DROP = 1 << 2


OPER_FLAG_NAMES = ("recursive-loop", "resolved", "drop")


def flag_names(value: int, names: Iterable[str]) -> str:
    """Set flags as `name,name,`: the way VPP lists them."""
    return "".join(f"{name}," for bit, name in enumerate(names) if value >> bit & 1)


class Label(Struct, frozen=True):
    """One MPLS label to impose."""

    value: int
    ttl: int = 0
    exp: int = 0
    uniform: bool = False


@dataclass(slots=True)
class RoutePath:
    """A path as a user or a source describes it (VPP's fib_route_path_t).

    protocol   family of the next hop
    address    next hop, 0 for none
    interface  sw_if_index, NO_INTERFACE for none
    table      index of the FIB in which the next hop (or, without one, the packet) is looked up

    multicast_flags  what the path is for in a multicast entry
    """

    protocol: Protocol
    address: int = 0
    interface: int = NO_INTERFACE
    table: int = NO_TABLE
    weight: int = 1
    preference: int = 0
    flags: int = PathFlag.NONE
    connected: Prefix | None = None
    labels: tuple[Label, ...] = ()
    dpo: tuple[int, int, int] | None = None
    rpf_id: int = -1
    local_label: int = -1
    local_eos: int = 0
    multicast_flags: int = 0

    def sort_key(self) -> tuple[int, int, int, int]:
        """Order of paths within one request; a label to resolve through lies where others have the address."""
        return (self.address, self.local_label, self.interface, 0 if self.address else self.table)
