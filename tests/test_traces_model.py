"""What traces say: fields of nodes, flows through tunnels, verdicts, groups of equal paths."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.traces import RECORDINGS, dropped, forwarded, ip4, read, recorded_packets, recordings, shown, steps
from vppsh.traces.compare import compare, show_comparison
from vppsh.traces.fields import parse, template
from vppsh.traces.flows import flows
from vppsh.traces.graph import dot, picture
from vppsh.traces.groups import Groups, show_groups
from vppsh.traces.jsonl import packet_value, read_lines, write_line
from vppsh.traces.model import Packet
from vppsh.traces.text import packets_of
from vppsh.traces.top import show_top, top
from vppsh.traces.verdict import Outcome, verdict

recorded = pytest.mark.skipif(not recordings(), reason="no recorded sessions beside the checkout")

# What VPP itself garbles or leaves out of its format, so that nobody can say what it means.
GARBLED = ("$U", "(should be 0xffff)", "version 0, header length 0", "no table", "udp-ping-local: src")


def scenario(name: str) -> list[Packet]:
    [path] = RECORDINGS.glob(f"*/{name}.txt")
    return packets_of(read(path))


@recorded
def test_every_line_of_the_recorded_traces_is_understood() -> None:
    unknown = {
        (step.node, line)
        for packet in recorded_packets()
        for step in packet.steps
        for line in step.fields.other
        if not any(mark in line for mark in GARBLED)
    }
    assert not unknown


@recorded
def test_every_recorded_packet_gets_a_verdict() -> None:
    outcomes = {verdict(packet).outcome for packet in recorded_packets()}
    assert outcomes == {Outcome.SENT, Outcome.DROPPED, Outcome.PUNTED, Outcome.REFUSED, Outcome.ANSWERED, Outcome.HELD}


@pytest.mark.parametrize(
    ("node", "text", "values"),
    [
        ("ip4-lookup", "  fib 0 dpo-idx 4 flow hash: 0x00000010", {"fib": 0, "dpo": 4, "flow_hash": 16}),
        ("memif-input", "  memif: hw_if_index 3 next-index 4\n    slot: ring 1", {"hw_if_index": 3, "next": 4, "queue": 1}),
        (
            "virtio-input",
            (
                "  virtio: hw_if_index 1 next-index 4 vring 0 len 98\n"
                "    hdr: flags 0x00 gso_type 0x00 hdr_len 0 gso_size 0 csum_start 0 csum_offset 0 num_buffers 1"
            ),
            {
                "hw_if_index": 1,
                "next": 4,
                "queue": 0,
                "bytes": 98,
                "vnet_flags": 0,
                "gso_type": 0,
                "header_length": 0,
                "gso_size": 0,
                "checksum_start": 0,
                "checksum_offset": 0,
                "buffers": 1,
            },
        ),
        (
            "rdma-input",
            "  rdma: eth1 (1) next-node bond-input l2-ok l3-ok ip4 udp",
            {"interface": "eth1", "hw_if_index": 1, "next": "bond-input", "flags": " l2-ok l3-ok ip4 udp"},
        ),
        (
            "avf-input",
            "  avf: avf-0/3b/2/0 (1) qid 0 next-node ethernet-input flags dd eop",
            {"interface": "avf-0/3b/2/0", "hw_if_index": 1, "queue": 0, "next": "ethernet-input", "flags": " flags dd eop"},
        ),
        (
            "vmxnet3-input",
            "  vmxnet3: vmxnet3-0/b/0/0 (1) next-node ethernet-input",
            {"interface": "vmxnet3-0/b/0/0", "hw_if_index": 1, "next": "ethernet-input"},
        ),
        (
            "af-packet-input",
            (
                "  af_packet: hw_if_index 1 rx-queue 0 next-index 4\n    block 0:\n      address 0x7f version 2 seq_num 1 pkt_num 0\n"
                "    tpacket3_hdr:\n      status 0x20000001 len 42 snaplen 42 mac 92 net 106\n      sec 0x5f nsec 0x1 vlan 0 vlan_tpid 0"
            ),
            {
                "hw_if_index": 1,
                "queue": 0,
                "next": 4,
                "block": 0,
                "status": 0x20000001,
                "bytes": 42,
                "captured": 42,
                "mac_offset": 92,
                "net_offset": 106,
                "seconds": 0x5F,
                "nanoseconds": 1,
                "vlan": "0 vlan_tpid 0",
            },
        ),
        (
            "host-eth0-tx",
            "  af_packet: hw_if_index 1 tx-queue 0\n    tpacket2_hdr:\n      status 0x1 len 64 snaplen 64 mac 0 net 0\n    buffer 0xfff0:",
            {"hw_if_index": 1, "queue": 0, "status": 1, "bytes": 64, "captured": 64, "mac_offset": 0, "net_offset": 0, "buffer": 0xFFF0},
        ),
        (
            "gtpu4-input",
            "  GTPU decap from gtpu_tunnel0 forwarding bad-header teid 7, next 2 error 0, flags: 0x30, type: 255, length: 68",
            {"tunnel": "gtpu_tunnel0", "forwarding": "bad-header", "teid": 7, "next": 2, "error_number": 0},
        ),
        (
            "arping-input",
            "  sw-if-index: 1, opcode: reply, from 02:00:00:00:00:01 (10.0.0.2)",
            {"sw_if_index": 1, "opcode": "reply", "sender": "02:00:00:00:00:01", "sender_address": "10.0.0.2"},
        ),
        ("vxlan4-input", "  VXLAN decap error - tunnel for vni 14 does not exist", {"vni": 14}),
        (
            "esp4-decrypt-tun",
            "  esp: crypto aes-gcm-256 integrity none pkt-seq 7 sa-seq 6 pkt-seq-hi 0",
            {"crypto": "aes-gcm-256", "integrity": "none", "seq": 7, "sa_seq": 6, "seq_high": 0},
        ),
        ("drop", "  ip4-input: ip4 ttl <= 1", {"error_node": "ip4-input", "error": "ip4 ttl <= 1"}),
        (
            "worker-handoff",
            "  worker-handoff: sw_if_index 1, next_worker 2, buffer 0x10",
            {"sw_if_index": 1, "next_worker": 2, "buffer": 16},
        ),
    ],
)
def test_values(node: str, text: str, values: dict[str, object]) -> None:
    found = parse(node, text)
    assert found.values == values
    assert found.other == ()


def test_headers_of_a_node_that_nobody_knows() -> None:
    found = parse("my-node", f"  mine: 7\n{ip4('10.0.0.1', '10.0.0.2', '5 -> 6', ident=9)}  some words")
    assert [header.name for header in found.headers] == ["ip4", "udp"]
    assert found.headers[0].values["id"] == 9
    assert (found.headers[1].source, found.headers[1].destination) == (5, 6)
    assert found.other == ("mine: 7", "some words")


def test_bytes_are_collected() -> None:
    found = parse(
        "ip4-rewrite", "  00000000: 02000000010202fe00000002080045000032000000003f1166b80a0000020a00\n  00000020: 010213881770001e"
    )
    assert found.data.hex() == "02000000010202fe00000002080045000032000000003f1166b80a0000020a00010213881770001e"


def test_a_template_with_an_unknown_type_is_refused() -> None:
    with pytest.raises(ValueError, match="no type 'float'"):
        template("rate {rate:float}")


@recorded
@pytest.mark.parametrize(
    ("name", "outside"),
    [
        ("21-overlay-ipip", "ipip 172.18.0.4 -> 172.18.0.5"),
        ("22-overlay-vxlan", "udp 172.18.0.4"),
        ("23-overlay-ipsec", "esp 172.18.0.4 -> 172.18.0.5"),
    ],
)
def test_levels_of_tunnels(name: str, outside: str) -> None:
    levels: dict[int, set[str]] = {0: set(), 1: set()}
    for packet in scenario(name):
        for located in flows(packet):
            levels[located.level].add(str(located.flow))
    assert "udp 11.0.0.1:40000 -> 11.0.0.65:8080" in levels[0]
    assert not any(flow.startswith(outside) for flow in levels[0])
    assert any(flow.startswith(outside) for flow in levels[1])


REPLY = ip4("10.0.0.1", "10.0.0.2", "", protocol="ICMP")
VERDICTS = {
    "sent": (forwarded(), "sent by pg1"),
    "dropped": (dropped(), "dropped by ip4-lookup (null-node: blackholed packets)"),
    "punted": (
        steps(("ip4-receive", ""), ("ip4-punt", ""), ("error-punt", "  rx:pg0\n"), ("punt", "  ip4-local: unknown ip protocol\n")),
        "punted by ip4-receive (ip4-local: unknown ip protocol)",
    ),
    "refused": (
        steps(
            ("ip4-rewrite", ""),
            ("ip4-icmp-error", f"{REPLY}  ICMP time_exceeded ttl_exceeded_in_transit checksum 0x1\n"),
            ("ip4-drop", ""),
            ("ip4-rewrite", ""),
            ("error-drop", "  rx:pg0\n"),
            ("pg0-output", "  pg0 flags 0x1\n"),
            ("drop", "  ip4-input: ip4 ttl <= 1\n"),
            ("pg0-tx", ""),
        ),
        "refused by ip4-rewrite (ICMP time_exceeded ttl_exceeded_in_transit)",
    ),
    "an error without a way back": (
        steps(("ip4-rewrite", ""), ("ip4-icmp-error", ""), ("ip4-drop", ""), ("drop", "  ip4-input: ip4 ttl <= 1\n")),
        "dropped by ip4-icmp-error (ip4-input: ip4 ttl <= 1)",
    ),
    "a solicitation that left": (
        steps(
            ("ip6-glean", ""),
            ("ip6-drop", ""),
            ("error-drop", "  rx:pg0\n"),
            ("pg1-tx", ""),
            ("drop", "  ip6-glean: neighbor solicitations sent\n"),
        ),
        "dropped by ip6-glean (ip6-glean: neighbor solicitations sent)",
    ),
    "a copy": (
        steps(
            ("l2-flood", ""),
            ("l2-output", ""),
            ("pg1-output", "  pg1 flags 0x1\n"),
            ("pg2-output", "  pg2 flags 0x1\n"),
            ("pg1-tx", ""),
            ("pg2-tx", ""),
        ),
        "sent by pg1, pg2",
    ),
    "an output that is down": (
        steps(
            ("ip4-rewrite", ""),
            ("pg1-output", "  pg1 flags 0x1\n"),
            ("error-drop", "  rx:pg0\n"),
            ("drop", "  pg1-output: interface is down\n"),
        ),
        "dropped by pg1-output (pg1-output: interface is down)",
    ),
    "a device that does not trace": (steps(("ip4-rewrite", ""), ("tap0-output", "  tap0 flags 0x1\n")), "sent by tap0"),
    "sent by DPDK": (
        steps(("ip4-rewrite", ""), ("TenGigabitEthernet0/7/0-tx", "  TenGigabitEthernet0/7/0 tx queue 1\n")),
        "sent by TenGigabitEthernet0/7/0",
    ),
    "held": (steps(("ip4-input", ""), ("ip4-full-reassembly-feature", "")), "held by ip4-full-reassembly-feature"),
    "handed off": (steps(("dpdk-input", ""), ("worker-handoff", "")), "handed off by worker-handoff"),
    "delivered": (steps(("ip4-receive", ""), ("tcp4-input", ""), ("tcp4-established", "")), "delivered by tcp4-established"),
    "cut off at a drop": (steps(("ip4-lookup", ""), ("ip4-drop", "")), "dropped by ip4-lookup"),
    "cut off": (steps(("ip4-input", ""), ("ip4-lookup", "")), "unfinished: the trace ends in ip4-lookup"),
    "nothing": ("", "unfinished: no steps"),
}


@pytest.mark.parametrize("name", VERDICTS)
def test_verdicts(name: str) -> None:
    text, expected = VERDICTS[name]
    [packet] = packets_of(f"Packet 1\n\n{text}")
    assert str(verdict(packet)) == expected


def test_equal_paths_are_counted_and_timed() -> None:
    packets = packets_of(shown(forwarded(), forwarded(start=600000), dropped()))
    groups = Groups(packets)
    first, second = groups
    assert (first.packets, second.packets) == (2, 1)
    assert first.timings[0].mean == pytest.approx(10e-6)
    assert first.mean == pytest.approx(60e-6)
    text = show_groups(groups)
    assert text.startswith("3 packets, 2 paths\n\n[1] 2 packets: sent by pg1\n")
    assert "[2] 1 packet: dropped by ip4-lookup (null-node: blackholed packets)" in text


def test_a_clock_that_goes_back_is_no_duration() -> None:
    backwards = steps(("ip4-input", ""), start=900000) + steps(("ip4-lookup", ""), start=100)
    [group] = Groups(packets_of(f"Packet 1\n\n{backwards}"))
    assert group.mean == 0


def test_what_differs_between_two_traces() -> None:
    before = packets_of(shown(forwarded(), forwarded(ports="99 -> 80")))
    after = packets_of(shown(dropped(destination="10.1.0.2"), forwarded(ports="99 -> 80")))
    found = compare(before, after)
    assert [path[-1] for path in found.appeared] == ["drop"]
    assert found.vanished == []
    assert [turn.at for turn in found.turns] == [1]
    text = show_comparison(found)
    assert "1 flow took another way behind pg-input\n    before: ethernet-input -> ip4-input" in text
    assert "other share: 100% of before, 50% of after" in text
    assert show_comparison(compare(before, before)).endswith("no difference\n")


def test_top_lists() -> None:
    packets = packets_of(shown(forwarded(), forwarded(ports="1235 -> 53"), dropped()))
    assert top(packets, "services") == {"udp 10.1.0.2:53": 2, "udp 192.0.2.1:53": 1}
    assert show_top(top(packets, "drops"), "drops") == "       1 100%  dropped by ip4-lookup (null-node: blackholed packets)\n"
    assert show_top(top(packets[:1], "drops"), "drops") == "no drops\n"


def test_pictures() -> None:
    groups = Groups(packets_of(shown(dropped(), dropped(), forwarded())))
    assert picture(groups, 60) == (
        "3 packets, 2 paths\n"
        "3 pg-input\n"
        "├─ 2 ip4-input → ip4-lookup → ip4-drop → error-drop → drop  [2 dropped by ip4-lookup (null-node: blackholed packets)]\n"
        "└─ 1 ethernet-input → ip4-input → ip4-lookup → ip4-rewrite →\n"
        "       pg1-output → pg1-tx  [1 sent by pg1]\n"
    )
    drawn = dot(groups)
    assert '"ip4-lookup" -> "ip4-drop" [label=2' in drawn
    assert '"drop" [label="drop\\n2", fillcolor=' in drawn


@recorded
def test_json_lines_come_back_the_same() -> None:
    packets = list(recorded_packets())
    back = list(read_lines((write_line(packet) for packet in packets), "x.jsonl"))
    assert [packet.steps for packet in back] == [packet.steps for packet in packets]
    assert [packet.thread for packet in back] == [packet.thread for packet in packets]
    assert [packet_value(packet) for packet in back] == [packet_value(packet) for packet in packets]


def test_reading_loads_no_numpy(root: Path) -> None:
    program = (
        "import sys\nimport vppsh.traces.jsonl, vppsh.traces.text, vppsh.traces.graph, vppsh.traces.compare, vppsh.traces.top\n"
        "print([name for name in ('numpy', 'scapy', 'prompt_toolkit') if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
