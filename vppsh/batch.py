"""Lines executed one after the other, without a prompt: `vppsh run`, `-c`, standard input, the configuration of a replay."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from vppsh.errors import ExitStatus, InputFileError
from vppsh.grammar.scripts import run_lines
from vppsh.session import Session
from vppsh.shell import Shell
from vppsh.startup import make_session
from vppsh.targets.base import Answer

PROMPT = "vpp# "


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `vppsh run`."""
    parser.description = (
        "Execute a file of command lines on a fresh dataplane. Lines whose first character is # are comments, a line with open braces "
        "goes on in the next one, `%%sleep S` lets time pass. The dataplane runs after each line until it is idle."
    )
    parser.add_argument("file", metavar="FILE", help="the file, or - for standard input")
    parser.add_argument("--echo", action="store_true", help="print `vpp# LINE' before each answer; goes on after a line that failed")


def main(options: argparse.Namespace) -> int:
    """Execute what the command line names on a fresh dataplane; the exit status."""
    keep_going = getattr(options, "keep_going", False)
    echo = options.command == "run" and options.echo
    if options.command == "run" and options.file != "-":
        lines: Iterable[tuple[str, str]] = script(read_lines(options.file), options.file)
    elif options.lines:
        lines = ((f"-c {number}", line) for number, line in enumerate(options.lines, 1))
    else:
        sys.stdin.reconfigure(errors="surrogateescape")  # type: ignore[union-attr]  # TextIO leaves it out
        lines = script(sys.stdin, "stdin")
    session = make_session(getattr(options, "vector_size", None))
    return execute(session, lines, echo=echo, keep_going=keep_going or echo)


def read_lines(name: str) -> Iterable[str]:
    """The lines of a file, whatever bytes are in it."""
    try:
        return Path(name).read_text(encoding="utf-8", errors="surrogateescape").split("\n")
    except (OSError, ValueError) as error:
        raise InputFileError(f"{name}: {getattr(error, 'strerror', None) or error}") from error


def script(lines: Iterable[str], name: str) -> Iterator[tuple[str, str]]:
    """Where each command line of a file begins, and the line."""
    for line in run_lines(lines, name):
        yield f"{name}:{line.number}", line.text


def run_script(session: Session, name: str) -> ExitStatus:
    """Execute a file of lines in a session, as `vppsh run` does, but show only the answer of a line that fails."""
    return execute(session, script(read_lines(name), name), quiet=True)


def execute(
    session: Shell, lines: Iterable[tuple[str, str]], *, echo: bool = False, keep_going: bool = False, quiet: bool = False
) -> ExitStatus:
    """Execute lines, each with the place it comes from; the dataplane runs after each one until it is idle."""
    status = ExitStatus.OK
    for place, line in lines:
        if echo:
            sys.stdout.write(f"{PROMPT}{line}\n")
        answer = session.execute(line)
        if not quiet or answer.failed:
            _show(answer)
        if answer.failed:
            status = max(status, ExitStatus.UNREACHABLE if answer.unreachable else ExitStatus.FAILED)
            if not keep_going:
                sys.stdout.flush()
                sys.stderr.write(f"vppsh: {place}: the line failed\n")
                break
        if session.closed:
            break
        session.settle()
    sys.stdout.flush()
    return status


def _show(answer: Answer) -> None:
    if answer.text:
        sys.stdout.write(answer.text)
    if answer.aside:
        sys.stdout.flush()
        sys.stderr.write(answer.aside)
