"""Data-path objects: what a packet meets after a lookup, named by type and index.

VPP counterpart: vnet/dpo/dpo.h. Each type has one graph node per protocol; a load-balance's buckets
hold (type, index), nodes turn the type into their next and leave the index in the buffer.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any, NamedTuple

from .types import NO_INTERFACE, Protocol


class DpoType(enum.IntEnum):
    """VPP's built-in types; further ones are given out by `Dpos.new_type`."""

    INVALID = 0
    DROP = 1
    IP_NULL = 2
    PUNT = 3
    LOAD_BALANCE = 4
    REPLICATE = 5
    ADJACENCY = 6
    ADJACENCY_INCOMPLETE = 7
    ADJACENCY_MIDCHAIN = 8
    ADJACENCY_GLEAN = 9
    ADJACENCY_MCAST = 10
    ADJACENCY_MCAST_MIDCHAIN = 11
    RECEIVE = 12
    LOOKUP = 13
    CLASSIFY = 14
    MPLS_LABEL = 15
    MPLS_DISPOSITION_PIPE = 16
    MPLS_DISPOSITION_UNIFORM = 17
    MFIB_ENTRY = 18
    INTERFACE_RX = 19
    INTERFACE_TX = 20
    DVR = 21
    L3_PROXY = 22
    IP6_LINK_LOCAL = 23


TYPE_NAMES = {
    DpoType.INVALID: "dpo-invalid",
    DpoType.DROP: "dpo-drop",
    DpoType.IP_NULL: "dpo-ip-null",
    DpoType.PUNT: "dpo-punt",
    DpoType.LOAD_BALANCE: "dpo-load-balance",
    DpoType.REPLICATE: "dpo-replicate",
    DpoType.ADJACENCY: "dpo-adjacency",
    DpoType.ADJACENCY_INCOMPLETE: "dpo-adjacency-incomplete",
    DpoType.ADJACENCY_MIDCHAIN: "dpo-adjacency-midcahin",
    DpoType.ADJACENCY_GLEAN: "dpo-glean",
    DpoType.ADJACENCY_MCAST: "dpo-adj-mcast",
    DpoType.ADJACENCY_MCAST_MIDCHAIN: "dpo-adj-mcast-midchain",
    DpoType.RECEIVE: "dpo-receive",
    DpoType.LOOKUP: "dpo-lookup",
    DpoType.CLASSIFY: "dpo-classify",
    DpoType.MPLS_LABEL: "mpls-label",
    DpoType.MPLS_DISPOSITION_PIPE: "dpo-mpls-diposition-pipe",
    DpoType.MPLS_DISPOSITION_UNIFORM: "dpo-mpls-diposition-uniform",
    DpoType.MFIB_ENTRY: "dpo-mfib-entry",
    DpoType.INTERFACE_RX: "dpo-interface-rx",
    DpoType.INTERFACE_TX: "dpo-interface-tx",
    DpoType.DVR: "dpo-dvr",
    DpoType.L3_PROXY: "dpo-l3-proxy",
    DpoType.IP6_LINK_LOCAL: "ip6-link-local",
}
NODES: dict[DpoType, dict[Protocol, str]] = {
    DpoType.DROP: {Protocol.IP4: "ip4-drop", Protocol.IP6: "ip6-drop", Protocol.MPLS: "mpls-drop", Protocol.ETHERNET: "error-drop"},
    DpoType.IP_NULL: {Protocol.IP4: "ip4-null", Protocol.IP6: "ip6-null"},
    DpoType.PUNT: {Protocol.IP4: "ip4-punt", Protocol.IP6: "ip6-punt", Protocol.MPLS: "mpls-punt"},
    DpoType.LOAD_BALANCE: {Protocol.IP4: "ip4-load-balance", Protocol.IP6: "ip6-load-balance", Protocol.MPLS: "mpls-load-balance"},
    DpoType.REPLICATE: {Protocol.IP4: "ip4-replicate", Protocol.IP6: "ip6-replicate", Protocol.MPLS: "mpls-replicate"},
    DpoType.ADJACENCY: {
        Protocol.IP4: "ip4-rewrite",
        Protocol.IP6: "ip6-rewrite",
        Protocol.MPLS: "mpls-output",
        Protocol.ETHERNET: "adj-l2-rewrite",
    },
    DpoType.ADJACENCY_INCOMPLETE: {Protocol.IP4: "ip4-arp", Protocol.IP6: "ip6-discover-neighbor", Protocol.MPLS: "mpls-adj-incomplete"},
    DpoType.ADJACENCY_MIDCHAIN: {
        Protocol.IP4: "ip4-midchain",
        Protocol.IP6: "ip6-midchain",
        Protocol.MPLS: "mpls-midchain",
        Protocol.ETHERNET: "adj-l2-midchain",
    },
    DpoType.ADJACENCY_GLEAN: {Protocol.IP4: "ip4-glean", Protocol.IP6: "ip6-glean"},
    DpoType.ADJACENCY_MCAST: {Protocol.IP4: "ip4-rewrite-mcast", Protocol.IP6: "ip6-rewrite-mcast"},
    DpoType.ADJACENCY_MCAST_MIDCHAIN: {Protocol.IP4: "ip4-mcast-midchain", Protocol.IP6: "ip6-mcast-midchain"},
    DpoType.RECEIVE: {Protocol.IP4: "ip4-receive", Protocol.IP6: "ip6-receive"},
    DpoType.LOOKUP: {Protocol.IP4: "lookup-ip4-dst", Protocol.IP6: "lookup-ip6-dst", Protocol.MPLS: "lookup-mpls-dst"},
    DpoType.CLASSIFY: {Protocol.IP4: "ip4-classify", Protocol.IP6: "ip6-classify"},
    DpoType.MPLS_LABEL: {
        Protocol.IP4: "ip4-mpls-label-imposition-pipe",
        Protocol.IP6: "ip6-mpls-label-imposition-pipe",
        Protocol.MPLS: "mpls-label-imposition-pipe",
    },
    DpoType.MPLS_DISPOSITION_PIPE: {Protocol.IP4: "ip4-mpls-label-disposition-pipe", Protocol.IP6: "ip6-mpls-label-disposition-pipe"},
    DpoType.MPLS_DISPOSITION_UNIFORM: {
        Protocol.IP4: "ip4-mpls-label-disposition-uniform",
        Protocol.IP6: "ip6-mpls-label-disposition-uniform",
    },
    DpoType.INTERFACE_RX: {
        Protocol.IP4: "interface-rx-dpo-ip4",
        Protocol.IP6: "interface-rx-dpo-ip6",
        Protocol.ETHERNET: "interface-rx-dpo-l2",
    },
    DpoType.DVR: {Protocol.IP4: "ip4-dvr-dpo", Protocol.IP6: "ip6-dvr-dpo"},
    DpoType.L3_PROXY: {Protocol.IP4: "ip4-local", Protocol.IP6: "ip6-local"},
    DpoType.IP6_LINK_LOCAL: {Protocol.IP6: "ip6-link-local"},
}
FIRST_SLOTS: dict[Protocol, dict[str, int]] = {
    Protocol.IP4: {
        "ip4-drop": 0,
        "ip4-punt": 1,
        "ip4-arp": 3,
        "ip4-glean": 4,
        "ip4-rewrite": 5,
        "ip4-midchain": 6,
        "ip4-rewrite-mcast": 8,
        "ip4-rewrite-bcast": 9,
        "ip4-mcast-midchain": 10,
        "ip4-receive": 12,
    },
    Protocol.IP6: {
        "ip6-drop": 0,
        "ip6-punt": 1,
        "ip6-discover-neighbor": 3,
        "ip6-glean": 4,
        "ip6-rewrite": 5,
        "ip6-midchain": 6,
        "ip6-rewrite-mcast": 8,
        "ip6-rewrite-bcast": 9,
        "ip6-mcast-midchain": 10,
        "ip6-link-local": 14,
        "ip6-receive": 19,
    },
    Protocol.MPLS: {"mpls-drop": 0, "mpls-replicate": 1},
}
"""Slots of a load-balance's nodes that are taken when VPP is up; further ones count on from the highest."""

