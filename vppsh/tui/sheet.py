"""A table of very many rows, kept by columns: a row is made when it is looked at, filters and orders are whole-array operations.

A filter or an order of 200,000 rows takes a few hundredths of a second.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Hashable, Sequence
from itertools import repeat
from operator import contains
from typing import Any, Protocol, overload

import numpy as np
from numpy.typing import NDArray

from vppsh.tui.grid import Order, Row, Table, Tone
from vppsh.tui.networks import Network, network_of

Marks = NDArray[np.bool_]
Numbers = NDArray[np.int64]
Rows = NDArray[np.int32]


class Series(Protocol):
    """The values of one column.

    order  the rows from the smallest value
    """

    order: Rows

    def __getitem__(self, row: int) -> Any: ...

    def matches(self, word: str) -> Marks | None:
        """The rows whose text has a word, which has no capitals; None when the column has no texts."""
        ...

    def meets(self, network: Network) -> tuple[Marks, Numbers] | None:
        """The rows whose network has addresses in common with this one, and what orders networks from the longest prefix."""
        ...


def ordered(values: NDArray[Any]) -> Rows:
    """The rows from the smallest value; rows of one value keep their order."""
    return np.argsort(values, kind="stable").astype(np.int32)


class Figures:
    """Numbers."""

    def __init__(self, values: NDArray[np.int64]) -> None:
        self._values = values
        self.order = ordered(values)

    def __getitem__(self, row: int) -> int:
        """The number of a row."""
        return int(self._values[row])

    def matches(self, word: str) -> Marks | None:
        """Numbers are not searched."""
        return None

    def meets(self, network: Network) -> tuple[Marks, Numbers] | None:
        """Numbers are no networks."""
        return None


class Repeated:
    """Texts of which there are few different ones.

    codes     a row's place in `distinct`
    distinct  the texts
    """

    def __init__(self, codes: NDArray[np.int32], distinct: Sequence[str]) -> None:
        self.codes, self.distinct = codes, distinct
        self._lower = [text.casefold() for text in distinct]
        ranks = np.empty(len(distinct), np.int32)
        ranks[sorted(range(len(distinct)), key=distinct.__getitem__)] = np.arange(len(distinct), dtype=np.int32)
        # numpy sorts numbers of 16 bits several times as fast.
        self.order = ordered((ranks.astype(np.int16) if len(distinct) < 1 << 15 else ranks)[codes])

    def __getitem__(self, row: int) -> str:
        """The text of a row."""
        return self.distinct[self.codes[row]]

    def matches(self, word: str) -> Marks | None:
        """See `Series`."""
        having = np.fromiter((word in text for text in self._lower), np.bool_, len(self._lower))
        return having[self.codes] if len(having) else np.zeros(len(self.codes), np.bool_)

    def meets(self, network: Network) -> tuple[Marks, Numbers] | None:
        """What stands in such texts is not what a row is about."""
        return None


class Prefixes:
    """Prefixes of one family.

    texts  as they are printed, "10.0.0.0/8"; raises ValueError when one is no prefix of the family
    """

    def __init__(self, texts: Sequence[str], version: int) -> None:
        self._texts, self._version = texts, version
        family, size = (socket.AF_INET, 4) if version == 4 else (socket.AF_INET6, 16)
        addresses, lengths = bytearray(), np.empty(len(texts), np.int64)
        for row, text in enumerate(texts):
            address, _, length = text.partition("/")
            try:
                addresses += socket.inet_pton(family, address)
            except OSError:
                raise ValueError(f"{text} is no prefix of IPv{version}") from None
            lengths[row] = int(length)
        ones = np.arange(8 * size) >= np.arange(8 * size + 1)[:, None]  # a row per length: the bits behind the prefix
        behind = np.packbits(ones, axis=1)[lengths]
        octets = np.frombuffer(bytes(addresses), np.uint8).reshape(-1, size)
        self._first, self._last = (np.ascontiguousarray(each).view(f"S{size}").ravel() for each in (octets & ~behind, octets | behind))
        self._lengths = lengths
        by_length = ordered(lengths.astype(np.int16))
        self.order = by_length[ordered(self._first[by_length])]
        self._found: tuple[str, NDArray[np.intp]] | None = None

    def __getitem__(self, row: int) -> str:
        """The prefix of a row."""
        return self._texts[row]

    def matches(self, word: str) -> Marks | None:
        """See `Series`; a word that goes on from the last one is searched where that was found."""
        marks = np.zeros(len(self._texts), np.bool_)
        if self._found is not None and self._found[0] in word:
            rows = self._found[1]
            texts = map(self._texts.__getitem__, rows.tolist())
            rows = rows[np.fromiter(map(contains, texts, repeat(word)), np.bool_, len(rows))]
        else:
            rows = np.flatnonzero(np.fromiter(map(contains, self._texts, repeat(word)), np.bool_, len(marks)))
        self._found = word, rows
        marks[rows] = True
        return marks

    def meets(self, network: Network) -> tuple[Marks, Numbers] | None:
        """See `Series`."""
        if network.version != self._version:
            return np.zeros(len(self._texts), np.bool_), -self._lengths
        first, last = network.packed()
        return (self._first <= last) & (self._last >= first), -self._lengths


class Sheet(Table):
    """Rows of several series.

    series  the columns
    key     what a row is about
    find    the row that is about something; None when there is none
    tones   how rows are to be taken
    """

    def __init__(
        self,
        series: Sequence[Series],
        key: Callable[[int], Hashable],
        find: Callable[[Hashable], int | None],
        tones: Callable[[int], Tone],
        chosen: Rows | None = None,
    ) -> None:
        self._series, self._key, self._find, self._tones = tuple(series), key, find, tones
        self._chosen: Rows = np.arange(len(series[0].order), dtype=np.int32) if chosen is None else chosen
        self._last: tuple[tuple[Order, str], Sheet] | None = None

    def __len__(self) -> int:
        """How many rows there are."""
        return len(self._chosen)

    @overload
    def __getitem__(self, number: int) -> Row: ...
    @overload
    def __getitem__(self, number: slice) -> list[Row]: ...
    def __getitem__(self, number: int | slice) -> Row | list[Row]:
        """These rows."""
        if isinstance(number, slice):
            return [self[each] for each in range(*number.indices(len(self)))]
        row = int(self._chosen[number])
        return Row(self._key(row), tuple(series[row] for series in self._series), self._tones(row))

    def position(self, key: Hashable) -> int | None:
        """Where the row is that is about something; None when it is not among these."""
        row = self._find(key)
        if row is None:
            return None
        at = np.flatnonzero(self._chosen == row)
        return int(at[0]) if len(at) else None

    def arranged(self, order: Order, words: str = "") -> Sheet:
        """Those of all rows that have the words, sorted; behind an address, those that cover it, from the longest prefix."""
        if self._last is None or self._last[0] != (order, words):
            self._last = (order, words), self._arrange(order, words.casefold().split())
        return self._last[1]

    def _arrange(self, order: Order, words: Sequence[str]) -> Sheet:
        kept = self._series[order.column].order
        if order.descending:
            kept = kept[::-1]
        longest: Numbers | None = None
        for word in words:
            marks: Marks | None = None
            network = network_of(word)
            for series in self._series:
                having = series.matches(word)
                met = series.meets(network) if network is not None else None
                if met is not None:
                    # What only has the word in its text comes behind.
                    longest = np.where(met[0], met[1], 1) if longest is None else longest
                for each in (having, met[0] if met is not None else None):
                    if each is not None:
                        marks = each if marks is None else marks | each
            kept = kept[marks[kept]] if marks is not None else kept[:0]
        if longest is not None:
            kept = kept[ordered(longest[kept])]
        return Sheet(self._series, self._key, self._find, self._tones, kept)
