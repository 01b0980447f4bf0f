"""What becomes of packets with MPLS labels."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from vppsh.answers.mpls import LabelRoute, LabelTable, read_label_tables
from vppsh.tui.grid import Column, Row
from vppsh.tui.numbers import short
from vppsh.tui.questions import Question
from vppsh.tui.report import Report
from vppsh.tui.store import Store
from vppsh.tui.tables.forwarding import tone_of, way_of

SELDOM = 60.0
LABELS = Question("show mpls fib", read_label_tables, every=SELDOM)


class MplsTable(Report):
    """A label each, once as the last of the stack and once with others below."""

    name, title, position = "mpls", "MPLS FIB", 25
    questions = (LABELS,)
    empty = "no labels; `mpls table add 0' makes the table"
    help = (
        "All labels of all tables; eos is the label at the bottom of the stack, neos one with others below, which may go another way.\n"
        "Kind and via are as for routes of IP; a label that is pushed stands before the next hop. Enter asks for all of a label."
    )
    columns = (
        Column("Label", "label", 18),
        Column("Stack", "stack", 5),
        Column("Kind", "kind", 10),
        Column("Via", "via", 0),
        Column("paths", "paths", 5, number=True),
        Column("packets", "packets", 7, short, number=True),
        Column("bytes", "bytes", 7, short, number=True),
        Column("Table", "table", 12),
    )

    def rows(self, store: Store, everything: bool = False) -> Sequence[Row]:
        """A label each."""
        known = store.value(LABELS)
        return [self._row(table, each) for table in known.tables for each in table.routes] if known else []

    def _row(self, table: LabelTable, each: LabelRoute) -> Row:
        kind, via, paths = way_of(each.route)
        way = each.route.forwarding
        counted = (way.packets, way.bytes) if way is not None else (0, 0)
        name = table.name if table.number is None else str(table.number)
        values = (each.label, "eos" if each.last else "neos", kind, via, paths, *counted, name)
        return Row((table.number, each.label, each.last), values, tone_of(kind))

    def more(self, key: Hashable) -> str:
        """The label, when it is a number: VPP takes no other, and tables by their numbers only."""
        if not isinstance(key, tuple) or key[0] is None or not key[1].isdigit():
            return ""
        return f"show mpls fib table {key[0]} {key[1]}"

    def detail(self, store: Store, key: Hashable, width: int) -> list[str]:
        """Of special labels, what is known."""
        if self.more(key):
            return []
        row = next((row for row in self.rows(store) if row.key == key), None)
        return [f"{row.values[0]} {row.values[1]}: {row.values[2]} {row.values[3]}".rstrip()] if row else [f"{key} is gone"]
