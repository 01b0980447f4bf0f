"""A table as values: for the screen, for text, for JSON."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import inf
from typing import Any

from vppsh.tui.networks import Network, narrowest, network_of


class Tone(StrEnum):
    """How a row is to be taken; a theme gives it a colour."""

    PLAIN = "plain"
    GOOD = "good"
    BAD = "bad"
    WARN = "warn"
    DIM = "dim"


@dataclass(frozen=True)
class Column:
    """One column.

    key      its name in JSON
    width    of the terminal's columns; 0 takes what is left, and `least` at least
    shown    makes the text of a value; it is called for visible rows only
    number   right-aligned, and sorted from the largest
    """

    title: str
    key: str
    width: int
    shown: Callable[[Any], str] = str
    number: bool = False
    least: int = 12


@dataclass(frozen=True)
class Row:
    """One row: what it is about, its values by column, and how it is to be taken."""

    key: Hashable
    values: tuple[Any, ...]
    tone: Tone = Tone.PLAIN

    def matches(self, words: Sequence[str]) -> bool:
        """Whether all words stand in the texts of the row, an address also in a prefix or range that covers it."""
        text = " ".join(self.texts).casefold()
        return all(word in text or ((network := network_of(word)) is not None and self.narrowest(network) is not None) for word in words)

    @property
    def texts(self) -> list[str]:
        """Its values that are texts."""
        return [value for value in self.values if isinstance(value, str)]

    def narrowest(self, network: Network) -> int | None:
        """How wide the narrowest of its networks is that has addresses in common with this one; None when it has none."""
        return narrowest(self.texts, network)


@dataclass(frozen=True)
class Order:
    """By which column rows are sorted."""

    column: int = 0
    descending: bool = False


class Table(Sequence[Row]):
    """Rows that know how to sort and filter themselves, because they are too many to be looked at one by one."""

    @abstractmethod
    def arranged(self, order: Order, words: str = "") -> Sequence[Row]:
        """See the function of this name."""

    @abstractmethod
    def position(self, key: Hashable) -> int | None:
        """See the function of this name."""


def arranged(rows: Iterable[Row], order: Order, words: str = "") -> Sequence[Row]:
    """The rows that have the words, sorted; rows of one value keep their order. Behind an address, the narrowest networks come first."""
    if isinstance(rows, Table):
        return rows.arranged(order, words)
    wanted = words.casefold().split()
    kept = [row for row in rows if row.matches(wanted)] if wanted else list(rows)
    kept.sort(key=lambda row: row.values[order.column], reverse=order.descending)
    for network in filter(None, map(network_of, wanted)):
        widths = {row.key: row.narrowest(network) for row in kept}
        kept.sort(key=lambda row: inf if (width := widths[row.key]) is None else width)
    return kept


def position(rows: Sequence[Row], key: Hashable) -> int | None:
    """Where the row is that is about something; None when there is none."""
    if isinstance(rows, Table):
        return rows.position(key)
    return next((number for number, row in enumerate(rows) if row.key == key), None)


def widths(columns: Sequence[Column], width: int) -> list[int]:
    """How wide each column is drawn in so many of the terminal's; those that do not fit get 0, the last first."""
    fixed = [column.width or column.least for column in columns]
    while len(fixed) > 1 and sum(fixed) + len(fixed) - 1 > width:
        fixed.pop()
    left = width - sum(fixed) - len(fixed) + 1
    flexible = [number for number in range(len(fixed)) if not columns[number].width]
    for number in flexible:
        fixed[number] += max(left, 0) // len(flexible)
    return fixed + [0] * (len(columns) - len(fixed))


def cell(column: Column, value: Any, width: int) -> str:
    """A value in a column's width; what does not fit ends in an ellipsis."""
    text = column.shown(value)
    if len(text) > width:
        text = text[: max(width - 1, 0)] + "…"
    return text.rjust(width) if column.number else text.ljust(width)


def as_text(columns: Sequence[Column], rows: Iterable[Row], width: int = 0) -> str:
    """The table as text; without a width every column is as wide as its texts."""
    listed = list(rows)
    if width:
        sizes = widths(columns, width)
    else:
        sizes = [
            max([len(column.title), *(len(column.shown(row.values[number])) for row in listed)]) for number, column in enumerate(columns)
        ]
    pairs = [(column, size, number) for number, (column, size) in enumerate(zip(columns, sizes)) if size]
    lines = ["  ".join(column.title.rjust(size) if column.number else column.title.ljust(size) for column, size, _ in pairs)]
    lines += ["  ".join(cell(column, row.values[number], size) for column, size, number in pairs) for row in listed]
    return "".join(f"{line.rstrip()}\n" for line in lines)


def as_json(columns: Sequence[Column], rows: Iterable[Row]) -> str:
    """The table as a JSON list of objects, with the values rather than their texts."""
    listed = [{column.key: value for column, value in zip(columns, row.values)} for row in rows]
    return json.dumps(listed, indent=2, ensure_ascii=False, default=list) + "\n"