ADJACENCY_TYPES = frozenset(
    (
        DpoType.ADJACENCY,
        DpoType.ADJACENCY_INCOMPLETE,
        DpoType.ADJACENCY_MIDCHAIN,
        DpoType.ADJACENCY_GLEAN,
        DpoType.ADJACENCY_MCAST,
        DpoType.ADJACENCY_MCAST_MIDCHAIN,
    )
)


class Dpo(NamedTuple):
    """One data-path object: its type (a DpoType or a given-out number), protocol and index."""

    type: int
    protocol: int
    index: int  # type: ignore[assignment]  # VPP's name; nobody searches in a Dpo as in a tuple

    @property
    def is_drop(self) -> bool:
        """Whether it drops outright."""
        return self.type == DpoType.DROP

    @property
    def is_adjacency(self) -> bool:
        """Whether the index is one of an adjacency."""
        return self.type in ADJACENCY_TYPES


INVALID = Dpo(int(DpoType.INVALID), 0, 0)
DROPS = tuple(Dpo(int(DpoType.DROP), int(protocol), int(protocol)) for protocol in Protocol)
PUNTS = tuple(Dpo(int(DpoType.PUNT), int(protocol), int(protocol)) for protocol in Protocol)


NO_MTU = 0xFFFF


class Held(NamedTuple):
    """An object that somebody keeps, and how to let go of it; None when it is kept by others anyway."""

    dpo: Dpo
    release: Callable[[], None] | None = None


Formatter = Callable[[int, int], str]
"""`(index, indent) -> text` of an object of one type."""
PlacedFormatter = Callable[[int, int, int], str]
"""The same for a text that depends on the column where it begins: `(index, indent, column) -> text`."""


