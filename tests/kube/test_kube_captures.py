"""Captures on nodes: what comes home, and that every node is left as it was, whatever happens."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from scapy.utils import rdpcap

from kube.apiserver import ApiServer
from kube.cluster import Fault
from kube.cluster import Pod as DoublePod
from kube.conftest import PYTHON, ROOT, kube, populated, vpp
from vppsh.errors import CommandError, UsageError
from vppsh.kube.api import Api, ClusterError
from vppsh.kube.captures.capture import DRIFT, Capture, Dispatch, Pcap, Plan, Trace
from vppsh.kube.captures.download import download
from vppsh.kube.captures.filters import PacketFilter
from vppsh.kube.captures.lock import PATH, LockFile
from vppsh.kube.model import Node
from vppsh.kube.settings import KubeSettings
from vppsh.kube.target import PodTarget

SPACE = "calico-vpp-dataplane"
PODS = {"node-a": "calico-vpp-node-1x", "node-b": "calico-vpp-node-2x"}
PACKET = "IP4: 02:00:00:00:00:01 -> 02:00:00:00:00:02 UDP: {} -> {} UDP: {} -> {} incrementing 40"
STREAMS = (("there", "10.0.0.1", "10.0.0.2", 1000, 53), ("back", "10.0.0.2", "10.0.0.1", 53, 1000), ("other", "10.0.0.3", "10.0.0.2", 9, 9))
CONFIG = [
    "create packet-generator interface pg0", "set interface state pg0 up", "set interface ip address pg0 192.0.2.1/24",
    *(
        f"packet-generator new {{ name {name} limit 3 interface pg0 node ethernet-input data {{ {PACKET.format(*ends)} }} }}"
        for name, *ends in STREAMS
    ),
]  # fmt: skip
STATE = (
    "show bpf trace filter",
    "show trace filter function",
    "show pcap filter function",
    "pcap trace status",
    "pcap dispatch trace status",
)
UNSET = "bpf trace filter is not set\n"
pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(scope="module")
def wired(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """Two nodes whose VPPs have packets to send."""
    folder = tmp_path_factory.mktemp("wired")
    cluster = populated(folder / "pods")
    first, second = (cluster.pods[SPACE, name] for name in PODS.values())
    with vpp(first, *CONFIG), vpp(second, *CONFIG), ApiServer(cluster, folder) as server:
        yield server


@pytest.fixture
def api(wired: ApiServer) -> Iterator[Api]:
    api = Api(KubeSettings(kubeconfig=str(wired.write_kubeconfig()), request_timeout=10.0))
    yield api
    api.close()


@pytest.fixture
def node(api: Api) -> Node:
    return api.nodes()[0]


@pytest.fixture
def untouched(wired: ApiServer, api: Api) -> Iterator[None]:
    """Both nodes are afterwards as they were before."""
    targets = [PodTarget(api, each) for each in api.nodes()[:2]]
    before = [target.demand(*STATE) for target in targets]
    yield
    wired.cluster.faults.clear()
    assert [target.demand(*STATE) for target in targets] == before
    assert "No packets in trace buffer" in targets[0].demand("show trace")[0]
    for target in targets:
        target.close()
    for name in PODS.values():
        assert list((wired.cluster.pods[SPACE, name].root / "tmp").iterdir()) == []


def send(api: Api, node: Node, *names: str) -> None:
    """Let packets flow, and wait until they have."""
    target = PodTarget(api, node)
    target.demand(*(f"packet-generator enable-stream {name}" for name in names or [stream[0] for stream in STREAMS]))
    deadline = time.monotonic() + 20
    while "Yes" in target.demand("show packet-generator")[0]:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    target.close()


def locked(wired: ApiServer, name: str) -> Path:
    return wired.cluster.pods[SPACE, PODS[name]].root / PATH.removeprefix("/")


def started(wired: ApiServer, *words: str, nodes: tuple[str, ...] = ("node-a",)) -> subprocess.Popen[str]:
    """A capture in a process of its own, once every node's VPP has begun."""
    command = [sys.executable, "-m", "vppsh", "kube", words[0], "--kubeconfig", str(wired.write_kubeconfig()), *words[1:]]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=PYTHON, cwd=ROOT)
    api = Api(KubeSettings(kubeconfig=str(wired.write_kubeconfig())))
    targets = [PodTarget(api, each) for each in api.nodes() if each.name in nodes]
    deadline = time.monotonic() + 30
    while not all("enabled:" in target.demand("pcap trace status")[0] for target in targets):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    for target in targets:
        target.close()
    api.close()
    return process


