"""Packet and Step: what a trace holds, whatever it was read from.

A step keeps its text as VPP printed it. What the text says (`fields`) is found out when somebody asks,
so that lines which nobody understands are kept all the same, and reading stays fast.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from vppsh.traces.fields import NO_FIELDS, Fields, parse

SECONDS_PER_DAY = 86400


@dataclass(frozen=True, slots=True)
class Thread:
    """A thread of VPP, as the line above its packets names it."""

    index: int
    name: str = ""


class Step:
    """What one node said of a packet.

    stamp   the time as printed, empty when there is none
    node    the name of the node
    text    the lines below, as printed, without the last line break
    data    the packet's bytes when it came to the node, where the source has them (dispatch traces, captures)
    """

    __slots__ = ("_fields", "data", "node", "stamp", "text")

    def __init__(self, stamp: str, node: str, text: str, data: bytes = b"") -> None:
        self.stamp = stamp
        self.node = node
        self.text = text
        self.data = data
        self._fields: Fields | None = None

    def __repr__(self) -> str:
        return f"Step({self.stamp!r}, {self.node!r}, {self.text!r})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Step):
            return NotImplemented
        return (self.stamp, self.node, self.text, self.data) == (other.stamp, other.node, other.text, other.data)

    __hash__ = None  # type: ignore[assignment]  # steps are compared by value and never looked up

    @property
    def time(self) -> float | None:
        """Seconds: since VPP's start, or since 1970 when the stamp is a date or Unix time; None without a stamp."""
        return seconds(self.stamp)

    @property
    def fields(self) -> Fields:
        """What the text says."""
        if self._fields is None:
            self._fields = parse(self.node, self.text) if self.text else NO_FIELDS
        return self._fields


@dataclass(slots=True, eq=False)
class Packet:
    """The way of one packet, and of those made from it (errors, copies, fragments), as VPP traces them together.

    steps   in the order in which they were printed
    number  N of `Packet N`; None where a text has no such line
    thread  where it was traced, when that is known
    head    the text before the first step
    tail    the text behind the last one
    raw     the text as read, when it is not simply head, steps and tail (quoted, with terminal codes, CRLF)
    source  the file or target that it comes from
    origin  what was read, when not text: `dispatch` or `capture`
    length  bytes of the packet when it was captured, if a capture says so
    facts   what was found out about it: verdict, flows, the interface that it was received by
    """

    steps: list[Step]
    number: int | None = None
    thread: Thread | None = None
    head: str = ""
    tail: str = ""
    raw: str | None = None
    source: str = ""
    origin: str = "text"
    length: int | None = None
    facts: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def path(self) -> tuple[str, ...]:
        """The names of the nodes, in order."""
        return tuple([step.node for step in self.steps])

    @property
    def start(self) -> float | None:
        """The time of the first step."""
        return self.steps[0].time if self.steps else None

    @property
    def text(self) -> str:
        """The packet as it was read."""
        return self.raw if self.raw is not None else self.head + "".join([_lines(step) for step in self.steps]) + self.tail


def _lines(step: Step) -> str:
    body = f"\n{step.text}" if step.text else ""
    return f"\n{step.stamp}: {step.node}{body}" if step.stamp else f"\n{step.node}{body}"


def show_packet(packet: Packet, number: int | None = None) -> str:
    """A packet as `show trace` prints it, whatever it was read from; with another number, if one is given."""
    head = packet.head
    if number is not None or not head.startswith("Packet "):
        shown = packet.number if number is None else number
        head = f"Packet {1 if shown is None else shown}\n"
    return head + "".join([_lines(step) for step in packet.steps]) + "\n\n"


def seconds(stamp: str) -> float | None:
    """A printed time in seconds: `h:m:s:u` since VPP's start, Unix time, or a date in UTC; None when it is none of them."""
    whole, micros = _whole_seconds(stamp[:-7]), stamp[-6:]
    return whole + int(micros) / 1e6 if whole is not None and micros.isdecimal() else None


@lru_cache(maxsize=1024)
def _whole_seconds(text: str) -> int | None:
    """A printed time without its microseconds: the same for many steps."""
    try:
        if "T" in text:
            return int(datetime.strptime(text, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=UTC).timestamp())
        if ":" not in text:
            return int(text)
        hours, minutes, secs = text.split(":")
        return int(hours) * 3600 + int(minutes) * 60 + int(secs)
    except ValueError:
        return None


def elapsed(first: float | None, last: float | None, *, relative: bool) -> float | None:
    """Seconds between two times; relative stamps show the time of day only, so that a negative difference is past midnight."""
    if first is None or last is None:
        return None
    passed = last - first
    return passed + SECONDS_PER_DAY if relative and passed < -SECONDS_PER_DAY / 2 else passed