class Dpos:
    """The types this engine knows: their nodes, how they print, and which graph slot each node has."""

    def __init__(self, engine: Any) -> None:
        self._names: dict[int, str] = {int(kind): name for kind, name in TYPE_NAMES.items()}
        self._nodes: dict[int, dict[Protocol, str]] = {int(kind): nodes for kind, nodes in NODES.items()}
        self._formatters: dict[int, Formatter] = {
            int(DpoType.DROP): lambda index, indent: f"dpo-drop {Protocol(index).text}",
            int(DpoType.PUNT): lambda index, indent: "dpo-punt",
        }
        self._placed: dict[int, PlacedFormatter] = {}
        self._mtus: dict[int, Callable[[int], int]] = {}
        self._urpfs: dict[int, Callable[[int], int]] = {}
        self._clones: dict[int, Callable[[int, Held], Held]] = {}
        self._slots = {protocol: dict(slots) for protocol, slots in FIRST_SLOTS.items()}

    def register(self, kind: int, formatter: Formatter) -> None:
        """Say how objects of a type print."""
        self._formatters[int(kind)] = formatter

    def register_placed(self, kind: int, formatter: PlacedFormatter) -> None:
        """Say how objects of a type print whose text depends on the column where it begins."""
        self._placed[int(kind)] = formatter

    def new_type(self, name: str, nodes: dict[Protocol, str], formatter: Formatter) -> int:
        """Give out a type for a feature's own objects."""
        kind = max(self._names) + 1
        self._names[kind] = name
        self._nodes[kind] = nodes
        self._formatters[kind] = formatter
        return kind

    def register_mtu(self, kind: int, mtu: Callable[[int], int]) -> None:
        """Say what the longest packet is that objects of a type let pass, by index."""
        self._mtus[int(kind)] = mtu

    def register_urpf(self, kind: int, interface: Callable[[int], int]) -> None:
        """Say by which interface those are reached to whom objects of a type lead, by index."""
        self._urpfs[int(kind)] = interface

    def register_clone(self, kind: int, clone: Callable[[int, Held], Held]) -> None:
        """Say how an object of a type is put in front of another, `(index, parent) -> copy`."""
        self._clones[int(kind)] = clone

    def mtu(self, dpo: Dpo) -> int:
        """The longest packet that an object lets pass, as far as it knows."""
        mtu = self._mtus.get(dpo.type)
        return NO_MTU if mtu is None else mtu(dpo.index)

    def urpf_interface(self, dpo: Dpo) -> int:
        """The interface from which answers to what an object sends may come, as far as its type says."""
        interface = self._urpfs.get(dpo.type)
        return NO_INTERFACE if interface is None else interface(dpo.index)

    def clone_in_front(self, dpo: Dpo, parent: Held) -> Held:
        """A copy of an object that is stacked on another."""
        return self._clones[dpo.type](dpo.index, parent)

    def type_name(self, kind: int) -> str:
        """Name of a type as VPP prints it."""
        return self._names[kind]

    def node(self, kind: int, protocol: Protocol) -> str:
        """The graph node that handles packets of a protocol for objects of a type."""
        return self._nodes.get(kind, {}).get(protocol, f"{protocol.text}-drop")

    def nodes(self, protocol: Protocol) -> dict[int, str]:
        """Every type's node for a protocol, for a node that builds its table of nexts."""
        return {kind: nodes[protocol] for kind, nodes in self._nodes.items() if protocol in nodes}

    def slot(self, parent: Protocol, child: Dpo) -> int:
        """The slot of the child's node in the parent protocol's nodes, given out on first use."""
        return self.slot_of_node(parent, self.node(child.type, Protocol(child.protocol)))

    def slot_of_node(self, parent: Protocol, node: str) -> int:
        """The slot of a node in the nodes of a protocol's load-balances."""
        slots = self._slots.setdefault(parent, {f"{parent.text}-drop": 0})
        if node not in slots:
            slots[node] = max(slots.values()) + 1
        return slots[node]

    def has_node(self, kind: int, protocol: Protocol) -> bool:
        """Whether objects of a type can handle packets of a protocol."""
        return protocol in self._nodes.get(kind, {})

    def text(self, dpo: Dpo, indent: int, column: int | None = None) -> str:
        """The object's own text; it begins at a column of its line, by default where its further lines do."""
        if dpo.type == DpoType.INVALID:
            return "unset"
        placed = self._placed.get(dpo.type)
        if placed is not None:
            return placed(dpo.index, indent, indent if column is None else column)
        formatter = self._formatters.get(dpo.type)
        return formatter(dpo.index, indent) if formatter else "unknown"

    def format(self, dpo: Dpo, indent: int, parent: Protocol | None = None, column: int | None = None) -> str:
        """The object with its slot, `[@5]: ipv4 via ...`; without a parent the slot is 0."""
        return self.format_at(dpo, indent, self.slot(parent, dpo) if parent is not None else 0, column)

    def format_at(self, dpo: Dpo, indent: int, slot: int, column: int | None = None) -> str:
        """The object with the slot that it has somewhere."""
        head = f"[@{slot}]: "
        return head + self.text(dpo, indent, (indent if column is None else column) + len(head))
