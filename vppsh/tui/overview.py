"""The overview as values: how busy the target is, and the interfaces and counters that move most."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Any

from vppsh.tui import grid
from vppsh.tui.grid import Column, Row, arranged
from vppsh.tui.numbers import bits, duration, short, sparkline
from vppsh.tui.questions import ERRORS, INTERFACES, SUMMARY, VERSION
from vppsh.tui.reports.errors import ErrorsReport
from vppsh.tui.reports.interfaces import FAULTS, InterfacesReport
from vppsh.tui.store import Store

NAME = "Overview"
QUESTIONS = (VERSION, INTERFACES, ERRORS, SUMMARY)
INTERFACE_COLUMNS, ERROR_COLUMNS = InterfacesReport.columns, ErrorsReport.columns
SPARK = 30
TOP = 50
# Columns from which on notes stand beside the totals.
WIDE = 110
HELP = (
    "The first lines: all interfaces together, as sparklines over the last samples; drops are packets that VPP counts as\n"
    "dropped per interface. Vector rate and loops are VPP's own figures, a thread each.\n"
    "Below: interfaces by packets a second, and counters that moved since the baseline. Tab goes from one to the other,\n"
    "Enter opens the row on its own tab."
)


def top_interfaces(store: Store) -> list[Row]:
    """The interfaces by packets a second."""
    rows = InterfacesReport().rows(store)
    rows.sort(key=lambda row: row.values[3] + row.values[5], reverse=True)
    return rows[:TOP]


def top_errors(store: Store) -> Sequence[Row]:
    """The counters that move, by their rates."""
    return arranged(ErrorsReport().rows(store), ErrorsReport.order)[:TOP]


def total(store: Store, *counters: str) -> tuple[float, list[float]]:
    """The sum of counters over all interfaces, a second: now, and over the last samples."""
    known, track = store.value(INTERFACES), store.track(INTERFACES)
    keys = [(each.name, counter) for each in known.interfaces for counter in counters if counter in each.counters] if known else []
    history = track.total(keys, SPARK).tolist()
    return history[-1] if history else 0.0, history


def summary(store: Store, width: int = WIDE) -> list[str]:
    """The totals, and how busy each thread is, in lines: beside the totals where there is room for both."""
    known, runtime = store.value(INTERFACES), store.value(SUMMARY)
    lines = []
    for title, packets, octets in (("received", "rx packets", "rx bytes"), ("sent", "tx packets", "tx bytes")):
        now, history = total(store, packets)
        lines.append(f"{title:<9}{short(now) or '0':>8} pps {bits(total(store, octets)[0]) or '0':>10}  {sparkline(history, SPARK)}")
    for title, counters in (("dropped", ("drops",)), ("errors", FAULTS)):
        now, history = total(store, *counters)
        lines.append(f"{title:<9}{short(now) or '0':>8} pps {'':>10}  {sparkline(history, SPARK)}")
    interfaces = known.interfaces if known else ()
    threads = runtime.threads if runtime else ()
    notes = [f"{sum(each.up for each in interfaces)} of {len(interfaces)} interfaces up"]
    notes += [f"{each.name}: vector rate {each.vector_rate:.2f}, {short(each.loops) or '0'} loops/s" for each in threads]
    if threads:
        notes.insert(1, f"runtime counted for {duration(threads[0].seconds)}")
    if width < WIDE:
        return [*lines, *(", ".join(pair) for pair in batched(notes, 2))]
    lines += [" " * len(lines[0])] * (len(notes) - len(lines))
    return [f"{line}  {note}" for line, note in zip_longest(lines, notes, fillvalue="")]


def batched(items: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    """The items, so many at a time."""
    return (items[at : at + size] for at in range(0, len(items), size))


def as_text(store: Store) -> str:
    """The lines and both tables."""
    head = "".join(f"{line.rstrip()}\n" for line in summary(store))
    interfaces = grid.as_text(INTERFACE_COLUMNS, top_interfaces(store))
    errors = grid.as_text(ERROR_COLUMNS, top_errors(store))
    return f"{head}\nInterfaces by packets a second\n{interfaces}\nCounters that move\n{errors}"


def as_json(store: Store) -> str:
    """The totals and both tables."""
    keys = {"received": "rx packets", "sent": "tx packets", "dropped": "drops"}
    report = {
        "totals": {title: total(store, counter)[0] for title, counter in keys.items()},
        "interfaces": _named(INTERFACE_COLUMNS, top_interfaces(store)),
        "errors": _named(ERROR_COLUMNS, top_errors(store)),
    }
    return json.dumps(report, indent=2, ensure_ascii=False) + "\n"


def _named(columns: Sequence[Column], rows: Sequence[Row]) -> list[dict[str, Any]]:
    return [{column.key: value for column, value in zip(columns, row.values)} for row in rows]
