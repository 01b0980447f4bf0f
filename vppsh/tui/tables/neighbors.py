"""Neighbours: which MAC address an IP address has."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from vppsh.answers.neighbors import Neighbor, read_neighbors
from vppsh.tui.grid import Column, Row, Tone
from vppsh.tui.numbers import duration
from vppsh.tui.questions import Question
from vppsh.tui.report import Report
from vppsh.tui.store import Store

SELDOM = 30.0
# The line is about both families.
NEIGHBORS = Question("show ip neighbors", read_neighbors, every=SELDOM)


class NeighborsTable(Report):
    """ARP and ND together."""

    name, title, position = "neighbors", "Neighbours", 30
    questions = (NEIGHBORS,)
    empty = "no neighbours"
    help = (
        "What ARP and neighbour discovery have found, and what was configured (static). Age is how long ago an entry was confirmed.\n"
        "`/' takes words, and addresses or prefixes: 10.1.0.0/16 finds the neighbours in it."
    )
    columns = (
        Column("Address", "address", 26),
        Column("MAC", "mac", 17),
        Column("Interface", "interface", 0),
        Column("How", "how", 8),
        Column("age", "age", 8, lambda seconds: duration(seconds) if seconds == seconds else "", number=True),
        Column("Flags", "flags", 5),
    )

    def rows(self, store: Store, everything: bool = False) -> Sequence[Row]:
        """A neighbour each."""
        known = store.value(NEIGHBORS)
        return [self._row(each) for each in known.neighbors] if known else []

    def _row(self, each: Neighbor) -> Row:
        how = "static" if each.static else "learnt"
        values = (each.address, each.mac, each.interface, how, each.seconds, each.flags)
        return Row((each.interface, each.address), values, Tone.PLAIN)

    def more(self, key: Hashable) -> str:
        """The route that packets to the neighbour take."""
        if not isinstance(key, tuple):
            return ""
        return f"show {'ip6' if ':' in key[1] else 'ip'} fib {key[1]}"
