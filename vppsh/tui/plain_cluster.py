"""A tab of several targets as plain text or JSON, without a screen."""

from __future__ import annotations

import json
import queue
import sys
from collections.abc import Callable, Sequence

from vppsh.errors import ExitStatus
from vppsh.tui.cluster import NAME, ClusterReport, as_json, as_text
from vppsh.tui.fleet import VITAL, Fleet, Survey
from vppsh.tui.grid import arranged
from vppsh.tui.plain import print_recorded_one, tab_of
from vppsh.tui.questions import Question, no_counters
from vppsh.tui.recorded import Playback, state_at
from vppsh.tui.sampling import Sample
from vppsh.tui.store import Jump, Store
from vppsh.tui.watching import Watched, watch_playback

Texts = Callable[[Store], str]


def print_fleet(fleet: Fleet, name: str, samples: int, *, in_json: bool) -> int:
    """Take so many samples of each target, then print the cluster, or another tab for each; the exit status.

    A target that is lost says so in its place; none may join. Raises UsageError when there is no such tab.
    """
    questions, readable, text = _tab(name, in_json)
    if all(question.counters is no_counters for question in questions):
        samples = 1  # without counters there are no rates to wait for
    arrived: queue.SimpleQueue[tuple[Watched, Sample] | Survey] = queue.SimpleQueue()
    members = {id(member.watched): member for member in fleet.members}
    for member in fleet.members:
        member.watched.feed.want(questions)
        member.watched.feed.hurry()  # who names a table wants it, however big it is
    fleet.start(lambda watched, sample: arrived.put((watched, sample)), arrived.put)
    surveyed = text is not None or not fleet.surveyed
    try:
        while not surveyed or any(each.store.samples < samples and not each.store.lost for each in fleet.members):
            come = arrived.get()
            if isinstance(come, Survey):
                fleet.take(come)
                surveyed = True
            else:
                members[id(come[0])].feed(come[1], readable)
    finally:
        fleet.stop()
    return _print(fleet, text, in_json)


def print_recorded(playback: Playback, name: str, *, as_json: bool) -> int:
    """Print a tab as it was at the time of a playback; the exit status. Raises UsageError when there is no such tab."""
    fleet = watch_playback(playback)
    if not isinstance(fleet, Fleet):
        return print_recorded_one(playback, name, as_json=as_json)
    _, readable, text = _tab(name, as_json)
    for member in fleet.members:
        store = state_at(playback, member.name, readable)
        member.feed(Jump(store.at, store.taken, store=store), readable)
    _print(fleet, text, as_json)
    return ExitStatus.OK


def _tab(name: str, in_json: bool) -> tuple[Sequence[Question], Sequence[Question], Texts | None]:
    """What is asked, whose answers are read, and what makes a target's text; None for the cluster, which is about all."""
    return (VITAL, VITAL, None) if name.casefold() == NAME.casefold() else tab_of(name, in_json)


def _print(fleet: Fleet, text: Texts | None, in_json: bool) -> int:
    lost = {member.name: member.store.lost for member in fleet.members if member.store.lost}
    if text is None:
        rows = arranged(ClusterReport(fleet).rows(fleet.members[0].store), ClusterReport.order)
        sys.stdout.write(as_json(fleet, rows) if in_json else as_text(fleet, rows))
    elif in_json:
        found = {member.name: json.loads(text(member.store)) for member in fleet.members if member.name not in lost}
        sys.stdout.write(json.dumps({"nodes": found, "lost": lost}, indent=2, ensure_ascii=False) + "\n")
    else:
        parts = [f"lost: {lost[each.name]}\n" if each.name in lost else text(each.store) for each in fleet.members]
        sys.stdout.write("\n".join(f"== {member.name}\n{part}" for member, part in zip(fleet.members, parts)))
    return ExitStatus.UNREACHABLE if lost else ExitStatus.OK
