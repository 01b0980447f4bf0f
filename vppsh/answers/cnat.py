"""`show cnat translation` and `show cnat session` (VPP's cnat_translation.c, cnat_session.c)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_ENDPOINT = r"(\S+(?: \([^)]*\))?);(\d+)"
_TRANSLATION = re.compile(rf"\[(\d+)\] {_ENDPOINT} (\S+) lb:(\S+) fhc:(\S+)")
_BACKEND = re.compile(rf"{_ENDPOINT}->{_ENDPOINT}")
_BUCKET = re.compile(r"\[0\] \[@\d+\]: (.*)")
_MAGLEV = re.compile(r"backend#\d+: .*")
# What is said of a translation's forwarding beside its backends.
_PASSED_OVER = re.compile(r"fib-entry:-?\d+|via:|\[@?\d+\].*|maglev backends map|unresolved")
# So far to the right only the objects of the forwarding stand, each in words of its own.
DEEP = " " * 8
_SESSION = re.compile(rf"(\S+) \[{_ENDPOINT} -> {_ENDPOINT}\] => \[(.*)\]")
_PLACE = re.compile(r"index:(\d+) fib:(-?\d+)")
_AGE = re.compile(r"last_seen:(\d+) lifetime:(\d+) ref:(\d+)")
_REWRITE = re.compile(rf"\[([a-z ]+)\] (\S+) \[{_ENDPOINT} -> {_ENDPOINT}\] (.*)")
_NOW = re.compile(r"CNat Sessions: now:([\d.]+)")
_ACTIVE = re.compile(r"(\d+) active elements .*")


@dataclass
class Backend:
    """Where a service's packets may go; `via` is how it is reached, by VPP's words for the last object of the forwarding."""

    address: str
    port: int
    source: str = ""
    source_port: int = 0
    via: str = ""


@dataclass
class Translation:
    """One service: its address, and its backends."""

    index: int
    address: str
    port: int
    protocol: str
    balance: str
    flow_hash: str
    backends: list[Backend] = field(default_factory=list)


@dataclass(frozen=True)
class Translations:
    """The translations in VPP's order, and the lines that were not understood."""

    translations: tuple[Translation, ...]
    odd: tuple[str, ...] = ()


@dataclass
class Session:
    """One direction of a flow, and what its packets are made into.

    flags      VPP's words, "return" among them
    rewrites   at which place of the graph ("in", "rout"), protocol, source and destination, as VPP prints them
    last_seen  on VPP's clock, in seconds; it is forgotten `lifetime` seconds later
    """

    protocol: str
    source: str
    source_port: int
    destination: str
    port: int
    flags: str
    index: int = 0
    fib: int = 0
    last_seen: int = 0
    lifetime: int = 0
    rewrites: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Sessions:
    """Sessions, and how many there are; VPP prints none unless it is told which.

    now   VPP's clock, in seconds
    cut   VPP stopped before it had printed all
    """

    sessions: tuple[Session, ...]
    active: int = 0
    now: float = 0.0
    cut: bool = False
    odd: tuple[str, ...] = ()


def read_translations(text: str) -> Translations:
    """The services of an answer to `show cnat translation`."""
    found: list[Translation] = []
    odd: list[str] = []
    listed = False
    for line in text.splitlines():
        stripped = line.strip()
        if not stripped:
            continue
        if match := _TRANSLATION.fullmatch(line.rstrip()):
            index, address, port, protocol, balance, flow_hash = match.groups()
            found.append(Translation(int(index), address, int(port), protocol, balance, flow_hash))
            listed = False
        elif found and (match := _BACKEND.fullmatch(line.rstrip())):
            source, source_port, address, port = match.groups()
            found[-1].backends.append(Backend(address, int(port), source, int(source_port)))
        elif found and _MAGLEV.fullmatch(stripped):
            continue
        elif found and (_PASSED_OVER.fullmatch(stripped) or line.startswith(DEEP)):
            listed = listed or stripped == "via:"
            # Load-balances lead to others: the last first bucket is what the packet meets.
            if not listed and found[-1].backends and (match := _BUCKET.fullmatch(stripped)):
                found[-1].backends[-1].via = match[1].partition(": mtu:")[0]
        else:
            odd.append(line)
    return Translations(tuple(found), tuple(odd))


def read_sessions(text: str) -> Sessions:
    """The sessions of an answer to `show cnat session`."""
    found: list[Session] = []
    odd: list[str] = []
    active, now, cut = 0, 0.0, False
    for line in text.splitlines():
        stripped = line.strip()
        if not stripped:
            continue
        if match := _SESSION.fullmatch(stripped):
            protocol, source, source_port, destination, port, flags = match.groups()
            found.append(Session(protocol, source, int(source_port), destination, int(port), flags.strip(",")))
        elif stripped.startswith("Please note: only the first entries"):
            cut = True
        elif not found:
            if match := _NOW.fullmatch(stripped):
                now = float(match[1])
            elif match := _ACTIVE.match(stripped):
                active = int(match[1])
            elif not line[0].isspace() and not stripped.startswith("Hash table"):
                odd.append(line)
        elif not _take(found[-1], stripped):
            odd.append(line)
    return Sessions(tuple(found), active, now, cut, tuple(odd))


def _take(session: Session, line: str) -> bool:
    """A line of a session; whether it was understood."""
    if match := _PLACE.fullmatch(line):
        session.index, session.fib = int(match[1]), int(match[2])
    elif match := _AGE.fullmatch(line):
        session.last_seen, session.lifetime = int(match[1]), int(match[2])
    elif match := _REWRITE.fullmatch(line):
        where, protocol, source, source_port, destination, port, _ = match.groups()
        session.rewrites.append((where.strip(), f"{protocol} {source};{source_port} -> {destination};{port}"))
    else:
        return False
    return True
