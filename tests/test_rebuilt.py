"""Configurations rebuilt from show answers: which answer is which, what is made of them, that packets go the same way."""

from __future__ import annotations

import re
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.traces import RECORDINGS, read, recordings
from vppsh.errors import InputFileError, UsageError
from vppsh.grammar.scripts import run_lines
from vppsh.kube.bundle.archive import Archive, Entry
from vppsh.rebuilt.build import rebuild
from vppsh.rebuilt.bundle import read_answers
from vppsh.rebuilt.configure import configure
from vppsh.rebuilt.node import Node
from vppsh.rebuilt.recipe import Recipe
from vppsh.rebuilt.routes import Routes
from vppsh.rebuilt.sections import Section, in_full, read_sections
from vppsh.recheck import Report, recheck
from vppsh.session import Session
from vppsh.startup import make_session
from vppsh.targets.masking import Masker
from vppsh.traces.text import packets_of

pytestmark = pytest.mark.usefixtures("names_of_host")
Run = Callable[..., "subprocess.CompletedProcess[str]"]
RECIPES = Path(__file__).resolve().parent.parent / "recipes"
ASKED = (
    "show interface", "show hardware-interfaces", "show interface address", "show ip table", "show ip6 table",
    "show ip fib", "show ip6 fib",
    "show ip neighbors", "show ip6 neighbors", "show ipip tunnel", "show gre tunnel", "show vxlan tunnel", "show bridge-domain",
    "show l2fib all", "show ipsec sa", "show ipsec protect", "show wireguard interface", "show wireguard peer",
)  # fmt: skip


def session_of(lines: list[str]) -> Session:
    """A session whose dataplane has executed lines."""
    session = make_session()
    for line in lines:
        session.execute(line)
        session.settle()
    return session


def told(session: Session) -> str:
    """What a node answers, as it looks in a terminal."""
    lines = list(ASKED)
    lines += [
        f"show bridge-domain {number} detail"
        for number in re.findall(r"^ +(\d+) +\d+ +\d+ ", session.execute("show bridge-domain").text, re.MULTILINE)
    ]
    lines += [f"show ipsec sa {index}" for index in re.findall(r"^\[(\d+)\]", session.execute("show ipsec sa").text, re.MULTILINE)]
    lines += [f"show interface features {each.name}" for each in session.engine.interfaces]
    return "".join(f"vpp# {line}\n{session.execute(line).text}\n" for line in lines)


def rebuilt(sections: list[Section]) -> tuple[Recipe, Node, Session]:
    session = make_session()

    def execute(line: str) -> tuple[str, bool]:
        answer = session.execute(line)
        session.settle()
        return answer.text, answer.failed

    return *rebuild(sections, execute), session


def configuration(recipe: Path) -> list[str]:
    """The lines of a recipe before its packets are sent."""
    found = []
    for line in run_lines(recipe.read_text().split("\n"), recipe.name):
        if "enable-stream" in line.text:
            break
        if not line.text.startswith(("%", "packet-generator", "trace ")):
            found.append(line.text)
    return found


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("sh int", "show interface"),
        ("show int addr", "show interface address"),
        ("sh hardware", "show hardware-interfaces"),
        ("show interface pg0 features", "show interface features"),
        ("show interface features pg0", "show interface features"),
        ("show ip fib table 7", "show ip fib"),
        ("show ip fib index 3 10.0.0.0/8", "show ip fib"),
        ("show ip6 fib", "show ip6 fib"),
        ("show int rx", "show interface rx-placement"),
        ("show cnat translation", "show cnat translation"),
    ],
)
def test_lines_are_known_when_they_are_short(typed: str, meant: str) -> None:
    assert in_full(typed) == meant


@pytest.mark.parametrize(
    "prompt", ["vpp# ", "DBGvpp# ", "root@node1:~# vppctl ", "$ sudo vppctl -s /run/vpp/cli.sock ", "=== ", "### ", "[node1] ", "node1: "]
)
def test_answers_are_found_behind_any_prompt(prompt: str) -> None:
    text = f"{prompt}show int addr\npg0 (up):\n  L3 10.0.0.1/24\n{prompt}show errors\n   Count  Node  Reason  Severity\n"
    assert [(section.line, section.lines[0]) for section in read_sections(text.split("\n"))] == [
        ("show interface address", "pg0 (up):"),
        ("show errors", "   Count  Node  Reason  Severity"),
    ]


