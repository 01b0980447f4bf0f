"""One session of VPP's CLI over a stream of bytes, in line mode as vppctl uses it (vlib/unix/cli.c, vpp/app/vppctl.c).

VPP greets with telnet options and asks for the type of the terminal. Who answers `vppctl` gets a session without
prompt, echo, pager and history, in which one piece of input is one line and every answer ends in a NUL byte.
Lines of an answer end in CR LF.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Protocol

from vppsh.errors import TargetError, UsageError
from vppsh.targets.telnet import ClientFilter, Option, terminal_type

NUL = b"\0"
TERMINAL = "vppctl"
# How long VPP may take to greet. It answers between two rounds of its main loop, and a barrier may hold it.
GREETING_TIMEOUT = 10.0
# Bytes of an answer that are made text at once, in which the interpreter does nothing else.
PIECE = 1 << 18


class Stream(Protocol):
    """A connection that carries bytes both ways."""

    def send(self, data: bytes) -> None:
        """Send all of it; raises OSError when the other end is gone."""
        ...

    def receive(self, timeout: float | None) -> bytes:
        """What has come, at least a byte; nothing when the other end has closed.

        Raises TimeoutError after so many seconds (None waits, 0 only looks), InterruptedError when `wake` was called.
        """
        ...

    def wake(self) -> None:
        """Let `receive` end at once, from a signal handler or another thread."""
        ...

    def close(self) -> None:
        """Close it."""
        ...


class ConnectionLostError(TargetError):
    """The other end went away; `text` is what it had answered until then."""

    def __init__(self, message: str, text: str = "") -> None:
        super().__init__(message)
        self.text = text


class AnswerTimeoutError(ConnectionLostError):
    """The answer did not come in time; the session cannot be used any more, because it may still come."""


class CliConnection:
    """A session with a VPP, after the handshake."""

    def __init__(self, stream: Stream, timeout: float = GREETING_TIMEOUT) -> None:
        """Do the handshake; raises TargetError when what answers does not speak as VPP does."""
        self._stream = stream
        self._filter = ClientFilter()
        deadline = time.monotonic() + timeout
        while Option.TERMINAL_TYPE not in self._filter.requests:
            try:
                data = stream.receive(max(deadline - time.monotonic(), 0.0))
            except TimeoutError:
                raise TargetError("no greeting of VPP's CLI; is this VPP's CLI socket, and is VPP's main thread alive?") from None
            except InterruptedError:
                raise TargetError("interrupted while waiting for VPP's greeting") from None
            except OSError as error:
                raise ConnectionLostError(f"the connection was lost: {error.strerror or error}") from error
            if not data:
                raise ConnectionLostError("the connection was closed before VPP greeted")
            self._filter.feed(data)
        self._send(terminal_type(TERMINAL))

    def alive(self) -> bool:
        """Whether the other end is still there; what it said late, to an earlier line, is dropped."""
        while True:
            try:
                if not self._stream.receive(0.0):
                    return False
            except TimeoutError:
                return True
            except OSError:
                return False

    def answer(self, line: str, timeout: float | None = None, *, last: bool = False) -> Iterator[bytes]:
        """Send a line; its answer, piece by piece as it comes, without the NULs.

        last  it is the only line of this session: `quit` follows the first NUL, and all up to the end is the answer,
              which is how vppctl does it

        When the caller stops before the end the connection must be closed: the rest of the answer is still to come.
        Raises ConnectionLostError, AnswerTimeoutError, and InterruptedError when the stream was woken.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        self._send(encode(line))
        ended = left = False
        while True:
            try:
                # A NUL ends the answer only when nothing follows: some of VPP's texts carry NULs of their own.
                data = self._stream.receive(0.0 if ended else None if deadline is None else max(deadline - time.monotonic(), 0.0))
            except TimeoutError:
                if ended:
                    return
                raise AnswerTimeoutError(f"no answer within {timeout:g} s") from None
            except InterruptedError:
                raise
            except OSError as error:
                raise ConnectionLostError(f"the connection was lost: {error.strerror or error}") from error
            if not data:
                if ended or left:
                    return
                raise ConnectionLostError("the connection was closed in the middle of the answer")
            text = self._filter.feed(data)
            ended = text.endswith(NUL) and not last
            if last and not left and NUL in text:
                left = True
                with suppress(ConnectionLostError):  # the answer has come, and that is what was wanted
                    self._send(b"quit\n")
            yield text.replace(NUL, b"")

    def _send(self, data: bytes) -> None:
        try:
            self._stream.send(data)
        except OSError as error:
            raise ConnectionLostError(f"the connection was lost: {error.strerror or error}") from error

    def close(self) -> None:
        """Close the stream."""
        self._stream.close()


def encode(line: str) -> bytes:
    """A line as it is sent; raises UsageError for what a line cannot carry."""
    if "\0" in line:
        raise UsageError("a line cannot contain a NUL byte")
    return line.rstrip("\r\n").encode("utf-8", "surrogateescape") + b"\n"


def decode(answer: bytes) -> str:
    """The text of an answer, its lines ended as everywhere in vppsh.

    A long one is taken by pieces, between which other threads go on.
    """
    pieces, begin = [], 0
    while begin < len(answer):
        end = answer.find(b"\n", begin + PIECE) + 1 or len(answer)
        pieces.append(answer[begin:end].replace(b"\r\n", b"\n").decode("utf-8", "surrogateescape"))
        begin = end
    return "".join(pieces)
