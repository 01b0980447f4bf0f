"""Sessions recorded from VPP's own CLI (vlib/unix/cli.c of 26.10, with `show version`, `show big N` and vlib's commands), byte by byte.

data/cli_socket.json holds what was typed, key by key, and what VPP drew; and what VPP's vppctl and VPP said to each other.
The server must draw the same, and the client must print what vppctl printed.
"""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from serving import PATIENCE, ROOT, receive_until, standing_in

from vppsh.commands.context import CommandContext
from vppsh.grammar.arguments import Args, optional, unsigned
from vppsh.grammar.tree import CommandTree
from vppsh.registry import CommandSpec, command
from vppsh.serve.server import Server
from vppsh.session import Session
from vppsh.startup import make_session
from vppsh.targets.telnet import server_greeting, terminal_type, window_size

RECORDED = json.loads((ROOT / "tests" / "data" / "cli_socket.json").read_text())
OF_THE_SESSION = ("set terminal", "show terminal", "show cli-sessions", "history", "echo", "quit", "q", "exit", "define", "undefine")


@command("show big", optional(unsigned("count", 100)))
def show_big(ctx: CommandContext, args: Args) -> str:
    return "".join(f"line {number:06} of a long answer that goes on a bit\n" for number in range(args.count))


@command("show version")
def show_version(ctx: CommandContext, args: Args) -> str:
    return "vpp v26.10-rc0 real vlib"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """An engine with the commands that the recorded VPP had; those that were never executed answer nothing."""
    engine = make_session().engine
    commands = [spec for spec in engine.catalog.commands if spec.path.startswith(OF_THE_SESSION)]
    commands += [show_big, show_version]
    known = {spec.path for spec in commands}
    commands += [CommandSpec(path, lambda ctx, args: None, help=path) for path in RECORDED["commands"] if path not in known]
    server = Server(Session(engine, tree=CommandTree(commands, vpp_commands="")), str(tmp_path_factory.mktemp("recorded") / "s"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    yield server
    server.stop()
    with socket.socket(socket.AF_UNIX) as waker:
        waker.connect(server.places[0])
    thread.join(PATIENCE)


def exactly(connection: socket.socket, wanted: bytes) -> bytes:
    """As many bytes as are wanted, or those that differ."""
    received = b""
    while len(received) < len(wanted) and wanted.startswith(received):
        data = connection.recv(len(wanted) - len(received))
        if not data:
            break
        received += data
    return received


@pytest.mark.parametrize("recorded", RECORDED["interactive"], ids=[str(number) for number in range(len(RECORDED["interactive"]))])
def test_what_is_drawn(server: Server, recorded: dict[str, Any]) -> None:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(PATIENCE)
        connection.connect(server.places[0])
        assert exactly(connection, server_greeting()) == server_greeting()
        connection.sendall(window_size(recorded["width"], recorded["height"]) + terminal_type(recorded["terminal"]))
        assert exactly(connection, recorded["welcome"].encode("latin-1")) == recorded["welcome"].encode("latin-1")
        for typed, drawn in zip(recorded["typed"], recorded["drawn"], strict=False):
            connection.sendall(typed.encode("latin-1"))
            wanted = drawn.removesuffix("<eof>").encode("latin-1")
            assert exactly(connection, wanted) == wanted, typed
        connection.settimeout(0.05)
        try:
            assert connection.recv(100) == b""
        except TimeoutError:
            return


def named(text: str) -> str:
    """The name and process of a session depend on how many there were."""
    return re.sub(r"unix-cli-(local:|process-)\d+", r"unix-cli-\1N", text)


@pytest.mark.parametrize("recorded", RECORDED["vppctl"], ids=lambda recorded: " ".join(recorded["arguments"]))
def test_vppctl_at_our_server(server: Server, recorded: dict[str, Any]) -> None:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(PATIENCE)
        connection.connect(server.places[0])
        said = {"client": "", "server": ""}
        for who, text in recorded["conversation"]:
            if who == "client":
                connection.sendall(text.encode("latin-1"))
            elif text is not None and said["client"][-5:] != "quit\n":
                if "unix-cli" in text:
                    got = receive_until(connection, b"\0")
                    assert named(got.decode()) == named(text)
                else:
                    assert exactly(connection, text.encode("latin-1")) == text.encode("latin-1")
            said[who] += text or ""
        assert connection.recv(10) == b""


@pytest.mark.parametrize("recorded", RECORDED["vppctl"], ids=lambda recorded: " ".join(recorded["arguments"]))
def test_our_client_at_vpp(tmp_path: Path, recorded: dict[str, Any]) -> None:
    heard: list[bytes] = []

    def serve(connection: socket.socket) -> None:
        for who, text in recorded["conversation"]:
            if who == "server" and text is not None:
                connection.sendall(text.encode("latin-1"))
            elif who == "client":
                # vppctl sends the NUL that ends its string in C as well.
                heard.append(exactly(connection, text.rstrip("\0").encode("latin-1")))

    with standing_in(tmp_path / "s", serve) as faults:
        command = [sys.executable, "-m", "vppsh", "attach", str(tmp_path / "s"), *recorded["arguments"]]
        done = subprocess.run(command, capture_output=True, cwd=ROOT, timeout=PATIENCE, check=False)
    assert not faults
    assert done.stdout == recorded["printed"].encode("latin-1")
    assert done.returncode == (recorded["arguments"] == ["nonsense"])
    assert heard == [text.rstrip("\0").encode("latin-1") for who, text in recorded["conversation"] if who == "client"]
