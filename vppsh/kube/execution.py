"""Commands in a pod: exec over WebSocket, run to their end or talked to."""

from __future__ import annotations

import json
import os
import select
import ssl
import time
from collections.abc import Generator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from websocket import ABNF, WebSocket, WebSocketException

from vppsh.kube.api import Api, ClusterError
from vppsh.kube.model import Pod

# Channels of a WebSocket (v4.channel.k8s.io); the last stands for messages that are none.
STDIN, STDOUT, STDERR, STATUS, RESIZE, NOTHING = 0, 1, 2, 3, 4, 255


@dataclass(frozen=True)
class Completed:
    """What a command printed, and its exit status."""

    stdout: bytes
    stderr: bytes
    status: int


class Exec:
    """A command that runs in a container of a pod."""

    def __init__(self, api: Api, pod: Pod, container: str, words: Sequence[str], *, stdin: bool = False, tty: bool = False) -> None:
        """Start it; raises ClusterError."""
        self.what = f"exec in {pod.name}/{container}"
        self._web: WebSocket = api.execute(pod, container, words, stdin=stdin, tty=tty)
        self._wait, self._wake = os.pipe()
        os.set_blocking(self._wake, False)
        self._poll = select.poll()
        self._poll.register(self.fileno(), select.POLLIN)
        self._poll.register(self._wait, select.POLLIN)
        self._ended = False
        self._told = b""
        self._status: int | None = None

    def send(self, data: bytes) -> None:
        """Write to its standard input; raises OSError when it is gone."""
        try:
            self._web.send_binary(bytes((STDIN,)) + data)
        except WebSocketException as error:
            raise OSError(str(error)) from error

    def resize(self, width: int, height: int) -> None:
        """Tell the size of the terminal."""
        with suppress(WebSocketException, OSError):
            self._web.send_binary(bytes((RESIZE,)) + json.dumps({"Width": width, "Height": height}).encode())

    def receive(self, timeout: float | None) -> tuple[bytes, bytes]:
        """What has come on standard output and standard error; nothing on either when the command has ended.

        Raises TimeoutError after so many seconds, InterruptedError when `wake` was called, OSError when the connection was lost.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while not self._ended:
            if not self.pending:
                left = None if deadline is None else max(deadline - time.monotonic(), 0.0)
                ready = [descriptor for descriptor, _ in self._poll.poll(None if left is None else left * 1000)]
                if not ready:
                    raise TimeoutError
                if self._wait in ready:
                    os.read(self._wait, 64)
                    raise InterruptedError
            try:
                channel, data = self._message()
            except (WebSocketException, ssl.SSLError) as lost:
                raise OSError(str(lost) or "closed") from lost
            if channel == STATUS:
                self._told += data
            elif data and channel in (STDOUT, STDERR):
                return (data, b"") if channel == STDOUT else (b"", data)
        return b"", b""

    def _message(self) -> tuple[int, bytes]:
        """The next message: its channel, and what follows. The library's own reader goes on as long as there are more, however many."""
        kind, frame = self._web.recv_data_frame(control_frame=True)
        if kind == ABNF.OPCODE_CLOSE:
            self._ended = True
        elif kind in (ABNF.OPCODE_BINARY, ABNF.OPCODE_TEXT) and frame.data:
            return frame.data[0], frame.data[1:]
        return NOTHING, b""

    @property
    def pending(self) -> bool:
        """Bytes have come already: waiting for the descriptor would be in vain."""
        return isinstance(self._web.sock, ssl.SSLSocket) and self._web.sock.pending() > 0

    @property
    def status(self) -> int:
        """The exit status of a command that has ended; raises ClusterError when the connection ended before it, or it never began."""
        if self._status is None:
            if not self._told:
                raise ClusterError(f"{self.what}: the connection was lost before the command had ended")
            told = json.loads(self._told)
            causes = {cause.get("reason"): cause.get("message", "") for cause in (told.get("details") or {}).get("causes") or ()}
            if told.get("status") != "Success" and "ExitCode" not in causes:
                raise ClusterError(f"{self.what}: {told.get('message') or 'failed'}")
            self._status = 0 if told.get("status") == "Success" else int(causes["ExitCode"])
        return self._status

    def fileno(self) -> int:
        """To wait beside other descriptors; look at `pending` first."""
        return int(self._web.fileno())

    def wake(self) -> None:
        """Let `receive` end at once, from a signal handler or another thread."""
        with suppress(BlockingIOError):
            os.write(self._wake, b"!")

    def close(self) -> None:
        """End it, if it has not."""
        # The library's own close waits for the other end's consent, up to three seconds.
        with suppress(WebSocketException, OSError):
            self._web.send_close()
        self._web.shutdown()
        os.close(self._wait)
        os.close(self._wake)


def pieces(
    api: Api, pod: Pod, container: str, words: Sequence[str], *, stdin: bytes = b"", timeout: float | None = None
) -> Generator[tuple[bytes, bytes], None, int]:
    """Run a command; its output as it comes. The generator's value is the exit status. Raises ClusterError."""
    command = Exec(api, pod, container, words, stdin=bool(stdin))
    try:
        if stdin:
            command.send(stdin)
        while True:
            try:
                out, error = command.receive(timeout)
            except TimeoutError:
                raise ClusterError(f"{command.what}: nothing came for {timeout:g} s") from None
            except InterruptedError:
                raise
            except OSError as lost:
                raise ClusterError(f"{command.what}: the connection was lost: {lost}") from lost
            if not out and not error:
                return command.status
            yield out, error
    finally:
        command.close()


def run(api: Api, pod: Pod, container: str, words: Sequence[str], *, stdin: bytes = b"", timeout: float | None = None) -> Completed:
    """Run a command to its end. It must not wait for the end of its input: the protocol of older clusters cannot tell it."""
    return completed(pieces(api, pod, container, words, stdin=stdin, timeout=api.settings.request_timeout if timeout is None else timeout))


def completed(running: Generator[tuple[bytes, bytes], None, int]) -> Completed:
    """All that a running command prints until it ends."""
    out: list[bytes] = []
    error: list[bytes] = []
    while True:
        try:
            more_out, more_error = next(running)
        except StopIteration as end:
            return Completed(b"".join(out), b"".join(error), end.value)
        out.append(more_out)
        error.append(more_error)
