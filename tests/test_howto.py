"""The pages of docs/howto: every command that they show runs, and answers what they say."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import stat
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import ROOT

FOLDER = ROOT / "docs" / "howto"
PAGES = sorted(FOLDER.glob("*.md"))
BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# What differs from run to run: stamps, durations; and the blanks between columns.
CHANGING = (
    (re.compile(r"\d\d:\d\d:\d\d:\d{6}"), "STAMP"),
    (re.compile(r"[+-]?\d+(\.\d+)? (us|ms|s)\b"), "TIME"),
    (re.compile(r"[ \t]+"), " "),
)


@dataclass(frozen=True)
class Command:
    """A command of a page, and what the page says that it prints."""

    line: str
    output: list[str]


def commands(page: Path) -> list[Command]:
    found: list[Command] = []
    for block in BLOCK.finditer(page.read_text()):
        for line in block[1].splitlines():
            if line.startswith("$ "):
                found.append(Command(line[2:], []))
            else:
                found[-1].output.append(line)
    return found


def plain(text: str) -> str:
    for pattern, name in CHANGING:
        text = pattern.sub(name, text)
    return text.strip()


def matches(expected: list[str], printed: list[str]) -> bool:
    """Whether lines are as shown; `...` stands for any lines, or within a line for any text."""
    if not expected:
        return not printed
    first = expected[0]
    if first.strip() == "...":
        return any(matches(expected[1:], printed[at:]) for at in range(len(printed) + 1))
    pattern = ".*".join(re.escape(part) for part in plain(first).split("..."))
    return bool(printed) and re.fullmatch(pattern, plain(printed[0])) is not None and matches(expected[1:], printed[1:])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The page's files, and a `vppsh` that is this checkout's."""
    for path in FOLDER.iterdir():
        if path.suffix != ".md":
            shutil.copy(path, tmp_path)
    command = tmp_path / "bin" / "vppsh"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nPYTHONPATH={shlex.quote(str(ROOT))} exec {shlex.quote(sys.executable)} -m vppsh "$@"\n')
    command.chmod(command.stat().st_mode | stat.S_IXUSR)
    return tmp_path


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_commands_of_a_page_answer_what_it_says(page: Path, folder: Path) -> None:
    environment = {**os.environ, "PATH": f"{folder / 'bin'}:{os.environ['PATH']}", "COLUMNS": "100"}
    shown = commands(page)
    assert shown, "no command on the page"
    for command in shown:
        done = subprocess.run(
            ["sh", "-c", command.line], cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False
        )
        printed = done.stdout.splitlines()
        assert matches(command.output, printed), f"$ {command.line}\n{done.stdout}{done.stderr}"
        assert done.stderr == "", command.line


def test_what_a_page_says_is_compared_line_by_line() -> None:
    printed = ["a 00:00:01:000002 b", "x", "y", "12.5 us  end"]
    assert matches(["a  00:12:01:777777  b", "...", "3 ms end"], printed)
    assert matches(["a ... b", "x", "y", "... end"], printed)
    assert not matches(["a ... b", "x", "... end"], printed)
    assert not matches([], printed)
    assert not matches(["...", "z"], printed)
