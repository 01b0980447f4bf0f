"""Files that commands write: as in VPP they lie in /tmp, and only their name is typed (unformat_vlib_tmpfile)."""

from __future__ import annotations

from pathlib import Path

from vppsh.errors import CommandError
from vppsh.grammar.arguments import Reader, Value, read_with

FOLDER = "/tmp"


def read_tmp_file(reader: Reader) -> str | None:
    """The path of a file in /tmp from its name; a name that leads elsewhere is refused."""
    start = reader.pos
    name = reader.string()
    if name is None or ".." in name or "/" in name:
        reader.pos = start
        return None
    return f"{FOLDER}/{name}"


def tmp_file(name: str) -> Value:
    """An argument that names a file in /tmp."""
    return read_with(name, read_tmp_file, metavar="<file>")


def write_tmp_file(path: str, text: str) -> None:
    """Write a text file."""
    try:
        Path(path).write_text(text, encoding="utf-8")
    except OSError as error:
        raise CommandError(f"open `{path}': {error.strerror}") from error
