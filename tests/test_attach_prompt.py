"""The prompt on a running VPP: what it says, completes, masks and survives."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest
from serving import greet, receive_until, serving_process, standing_in
from terminals import Tmux, bare_terminal, needs_tmux

from vppsh.errors import TargetError
from vppsh.targets.base import Answer
from vppsh.targets.vocabulary import Vocabulary

LISTING = """\
  clear trace                              clear trace
  set interface state                      set interface state <interface> [up|down|punt|enable]
  set terminal history                     set terminal history [on|off] [limit <lines>]
  show a command whose path is longer than its column show a command [with|without] <node>
  show version                             show version [verbose] [cmdline]
  trace add                                trace add <input-graph-node> <add'l-pkts-for-node-> [verbose]
    goes on in another line
  | more
"""


class Recorded:
    """A target that knows some answers."""

    name, where, cluster = "recorded", "memory", False

    def __init__(self, answers: dict[str, str]) -> None:
        self.answers = answers
        self.heard: list[str] = []

    def execute(self, line: str, timeout: float | None = None) -> Answer:
        self.heard.append(line)
        if line not in self.answers:
            raise TargetError("gone")
        return Answer(self.answers[line])

    def interrupt(self) -> None:
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError


ANSWERS = {
    "show version": "vpp v1 built by me\n",
    "?": LISTING,
    "show interface": "              Name               Idx    State\nlocal0        0     down          0/0/0/0\neth0   1      up 9000\n",
    "show runtime verbose": "Time 1\n          Name           State\nip4-input      active    1 2\nunix-cli-process-0  any wait 3\n",
}


def completions(vocabulary: Vocabulary, text: str) -> list[str]:
    from vppsh.grammar.assist import complete

    return [found.text for found in complete(vocabulary.tree, text, len(text), vocabulary)]


def eventually(vocabulary: Vocabulary, text: str, wanted: str) -> list[str]:
    """Completions, when the names that are asked for in the background are there."""
    for _ in range(100):
        found = completions(vocabulary, text)
        if wanted in found:
            return found
        time.sleep(0.02)
    raise AssertionError(found)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path


def test_commands_come_from_the_target(cache: Path) -> None:
    target = Recorded(ANSWERS)
    vocabulary = Vocabulary(target)
    assert completions(vocabulary, "s") == ["set", "show"]
    assert completions(vocabulary, "set ") == ["interface", "terminal"]
    assert completions(vocabulary, "show a command whose path is longer than its ") == ["column"]
    assert eventually(vocabulary, "set interface state ", "eth0") == ["up", "down", "punt", "enable", "local0", "eth0"]
    assert completions(vocabulary, "set interface state eth0 u") == ["up"]
    assert eventually(vocabulary, "trace add ", "ip4-input") == ["verbose", "ip4-input", "unix-cli-process-0"]
    assert not completions(vocabulary, "goes ")


def test_commands_are_kept_by_version(cache: Path) -> None:
    Vocabulary(Recorded(ANSWERS))
    again = Recorded({**ANSWERS, "?": ""})
    assert completions(Vocabulary(again), "s") == ["set", "show"]
    assert "?" not in again.heard
    newer = Recorded({**ANSWERS, "show version": "vpp v2\n", "?": "  only this                                only this\n"})
    assert completions(Vocabulary(newer), "") == ["only"]


def test_a_target_that_goes_away_while_names_are_fetched(cache: Path) -> None:
    target = Recorded({**ANSWERS})
    vocabulary = Vocabulary(target)
    del target.answers["show interface"]
    assert completions(vocabulary, "set interface state ") == ["up", "down", "punt", "enable"]


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    config = tmp_path / "config.vpp"
    config.write_text(
        "create loopback interface\nipsec sa add 1 spi 1 esp crypto-alg aes-gcm-128 crypto-key 00112233445566778899aabbccddeeff\n"
    )
    with serving_process(tmp_path / "cli.sock", "--config", str(config)):
        yield tmp_path / "cli.sock"


def test_a_session(path: Path, tmp_path: Path) -> None:
    user = bare_terminal(tmp_path / "home", "attach", str(path), term="dumb", XDG_CACHE_HOME=str(tmp_path))
    user.expect_exact(f"attached to {path}, vpp v26.10-rc0 built by vppsh")
    user.expect("vpp# ")
    user.send("show interface loop0\r")
    user.expect("loop0 +1 +down")
    user.send("show ipsec sa 0\r")
    user.expect("crypto alg aes-gcm-128 key <masked:[0-9a-f]{8}>")
    user.send("show terminal\r")
    user.expect("Terminal width: +120")
    user.send("show interface | count\r")
    user.expect(r"\n3\r\n")
    user.send("sh int nope\r")
    user.expect("show interface: unknown input `nope'")
    user.send("%target\r")
    user.expect(r"\* vpp ")
    user.send("\x04")
    user.expect(pexpect.EOF)
    user.close()
    assert user.exitstatus == 0


def test_a_restart_is_told(tmp_path: Path) -> None:
    path = tmp_path / "cli.sock"
    with serving_process(path):
        user = bare_terminal(tmp_path / "home", "attach", str(path), term="dumb")
        user.expect("vpp# ")
    with serving_process(path):
        user.send("show version\r")
        user.expect("vpp: VPP was restarted")
        user.expect("vpp v26.10")
    user.send("show version\r")
    time.sleep(0.2)
    user.send("\x03")
    user.expect("interrupted|no such socket")
    user.send("\x04")
    user.expect(pexpect.EOF)
    user.close()


def test_ctrl_c_ends_the_wait_and_not_the_prompt(tmp_path: Path) -> None:
    def serve(connection: socket.socket) -> None:
        greet(connection)
        while True:
            line = receive_until(connection, b"\n").decode().strip()
            connection.sendall(f"{line} is answered\r\n".encode())
            if line == "slow":
                connection.recv(10)
                return
            connection.sendall(b"\0")

    with standing_in(tmp_path / "s", serve):
        user = bare_terminal(tmp_path / "home", "attach", str(tmp_path / "s"), term="dumb")
        user.expect("vpp# ")
        user.send("slow\r")
        time.sleep(0.5)
        user.send("\x03")
        user.expect("slow is answered\r\ninterrupted\r\nvpp# ")
        user.send("quick\r")
        user.expect("quick is answered\r\nvpp# ")
        user.send("quit\r")
        user.expect(pexpect.EOF)
        user.close()
    assert user.exitstatus == 0


def test_nobody_there(tmp_path: Path) -> None:
    user = bare_terminal(tmp_path / "home", "attach", str(tmp_path / "none"))
    user.expect("none: no such socket; is VPP running")
    user.expect(pexpect.EOF)
    user.close()
    assert user.exitstatus == 3


@needs_tmux
def test_completion_and_help_on_a_terminal(path: Path, tmp_path: Path) -> None:
    tmux = Tmux(tmp_path / "home", 160, 30)
    try:
        tmux.start("attach", str(path))
        tmux.type("set int st")
        tmux.wait(r"state +set interface state")
        tmux.type("Tab")
        tmux.wait(r"vpp# set int state")
        tmux.wait(r"local0 +interface")
        tmux.type("lo")
        tmux.wait(r"loop0 +interface")
        tmux.type("C-c", "show ver", "?")
        tmux.wait(r"show version +show version \[verbose\]")
        shown = tmux.wait(r"vpp +\S*cli.sock \| vpp v26.10-rc0")
        assert re.search(r"vpp# show ver\n", shown)
    finally:
        tmux.close()
