"""`--record FILE`: samples are kept in a file as they come.

JSON lines, compressed by gzip when the file's name ends in .gz:

    {"vppsh": "recording", "version": 1, "targets": [{"name": ..., "where": ...}], "interval": 1.0, "start": 1763900000.1}
    {"text": "vpp v26.10 ..."}
    {"at": 812.5, "taken": 1763900000.5, "target": "vpp", "replies": {"show version": {"text": 0, "took": 0.01}}}
    {"at": 813.5, "taken": 1763900001.5, "target": "vpp", "lost": "connection refused"}

`at`, `taken`, `lost` and `notices` are those of `Sample`; `failed` stands in a reply that is an error. A reply names its text by
number: the texts are counted from 0 in the order in which they stand in the file, each before the first sample that has it. So a
text that a target repeats is written once, and who opens a long recording reads the samples without the texts. What follows the
last whole line of a file that was cut off is not read; members that a reader does not know are left.
"""

from __future__ import annotations

import json
import os
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol, TypeVar

from vppsh.errors import OutputFileError, UsageError
from vppsh.targets.base import Answer
from vppsh.targets.masking import Masker
from vppsh.tui.overview import QUESTIONS
from vppsh.tui.questions import RUNTIME, Question
from vppsh.tui.sampling import Sample
from vppsh.tui.worker import Feed

T = TypeVar("T")
KIND, VERSION = "recording", 1
GZIP = 31  # zlib's name for deflate with the header of gzip, and the largest window
# Asked for as long as samples are recorded, so that every tab that is light has something when the file is opened.
ALWAYS: tuple[Question, ...] = (*QUESTIONS, RUNTIME)
_HARMLESS = frozenset(question.line for question in ALWAYS)


class Recorder(Protocol):
    """Who keeps samples; of several targets, each in a thread of its own, when there are several."""

    def write(self, target: str, sample: Sample) -> str:
        """Keep a sample of a target by its name; what is to be said about that, a line with its newline or nothing. Never raises."""
        ...

    def state(self) -> str:
        """How it goes, in a few words."""
        ...

    def close(self) -> None:
        """There are no more."""
        ...


class FileRecorder:
    """Keeps samples in a file.

    fault  why no more is recorded; empty while all goes well
    """

    def __init__(
        self,
        name: str,
        targets: Iterable[tuple[str, str]],
        interval: float,
        *,
        force: bool = False,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """Begin a file: of which targets, by name and where they are.

        Raises UsageError when the file exists and may not be replaced, OutputFileError when it cannot be written.
        """
        self._path = Path(name).expanduser()
        self._packed = zlib.compressobj(wbits=GZIP) if self._path.suffix == ".gz" else None
        self._masker = Masker()
        self._lock = threading.Lock()
        self._last: dict[tuple[str, str], tuple[int, str]] = {}
        self._texts = 0
        self.fault = ""
        self.size = 0
        self._closed = False
        header = {
            "vppsh": KIND,
            "version": VERSION,
            "targets": [{"name": target, "where": where} for target, where in targets],
            "interval": interval,
            "start": wall(),
        }
        flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | (os.O_TRUNC if force else os.O_EXCL)
        try:
            self._file = os.open(self._path, flags, 0o600)
            self._put([header])
        except FileExistsError:
            raise UsageError(f"{self._path} is there already; --force replaces it") from None
        except OSError as error:
            raise OutputFileError(f"{self._path}: {error.strerror}") from error

    def write(self, target: str, sample: Sample) -> str:
        """Keep a sample; a file that cannot be written any more is told of once and closed."""
        with self._lock:
            if self.fault or self._closed or sample.fault is not None:
                return ""
            try:
                self._put(self._lines(target, sample))
            except OSError as error:
                self.fault = f"recording stopped: {self._path}: {error.strerror}"
                os.close(self._file)
                return f"{self.fault}\n"
        return ""

    def state(self) -> str:
        """How large the file is, or why it does not grow."""
        return "RECORDING STOPPED" if self.fault else f"● {self.size / 1e6:.1f} MB"

    def close(self) -> None:
        """End the file."""
        with self._lock:
            if self.fault or self._closed:
                return
            self._closed = True
            try:
                if self._packed is not None:
                    self._write(self._packed.flush(zlib.Z_FINISH))
            except OSError as error:
                self.fault = f"recording stopped: {self._path}: {error.strerror}"
            os.close(self._file)

    def _lines(self, target: str, sample: Sample) -> list[dict[str, Any]]:
        """The texts that are new, and the sample."""
        texts: list[dict[str, Any]] = []
        replies: dict[str, dict[str, Any]] = {}
        for line, reply in sample.replies.items():
            number, last = self._last.get((target, line), (-1, ""))
            if number < 0 or last != reply.text:
                number, self._texts = self._texts, self._texts + 1
                self._last[target, line] = (number, reply.text)
                texts.append({"text": reply.text if line in _HARMLESS else self._masker.mask(reply.text)})
            replies[line] = {"text": number, "took": reply.took} | ({"failed": True} if reply.failed else {})
        kept = {"at": sample.at, "taken": sample.taken, "target": target}
        said = {name: text for name, text in (("lost", sample.lost), ("notices", sample.notices)) if text}
        return [*texts, kept | said | ({} if sample.lost else {"replies": replies})]

    def _put(self, lines: Sequence[dict[str, Any]]) -> None:
        """Write lines, so that they can be read although the file has not ended."""
        data = "".join(f"{json.dumps(line, separators=(',', ':'))}\n" for line in lines).encode("ascii")
        if self._packed is not None:
            data = self._packed.compress(data) + self._packed.flush(zlib.Z_SYNC_FLUSH)
        self._write(data)

    def _write(self, data: bytes) -> None:
        while data:
            written = os.write(self._file, data)
            self.size += written
            data = data[written:]


class RecordedWhileFed:
    """A feed whose samples are recorded before they are shown. Who made the recorder closes it."""

    def __init__(self, feed: Feed, name: str, recorder: Recorder, always: Iterable[Question] = ALWAYS) -> None:
        self._feed, self._name, self._recorder = feed, name, recorder
        self._always = tuple(always)

    def start(self, deliver: Callable[[Sample], None]) -> None:
        """Begin."""

        def keep(sample: Sample) -> None:
            notice = self._recorder.write(self._name, sample)
            deliver(replace(sample, notices=sample.notices + notice) if notice else sample)

        self._feed.start(keep)

    def want(self, questions: Iterable[Question]) -> None:
        """What the screen needs, and what is always recorded."""
        self._feed.want(dict.fromkeys((*questions, *self._always)))

    def hurry(self) -> None:
        """A sample now."""
        self._feed.hurry()

    def ask(self, line: str) -> Future[Answer]:
        """The answer to a line; it is not recorded."""
        return self._feed.ask(line)

    def call(self, job: Callable[[], T]) -> Future[T]:
        """Do something in the target's thread."""
        return self._feed.call(job)

    def stop(self) -> None:
        """End."""
        self._feed.stop()
