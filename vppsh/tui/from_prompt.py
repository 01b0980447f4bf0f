"""`%tui`: the monitor of what a prompt talks to, and back to the prompt."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager

from vppsh.session import Session
from vppsh.shell import Shell
from vppsh.targets.base import Target
from vppsh.targets.cli_socket import SocketTarget
from vppsh.targets.counters import CounterTarget
from vppsh.tui.app import Monitor
from vppsh.tui.fleet import Fleet
from vppsh.tui.running import demand_terminal, run
from vppsh.tui.watching import Watched, shell_of, watch_session, watch_target

INTERVAL = 1.0


def watch(shell: Shell, targets: Sequence[Target]) -> str:
    """Watch targets of a shell until the user comes back; what is left to be said.

    The shell's own engine runs in the monitor's thread meanwhile, and in nobody's when this returns. Raises UsageError without
    a terminal, MonitorFaultError after a fault of ours, SystemExit when a signal wants the end.
    """
    demand_terminal("%tui", "`vppsh tui --text TAB' prints a tab without one")
    with ExitStack() as stack:
        watched = [stack.enter_context(_watched(shell, target)) for target in targets]
        status = run(Monitor(watched[0] if len(watched) == 1 else Fleet("targets", watched, INTERVAL)))
    if status in (128 + signal.SIGTERM, 128 + signal.SIGHUP):
        raise SystemExit(status)
    return "".join(text for each in watched for text in each.told)


@contextmanager
def _watched(shell: Shell, target: Target) -> Iterator[Watched]:
    """A target to be watched; afterwards it is the prompt's again."""
    if isinstance(shell, Session) and target is shell.here:
        on_fault, watched = shell.engine.on_fault, watch_session(shell, INTERVAL)
        try:
            yield watched
        finally:
            watched.feed.stop()  # of several targets, no single one was waited for
            shell.engine.on_fault = on_fault
    elif isinstance(target, SocketTarget):
        # A session of its own: the prompt's may be at work, or wait for a VPP that restarts.
        with closing(CounterTarget(SocketTarget(target.where, target.name, patience=0.0))) as own:
            yield watch_target(own, INTERVAL, shell if target is shell.targets.current else shell_of(own, shell.policy))
    else:
        yield watch_target(target, INTERVAL, shell if target is shell.targets.current else shell_of(target, shell.policy))
