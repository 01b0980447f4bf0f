"""`vppsh kube clear`, `sh`, felix's part of `log`, and how calicovppctl's users spell things."""

from __future__ import annotations

import argparse
import json
import os
import pty
import select
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from kube.apiserver import ApiServer
from kube.cluster import Container, Fault, Pod
from kube.conftest import NODES, PYTHON, ROOT, kube
from vppsh.kube import front
from vppsh.kube.arguments import selection_of
from vppsh.kube.captures.front import expression_of

SPACE = "calico-vpp-dataplane"
POD = "calico-vpp-node-1x"


def test_clear(live: ApiServer) -> None:
    kube(live, "vppctl", "node-a", "show version")
    before = len(live.cluster.executed)
    done = kube(live, "clear", "node-a,node-b")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert sorted(pod for pod, _ in live.cluster.executed[before:]) == [POD, "calico-vpp-node-2x"]
    assert json.loads(kube(live, "clear", "-node", "node-c", "--output", "json").stdout) == [{"node": "node-c", "error": ""}]


def test_clear_where_a_node_cannot_be_reached(live: ApiServer) -> None:
    live.cluster.faults.append(Fault("calico-vpp-node-2x/exec", status=500))
    done = kube(live, "clear")
    assert done.returncode == 3
    assert done.stderr.count("\n") == 1
    assert "node-b: exec in calico-vpp-node-2x/vpp: " in done.stderr


def test_a_command_in_a_container(server: ApiServer) -> None:
    folder = server.cluster.pods[SPACE, POD].root / "tmp"
    (folder / "x; echo pwned").write_text("text\n")
    assert kube(server, "sh", "vpp", "node-a", "cat", "/tmp/x; echo pwned").stdout == "text\n"
    missing = kube(server, "sh", "-component", "agent", "-node", "node-a", "--", "cat", "/tmp/missing")
    assert (missing.returncode, missing.stdout) == (1, "")
    assert "/missing: No such file" in missing.stderr


def test_commands_from_standard_input(server: ApiServer) -> None:
    done = kube(server, "sh", "vpp", "node-b", stdin="echo one\necho two >&2\nexit 7\n")
    assert (done.returncode, done.stdout, done.stderr) == (7, "one\n", "two\n")


@pytest.mark.parametrize("words", [(), ("vpp",), ("felix", "node-a"), ("vpp", "all")])
def test_shells_that_are_not_possible(server: ApiServer, words: tuple[str, ...]) -> None:
    done = kube(server, "sh", *words)
    assert done.returncode == 2
    assert done.stderr.startswith("vppsh: sh: ")


