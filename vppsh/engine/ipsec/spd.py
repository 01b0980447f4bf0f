"""Security policy databases: which packets are protected, let through or dropped (RFC 4301, 4.4.1).

VPP counterpart: vnet/ipsec/ipsec_spd.c, ipsec_spd_policy.c and the searches of ipsec_output.h and ipsec_input.c. A database is
bound to interfaces; its policies are ordered by priority, later ones of the same priority first.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from msgspec import Struct

from vppsh.engine.counters import CombinedCounter
from vppsh.engine.fib.rows import Pool
from vppsh.engine.fib.types import Protocol
from vppsh.engine.interfaces import Change, Interface
from vppsh.engine.ipsec.match import Selectors
from vppsh.engine.ipsec.sa import Sa, Sas

if TYPE_CHECKING:
    from vppsh.engine.engine import Engine

ANY_PROTOCOL = 255
LAST_PORT = 0xFFFF
FEATURES = (
    ("ip4-output", "ipsec4-output-feature"), ("ip6-output", "ipsec6-output-feature"),
    ("ip4-unicast", "ipsec4-input-feature"), ("ip6-unicast", "ipsec6-input-feature"),
)  # fmt: skip
NO_SPD, SPD_ASSIGNED, NO_SUCH = -11, -12, -11


class Action(enum.Enum):
    """What happens to the packets of a policy."""

    BYPASS = "bypass"
    DISCARD = "discard"
    RESOLVE = "resolve"
    PROTECT = "protect"


class PolicyType(enum.Enum):
    """Direction, family and (inbound) action: each has a list of its own, in VPP's order."""

    IP4_OUTBOUND = "ip4-outbound"
    IP6_OUTBOUND = "ip6-outbound"
    IP4_INBOUND_PROTECT = "ip4-inbound-protect"
    IP6_INBOUND_PROTECT = "ip6-inbound-protect"
    IP4_INBOUND_BYPASS = "ip4-inbound-bypass"
    IP6_INBOUND_BYPASS = "ip6-inbound-bypass"
    IP4_INBOUND_DISCARD = "ip4-inbound-discard"
    IP6_INBOUND_DISCARD = "ip6-inbound-discard"

    @classmethod
    def of(cls, outbound: bool, family: Protocol, action: Action) -> PolicyType:
        """The list that a policy belongs in."""
        direction = "outbound" if outbound else f"inbound-{action.value}"
        return cls(f"{family.text}-{direction}")


class Range(Struct, frozen=True):
    """Addresses or ports, both ends included."""

    start: int
    stop: int


class Policy(Struct, frozen=True):
    """One policy; two that are equal are the same to whoever deletes one."""

    type: PolicyType
    family: Protocol
    priority: int
    action: Action
    protocol: int
    local: Range
    remote: Range
    local_ports: Range
    remote_ports: Range
    sa_id: int = 0


class NumberedPolicy:
    """A policy in force: its index, and the association that it protects with."""

    def __init__(self, index: int, policy: Policy, sa: Sa | None) -> None:
        self.index = index
        self.policy = policy
        self.sa = sa


@dataclass
class Spd:
    """One database: its lists, best first, and what packets are compared with."""

    index: int
    id: int
    policies: dict[PolicyType, list[NumberedPolicy]] = field(default_factory=lambda: {kind: [] for kind in PolicyType})
    selectors: dict[PolicyType, Selectors] = field(default_factory=dict)

    def selectors_of(self, kind: PolicyType) -> Selectors:
        """The policies of a list as arrays."""
        found = self.selectors.get(kind)
        if found is None:
            found = self.selectors[kind] = Selectors(self.policies[kind])
        return found