def test_answers_to_longer_lines_are_not_taken_for_those_to_shorter_ones() -> None:
    text = "vpp# show interface span\nSource  Destination\npg0  pg1 (both)\nvpp# show ip table 7\nshow ip table: Couldn't find it\n"
    assert [section.line for section in read_sections(text.split("\n"))] == ["show interface ...", "show ip table ..."]


def test_numbers_of_tables_may_have_32_bits() -> None:
    """As a control plane has them: VPP's commands read them as signed."""
    session = session_of(
        ["ip table add -775096599 name pod", "create loopback interface", "set interface ip table loop0 -775096599",
         "set interface ip address loop0 11.0.0.1/32", "ip route add 10.0.0.0/8 table -775096599 via ip4-lookup-in-table 0"]
    )  # fmt: skip
    text = told(session)
    assert "table_id:3519870697 pod" in text
    recipe, _, again = rebuilt(read_sections(text.split("\n")))
    assert not recipe.notes
    assert again.execute("show interface address").text == session.execute("show interface address").text


def test_answers_are_known_by_their_shape() -> None:
    session = session_of(configuration(RECIPES / "router.vpp"))
    lines = [line for line in ASKED if session.execute(line).text.strip() and not session.execute(line).text.startswith(("No ", "no "))]
    bare = "".join(session.execute(line).text + "\n" for line in lines)
    found = [section.line for section in read_sections(bare.split("\r\n" if "\r\n" in bare else "\n"))]
    # The two families have one shape, and what follows on its like is part of it.
    assert list(dict.fromkeys(line.replace("ip6", "ip") for line in lines if "l2fib" not in line and "bridge" not in line)) == [
        line for line in found if "l2fib" not in line and "bridge" not in line
    ]


@pytest.mark.parametrize("recipe", sorted(RECIPES.glob("*.vpp")), ids=lambda path: path.stem)
def test_a_recipe_is_no_file_of_answers(recipe: Path) -> None:
    assert not read_sections(recipe.read_text().split("\n"))
    assert not read_sections(["# show interface", "create loopback interface", "# show ip fib: what there is", "show interface"])


# What each lacks when it is rebuilt.
LACKING = {
    "bond": {"the feature bond-input of device-input is not rebuilt"},
    "mpls": {
        "mpls-tunnel0 is none of the tunnels that are rebuilt: what is sent by it ends there",
        "routes of MPLS labels are not rebuilt",
    },
    "router": {"sub-interfaces are taken for 802.1Q with the VLAN of their number: pg0.20"},
    "wireguard": {"peers of WireGuard have no session here: packets to them are held up by a handshake, those of theirs not decrypted"},
}


@pytest.mark.parametrize(
    "name",
    [
        "bond", "bridge", "calico-ipsec", "ecmp", "first-packet", "ipip", "ipsec-tunnel", "ipv6-nd", "mpls", "pmtu", "router", "vrf",
        "vxlan-l2", "wireguard",
    ],
)  # fmt: skip
def test_a_node_is_rebuilt_from_what_it_answers(name: str) -> None:
    original = session_of(configuration(RECIPES / f"{name}.vpp"))
    text = told(original)
    made, _, session = rebuilt(read_sections(text.split("\n")))
    assert set(made.notes) == LACKING.get(name, set())
    again = Node(read_sections(told(session).split("\n")))
    first = Node(read_sections(text.split("\n")))
    assert not list(Routes(first).missing(again))
    assert not list(Routes(again).missing(first))
    assert {(each.name, each.state, each.mtu) for each in again.interfaces} == {
        (each.name, each.state, each.mtu) for each in first.interfaces
    }
    assert again.addresses == first.addresses
    assert {(each.interface, each.address, each.mac) for each in again.neighbors} == {
        (each.interface, each.address, each.mac) for each in first.neighbors
    }


