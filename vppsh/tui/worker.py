"""The one thread that talks to a target: it takes samples, answers lines, and lets an engine of our own run in between."""

from __future__ import annotations

import os
import select
import threading
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from vppsh.targets.base import Answer, Target
from vppsh.tui.questions import Question
from vppsh.tui.sampling import Sample, Sampler

if TYPE_CHECKING:
    from vppsh.prompt.dataplane import Dataplane

T = TypeVar("T")
# How long leaving waits for an answer that does not come.
PATIENCE = 2.0


class Feed(Protocol):
    """Where samples come from: a target, or a recording."""

    def start(self, deliver: Callable[[Sample], None]) -> None:
        """Begin; `deliver` is called in any thread."""
        ...

    def want(self, questions: Iterable[Question]) -> None:
        """What the screen needs from now on."""
        ...

    def hurry(self) -> None:
        """A sample now, with everything in it."""
        ...

    def ask(self, line: str) -> Future[Answer]:
        """The answer to a line that somebody typed or chose."""
        ...

    def call(self, job: Callable[[], T]) -> Future[T]:
        """What a job gives that asks the target, or looks at an engine of our own."""
        ...

    def stop(self) -> None:
        """End; nothing is delivered afterwards."""
        ...


class Worker:
    """A target in a thread of its own.

    dataplane  of an engine in this process: it runs while nothing is asked
    """

    def __init__(self, target: Target, sampler: Sampler, dataplane: Dataplane | None = None) -> None:
        self._target, self._sampler, self._dataplane = target, sampler, dataplane
        self._jobs: deque[tuple[Callable[[], Any], Future[Any]]] = deque()
        self._stopping = threading.Event()
        self._wait, self._wake = os.pipe()
        os.set_blocking(self._wait, False)
        os.set_blocking(self._wake, False)
        self._closing, self._closed = threading.Lock(), False
        self._thread: threading.Thread | None = None

    def start(self, deliver: Callable[[Sample], None]) -> None:
        """Begin to take samples."""
        self._thread = threading.Thread(target=self._run, args=(deliver,), name=f"tui {self._target.name}", daemon=True)
        self._thread.start()

    def want(self, questions: Iterable[Question]) -> None:
        """What is asked from now on."""
        self._sampler.want(questions)
        self._nudge()

    def pace(self, interval: float, spread: float = 0.0) -> None:
        """How often samples are taken from now on, in seconds; see Sampler.spread."""
        self._sampler.pace(interval, spread)
        self._nudge()

    def hurry(self) -> None:
        """A sample now, also of what is asked rarely."""
        self._sampler.hurry()
        self._nudge()

    def ask(self, line: str) -> Future[Answer]:
        """Ask a line before the next sample is taken."""
        return self.call(lambda: self._target.execute(line))

    def call(self, job: Callable[[], T]) -> Future[T]:
        """Do something in the target's thread, before the next sample is taken."""
        future: Future[T] = Future()
        self._jobs.append((job, future))
        self._nudge()
        return future

    def stop(self) -> None:
        """End the thread; an answer that does not come is not waited for, a round of our own engine is. May be said again."""
        self._stopping.set()
        self._nudge()
        if self._thread is not None and self._thread.is_alive():
            self._target.interrupt()
            # Nobody else may run the engine before this thread has ended.
            self._thread.join(None if self._dataplane is not None else PATIENCE)
            if self._thread.is_alive():  # it still has the pipe
                return
        for _, future in self._jobs:
            future.cancel()
        with self._closing:
            if not self._closed:
                self._closed = True
                os.close(self._wait)
                os.close(self._wake)

    def _nudge(self) -> None:
        with self._closing, suppress(BlockingIOError):
            if not self._closed:
                os.write(self._wake, b"!")

    def _run(self, deliver: Callable[[Sample], None]) -> None:
        try:
            self._work(deliver)
        except Exception as fault:  # noqa: BLE001 - it ends the monitor, which tells it
            deliver(Sample(0.0, 0.0, fault=fault))

    def _work(self, deliver: Callable[[Sample], None]) -> None:
        while not self._stopping.is_set():
            while self._jobs:
                _do(*self._jobs.popleft())
            if self._sampler.pause <= 0:
                sample = self._sampler.sample()
                if not self._stopping.is_set() and (sample.replies or sample.lost):
                    deliver(sample)
            self._rest()

    def _rest(self) -> None:
        """Wait until there is something to do; our own engine runs meanwhile."""
        pause = self._sampler.pause
        waited_for = [self._wait]
        if self._dataplane is not None:
            pause = min(pause, self._dataplane.run_slice())
            devices = self._dataplane.descriptor
            if devices is not None:
                waited_for.append(devices)
        ready = select.select(waited_for, [], [], min(pause, 1.0))[0]
        if self._wait in ready:
            with suppress(BlockingIOError):
                os.read(self._wait, 512)


def _do(job: Callable[[], Any], future: Future[Any]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        future.set_result(job())
    except Exception as error:  # noqa: BLE001 - it is told to whoever asked
        future.set_exception(error)
