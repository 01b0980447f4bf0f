"""Ctrl-C while a line is executed or answered: it ends that, and never the shell.

First the session is asked to end the line: the dataplane stops, further lines of a file are not begun. A
line that is still at work some time later, formatting a long answer say, is broken off; but never within a
round of the dataplane, where packets would be lost.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vppsh.shell import Shell

GRACE = 0.4
RETRY = 0.005
# Dispatcher.step, by its name: the dataplane may not be loaded yet.
ROUND = "Dispatcher.step"


def in_a_round(frame: FrameType | None) -> bool:
    """Whether a round of the dataplane is under way."""
    while frame is not None:
        if frame.f_code.co_qualname == ROUND:
            return True
        frame = frame.f_back
    return False


def _break_off(number: int, frame: FrameType | None) -> None:
    if in_a_round(frame):
        signal.setitimer(signal.ITIMER_REAL, RETRY)
    else:
        raise KeyboardInterrupt


@contextmanager
def breakable() -> Iterator[None]:
    """Let Ctrl-C raise KeyboardInterrupt within, between two rounds of the dataplane."""
    with _on(signal.SIGINT, _break_off), _on(signal.SIGALRM, _break_off):
        yield


@contextmanager
def unbreakable() -> Iterator[None]:
    """Ctrl-C is not heard within: for work that is short and must not be left half done."""
    with _on(signal.SIGINT, signal.SIG_IGN):
        yield


@contextmanager
def interruptible(session: Shell) -> Iterator[None]:
    """Let Ctrl-C ask the line that is executed within to end, and break it off when it does not; to be used within `breakable`."""

    def ask(number: int, frame: FrameType | None) -> None:
        session.interrupt()
        signal.setitimer(signal.ITIMER_REAL, GRACE)

    with _on(signal.SIGINT, ask):
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)


@contextmanager
def _on(number: signal.Signals, handler: Callable[[int, FrameType | None], None] | signal.Handlers) -> Iterator[None]:
    before = signal.signal(number, handler)
    try:
        yield
    finally:
        signal.signal(number, before)