def test_a_rebuilt_node_treats_packets_alike(vppsh: Run, tmp_path: Path) -> None:
    """Traced on one node, replayed on another that was made of the first one's answers, and on one of the lines that are printed."""
    lines = configuration(RECIPES / "router.vpp")
    session = session_of(lines)
    answers, trace, printed = tmp_path / "answers.txt", tmp_path / "trace.txt", tmp_path / "printed.vpp"
    answers.write_text(told(session))
    for number, destination in enumerate(("10.0.0.1", "10.0.1.2", "192.0.2.77", "224.0.0.5")):
        data = f"IP4: 02:00:00:00:00:02 -> 02:fe:00:00:00:01 UDP: 10.0.0.2 -> {destination} UDP: 1 -> 2 incrementing 22"
        session.execute(f"packet-generator new {{ name s{number} limit 1 size 64-64 interface pg0 node ethernet-input data {{ {data} }} }}")
    session.execute("trace add pg-input 100")
    session.execute("packet-generator enable-stream")
    session.settle()
    trace.write_text(session.execute("show trace").text)
    done = vppsh("replay", trace, "--config", answers)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("4 packets replayed\n  agree           4\nconfigured by answers of the node: ")
    done = vppsh("replay", "--config", answers, "--print-config")
    assert done.returncode == 0
    printed.write_text(done.stdout)
    assert vppsh("replay", "--config", printed, trace).stdout == "4 packets replayed\n  agree           4\n"


DEVICES = """\
root@node1:~# vppctl show int
              Name               Idx    State  MTU (L3/IP4/IP6/MPLS)     Counter          Count
GigabitEthernet0/8/0              1      up          1500/0/0/0     rx packets                     1
local0                            0     down          0/0/0/0
tun3                              2      up          0/0/0/0
root@node1:~# vppctl show hardware-interfaces
              Name                Idx   Link  Hardware
GigabitEthernet0/8/0               1     up   GigabitEthernet0/8/0
  Link speed: 10 Gbps
  Ethernet address 02:fe:00:00:00:01
  Intel 82599
local0                             0    down  local0
  local
tun3                               2     up   tun3
  VIRTIO interface
root@node1:~# vppctl show int addr
GigabitEthernet0/8/0 (up):
  L3 192.168.1.1/24
local0 (dn):
tun3 (up):
  unnumbered, use GigabitEthernet0/8/0
  L3 192.168.1.1/24
root@node1:~# vppctl show ip table
[0] table_id:0 ipv4-VRF:0
[1] table_id:7 pod-one
root@node1:~# vppctl show ip fib
ipv4-VRF:0, fib_index:0, flow hash:[src dst sport dport proto flowlabel ] epoch:0 flags:none locks:[default-route:1, ]
10.96.0.10/32
  unicast-ip4-chain
  [@0]: dpo-load-balance: [proto:ip4 index:19 buckets:1 uRPF:18 to:[0:0]]
    [0] [@17]: [3] cnat-client:[10.96.0.10] tr:1 sess:0 locks:5 flags: 10 exclusive
11.0.0.1/32
  unicast-ip4-chain
  [@0]: dpo-load-balance: [proto:ip4 index:20 buckets:1 uRPF:19 to:[0:0]]
    [0] [@5]: ipv4 via 0.0.0.0 tun3: mtu:9000 next:4 flags:[]
203.0.113.0/24
  unicast-ip4-chain
  [@0]: dpo-load-balance: [proto:ip4 index:21 buckets:1 uRPF:20 to:[0:0]]
    [0] [@5]: ipv4 via 192.168.1.254 GigabitEthernet0/8/0: mtu:1500 next:3 flags:[] 02000000000902fe000000010800
pod-one, fib_index:1, flow hash:[src dst sport dport proto flowlabel ] epoch:0 flags:none locks:[CLI:1, ]
0.0.0.0/0
  unicast-ip4-chain
  [@0]: dpo-load-balance: [proto:ip4 index:22 buckets:1 uRPF:21 to:[0:0]]
    [0] [@13]: dst-address,unicast lookup in ipv4-VRF:0
"""
DPDK = """\
------------------- Start of thread 0 vpp_main -------------------
Packet 1

00:00:01:000000: dpdk-input
  GigabitEthernet0/8/0 rx queue 0
  PKT MBUF: port 0, nb_segs 1, pkt_len 98
  IP4: 02:00:00:00:00:09 -> 02:fe:00:00:00:01
  UDP: 203.0.113.5 -> 11.0.0.1
    tos 0x00, ttl 64, length 84, checksum 0x3393 dscp CS0 ecn NON_ECN
    fragment id 0x0000
  UDP: 1 -> 2
    length 64, checksum 0x0000
00:00:01:000001: ethernet-input
  frame: flags 0x1, hw-if-index 1, sw-if-index 1
  IP4: 02:00:00:00:00:09 -> 02:fe:00:00:00:01
00:00:01:000002: ip4-input
  UDP: 203.0.113.5 -> 11.0.0.1
    tos 0x00, ttl 64, length 84, checksum 0x3393 dscp CS0 ecn NON_ECN
    fragment id 0x0000
  UDP: 1 -> 2
    length 64, checksum 0x0000
00:00:01:000003: ip4-lookup
  fib 0 dpo-idx 4 flow hash: 0x00000000
  UDP: 203.0.113.5 -> 11.0.0.1
    tos 0x00, ttl 64, length 84, checksum 0x3393 dscp CS0 ecn NON_ECN
    fragment id 0x0000
  UDP: 1 -> 2
    length 64, checksum 0x0000
00:00:01:000004: ip4-rewrite
  tx_sw_if_index 2 dpo-idx 4 : ipv4 via 0.0.0.0 tun3: mtu:9000 next:4 flags:[] flow hash: 0x00000000
  00000000: 450000540000000000
00:00:01:000005: tun3-output
  tun3 flags 0x00080000
00:00:01:000006: tun3-tx
  buffer 0x1
"""


