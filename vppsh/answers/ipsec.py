"""`show ipsec sa`, `show ipsec protect` and `show ipsec spd` (VPP's ipsec_format.c). Keys and salts are passed over: no value has them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_SA = re.compile(r"\[(\d+)\] sa (\d+) \(0x[0-9a-f]+\) spi (\d+) \(0x[0-9a-f]+\) protocol:(\S+) flags:\[([^]]*)\]")
_SEQUENCE = re.compile(r"(inbound|outbound) seq (\d+)")
_WINDOW = re.compile(r"window: Bl <- ([01]+) Tl")
_ALGORITHM = re.compile(r"(crypto|integrity) alg (\S+) key .*")
_UDP = re.compile(r"UDP:\[src:(\d+) dst:(\d+)\]")
_TRAFFIC = re.compile(r"tx/rx:\[packets:(\d+) bytes:(\d+)\]")
_FAULT = re.compile(r'"(.*)":\[packets:(\d+)\]')
_TUNNEL = re.compile(r"table-ID:(\d+) \[(\S+)->(\S+)\] hop-limit:.*")
# What says nothing of the traffic, or is a secret; a key of more than 32 bytes goes on below.
_PASSED_OVER = re.compile(r"locks \d+|salt 0x[0-9a-f]+|(?:in|out)bound thread-index:\d+|SA errors:|[0-9a-f]{8}: [0-9a-f]+")
_PROTECTION = re.compile(r"(\S+) flags:\[([^]]*)\](?:: (\S+))?")
_LIST = re.compile(r"([\w-]+):")
_POLICY = re.compile(r"\[(\d+)\] priority (-?\d+) action (\S+) type (\S+) protocol (.+?)(?: sa (\d+))?(?: <fast-path>)?")
_RANGE = re.compile(r"(local|remote) addr range (\S+) - (\S+) port range (\d+) - (\d+)")
_COUNTS = re.compile(r"packets (\d+) bytes (\d+)")


@dataclass
class Sa:
    """One security association; what stands only in `show ipsec sa detail` is empty or None without it.

    received   the highest sequence number that came in, the end of the replay window
    sent       the last sequence number that went out
    window     its size in packets
    seen       of the last 64 numbers up to `received`, the latest at the left: those that came; VPP marks those before the first as well
    errors     what went wrong, by VPP's words; only what was counted
    source, destination, table  of an SA in tunnel mode
    """

    index: int
    id: int
    spi: int
    protocol: str
    flags: tuple[str, ...]
    received: int | None = None
    sent: int | None = None
    window: int | None = None
    seen: str = ""
    crypto: str = ""
    integrity: str = ""
    udp: tuple[int, int] = (0, 0)
    packets: int = 0
    bytes: int = 0
    errors: dict[str, int] = field(default_factory=dict)
    source: str = ""
    destination: str = ""
    table: int | None = None

    @property
    def inbound(self) -> bool:
        """For packets that come in."""
        return "inbound" in self.flags


@dataclass(frozen=True)
class Sas:
    """The SAs in VPP's order, and the lines that were not understood."""

    sas: tuple[Sa, ...]
    odd: tuple[str, ...] = ()


@dataclass
class Protection:
    """What protects an interface: the SA that it sends with, those that it takes; `peer` is the next hop where it has several."""

    interface: str
    flags: str
    peer: str = ""
    sends: list[Sa] = field(default_factory=list)
    takes: list[Sa] = field(default_factory=list)


@dataclass(frozen=True)
class Protections:
    """The protected interfaces in VPP's order, and the lines that were not understood."""

    protections: tuple[Protection, ...]
    odd: tuple[str, ...] = ()


@dataclass
class Policy:
    """One policy of an SPD; ranges are the first and the last, `sa` is the number of the SA that protects."""

    spd: int
    index: int
    priority: int
    action: str
    kind: str
    protocol: str
    sa: int | None = None
    local: tuple[str, str] = ("", "")
    remote: tuple[str, str] = ("", "")
    local_ports: tuple[int, int] = (0, 65535)
    remote_ports: tuple[int, int] = (0, 65535)
    packets: int = 0
    bytes: int = 0


