"""Lines for interfaces: the devices of the node, or stand-ins for those that the engine has no kind of."""

from __future__ import annotations

import re

from vppsh.answers.interfaces import Interface
from vppsh.answers.ways import Kind
from vppsh.rebuilt.node import Node
from vppsh.rebuilt.recipe import Recipe, signed
from vppsh.rebuilt.tunnels import TunnelLine

LOCAL = "local0"
FIRST_STAND_IN = 100
DEFAULT_MTU = 9000
LAYERS = ("packet", "ip4", "ip6", "mpls")
_NUMBERED = re.compile(r"(?P<kind>loop|bvi|pg|ipsec)(?P<number>\d+)")
_RAW = re.compile(r"tun\d+|wg\d+|ipip\d+|gre\d+|ipsec\d+|ipip6-6rd\d+")
_SUB = re.compile(r"(?P<parent>.+)\.(?P<number>\d+)")


class Interfaces:
    """Writes the lines of interfaces, and remembers how they are called here.

    macs  of each interface, as far as any answer tells them
    """

    def __init__(self, node: Node, recipe: Recipe, tunnels: dict[str, TunnelLine]) -> None:
        self._node = node
        self._recipe = recipe
        self._tunnels = tunnels
        self._names = {each.name for each in node.interfaces}
        self._stand_in = FIRST_STAND_IN
        self._raw: set[str] = set()
        self._subs: list[str] = []
        self._without_mac: list[str] = []
        self.macs = {name: device.mac for name, device in node.devices.items() if device.mac}
        if not node.devices:
            self.macs |= _macs_of_rewrites(node)

    def write(self) -> None:
        """The lines that make all interfaces and set what they have by themselves."""
        for interface in self._node.interfaces:
            if interface.name != LOCAL:
                self._make(interface)
                self._set(interface)
        if self._subs:
            self._recipe.note(f"sub-interfaces are taken for 802.1Q with the VLAN of their number: {', '.join(self._subs)}")
        if self._without_mac:
            names = ", ".join(self._without_mac)
            self._recipe.note(f"no answer tells MAC addresses: packets to them are taken for those of others: {names}")

    def _make(self, interface: Interface) -> None:
        name, mac = interface.name, self.macs.get(interface.name, "")
        tunnel = self._tunnels.get(name)
        sub = _SUB.fullmatch(name)
        if tunnel is not None:
            self._recipe.add(tunnel.line)
            if tunnel.name != name:
                self._recipe.add(f"set interface name {tunnel.name} {name}")
        elif sub is not None and sub["parent"] in self._names:
            self._recipe.add(f"create sub-interfaces {sub['parent']} {sub['number']}")
            self._subs.append(name)
        else:
            self._make_device(name, mac)

    def _make_device(self, name: str, mac: str) -> None:
        match = _NUMBERED.fullmatch(name)
        kind = match["kind"] if match else ""
        number = match["number"] if match else ""
        if kind == "loop":
            self._recipe.add(f"create loopback interface{f' mac {mac}' if mac else ''} instance {number}")
        elif kind == "bvi":
            self._recipe.add(f"bvi create{f' mac {mac}' if mac else ''} instance {number}")
        elif kind == "ipsec":
            self._recipe.add(f"ipsec itf create instance {number}")
        else:
            self._make_stand_in(name, mac, number if kind == "pg" else "")

    def _make_stand_in(self, name: str, mac: str, number: str) -> None:
        """A packet-generator interface, which sends and receives what it is given, by the name of what it stands for."""
        if not number:
            while f"pg{self._stand_in}" in self._names:
                self._stand_in += 1
            number = str(self._stand_in)
            self._stand_in += 1
        device = self._node.devices.get(name)
        raw = not mac and (device is not None or _RAW.fullmatch(name) is not None)
        self._recipe.add(f"create packet-generator interface pg{number}{f' hw-addr {mac}' if mac else ''}{' mode ip4' if raw else ''}")
        if name != f"pg{number}":
            self._recipe.add(f"set interface name pg{number} {name}")
        if raw:
            self._raw.add(name)
        if raw and not name.startswith("tun"):
            self._recipe.note(f"{name} is none of the tunnels that are rebuilt: what is sent by it ends there")
        if not raw and not mac:
            self._without_mac.append(name)

    def _set(self, interface: Interface) -> None:
        sizes = [int(size) for size in interface.mtu.split("/") if size.isdigit()]
        told = [(layer, size) for layer, size in zip(LAYERS, sizes, strict=False) if size]
        own = [] if interface.name in self._raw else [(LAYERS[0], DEFAULT_MTU)]
        # VPP's command sets one of them, and the others to zero.
        if told and told != own:
            self._recipe.add(f"set interface mtu {told[0][0]} {told[0][1]} {interface.name}")
            if len(told) > 1:
                self._recipe.note(f"of the MTUs of {interface.name}, {interface.mtu}, only the first is set")
        if interface.state.startswith("up"):
            self._recipe.add(f"set interface state {interface.name} {'punt' if interface.state == 'up/punt' else 'up'}")


def _macs_of_rewrites(node: Node) -> dict[str, str]:
    """The addresses that Ethernet headers of adjacencies are sent from."""
    found: dict[str, str] = {}
    for table in node.tables.values():
        for prefix in table.places:
            for end in table.route(prefix).ends:
                if end.kind in (Kind.ADJACENCY, Kind.GLEAN) and len(end.rewrite) == 28 and end.interface not in found:
                    found[end.interface] = ":".join(end.rewrite[at : at + 2] for at in range(12, 24, 2))
    return found


def write_tables(node: Node, recipe: Recipe) -> None:
    """The lines that make FIB tables, by their indices."""
    for table in sorted(node.tables.values(), key=lambda table: (table.family, table.index)):
        if table.number:
            named = "" if table.name == f"ipv{table.family}-VRF:{table.number}" else f" name {table.name}"
            recipe.add(f"{table.command} table add {signed(table.number)}{named}")


def write_addresses(node: Node, recipe: Recipe) -> None:
    """The lines that put interfaces in tables and give them addresses; those that borrow come last."""
    known = {each.name for each in node.interfaces}
    borrowers: list[str] = []
    for name, each in node.addresses.items():
        if name not in known:
            continue
        for family, command in ((4, "ip"), (6, "ip6")):
            number = next((address.table for address in each.addresses if address.version == family), 0)
            if number:
                recipe.add(f"set interface {command} table {name} {signed(number)}")
        if each.lender:
            borrowers.append(f"set interface unnumbered {name} use {each.lender}")
        else:
            for address in each.addresses:
                recipe.add(f"set interface ip address {name} {address}")
    for line in borrowers:
        recipe.add(line)