def test_devices_of_other_kinds_have_stand_ins() -> None:
    recipe, node, session = rebuilt(read_sections(DEVICES.split("\n")))
    assert recipe.lines == [
        "ip table add 7 name pod-one",
        "create packet-generator interface pg100 hw-addr 02:fe:00:00:00:01",
        "set interface name pg100 GigabitEthernet0/8/0",
        "set interface mtu packet 1500 GigabitEthernet0/8/0",
        "set interface state GigabitEthernet0/8/0 up",
        "create packet-generator interface pg101 mode ip4",
        "set interface name pg101 tun3",
        "set interface state tun3 up",
        "set interface ip address GigabitEthernet0/8/0 192.168.1.1/24",
        "set interface unnumbered tun3 use GigabitEthernet0/8/0",
        "set ip neighbor GigabitEthernet0/8/0 192.168.1.254 02:00:00:00:00:09 no-fib-entry",
        "ip route add 203.0.113.0/24 via 192.168.1.254 GigabitEthernet0/8/0",
        "ip route add 0.0.0.0/0 table 7 via ip4-lookup-in-table 0",
        "ip route add 11.0.0.1/32 via tun3",
    ]
    assert recipe.notes == {"routes that lead to cnat-client are not rebuilt": 1}
    assert "11.0.0.1/32" in session.execute("show ip fib 11.0.0.1").text
    assert not node.odd


def test_packets_enter_by_the_device_that_the_trace_names(vppsh: Run, tmp_path: Path) -> None:
    answers, trace = tmp_path / "node1.txt", tmp_path / "trace.txt"
    answers.write_text(DEVICES)
    trace.write_text(DPDK)
    done = vppsh("replay", trace, "--config", answers)
    assert done.stdout == (
        "1 packet replayed\n  agree           1\n"
        "configured by answers of the node: 2 interfaces, 1 addresses, 1 neighbours, 3 routes, 7 other lines\n"
        "  lacking: routes that lead to cnat-client are not rebuilt\n"
    )
    assert done.returncode == 0


def test_associations_without_keys_encrypt_and_say_so() -> None:
    session = session_of(configuration(RECIPES / "ipsec-tunnel.vpp"))
    text = told(session)
    with_keys, _, _ = rebuilt(read_sections(text.split("\n")))
    assert not with_keys.notes
    hidden = re.sub(r" key [0-9a-f]{8,}", " key [redacted]", text)
    without, _, masked = rebuilt(read_sections(hidden.split("\n")))
    assert list(without.notes) == [
        "keys of associations are masked: packets are encrypted with others, and those that come in cannot be decrypted"
    ]
    assert re.sub(r"key [0-9a-f]+", "key", "\n".join(without.lines)) == re.sub(r"key [0-9a-f]+", "key", "\n".join(with_keys.lines))
    assert masked.execute("show ipsec protect").text == session.execute("show ipsec protect").text


