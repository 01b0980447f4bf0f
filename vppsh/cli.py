"""The `vppsh` command: what it was called with decides which front end is imported, and only that one."""

from __future__ import annotations

import argparse
import gc
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from typing import NamedTuple

from vppsh import __version__
from vppsh.errors import ExitStatus, UsageError, VppshError

MAX_VECTOR_SIZE = 4096


class FrontEnd(NamedTuple):
    """A sub-command: the module that has its `add_arguments(parser)` and `main(options)`, imported only when it is chosen.

    dataplane  it runs lines on a fresh dataplane, and takes the options that go with that
    """

    module: str
    help: str
    dataplane: bool = False


FRONT_ENDS = {
    "run": FrontEnd("vppsh.batch", "execute a file of lines", dataplane=True),
    "replay": FrontEnd("vppsh.replay", "run captured packets through a dataplane"),
    "attach": FrontEnd("vppsh.attach", "talk to a running VPP through its CLI socket"),
    "serve": FrontEnd("vppsh.serve.command", "put a dataplane behind a CLI socket, for vppctl and others", dataplane=True),
    "kube": FrontEnd("vppsh.kube.front", "the nodes of a Calico/VPP cluster"),
    "tui": FrontEnd("vppsh.tui.command", "watch a running VPP or a dataplane: interfaces, drops, errors"),
    "trace": FrontEnd("vppsh.trace", "read, filter, group, compare and convert packet traces"),
}


def main(arguments: list[str] | None = None) -> int:
    """Run `vppsh` with the arguments of the process (or these); gives the exit status."""
    given = sys.argv[1:] if arguments is None else arguments
    return guarded("vppsh", lambda: _run(_parser(given).parse_args(given)))


def guarded(name: str, work: Callable[[], int]) -> int:
    """Do the work of a program of that name: its exit status, whatever ends it."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError):  # a replaced stream need not be reconfigurable
            stream.reconfigure(errors="surrogateescape")  # type: ignore[union-attr]  # TextIO leaves it out
    try:
        return work()
    except VppshError as error:
        sys.stderr.write(f"{name}: {error}\n")
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
    for name, front_end in FRONT_ENDS.items():
        command = commands.add_parser(name, help=front_end.help)
        if name in arguments:
            import_module(front_end.module).add_arguments(command)
            if front_end.dataplane:
                _common(command)
    return parser


def _common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--keep-going", action="store_true", default=argparse.SUPPRESS, help="go on after a line that failed")
    parser.add_argument(
        "--vector-size",
        type=_vector_size,
        metavar="N",
        default=argparse.SUPPRESS,
        help=f"how many packets a vector may grow to under load (default 256, at most {MAX_VECTOR_SIZE})",
    )


def _vector_size(text: str) -> int:
    """The number given with --vector-size."""
    if text.isascii() and text.isdigit() and len(text) < 9 and 1 <= int(text) <= MAX_VECTOR_SIZE:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not between 1 and {MAX_VECTOR_SIZE}")


def _run(options: argparse.Namespace) -> int:
    if options.command and options.lines:
        raise UsageError(f"-c and {options.command!r} exclude each other")
    gc.disable()  # start-up makes much and drops little; a session collects again
    if options.command:
        status: int = import_module(FRONT_ENDS[options.command].module).main(options)
        return status
    if options.lines or not sys.stdin.isatty():
        from vppsh import batch

        return batch.main(options)
    from vppsh import repl
    from vppsh.startup import session_steps

    return repl.main(session_steps(getattr(options, "vector_size", None)))
