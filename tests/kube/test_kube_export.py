"""`vppsh kube export`, `exportnode` and `doctor`."""

from __future__ import annotations

import json
import stat
import tarfile
from pathlib import Path
from typing import Any

from kube.apiserver import ApiServer
from kube.cluster import Container, Fault, Pod
from kube.conftest import NODES, kube
from vppsh.kube.bundle.archive import Archive, Entry
from vppsh.kube.bundle.contents import LINES
from vppsh.targets.masking import Masker

SPACE = "calico-vpp-dataplane"
POD = "calico-vpp-node-1x"


def bundle(path: Path) -> tuple[dict[str, str], dict[str, Any]]:
    """The files of an archive by their names, and its manifest."""
    with tarfile.open(path) as tar:
        names = [member.name.split("/", 1)[1] for member in tar.getmembers()]
        texts = [tar.extractfile(member) for member in tar.getmembers()]
        files = {name: file.read().decode() for name, file in zip(names, texts, strict=True) if file is not None}
    return files, json.loads(files["manifest.json"])


def test_an_export_of_all_nodes(live: ApiServer, tmp_path: Path) -> None:
    path = tmp_path / "bundle.tar.gz"
    done = kube(live, "export", "--out", str(path), "--output", "json")
    assert done.returncode == 0, done.stderr
    assert {part["node"] for part in json.loads(done.stdout)["parts"]} == {"", *NODES}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    files, manifest = bundle(path)
    assert (manifest["complete"], manifest["masked"]) == (True, True)
    parts = {part["node"]: part for part in manifest["parts"]}
    assert set(parts) == {"", *NODES}
    for name in NODES:
        assert parts[name]["vpp_version"].startswith("v26.10")
        assert set(LINES) <= {entry["command"] for entry in parts[name]["entries"]}
        assert "loop0" in files[f"nodes/{name}/show-interface.txt"]
        assert f"nodes/{name}/show-interface-loop0-features.txt" in files
        assert "agent of" in files[f"nodes/{name}/log-{parts[name]['pod']}-agent.txt"]
    entries = {entry["file"]: entry for part in parts.values() for entry in part["entries"] if entry["file"]}
    assert entries["nodes/node-a/show-interface.txt"]["bytes"] == len(files["nodes/node-a/show-interface.txt"])
    assert json.loads(files["cluster/nodes.json"])["kind"] == "NodeList"
    assert {entry["command"] for entry in parts[""]["entries"] if entry["error"]} == {
        "services",
        "installations",
        "cni-config",
        "calico-vpp-node",
    }


def test_secrets_stay_where_they_are(live: ApiServer, tmp_path: Path) -> None:
    pod = live.cluster.pods[SPACE, POD]
    config = live.cluster.config_maps[SPACE, "calico-vpp-config"]
    pod.containers[1].log.append("ikev2 psk hunter2hunter2")
    config["odd"] = "token: abcdefghijklmnop0123456789"
    try:
        kube(live, "exportnode", "-node", "node-a", "--out", str(tmp_path / "masked.tar.gz"))
        kube(live, "export", "node-a", "--insecure", "--out", str(tmp_path / "open.tar.gz"))
    finally:
        pod.containers[1].log.pop()
        del config["odd"]
    masked, manifest = bundle(tmp_path / "masked.tar.gz")
    assert {part["node"] for part in manifest["parts"]} == {"", "node-a"}
    for secret in ("hunter2", "abcdefghijklmnop0123456789"):
        assert not any(secret in text for text in masked.values())
        assert any(secret in text for text in bundle(tmp_path / "open.tar.gz")[0].values())


