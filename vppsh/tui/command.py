"""`vppsh tui`: the monitor of a running VPP, or of a dataplane of our own."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from vppsh.attach import add_policy, policy_of
from vppsh.errors import ExitStatus, UsageError

if TYPE_CHECKING:
    from vppsh.session import Session
    from vppsh.targets.base import Target
    from vppsh.tui.watching import Watched


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `vppsh tui`."""
    parser.description = (
        "Watch a running VPP through its CLI socket, or, with --run, a dataplane of this process: what it does now, what is "
        "dropped, since when, and on which node. `?' explains what is seen. A FILE that --record made is opened with a line of time."
    )
    parser.add_argument(
        "target", metavar="SOCKET|FILE", nargs="?", help="the CLI socket (default: where vppctl looks), or what --record made"
    )
    parser.add_argument("--run", metavar="FILE", help="a fresh dataplane in this process, on which these lines are executed first")
    parser.add_argument(
        "--stats", metavar="SOCKET", help="VPP's stats socket (default: where its configuration says, or beside its CLI socket)"
    )
    parser.add_argument("--no-stats", action="store_true", help="ask the CLI for counters, too, rather than read them in the stats segment")
    parser.add_argument("--at", metavar="TIME", help="of a recording: begin at HH:MM:SS, at a date with it, or +SECONDS from its beginning")
    add_watching(parser)


def add_watching(parser: argparse.ArgumentParser) -> None:
    """The options of whatever watches somebody's VPP."""
    parser.add_argument("--interval", type=_seconds, metavar="S", help="seconds between samples (default: 1)")
    parser.add_argument("--record", metavar="FILE", help="keep all samples in a file, compressed when its name ends in .gz")
    parser.add_argument("--force", action="store_true", help="with --record: replace a file that is there already")
    add_policy(parser)
    parser.add_argument("--text", metavar="TAB", help="print this tab as plain text instead, for pipes and screen readers")
    parser.add_argument("--json", metavar="TAB", help="print this tab as JSON instead")
    parser.add_argument("--samples", type=_count, metavar="N", help="with --text and --json: after how many samples (default: 2)")


def check_watching(options: argparse.Namespace) -> None:
    """Raises UsageError for options that do not go together, and where a terminal is missing."""
    if options.text and options.json:
        raise UsageError("--text and --json exclude each other")
    if options.force and not options.record:
        raise UsageError("--force goes with --record")
    if options.samples and not (options.text or options.json):
        raise UsageError("--samples goes with --text and --json")
    if not (options.text or options.json):
        from vppsh.tui.running import demand_terminal

        demand_terminal("tui", "--text TAB prints a tab without one")


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
    if options.run and (options.read_only or options.insecure):
        raise UsageError("--read-only and --insecure are about a VPP that runs, not --run")
    if options.stats and (options.run or options.no_stats):
        raise UsageError(f"--stats and {'--run' if options.run else '--no-stats'} exclude each other")
    check_watching(options)
    from vppsh.tui.recording_file import is_recording

    path = Path(options.target).expanduser() if options.target else None
    if path is not None and is_recording(path):
        return _recorded(path, options)
    if options.at:
        raise UsageError("--at goes with a recording")
    return _live(options)


def _live(options: argparse.Namespace) -> int:
    """Watch a target."""
    from vppsh.tui.recording import FileRecorder
    from vppsh.tui.watching import record, shell_of, watch_session, watch_target

    interval = options.interval or 1.0
    if options.run:
        watched = watch_session(_prepared(options.run), interval)
    else:
        target = _target(options)
        watched = watch_target(target, interval, shell_of(target, policy_of(options)))
    if not options.record:
        return _watch(watched, options)
    recorder = FileRecorder(options.record, [(watched.store.name, watched.store.where)], interval, force=options.force)
    try:
        return _watch(record(watched, recorder), options)
    finally:
        recorder.close()
        if recorder.fault:
            sys.stderr.write(f"vppsh: {recorder.fault}\n")


def _watch(watched: Watched, options: argparse.Namespace) -> int:
    if options.text or options.json:
        from vppsh.tui.plain import print_tab

        return print_tab(watched, options.text or options.json, options.samples or 2, as_json=bool(options.json))
    from vppsh.tui.app import Monitor
    from vppsh.tui.running import run

    return run(Monitor(watched))


def _recorded(path: Path, options: argparse.Namespace) -> int:
    """Look at a recording."""
    for name in ("record", "interval", "samples", "stats", "no_stats", "read_only", "insecure"):
        if getattr(options, name):
            raise UsageError(f"--{name.replace('_', '-')} is of no use with a recording")
    from vppsh.tui.recorded import Playback, time_in
    from vppsh.tui.recording_file import Recording

    recording = Recording(path)
    playback = Playback(recording)
    try:
        if options.at:
            playback.at = time_in(recording, options.at)
        if options.text or options.json:
            from vppsh.tui.plain_cluster import print_recorded

            sys.stderr.write("".join(f"vppsh: {notice}\n" for notice in recording.notices))
            return print_recorded(playback, options.text or options.json, as_json=bool(options.json))
        from vppsh.tui.player import Player
        from vppsh.tui.running import run
        from vppsh.tui.watching import watch_playback

        return run(Player(watch_playback(playback), playback))
    finally:
        playback.stop()


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
