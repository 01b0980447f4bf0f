"""A capture beside the screen: its thread, what it has found, and what it has yet to take back."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError
from dataclasses import dataclass

from vppsh.errors import TargetError, UsageError, VppshError
from vppsh.targets.base import Answer
from vppsh.targets.policy import Policy
from vppsh.targets.tracing import MOST, Execute, TraceCapture, TracePlan
from vppsh.tui.traces import Taken, blocks, taken
from vppsh.tui.watching import Watched
from vppsh.tui.worker import Feed

# Seconds for one answer, and for what is taken back when the monitor ends.
ANSWERED, ENDED = 60.0, 4.0


@dataclass(frozen=True)
class News:
    """What a capture tells.

    found   the packets by now, when there are new ones
    fault   why it ended, when that was not as planned
    over    it ended
    """

    found: Taken | None = None
    fault: str = ""
    over: bool = False


def through(feed: Feed) -> Execute:
    """Asks lines of a watched target, from any thread but the one that answers."""

    def execute(line: str) -> Answer:
        try:
            return feed.ask(line).result(ANSWERED)
        except TimeoutError:
            raise TargetError(f"no answer to `{line}' within {ANSWERED:g} seconds") from None
        except CancelledError:
            raise TargetError("the monitor ended") from None

    return execute


class Capturing:
    """The captures of one target, one at a time.

    plan  of the last one
    """

    def __init__(self, watched: Watched) -> None:
        self._execute = through(watched.feed)
        self._name = watched.store.name
        self._policy = Policy() if watched.shell is None else watched.shell.policy
        self._lock = watched.lock
        self._ends = 0.0
        self._capture: TraceCapture | None = None
        self._stop = threading.Event()
        self._tracing = False
        self._thread: threading.Thread | None = None
        self.plan: TracePlan | None = None

    @property
    def busy(self) -> bool:
        """Whether something runs now."""
        return self._thread is not None and self._thread.is_alive()

    @property
    def started(self) -> bool:
        """Whether something is set on the target."""
        return self._capture is not None and bool(self._capture.left)

    @property
    def left(self) -> tuple[str, ...]:
        """Lines that take back what is still set, once nothing runs."""
        return () if self._capture is None or self.busy else tuple(self._capture.left)

    def start(self, plan: TracePlan, names: Mapping[int, str], tell: Callable[[News], None]) -> None:
        """Capture; `tell` is called in another thread. Raises UsageError, also when nothing may be changed on the target."""
        if self._policy.read_only:
            raise UsageError("read-only: a capture changes what the target traces")
        capture = TraceCapture(self._execute, plan, self._lock())
        self.plan, self._capture, self._stop = plan, capture, threading.Event()
        self._ends = time.monotonic() + plan.seconds
        source = f"from {' '.join(plan.inputs)}"
        self._tracing = True
        self._begin(lambda: capture.run(self._stop, lambda text: tell(News(self._taken(text, source, names)))), tell)

    def look(self, names: Mapping[int, str], tell: Callable[[News], None]) -> None:
        """Read the trace buffer as it is; `tell` is called in another thread."""

        def read() -> None:
            answer = self._execute(f"show trace max {MOST}")
            if answer.failed:
                raise TargetError(answer.text.strip())
            tell(News(self._taken(answer.text, "in the trace buffer", names)))

        self._begin(read, tell)

    def take_back(self, tell: Callable[[News], None]) -> None:
        """Try again to take back what is still set."""
        capture = self._capture
        if capture is not None:
            self._begin(capture.take_back, tell)

    def progress(self, packets: int) -> str:
        """What is done now, when so many packets have come by now."""
        capture = self._capture
        if capture is None or self.plan is None or not self._tracing:
            return "asking ..."
        left = max(self._ends - time.monotonic(), 0.0)
        kept = f" that come by {self.plan.visits}" if self.plan.visits else ""
        most = f"{self.plan.count} of each thread{kept}"
        return f"capturing from {' '.join(self.plan.inputs)}, at most {most}: {packets} by now, {left:.0f} s left; `n' ends it"

    def stop(self) -> None:
        """Let the capture end now."""
        self._stop.set()

    def finish(self) -> tuple[str, ...]:
        """Let it end and wait for that, though not for long; the lines that could not be taken back."""
        self.stop()
        if self._thread is not None:
            self._thread.join(ENDED)
        return () if self._capture is None else tuple(self._capture.left)

    def _taken(self, text: str, source: str, names: Mapping[int, str]) -> Taken:
        return taken(map(self._policy.shown, blocks(text)), source, names, self._name)

    def _begin(self, work: Callable[[], None], tell: Callable[[News], None]) -> None:
        def run() -> None:
            fault = ""
            try:
                work()
            except Exception as error:  # noqa: BLE001 - it is told on the screen
                fault = str(error) if isinstance(error, VppshError) else f"{type(error).__name__}: {error}"
            # Whoever is told finds nothing at work any more.
            self._thread, self._tracing = None, False
            tell(News(fault=fault, over=True))

        self._thread = threading.Thread(target=run, name=f"capture on {self._name}", daemon=True)
        self._thread.start()
