"""Which of the captured packets are listed: by an expression, by a path."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from vppsh.traces.expression import FilterError, Predicate, compile_filter
from vppsh.traces.groups import Path
from vppsh.traces.model import Packet
from vppsh.tui.grid import Row
from vppsh.tui.traces import Taken, paths

# So many packets are looked at between two questions whether the answer is still wanted.
CHUNK = 256


@dataclass(frozen=True)
class Choice:
    """What to list.

    expression  in the language of trace filters; empty for all
    path        only packets that took it; None for all
    """

    expression: str = ""
    path: Path | None = None

    def keep(self) -> Predicate | None:
        """The predicate, None for all. Raises FilterError."""
        return compile_filter(self.expression) if self.expression.strip() else None


@dataclass(frozen=True)
class Listing:
    """What a choice leaves.

    rows  of packets
    ways  a row for each path of those that the expression keeps
    """

    rows: tuple[Row, ...] = ()
    ways: tuple[Row, ...] = ()


def wrong(expression: str) -> str:
    """What is wrong with an expression and where, in one line; empty when nothing is."""
    try:
        Choice(expression).keep()
    except FilterError as error:
        return str(error).partition("\n")[0].removeprefix("filter: ")
    return ""


def chosen(found: Taken, choice: Choice, cancelled: Callable[[], bool]) -> Listing | None:
    """The packets that a choice leaves; None when that is not wanted any more."""
    keep = choice.keep()
    kept: list[Row] = []
    for at in range(0, len(found.rows), CHUNK):
        if cancelled():
            return None
        kept += [row for row in found.rows[at : at + CHUNK] if keep is None or keep(packet_of(found, row))]
    ways = paths(packet_of(found, row) for row in kept)
    if choice.path is not None:
        kept = [row for row in kept if packet_of(found, row).path == choice.path]
    return Listing(tuple(kept), ways)


def packet_of(found: Taken, row: Row) -> Packet:
    """The packet that a row is about."""
    assert isinstance(row.key, int)
    return found.packets[row.key]
