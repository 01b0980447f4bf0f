"""A VPP behind its CLI socket: found where vppctl looks, kept connected, connected anew after a restart.

The socket is one on this host, or a TCP port at which VPP's CLI listens.
"""

from __future__ import annotations

import os
import stat
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from vppsh.errors import TargetError
from vppsh.targets.base import INTERRUPTED, Answer
from vppsh.targets.connection import CliConnection, ConnectionLostError, decode
from vppsh.targets.streams import SocketStream, connect, tcp_address
from vppsh.targets.verdict import refused

# Where vppctl looks, in its order.
PLACES = ("/run/vpp/cli.sock", "/var/run/vpp/cli.sock", "/var/run/user/{uid}/vpp/cli.sock", "./cli.sock")
# How long to wait for a VPP that was there and has gone: it restarts.
PATIENCE = 10.0
RETRY = 0.1
LONGEST_PATH = 107


def find_socket() -> str:
    """The first of the places where vppctl looks that exists; raises TargetError when none does."""
    places = [place.format(uid=os.getuid()) for place in PLACES]
    for place in places:
        if Path(place).exists():
            return place
    raise TargetError(f"no CLI socket of VPP: looked for {', '.join(places)}")


class SocketTarget:
    """A VPP, or `vppsh serve`, behind a Unix socket or a TCP port."""

    cluster = False

    def __init__(self, path: str | None = None, name: str = "vpp", *, patience: float = PATIENCE, timeout: float | None = None) -> None:
        """Remember where it is; the first line connects. Raises TargetError when no path is given and none is found.

        path      a path, or HOST:PORT
        patience  seconds to wait for a VPP that was there and is gone
        timeout   seconds that an answer may take when `execute` is not told
        """
        self._timeout = timeout
        self.name = name
        self.where = find_socket() if path is None else path
        self._patience = patience
        self._lock = threading.Lock()
        self._stream: SocketStream | None = None
        self._connection: CliConnection | None = None
        self._peer: int | None = None
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
        """The process that listens, as of the last time that we connected; 0 when we never did, and over TCP."""
        return self._peer or 0

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
        self._connect(0.0 if known is None else self._patience)
        if known is None or (known and known == self._peer):
            return ""
        if not self._peer:
            return f"{self.name}: connected anew to {self.where}; if VPP was restarted, what was configured by hand is gone\n"
        return f"{self.name}: VPP was restarted (process {known} is now {self._peer}); what was configured by hand is gone\n"

    def _connect(self, patience: float) -> None:
        end = time.monotonic() + patience
        while True:
            try:
                self._stream = connect(self.where)
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
        if tcp_address(self.where) is not None:
            hint = "; does VPP run there, with `cli-listen' in its configuration?" if isinstance(error, ConnectionRefusedError) else ""
            return f"{error.strerror or error}{hint}"
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
