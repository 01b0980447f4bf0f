"""Connected sockets as streams: VPP's CLI socket on this host, or its CLI over TCP (`cli-listen HOST:PORT`)."""

from __future__ import annotations

import os
import re
import select
import socket
import struct
import threading
from contextlib import suppress
from typing import NamedTuple

RECEIVE = 1 << 18
# How long another host may take to let us in.
CONNECT_TIMEOUT = 10.0
_ADDRESS = re.compile(r"(?:tcp:)?(?:\[(?P<ip6>[0-9A-Fa-f:.%a-z]+)\]|(?P<host>[A-Za-z0-9.-]*)):(?P<port>\d{1,5})")


class TcpAddress(NamedTuple):
    """Where somebody listens; without a host it is this one."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def tcp_address(text: str) -> TcpAddress | None:
    """`HOST:PORT`, `[IP6]:PORT` or `:PORT`, with or without VPP's `tcp:` before it; None for anything else, such as a path."""
    found = _ADDRESS.fullmatch(text)
    if found is None or int(found["port"]) > 0xFFFF:
        return None
    return TcpAddress(found["ip6"] or found["host"] or "localhost", int(found["port"]))


def connect(where: str) -> SocketStream:
    """A stream to who listens at a path or at HOST:PORT; raises OSError."""
    address = tcp_address(where)
    if address is not None:
        connection = socket.create_connection(address, CONNECT_TIMEOUT)
        connection.settimeout(None)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # A host that vanishes says nothing: without this an answer would be waited for until the end of time.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        return SocketStream(connection)
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.connect(where)
    except OSError:
        connection.close()
        raise
    return SocketStream(connection)


class SocketStream:
    """A connected socket as a `Stream`.

    peer  the process at the other end; 0 when it is not known
    """

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        # A signal handler may call `wake` while this thread closes, another thread while it is about to.
        self._closing = threading.RLock()
        self._closed = False
        self._wait, self._wake = os.pipe()
        os.set_blocking(self._wake, False)
        self._poll = select.poll()
        self._poll.register(connection, select.POLLIN)
        self._poll.register(self._wait, select.POLLIN)
        self.peer = 0
        if connection.family == socket.AF_UNIX:
            self.peer = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]

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
