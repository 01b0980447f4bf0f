"""The history of typed lines: kept in a file, searched with Ctrl-R, suggested while typing.

The file is `vppsh/history` in the state folder of the user (XDG_STATE_HOME), for his eyes only. Lines with
keys and secrets are remembered in the session but never written.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from prompt_toolkit.history import FileHistory

from vppsh.prompt.typed import parts

if TYPE_CHECKING:
    from vppsh.terminal import Terminal

MAX_LINES = 5000
# A file this much longer than needed is cut when the shell starts.
SLACK_BYTES = 1 << 20
SECRET = re.compile(
    r"(?i)(^|[\s{-])(crypto-key|integ-key|shared-key-mic|private-key|preshared-key|pre-shared-key|secret|password|passphrase|psk|token|bearer)\b"
)


def history_file() -> Path:
    """Where the history is kept."""
    state = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    return Path(state).expanduser() / "vppsh" / "history"


class LineHistory(FileHistory):
    """Typed lines, kept in a file as far as the session's terminal settings and the disk allow."""

    def __init__(self, file: Path, terminal: Terminal) -> None:
        super().__init__(str(file))
        self._terminal = terminal

    def load_history_strings(self) -> Iterable[str]:
        """Lines of earlier sessions, the newest first."""
        try:
            return list(super().load_history_strings())[:MAX_LINES]
        except OSError:  # not ours to read: begin without
            return []

    def append_string(self, string: str) -> None:
        """Remember the lines of a text, unless `set terminal history off` says not to."""
        if self._terminal.history:
            for begin, end in parts(string):
                if string[begin:end].strip():
                    super().append_string(string[begin:end])

    def store_string(self, string: str) -> None:
        """Write a line to the file."""
        if SECRET.search(string):
            return
        try:
            super().store_string(string)
        except OSError:  # a full or read-only disk: the line is still known to this session
            return


def open_history(terminal: Terminal) -> LineHistory:
    """The history of this user; one that ends with the session where no file can be had."""
    file = history_file()
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600))
        _shorten(file)
    except (OSError, RuntimeError):
        return LineHistory(Path(os.devnull), terminal)
    return LineHistory(file, terminal)


def _shorten(file: Path) -> None:
    """Forget the oldest lines of a file that has become long."""
    size = file.stat().st_size
    if size <= 2 * SLACK_BYTES:
        return
    with file.open("rb") as old:
        old.seek(size - SLACK_BYTES)
        kept = old.read().partition(b"\n\n")[2]
    new = file.with_name(f"{file.name}.{os.getpid()}")
    new.touch(mode=0o600)
    new.write_bytes(b"\n" + kept)
    new.replace(file)
