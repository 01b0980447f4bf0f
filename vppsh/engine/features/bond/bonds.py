"""The bonds of an engine and their members: which of them carry traffic, and in which order.

Counterpart of VPP's vnet/bonding/cli.c. A member of a bond is active while it is up; the first active one is that which an
active-backup bond uses.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cmp_to_key
from typing import TYPE_CHECKING

from vppsh.engine.features.arp.request import ArpRequests
from vppsh.engine.features.bond.output import TX_ERRORS, bond_tx
from vppsh.engine.features.nd.request import Solicitations
from vppsh.engine.interfaces import DOWN, Change, DeviceClass, Interface, Interfaces
from vppsh.errors import CommandError

if TYPE_CHECKING:
    from vppsh.engine.engine import Engine


class Mode(enum.Enum):
    """How a bond uses its members, in VPP's words."""

    ROUND_ROBIN = "round-robin"
    ACTIVE_BACKUP = "active-backup"
    XOR = "xor"
    BROADCAST = "broadcast"
    LACP = "lacp"


class MemberChange(enum.Enum):
    """What happened to a member of a bond."""

    ADDED = "added"
    REMOVED = "removed"
    STATE = "admin or link state"


class Balance(enum.Enum):
    """What decides which member a packet leaves by."""

    L2 = "l2"
    L34 = "l34"
    L23 = "l23"
    ROUND_ROBIN = "round-robin"
    BROADCAST = "broadcast"
    ACTIVE_BACKUP = "active-backup"


OWN_BALANCE = {
    Mode.ROUND_ROBIN: Balance.ROUND_ROBIN, Mode.BROADCAST: Balance.BROADCAST, Mode.ACTIVE_BACKUP: Balance.ACTIVE_BACKUP,
}  # fmt: skip


@dataclass(eq=False)
class Member:
    """An interface that belongs to a bond.

    mac     what it had before
    weight  of active-backup bonds: the heaviest that is up is used
    passive, long_timeout  of LACP: does not begin to talk; is patient
    """

    bond: Bond
    interface: Interface
    mac: bytes
    weight: int = 0
    passive: bool = False
    long_timeout: bool = False


@dataclass(eq=False)
class Bond:
    """A bond.

    own_mac     it was made with an address; otherwise it has that of its first member
    members     as they were added; active: those that carry traffic, the first one first
    last        of round-robin: the position of the active member that sent last
    """

    number: int
    instance: int
    mode: Mode
    balance: Balance
    own_mac: bool
    interface: Interface = field(init=False)
    members: list[Member] = field(default_factory=list)
    active: list[Member] = field(default_factory=list)
    last: int = 0


BOND_DEVICE = DeviceClass("bond", bond_tx, tx_errors=TX_ERRORS, link_follows_admin=False)


Listener = Callable[[MemberChange, Member], None]


