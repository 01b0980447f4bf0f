"""A tab as plain text or JSON, without a screen: for pipes, and for who listens rather than looks."""

from __future__ import annotations

import queue
import sys
from collections.abc import Callable, Sequence

from vppsh.errors import ExitStatus, TargetError, UsageError
from vppsh.tui import grid, overview
from vppsh.tui.questions import Question, no_counters
from vppsh.tui.recorded import Playback, state_at
from vppsh.tui.report import Report, all_reports, all_tables
from vppsh.tui.sampling import Sample
from vppsh.tui.store import Store
from vppsh.tui.watching import Watched


def print_tab(watched: Watched, name: str, samples: int, *, as_json: bool) -> int:
    """Take so many samples, then print a tab; the exit status. Raises UsageError when there is no such tab."""
    questions, readable, text = tab_of(name, as_json)
    if all(question.counters is no_counters for question in questions):
        samples = 1  # without counters there are no rates to wait for
    arrived: queue.SimpleQueue[Sample] = queue.SimpleQueue()
    watched.feed.want(questions)
    watched.feed.hurry()  # who names a table wants it, however big it is
    watched.feed.start(arrived.put)
    try:
        while watched.store.samples < samples:
            sample = arrived.get()
            sys.stderr.write(sample.notices)
            watched.store.feed(sample, readable)
            if watched.store.lost:
                raise TargetError(watched.store.lost)
    finally:
        watched.feed.stop()
    return _write(watched.store, questions, text)


def print_recorded_one(playback: Playback, name: str, *, as_json: bool) -> int:
    """Print a tab as it was at the time of a playback; the exit status. Raises UsageError when there is no such tab."""
    questions, readable, text = tab_of(name, as_json)
    return _write(state_at(playback, playback.recording.targets[0], readable), questions, text)


def _write(store: Store, questions: Sequence[Question], text: Callable[[Store], str]) -> int:
    sys.stdout.write(text(store))
    sys.stdout.flush()
    for refusal in store.refusals(questions):
        sys.stderr.write(f"vppsh: {refusal}\n")
    return ExitStatus.OK


def tab_of(name: str, as_json: bool) -> tuple[Sequence[Question], Sequence[Question], Callable[[Store], str]]:
    """What a tab or a table asks, whose answers it reads, and what makes its text."""
    if name.casefold() == overview.NAME.casefold():
        return overview.QUESTIONS, overview.QUESTIONS, overview.as_json if as_json else overview.as_text
    reports, tables = all_reports(), all_tables()
    found = next((report for report in (*reports, *tables) if report.name.casefold() == name.casefold()), None)
    if found is None:
        names = ", ".join([overview.NAME, *(report.name for report in reports)])
        raise UsageError(f"there is no tab {name}; there are {names}, and the tables {', '.join(report.name for report in tables)}")
    return found.questions, found.readable, lambda store: _text(found, store, as_json)


def _text(report: Report, store: Store, as_json: bool) -> str:
    rows = grid.arranged(report.rows(store, not report.still), report.order)
    return grid.as_json(report.columns, rows) if as_json else grid.as_text(report.columns, rows)
