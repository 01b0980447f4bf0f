"""`vppsh attach`: a running VPP through its CLI socket, or several at once."""

from __future__ import annotations

import argparse
import stat
import sys
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from vppsh import __version__
from vppsh.errors import ExitStatus, TargetError, UsageError
from vppsh.pipes import split_pipes
from vppsh.targets.base import Answer
from vppsh.targets.cli_socket import SocketTarget
from vppsh.targets.connection import decode
from vppsh.targets.policy import TIMEOUT, Policy
from vppsh.targets.streams import tcp_address
from vppsh.targets.verdict import refused

if TYPE_CHECKING:
    from vppsh.attached import Attached
    from vppsh.shell import Shell

NAME = "vpp"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `vppsh attach`."""
    parser.description = (
        "Talk to a running VPP, or to `vppsh serve', through its CLI socket. With a line: print what vppctl would print. "
        "Without one: a prompt, or lines from standard input when that is not a terminal."
    )
    parser.epilog = "Exit status: 0 all went well, 1 VPP refused a line, 2 wrong usage, 3 VPP cannot be reached."
    parser.add_argument("--target", metavar="NAME=SOCKET", action="append", default=[], help="another VPP, for `@NAME LINE' and `@all'")
    parser.add_argument("--timeout", type=seconds, metavar="S", help="give up when an answer takes longer (default: never)")
    parser.add_argument("--keep-going", action="store_true", default=argparse.SUPPRESS, help="go on after a line that failed")
    add_policy(parser)
    parser.add_argument("--output", choices=("text", "json"), default="text", help="how a line's answer is printed (default: text)")
    parser.add_argument(
        "words",
        metavar="[SOCKET] [LINE ...]",
        nargs=argparse.REMAINDER,
        help="the socket or HOST:PORT (default: where vppctl looks), and a line",
    )


def add_policy(parser: argparse.ArgumentParser) -> None:
    """The options that say how careful to be with somebody's VPP."""
    parser.add_argument("--read-only", action="store_true", help="refuse lines that may change something")
    parser.add_argument("--insecure", action="store_true", help="show keys, pre-shared secrets and tokens")


def policy_of(options: argparse.Namespace) -> Policy:
    """How careful to be, by these options, and by --timeout where there is one."""
    timeout = getattr(options, "timeout", None)
    policy = Policy(read_only=options.read_only, timeout=TIMEOUT if timeout is None else timeout)
    if options.insecure:
        policy.masker = None
    return policy


def seconds(text: str) -> float:
    """A number of seconds given on the command line."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < 1e6:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds")
    return number


def split_socket(words: list[str]) -> tuple[str | None, str]:
    """Which socket, and which line: the first word is a socket when it is a path, names one, or is HOST:PORT."""
    if words and (words[0].startswith(("/", "./", "../", "~/")) or words[0].endswith(".sock") or _is_socket(words[0])):
        return words[0], " ".join(words[1:])
    if words and tcp_address(words[0]) is not None:
        return words[0], " ".join(words[1:])
    return None, " ".join(words)


def _is_socket(name: str) -> bool:
    try:
        return stat.S_ISSOCK(Path(name).stat().st_mode)
    except (OSError, ValueError):
        return False


def targets_of(options: argparse.Namespace, path: str | None) -> list[SocketTarget]:
    """The targets named on the command line, the first of which is the current one."""
    targets = []
    if path is not None or not options.target:
        targets.append(SocketTarget(path if path is None else str(Path(path).expanduser()), NAME, timeout=options.timeout))
    for text in options.target:
        name, _, socket = text.partition("=")
        if not name or not socket:
            raise UsageError(f"--target {text}: expected NAME=SOCKET")
        targets.append(SocketTarget(str(Path(socket).expanduser()), name, timeout=options.timeout))
    return targets


def main(options: argparse.Namespace) -> int:
    """Do what the arguments ask for; the exit status."""
    path, line = split_socket(options.words)
    targets, policy = targets_of(options, path), policy_of(options)
    if options.output == "json" and not line:
        raise UsageError("--output json: a line is missing")
    plain = options.output == "text" and line and line.lstrip()[0] not in "%@" and not split_pipes(line).stages
    if plain:
        return one_line(targets[0], line, policy, options.timeout)
    from vppsh.attached import Attached

    shell = Attached(targets[0], policy=policy)
    for target in targets[1:]:
        shell.targets.add(target)
    try:
        if line:
            return shell_line(shell, line, options.output)
        return prompt(shell) if sys.stdin.isatty() else lines_of_stdin(shell, options)
    finally:
        shell.targets.close()


def one_line(target: SocketTarget, line: str, policy: Policy, timeout: float | None) -> int:
    """Print the answer as it comes, byte for byte as vppctl does except for secrets."""
    policy.check(line, target)
    pieces: list[bytes] = []
    for piece in _masked(target.once(line, timeout), policy):
        sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
        pieces.append(piece)
    return ExitStatus.FAILED if refused(line, decode(b"".join(pieces))) else ExitStatus.OK


def _masked(pieces: Iterator[bytes], policy: Policy) -> Iterator[bytes]:
    if policy.masker is None:
        yield from pieces
        return
    from vppsh.targets.masking import MaskedStream

    stream = MaskedStream(policy.masker)
    try:
        for piece in pieces:
            yield stream.feed(piece)
    except TargetError:
        yield stream.end()
        raise
    yield stream.end()


def shell_line(shell: Attached, line: str, output: str) -> int:
    """A line with a pipe, for several targets, or of the shell's own."""
    if output == "json":
        line = f"{line if line.startswith('@') else f'@{shell.targets.current.name} {line}'} | json"
    answer = shell.execute(line)
    sys.stdout.write(answer.text)
    sys.stdout.flush()
    sys.stderr.write(answer.aside)
    return status_of(answer)


def status_of(answer: Answer) -> ExitStatus:
    """The exit status that an answer stands for."""
    return ExitStatus.UNREACHABLE if answer.unreachable else ExitStatus.FAILED if answer.failed else ExitStatus.OK


def lines_of_stdin(shell: Attached, options: argparse.Namespace) -> int:
    """Lines from standard input, in one session."""
    from vppsh.batch import execute, script

    sys.stdin.reconfigure(errors="surrogateescape")  # type: ignore[union-attr]  # TextIO leaves it out
    return execute(shell, script(sys.stdin, "stdin"), keep_going=getattr(options, "keep_going", False))


def prompt(shell: Attached) -> int:
    """A prompt; the first target must be there."""
    from vppsh import repl

    first = shell.targets.current
    version = first.execute("show version").text.strip()

    def steps() -> Generator[None, None, Shell]:
        yield
        return shell

    return repl.main(steps(), f"vppsh {__version__}: attached to {first.where}, {version}.\n{repl.HOW}")