@contextmanager
def at_a_terminal(server: ApiServer) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A shell on a node, and the terminal that it is at."""
    leader, follower = pty.openpty()
    command = [sys.executable, "-m", "vppsh", "kube", "sh", "--kubeconfig", str(server.write_kubeconfig()), "vpp", "node-a"]
    process = subprocess.Popen(command, stdin=follower, stdout=follower, stderr=follower, env=PYTHON, cwd=ROOT, start_new_session=True)
    os.close(follower)
    yield process, leader
    process.kill()
    process.wait(timeout=30)
    os.close(leader)


def converse(leader: int, *exchanges: tuple[bytes, bytes]) -> None:
    """Wait for each text, and type what follows it."""
    seen = b""
    for wanted, typed in exchanges:
        while wanted not in seen:
            seen = seen[-100:] + os.read(leader, 4096)
        seen = seen.partition(wanted)[2]
        os.write(leader, typed)


def test_a_shell_at_a_terminal(server: ApiServer) -> None:
    with at_a_terminal(server) as (process, leader):
        converse(leader, (b"# ", b"stty -echo; echo $((6*7))-; pwd\n"), (b"42-", b""), (b"pods/node-a\r\n", b"exit 5\n"))
        assert process.wait(timeout=30) == 5
    assert Path(server.cluster.pods[SPACE, POD].root).name == "node-a"


def test_keys_are_heard_while_a_command_prints_without_end(server: ApiServer) -> None:
    with at_a_terminal(server) as (process, leader):
        converse(leader, (b"# ", b"yes on and on\n"), (b"on and on\r\non and on", b"\x03"), (b"# ", b"exit 6\n"))
        with suppress(OSError):  # the terminal of a shell that has ended
            while process.poll() is None:
                if select.select([leader], [], [], 0.1)[0]:
                    os.read(leader, 65536)
        assert process.wait(timeout=30) == 6


@pytest.mark.parametrize("words", [("sh", "vpp", "node-a", "cat", "/dev/zero"), ("log", "-f", "all")])
def test_a_reader_that_goes_away_ends_it(server: ApiServer, words: tuple[str, ...]) -> None:
    command = [sys.executable, "-m", "vppsh", "kube", words[0], "--kubeconfig", str(server.write_kubeconfig()), *words[1:]]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=PYTHON, cwd=ROOT)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.read(10)
    process.stdout.close()
    server.cluster.pods[SPACE, POD].containers[0].log.append("one more line")
    assert process.wait(timeout=30) == 1
    assert process.stderr.read() == b""
    process.stderr.close()


def test_the_log_of_felix(server: ApiServer, tmp_path: Path) -> None:
    lines = ["felix/a.go 12: ready", 'time="2026" level=info msg="another program"', "felix/b.go 3: done"]
    labels = {"k8s-app": "calico-node"}
    containers = [Container("calico-node", lines)]
    server.cluster.add_pod(Pod("calico-node-x", "node-a", tmp_path / "felix", "calico-system", labels, containers))
    assert kube(server, "log", "node-a", "felix").stdout.splitlines() == [lines[0], lines[2]]
    other = kube(server, "log", "node-b", "-component", "felix")
    assert other.returncode == 3
    assert "node-b: no pod with felix runs on this node" in other.stderr


def test_what_a_command_printed_as_json(server: ApiServer) -> None:
    done = kube(server, "sh", "--output", "json", "vpp", "node-b", stdin="echo one\necho two >&2\nexit 7\n")
    assert done.returncode == 7
    assert json.loads(done.stdout) == {"node": "node-b", "component": "vpp", "stdout": "one\n", "stderr": "two\n", "status": 7}


def test_logs_as_json(server: ApiServer) -> None:
    done = kube(server, "log", "--output", "json", "--tail", "1", "all", "agent")
    told = sorted((json.loads(line) for line in done.stdout.splitlines()), key=lambda line: str(line["node"]))
    assert told == [{"node": name, "component": "agent", "line": f"agent of {name}"} for name in NODES]


def test_the_spelling_of_calicovppctl(server: ApiServer) -> None:
    which = ["-proto", "udp", "-srcip", "10.0.0.1", "-dstip", "10.0.0.2", "-srcport", "1", "-dstport", "2", "-node", "node-a"]
    words = ["-count", "5", "-t", "9", "-i", "memif", "-o", "x", *which]
    parser = argparse.ArgumentParser()
    front.add_arguments(parser)
    for command in ("trace", "pcap", "dispatch"):
        found = parser.parse_args([command, *words])
        assert (found.count, found.timeout, found.interface, found.out, found.protocol) == (5, 9.0, "memif", "x", "udp")
        assert expression_of(found).startswith("udp and ((src host 10.0.0.1 and src port 1 and ")
        assert selection_of(found) == "node-a"
    assert parser.parse_args(["log", "-f", "-c", "agent", "-n", "node-a"]).component == "agent"
    assert kube(server, "sh", "-c", "vpp", "-n", "node-a", stdin="echo one").stdout == "one\n"


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")
def test_the_plugin_of_kubectl(live: ApiServer, tmp_path: Path) -> None:
    plugin = tmp_path / "kubectl-vpp"
    plugin.write_text(f"#!{sys.executable}\nfrom vppsh.kube.front import kubectl_plugin\nraise SystemExit(kubectl_plugin())\n")
    plugin.chmod(0o755)
    environment = {**PYTHON, "PATH": f"{tmp_path}:{os.environ['PATH']}", "KUBECONFIG": str(live.write_kubeconfig())}

    def kubectl(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(["kubectl", "vpp", *words], capture_output=True, text=True, env=environment, timeout=60, check=False)

    assert kubectl("vppctl", "node-a", "show", "version").stdout.startswith("vpp v26.10-rc0")
    assert kubectl("vppctl", "node-a", "frobnicate").returncode == 1
    missing = kubectl("vppctl", "nowhere", "show", "version")
    assert (missing.returncode, missing.stdout) == (2, "")
    assert missing.stderr.startswith("kubectl vpp: no node 'nowhere'; ")
    assert "usage: kubectl vpp trace" in kubectl("trace", "--help").stdout
