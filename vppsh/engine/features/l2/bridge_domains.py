"""Bridge domains: ports between which frames are switched by their destination addresses.

Counterpart of vnet/l2/l2_bd.c (IEEE 802.1D with the floods of RFC 4762). A domain is known by its number
(bd_id); it lives at an index, which what is learned refers to. An index keeps its sequence number and its
ageing time when its domain is deleted, so that what was learned before is not taken for new.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING

from msgspec import Struct

from vppsh.engine.features.l2 import features
from vppsh.engine.flood_class import FloodClass
from vppsh.engine.interfaces import Interface
from vppsh.errors import CommandError

if TYPE_CHECKING:
    from vppsh.engine.engine import Engine

MAX_ID = (1 << 24) - 1
MAX_AGE = 255
DEFAULT_LEARN_LIMIT = 16 << 20
DEFAULT_FEATURES = features.ALL_BITS & ~(features.ARP_TERM | features.UU_FWD | features.ARP_UFWD)
SCANNER = "l2fib-mac-age-scanner-process"
SEQUENCES = 256
ALREADY_EXISTS = -119


class Member(Struct, frozen=True):
    """A port that frames are flooded to.

    shg  its split-horizon group, 0 for none: nothing goes from one port of a group to another one of it
    """

    interface: Interface
    bvi: bool
    shg: int


class Target(Struct, frozen=True):
    """Where one copy of a flooded frame goes."""

    sw_if_index: int
    bvi: bool


@dataclass
class BridgeDomain:
    """One domain.

    features     input features that its ports may have, 0 while the index is not in use
    members      in the order BVI, ordinary ports, unicast tunnels, ports that nothing is flooded to
    uu_forward   the port that takes what is for unknown addresses, instead of a flood
    mac_age      minutes until an address that was not heard of is forgotten, 0 for never
    sequence     counts flushes: what was learned under an older number does not count
    """

    index: int
    bd_id: int | None = None
    features: int = 0
    members: list[Member] = field(default_factory=list)
    bvi: Interface | None = None
    uu_forward: Interface | None = None
    mac_age: int = 0
    sequence: int = 0
    tag: str = ""
    learn_limit: int = DEFAULT_LEARN_LIMIT
    learn_count: int = 0
    macs: dict[int, bytes] = field(default_factory=dict)
    macs6: dict[int, bytes] = field(default_factory=dict)
    _targets: dict[tuple[int, int], tuple[Target, ...]] = field(default_factory=dict)

    @property
    def flood_count(self) -> int:
        """How many of the first members frames are flooded to: unicast tunnels only when there is no multicast one."""
        classes = [member.interface.flood_class for member in self.members]
        tunnels = classes.count(FloodClass.TUNNEL_NORMAL) if FloodClass.TUNNEL_MASTER in classes else 0
        return len(classes) - tunnels - classes.count(FloodClass.NO_FLOOD)

    def validate(self) -> None:
        """Take the domain into use."""
        if self.features:
            return
        self.features = DEFAULT_FEATURES
        self.bvi = self.uu_forward = None
        self.members, self.macs, self.macs6 = [], {}, {}
        self._targets.clear()

    def add(self, member: Member) -> None:
        """Let frames be flooded to a port."""
        classes = [other.interface.flood_class for other in self.members]
        behind = 0
        if member.interface.flood_class is not FloodClass.NO_FLOOD:
            behind += classes.count(FloodClass.NO_FLOOD)
            if member.interface.flood_class is not FloodClass.TUNNEL_NORMAL:
                behind += classes.count(FloodClass.TUNNEL_NORMAL)
        place = 0 if member.interface.flood_class is FloodClass.BVI else len(classes) - behind
        self.members.insert(place, member)
        self._targets.clear()

    def remove(self, interface: Interface) -> None:
        """Let nothing be flooded to a port any more, if anything was."""
        self.members = [member for member in self.members if member.interface is not interface]
        self._targets.clear()

    def targets(self, received: int, shg: int) -> tuple[Target, ...]:
        """Where a frame of that port and split-horizon group is flooded to: last member first, so that a BVI is last."""
        found = self._targets.get((received, shg))
        if found is None:
            found = tuple(
                Target(member.interface.sw_if_index, member.bvi)
                for member in reversed(self.members[: self.flood_count])
                if member.interface.sw_if_index != received and not (shg and member.shg == shg)
            )
            self._targets[received, shg] = found
        return found


class BridgeDomains:
    """The domains of an engine.

    default_learn_limit  addresses that a new domain may learn
    learn_count, limit   addresses learned by all domains, and how many they may be
    changed              called with a domain whose features, sequence number or ageing time changed
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._by_id: dict[int, BridgeDomain] = {}
        self._domains: list[BridgeDomain] = []
        self.default_learn_limit = DEFAULT_LEARN_LIMIT
        self.learn_count = 0
        self.learn_limit = DEFAULT_LEARN_LIMIT
        self._seed = 0
        self.changed: Callable[[BridgeDomain], None] = lambda domain: None
        # What comes in by an interface of no domain is dropped in this one.
        self.find_or_add(0).features = features.DROP

    def __getitem__(self, index: int) -> BridgeDomain:
        return self._domains[index]

    def __len__(self) -> int:
        """How many indices there ever were."""
        return len(self._domains)

    @property
    def in_use(self) -> list[BridgeDomain]:
        """All but the default one, by index."""
        return [domain for domain in self._domains[1:] if domain.features]

    def find(self, bd_id: int) -> BridgeDomain | None:
        """The domain of that number, if there is one."""
        return self._by_id.get(bd_id)

    def find_or_add(self, bd_id: int) -> BridgeDomain:
        """The domain of that number; a new one is not in use yet."""
        domain = self._by_id.get(bd_id)
        if domain is None:
            domain = next((each for each in self._domains if each.bd_id is None), None)
            if domain is None:
                domain = BridgeDomain(len(self._domains))
                self._domains.append(domain)
            domain.bd_id, domain.learn_limit, domain.learn_count = bd_id, self.default_learn_limit, 0
            self._by_id[bd_id] = domain
        return domain

    def unused_id(self) -> int:
        """A number for a domain that is to have any: VPP's next random one, or the nearest free one."""
        self._seed = (1664525 * self._seed + 1013904223) & features.ALL_BITS
        for step in count():
            self._seed = (self._seed + (step if step % 2 else -step)) & MAX_ID
            if self._seed and self._seed not in self._by_id:
                break
        return self._seed

    def create(self, bd_id: int, on: int, mac_age: int, tag: str) -> BridgeDomain:
        """A new domain; of the features that can be switched it has those `on` (CommandError if the number is not free)."""
        if bd_id in self._by_id:
            raise CommandError(f"bd_add_del returned {ALREADY_EXISTS}")
        if bd_id > MAX_ID:
            raise CommandError("bridge domain ID exceed 16M limit")
        domain = self.find_or_add(bd_id)
        domain.validate()
        switched = features.FLOOD | features.UU_FLOOD | features.FWD | features.LEARN | features.ARP_TERM | features.ARP_UFWD
        domain.features = domain.features & ~switched | on
        self.set_mac_age(domain, mac_age)
        domain.tag = tag
        return domain

    def delete(self, bd_id: int) -> None:
        """Take away a domain that has no members (CommandError)."""
        domain = self._by_id.get(bd_id)
        if domain is None:
            raise CommandError("bridge domain ID does not exist")
        if domain.members:
            raise CommandError("bridge domain in use - remove members")
        self.flush(domain)
        del self._by_id[bd_id]
        domain.bd_id, domain.features, domain.learn_limit, domain.learn_count, domain.tag = None, 0, 0, 0, ""
        domain.macs, domain.macs6 = {}, {}

    def switch(self, domain: BridgeDomain, feature: int, on: bool) -> None:
        """Let a domain's ports have a feature, or not."""
        domain.validate()
        domain.features = domain.features | feature if on else domain.features & ~feature
        self.changed(domain)

    def set_mac_age(self, domain: BridgeDomain, minutes: int) -> None:
        """Set when addresses are forgotten; looking for them begins, or ends when no domain wants it."""
        domain.mac_age = minutes
        self.changed(domain)
        self._engine.dispatcher.signal(self._engine.graph[SCANNER], "start" if self.ageing else "stop")

    @property
    def ageing(self) -> bool:
        """Whether any domain forgets addresses."""
        return any(domain.bd_id is not None and domain.mac_age for domain in self._domains)

    def flush(self, domain: BridgeDomain) -> None:
        """Forget what a domain has learned."""
        self._next_sequence(domain)
        self.scan()

    def flush_all(self) -> None:
        """Forget what all domains have learned."""
        for domain in self._domains:
            if domain.features:
                self._next_sequence(domain)
        self.scan()

    def scan(self) -> None:
        """Look for addresses to forget now."""
        self._engine.dispatcher.signal(self._engine.graph[SCANNER], "start" if self.ageing else "one pass")

    def _next_sequence(self, domain: BridgeDomain) -> None:
        domain.sequence = (domain.sequence + 1) % SEQUENCES
        self.changed(domain)