@pytest.mark.usefixtures("untouched")
def test_a_trace_with_a_filter(api: Api, node: Node) -> None:
    trace = Trace(api, node, Plan(10, ("nonsense-input", "pg-input"), PacketFilter("10.0.0.1", destination_port=53).expression()))
    try:
        trace.begin()
        send(api, node)
        text = trace.end()
    finally:
        trace.close()
    assert isinstance(text, bytes)
    assert text.count(b": pg-input") == 6
    assert b"10.0.0.3" not in text


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("kind", [Pcap, Dispatch])
def test_a_capture_to_a_file(api: Api, node: Node, kind: type[Pcap], tmp_path: Path) -> None:
    capture = kind(api, node, Plan(100, ("pg0" if kind is Pcap else "pg-input",), "udp and src port 1000"))
    local = tmp_path / "got.pcap"
    come: list[int] = []
    try:
        capture.begin()
        send(api, node)
        size = capture.end()
        assert isinstance(size, int)
        download(api, capture.pod, capture.remote, size, local, come.append, threading.Event())
    finally:
        capture.close()
    assert local.stat().st_size == size == sum(come)
    packets = rdpcap(str(local))
    assert len(packets) == 3 if kind is Pcap else len(packets) >= 9
    assert list(tmp_path.iterdir()) == [local]


@pytest.mark.usefixtures("untouched")
def test_two_nodes_at_once_until_ctrl_c(wired: ApiServer, api: Api, tmp_path: Path) -> None:
    words = ["pcap", "node-[ab]", "-timeout", "60", "--out", str(tmp_path / "x.pcap"), "--output", "json"]
    process = started(wired, *words, nodes=("node-a", "node-b"))
    send(api, api.nodes()[1])
    process.send_signal(signal.SIGINT)
    out, error = process.communicate(timeout=30)
    assert process.returncode == 0, error
    told = json.loads(out)
    assert [(each["node"], each["error"]) for each in told] == [("node-a", ""), ("node-b", "")]
    assert told[0]["file"] is None
    assert len(rdpcap(told[1]["file"])) == 9
    assert [path.name for path in tmp_path.iterdir()] == ["x_node-b.pcap"]


@pytest.mark.usefixtures("untouched")
def test_nobody_captures_where_somebody_does(wired: ApiServer) -> None:
    process = started(wired, "pcap", "node-a", "-timeout", "60", "-srcip", "10.0.0.1")
    lock = json.loads(locked(wired, "node-a").read_text())
    assert (lock["node_name"], lock["operation"], lock["bpf_active"]) == ("node-a", "pcap", True)
    second = kube(wired, "trace", "node-a")
    assert second.returncode == 1
    assert "node-a: a capture is running: pcap by " in second.stderr
    assert kube(wired, "capture", "show", "node-a").stdout.startswith("node-a: pcap by ")
    process.terminate()
    out, error = process.communicate(timeout=30)
    assert (process.returncode, out, error) == (0, "node-a: no packets came that fit\n", "")


@pytest.mark.usefixtures("untouched")
def test_what_was_left_behind_is_cleared(wired: ApiServer) -> None:
    process = started(wired, "pcap", "node-a", "-timeout", "60", "-protocol", "udp")
    process.kill()
    process.communicate(timeout=30)
    assert locked(wired, "node-a").exists()
    done = kube(wired, "capture", "clear", "node-a")
    assert done.returncode == 0
    assert done.stdout.startswith("node-a: cleared: pcap by ")


@pytest.mark.usefixtures("untouched")
def test_a_filter_of_somebody_else_stops_a_capture(api: Api, node: Node) -> None:
    target = PodTarget(api, node)
    target.demand("set bpf trace filter {{tcp}}")
    trace = Trace(api, node, Plan(10, ("pg-input",), "udp"))
    with pytest.raises(CommandError, match="a BPF filter is set, and not by us"):
        trace.begin()
    trace.close()
    assert target.demand("show bpf trace filter")[0] != UNSET
    target.demand("set bpf trace filter del")
    target.close()


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize(
    ("plan", "words"), [(Plan(10, ("pg-input",), "no such thing"), "Failed pcap_compile"), (Plan(9, ("x-input",)), "x-input")]
)
def test_what_vpp_refuses_leaves_nothing(wired: ApiServer, api: Api, node: Node, plan: Plan, words: str) -> None:
    trace = Trace(api, node, plan)
    with pytest.raises(CommandError, match=words):
        trace.begin()
    trace.close()
    assert not locked(wired, "node-a").exists()


