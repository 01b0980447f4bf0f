"""The embedded engine behind a CLI socket: vppctl's way, a person's way, many at once."""

from __future__ import annotations

import os
import re
import select
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pexpect
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from serving import ROOT, needs_socat, needs_vppctl, receive_until, serving, serving_process

from vppsh.errors import OutputFileError
from vppsh.serve.listening import listen
from vppsh.serve.server import Server
from vppsh.targets.cli_socket import SocketTarget
from vppsh.targets.telnet import server_greeting, terminal_type, window_size

VERSION = re.compile(rb"vpp v26\.10\S* built by vppsh [^\r\n]*\r\n")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("serve") / "cli.sock") as server:
        yield server


@pytest.fixture
def path(server: Server) -> str:
    return server.places[0]


@contextmanager
def connected(path: str) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(20)
        connection.connect(path)
        assert receive_until(connection, server_greeting()) == server_greeting()
        yield connection


@contextmanager
def person(path: str, term: str = "dumb", width: int = 80, height: int = 24) -> Iterator[Person]:
    with connected(path) as connection:
        connection.sendall(window_size(width, height) + terminal_type(term))
        yield Person(connection, receive_until(connection, b"vpp# "))


class Person:
    """Somebody at a terminal."""

    def __init__(self, connection: socket.socket, welcome: bytes) -> None:
        self.connection = connection
        self.welcome = welcome

    def type(self, keys: bytes, until: bytes = b"vpp# ") -> bytes:
        self.connection.sendall(keys)
        return receive_until(self.connection, until)

    def page(self, keys: bytes) -> bytes:
        """Type while an answer is paged; all that is drawn. VPP draws the pager's prompt several times at first."""
        shown = self.type(keys, b")")
        while select.select([self.connection], [], [], 0.2)[0]:
            shown += self.connection.recv(65536)
        return shown


def drawn(data: bytes) -> list[str]:
    """What a terminal without escape codes shows: its lines."""
    lines, row, column = [""], 0, 0
    for char in data.decode():
        if char == "\n":
            lines.append("")
            row += 1
        elif char == "\r":
            column = 0
        elif char == "\b":
            column = max(column - 1, 0)
        elif char >= " ":
            lines[row] = lines[row][:column].ljust(column) + char + lines[row][column + 1 :]
            column += 1
    return [line.rstrip() for line in lines]


def test_the_session_of_vppctl(path: str) -> None:
    """Byte by byte as vpp/app/vppctl.c goes through it."""
    with connected(path) as connection:
        connection.sendall(b"\xff\xfa\x18\0vppctl\xff\xf0")
        connection.sendall(b"show version\n\0")
        answer = receive_until(connection, b"\0")
        assert VERSION.fullmatch(answer[:-1])
        connection.sendall(b"quit\n")
        assert connection.recv(100) == b""


def test_handshake_and_line_may_come_at_once(path: str) -> None:
    with connected(path) as connection:
        connection.sendall(terminal_type("vppctl") + b"show version\n\0")
        assert VERSION.fullmatch(receive_until(connection, b"\0")[:-1])


def test_a_terminal_gets_banner_and_prompt(path: str) -> None:
    with person(path) as plain:
        assert plain.welcome.startswith(b"\r    _______    _        _   _____  ___ \r\n __/ __/ _ \\  (_)__ ")
        assert b"\x1b" not in plain.welcome
        assert drawn(plain.type(b"show version\r"))[0] == "show version"
    with person(path, "xterm-256color") as coloured:
        assert coloured.welcome.startswith(b"\r\x1b[1m\x1b[31m    _______")


def test_who_says_nothing_is_greeted_after_a_while(path: str) -> None:
    with connected(path) as connection:
        start = time.monotonic()
        assert receive_until(connection, b"vpp# ").startswith(b"\r ")
        assert time.monotonic() - start >= 0.9


def test_the_shell_of_vppsh_stays_at_home(path: str, tmp_path: Path) -> None:
    """Lines of a socket are VPP's: no `%` commands, nothing goes to files."""
    with person(path) as user:
        assert "unknown input" in drawn(user.type(b"%help\r"))[1]
        user.type(f"show version > {tmp_path}/file\r".encode())
        assert not (tmp_path / "file").exists()


