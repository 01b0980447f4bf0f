"""Errors: counters with rates, in plain words, told apart by what becomes of the packet."""

from __future__ import annotations

import textwrap
from collections.abc import Hashable

from vppsh.knowledge import Kind, knowledge
from vppsh.tui.behind import Behind, quoted
from vppsh.tui.grid import Column, Order, Row, Tone
from vppsh.tui.numbers import duration, plot, short, sparkline
from vppsh.tui.questions import ERRORS
from vppsh.tui.report import Report
from vppsh.tui.store import Store

SPARK = 12
_TONES = {Kind.DROP: Tone.BAD, Kind.PUNT: Tone.WARN, Kind.INFO: Tone.PLAIN}


class ErrorsReport(Report):
    """VPP's error counters."""

    name = "Errors"
    position = 40
    questions = (ERRORS,)
    order = Order(0, descending=True)
    still = True
    empty = "no counter moved since the baseline; `a' shows all"
    help = (
        "Only counters that moved since the baseline; `a' shows all, `0' sets the baseline to now. The target's counters stay as\n"
        "they are. VPP counts as errors also what is none: drop means that packets ended here, punt that they were handed out of\n"
        "the dataplane, info that they went on. `show errors' stops VPP's workers for a moment, so that a live VPP whose stats segment\n"
        "cannot be read is asked every five seconds at most. Enter tells what a counter means and what to look at next."
    )
    columns = (
        Column("a second", "rate", 9, short, number=True),
        Column("new", "since_baseline", 8, short, number=True),
        Column("Kind", "kind", 5),
        Column("Node", "node", 26),
        Column("Reason", "reason", 0),
        Column("last samples", "history", SPARK, lambda values: sparkline(values, SPARK)),
        Column("count", "count", 8, short, number=True),
        Column("says", "meaning", 40),
    )

    def rows(self, store: Store, everything: bool = False) -> list[Row]:
        """A counter each."""
        known = store.value(ERRORS)
        if known is None:
            return []
        track, found = store.track(ERRORS), []
        for counter in known.counters:
            key = (counter.node, counter.reason)
            since = track.since(key)
            if not (everything or since):
                continue
            reason = knowledge().find(*key)
            kind = reason.kind if reason else counter.severity
            tone = _TONES[reason.kind] if reason else Tone.WARN if counter.severity == "error" else Tone.PLAIN
            history = tuple(track.history(key, SPARK).tolist())
            says = reason.says if reason else ""
            values = (track.rate(key), since, str(kind), counter.node, counter.reason, history, counter.count, says)
            found.append(Row(key, values, tone))
        return found

    def detail(self, store: Store, key: Hashable, width: int) -> list[str]:
        """What the counter means, what brings it about, what to look at, and its rate over the last minutes."""
        if not isinstance(key, tuple):
            return []
        node, text = key
        track = store.track(ERRORS)
        reason = knowledge().find(node, text)
        lines = [f"{node}: {text}", ""]
        if reason is None:
            lines.append("Nothing is known of this counter beyond VPP's own words.")
        else:
            lines += textwrap.wrap(f"{reason.kind}: {reason.says}", width)
            for title, items in (("Causes", reason.causes), ("Look at", reason.check)):
                for number, item in enumerate(items):
                    lines += textwrap.wrap(item, width, initial_indent=f"{title if not number else '':<9}", subsequent_indent=" " * 9)
        history = track.history(key, max(width - 2, 10)).tolist()
        times = track.times(max(width - 2, 10))
        span = duration(times[-1] - times[0]) if len(times) > 1 else "no time yet"
        lines += ["", f"a second, highest {short(max(history, default=0)) or '0'} in {span}", *plot(history, max(width - 2, 10), 4)]
        return lines

    def behind(self, key: Hashable) -> Behind | None:
        """Packets that ended with the counter; where it counts what goes on, those that come by its node."""
        if not isinstance(key, tuple):
            return None
        node, text = key
        reason = knowledge().find(node, text)
        end = {Kind.DROP: "error-drop", Kind.PUNT: "error-punt"}.get(reason.kind if reason else Kind.DROP)
        return Behind(f"node {node}", visits=node) if end is None else Behind(f"reason {quoted(f'{node}: {text}')}", visits=end)

    def lines(self, key: Hashable | None) -> list[str]:
        """For a row, also its explanation."""
        return ["show errors"] if not isinstance(key, tuple) else ["show errors", f"%why {key[1]}"]
