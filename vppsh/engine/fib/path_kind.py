"""Kinds of paths: which one a description asks for, and when two descriptions are the same path.

VPP counterpart: fib_path_type_t and fib_path_create (vnet/fib/fib_path.c).
"""

from __future__ import annotations

import enum
from typing import Any

from .types import KEPT_PATH_FLAGS, NO_INTERFACE, NO_TABLE, PathFlag, RoutePath


class Kind(enum.IntEnum):
    """VPP's path types; the value orders paths of one list."""

    ATTACHED_NEXT_HOP = 0
    ATTACHED = 1
    RECURSIVE = 2
    SPECIAL = 3
    EXCLUSIVE = 4
    DEAG = 5
    INTERFACE_RX = 6
    RECEIVE = 8

    @property
    def text(self) -> str:
        """Name in `show ip fib`."""
        return KIND_NAMES[self]


KIND_NAMES = {
    Kind.ATTACHED_NEXT_HOP: "attached-nexthop",
    Kind.ATTACHED: "attached",
    Kind.RECURSIVE: "recursive",
    Kind.SPECIAL: "special",
    Kind.EXCLUSIVE: "exclusive",
    Kind.DEAG: "deag",
    Kind.INTERFACE_RX: "intf-rx",
    Kind.RECEIVE: "receive",
}


def kind_of(route: RoutePath) -> Kind:
    """Which kind of path a description asks for."""
    flags = route.flags
    if flags & PathFlag.LOCAL:
        return Kind.RECEIVE
    if flags & PathFlag.INTERFACE_RX:
        return Kind.INTERFACE_RX
    if flags & (PathFlag.RPF_ID | PathFlag.DEAG):
        return Kind.DEAG
    if flags & PathFlag.EXCLUSIVE:
        return Kind.EXCLUSIVE
    if flags & (PathFlag.ICMP_PROHIBIT | PathFlag.ICMP_UNREACH | PathFlag.DROP | PathFlag.CLASSIFY):
        return Kind.SPECIAL
    if flags & PathFlag.GLEAN:
        return Kind.ATTACHED
    if route.interface != NO_INTERFACE:
        return Kind.ATTACHED_NEXT_HOP if route.address else Kind.ATTACHED
    if route.address or route.local_label >= 0:
        return Kind.RECURSIVE
    return Kind.SPECIAL if route.table == NO_TABLE else Kind.DEAG


def share_key(route: RoutePath) -> tuple[Any, ...]:
    """What must be equal in two descriptions for path-lists to be shared."""
    kind = kind_of(route)
    table = route.table if kind in (Kind.RECURSIVE, Kind.DEAG) else NO_TABLE
    return (
        kind,
        route.protocol,
        route.address,
        route.interface,
        table,
        route.weight or 1,
        route.preference,
        route.flags & KEPT_PATH_FLAGS,
        route.connected,
        route.dpo,
        route.rpf_id,
        route.local_label,
        route.local_eos,
    )
