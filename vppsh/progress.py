"""A progress bar on standard error: only on a terminal, never in a pipe, gone when the work is done."""

from __future__ import annotations

import sys
import time
from types import TracebackType

WIDTH = 30
EVERY_S = 0.1


class Progress:
    """`name [=====>    ] 45 %  120000 packets/s`, drawn over itself; a context that cleans up after itself.

    unit, scale  what is counted, and how many of the numbers given make one of it
    """

    def __init__(self, name: str, total: int, unit: str = "packets", scale: float = 1.0) -> None:
        self._name = name
        self._unit, self._scale = unit, scale
        self._total = max(total, 1)
        self._shown = sys.stderr.isatty()
        self._start = self._last = time.monotonic()
        self._drawn = False

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._drawn:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()

    def update(self, done: int) -> None:
        """Show how much is done, if enough time has passed."""
        now = time.monotonic()
        if not self._shown or now - self._last < EVERY_S:
            return
        self._last = now
        self._drawn = True
        share = min(done / self._total, 1.0)
        bar = ("=" * int(share * WIDTH) + ">").ljust(WIDTH)[:WIDTH]
        rate = done / self._scale / (now - self._start)
        sys.stderr.write(f"\r\x1b[K{self._name} [{bar}] {share:4.0%}  {rate:.0f} {self._unit}/s")
        sys.stderr.flush()
