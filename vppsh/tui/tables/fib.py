"""The forwarding tables of IPv4 and IPv6."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from functools import partial
from typing import ClassVar

from vppsh.answers.fib import read_fib
from vppsh.tui.grid import Column, Row
from vppsh.tui.numbers import short
from vppsh.tui.questions import Gate, Question
from vppsh.tui.report import Report
from vppsh.tui.store import Store
from vppsh.tui.tables.forwarding import count_routes, read_forwarding

# So many routes are printed by somebody's VPP in some milliseconds, in which its workers stand still.
MOST = 2000
SELDOM = 60.0


def _questions(line: str, version: int) -> tuple[Question, Question]:
    """The table, and its summary, which is the gate to it."""
    gate = Gate(f"{line} summary", count_routes, MOST)
    return Question(line, partial(read_forwarding, version=version), every=SELDOM, gate=gate), Question(gate.line, read_fib)


class Fib(Report):
    """The routes of a family."""

    family: ClassVar[int]
    summary: ClassVar[Question]
    still = False
    help = (
        "All routes of all tables. Kind is what becomes of packets: adjacency (sent to a next hop), incomplete (its neighbour is not\n"
        "known yet), glean (on the link: the neighbour is asked for), receive (the node itself), lookup (in another table), drop ...\n"
        "Via are the next hops, with their weights when they differ. Packets and bytes are what the route's load-balance counted.\n"
        "`/' takes words, and addresses or prefixes: 10.1.2.3 finds the prefixes that cover it, the longest first.\n"
        "Enter asks the target for all that it knows of a route. VPP stops its workers while it prints a table, so that it is asked\n"
        "every minute at most, and only when its summary of prefix lengths has changed; one of more than\n"
        f"{MOST} routes is asked for by `r' only.\n"
        "An engine of our own is asked whenever its summary changes."
    )
    columns = (
        Column("Prefix", "prefix", 18),
        Column("Kind", "kind", 10),
        Column("Via", "via", 0),
        Column("paths", "paths", 5, number=True),
        Column("packets", "packets", 7, short, number=True),
        Column("bytes", "bytes", 7, short, number=True),
        Column("Table", "table", 12),
    )

    @property
    def readable(self) -> tuple[Question, ...]:
        """The summary, too."""
        return (*self.questions, self.summary)

    def rows(self, store: Store, everything: bool = False) -> Sequence[Row]:
        """A route each."""
        forwarding = store.value(self.questions[0])
        return forwarding.sheet if forwarding else []

    def nothing(self, store: Store) -> str:
        """A table may be too big to be asked for."""
        summary = store.value(self.summary)
        if summary is not None and store.known(self.questions[0]) is None:
            count = sum(len(table) for table in summary.tables)
            return f"{count} routes: VPP stops its workers while it prints them; `r' asks for them all the same"
        return super().nothing(store)

    def more(self, key: Hashable) -> str:
        """The route with its sources and paths."""
        return f"{self.questions[0].line} index {key[0]} {key[1]}" if isinstance(key, tuple) else ""

    def lines(self, key: Hashable | None) -> list[str]:
        """The table, or the route."""
        return [self.questions[0].line if key is None else self.more(key)]


class Fib4(Fib):
    """IPv4."""

    name, title, position, family = "fib4", "IPv4 FIB", 10, 4
    _asked, summary = _questions("show ip fib", 4)
    questions = (_asked,)


class Fib6(Fib):
    """IPv6."""

    name, title, position, family = "fib6", "IPv6 FIB", 20, 6
    _asked, summary = _questions("show ip6 fib", 6)
    questions = (_asked,)
    columns = (Column("Prefix", "prefix", 34), *Fib.columns[1:])
