"""Counters by name: their values, their rates now and over the last minutes, and what they counted since a baseline of ours."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
SLOTS = 600


class Track:
    """Counters that are read together, each by a key.

    A counter that fell was cleared by somebody on the target: what it shows is counted from there. One that was not there
    before counts from zero, as VPP leaves out those that are; only at the first reading nobody knows since when.

    slots  how many readings the histories keep
    """

    def __init__(self, slots: int = SLOTS) -> None:
        self._slots = slots
        self._columns: dict[Hashable, int] = {}
        self._value = np.zeros(64)
        self._base = np.zeros(64)
        self._rates = np.zeros((slots, 64))
        self._times = np.full(slots, np.nan)
        self._readings = 0
        self._at = 0.0
        self.based_at = 0.0

    @property
    def readings(self) -> int:
        """How often the counters were read."""
        return self._readings

    def feed(self, at: float, counters: Mapping[Hashable, float]) -> None:
        """Take one reading, made at a time in seconds."""
        first = self._readings == 0
        for key in counters.keys() - self._columns.keys():
            self._columns[key] = len(self._columns)
        self._grow(len(self._columns))
        value = np.zeros_like(self._value)
        if counters:
            where = np.fromiter((self._columns[key] for key in counters), np.intp, len(counters))
            value[where] = np.fromiter(counters.values(), np.float64, len(counters))
        row = self._rates[self._readings % self._slots]
        if first:
            self._base[:] = value
            self.based_at = at
            row[:] = 0.0
        else:
            fell = value < self._value
            self._base -= np.where(fell, self._value, 0.0)
            seconds = max(at - self._at, 1e-6)
            row[:] = np.where(fell, value, value - self._value) / seconds
        self._times[self._readings % self._slots] = at
        self._value, self._at = value, at
        self._readings += 1

    def rebase(self) -> None:
        """Count from here on; nothing happens on the target."""
        self._base[:] = self._value
        self.based_at = self._at

    def rebase_on(self, at: float, counters: Mapping[Hashable, float]) -> None:
        """Count from an earlier reading; what was cleared since counts from zero."""
        base = np.array([counters.get(key, 0.0) for key in self._columns])
        self._base[: len(base)] = np.where(base > self._value[: len(base)], 0.0, base)
        self.based_at = at

    def value(self, key: Hashable) -> float:
        """The counter as the target shows it."""
        column = self._columns.get(key)
        return 0.0 if column is None else float(self._value[column])

    def since(self, key: Hashable) -> float:
        """What it counted since the baseline."""
        column = self._columns.get(key)
        return 0.0 if column is None else float(self._value[column] - self._base[column])

    def rate(self, key: Hashable) -> float:
        """What it counts a second, between the last two readings; 0 when there was only one."""
        column = self._columns.get(key)
        if column is None or self._readings < 2:
            return 0.0
        return float(self._rates[(self._readings - 1) % self._slots, column])

    def history(self, key: Hashable, length: int) -> Floats:
        """The last rates, at most so many, the latest at the end."""
        column = self._columns.get(key)
        rows = self._last(length)
        return np.zeros(len(rows)) if column is None else self._rates[rows, column]

    def histories(self, keys: Sequence[Hashable], length: int) -> Floats:
        """The last rates of several counters, a row each."""
        rows = self._last(length)
        found = np.zeros((len(keys), len(rows)))
        there = [(number, self._columns[key]) for number, key in enumerate(keys) if key in self._columns]
        if there:
            numbers, columns = (list(each) for each in zip(*there))
            found[numbers] = self._rates[np.ix_(rows, columns)].T
        return found

    def total(self, keys: Iterable[Hashable], length: int) -> Floats:
        """The last rates of several counters together, the latest at the end."""
        columns = np.array([self._columns[key] for key in keys if key in self._columns], np.intp)
        return self._rates[np.ix_(self._last(length), columns)].sum(axis=1)

    def times(self, length: int) -> Floats:
        """When the last readings were made, as `history` has them."""
        return self._times[self._last(length)]

    def _last(self, length: int) -> NDArray[np.intp]:
        count = max(min(length, self._readings - 1, self._slots), 0)
        return np.arange(self._readings - count, self._readings, dtype=np.intp) % self._slots

    def _grow(self, columns: int) -> None:
        have = self._value.size
        if columns <= have:
            return
        more = max(have, columns - have)
        self._value, self._base = (np.concatenate((each, np.zeros(more))) for each in (self._value, self._base))
        # Memory that is not written is not taken either, and most of the histories is not written yet.
        rates, used = np.zeros((self._slots, have + more)), min(self._readings, self._slots)
        rates[:used, :have] = self._rates[:used]
        self._rates = rates
