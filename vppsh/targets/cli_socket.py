"""A VPP behind its CLI socket on this host: found where vppctl looks, kept connected, connected anew after a restart."""

from __future__ import annotations

import os
import select
import socket
import stat
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from vppsh.errors import TargetError
from vppsh.targets.base import INTERRUPTED, Answer
from vppsh.targets.connection import CliConnection, ConnectionLostError, decode
from vppsh.targets.verdict import refused

# Where vppctl looks, in its order.
PLACES = ("/run/vpp/cli.sock", "/var/run/vpp/cli.sock", "/var/run/user/{uid}/vpp/cli.sock", "./cli.sock")
# How long to wait for a VPP that was there and has gone: it restarts.
PATIENCE = 10.0
RETRY = 0.1
RECEIVE = 1 << 18
LONGEST_PATH = 107


def find_socket() -> str:
    """The first of the places where vppctl looks that exists; raises TargetError when none does."""
    places = [place.format(uid=os.getuid()) for place in PLACES]
    for place in places:
        if Path(place).exists():
            return place
    raise TargetError(f"no CLI socket of VPP: looked for {', '.join(places)}")


class UnixStream:
    """A connected Unix socket as a `Stream`."""

    def __init__(self, path: str) -> None:
        """Connect; raises OSError."""
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._socket.connect(path)
        except OSError:
            self._socket.close()
            raise
        # A signal handler may call `wake` while this thread closes, another thread while it is about to.
        self._closing = threading.RLock()
        self._closed = False
        self._wait, self._wake = os.pipe()
        os.set_blocking(self._wake, False)
        self._poll = select.poll()
        self._poll.register(self._socket, select.POLLIN)
        self._poll.register(self._wait, select.POLLIN)
        self.peer = struct.unpack("3i", self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]

    def send(self, data: bytes) -> None:
        """Send all of it."""
        self._socket.sendall(data)

    def receive(self, timeout: float | None) -> bytes:
        """What has come; see `Stream`."""
        ready = [descriptor for descriptor, _ in self._poll.poll(None if timeout is None else timeout * 1000)]
        if not ready:
            raise TimeoutError
        if self._wait in ready:
            os.read(self._wait, 64)
            raise InterruptedError
        return self._socket.recv(RECEIVE)

    def wake(self) -> None:
        """Let `receive` end."""
        with self._closing:
            if not self._closed:
                with suppress(BlockingIOError):
                    os.write(self._wake, b"!")

    def close(self) -> None:
        """Close the socket."""
        with self._closing:
            self._closed = True
            self._socket.close()
            os.close(self._wait)
            os.close(self._wake)


class SocketTarget:
    """A VPP, or `vppsh serve`, behind a Unix socket."""

    cluster = False

    def __init__(self, path: str | None = None, name: str = "vpp", *, patience: float = PATIENCE, timeout: float | None = None) -> None:
        """Remember where it is; the first line connects. Raises TargetError when no path is given and none is found.

        patience  seconds to wait for a VPP that was there and is gone
        timeout   seconds that an answer may take when `execute` is not told
        """
        self._timeout = timeout
        self.name = name
        self.where = find_socket() if path is None else path
        self._patience = patience
        self._lock = threading.Lock()
        self._stream: UnixStream | None = None
        self._connection: CliConnection | None = None
        self._peer = 0
        self._interrupted = False

    def connect(self) -> None:
        """Connect now; raises TargetError."""
        with self._lock:
            self._connect(0.0)

    def check(self) -> str:
        """Be connected, anew when VPP was restarted; what is to be said about that. Raises TargetError."""
        with self._lock:
            self._interrupted = False
            return self._ready()

    @property
    def process(self) -> int:
        """The process that listens, as of the last time that we connected; 0 when we never did."""
        return self._peer

    def execute(self, line: str, timeout: float | None = None) -> Answer:
        """Answer a line in the lasting session, connected anew when VPP was restarted."""
        with self._lock:
            self._interrupted = False
            timeout = self._timeout if timeout is None else timeout
            notice = self._ready()
            pieces: list[bytes] = []
            try:
                pieces.extend(self._live().answer(line, timeout))
            except InterruptedError:
                self._drop()
                return Answer(decode(b"".join(pieces)) + INTERRUPTED.text, failed=True, aside=notice)
            except ConnectionLostError as error:
                self._drop()
                text = decode(b"".join(pieces))
                raise type(error)(f"{self.where}: {error}", text) from error
            except BaseException:  # whatever ends the wait, the rest of the answer must not become that of the next line
                self._drop()
                raise
            text = decode(b"".join(pieces))
            return Answer(text, refused(line, text), aside=notice)

    def once(self, line: str, timeout: float | None = None) -> Iterator[bytes]:
        """The answer of a session of one line, byte for byte what vppctl prints, as it comes."""
        with self._lock:
            self._connect(0.0)
            try:
                yield from self._live().answer(line, timeout, last=True)
            except ConnectionLostError as error:
                raise type(error)(f"{self.where}: {error}") from error
            finally:
                self._drop()

    def interrupt(self) -> None:
        """End the wait for a connection or an answer. VPP itself cannot be stopped; its answer is not listened to any more."""
        self._interrupted = True
        stream = self._stream
        if stream is not None:
            stream.wake()

    def close(self) -> None:
        """Leave."""
        with self._lock:
            self._drop()

    def _live(self) -> CliConnection:
        if self._connection is None:
            raise TargetError(f"{self.where}: not connected")
        return self._connection

    def _ready(self) -> str:
        """Be connected; what is to be said about that."""
        if self._connection is not None and self._connection.alive():
            return ""
        known = self._peer
        self._drop()
        self._connect(self._patience if known else 0.0)
        if not known or known == self._peer:
            return ""
        return f"{self.name}: VPP was restarted (process {known} is now {self._peer}); what was configured by hand is gone\n"

    def _connect(self, patience: float) -> None:
        end = time.monotonic() + patience
        while True:
            try:
                self._stream = UnixStream(self.where)
                break
            except OSError as error:
                # A socket that is not there, or that nobody listens to, may be that of a VPP that is starting.
                starting = isinstance(error, FileNotFoundError | ConnectionRefusedError)
                if not starting or self._interrupted or time.monotonic() >= end:
                    raise TargetError(f"{self.where}: {self._why(error)}") from error
                time.sleep(RETRY)
        try:
            self._connection = CliConnection(self._stream)
        except TargetError as error:
            self._drop()
            raise type(error)(f"{self.where}: {error}") from error
        except BaseException:
            self._drop()
            raise
        self._peer = self._stream.peer

    def _why(self, error: OSError) -> str:
        """What is wrong with the socket, in words that help."""
        if len(os.fsencode(self.where)) > LONGEST_PATH:
            return f"a socket's path has at most {LONGEST_PATH} bytes"
        if isinstance(error, ConnectionRefusedError):
            try:
                if not stat.S_ISSOCK(Path(self.where).stat().st_mode):
                    return "not a socket"
            except OSError:
                return "no such socket"
            return "nobody listens; VPP is not running"
        if isinstance(error, FileNotFoundError):
            return "no such socket; is VPP running?"
        if isinstance(error, PermissionError):
            return "permission denied; VPP's socket is for root and the group vpp"
        return error.strerror or str(error)

    def _drop(self) -> None:
        stream, self._connection, self._stream = self._stream, None, None
        if stream is not None:
            stream.close()
