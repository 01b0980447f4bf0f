"""A monitor on the terminal, which is afterwards as it was: whether somebody leaves, a signal comes, or a fault of ours ends it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import termios
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from vppsh.errors import ExitStatus, UsageError, VppshError

if TYPE_CHECKING:
    from vppsh.tui.app import Monitor

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# What textual handles while it runs, and leaves as the system has it.
_TOUCHED = (*ENDING, signal.SIGTSTP, signal.SIGCONT, signal.SIGWINCH, signal.SIGTTOU, signal.SIGTTIN)
# Mouse, bracketed paste, sizes in band, focus and keys as they are by default; the ordinary screen; the cursor; long lines wrapped.
RESTORE = "\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?1015l\x1b[?2004l\x1b[?2048l\x1b[?1004l\x1b[<u\x1b[?1049l\x1b[?25h\x1b[?7h"


class MonitorFaultError(VppshError):
    """The monitor ended by a fault of its own."""


def demand_terminal(who: str, instead: str) -> None:
    """Raise UsageError where there is no terminal for a monitor."""
    if not all(stream is not None and stream.isatty() for stream in (sys.__stdin__, sys.__stdout__, sys.__stderr__)):
        raise UsageError(f"{who} needs a terminal; {instead}")
    if os.environ.get("TERM", "dumb") in ("", "dumb", "unknown"):
        raise UsageError(f"{who} needs a terminal whose cursor can be placed (TERM is not set, or dumb); {instead}")


def run(monitor: Monitor) -> int:
    """Let a monitor have the terminal until it ends; the exit status, 128 and a signal's number when that ended it.

    Raises MonitorFaultError when a fault of ours ended it.
    """
    try:
        with _kept():
            ended_by = asyncio.run(_run(monitor))
    finally:
        monitor.let_go()
        if monitor.left:
            sys.stderr.write(f"vppsh: the target did not answer, and still has to be told: {'; '.join(monitor.left)}\n")
    fault = monitor.fault
    if fault is not None:
        raise MonitorFaultError(f"the monitor ended by a fault of its own, please report it: {_told(fault)}") from fault
    return 128 + ended_by if ended_by else ExitStatus.FAILED if monitor.return_code else ExitStatus.OK


async def _run(monitor: Monitor) -> int:
    """Run it; the signal that ended it, 0 when none did."""
    loop, received = asyncio.get_running_loop(), [0]

    def end(number: int) -> None:
        received[0] = number
        monitor.exit()

    for number in ENDING:
        loop.add_signal_handler(number, end, number)
    await monitor.run_async()
    return received[0]


@contextmanager
def _kept() -> Iterator[None]:
    """Leave the terminal and the handling of signals as they were."""
    terminal = sys.__stdin__.fileno() if sys.__stdin__ is not None else -1
    handlers = {number: signal.getsignal(number) for number in _TOUCHED}
    settings = termios.tcgetattr(terminal)
    try:
        yield
    except BaseException:  # textual has not come to its end, and the screen may still be its own
        with suppress(OSError):
            os.write(terminal, RESTORE.encode())
        raise
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        with suppress(termios.error):  # a terminal that is gone
            termios.tcsetattr(terminal, termios.TCSADRAIN, settings)


def _told(fault: BaseException) -> str:
    """A fault in one line, and where it was met."""
    met = [frame for frame in traceback.extract_tb(fault.__traceback__) if "vppsh" in Path(frame.filename).parts] or traceback.extract_tb(
        fault.__traceback__
    )
    where = f" ({Path(met[-1].filename).name}, line {met[-1].lineno})" if met else ""
    text = " ".join(str(fault).split())
    return f"{type(fault).__name__}{f': {text}' if text else ''}{where}"
