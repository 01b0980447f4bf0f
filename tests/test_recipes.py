"""Every recipe runs, and the capture that goes with the router is what its script makes."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from peers import WHY_NOT, needs_peers

ROOT = Path(__file__).resolve().parent.parent
RECIPES = ROOT / "recipes"
pytestmark = pytest.mark.usefixtures("names_of_host")
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def make_pcap() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_pcap", RECIPES / "make_pcap.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["make_pcap"] = module  # its dataclasses look themselves up there
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("recipe", sorted(RECIPES.glob("*.vpp")), ids=lambda path: path.stem)
def test_recipe_runs(recipe: Path, vppsh: Run) -> None:
    if WHY_NOT and "Needs root" in recipe.read_text():
        pytest.skip(WHY_NOT)
    done = vppsh("run", "--echo", recipe)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    assert "vpp# " in done.stdout
    assert "unknown input" not in done.stdout


def test_first_packet_is_forwarded_and_traced(vppsh: Run) -> None:
    answer = vppsh("run", RECIPES / "first-packet.vpp").stdout
    trace = answer.partition("Packet 1")[2]
    nodes = re.findall(r"^\d\d:\d\d:\d\d:\d{6}: (\S+)", trace, re.MULTILINE)
    assert nodes == ["pg-input", "ethernet-input", "ip4-input", "ip4-lookup", "ip4-rewrite", "pg1-output", "pg1-tx"]
    assert re.search(r"^pg1\s.* tx packets\s+10$", answer, re.MULTILINE), answer
    assert "Packet 2" not in trace


@needs_peers
def test_the_host_answers_in_the_recipe_of_the_tap(vppsh: Run) -> None:
    answer = vppsh("run", RECIPES / "tap.vpp").stdout
    assert re.search(r"116 bytes from 192\.0\.2\.2: icmp_seq=2 ttl=64", answer), answer
    trace = answer.partition("Packet 1")[2]
    nodes = re.findall(r"^\d\d:\d\d:\d\d:\d{6}: (\S+)", trace, re.MULTILINE)
    assert nodes[:3] == ["tap-input", "ethernet-input", "ip4-input"]
    assert nodes[-1] == "ip4-icmp-echo-reply"


def test_packets_of_the_recipe_cross_shared_memory(vppsh: Run) -> None:
    answer = vppsh("run", RECIPES / "memif.vpp").stdout
    assert re.search(r"^pg1\s.* tx packets\s+300$", answer, re.MULTILINE), answer
    assert "packets received: 300" in answer


def test_the_tunnel_of_the_recipe_moves_with_its_underlay(vppsh: Run) -> None:
    answer = vppsh("run", RECIPES / "ipip.vpp").stdout
    into, outof = (trace.partition("Packet 1")[2] for trace in answer.split("Start of thread 0")[1:])
    nodes = [re.findall(r"^\d\d:\d\d:\d\d:\d{6}: (\S+)", trace, re.MULTILINE) for trace in (into, outof)]
    assert nodes[0][4:7] == ["ip4-midchain", "tunnel-output", "ip4-rewrite"]
    assert nodes[1][4:7] == ["ip4-receive", "ipip4-input", "ip4-input"]
    assert nodes[1][-1] == "pg0-tx"
    assert re.findall(r"stacked-on entry:\d+:\n +\S+ ipv4 via (\S+) pg", answer)[-1] == "10.0.2.2"
    counters = answer.rpartition("Counter ")[2]
    assert re.search(r"^pg1\s(?:.*\n)+?.* tx packets\s+3$", counters, re.MULTILINE), counters
    assert re.search(r"^pg2\s.* tx packets\s+3$", counters, re.MULTILINE), counters
    assert re.search(r"^ +3 +null-node +blackholed packets", answer, re.MULTILINE), answer


def test_the_node_of_the_recipe_protects_its_pods_and_lets_no_stranger_in(vppsh: Run) -> None:
    answer = vppsh("run", RECIPES / "calico-ipsec.vpp").stdout
    listed = answer.partition("ipip0 flags:[none]\n")[2].splitlines()
    assert listed[0].strip() == "output-sa:"
    assert listed[1].strip().startswith("[0] sa 2147483648 (0x80000000) spi 3658219910 ")
    assert listed[2].strip() == "input-sa:"
    assert listed[3].strip().startswith("[1] sa 3221225472 (0xc0000000) spi 3207639915 ")
    out, back, forged = traced(answer)
    assert out[4:8] == ["ip4-midchain", "esp4-encrypt-tun", "adj-midchain-tx", "ip4-rewrite"]
    assert back[4:8] == ["ip4-receive", "ipsec4-tun-input", "esp4-decrypt-tun", "ip4-input-no-checksum"]
    assert back[-1] == "pg0-tx"
    assert forged[4:] == ["ip4-receive", "ipsec4-tun-input", "esp4-decrypt-tun", "ip4-drop", "error-drop", "drop"]
    assert re.search(r"^ +1 +esp4-decrypt-tun +SA replayed packet", answer, re.MULTILINE), answer
    assert re.search(r"^ +2 +ipsec4-tun-input +no matching tunnel", answer, re.MULTILINE), answer
    assert re.findall(r"tx/rx:\[packets:(\d+)", answer) == ["3", "3"]
    assert re.findall(r'"Decryption failed":\[packets:(\d+)', answer) == ["0", "2"]
    assert re.search(r"^pg0\s(?:.*\n)+?.* tx packets\s+1$", answer.rpartition("Counter ")[2], re.MULTILINE), answer


def test_the_offices_of_the_recipe_change_their_keys_while_packets_pass(vppsh: Run) -> None:
    answer = vppsh("run", RECIPES / "ipsec-tunnel.vpp").stdout
    out, back, late = traced(answer)
    assert out[4:8] == ["ip4-midchain", "esp4-encrypt-tun", "adj-midchain-tx", "ip4-rewrite"]
    assert back[4:8] == ["ip4-receive", "ipsec4-tun-input", "esp4-decrypt-tun", "ip4-input-no-checksum"]
    assert back[-1] == "pg0-tx"
    assert late[4:] == ["ip4-receive", "ipsec4-tun-input", "punt-dispatch", "drop"]
    # Five packets by each pair of keys, one answer by each.
    assert re.findall(r"tx/rx:\[packets:(\d+)", answer) == ["5", "1"]
    counters = answer.rpartition("Counter ")[2]
    assert re.search(r"^pg1\s(?:.*\n)+?.* tx packets\s+10$", counters, re.MULTILINE), counters
    assert re.search(r"^pg0\s(?:.*\n)+?.* tx packets\s+2$", counters, re.MULTILINE), counters


def traced(answer: str) -> list[list[str]]:
    """The nodes that the first packet of every trace went through."""
    traces = (trace.partition("Packet 1")[2] for trace in answer.split("Start of thread 0")[1:])
    return [re.findall(r"^\d\d:\d\d:\d\d:\d{6}: (\S+)", trace, re.MULTILINE) for trace in traces]


def test_the_summary_of_a_replay_adds_up(vppsh: Run) -> None:
    done = vppsh("replay", RECIPES / "office.pcap", "--config", RECIPES / "router.vpp", "--trace", 2)
    assert done.returncode == 0, done.stdout + done.stderr
    traces, _, summary = done.stdout.partition("packets from")
    counted: dict[str, int] = {}
    for what, number in re.findall(r"^  (in|made here|out|dropped|punted)\s+(\d+)\b", summary, re.MULTILINE):
        counted[what] = counted.get(what, 0) + int(number)
    assert counted["in"] == len(frames(RECIPES / "office.pcap"))
    assert counted["in"] + counted["made here"] == counted["out"] + counted["dropped"] + counted["punted"], summary
    # The first asks for the router and is answered, the second is forwarded to the servers' VLAN.
    first, second = traces.split("Packet 2\n")
    assert re.findall(r": (arp-reply|pg0-tx)$", first, re.MULTILINE) == ["arp-reply", "pg0-tx"]
    assert re.search(r": ip4-rewrite\n  tx_sw_if_index \d+ .* pg0\.20:", second)
    for reason in (
        "ip4-input: bad ip4 checksum",
        "ip4-input: ip4 ttl <= 1",
        "ethernet-input: unknown vlan",
        "ethernet-input: l3 mac mismatch",
    ):
        assert reason in summary


def test_the_capture_is_what_the_script_makes(make_pcap: ModuleType, tmp_path: Path) -> None:
    make_pcap.write(tmp_path / "again.pcap", make_pcap.small_capture(seed=26))
    assert (tmp_path / "again.pcap").read_bytes() == (RECIPES / "office.pcap").read_bytes()


def frames(path: Path) -> list[bytes]:
    data, at, found = path.read_bytes(), 24, []
    while at < len(data):
        length = int.from_bytes(data[at + 8 : at + 12], "little")
        found.append(data[at + 16 : at + 16 + length])
        at += 16 + length
    return found


def test_a_long_capture_has_the_number_asked_for_and_right_checksums(make_pcap: ModuleType, tmp_path: Path) -> None:
    """Repetitions change ports and identifications: the checksums must follow."""
    from scapy.layers.inet import IP, TCP, UDP
    from scapy.layers.l2 import Ether

    day = sum(conversation for _, _, conversation in make_pcap.by_time(26))
    wanted = 3 * day
    make_pcap.write(tmp_path / "long.pcap", make_pcap.long_capture(seed=26, packets=wanted))
    made = frames(tmp_path / "long.pcap")
    assert len(made) == wanted
    seen = set()
    for index in np.random.default_rng(5).integers(day, wanted, 150):
        packet = Ether(made[index])
        for layer in (IP, TCP, UDP):
            fragment = IP in packet and (packet[IP].flags.MF or packet[IP].frag)
            if layer in packet and not (fragment and layer is not IP):
                again = packet.copy()
                del again[layer].chksum
                assert Ether(bytes(again))[layer].chksum == packet[layer].chksum, (index, layer)
                seen.add(layer)
    assert seen == {IP, TCP, UDP}


def test_a_neighbor_is_asked_for_answers_and_is_reached(vppsh: Run) -> None:
    answer = vppsh("run", "--echo", RECIPES / "ipv6-nd.vpp").stdout
    traces = answer.split("vpp# show trace\n")[1:]
    ends = [re.findall(r"^\d\d:\d\d:\d\d:\d{6}: (\S+)", trace, re.MULTILINE)[-5:] for trace in traces]
    assert ends[0] == ["ip6-glean", "ip6-drop", "error-drop", "pg1-tx", "drop"]
    assert ends[1][-3:] == ["ip6-rewrite", "pg1-output", "pg1-tx"]
    assert ends[2][-3:] == ["icmp6-neighbor-solicitation", "pg0-output", "pg0-tx"]
    assert re.search(r"2001:db8::2 +D +02:00:00:00:00:02 pg0\n", traces[2])
    assert re.search(r"2001:db8:1::2 +D +02:00:00:00:01:02 pg1\n", traces[2])


def sent(answer: str) -> list[dict[str, int]]:
    """Packets that each interface has transmitted, as each `show interface` in an answer tells."""
    tables = []
    for part in answer.split("vpp# show interface\n")[1:]:
        rows = re.findall(r"^(\S*).*?(?: (tx packets) +(\d+))?$", part.partition("vpp# ")[0], re.MULTILINE)
        name, counts = "", {}
        for begun, counter, count in rows:
            name = begun or name
            if counter:
                counts[name] = int(count)
        tables.append(counts)
    return tables


def test_flows_are_spread_by_weight_and_by_what_is_hashed(vppsh: Run) -> None:
    answer = vppsh("run", "--echo", RECIPES / "ecmp.vpp").stdout
    equal, one_flow, weighted, by_address, fallen_back = sent(answer)
    assert sum(equal.values()) == sum(weighted.values()) == 4096
    # Five standard deviations of so many fair choices.
    assert abs(equal["pg1"] - 2048) < 5 * (4096 * 0.5 * 0.5) ** 0.5
    assert abs(weighted["pg1"] - 3072) < 5 * (4096 * 0.75 * 0.25) ** 0.5
    assert list(one_flow.values()) == list(by_address.values()) == [4096]
    assert fallen_back == {"pg3": 4096}
    hashes = re.findall(r"^  tx_sw_if_index (\d) .* flow hash: 0x(\w+)$", answer, re.MULTILINE)
    assert {bucket for bucket, _ in hashes} == {"2", "3"}
    assert all(int(value, 16) & 1 == int(bucket) - 2 for bucket, value in hashes)


def test_equal_addresses_in_two_tables_do_not_meet(vppsh: Run) -> None:
    answer = vppsh("run", "--echo", RECIPES / "vrf.vpp").stdout
    red, blue, back = answer.split("vpp# show trace\n")[1:]
    assert re.search(r": lookup-ip4-dst\n +fib-index:0 addr:10\.9\.0\.2 ", red)
    assert re.search(r": pg2-tx$", red, re.MULTILINE)
    assert re.search(r": drop\n  null-node: blackholed packets$", blue, re.MULTILINE)
    assert re.search(r"ipv4 via 10\.0\.0\.2 pg0: ", back)
    assert sent(answer) == [{"pg0": 1, "pg2": 1}]
    assert len(re.findall(r"to:\[1:50\]\]\n    \[0\] \[@13\]: dst-address,unicast lookup in (?:ipv4-VRF:0|red)$", back, re.MULTILINE)) == 2


def test_senders_are_told_the_mtu_and_what_may_be_cut_is(vppsh: Run) -> None:
    answer = vppsh("run", "--echo", RECIPES / "pmtu.vpp").stdout
    whole, shorter, divisible, six, far = answer.split("vpp# show trace\n")[1:]
    assert "ip4-input: ip4 MTU exceeded and DF set" in whole
    assert "ICMP destination_unreachable fragmentation_needed_and_dont_fragment_set" in whole
    assert (1400).to_bytes(4, "big").hex() in whole
    assert re.search(r": pg1-tx$", shorter, re.MULTILINE)
    assert "flags DONT_FRAGMENT" in shorter
    assert "mtu: 1400 pkt-size: 1500 fragments: 2 next: 0" in divisible
    assert "ICMP packet_too_big" in six
    assert "ip6-input: ip6 MTU exceeded" in six
    assert sent(answer)[-1] == {"pg0": 2, "pg1": 3}
    assert "ip4-pmtu-dpo\n  path mtu:600 packet size:1500\n" in far
    assert far.count("mtu:1400 next:") == 3


def test_the_sites_of_the_recipe_reach_each_other(vppsh: Run) -> None:
    answer = vppsh("run", RECIPES / "wireguard.vpp").stdout
    assert answer.count("flags: 2") == 2
    trace = answer.partition("Start of thread 0")[2]
    nodes = re.findall(r"^\d\d:\d\d:\d\d:\d{6}: (\S+)", trace, re.MULTILINE)
    assert nodes[4:7] == ["ip4-midchain", "wg4-output-tun", "adj-midchain-tx"]
    assert nodes[9:12] == ["ip4-udp-lookup", "wg4-input", "ip4-input-no-checksum"]
    assert nodes[-1] == "pg1-tx"
    counters = answer.rpartition("Counter ")[2]
    assert re.search(r"^pg1\s(?:.*\n)+?.* tx packets\s+3$", counters, re.MULTILINE), counters
    assert re.search(r"^pg0\s(?:.*\n)+?.* tx packets\s+2$", counters, re.MULTILINE), counters
