"""VPP's CLI over TCP: `vppsh serve --listen`, `vppsh attach HOST:PORT`."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest
from serving import PATIENCE, ROOT, needs_socat

from vppsh.attach import split_socket
from vppsh.errors import OutputFileError, TargetError
from vppsh.serve.listening import is_loopback, listen
from vppsh.serve.server import Server
from vppsh.startup import make_session
from vppsh.targets.cli_socket import SocketTarget
from vppsh.targets.streams import TcpAddress, connect, tcp_address


@contextmanager
def serving(*places: str) -> Iterator[Server]:
    server = Server(make_session(), *places)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.stop()
        with suppress(OSError):
            connect(server.places[0]).close()  # wakes it up
        thread.join(PATIENCE)
        assert not thread.is_alive()


@pytest.fixture(scope="module")
def port() -> Iterator[str]:
    with serving("localhost:0") as server:
        yield server.places[0]


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("localhost:5002", TcpAddress("localhost", 5002)),
        (":5002", TcpAddress("localhost", 5002)),
        ("tcp:10.0.0.1:5002", TcpAddress("10.0.0.1", 5002)),
        ("[::1]:5002", TcpAddress("::1", 5002)),
        ("vpp-1.lab.example:1", TcpAddress("vpp-1.lab.example", 1)),
        ("localhost:65536", None),
        ("localhost", None),
        ("localhost:", None),
        ("./a:5002", None),
        ("show", None),
        ("::1:5002", None),
    ],
)
def test_addresses(text: str, address: TcpAddress | None) -> None:
    assert tcp_address(text) == address
    assert address is None or tcp_address(str(address)) == address
    assert split_socket([text, "show", "version"])[0] == (text if address or text[0] == "." else None)


@pytest.mark.parametrize(("text", "loopback"), [("localhost:1", True), ("127.1.2.3:1", True), ("[::1]:1", True), ("0.0.0.0:1", False)])
def test_who_can_reach_it(text: str, loopback: bool) -> None:
    address = tcp_address(text)
    assert address is not None
    assert is_loopback(address) == loopback


def test_the_same_at_both_places(tmp_path: Path, vppsh: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    path = str(tmp_path / "cli.sock")
    with serving("localhost:0", path) as server:
        assert server.places[1] == path
        assert re.fullmatch(r"127\.0\.0\.1:\d+", server.places[0])
        there, here = (vppsh("attach", place, "show", "interface") for place in server.places)
        assert (there.returncode, there.stdout) == (0, here.stdout)
        assert vppsh("attach", server.places[0], "frobnicate").returncode == 1
    assert not Path(path).exists()


def test_sessions_are_named_for_where_they_come_from(port: str) -> None:
    with closing(SocketTarget(port)) as target:
        assert re.search(r"unix-cli-127\.0\.0\.1:\d+\b", target.execute("show cli-sessions").text)


def test_a_restart_is_noticed() -> None:
    with serving("localhost:0") as first:
        target = SocketTarget(first.places[0], "lab", patience=5.0)
        assert target.execute("show version").aside == ""
    with serving(first.places[0]), closing(target):
        answer = target.execute("show version")
        assert not answer.failed
        assert answer.aside.startswith(f"lab: connected anew to {first.places[0]}; if VPP was restarted, ")
        assert target.execute("show version").aside == ""


def test_nobody_there(vppsh: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    with serving("localhost:0") as server:
        place = server.places[0]
        with pytest.raises(OutputFileError, match="Address already in use"):
            listen(place)
    done = vppsh("attach", place, "show", "version")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == f"vppsh: {place}: Connection refused; does VPP run there, with `cli-listen' in its configuration?\n"
    with pytest.raises(TargetError, match=r"^no-such-host\.invalid:5002: "):
        SocketTarget("no-such-host.invalid:5002", patience=0.0).connect()


@needs_socat
def test_socat_over_tcp(port: str) -> None:
    command = ["socat", "-t", "2", "-", f"TCP:{port}"]
    done = subprocess.run(command, input=b"echo over tcp\nquit\n", capture_output=True, timeout=30, check=True)
    assert b"echo over tcp\r\nover tcp\r\nvpp# quit\r\n" in done.stdout


@pytest.mark.parametrize(("option", "told"), [("0", ""), ("0.0.0.0:0", "whoever reaches this port may type any line")])
def test_a_process_that_listens(option: str, told: str) -> None:
    process = subprocess.Popen([sys.executable, "-m", "vppsh", "serve", "--listen", option], stderr=subprocess.PIPE, text=True, cwd=ROOT)
    try:
        assert process.stderr is not None
        if told:
            assert told in process.stderr.readline()
        place = process.stderr.readline().removeprefix("vppsh: serving at ").strip()
        assert place.startswith("0.0.0.0:" if told else "127.0.0.1:")
        with closing(SocketTarget(place)) as target:
            assert target.execute("show version").text.startswith("vpp v26.10")
    finally:
        process.terminate()
        process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