@dataclass(frozen=True)
class Policies:
    """The policies in VPP's order, the numbers of all SPDs, and the lines that were not understood."""

    policies: tuple[Policy, ...]
    spds: tuple[int, ...] = ()
    odd: tuple[str, ...] = ()


def _sa(match: re.Match[str]) -> Sa:
    return Sa(int(match[1]), int(match[2]), int(match[3]), match[4], tuple(match[5].split()))


def read_sas(text: str) -> Sas:
    """The SAs of an answer to `show ipsec sa`, with or without `detail` or a number."""
    found: list[Sa] = []
    odd: list[str] = []
    for line in text.splitlines():
        stripped = line.strip()
        if match := _SA.fullmatch(stripped):
            found.append(_sa(match))
        elif stripped and not (found and _take(found[-1], stripped)):
            odd.append(line)
    return Sas(tuple(found), tuple(odd))


def _take(sa: Sa, line: str) -> bool:
    """A line of an SA's details; whether it was understood."""
    if match := _FAULT.fullmatch(line):
        if match[2] != "0":
            sa.errors[match[1]] = int(match[2])
    elif match := _SEQUENCE.fullmatch(line):
        if match[1] == "inbound":
            sa.received = int(match[2])
        else:
            sa.sent = int(match[2])
    elif match := _ALGORITHM.fullmatch(line):
        if match[1] == "crypto":
            sa.crypto = match[2]
        else:
            sa.integrity = match[2]
    elif match := _TRAFFIC.fullmatch(line):
        sa.packets, sa.bytes = int(match[1]), int(match[2])
    elif line.startswith("window-size: ") and line[13:].isdigit():
        sa.window = int(line[13:])
    elif match := _WINDOW.fullmatch(line):
        sa.seen = match[1]
    elif match := _UDP.fullmatch(line):
        sa.udp = int(match[1]), int(match[2])
    elif match := _TUNNEL.fullmatch(line):
        sa.table, sa.source, sa.destination = int(match[1]), match[2], match[3]
    else:
        return _PASSED_OVER.fullmatch(line) is not None
    return True


def read_protections(text: str) -> Protections:
    """The protected interfaces of an answer to `show ipsec protect` or `show ipsec tunnel`."""
    found: list[Protection] = []
    odd: list[str] = []
    into: list[Sa] | None = None
    for line in text.splitlines():
        stripped = line.strip()
        if not stripped:
            continue
        if match := _SA.fullmatch(stripped):
            if into is not None:
                into.append(_sa(match))
                continue
        elif found and stripped in ("output-sa:", "input-sa:"):
            into = found[-1].sends if stripped == "output-sa:" else found[-1].takes
            continue
        elif not line[0].isspace() and (match := _PROTECTION.fullmatch(stripped)):
            found.append(Protection(match[1], match[2], match[3] or ""))
            into = None
            continue
        odd.append(line)
    return Protections(tuple(found), tuple(odd))


def read_policies(text: str) -> Policies:
    """The policies of an answer to `show ipsec spd`, of one SPD or all."""
    found: list[Policy] = []
    spds: list[int] = []
    odd: list[str] = []
    for line in text.splitlines():
        stripped = line.strip()
        if not stripped or (spds and _LIST.fullmatch(stripped)):
            continue
        if line.startswith("spd ") and line[4:].strip().isdigit():
            spds.append(int(line[4:]))
        elif spds and (match := _POLICY.fullmatch(stripped)):
            sa = None if match[6] is None else int(match[6])
            found.append(Policy(spds[-1], int(match[1]), int(match[2]), match[3], match[4], match[5], sa))
        elif found and (match := _RANGE.fullmatch(stripped)):
            addresses, ports = (match[2], match[3]), (int(match[4]), int(match[5]))
            if match[1] == "local":
                found[-1].local, found[-1].local_ports = addresses, ports
            else:
                found[-1].remote, found[-1].remote_ports = addresses, ports
        elif found and (match := _COUNTS.fullmatch(stripped)):
            found[-1].packets, found[-1].bytes = int(match[1]), int(match[2])
        else:
            odd.append(line)
    return Policies(tuple(found), tuple(spds), tuple(odd))
