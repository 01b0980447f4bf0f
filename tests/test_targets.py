"""The client of VPP's CLI socket: handshake, answers however they are cut, and VPPs that go away."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from serving import greet, receive_until, serving_process, standing_in

from vppsh.errors import TargetError, UsageError
from vppsh.targets import connection
from vppsh.targets.cli_socket import SocketTarget, find_socket
from vppsh.targets.connection import AnswerTimeoutError, CliConnection, ConnectionLostError
from vppsh.targets.fanout import ask_all
from vppsh.targets.telnet import ClientFilter, Option, server_greeting, terminal_type, window_size


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "s"


@pytest.fixture
def target(path: Path) -> Iterator[SocketTarget]:
    target = SocketTarget(str(path), patience=5.0)
    yield target
    target.close()


class Script:
    """A stream that gives prepared pieces, and remembers what was sent."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = list(pieces)
        self.sent = b""

    def send(self, data: bytes) -> None:
        self.sent += data

    def receive(self, timeout: float | None) -> bytes:
        if not self.pieces or (timeout == 0.0 and self.pieces[0] == b"later"):
            self.pieces = self.pieces[1:]
            raise TimeoutError
        return self.pieces.pop(0)

    def wake(self) -> None:
        raise NotImplementedError

    def close(self) -> None:
        self.pieces = []


# What vlib/unix/cli.c sends to a new connection, written out: the constants of telnet.h, not those of vppsh.
GREETING = bytes.fromhex("fffc22 fffe22 fffb03 fffd03 fffb01 fffe01 fffd18 fffa1801fff0 fffd1f fffa1f01fff0")


def test_the_greeting_is_that_of_vpp() -> None:
    assert server_greeting() == GREETING


def test_a_recorded_session_of_vppctl() -> None:
    """vpp/app/vppctl.c: terminal type at once, then the line; `quit` at the first NUL, and all that comes is printed."""
    stream = Script(GREETING, b"vpp v26.10-rc0\r\n", b"\0", b"\0")
    connection = CliConnection(stream)
    assert stream.sent == b"\xff\xfa\x18\0vppctl\xff\xf0"
    stream.sent = b""
    stream.pieces.append(b"")
    assert b"".join(connection.answer("show version", last=True)) == b"vpp v26.10-rc0\r\n"
    assert stream.sent == b"show version\nquit\n"


@given(st.data())
def test_the_handshake_may_be_cut_anywhere(data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.sets(st.integers(1, len(GREETING) - 1))))
    pieces = [GREETING[start:end] for start, end in zip([0, *cuts], [*cuts, len(GREETING)])]
    stream = Script(*pieces, b"one\r\n\0")
    connection = CliConnection(stream)
    assert b"".join(connection.answer("x")).replace(b"\0", b"") == b"one\r\n"


@given(
    st.lists(
        st.one_of(
            st.binary(max_size=5).map(lambda text: text.replace(b"\xff", b"")),
            st.sampled_from([terminal_type("xterm"), window_size(80, 24), b"\xff\xfb\x01", b"\xff\xfe\x22"]),
        )
    ),
    st.data(),
)
def test_telnet_is_taken_out_wherever_it_is_cut(parts: list[bytes], data: st.DataObject) -> None:
    """The scalar twin: the parts that are not telnet, joined."""
    whole = b"".join(parts)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(whole)), max_size=8)))
    taken = ClientFilter()
    text = b"".join(taken.feed(whole[start:end]) for start, end in zip([0, *cuts], [*cuts, len(whole)]))
    assert text == b"".join(part for part in parts if not part.startswith(b"\xff"))
    options = [Option(part[2]) for part in parts if part.startswith(b"\xff\xfa")]
    assert taken.requests == options


def test_a_nul_in_the_middle_does_not_end_an_answer() -> None:
    stream = Script(GREETING, b"a\0b\r\n", b"c\0", b"d\r\n", b"\0")
    connection = CliConnection(stream)
    assert b"".join(connection.answer("x")) == b"ab\r\ncd\r\n"


def test_a_line_with_a_nul_is_refused() -> None:
    connection = CliConnection(Script(GREETING))
    with pytest.raises(UsageError, match="NUL"):
        next(connection.answer("show\0version"))


def test_what_does_not_greet_is_not_vpp(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match="is this VPP's CLI socket"):
        CliConnection(Script(b"HTTP/1.1 400 Bad Request\r\n"), timeout=0.1)
    with pytest.raises(ConnectionLostError, match="closed before VPP greeted"):
        CliConnection(Script(b""), timeout=0.1)
    (tmp_path / "file").touch()
    with pytest.raises(TargetError, match=r"file: not a socket"):
        SocketTarget(str(tmp_path / "file")).connect()
    with pytest.raises(TargetError, match="no such socket"):
        SocketTarget(str(tmp_path / "missing")).connect()
    with pytest.raises(TargetError, match="at most 107 bytes"):
        SocketTarget("/" + "x" * 200).connect()


def test_a_socket_that_nobody_listens_to(tmp_path: Path) -> None:
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(tmp_path / "left"))
    left.close()
    with pytest.raises(TargetError, match="VPP is not running"):
        SocketTarget(str(tmp_path / "left")).connect()


