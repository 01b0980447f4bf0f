"""The monitor on a cluster: three nodes under traffic, of which one dies and comes back; what the API server refuses meanwhile."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from subprocess import Popen

import pytest
from monitors import Monitor, Pilot, screen
from monitors import until as soon

from kube.apiserver import ApiServer
from kube.cluster import Cluster as DoubledCluster
from kube.cluster import Node, Pod
from kube.conftest import NODES, kube, populated, vpp
from vppsh.kube.cluster import Cluster
from vppsh.kube.settings import KubeSettings
from vppsh.kube.watching import Nodes
from vppsh.targets.policy import Policy
from vppsh.tui.grid import Tone
from vppsh.tui.questions import INTERFACES
from vppsh.tui.screens.cluster import ClusterView

pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
Script = Callable[[Pilot[None], Monitor], Awaitable[None]]
INTERVAL = 0.2
# What a dataplane does that gets no processor for a while is not what it was told to do.
SLACK = 0.4
# Three of them, a cluster and the monitor share this machine.
until = partial(soon, patience=40.0)


def traffic(rate: int) -> list[str]:
    """A dataplane that drops so many packets a second."""
    data = "data { UDP: 10.0.0.2 -> 192.0.2.1 incrementing 40 }"
    return [
        "create packet-generator interface pg0",
        "set interface state pg0 up",
        "set interface ip address pg0 10.0.0.1/24",
        f"packet-generator new {{ name lost rate {rate} size 60-60 interface pg0 node ip4-input {data} }}",
        "packet-generator enable-stream",
    ]


@dataclass
class Busy:
    """A cluster whose nodes drop packets, with their dataplanes by the names of nodes."""

    server: ApiServer
    engines: dict[str, Popen[bytes]]
    stack: ExitStack

    @property
    def cluster(self) -> DoubledCluster:
        return self.server.cluster


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Busy]:
    """The double; node-a drops 100 packets a second, node-b 200, node-c 300."""
    folder = tmp_path_factory.mktemp("busy")
    cluster = populated(folder / "pods")
    with ExitStack() as stack:
        rates = zip(cluster.pods.values(), (100, 200, 300))
        engines = {pod.node: stack.enter_context(vpp(pod, *traffic(rate))) for pod, rate in rates}
        yield Busy(stack.enter_context(ApiServer(cluster, folder)), engines, stack)


def play(
    script: Script,
    busy: Busy,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    selection: str = "all",
) -> None:
    """Run the monitor of these nodes, and a script of what a person does."""
    monkeypatch.setenv("XDG_STATE_HOME", str(home))

    async def run(monitor: Monitor) -> None:
        async with monitor.run_test(size=(190, 30)) as pilot:
            await script(pilot, monitor)

    with Cluster(KubeSettings(kubeconfig=str(busy.server.write_kubeconfig()))) as cluster:
        nodes = Nodes(cluster, selection, INTERVAL, Policy())
        try:
            asyncio.run(run(Monitor(nodes.fleet())))
        finally:
            nodes.close()


def rows_of(monitor: Monitor) -> dict[object, dict[str, object]]:
    """The rows of the cluster by their nodes, values by column."""
    view = next(view for view in monitor.views if isinstance(view, ClusterView))
    return {row.key: dict(zip([column.key for column in view.report.columns], row.values)) for row in view.table.rows}


def drops(monitor: Monitor, name: str) -> float:
    """What a node's counters moved by in a second, over the last samples."""
    assert monitor.fleet is not None
    member = next(member for member in monitor.fleet.members if member.name == name)
    history = member.store.track(INTERFACES).history(("pg0", "drops"), 4)
    return float(history.mean()) if len(history) == 4 else 0.0


def pod_of(busy: Busy, node: str) -> Pod:
    return next(pod for pod in busy.cluster.pods.values() if pod.node == node)