@pytest.fixture(scope="module")
def everything() -> list[str]:
    """The lines of answers of several nodes."""
    return "".join(told(session_of(configuration(RECIPES / f"{name}.vpp"))) for name in ("router", "ipsec-tunnel", "vxlan-l2")).split("\n")


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_damaged_answers_do_no_harm(everything: list[str], data: st.DataObject) -> None:
    """Lines that are missing, moved, cut or overwritten: what is left is read, and nothing fails."""
    lines = list(everything)
    for _ in range(data.draw(st.integers(1, 30))):
        at = data.draw(st.integers(0, len(lines) - 1))
        change = data.draw(st.sampled_from(["remove", "move", "cut", "overwrite"]))
        if change == "remove":
            del lines[at : at + data.draw(st.integers(1, 10))]
        elif change == "move":
            lines.insert(data.draw(st.integers(0, len(lines))), lines[at])
        elif change == "cut":
            lines[at] = lines[at][: data.draw(st.integers(0, 60))]
        else:
            lines[at] = lines[at][:20] + data.draw(st.text(max_size=20)) + lines[at][40:]
        lines = lines or [""]
    recipe, _ = rebuild(read_sections(lines), lambda line: ("", False))
    assert all("\n" not in line for line in recipe.lines)


def test_what_is_not_rebuilt_is_said() -> None:
    sections = [
        Section("show interface", ["pg0                               1      up          9000/0/0/0"]),
        Section("show cnat translation", ["[1] TCP 10.96.0.10:53"]),
        Section("show acl-plugin acl", []),
        Section("show npol interfaces", ["No interfaces with policies configured"]),
        Section("show ip fib", ["what is this"]),
    ]
    recipe, _, _ = rebuilt(sections)
    assert set(recipe.notes) == {
        "no answer tells MAC addresses: packets to them are taken for those of others: pg0",
        "not rebuilt, so that packets pass without it: services (cnat) (`show cnat translation')",
        "lines of answers that were not understood: 'what is this' ...",
    }
    assert recipe.text.startswith("# lacking: no answer tells MAC addresses")


def archive(path: Path, nodes: dict[str, dict[str, str]]) -> None:
    """An archive as `vppsh kube export` writes it."""
    with Archive(path, Masker()) as found:
        found.add(found.part(""), Entry("nodes"), "{}\n", ".json")
        for node, answers in nodes.items():
            part = found.part(node, f"calico-vpp-node-{node}")
            for line, text in answers.items():
                found.add(part, Entry(line), text)
            found.add(part, Entry("show sr policies", refused=True), "show: unknown input `sr policies'\n")
            part.entries.append(Entry("show cnat client", error="the node is lost"))


def test_an_archive_of_several_nodes(tmp_path: Path) -> None:
    path = tmp_path / "export.tar.gz"
    archive(
        path, {"node1": {"show interface address": "pg0 (up):\n  L3 10.0.0.1/24\n"}, "node2": {"show interface address": "pg7 (dn):\n"}}
    )
    assert [(each.line, each.lines[0]) for each in read_answers(str(path), "node2")] == [("show interface address", "pg7 (dn):")]
    with pytest.raises(UsageError, match="say with --node which one: node1, node2"):
        read_answers(str(path))
    with pytest.raises(UsageError, match=r"--node node3: .* has node1, node2"):
        read_answers(str(path), "node3")
    archive(path, {"only": {"show interface address": "pg0 (up):\n"}})
    assert len(read_answers(str(path))) == 1
    with tarfile.open(path) as tar:
        tar.extractall(tmp_path / "out", filter="data")
    assert len(read_answers(str(tmp_path / "out" / "export"))) == 1


