"""An opened recording: its samples, and their texts when they are wanted. The format is told in `vppsh.tui.recording`."""

from __future__ import annotations

import json
import re
import stat
from bisect import bisect_right
from contextlib import closing
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any, NamedTuple

from vppsh.errors import InputFileError, UsageError
from vppsh.tui.packed import LineFile
from vppsh.tui.recording import KIND, VERSION
from vppsh.tui.sampling import Reply

_TEXT = re.compile(rb'\s*\{\s*"text"\s*:')
# A header is short; a file without any newline is not read in search of one.
_HEADER = 1 << 20


class Kept(NamedTuple):
    """A reply: its text by number, seconds that it took, whether it is an error."""

    text: int
    took: float
    failed: bool


@dataclass(frozen=True)
class Entry:
    """A sample whose texts are still in the file."""

    at: float
    taken: float
    target: str
    replies: dict[str, Kept]
    lost: str = ""
    notices: str = ""


class Recording:
    """What was recorded.

    where     by target's name
    interval  seconds between samples, as was asked for
    entries   of all targets, by their times
    notices   what is to be said of the file
    """

    def __init__(self, path: Path) -> None:
        """Raises InputFileError when it cannot be read."""
        self.path = path
        self.notices: list[str] = []
        self._offsets: list[int] = []
        try:
            self._file = LineFile(path)
        except OSError as error:
            raise InputFileError(f"{path}: {error.strerror}") from error
        try:
            header, entries = self._index()
        except BaseException:
            self._file.close()
            raise
        self.entries = sorted(entries, key=lambda entry: entry.at)
        self.interval = _positive(header.get("interval"))
        self.where = _targets(header) or dict.fromkeys((entry.target for entry in entries), "")
        self._of: dict[str, list[Entry]] = {name: [] for name in self.where}
        for entry in self.entries:
            self._of.setdefault(entry.target, []).append(entry)
        self._lines = {name: frozenset(line for entry in each for line in entry.replies) for name, each in self._of.items()}

    def _index(self) -> tuple[dict[str, Any], list[Entry]]:
        """Read the file once: its header and its samples; of texts, where they are."""
        path, odd = self.path, 0
        entries: list[Entry] = []
        lines = self._file.lines()
        try:
            header = _header(next(lines, (0, b""))[1])
            if header is None:
                raise InputFileError(f"{path}: not a recording of vppsh's")
            if header.get("version") != VERSION:
                raise InputFileError(f"{path}: a recording of version {header.get('version')}; this vppsh reads version {VERSION}")
            for begun, line in lines:
                if _TEXT.match(line):
                    self._offsets.append(begun)
                elif (entry := _entry(line)) is not None:
                    entries.append(entry)
                else:
                    odd += 1
        except OSError as error:
            raise InputFileError(f"{path}: {error.strerror}") from error
        if self._file.cut:
            self.notices.append(f"{path.name} was cut off: {self._file.cut}")
        if odd:
            self.notices.append(f"{odd} lines of {path.name} are not understood and left out")
        if not entries:
            raise InputFileError(f"{path}: a recording without samples")
        return header, entries

    @property
    def targets(self) -> list[str]:
        """The names of the targets that have samples."""
        return [name for name, entries in self._of.items() if entries]

    def of(self, target: str) -> list[Entry]:
        """The samples of one target."""
        return self._of[target]

    def has(self, target: str, line: str) -> bool:
        """Whether a line of a target's is answered anywhere in the recording."""
        return line in self._lines[target]

    def until(self, target: str, at: float) -> int:
        """How many samples of a target were taken by then."""
        return bisect_right(self._of[target], at, key=lambda entry: entry.at)

    def reply(self, kept: Kept) -> Reply:
        """A reply with its text; one that cannot be read is an error."""
        text = self._text(kept.text)
        if text is None:
            return Reply("this part of the recording cannot be read\n", kept.took, failed=True)
        return Reply(text, kept.took, kept.failed)

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def _text(self, number: int) -> str | None:
        if not 0 <= number < len(self._offsets):
            return None
        found = _read(self._file.line_at(self._offsets[number]))
        text = found.get("text") if found else None
        return text if isinstance(text, str) else None


def is_recording(path: Path) -> bool:
    """Whether a path leads to a recording rather than to a socket; raises UsageError when it leads to something else."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    if stat.S_ISSOCK(mode):
        return False
    if stat.S_ISREG(mode):
        try:
            with closing(LineFile(path)) as file:
                if _header(file.first(_HEADER)) is not None:
                    return True
        except OSError as error:
            raise InputFileError(f"{path}: {error.strerror}") from error
    raise UsageError(f"{path} is neither a CLI socket nor a recording (`vppsh tui --record FILE' makes one)")


def _header(line: bytes) -> dict[str, Any] | None:
    found = _read(line)
    return found if found and found.get("vppsh") == KIND else None


def _read(line: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _entry(line: bytes) -> Entry | None:
    found = _read(line)
    if found is None:
        return None
    try:
        replies = {
            name: Kept(int(reply["text"]), float(reply["took"]), bool(reply.get("failed")))
            for name, reply in found.get("replies", {}).items()
        }
        said = (str(found.get(what, "")) for what in ("lost", "notices"))
        entry = Entry(float(found["at"]), float(found["taken"]), str(found["target"]), replies, *said)
        return entry if isfinite(entry.at) and isfinite(entry.taken) else None
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def _targets(header: dict[str, Any]) -> dict[str, str]:
    targets = header.get("targets")
    listed = [each for each in targets if isinstance(each, dict) and "name" in each] if isinstance(targets, list) else []
    return {str(each["name"]): str(each.get("where", "")) for each in listed}


def _positive(value: Any) -> float:
    return float(value) if isinstance(value, int | float) and value > 0 else 1.0