def test_sessions_have_terminals_of_their_own(path: str) -> None:
    with person(path, "xterm", 100, 30) as first, person(path) as second:
        settings = drawn(first.type(b"show terminal\r"))
        assert "Terminal width:  100" in settings
        assert "ANSI capable:    yes" in settings
        first.type(b"set terminal pager off\r")
        assert "Pager enabled:   no" in drawn(first.type(b"show terminal\r"))
        assert "Pager enabled:   yes" in drawn(second.type(b"show terminal\r"))
        sessions = [line.split() for line in re.sub(r"\x1b\[0m", "", second.type(b"show cli-sessions\r").decode()).splitlines()[2:4]]
        assert [row[-1] for row in sessions] == ["ISlpA", "ISlpa"]


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        (b"echo ab\x7fc", "echo ac"),
        (b"echo abc\x1b[D\x1b[D\x7fX", "echo Xbc"),
        (b"abc\x01echo \x05d", "echo abcd"),
        (b"echo one two\x17three", "echo one three"),
        (b"wrong\x15echo right", "echo right"),
        (b"echo one two\x1bb\x0bthree", "echo one three"),
        (b"echo one\x1b[1;5D\x1b[3~\x04", "echo e"),
        (b"ho a\x01\x06\x10\x0e\x15echo b", "echo b"),
        (b"echo a b\x1bb\x1bb\x1bb\x1bf\x1bfX", "echo a Xb"),
        (b"echo \xc3\xa4\x00b", "echo b"),
    ],
)
def test_keys_edit_the_line(path: str, keys: bytes, line: str) -> None:
    with person(path) as user:
        shown = drawn(user.type(keys + b"\r"))
        assert shown[0] == line
        assert shown[1] == line.partition(" ")[2]


def test_history_and_its_search(path: str) -> None:
    with person(path) as user:
        for line in (b"echo one", b"echo two", b"echo two", b"show version"):
            user.type(line + b"\r")
        assert drawn(user.type(b"history\r"))[1:4] == ["1  echo one", "2  echo two", "3  show version"]
        assert drawn(user.type(b"\x1b[A\x1b[A\x1b[A\r"))[:2] == ["echo two", "two"]
        assert drawn(user.type(b"\x12one\r"))[:2] == ["echo one", "one"]
        assert "No match..." in drawn(user.type(b"\x12z"))


def test_tab_completes(path: str) -> None:
    with person(path) as user:
        assert drawn(user.type(b"sho\tver\t\r"))[0] == "show version"
        assert user.type(b"frob\t", b"\a") == b"frob\a"
        user.type(b"\x15\r")
        listed = drawn(user.type(b"set terminal \t", b"vpp# set terminal "))
        assert listed[1].split() == ["ansi", "history", "pager"]
        user.type(b"\x15\r")
        assert drawn(user.type(b"show ver verbose\x1bb\x1b[D\t\r"))[0] == "show version verbose"


def test_question_marks_list_what_may_follow(path: str) -> None:
    with person(path) as user:
        listed = drawn(user.type(b"set terminal ?\r"))
        assert listed[1].split()[:3] == ["set", "terminal", "ansi"]


def test_long_answers_are_paged(path: str) -> None:
    with person(path, width=300, height=10) as user:
        page = drawn(user.page(b"?\r"))
        assert re.fullmatch(r"-- more -- \(1-9/\d+\)", page[-1])
        assert len(page) == 1 + 9 + 1
        assert re.search(rb"-- more -- \(2-10/\d+\)\Z", user.page(b"\r"))
        assert re.search(rb"-- more -- \(11-19/\d+\)\Z", user.page(b" "))
        assert re.search(rb"-- more -- \(10-18/\d+\)\Z", user.page(b"\x1b[A"))
        assert re.search(rb"-- more -- \(1-9/\d+\)\Z", user.page(b"\x1b[5~"))
        last = user.page(b"\x1b[F")
        first, end, count = map(int, re.findall(rb"\d+", last[last.rindex(b"(") :]))
        assert (end, end - first) == (count, 8)
        assert user.type(b" ").endswith(b"vpp# ")
        assert drawn(user.type(b"echo on\r"))[:2] == ["echo on", "on"]
        user.page(b"?\r")
        user.connection.sendall(window_size(300, 20))
        assert re.search(rb"-- more -- \(1-19/\d+\)\Z", user.page(b""))
        assert user.type(b"q").endswith(b"vpp# ")


def test_the_rows_of_the_pager_are_those_of_the_answer(path: str) -> None:
    with person(path, height=0) as everything:
        everything.type(b"set terminal pager off\r")
        whole = drawn(everything.type(b"?\r"))[1:-1]
    with person(path, width=512, height=50) as user:
        text = user.type(b"?\r", b")")
        while not text.endswith(b"vpp# "):
            user.connection.sendall(b" ")
            text += user.connection.recv(100_000)
        rows = [row for row in drawn(text)[1:-1] if "-- more --" not in row]
        assert rows == whole


@settings(max_examples=30)
@given(keys=st.binary(max_size=60).map(lambda keys: keys.replace(b"\x04", b"")))
def test_no_keys_do_harm(server: Server, keys: bytes) -> None:
    """Whatever is typed, the next session works."""
    with connected(server.places[0]) as connection:
        connection.sendall(terminal_type("xterm") + keys.replace(b"quit", b""))
    with connected(server.places[0]) as connection:
        connection.sendall(terminal_type("vppctl") + b"echo well\n")
        assert receive_until(connection, b"\0") == b"well\r\n\0"


def test_ctrl_d_and_quit_end_the_session(path: str) -> None:
    for keys, answer in ((b"\x04", b"quit\r\n"), (b"quit\r", b"quit\r\n")):
        with person(path) as user:
            user.connection.sendall(keys)
            assert receive_until(user.connection, answer) == answer
            assert user.connection.recv(10) == b""