def test_a_node_that_is_lost_loses_only_itself(live: ApiServer, tmp_path: Path) -> None:
    live.cluster.faults.append(Fault("calico-vpp-node-2x/exec", status=503, times=1000))
    path = tmp_path / "bundle.tar.gz"
    try:
        done = kube(live, "export", "node-a", "node-b", "--out", str(path))
    finally:
        live.cluster.faults.clear()
    assert done.returncode == 3
    files, manifest = bundle(path)
    assert manifest["complete"]
    lost = next(part for part in manifest["parts"] if part["node"] == "node-b")
    assert [entry["error"] for entry in lost["entries"]].count("not asked: 3 lines in a row were not answered") == len(LINES) - 3
    assert "nodes/node-a/show-errors.txt" in files
    assert "nodes/node-b/log-calico-vpp-node-2x-vpp.txt" in files


def test_an_archive_that_ends_early(tmp_path: Path) -> None:
    path = tmp_path / "x.tar.gz"
    archive = Archive(path, None)
    archive.add(archive.part("../a"), Entry("show version"), "text\n")
    with tarfile.open(path, "r|gz") as tar:
        assert next(iter(tar)).name == "x/nodes/a/show-version.txt"  # what is there can be read while more is written
    archive.__exit__(KeyboardInterrupt, None, None)
    files, manifest = bundle(path)
    assert files["nodes/a/show-version.txt"] == "text\n"
    assert not manifest["complete"]


def test_variables_with_secrets_are_masked_alike(tmp_path: Path) -> None:
    variables = {"IKEV2_PSK": "a b c d", "OTHER_KEY": "a b c d", "LOG": "debug"}
    value = {"metadata": {"managedFields": [{"x": "a b c d"}]}, "env": [{"name": name, "value": text} for name, text in variables.items()]}
    with Archive(tmp_path / "x.tar.gz", Masker()) as archive:
        archive.add_object(archive.part(""), Entry("pods"), value)
    found = json.loads(bundle(tmp_path / "x.tar.gz")[0]["cluster/pods.json"])
    assert "a b c d" not in str(found)
    assert found["env"][0]["value"] == found["env"][1]["value"]
    assert found["env"][2]["value"] == "debug"


def findings(server: ApiServer, *words: str) -> tuple[int, dict[tuple[str, str], tuple[str, str]]]:
    done = kube(server, "doctor", "--output", "json", *words)
    return done.returncode, {(each["node"], each["check"]): (each["state"], each["detail"]) for each in json.loads(done.stdout)}


def test_a_node_in_good_health(live: ApiServer) -> None:
    _, found = findings(live, "node-a")
    assert found["node-a", "socket"] == ("ok", "/var/run/vpp/cli.sock")
    assert found["node-a", "vpp"][0] == "ok"
    assert found["node-a", "vpp"][1].startswith("vpp v26.10")
    assert found["node-a", "capture"] == ("ok", "nobody captures")
    assert "free" in found["node-a", "hugepages"][1]


def test_nodes_with_troubles(server: ApiServer) -> None:
    server.cluster.nodes["node-b"].ready = False
    server.cluster.remove_pod(server.cluster.pods[SPACE, "calico-vpp-node-3x"])
    broken: Pod = server.cluster.pods[SPACE, "calico-vpp-node-2x"]
    broken.containers[0] = Container("vpp", ready=False, restarts=7)
    (server.cluster.pods[SPACE, POD].root / "tmp/calicovppctl.lock").write_text("?")
    status, found = findings(server)
    assert status == 1
    assert found["node-a", "socket"] == ("bad", "/var/run/vpp/cli.sock is not there: VPP does not run")
    assert found["node-a", "vpp"][0] == "bad"
    assert found["node-a", "capture"][0] == "note"
    assert found["node-a", "driver"][0] == "note"
    assert found["node-b", "node"] == ("bad", "172.18.0.5, not ready")
    assert found["node-b", "container"][0] in ("bad", "ok")
    assert found["node-c", "pod"] == ("bad", "no pod with VPP runs on this node")
    lines = kube(server, "doctor", "node-b").stdout.splitlines()
    assert "node-b  bad   container   vpp: CrashLoopBackOff, 7 restarts" in lines
