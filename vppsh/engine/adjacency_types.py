"""One adjacency: what it does with packets, who uses it (VPP's ip_adjacency_t)."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING
from typing import Protocol as Shape

from vppsh.engine.fib.dpo import Dpo, DpoType
from vppsh.engine.fib.types import Prefix, Protocol

if TYPE_CHECKING:
    from vppsh.engine.fib.entry import Entry
    from vppsh.engine.tunnel.midchain import Midchain

ALL_ONES = (1 << 128) - 1
"""Next hop of the adjacency of directed broadcasts."""


class Kind(enum.IntEnum):
    """What an adjacency does with a packet (VPP's lookup_next_index)."""

    INCOMPLETE = 0
    REWRITE = 1
    BROADCAST = 2
    GLEAN = 3
    MCAST = 4
    MIDCHAIN = 5
    MCAST_MIDCHAIN = 6


MIDCHAINS = (Kind.MIDCHAIN, Kind.MCAST_MIDCHAIN)
DPO_TYPES = {
    Kind.INCOMPLETE: DpoType.ADJACENCY_INCOMPLETE,
    Kind.REWRITE: DpoType.ADJACENCY,
    Kind.BROADCAST: DpoType.ADJACENCY,
    Kind.GLEAN: DpoType.ADJACENCY_GLEAN,
    Kind.MCAST: DpoType.ADJACENCY_MCAST,
    Kind.MIDCHAIN: DpoType.ADJACENCY_MIDCHAIN,
    Kind.MCAST_MIDCHAIN: DpoType.ADJACENCY_MCAST_MIDCHAIN,
}


class RewriteFlag(enum.IntFlag):
    """Bits of the column `flags`, and (shown only) whether there are output features."""

    FEATURES = 1 << 0
    FIXUP_IP4_IN_IP4 = 1 << 1
    FIXUP_FLOW_HASH = 1 << 2


class Reason(enum.Enum):
    """Why an adjacency tells its paths to look again."""

    UP = "interface-up"
    DOWN = "interface-down"
    DELETED = "interface-delete"
    BOUND = "interface-bind"
    CHANGED = "adj-update"
    GOING_DOWN = "adj-down"
    EVALUATE = "evaluate"


class Child(Shape):
    """Who depends on an adjacency or an entry, and hears of its changes: a path, a tracker."""

    @property
    def child_name(self) -> str:
        """What lists of children call it: `path:4`."""

    def back_walk(self, reason: Reason, depth: int = 0) -> None:
        """Look again."""


class Adjacency:
    """One adjacency: who it leads to, and who uses it.

    protocol  of the next hop, `link` of what is carried (they differ under MPLS)
    glean     the connected prefix and source address of a glean
    midchain  what a tunnel's adjacency is stacked on
    """

    __slots__ = ("children", "glean", "index", "interface", "kind", "link", "locks", "midchain", "next_hop", "protocol", "walking")

    def __init__(self, index: int, protocol: Protocol, link: Protocol, next_hop: int, interface: int, kind: Kind) -> None:
        self.index = index
        self.protocol = protocol
        self.link = link
        self.next_hop = next_hop
        self.interface = interface
        self.kind = kind
        self.glean: Prefix | None = None
        self.midchain: Midchain | None = None
        self.locks = 0
        self.children: dict[Child, None] = {}
        self.walking = False

    @property
    def dpo(self) -> Dpo:
        """The adjacency as a data-path object."""
        return Dpo(int(DPO_TYPES[self.kind]), int(self.link), self.index)

    def loop_detect(self, seen: list[Entry]) -> bool:
        """Whether the adjacency leads back to an entry it was reached through: only a tunnel's can."""
        return self.midchain is not None and self.midchain.loop_detect(seen)


def format_children(children: dict[Child, None]) -> str:
    """Dependents as VPP lists them, the last one first."""
    return "".join(f"{{{child.child_name}}}" for child in reversed(list(children)))
