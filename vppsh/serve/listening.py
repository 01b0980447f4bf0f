"""Where clients come in: a Unix socket, as VPP's `/run/vpp/cli.sock`, or a TCP port, as VPP's `cli-listen localhost:5002`."""

from __future__ import annotations

import os
import socket
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from vppsh.errors import OutputFileError
from vppsh.targets.streams import TcpAddress, tcp_address

BACKLOG = 128
# Owner and group, as VPP's own socket.
MODE = 0o770
LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Listener:
    """A socket that listens.

    where  its path, or HOST:PORT with the port that it has
    inode  that of the path; 0 over TCP
    """

    waiting: socket.socket
    where: str
    inode: int = 0

    def accept(self) -> tuple[socket.socket, str]:
        """A client's connection, and where it comes from as VPP names it; raises BlockingIOError, ConnectionAbortedError."""
        connection, peer = self.waiting.accept()
        connection.setblocking(False)
        if self.inode:
            return connection, "local"
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection, f"{peer[0]}:{peer[1]}"

    def close(self) -> None:
        """Listen no more; a path that is still ours is taken away."""
        self.waiting.close()
        if self.inode:
            with suppress(OSError):
                if Path(self.where).stat().st_ino == self.inode:
                    Path(self.where).unlink()


def listen(where: str) -> Listener:
    """Listen at a path or at HOST:PORT, `localhost` being 127.0.0.1; raises OutputFileError when that is not possible."""
    address = tcp_address(where)
    try:
        return at_path(where) if address is None else _at_port(address)
    except OSError as error:
        raise OutputFileError(f"{where}: {error.strerror or error}") from error


def is_loopback(address: TcpAddress) -> bool:
    """Whether only this host can reach it."""
    return address.host in ("localhost", "::1") or address.host.startswith("127.")


def at_path(path: str, kind: socket.SocketKind = socket.SOCK_STREAM) -> Listener:
    """At a path; the socket that an ended process left there is taken away. Raises OutputFileError."""
    server = socket.socket(socket.AF_UNIX, kind | socket.SOCK_NONBLOCK)
    try:
        with suppress(FileNotFoundError):
            if not stat.S_ISSOCK(Path(path).lstat().st_mode):
                raise OutputFileError(f"{path}: exists and is not a socket")
            with socket.socket(socket.AF_UNIX, kind) as probe:
                try:
                    probe.connect(path)
                except ConnectionRefusedError:
                    Path(path).unlink()
                else:
                    raise OutputFileError(f"{path}: somebody listens there already")
        before = os.umask(0o777 & ~MODE)
        try:
            server.bind(path)
        finally:
            os.umask(before)
        server.listen(BACKLOG)
        return Listener(server, path, Path(path).stat().st_ino)
    except OSError as error:
        server.close()
        raise OutputFileError(f"{path}: {error.strerror or error}") from error
    except BaseException:
        server.close()
        raise


def _at_port(address: TcpAddress) -> Listener:
    host = LOOPBACK if address.host == "localhost" else address.host
    family, kind, protocol, _, place = socket.getaddrinfo(host, address.port, type=socket.SOCK_STREAM)[0]
    server = socket.socket(family, kind | socket.SOCK_NONBLOCK, protocol)
    try:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(place)
        server.listen(BACKLOG)
        host, port, *_ = server.getsockname()
        return Listener(server, str(TcpAddress(host, port)))
    except BaseException:
        server.close()
        raise
