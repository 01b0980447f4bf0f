"""exec over WebSocket: the protocols v4.channel.k8s.io and v5.channel.k8s.io around a real process.

Each message begins with the number of its channel: 0 stdin, 1 stdout, 2 stderr, 3 the status at the end (JSON), 4 the
size of the terminal. v5 adds 255: the channel that follows is closed, so that a command can see the end of its input.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import socket
import struct
import subprocess
import termios
import threading
from collections.abc import Sequence
from enum import IntEnum
from typing import Any

from kube.cluster import Pod
from kube.websocket import ClosedError, WebSocket

PROTOCOLS = ("v5.channel.k8s.io", "v4.channel.k8s.io")
CHUNK = 32 * 1024


class Channel(IntEnum):
    STDIN = 0
    STDOUT = 1
    STDERR = 2
    STATUS = 3
    RESIZE = 4
    CLOSE = 255


def status_of(returncode: int) -> dict[str, Any]:
    """The status that a client is told when the command has ended."""
    if returncode == 0:
        return {"metadata": {}, "status": "Success"}
    code = returncode if returncode > 0 else 128 - returncode
    return {
        "metadata": {}, "status": "Failure", "reason": "NonZeroExitCode",
        "message": f"command terminated with non-zero exit code: exit status {code}",
        "details": {"causes": [{"reason": "ExitCode", "message": str(code)}]},
    }  # fmt: skip


def not_found(program: str) -> dict[str, Any]:
    return {
        "metadata": {}, "status": "Failure", "reason": "InternalError", "code": 500,
        "message": f'exec failed: unable to start container process: exec: "{program}": executable file not found in $PATH',
    }  # fmt: skip


class Execution:
    """One command in a pod, from its start to the last message."""

    def __init__(self, web: WebSocket, connection: socket.socket, pod: Pod, *, stdin: bool, tty: bool, cut_after: int | None) -> None:
        self._web = web
        self._connection = connection
        self._pod = pod
        self._stdin = stdin
        self._tty = tty
        self._left = cut_after
        self._cutting = threading.Lock()

    def run(self, words: Sequence[str]) -> None:
        command = self._pod.command(words)
        if command is None:
            self._finish(not_found(words[0]))
            return
        leader, follower = pty.openpty() if self._tty else (-1, -1)
        environment = {**os.environ, **self._pod.environment, "TERM": "xterm"}
        process = subprocess.Popen(
            command, cwd=self._pod.root, env=environment, start_new_session=True,
            stdin=follower if self._tty else subprocess.PIPE if self._stdin else subprocess.DEVNULL,
            stdout=follower if self._tty else subprocess.PIPE, stderr=follower if self._tty else subprocess.PIPE,
        )  # fmt: skip
        if self._tty:
            os.close(follower)
            pumps = [threading.Thread(target=self._pump, args=(leader, Channel.STDOUT), daemon=True)]
        else:
            assert process.stdout is not None
            assert process.stderr is not None
            pumps = [
                threading.Thread(target=self._pump, args=(process.stdout.fileno(), Channel.STDOUT), daemon=True),
                threading.Thread(target=self._pump, args=(process.stderr.fileno(), Channel.STDERR), daemon=True),
            ]
        for pump in pumps:
            pump.start()
        threading.Thread(target=self._feed, args=(process, leader), daemon=True).start()
        code = process.wait()
        for pump in pumps:
            pump.join()
        self._finish(status_of(code))
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        if leader >= 0:
            os.close(leader)

    def _pump(self, source: int, channel: Channel) -> None:
        while True:
            try:
                data = os.read(source, CHUNK)
            except OSError:  # a terminal whose last process has gone
                return
            if not data or not self._send(channel, data):
                return

    def _send(self, channel: Channel, data: bytes) -> bool:
        if self._left is not None and channel != Channel.STATUS:
            with self._cutting:
                data, self._left = data[: self._left], self._left - min(self._left, len(data))
        try:
            self._web.send(bytes((channel,)) + data)
        except ClosedError:
            return False
        if self._left == 0:
            with contextlib.suppress(OSError):
                self._connection.shutdown(socket.SHUT_RDWR)
            return False
        return True

    def _feed(self, process: subprocess.Popen[bytes], leader: int) -> None:
        """What the client sends; when it has gone the command is ended, as the container runtime does."""
        sink = leader if self._tty else process.stdin.fileno() if process.stdin else -1
        try:
            while True:
                message = self._web.receive().data
                channel, data = Channel(message[0]), message[1:]
                if channel is Channel.STDIN:
                    self._pod.typed.append(data)
                if channel is Channel.STDIN and sink >= 0:
                    while data:
                        data = data[os.write(sink, data) :]
                elif channel is Channel.RESIZE and self._tty:
                    size = json.loads(data)
                    fcntl.ioctl(leader, termios.TIOCSWINSZ, struct.pack("HHHH", size["Height"], size["Width"], 0, 0))
                elif channel is Channel.CLOSE and data[:1] == b"\0" and process.stdin is not None:
                    process.stdin.close()
                    sink = -1
        except (ClosedError, OSError, ValueError, IndexError):
            if process.poll() is None:
                process.terminate()

    def _finish(self, status: dict[str, Any]) -> None:
        with contextlib.suppress(ClosedError):
            self._web.send(bytes((Channel.STATUS,)) + json.dumps(status).encode())
            self._web.close()
