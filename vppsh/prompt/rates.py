"""How fast a count grows, measured and written."""

from __future__ import annotations

from time import perf_counter

# Rates are taken over at least this long.
PERIOD = 0.4


class RateMeter:
    """How fast a count grows."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._at = perf_counter()
        self.rate = 0.0

    def update(self, count: int) -> float:
        """The growth per second since the last time."""
        now = perf_counter()
        if now - self._at >= PERIOD:
            self.rate = max(count - self._count, 0) / (now - self._at)
            self._count, self._at = count, now
        return self.rate


def short_rate(rate: float) -> str:
    """A rate with three digits and a unit: `251 k`."""
    for unit in ("", "k", "M"):
        if rate < 999.5:
            return f"{rate:.3g} {unit}"
        rate /= 1000
    return f"{rate:.3g} G"