def test_the_places_of_vppctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("vppsh.targets.cli_socket.PLACES", (str(tmp_path / "{uid}" / "cli.sock"), "./cli.sock"))
    with pytest.raises(TargetError, match=r"looked for .*cli.sock, ./cli.sock"):
        find_socket()
    (tmp_path / "cli.sock").touch()
    assert find_socket() == "./cli.sock"


def test_one_lasting_session(path: Path, target: SocketTarget) -> None:
    with serving_process(path) as process:
        assert target.execute("create loopback interface").text == "loop0\n"
        first = target.execute("show cli-sessions").text
        second = target.execute("show cli-sessions").text
        assert first == second
        assert first.count("unix-cli-local:1") == 1
        failed = target.execute("sh int loop7")
        assert failed.failed
        assert failed.text == "show interface: unknown input `loop7'\n"
        assert process.poll() is None


def test_a_restart_is_noticed(path: Path, target: SocketTarget) -> None:
    with serving_process(path):
        target.execute("create loopback interface")
    again: list[object] = []
    ready = threading.Event()

    def restart() -> None:
        time.sleep(0.5)
        with serving_process(path) as process:
            again.append(process.pid)
            ready.wait(20)

    thread = threading.Thread(target=restart)
    thread.start()
    try:
        answer = target.execute("show interface")
    finally:
        ready.set()
        thread.join()
    assert "loop0" not in answer.text
    assert answer.aside.startswith("vpp: VPP was restarted (process ")
    assert f"is now {again[0]})" in answer.aside


def test_a_vpp_that_stays_away(path: Path) -> None:
    target = SocketTarget(str(path), patience=0.3)
    with serving_process(path):
        target.execute("show version")
    start = time.monotonic()
    with pytest.raises(TargetError, match="no such socket; is VPP running"):
        target.execute("show version")
    assert time.monotonic() - start >= 0.3


def test_lost_in_the_middle_of_an_answer(path: Path, target: SocketTarget) -> None:
    """What had come is kept, and the next line gets a session of its own."""
    lines: list[bytes] = []

    def serve(connection: socket.socket) -> None:
        greet(connection)
        line = receive_until(connection, b"\n")
        lines.append(line)
        if line == b"die\n":
            connection.sendall(b"half an ans")
            return
        connection.sendall(b"whole\r\n\0")
        receive_until(connection, b"\n")

    with standing_in(path, serve):
        with pytest.raises(ConnectionLostError, match="closed in the middle of the answer") as caught:
            target.execute("die")
        assert caught.value.text == "half an ans"
        assert target.execute("live").text == "whole\n"
        target.close()
    assert lines == [b"die\n", b"live\n"]


def test_slow_answers(path: Path, target: SocketTarget) -> None:
    """Time-outs and interruptions end the session, so that the late answer is not taken for the next one's."""
    release = threading.Event()

    def serve(connection: socket.socket) -> None:
        greet(connection)
        while True:  # until the other end closes
            line = receive_until(connection, b"\n").decode()
            connection.sendall(f"{line.strip()}: begun\r\n".encode())
            if line.startswith("slow"):
                release.wait(20)
            connection.sendall(b"done\r\n\0")

    with standing_in(path, serve):
        with pytest.raises(AnswerTimeoutError, match=r"no answer within 0\.2 s") as caught:
            target.execute("slow 1", timeout=0.2)
        assert caught.value.text == "slow 1: begun\n"
        release.set()
        assert target.execute("quick").text == "quick: begun\ndone\n"
        release.clear()
        threading.Timer(0.3, target.interrupt).start()
        answer = target.execute("slow 2")
        assert answer.failed
        assert answer.text == "slow 2: begun\ninterrupted\n"
        release.set()
        assert target.execute("quick").text == "quick: begun\ndone\n"
        target.close()


def test_an_interruption_may_come_at_any_time(path: Path, target: SocketTarget) -> None:
    """Before the greeting, while nothing is asked, and when the connection is closed already."""
    release = threading.Event()

    def serve(connection: socket.socket) -> None:
        release.wait(20)
        greet(connection)
        receive_until(connection, b"\n")
        connection.sendall(b"done\r\n\0")
        connection.recv(10)

    with standing_in(path, serve):
        target.interrupt()
        threading.Timer(0.3, target.interrupt).start()
        with pytest.raises(TargetError, match="interrupted while waiting"):
            target.execute("show version")
        release.set()
        assert target.execute("show version").text == "done\n"
        target.close()
        target.interrupt()


def test_fifty_sessions_at_once(path: Path) -> None:
    with serving_process(path):
        targets = [SocketTarget(str(path), f"n{number}") for number in range(50)]
        outcomes = ask_all(targets, "echo well", 20.0)
        for target in targets:
            target.close()
    assert [(outcome.answer.text, outcome.error) for outcome in outcomes] == [("well\n", "")] * 50


@given(st.lists(st.sampled_from([b"\r\n", b"\n", b"\r", "ü".encode(), b"\xff", b"route", b"\xc3"]), max_size=60), st.integers(0, 9))
def test_long_answers_are_decoded_by_pieces(parts: list[bytes], size: int) -> None:
    answer, before = b"".join(parts), connection.PIECE
    connection.PIECE = size
    try:
        assert connection.decode(answer) == answer.replace(b"\r\n", b"\n").decode("utf-8", "surrogateescape")
    finally:
        connection.PIECE = before
