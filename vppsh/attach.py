"""`vppsh attach`: a running VPP through its CLI socket."""

from __future__ import annotations

import argparse
import stat
import sys
from collections.abc import Iterable
from pathlib import Path

from vppsh.errors import ExitStatus
from vppsh.grammar.scripts import run_lines
from vppsh.targets.cli_socket import SocketTarget
from vppsh.targets.connection import decode
from vppsh.targets.verdict import refused


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `vppsh attach`."""
    parser.description = (
        "Talk to a running VPP, or to `vppsh serve', through its CLI socket. With a line: print what vppctl would print. "
        "Lines are read from standard input when that is not a terminal."
    )
    parser.epilog = "Exit status: 0 all went well, 1 VPP refused a line, 2 wrong usage, 3 VPP cannot be reached."
    parser.add_argument("--keep-going", action="store_true", help="go on after a line that failed")
    parser.add_argument("--timeout", type=float, metavar="S", help="give up when an answer takes longer (default: never)")
    parser.add_argument(
        "words", metavar="[SOCKET] [LINE ...]", nargs=argparse.REMAINDER, help="the socket (default: where vppctl looks), and a line"
    )


def split_socket(words: list[str]) -> tuple[str | None, str]:
    """Which socket, and which line: the first word is a socket when it has a slash or names one."""
    if words and ("/" in words[0] or words[0].endswith(".sock") or _is_socket(words[0])):
        return words[0], " ".join(words[1:])
    return None, " ".join(words)


def _is_socket(name: str) -> bool:
    try:
        return stat.S_ISSOCK(Path(name).stat().st_mode)
    except (OSError, ValueError):
        return False


def main(options: argparse.Namespace) -> int:
    """Do what the arguments ask for; the exit status."""
    path, line = split_socket(options.words)
    target = SocketTarget(path)
    if line:
        return one_line(target, line, options.timeout)
    return script(target, ((line.number, line.text) for line in run_lines(sys.stdin, "stdin")), options)


def one_line(target: SocketTarget, line: str, timeout: float | None) -> int:
    """Print the answer as it comes, as vppctl does."""
    pieces: list[bytes] = []
    for piece in target.once(line, timeout):
        sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
        pieces.append(piece)
    return ExitStatus.FAILED if refused(line, decode(b"".join(pieces))) else ExitStatus.OK


def script(target: SocketTarget, lines: Iterable[tuple[int, str]], options: argparse.Namespace) -> int:
    """Lines, one after the other in one session."""
    status = ExitStatus.OK
    for number, line in lines:
        answer = target.execute(line, options.timeout)
        sys.stdout.write(answer.text)
        if answer.aside:
            sys.stderr.write(answer.aside)
        if answer.failed:
            status = ExitStatus.FAILED
            if not options.keep_going:
                sys.stdout.flush()
                sys.stderr.write(f"vppsh: stdin:{number}: the line failed\n")
                break
    return status
