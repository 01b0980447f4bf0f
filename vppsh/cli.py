"""The `vppsh` command: what it was called with decides which front end is imported, and only that one."""

from __future__ import annotations

import argparse
import gc
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from vppsh import __version__
from vppsh.errors import ExitStatus, InputFileError, UsageError, VppshError

if TYPE_CHECKING:
    from vppsh.session import Answer, Session

PROMPT = "vpp# "
MAX_VECTOR_SIZE = 4096
GC_THRESHOLDS = (50_000, 20, 100)


def main(arguments: list[str] | None = None) -> int:
    """Run `vppsh` with the arguments of the process (or these); gives the exit status."""
    arguments = sys.argv[1:] if arguments is None else arguments
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError):  # a replaced stream need not be reconfigurable
            stream.reconfigure(errors="surrogateescape")  # type: ignore[union-attr]  # TextIO leaves it out
    try:
        return _run(_parser(arguments).parse_args(arguments))
    except VppshError as error:
        sys.stderr.write(f"vppsh: {error}\n")
        return error.status
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever read our output has gone; nothing is left to say, nor may the interpreter try at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitStatus.FAILED


def _parser(arguments: list[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="vppsh",
        description="A debug shell and trace tool for FD.io VPP, with a vector dataplane inside. Without a command: a prompt on a "
        "fresh dataplane; lines are read from standard input when that is not a terminal.",
        epilog="Exit status: 0 all went well, 1 a line failed, 2 wrong usage, 3 a target cannot be reached.",
    )
    parser.add_argument("--version", action="version", version=f"vppsh {__version__}")
    parser.add_argument("-c", dest="lines", metavar="LINE", nargs="+", action="extend", help="execute these lines, then exit")
    _common(parser)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    run = commands.add_parser(
        "run",
        help="execute a file of lines",
        description="Execute a file of command lines on a fresh dataplane. "
        "Lines whose first character is # are comments, a line with open braces goes on in the next one, "
        "`%%sleep S` lets time pass. The dataplane runs after each line until it is idle.",
    )
    run.add_argument("file", metavar="FILE", help="the file, or - for standard input")
    run.add_argument("--echo", action="store_true", help="print `vpp# LINE' before each answer; goes on after a line that failed")
    _common(run)
    replay = commands.add_parser("replay", help="run captured packets through a dataplane")
    if "replay" in arguments:
        from vppsh import replay as front_end

        front_end.add_arguments(replay)
    return parser


def _common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--keep-going", action="store_true", default=argparse.SUPPRESS, help="go on after a line that failed")
    parser.add_argument(
        "--vector-size",
        type=int,
        metavar="N",
        default=argparse.SUPPRESS,
        help=f"how many packets a vector may grow to under load (default 256, at most {MAX_VECTOR_SIZE})",
    )


def _run(options: argparse.Namespace) -> int:
    if options.command and options.lines:
        raise UsageError(f"-c and {options.command!r} exclude each other")
    if options.command == "replay":
        from vppsh import replay

        return replay.main(options)
    keep_going = getattr(options, "keep_going", False)
    if options.command == "run":
        text = sys.stdin if options.file == "-" else _open(options.file)
        return _batch(options, _script(text, options.file), echo=options.echo, keep_going=keep_going or options.echo)
    if options.lines:
        return _batch(options, ((f"-c {number}", line) for number, line in enumerate(options.lines, 1)), keep_going=keep_going)
    if not sys.stdin.isatty():
        sys.stdin.reconfigure(errors="surrogateescape")  # type: ignore[union-attr]  # TextIO leaves it out
        return _batch(options, _script(sys.stdin, "stdin"), keep_going=keep_going)
    from vppsh import repl

    return repl.main(make_session(getattr(options, "vector_size", 256)))


def make_session(vector_size: int = 256) -> Session:
    """A session on a fresh dataplane."""
    if not 1 <= vector_size <= MAX_VECTOR_SIZE:
        raise UsageError(f"--vector-size {vector_size}: must be between 1 and {MAX_VECTOR_SIZE}")
    from vppsh.engine.engine import Engine
    from vppsh.session import Session

    session = Session(Engine(vector_size=vector_size))
    # What is there now stays, and tables of a hundred thousand routes do too: do not search them for garbage all the time.
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    return session


def _open(name: str) -> Iterable[str]:
    try:
        return Path(name).read_text(encoding="utf-8", errors="surrogateescape").split("\n")
    except (OSError, ValueError) as error:
        raise InputFileError(f"{name}: {getattr(error, 'strerror', None) or error}") from error


def _script(lines: Iterable[str], name: str) -> Iterator[tuple[str, str]]:
    from vppsh.grammar.scripts import run_lines

    for line in run_lines(lines, name):
        yield f"{name}:{line.number}", line.text


def _batch(options: argparse.Namespace, lines: Iterable[tuple[str, str]], *, echo: bool = False, keep_going: bool = False) -> int:
    """Execute lines on a fresh dataplane."""
    return execute(make_session(getattr(options, "vector_size", 256)), lines, echo=echo, keep_going=keep_going)


def run_script(session: Session, name: str) -> ExitStatus:
    """Execute a file of lines in a session, as `vppsh run` does, but show only the answer of a line that fails."""
    return execute(session, _script(_open(name), name), quiet=True)


def execute(
    session: Session, lines: Iterable[tuple[str, str]], *, echo: bool = False, keep_going: bool = False, quiet: bool = False
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
            status = ExitStatus.FAILED
            if not keep_going:
                sys.stdout.flush()
                sys.stderr.write(f"vppsh: {place}: the line failed\n")
                break
        if session.closed:
            break
        session.engine.run_until_idle()
    sys.stdout.flush()
    return status


def _show(answer: Answer) -> None:
    if answer.text:
        sys.stdout.write(answer.text)
    if answer.aside:
        sys.stdout.flush()
        sys.stderr.write(answer.aside)
