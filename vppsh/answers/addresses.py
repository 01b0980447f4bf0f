"""`show interface address` (VPP's interface_cli.c): addresses, tables, and where interfaces are in layer 2."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_HEAD = re.compile(r"(?P<name>\S.*) \((?P<state>up|dn)\): *")
_UNNUMBERED = re.compile(r"  unnumbered, use (?P<lender>\S.*?) *")
_ADDRESS = re.compile(r"  L3 (?P<address>[0-9a-fA-F:.]+)/(?P<length>\d+)(?: ip[46] table-id (?P<table>-?\d+) fib-idx (?P<fib>-?\d+))? *")
_BRIDGE = re.compile(r"  L2 bridge bd-id (?P<domain>\d+) idx \d+ shg (?P<group>\d+) *(?P<bvi>bvi)? *")
_CROSS = re.compile(r"  L2 xconnect (?P<peer>\S.*?) *")


@dataclass(frozen=True, slots=True)
class Address:
    """An address with its prefix length, and the table it is in: 0 and 0 where VPP prints none."""

    address: str
    length: int
    table: int = 0
    fib: int = 0

    @property
    def version(self) -> int:
        """4 or 6."""
        return 6 if ":" in self.address else 4

    def __str__(self) -> str:
        """As VPP reads it."""
        return f"{self.address}/{self.length}"


@dataclass
class InterfaceAddresses:
    """One interface.

    lender      the interface whose addresses it borrows, empty when it has its own
    bridge      the bridge domain's ID, -1 when it is in none; `group` is its split-horizon group
    peer        the interface that it is cross-connected with
    """

    name: str
    up: bool
    addresses: list[Address] = field(default_factory=list)
    lender: str = ""
    bridge: int = -1
    group: int = 0
    bvi: bool = False
    peer: str = ""


@dataclass(frozen=True)
class Addresses:
    """The interfaces in VPP's order (by name), and the lines that were not understood."""

    interfaces: tuple[InterfaceAddresses, ...]
    odd: tuple[str, ...] = ()


def read_addresses(text: str) -> Addresses:
    """The interfaces of an answer to `show interface address`."""
    found: list[InterfaceAddresses] = []
    odd: list[str] = []
    for line in text.splitlines():
        if not line.strip():
            continue
        head = None if line[0].isspace() else _HEAD.fullmatch(line)
        if head is not None:
            found.append(InterfaceAddresses(head["name"], head["state"] == "up"))
        elif not found or not _detail(found[-1], line):
            odd.append(line)
    return Addresses(tuple(found), tuple(odd))


def _detail(interface: InterfaceAddresses, line: str) -> bool:
    """Read a line below an interface; whether it was understood."""
    if match := _ADDRESS.fullmatch(line):
        table, fib = int(match["table"] or 0), int(match["fib"] or 0)
        interface.addresses.append(Address(match["address"], int(match["length"]), table, fib))
    elif match := _UNNUMBERED.fullmatch(line):
        interface.lender = match["lender"]
    elif match := _BRIDGE.fullmatch(line):
        interface.bridge, interface.group, interface.bvi = int(match["domain"]), int(match["group"]), match["bvi"] is not None
    elif match := _CROSS.fullmatch(line):
        interface.peer = match["peer"]
    else:
        return False
    return True