def test_twenty_clients_at_once(path: str) -> None:
    """Each has a session of its own; answers are not mixed up."""
    faults: list[str] = []

    def work(number: int) -> None:
        with closing(SocketTarget(path)) as target:
            for count in range(10):
                text = target.execute(f"echo client {number} line {count}").text
                if text != f"client {number} line {count}\n":
                    faults.append(text)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not faults


def test_an_answer_of_ten_megabytes(path: str, tmp_path: Path) -> None:
    """To a client that reads, past one that asks and does not."""
    with connected(path) as sluggish, closing(SocketTarget(path)) as target:
        sluggish.sendall(terminal_type("dumb") + b"set terminal pager off\n" + b"?\n" * 2000)
        listing = target.execute("?").text
        times = 10_000_000 // len(listing) + 1
        assert target.execute("?\n" * times).text == listing * times


def test_the_socket_is_taken_over_and_given_back(tmp_path: Path) -> None:
    path = tmp_path / "cli.sock"
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(path))
    left.close()
    with serving_process(path) as process:
        with pytest.raises(OutputFileError, match="somebody listens there already"):
            listen(str(path))
        assert path.stat().st_mode & 0o777 == 0o770
    assert process.returncode == 0
    assert not path.exists()
    path.write_text("mine")
    with pytest.raises(OutputFileError, match="not a socket"):
        listen(str(path))


def test_packets_flow_between_lines(tmp_path: Path) -> None:
    config = tmp_path / "config.vpp"
    config.write_text("create packet-generator interface pg0\nset interface state pg0 up\nset interface ip address pg0 10.0.0.1/24\n")
    with serving_process(tmp_path / "s", "--config", str(config)), closing(SocketTarget(str(tmp_path / "s"))) as target:
        packet = "UDP: 10.0.0.2 -> 10.0.0.3 UDP: 1 -> 2 incrementing 8"
        stream = f"packet-generator new {{ name x limit -1 rate 1e4 size 64-64 interface pg0 node ip4-input data {{ {packet} }} }}"
        assert not target.execute(stream).failed
        target.execute("packet-generator enable-stream x")
        counts = []
        for _ in range(2):
            time.sleep(0.3)
            counts.append(int(re.search(r"x +Yes +(\d+)", target.execute("show packet-generator").text)[1]))
    assert counts[1] > counts[0] > 0


@needs_socat
def test_socat(path: str) -> None:
    done = subprocess.run(
        ["socat", "-t", "2", "-", f"UNIX-CONNECT:{path}"], input=b"echo over socat\nquit\n", capture_output=True, timeout=30, check=True
    )
    assert b"echo over socat\r\nover socat\r\nvpp# quit\r\n" in done.stdout


@needs_vppctl
def test_the_real_vppctl(path: str) -> None:
    done = subprocess.run(["vppctl", "-s", path, "echo", "one"], capture_output=True, timeout=30, check=True)
    assert done.stdout == b"one\r\n"
    terminal = pexpect.spawn("vppctl", ["-s", path], timeout=20, dimensions=(24, 80), env={**os.environ, "TERM": "xterm"})
    terminal.expect_exact("vpp# ")
    terminal.send("sho\tver\t\r")
    terminal.expect("show version.*vpp v26.*vpp# ")
    terminal.send("quit\r")
    terminal.expect(pexpect.EOF)


def test_bad_arguments(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "vppsh", "serve", "--cli-sock", str(tmp_path / "no" / "such")],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.endswith("no/such: No such file or directory\n")


def test_others_are_served_while_a_line_lets_time_pass(path: str) -> None:
    with connected(path) as patient, closing(SocketTarget(path)) as target:
        patient.sendall(terminal_type("vppctl") + b"wait 2\n")
        time.sleep(0.2)
        start = time.monotonic()
        assert target.execute("echo meanwhile").text == "meanwhile\n"
        assert target.execute("echo and again").text == "and again\n"
        assert time.monotonic() - start < 1.5
        assert receive_until(patient, b"\0") == b"waited 2.000 sec.\r\n\0"
        assert time.monotonic() - start >= 1.5


def test_ctrl_c_ends_a_line(path: str) -> None:
    with person(path) as user:
        user.connection.sendall(b"wait 30\r")
        time.sleep(0.3)
        start = time.monotonic()
        assert user.type(b"\x03").endswith(b"vpp# ")
        assert time.monotonic() - start < 10
        assert drawn(user.type(b"echo on\r"))[:2] == ["echo on", "on"]


def test_who_hangs_up_in_the_middle_of_a_line(path: str) -> None:
    with connected(path) as patient:
        patient.sendall(terminal_type("vppctl") + b"wait 1\n")
        time.sleep(0.2)
    with closing(SocketTarget(path)) as target:
        assert target.execute("echo meanwhile").text == "meanwhile\n"
        time.sleep(1.2)
        assert target.execute("show cli-sessions").text.count("unix-cli-local") == 1