class Bonds:
    """The bonds of an engine; `members` by sw_if_index."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._interfaces = engine.get(Interfaces)
        self._bonds: list[Bond | None] = []
        self.members: dict[int, Member] = {}
        self._listeners: list[Listener] = []
        self._interfaces.subscribe(self._changed)

    def __iter__(self) -> Iterator[Bond]:
        """In the order of their instances."""
        return (bond for bond in self._bonds if bond is not None)

    def of(self, interface: Interface) -> Bond | None:
        """The bond that an interface is (or is on)."""
        device = interface.hardware.device
        return device if isinstance(device, Bond) else None

    def create(self, mode: Mode, balance: Balance = Balance.L2, mac: bytes | None = None, number: int | None = None) -> Bond | None:
        """A new bond; None when its number is taken."""
        instance = self._bonds.index(None) if None in self._bonds else len(self._bonds)
        bond = Bond(instance if number is None else number, instance, mode, OWN_BALANCE.get(mode, balance), mac is not None)
        if any(other.number == bond.number for other in self):
            return None
        address = mac or b"\x02\xfe" + self._engine.random.bytes(4)
        bond.interface = self._interfaces.add_hardware(f"BondEthernet{bond.number}", BOND_DEVICE, mac=address, device=bond)
        if instance == len(self._bonds):
            self._bonds.append(bond)
        else:
            self._bonds[instance] = bond
        return bond

    def delete(self, bond: Bond) -> None:
        """Take a bond away; its members are as before."""
        for member in list(bond.members):
            self.detach(member)
        self._interfaces.set_state(bond.interface, DOWN)
        self._bonds[bond.instance] = None
        self._interfaces.delete(bond.interface)

    def subscribe(self, listener: Listener) -> None:
        """Call `listener` on every change of a member from now on."""
        self._listeners.append(listener)

    def add(self, bond: Bond, interface: Interface, *, passive: bool = False, long_timeout: bool = False) -> Member:
        """Let an interface belong to a bond (CommandError in VPP's words)."""
        if interface.sw_if_index in self.members:
            raise CommandError("interface was already added as member")
        if self.of(interface) is not None:
            raise CommandError("bond interface cannot be added as member")
        member = Member(bond, interface, interface.mac, 0, passive, long_timeout)
        self.members[interface.sw_if_index] = member
        bond.members.append(member)
        if not bond.own_mac and len(bond.members) == 1:
            self._interfaces.set_mac(bond.interface, interface.mac)
        else:
            self._interfaces.set_mac(interface, bond.interface.mac)
        if bond.mode is not Mode.LACP:
            self._follow(member)
        self._tell(MemberChange.ADDED, member)
        self._engine.arcs.enable("device-input", "bond-input", interface.sw_if_index)
        return member

    def detach(self, member: Member) -> None:
        """Let a member be on its own again."""
        bond, interface = member.bond, member.interface
        del self.members[interface.sw_if_index]
        bond.members.remove(member)
        self.deactivate(member)
        self._tell(MemberChange.REMOVED, member)
        self._engine.arcs.enable("device-input", "bond-input", interface.sw_if_index, False)
        self._interfaces.set_mac(interface, member.mac)

    def set_weight(self, member: Member, weight: int) -> None:
        """Prefer a member of an active-backup bond to lighter ones."""
        bond, before = member.bond, member.weight
        member.weight = weight
        if member in bond.active and len(bond.active) > 1 and not (bond.active[0] is member and weight >= before):
            self._sort(bond)

    def _changed(self, change: Change, interface: Interface) -> None:
        member = self.members.get(interface.sw_if_index)
        bond = self.of(interface)
        if member is not None and change is Change.DELETED:
            self.detach(member)
        elif member is not None and change in (Change.ADMIN, Change.LINK):
            if member.bond.mode is not Mode.LACP:
                self._follow(member)
            self._tell(MemberChange.STATE, member)
        elif bond is not None and change is Change.ADMIN and interface.is_hardware:
            self._set_link(bond)

    def _tell(self, change: MemberChange, member: Member) -> None:
        for listener in self._listeners:
            listener(change, member)

    def _follow(self, member: Member) -> None:
        """A member carries traffic while it is up, and so is its link."""
        if member.interface.admin_up and member.interface.hardware.link_up:
            self.activate(member)
        else:
            self.deactivate(member)

    def activate(self, member: Member) -> None:
        """Let a member carry traffic."""
        bond = member.bond
        if member in bond.active:
            return
        bond.active.append(member)
        self._set_link(bond)
        if bond.mode is Mode.ACTIVE_BACKUP:
            if len(bond.active) == 1:
                self._announce(bond)
            else:
                self._sort(bond)

    def deactivate(self, member: Member) -> None:
        """Let a member carry none."""
        bond = member.bond
        if member not in bond.active:
            return
        position = bond.active.index(member)
        # The last one takes the place of the one that goes, as in VPP's vectors.
        last = bond.active.pop()
        if last is not member:
            bond.active[position] = last
        self._set_link(bond)
        if bond.mode is Mode.ACTIVE_BACKUP and position == 0 and bond.active:
            self._announce(bond)

    def _sort(self, bond: Bond) -> None:
        """The heaviest first, then the one that is used now, then by index."""
        used = bond.active[0]

        def compare(one: Member, two: Member) -> int:
            if one.weight != two.weight:
                return two.weight - one.weight
            if used in (one, two):
                return -1 if used is one else 1
            return one.interface.sw_if_index - two.interface.sw_if_index

        bond.active.sort(key=cmp_to_key(compare))
        if bond.active[0] is not used:
            self._announce(bond)

    def _set_link(self, bond: Bond) -> None:
        self._interfaces.set_link(bond.interface, bond.interface.admin_up and bool(bond.active))

    def _announce(self, bond: Bond) -> None:
        """Tell the neighbours by which way the bond's addresses are reached now."""
        for interface in (bond.interface, *bond.interface.subs.values()):
            self._engine.get(ArpRequests).announce(interface.sw_if_index)
            self._engine.get(Solicitations).announce(interface.sw_if_index)
