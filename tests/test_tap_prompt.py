"""A tap beside the prompt: packets wake the dataplane while nobody types, and an idle tap costs nothing."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

from peers import namespace, needs_peers, tap_peer
from terminals import needs_tmux, tmux

from vppsh.prompt.dataplane import Dataplane

pytestmark = [needs_peers, needs_tmux]


def test_pings_are_answered_while_nobody_types(tmp_path: Path) -> None:
    with namespace() as name, tmux(tmp_path / "home") as terminal:
        terminal.start()
        terminal.type(f"create tap host-ns {name} host-if-name veth0 host-ip4-addr 10.1.0.2/24", "Enter")
        terminal.wait(r"\ntap0\n")
        terminal.type("set interface state tap0 up", "Enter", "set interface ip address tap0 10.1.0.1/24", "Enter")
        terminal.type("show interface address | grep 10.1", "Enter")
        terminal.wait(r"\n  L3 10\.1\.0\.1/24\n")
        terminal.type("half a li")
        pinged = subprocess.run(
            ["ip", "netns", "exec", name, "ping", "-c", "10", "-i", "0.05", "10.1.0.1"], capture_output=True, text=True, check=True
        )
        assert " 0% packet loss" in pinged.stdout
        terminal.wait(r"vpp# half a li\n")


def test_an_idle_tap_leaves_the_processor_alone() -> None:
    with tap_peer("host-ip4-addr 10.1.0.2/24") as peer:
        peer.type(f"set interface ip address {peer.interface} 10.1.0.1/24")
        peer.kernel("ping -c 1 10.1.0.1")
        dataplane = Dataplane(peer.session.engine, print)
        spent = time.process_time()
        until = time.perf_counter() + 1.0
        while time.perf_counter() < until:
            peer.session.engine.descriptors.sleep(dataplane.run_slice())
        assert time.process_time() - spent < 0.1
