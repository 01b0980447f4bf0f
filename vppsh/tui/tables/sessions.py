"""Sessions of services and of source NAT: how many there are, and some of them when they are asked for."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from vppsh.answers.cnat import Session, Sessions, read_sessions
from vppsh.tui.grid import Column, Row
from vppsh.tui.numbers import duration
from vppsh.tui.questions import Question
from vppsh.tui.report import Report
from vppsh.tui.store import Store
from vppsh.tui.tables.services import endpoint

MOST = 1000
COUNT = Question("show cnat session", read_sessions, every=5.0)
SESSIONS = Question(f"show cnat session max {MOST}", read_sessions, on_demand=True)


class SessionsTable(Report):
    """A direction of a flow each."""

    name, title, position = "sessions", "Sessions", 90
    questions = (COUNT, SESSIONS)
    empty = "no sessions"
    help = (
        f"VPP tells how many sessions there are at no cost; the first {MOST} of them are asked for by `r' only. Each direction of a flow\n"
        "is a session. Becomes is what the packet is rewritten to at the first place that does. Left is how long a session is kept when\n"
        "nothing more comes. For one address or port, the prompt has `show cnat session ip ADDRESS port PORT'."
    )
    columns = (
        Column("Proto", "protocol", 5),
        Column("From", "source", 24),
        Column("To", "destination", 24),
        Column("Becomes", "becomes", 0),
        Column("left", "left", 7, duration, number=True),
        Column("Flags", "flags", 13),
        Column("fib", "fib", 4, number=True),
    )

    def rows(self, store: Store, everything: bool = False) -> Sequence[Row]:
        """A session each."""
        known = store.value(SESSIONS)
        return [self._row(known, each) for each in known.sessions] if known else []

    def _row(self, known: Sessions, each: Session) -> Row:
        ends = endpoint(each.source, each.source_port), endpoint(each.destination, each.port)
        becomes = each.rewrites[0][1] if each.rewrites else ""
        left = max(each.last_seen + each.lifetime - known.now, 0.0)
        return Row((each.protocol, *ends, each.fib), (each.protocol, *ends, becomes, left, each.flags, each.fib))

    def detail(self, store: Store, key: Hashable, width: int) -> list[str]:
        """What becomes of it at every place."""
        known = store.value(SESSIONS)
        each = next((each for each in known.sessions if self._row(known, each).key == key), None) if known else None
        if each is None:
            return [f"{key} is gone"]
        flow = f"{each.protocol} {endpoint(each.source, each.source_port)} to {endpoint(each.destination, each.port)}"
        lines = [f"{flow}, {each.flags or 'forward'}", f"session {each.index}, FIB index {each.fib}, lifetime {each.lifetime} s"]
        return lines + [f"{where:<5} {flow}" for where, flow in each.rewrites]

    def nothing(self, store: Store) -> str:
        """How many there are."""
        count, asked = store.value(COUNT), store.known(SESSIONS)
        if count is None or asked is not None:
            return super().nothing(store)
        return f"{count.active} sessions; `r' asks for the first {MOST}"

    def lines(self, key: Hashable | None) -> list[str]:
        """For a row, the line that asks for it alone."""
        if not isinstance(key, tuple):
            return [question.line for question in self.questions]
        address, _, port = key[1].rpartition(":")
        return [f"show cnat session ip {address.strip('[]')} port {port} proto {key[0]}"]
