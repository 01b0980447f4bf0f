"""What is asked of traces, and the answer in pieces: used by `vppsh trace` and by `%trace`.

A request is a filter, one question (list, groups, a top list, a tree ...) and a form (text or JSON).
"""

from __future__ import annotations

import enum
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from vppsh.traces.compare import Comparison, compare, show_comparison
from vppsh.traces.explain import Ask, explained, explanation_value, frame_kind, show_explanations
from vppsh.traces.expression import Predicate
from vppsh.traces.flows import first_flow
from vppsh.traces.graph import dot, picture
from vppsh.traces.groups import Group, Groups, show_groups
from vppsh.traces.jsonl import write_line
from vppsh.traces.model import Packet, Thread, show_packet
from vppsh.traces.text import Item
from vppsh.traces.top import show_top, top
from vppsh.traces.verdict import verdict

WIDTH = 100
TOP = 10


class Question(enum.Enum):
    """What is wanted to know of the packets."""

    PACKETS = "packets"
    LIST = "list"
    GROUP = "group"
    TOP = "top"
    TREE = "tree"
    DOT = "dot"
    EXPLAIN = "explain"


@dataclass
class Request:
    """A question about packets.

    keep     which packets
    kind     of a top list
    limit    how many packets, groups or lines at most
    as_json  values instead of text
    number   of the only packet to explain
    ask      answers `show` lines, where the dataplane that the trace is of is at hand
    count    how many packets there were (read), were kept, and how many explanations were shown: filled in by the answer
    """

    question: Question = Question.PACKETS
    keep: Predicate | None = None
    kind: str = ""
    limit: int | None = None
    as_json: bool = False
    width: int = WIDTH
    number: int | None = None
    ask: Ask | None = None
    count: Counter[str] = field(default_factory=Counter)

    def kept(self, items: Iterable[Item]) -> Iterator[Packet]:
        """The packets that the filter keeps, at most `limit` where packets are what is shown."""
        each = self.question in (Question.PACKETS, Question.LIST) or (self.question is Question.EXPLAIN and self.as_json)
        limit = self.limit if each else None
        return islice(self._kept(items), limit)

    def _kept(self, items: Iterable[Item]) -> Iterator[Packet]:
        for item in items:
            if isinstance(item, Packet):
                self.count["read"] += 1
                if self.keep is None or self.keep(item):
                    self.count["kept"] += 1
                    yield item


def answer(request: Request, items: Iterable[Item]) -> Iterator[str]:
    """The answer, in pieces of text."""
    match request.question:
        case Question.PACKETS:
            yield from _packets(request, items)
        case Question.LIST:
            yield from _list(request, items)
        case Question.GROUP:
            groups = Groups(request.kept(items))
            shown = [_group_value(group) for group in groups][: request.limit]
            yield _json({"packets": groups.packets, "paths": shown}) if request.as_json else show_groups(groups, request.limit)
        case Question.TOP:
            counted = top(request.kept(items), request.kind)
            limit = request.limit or TOP
            values = [{"name": name, "packets": packets} for name, packets in counted.most_common(limit)]
            yield _json({request.kind: values}) if request.as_json else show_top(counted, request.kind, limit)
        case Question.TREE:
            yield picture(Groups(request.kept(items)), request.width)
        case Question.EXPLAIN:
            for piece in _explanations(request, items):
                request.count["shown"] += 1
                yield piece
        case Question.DOT:
            yield dot(Groups(request.kept(items)))


def _explanations(request: Request, items: Iterable[Item]) -> Iterator[str]:
    """Why packets ended as they did: those that ended alike together, or as values each for itself."""
    if request.as_json:
        found = explained(request.kept(items), request.number, request.ask)
        yield from (json.dumps(explanation_value(number, each), ensure_ascii=False) + "\n" for number, each in found)
    else:
        yield from show_explanations(request.kept(items), request.limit, request.number, request.ask)


def _packets(request: Request, items: Iterable[Item]) -> Iterator[str]:
    """The packets as they were read; all of the text when everything is wanted."""
    if request.as_json:
        yield from (write_line(packet) for packet in request.kept(items))
        return
    if request.keep is None and request.limit is None:
        for item in items:
            if isinstance(item, Packet):
                request.count.update(("read", "kept"))
            yield item.text
        return
    thread: Thread | None = None
    for packet in request.kept(items):
        if packet.thread != thread and packet.thread is not None:
            thread = packet.thread
            yield f"------------------- Start of thread {thread.index} {thread.name} -------------------\n"
        yield show_packet(packet)


def _list(request: Request, items: Iterable[Item]) -> Iterator[str]:
    """A line for each packet: number, when, who, what became of it."""
    for position, packet in enumerate(request.kept(items), 1):
        flow = first_flow(packet)
        number = position if packet.number is None else packet.number
        if request.as_json:
            yield (
                json.dumps(
                    {"number": number, "stamp": _stamp(packet), "flow": str(flow) if flow else None, "verdict": str(verdict(packet))}
                )
                + "\n"
            )
        else:
            yield f"{number:>6}  {_stamp(packet):>15}  {flow or frame_kind(packet)!s:48}  {verdict(packet)}\n"


def _stamp(packet: Packet) -> str:
    return packet.steps[0].stamp if packet.steps else ""


def _group_value(group: Group) -> dict[str, Any]:
    return {
        "packets": group.packets,
        "path": list(group.path),
        "verdicts": {str(each): count for each, count in group.verdicts.most_common()},
        "threads": sorted(group.threads),
        "seconds": [timing.mean for timing in group.timings],
    }


def answer_diff(request: Request, before: Iterable[Item], after: Iterable[Item], names: tuple[str, str]) -> tuple[str, bool]:
    """What differs between two traces, and whether anything does."""
    found = compare(request.kept(before), request.kept(after))
    return (_json(_diff_value(found)) if request.as_json else show_comparison(found, names), not found.same)


def _diff_value(found: Comparison) -> dict[str, Any]:
    return {
        "packets": [found.before.groups.packets, found.after.groups.packets],
        "vanished": [list(path) for path in found.vanished],
        "appeared": [list(path) for path in found.appeared],
        "shifted": [{"path": list(path), "before": found.before.share(path), "after": found.after.share(path)} for path in found.shifted],
        "turns": [
            {"flows": flows, "before": list(turn.before), "after": list(turn.after), "at": turn.at}
            for turn, flows in found.turns.most_common()
        ],
    }


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
