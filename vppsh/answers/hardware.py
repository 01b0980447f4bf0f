"""`show hardware-interfaces` (VPP's format_vnet_hw_interface), as long as it may be."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_HEAD = re.compile(r"(?P<name>\S.*?) +(?P<index>\d+) +(?P<link>up|down|unknown|slave) +(?P<title>\S.*)")
_MAC = re.compile(r"  Ethernet address ((?:[0-9a-f]{2}:){5}[0-9a-f]{2})")


@dataclass
class Hardware:
    """One device: its hw_if_index, link, MAC address (empty when it is none of Ethernet), and all lines below it."""

    name: str
    index: int
    link: str
    title: str
    mac: str = ""
    details: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class HardwareInterfaces:
    """The devices in VPP's order, and the lines that were not understood."""

    devices: tuple[Hardware, ...]
    odd: tuple[str, ...] = ()


def read_hardware(text: str) -> HardwareInterfaces:
    """The devices of an answer to `show hardware-interfaces`, brief or verbose."""
    found: list[Hardware] = []
    odd: list[str] = []
    for line in text.splitlines():
        if not line.strip() or line.split()[:2] == ["Name", "Idx"]:
            continue
        head = None if line[0].isspace() else _HEAD.fullmatch(line.rstrip())
        if head is not None:
            found.append(Hardware(head["name"], int(head["index"]), head["link"], head["title"]))
        elif not found or not line[0].isspace():
            odd.append(line)
        else:
            match = _MAC.fullmatch(line.rstrip())
            found[-1].mac = match[1] if match else found[-1].mac
            found[-1].details.append(line)
    return HardwareInterfaces(tuple(found), tuple(odd))
