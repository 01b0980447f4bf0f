"""`vppsh attach`: one line as vppctl prints it, lines from a file, exit statuses."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from serving import ROOT, greet, needs_vppctl, receive_until, serving, standing_in

from vppsh.attach import split_socket
from vppsh.serve.server import Server
from vppsh.targets.telnet import server_greeting

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("attach") / "cli.sock") as server:
        yield server


def printed(*arguments: str) -> bytes:
    command = [sys.executable, "-m", "vppsh", "attach", *arguments]
    return subprocess.run(command, capture_output=True, timeout=60, cwd=ROOT, check=True).stdout


def test_a_line_is_printed_byte_for_byte(tmp_path: Path) -> None:
    """What VPP sends, without telnet and NULs: lines end in CR LF, as vppctl prints them."""
    received: list[bytes] = []

    def serve(connection: socket.socket) -> None:
        received.append(greet(connection))
        received.append(receive_until(connection, b"\n"))
        for piece in (b"one\r\n", b"t\0wo\r\n\xff", b"\xfb\x01three \xc3\xa4\xfe", b"\r\n", b"\0"):
            connection.sendall(piece)
        received.append(receive_until(connection, b"\n"))

    with standing_in(tmp_path / "s", serve) as faults:
        assert printed(str(tmp_path / "s"), "show", "thing  x") == b"one\r\ntwo\r\nthree \xc3\xa4\xfe\r\n"
    assert not faults
    assert received == [b"\xff\xfa\x18\0vppctl\xff\xf0", b"show thing  x\n", b"quit\n"]


@needs_vppctl
@pytest.mark.parametrize(
    "line", ["show interface", "show vlib graph", "?", "frobnicate", "create loopback interface instance 7", "comment {x}"]
)
def test_the_same_as_vppctl(server: Server, line: str) -> None:
    done = subprocess.run([sys.executable, "-m", "vppsh", "attach", server.places[0], line], capture_output=True, cwd=ROOT, check=False)
    vppctl = subprocess.run(["vppctl", "-s", server.places[0], *line.split()], capture_output=True, check=True)
    if "create" not in line:
        assert done.stdout == vppctl.stdout
    assert done.returncode == (line == "frobnicate")


def test_exit_statuses(server: Server, vppsh: Run, tmp_path: Path) -> None:
    assert vppsh("attach", server.places[0], "show", "version").returncode == 0
    done = vppsh("attach", server.places[0], "show interface nope")
    assert (done.returncode, done.stdout, done.stderr) == (1, "show interface: unknown input `nope'\n", "")
    done = vppsh("attach", tmp_path / "missing", "show version")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.endswith("missing: no such socket; is VPP running?\n")


def test_a_line_that_takes_too_long(tmp_path: Path, vppsh: Run) -> None:
    def serve(connection: socket.socket) -> None:
        greet(connection)
        receive_until(connection, b"\n")
        connection.sendall(b"some of it\r\n")
        connection.recv(10)

    with standing_in(tmp_path / "s", serve):
        done = vppsh("attach", "--timeout", "0.3", tmp_path / "s", "show version")
    assert (done.returncode, done.stdout) == (3, "some of it\n")
    assert done.stderr.endswith("s: no answer within 0.3 s\n")


def test_lines_from_standard_input(server: Server, vppsh: Run) -> None:
    done = vppsh("attach", server.places[0], stdin="# title\ncreate loopback interface instance 3\necho {\n a }\nfrob\necho b\n")
    assert (done.returncode, done.stdout) == (1, "loop3\na \nunknown input `frob'\n")
    assert done.stderr == "vppsh: stdin:5: the line failed\n"
    done = vppsh("attach", "--keep-going", server.places[0], stdin="frob\necho b\n")
    assert (done.returncode, done.stdout) == (1, "unknown input `frob'\nb\n")


def test_socket_or_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert split_socket(["show", "version"]) == (None, "show version")
    assert split_socket(["/run/vpp/cli.sock"]) == ("/run/vpp/cli.sock", "")
    assert split_socket(["vpp.sock", "show", "int"]) == ("vpp.sock", "show int")
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("show")
        assert split_socket(["show", "version"]) == ("show", "version")


def test_nobody_greets(tmp_path: Path) -> None:
    """The greeting must be complete before anything is said."""

    def serve(connection: socket.socket) -> None:
        connection.sendall(server_greeting()[:10])

    with standing_in(tmp_path / "s", serve):
        done = subprocess.run(
            [sys.executable, "-m", "vppsh", "attach", str(tmp_path / "s"), "show version"], capture_output=True, cwd=ROOT, check=False
        )
    assert done.returncode == 3
    assert b"closed before VPP greeted" in done.stderr


def test_pipes_are_those_of_vppsh(server: Server, vppsh: Run) -> None:
    done = vppsh("attach", server.places[0], "show version | count")
    assert (done.returncode, done.stdout) == (0, "1\n")
    assert "%target" in vppsh("attach", server.places[0], "%help").stdout


def test_several_targets(server: Server, vppsh: Run, tmp_path: Path) -> None:
    def two(*arguments: str) -> subprocess.CompletedProcess[str]:
        return vppsh("attach", "--target", f"a={server.places[0]}", "--target", f"b={server.places[0]}", *arguments)

    assert two("@all echo one").stdout == "== a, b (2 of 2)\none\n"
    assert two("echo on a").stdout == "on a\n"
    assert two("@all", "echo one", "|", "diff").stdout == "== a, b answer the same\n"
    done = two("--output", "json", "@all frobnicate")
    assert done.returncode == 1
    found = json.loads(done.stdout)
    assert [(entry["target"], entry["failed"], entry["text"]) for entry in found] == [
        ("a", True, "unknown input `frobnicate'\n"),
        ("b", True, "unknown input `frobnicate'\n"),
    ]
    done = vppsh("attach", "--target", f"a={server.places[0]}", "--target", f"b={tmp_path}/none", "@all echo one")
    assert done.returncode == 3
    assert done.stdout == f"== a (1 of 2)\none\n== b (1 of 2)\n{tmp_path}/none: no such socket; is VPP running?\n"
    done = vppsh("attach", "--target", "nonsense", "show version")
    assert (done.returncode, done.stdout) == (2, "")


def test_json_of_one(server: Server, vppsh: Run) -> None:
    done = vppsh("attach", "--output", "json", server.places[0], "echo one")
    assert done.returncode == 0
    [found] = json.loads(done.stdout)
    assert (found["target"], found["failed"], found["text"]) == ("vpp", False, "one\n")
    assert vppsh("attach", "--output", "json", server.places[0]).returncode == 2


def test_read_only(server: Server, vppsh: Run) -> None:
    done = vppsh("attach", "--read-only", server.places[0], "create loopback interface instance 99")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "vppsh: read-only: `create loopback interface' may change something\n"
    assert "loop99" not in vppsh("attach", "--read-only", server.places[0], "show interface").stdout


def test_secrets_are_masked(server: Server, vppsh: Run) -> None:
    key = "00112233445566778899aabbccddeeff"
    sa = f"ipsec sa add 77 spi 77 esp crypto-alg aes-gcm-128 crypto-key {key}"
    assert vppsh("attach", server.places[0], sa).returncode == 0
    index = re.search(r"\[(\d+)\] sa 77 ", vppsh("attach", server.places[0], "show ipsec sa").stdout)
    assert index is not None
    line = f"show ipsec sa {index[1]}"
    assert re.search(r"crypto alg aes-gcm-128 key <masked:[0-9a-f]{8}>\n", vppsh("attach", server.places[0], line).stdout)
    assert key in vppsh("attach", "--insecure", server.places[0], line).stdout
    done = vppsh("attach", server.places[0], stdin=f"{sa}\n")
    assert done.returncode == 1
    assert key not in done.stdout + done.stderr
