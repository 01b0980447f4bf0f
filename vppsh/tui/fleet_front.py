"""A monitor of several targets, as options ask for it."""

from __future__ import annotations

import argparse
import sys

from vppsh.tui.fleet import VITAL, Fleet
from vppsh.tui.recording import FileRecorder
from vppsh.tui.watching import record


def watch_fleet(fleet: Fleet, options: argparse.Namespace) -> int:
    """Show it, or print a tab, and record it if that is wanted; the exit status.

    Of targets that are out of sight no more is recorded than what is asked of them anyway.
    """
    if not options.record:
        return _watch(fleet, options)
    targets = [(member.name, member.store.where) for member in fleet.members]
    recorder = FileRecorder(options.record, targets, options.interval or 1.0, force=options.force)
    for member in fleet.members:
        member.watched = record(member.watched, recorder, VITAL)
    try:
        return _watch(fleet, options)
    finally:
        recorder.close()
        if recorder.fault:
            sys.stderr.write(f"vppsh: {recorder.fault}\n")


def _watch(fleet: Fleet, options: argparse.Namespace) -> int:
    if options.text or options.json:
        from vppsh.tui.plain_cluster import print_fleet

        return print_fleet(fleet, options.text or options.json, options.samples or 2, in_json=bool(options.json))
    from vppsh.tui.app import Monitor
    from vppsh.tui.running import run

    return run(Monitor(fleet))