@pytest.mark.usefixtures("untouched")
def test_a_session_lost_during_a_capture(wired: ApiServer, api: Api, node: Node) -> None:
    capture = Pcap(api, node, Plan(100, ("any",), "udp"))
    capture.begin()
    send(api, node)
    capture.target.close()  # as if the connection had been lost
    wired.cluster.faults.append(Fault("/exec", status=503))
    assert capture.end() != 0
    wired.cluster.faults.append(Fault("/exec", status=503))
    capture.close()


def test_a_node_that_does_not_come_back_keeps_its_lock(wired: ApiServer, api: Api, node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vppsh.kube.captures.capture.PATIENCE", (0.0, 0.0))
    capture = Trace(api, node, Plan(10, ("pg-input",)))
    capture.begin()
    capture.target.close()
    wired.cluster.faults.append(Fault("/exec", status=503, times=1000))
    with pytest.raises(ClusterError, match="run `vppsh kube capture clear node-a'"):
        capture.close()
    wired.cluster.faults.clear()
    assert locked(wired, "node-a").exists()
    capture.close()  # it is back: what was left is undone
    assert not locked(wired, "node-a").exists()


@pytest.fixture
def own(server: ApiServer) -> Iterator[Api]:
    """A cluster whose VPPs may come and go."""
    api = Api(KubeSettings(kubeconfig=str(server.write_kubeconfig()), request_timeout=10.0))
    yield api
    api.close()


def grow_old() -> None:
    """Let a VPP run for longer than clocks may be apart: one that follows it sooner is taken for the same."""
    time.sleep(DRIFT)


@pytest.mark.parametrize("kind", [Trace, Pcap, Dispatch])
def test_vpp_restarted_during_a_capture(server: ApiServer, own: Api, kind: type[Capture]) -> None:
    pod, node = server.cluster.pods[SPACE, PODS["node-a"]], own.nodes()[0]
    capture = kind(own, node, Plan(10, ("any" if kind is Pcap else "pg-input",), "udp"))
    with vpp(pod, *CONFIG) as process:
        capture.begin()
        grow_old()
        process.kill()
        process.wait()
    with vpp(pod, *CONFIG):
        with pytest.raises(CommandError, match="node-a: VPP was restarted during the capture"):
            capture.end()
        capture.close()
        target = PodTarget(own, node)
        assert target.demand(*STATE)[0] == UNSET
        assert not any("enabled:" in text for text in target.demand(*STATE))
        target.close()
    assert list((pod.root / "tmp").iterdir()) == []


@pytest.mark.parametrize("back", [True, False])
def test_what_is_told_when_vpp_goes_away(server: ApiServer, back: bool) -> None:
    pod = server.cluster.pods[SPACE, PODS["node-a"]]
    with ExitStack() as stack:
        first = stack.enter_context(vpp(pod))
        process = started(server, "pcap", "node-a", "-timeout", "60")
        grow_old()
        first.kill()
        first.wait()
        if back:
            stack.enter_context(vpp(pod))
        process.send_signal(signal.SIGINT)
        out, error = process.communicate(timeout=60)
        words = "was restarted during the capture" if back else "does not run any more"
        assert (out, error) == ("", f"vppsh: node-a: VPP {words}; what had been captured is lost\n")
        assert process.returncode == (1 if back else 3)
    assert list((pod.root / "tmp").iterdir()) == []


def test_what_was_left_behind_by_a_vpp_that_is_gone(server: ApiServer) -> None:
    pod = server.cluster.pods[SPACE, PODS["node-a"]]
    (pod.root / PATH[1:]).write_text("{}")
    (pod.root / "tmp/trace.pcap").write_bytes(b"half")
    with vpp(pod) as process:
        process.kill()
        process.wait()
        done = kube(server, "capture", "clear", "node-a")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"node-a: cleared: {PATH} holds something else\n"
    assert list((pod.root / "tmp").iterdir()) == []


def test_a_pod_replaced_during_a_capture(server: ApiServer, own: Api) -> None:
    pod, node = server.cluster.pods[SPACE, PODS["node-a"]], own.nodes()[0]
    capture = Pcap(own, node, Plan(10, ("any",)))
    with vpp(pod):
        capture.begin()
        grow_old()
    server.cluster.remove_pod(pod)
    new = replace(pod, name="calico-vpp-node-new")
    (pod.root / PATH[1:]).unlink()  # its container was another one
    server.cluster.add_pod(new)
    with vpp(new):
        with pytest.raises(CommandError, match="VPP was restarted"):
            capture.end()
        capture.close()
    assert list((new.root / "tmp").iterdir()) == []


@pytest.mark.parametrize(("cuts", "whole"), [(2, True), (3, False)])
def test_downloads_that_break_off(wired: ApiServer, api: Api, node: Node, tmp_path: Path, cuts: int, whole: bool) -> None:
    content = bytes(range(256)) * 4000
    pod: DoublePod = wired.cluster.pods[SPACE, PODS["node-a"]]
    remote, local = pod.root / "tmp/big", tmp_path / "big"
    remote.write_bytes(content)
    wired.cluster.faults.append(Fault("/exec.*gzip", cut_after=500, times=cuts))
    come: list[int] = []
    try:
        assert node.pod is not None
        if whole:
            download(api, node.pod, "/tmp/big", len(content), local, come.append, threading.Event())
            assert local.read_bytes() == content
            assert sum(come) == len(content)
        else:
            with pytest.raises(ClusterError, match="in 3 attempts"):
                download(api, node.pod, "/tmp/big", len(content), local, come.append, threading.Event())
            assert list(tmp_path.iterdir()) == []
    finally:
        remote.unlink()
        wired.cluster.faults.clear()


def test_a_file_shorter_than_it_should_be_is_not_taken(wired: ApiServer, api: Api, node: Node, tmp_path: Path) -> None:
    remote = wired.cluster.pods[SPACE, PODS["node-a"]].root / "tmp/half"
    remote.write_bytes(b"half of it")
    assert node.pod is not None
    with pytest.raises(ClusterError, match="10 of 20 bytes came"):
        download(api, node.pod, "/tmp/half", 20, tmp_path / "half", lambda _: None, threading.Event())
    remote.unlink()


def test_locks(wired: ApiServer, api: Api, node: Node) -> None:
    assert node.pod is not None
    ours, theirs = LockFile(api, "node-a", node.pod), LockFile(api, "node-a", node.pod)
    ours.take("trace", filtered=False)
    theirs.release()
    assert locked(wired, "node-a").exists()
    ours.release()
    assert not locked(wired, "node-a").exists()
    locked(wired, "node-a").write_text("{")
    with pytest.raises(CommandError, match="holds something else"):
        theirs.take("pcap", filtered=True)
    theirs.remove()
    assert ours.holder() is None
    with pytest.raises(ClusterError, match="no pod with VPP"):
        Trace(api, replace(node, pod=None), Plan(1, ("pg-input",)))


@pytest.mark.parametrize(
    ("chosen", "expression"),
    [
        (PacketFilter(), ""),
        (PacketFilter(protocol="tcp"), "tcp"),
        (PacketFilter("10.0.0.1", one_way=True), "src host 10.0.0.1"),
        (PacketFilter("10.0.0.1"), "((src host 10.0.0.1) or (dst host 10.0.0.1))"),
        (
            PacketFilter("10.0.0.1", "10.0.0.2", None, 80, "tcp"),
            (
                "tcp and ((src host 10.0.0.1 and dst host 10.0.0.2 and dst port 80)"
                " or (src host 10.0.0.2 and src port 80 and dst host 10.0.0.1))"
            ),
        ),
        (PacketFilter("fe80::1", protocol="icmp", one_way=True), "icmp6 and src host fe80::1"),
        (PacketFilter(protocol="icmp"), "(icmp or icmp6)"),
    ],
)
def test_filters(chosen: PacketFilter, expression: str) -> None:
    assert chosen.expression() == expression


@pytest.mark.parametrize(
    "chosen",
    [PacketFilter("10.0.0.1}} x"), PacketFilter(source_port=0), PacketFilter(protocol="x"), PacketFilter(source_port=1, protocol="icmp")],
)
def test_filters_that_make_no_sense(chosen: PacketFilter) -> None:
    with pytest.raises(UsageError):
        chosen.expression()


def test_the_driver_of_the_uplink(wired: ApiServer) -> None:
    missing = kube(wired, "trace", "node-a", "-interface", "phy")
    assert missing.returncode == 2
    assert "names no vppDriver" in missing.stderr
    nobody = kube(wired, "trace")
    assert (nobody.returncode, nobody.stderr[:18]) == (2, "vppsh: which node?")
    odd = kube(wired, "dispatch", "node-a", "-interface", "tun tap")
    assert odd.returncode == 2
    assert "'tun tap': expected one of phy, tuntap, " in odd.stderr
