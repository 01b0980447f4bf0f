"""`show interface` (VPP's format_vnet_sw_interface)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

# The index is centred in 5 columns and the state in 10, so the place where they meet is found even behind a name that fills its own.
_HEAD = re.compile(
    r"(?P<name>\S.*?)(?P<index>[ \d]{5})"
    r"(?: {4}(?=up(?!/))| {3}(?=down(?!/))| {2,3}(?=error)| {1,2}(?=up/)| ?(?=down/))"
    r"(?P<state>(?:down|up|error)(?:/punt)?)(?P<rest>.*)"
)
_MTU = re.compile(r"\s*(\d+(?:/\d+){0,3})\s*(.*)")
_COUNTER = re.compile(r"\s*(\S.*?)\s*(\d+)\s*")


@dataclass
class Interface:
    """One interface: its state, and its counters by VPP's names ("rx packets"); VPP leaves out those that are zero."""

    name: str
    index: int
    state: str
    mtu: str = ""
    counters: dict[str, int] = field(default_factory=dict)

    @property
    def up(self) -> bool:
        """Administratively up."""
        return self.state.startswith("up")


@dataclass(frozen=True)
class Interfaces:
    """The interfaces in VPP's order, and the lines that were not understood."""

    interfaces: tuple[Interface, ...]
    odd: tuple[str, ...] = ()


def read_interfaces(text: str) -> Interfaces:
    """The interfaces of an answer to `show interface`."""
    found: list[Interface] = []
    odd: list[str] = []
    for line in text.splitlines():
        if not line.strip() or line.split()[:2] == ["Name", "Idx"]:
            continue
        head = None if line[0].isspace() else _HEAD.match(line)
        counter = line
        if head is not None and head["index"].strip().isdigit():
            found.append(Interface(head["name"].strip(), int(head["index"]), head["state"]))
            mtu = _MTU.match(head["rest"])
            found[-1].mtu, counter = (mtu[1], mtu[2]) if mtu else ("", head["rest"])
            if not counter.strip():
                continue
        elif head is None and not line[0].isspace():
            odd.append(line)
            continue
        match = _COUNTER.fullmatch(counter)
        if match is None or not found:
            odd.append(line)
        else:
            found[-1].counters[match[1]] = int(match[2])
    return Interfaces(tuple(found), tuple(odd))
