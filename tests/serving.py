"""A dataplane behind a CLI socket, and stand-ins for a VPP that misbehaves."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from vppsh.serve.server import Server
from vppsh.startup import make_session
from vppsh.targets.telnet import server_greeting

ROOT = Path(__file__).resolve().parent.parent
PATIENCE = 20.0

needs_vppctl = pytest.mark.skipif(shutil.which("vppctl") is None, reason="VPP's own vppctl is not installed")
needs_socat = pytest.mark.skipif(shutil.which("socat") is None, reason="socat is not installed (see debian-packages.txt)")


@contextmanager
def serving(path: Path, stats: Path | None = None) -> Iterator[Server]:
    """A server in a thread of this process."""
    server = Server(make_session(), str(path), stats=None if stats is None else str(stats))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.stop()
        with suppress(OSError), socket.socket(socket.AF_UNIX) as waker:
            waker.connect(str(path))
        thread.join(PATIENCE)
        assert not thread.is_alive(), "the server does not end"


@contextmanager
def serving_process(path: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """`vppsh serve` as a process of its own."""
    process = subprocess.Popen(
        [sys.executable, "-m", "vppsh", "serve", "--cli-sock", str(path), *arguments],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert process.stderr is not None
    try:
        assert process.stderr.readline() == f"vppsh: serving at {path}\n"
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.communicate(timeout=PATIENCE)


@contextmanager
def standing_in(path: Path, serve: Callable[[socket.socket], None]) -> Iterator[list[str]]:
    """Somebody who listens at a path and treats each connection, one after the other, with `serve`; yields the faults met."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()
    faults: list[str] = []

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(PATIENCE)
                try:
                    serve(connection)
                except (OSError, AssertionError) as error:
                    faults.append(repr(error))

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield faults
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(PATIENCE)
        path.unlink(missing_ok=True)


def greet(connection: socket.socket) -> bytes:
    """Greet as VPP does and wait for the terminal's type; gives it, as it came."""
    connection.sendall(server_greeting())
    return receive_until(connection, b"\xff\xf0")


def receive_until(connection: socket.socket, end: bytes, timeout: float = PATIENCE) -> bytes:
    """What comes, up to and with some bytes, and no more."""
    received = b""
    limit = time.monotonic() + timeout
    while not received.endswith(end):
        connection.settimeout(max(limit - time.monotonic(), 0.01))
        seen = received + connection.recv(65536, socket.MSG_PEEK)
        assert len(seen) > len(received), f"the other end closed; until then: {received!r}"
        found = seen.find(end, max(len(received) - len(end), 0))
        upto = len(seen) if found < 0 else found + len(end)
        received += connection.recv(upto - len(received))
    return received
