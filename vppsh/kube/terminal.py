"""A command in a pod with this process's terminal as its own."""

from __future__ import annotations

import os
import select
import shutil
import signal
import sys
import termios
import tty
from collections.abc import Sequence
from types import FrameType

from vppsh.kube.api import Api, ClusterError
from vppsh.kube.execution import Exec
from vppsh.kube.model import Pod

CHUNK = 4096


def at_terminal(api: Api, pod: Pod, container: str, words: Sequence[str]) -> int:
    """Run it, every key its own, until it ends; its exit status. The terminal is left as it was."""
    keyboard, screen = sys.stdin.fileno(), sys.stdout.fileno()
    command = Exec(api, pod, container, ["env", f"TERM={os.environ.get('TERM', 'xterm')}", *words], stdin=True, tty=True)

    def resized(*_: int | FrameType | None) -> None:
        size = shutil.get_terminal_size()
        command.resize(size.columns, size.lines)

    before, known = termios.tcgetattr(keyboard), signal.signal(signal.SIGWINCH, resized)
    try:
        tty.setraw(keyboard)
        resized()
        _talk(command, keyboard, screen)
        return command.status
    finally:
        signal.signal(signal.SIGWINCH, known)
        termios.tcsetattr(keyboard, termios.TCSADRAIN, before)
        command.close()


def _talk(command: Exec, keyboard: int, screen: int) -> None:
    """Carry bytes both ways until the command has ended, in one thread: the TLS connection is used by one at a time."""
    poll = select.poll()
    poll.register(keyboard, select.POLLIN)
    poll.register(command.fileno(), select.POLLIN)
    try:
        while True:
            ready = {descriptor for descriptor, _ in poll.poll(0 if command.pending else None)}
            if keyboard in ready:
                typed = os.read(keyboard, CHUNK)
                if typed:
                    command.send(typed)
                else:
                    poll.unregister(keyboard)
            if (command.pending or command.fileno() in ready) and not _show(command, screen):
                return
    except OSError as error:
        raise ClusterError(f"{command.what}: the connection was lost: {error}") from error


def _show(command: Exec, screen: int) -> bool:
    """Show what has come, as much as one message: keys are heard while a command prints without end. False when it has ended."""
    try:
        out, error = command.receive(0.0)
    except TimeoutError:
        return True
    os.write(screen, out)
    return bool(out or error)