def test_folders_and_files_that_cannot_be_read(tmp_path: Path) -> None:
    folder = tmp_path / "answers"
    folder.mkdir()
    (folder / "one.txt").write_text("pg0 (up):\n  L3 10.0.0.1/24\n")
    (folder / "two.txt").write_text("[0] table_id:0 ipv4-VRF:0\n")
    assert [each.line for each in read_answers(str(folder))] == ["show interface address", "show ip table"]
    with pytest.raises(UsageError, match="has no file of it"):
        read_answers(str(folder), "node9")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputFileError, match="no answers of VPP"):
        read_answers(str(tmp_path / "empty"))
    with pytest.raises(InputFileError, match="No such file"):
        read_answers(str(tmp_path / "missing.txt"))
    broken = tmp_path / "broken.tar.gz"
    broken.write_bytes(b"\x1f\x8b nothing")
    with pytest.raises(InputFileError):
        read_answers(str(broken))


def test_a_replay_with_an_archive(vppsh: Run, tmp_path: Path) -> None:
    """Keys are masked in archives: tunnels are rebuilt all the same."""
    path, trace = tmp_path / "export.tar.gz", tmp_path / "trace.txt"
    session = session_of(configuration(RECIPES / "ipsec-tunnel.vpp"))
    sections = read_sections(told(session).split("\n"))
    answers: dict[str, str] = {}
    for section in sections:
        answers[section.line] = answers.get(section.line, "") + section.text
    archive(path, {"node1": answers, "node2": {}})
    trace.write_text(DPDK)
    done = vppsh("replay", trace, "--config", path, "--node", "node1", "--print-config")
    assert (done.returncode, done.stderr) == (0, "")
    assert "\nipsec sa add 10 " in done.stdout
    assert session.execute("show ipsec sa 0").text.partition(" key ")[2].split()[0] not in done.stdout
    assert done.stdout.startswith("# lacking: keys of associations are masked")
    assert vppsh("replay", trace, "--config", path).returncode == 2


def test_a_recipe_adds_what_answers_lack(tmp_path: Path) -> None:
    answers, recipe = tmp_path / "answers.txt", tmp_path / "more.vpp"
    answers.write_text(DEVICES)
    recipe.write_text("ip route add 10.96.0.10/32 via drop\n")
    session = make_session()
    configured = configure(session, [str(recipe), str(answers)])
    assert configured.by_index[2] == "tun3"
    assert "dpo-drop" in session.execute("show ip fib 10.96.0.10/32").text


def test_usage(vppsh: Run, tmp_path: Path) -> None:
    recipe = tmp_path / "lines.vpp"
    recipe.write_text("create loopback interface\n")
    done = vppsh("replay", "--config", recipe, "--print-config")
    assert (done.returncode, done.stdout) == (2, "")
    assert "no file given with --config has answers" in done.stderr
    assert vppsh("replay").returncode == 2


@pytest.mark.skipif(not recordings(), reason="no recorded sessions beside the checkout")
@pytest.mark.parametrize(
    "name",
    [
        "trace/01-basic", "trace/05-drops-ethernet", "ip4/32-ttl", "ip4/33-ttl-no-address", "ip4/39-urpf-strict",
        "ip4/42-mtu-dont-fragment",
        "ip4/08-route-special",
        "l2/03-learn-and-flood", "l2/18-bvi-answers-arp-and-ping", "l2/22-vlan-push",
    ],
)  # fmt: skip
def test_traces_of_vpp_itself_go_the_same_way_on_a_rebuilt_node(name: str) -> None:
    """A node configured as the recorded one is asked; what is made of its answers treats VPP's packets as it does itself."""
    if not (RECORDINGS / f"{name}.vpp").exists():
        pytest.skip("this one was not recorded")
    lines = []
    for line in read(RECORDINGS / f"{name}.vpp").splitlines():
        if "enable-stream" in line:
            break
        if not line.startswith(("#", "%", "packet-generator new", "trace")):
            lines.append(line)
    original = session_of(lines)
    sections = read_sections(told(original).split("\n"))
    session = rebuilt(sections)[2]
    packets = packets_of(read(RECORDINGS / f"{name}.txt"))
    reports = []
    for each in (original, session):
        reports.append(Report())
        for packet in packets:
            recheck(each, packet, reports[-1])
    assert reports[0].agree == reports[1].agree == reports[1].packets > 0, reports[1].text
