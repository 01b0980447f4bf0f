"""`vppsh tui`: the monitor of a running VPP, or of a dataplane of our own."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from vppsh.errors import ExitStatus, UsageError

if TYPE_CHECKING:
    from vppsh.session import Session
    from vppsh.targets.base import Target


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `vppsh tui`."""
    parser.description = (
        "Watch a running VPP through its CLI socket, or, with --run, a dataplane of this process: what it does now, what is "
        "dropped, since when, and on which node. `?' explains what is seen."
    )
    parser.add_argument("target", metavar="SOCKET", nargs="?", help="the CLI socket (default: where vppctl looks)")
    parser.add_argument("--run", metavar="FILE", help="a fresh dataplane in this process, on which these lines are executed first")
    parser.add_argument(
        "--stats", metavar="SOCKET", help="VPP's stats socket (default: where its configuration says, or beside its CLI socket)"
    )
    parser.add_argument("--no-stats", action="store_true", help="ask the CLI for counters, too, rather than read them in the stats segment")
    parser.add_argument("--interval", type=_seconds, default=1.0, metavar="S", help="seconds between samples (default: 1)")
    parser.add_argument("--text", metavar="TAB", help="print this tab as plain text instead, for pipes and screen readers")
    parser.add_argument("--json", metavar="TAB", help="print this tab as JSON instead")
    parser.add_argument("--samples", type=_count, default=2, metavar="N", help="with --text and --json: after how many samples")


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0.1 <= seconds <= 3600:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds between 0.1 and 3600")
    return seconds


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 100_000):
        raise argparse.ArgumentTypeError(f"{text!r} is not between 1 and 100000")
    return int(text)


def main(options: argparse.Namespace) -> int:
    """Do what the arguments ask for; the exit status."""
    if options.run and options.target:
        raise UsageError("--run and SOCKET exclude each other")
    if options.text and options.json:
        raise UsageError("--text and --json exclude each other")
    if options.stats and (options.run or options.no_stats):
        raise UsageError(f"--stats and {'--run' if options.run else '--no-stats'} exclude each other")
    from vppsh.tui.watching import watch_session, watch_target

    if options.run:
        watched = watch_session(_prepared(options.run), options.interval)
    else:
        watched = watch_target(_target(options), options.interval)
    if options.text or options.json:
        from vppsh.tui.plain import print_tab

        return print_tab(watched, options.text or options.json, options.samples, as_json=bool(options.json))
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("tui needs a terminal; --text TAB prints a tab without one")
    from vppsh.tui.app import Monitor

    monitor = Monitor(watched)
    monitor.run()
    return ExitStatus.FAILED if monitor.return_code else ExitStatus.OK


def _target(options: argparse.Namespace) -> Target:
    from vppsh.targets.cli_socket import SocketTarget
    from vppsh.targets.counters import CounterTarget

    # Whoever waits for a VPP that restarts is the monitor, which tells so meanwhile.
    cli = SocketTarget(options.target and str(Path(options.target).expanduser()), patience=0.0)
    target = cli if options.no_stats else CounterTarget(cli, str(Path(options.stats).expanduser()) if options.stats else "")
    target.connect()
    return target


def _prepared(name: str) -> Session:
    """A session in which the lines of a file were executed; raises UsageError when one fails."""
    from vppsh.batch import run_script
    from vppsh.startup import make_session

    session = make_session()
    if run_script(session, name) != ExitStatus.OK:
        raise UsageError(f"{name}: not all of it could be executed")
    return session