class Spds:
    """The databases of an engine, and what they are bound to.

    of_interface  int32 by sw_if_index: index of the database, -1 for none
    counters      packets and bytes by policy index
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._sas: Sas = engine.get(Sas)
        self._pool = Pool()
        self._by_id: dict[int, Spd] = {}
        self._policies = Pool()
        self.of_interface = np.full(64, -1, np.int32)
        self.counters = CombinedCounter()
        engine.interfaces.subscribe(self._interface_changed)

    def __iter__(self) -> Iterator[Spd]:
        """In the order of their indices."""
        return (spd for spd in self._pool.items if spd is not None)

    def at(self, index: int) -> Spd | None:
        """The database of an index, if there is one."""
        found: Spd | None = self._pool.get(index)
        return found

    def policy(self, index: int) -> NumberedPolicy:
        """The policy of an index."""
        found: NumberedPolicy = self._policies.items[index]
        return found

    def add(self, spd_id: int) -> None:
        """A new database; one that exists stays as it is."""
        if spd_id not in self._by_id:
            index = self._pool.add(None)
            self._by_id[spd_id] = self._pool.items[index] = Spd(index, spd_id)

    def delete(self, spd_id: int) -> None:
        """Take a database away. As in VPP its policies keep their associations and their indices."""
        spd = self._by_id.pop(spd_id, None)
        if spd is None:
            return
        for sw_if_index in self.bound_to(spd):
            self._bind(sw_if_index, -1, False)
        self._pool.remove(spd.index)

    def bound_to(self, spd: Spd) -> list[int]:
        """The interfaces that a database is bound to."""
        found: list[int] = np.flatnonzero(self.of_interface == spd.index).tolist()
        return found

    def bindings(self) -> list[tuple[Spd, int]]:
        """(database, sw_if_index), by interface."""
        bound: list[int] = np.flatnonzero(self.of_interface >= 0).tolist()
        return [(self._pool.items[int(self.of_interface[index])], index) for index in bound]

    def bind(self, sw_if_index: int, spd_id: int, bind: bool) -> int:
        """Let an interface's packets be looked up in a database, or no longer; 0, or VPP's number of the reason why not."""
        spd = self._by_id.get(spd_id)
        if spd is None:
            return NO_SPD
        self._ensure(sw_if_index)
        if bind and self.of_interface[sw_if_index] >= 0:
            return SPD_ASSIGNED
        self._bind(sw_if_index, spd.index if bind else -1, bind)
        return 0

    def add_policy(self, spd_id: int, policy: Policy) -> int:
        """Put a policy in force; its index, or (negative) why not."""
        spd = self._by_id.get(spd_id)
        sa = self._sas.find(policy.sa_id) if policy.action is Action.PROTECT else None
        if spd is None or (policy.action is Action.PROTECT and sa is None):
            return NO_SUCH
        if sa is not None:
            self._sas.lock(sa)
        index = self._policies.add(None)
        numbered = self._policies.items[index] = NumberedPolicy(index, policy, sa)
        self.counters.ensure(index)
        self.counters.clear(index)
        existing = spd.policies[policy.type]
        place = next((at for at, other in enumerate(existing) if other.policy.priority <= policy.priority), len(existing))
        existing.insert(place, numbered)
        spd.selectors.pop(policy.type, None)
        return index

    def delete_policy(self, spd_id: int, policy: Policy) -> int:
        """Take the first policy away that is equal; its index (0 when there is none), or (negative) why not."""
        spd = self._by_id.get(spd_id)
        if spd is None:
            return NO_SUCH
        existing = spd.policies[policy.type]
        known = next((each for each in existing if each.policy == policy), None)
        if known is None:
            return 0
        existing.remove(known)
        spd.selectors.pop(policy.type, None)
        if known.sa is not None:
            self._sas.unlock(known.sa)
        self._policies.remove(known.index)
        return known.index

    def _bind(self, sw_if_index: int, index: int, on: bool) -> None:
        self.of_interface[sw_if_index] = index
        for arc, feature in FEATURES:
            self._engine.arcs.enable(arc, feature, sw_if_index, on)

    def _ensure(self, sw_if_index: int) -> None:
        if sw_if_index >= len(self.of_interface):
            grown: Any = np.full(max(2 * len(self.of_interface), sw_if_index + 1), -1, np.int32)
            grown[: len(self.of_interface)] = self.of_interface
            self.of_interface = grown

    def _interface_changed(self, change: Change, interface: Interface) -> None:
        index = interface.sw_if_index
        if change is Change.ADDED:
            self._ensure(index)
        elif change is Change.DELETED:
            self.of_interface[index] = -1