def test_what_the_nodes_do_and_how_their_pods_are(busy: Busy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def script(pilot: Pilot[None], monitor: Monitor) -> None:
        await until(pilot, lambda: all(drops(monitor, name) for name in NODES))
        assert [drops(monitor, name) for name in NODES] == pytest.approx([100, 200, 300], rel=SLACK)
        rows = rows_of(monitor)
        assert [row["pods"] for row in rows.values()] == [1, 1, 1]
        assert [row["state"] for row in rows.values()] == ["up", "up", "up, agent: CrashLoopBackOff, 7 restarts"]
        assert rows["node-a"]["pod_state"] == "ok"
        assert "cluster 127.0.0.1:" in screen(pilot)[0]
        await pilot.press("y")
        assert "vppsh kube vppctl node-a 'show interface'" in monitor.clipboard.splitlines()
        await pilot.press("end", "enter")
        assert (monitor.view.id, monitor.store.name) == ("overview", "node-c")
        await until(pilot, lambda: any("blackholed packets" in line for line in screen(pilot)))
        await pilot.press("backspace")
        assert monitor.view.id == "cluster"

    agent = pod_of(busy, "node-c").containers[1]
    agent.ready, agent.restarts = False, 7
    try:
        play(script, busy, tmp_path, monkeypatch)
    finally:
        agent.ready, agent.restarts = True, 0


def test_a_node_dies_and_comes_back(busy: Busy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pod = pod_of(busy, "node-b")

    async def script(pilot: Pilot[None], monitor: Monitor) -> None:
        await until(pilot, lambda: all(drops(monitor, name) for name in NODES))
        assert monitor.fleet is not None
        stores = {member.name: member.store for member in monitor.fleet.members}
        before = {name: store.track(INTERFACES).readings for name, store in stores.items()}
        busy.engines["node-b"].kill()
        await until(pilot, lambda: "connect: Connection refused" in str(rows_of(monitor)["node-b"]["state"]))
        row = next(row for row in monitor.view.table.rows if row.key == "node-b")  # type: ignore[attr-defined]  # the cluster's view
        assert row.tone == Tone.BAD
        assert rows_of(monitor)["node-b"]["rx_packets_rate"] == 0
        assert "3 nodes, 2 up, 1 lost" in screen(pilot)[0]
        await until(pilot, lambda: all(stores[name].track(INTERFACES).readings > before[name] + 1 for name in ("node-a", "node-c")))
        (pod.root / "var/run/vpp/cli.sock").unlink()
        busy.engines["node-b"] = busy.stack.enter_context(vpp(pod, *traffic(400)))
        await until(pilot, lambda: rows_of(monitor)["node-b"]["state"] == "up" and bool(rows_of(monitor)["node-b"]["drops_rate"]))
        track = stores["node-b"].track(INTERFACES)
        back = track.readings
        await until(pilot, lambda: track.readings >= back + 4)
        assert track.history(("pg0", "drops"), 4).mean() == pytest.approx(400, rel=SLACK)
        assert track.history(("pg0", "drops"), 600).min() >= 0
        assert track.history(("pg0", "drops"), 600).max() < 1000

    play(script, busy, tmp_path, monkeypatch)


def test_refusals_while_it_runs_are_a_state(busy: Busy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = busy.cluster

    async def script(pilot: Pilot[None], monitor: Monitor) -> None:
        await until(pilot, lambda: all(row["state"] == "up" and row["pods"] == 1 for row in rows_of(monitor).values()))
        cluster.forbidden |= {"list pods"}
        await pilot.press("r")
        await until(pilot, lambda: any("pods of calico-vpp-dataplane: not allowed" in line for line in screen(pilot)))
        assert [row["pods"] for row in rows_of(monitor).values()] == [1, 1, 1], "what was known stays"
        assert [row["state"] for row in rows_of(monitor).values()] == ["up", "up", "up"], "sessions go on"
        cluster.forbidden.clear()
        cluster.token = "another"
        await pilot.press("r")
        await until(pilot, lambda: any("the API server does not know who asks" in line for line in screen(pilot)))
        cluster.token = "the-token"
        await pilot.press("r")
        await until(pilot, lambda: not any("the API server does not know who asks" in line for line in screen(pilot)))

    async def refused(pilot: Pilot[None], monitor: Monitor) -> None:
        await until(pilot, lambda: all("lost" in str(row["state"]) for row in rows_of(monitor).values()))
        assert all("not allowed" in str(row["state"]) for row in rows_of(monitor).values())
        cluster.forbidden.clear()
        await until(pilot, lambda: all(row["state"] == "up" for row in rows_of(monitor).values()))

    try:
        play(script, busy, tmp_path, monkeypatch)
        cluster.forbidden |= {"create pods/exec"}
        play(refused, busy, tmp_path, monkeypatch)
    finally:
        cluster.forbidden.clear()
        cluster.token = "the-token"


def test_a_node_that_joins_is_watched_and_one_without_vpp_says_so(busy: Busy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def script(pilot: Pilot[None], monitor: Monitor) -> None:
        await until(pilot, lambda: all(row["pod_state"] == "ok" for row in rows_of(monitor).values()))
        busy.cluster.add_node(Node("node-d"))
        for _ in range(4):  # nodes are asked for once in four times
            asked = sum("labelSelector" in request for request in busy.cluster.requests)
            await pilot.press("r")
            await until(pilot, lambda asked=asked: sum("labelSelector" in each for each in busy.cluster.requests) > asked)  # type: ignore[misc]
        await until(pilot, lambda: "no pod with VPP runs on this node" in str(rows_of(monitor).get("node-d", {}).get("state")))
        assert rows_of(monitor)["node-d"]["pod_state"] == "no pod with VPP"

    try:
        play(script, busy, tmp_path, monkeypatch, "node-*")
    finally:
        del busy.cluster.nodes["node-d"]


def test_with_one_node_it_opens_that_one(busy: Busy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def script(pilot: Pilot[None], monitor: Monitor) -> None:
        assert (monitor.view.id, monitor.store.name) == ("overview", "node-b")
        await until(pilot, lambda: any("blackholed packets" in line for line in screen(pilot)))

    play(script, busy, tmp_path, monkeypatch, "node-b")


def test_tabs_as_text_and_json_and_recorded(busy: Busy, tmp_path: Path) -> None:
    file = tmp_path / "cluster.gz"
    done = kube(busy.server, "tui", "--text", "cluster", "--interval", "0.5", "--record", str(file))
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("cluster 127.0.0.1:")
    assert lines[0].endswith(": 3 nodes, 3 up, 3 pods")
    assert [line.split()[:2] for line in lines[4:]] == [[name, "up"] for name in NODES]
    done = kube(busy.server, "tui", "--json", "interfaces", "--interval", "0.5", "node-a,node-c")
    found = json.loads(done.stdout)
    assert list(found["nodes"]) == ["node-a", "node-c"]
    assert found["lost"] == {}
    pg0 = next(each for each in found["nodes"]["node-c"] if each["name"] == "pg0")
    assert pg0["drops_rate"] == pytest.approx(300, rel=0.2)
    import vppsh.cli

    assert vppsh.cli.main(["tui", str(file), "--text", "cluster"]) == 0


def test_a_lost_node_in_text_and_what_is_refused(busy: Busy) -> None:
    busy.cluster.add_node(Node("node-z"))
    try:
        done = kube(busy.server, "tui", "--text", "overview", "--interval", "0.5", "node-a,node-z")
    finally:
        del busy.cluster.nodes["node-z"]
    assert done.returncode == 3
    assert "== node-z\nlost: node-z: no pod with VPP runs on this node\n" in done.stdout
    assert "== node-a\nreceived " in done.stdout
    done = kube(busy.server, "tui")
    assert (done.returncode, done.stderr) == (2, "vppsh: tui needs a terminal; --text TAB prints a tab without one\n")
    done = kube(busy.server, "tui", "--text", "cluster", "nobody")
    assert done.returncode == 2
    assert "no node 'nobody'; the nodes are: node-a, node-b, node-c" in done.stderr
