"""IGMP messages to the router: the checks of igmp-input, one message at a time and among others."""

from __future__ import annotations

import random

from scapy.contrib.igmp import IGMP
from scapy.contrib.igmpv3 import IGMPv3, IGMPv3mq
from scapy.layers.inet import IP
from scapy.packet import Raw

from tests.traffic import Traffic

TO_US = {"src": "10.0.0.2", "dst": "10.0.0.1"}
QUERY = bytes(IP(**TO_US, ttl=1, proto=2) / IGMPv3(type=0x11) / IGMPv3mq(gaddr="232.1.1.1"))
REPORT = bytes(IP(**TO_US, ttl=1, proto=2, options=[b"\x94\x04\x00\x00"]) / IGMP(type=0x16, gaddr="239.0.0.1"))
WRONG = QUERY[:-1] + bytes((QUERY[-1] ^ 1,))
CUT = bytes(IP(**TO_US, proto=2) / Raw(b"\x11\x00\xee"))
OTHER = bytes(IP(**TO_US, proto=89) / Raw(bytes(8)))


def send(traffic: Traffic, *packets: bytes, node: str = "ip4-input") -> None:
    """Packets without a link header, in one frame."""
    data = "".join(
        f"packet-generator new {{ name s{number} limit 1 interface pg0 node {node} size {len(packet)}-{len(packet)} "
        f"data {{ hex 0x{packet.hex()} }} }}\n" for number, packet in enumerate(packets)
    )  # fmt: skip
    for line in data.splitlines():
        assert traffic(line) == ""
    assert traffic("packet-generator enable-stream") == ""


def counted(traffic: Traffic, node: str) -> dict[str, int]:
    """The error counters of a node that are not zero."""
    return {each.spec.text: each.count for each in traffic.engine.errors.of_node(node) if each.count}


def test_igmp_has_its_node() -> None:
    assert "\nIGMP: igmp-input\n" in Traffic()("show ip local")


def test_messages_are_checked_and_find_nobody() -> None:
    traffic = Traffic()
    packets = [QUERY] * 5 + [REPORT] * 3 + [WRONG] * 4 + [CUT] * 2
    random.Random(1).shuffle(packets)
    send(traffic, *packets)
    assert counted(traffic, "igmp-input") == {"IGMP not enabled on this interface": 8, "bad checksum": 6}
    assert traffic.engine.buffers.free == traffic.engine.buffers.count


def test_a_stream_of_another_protocol() -> None:
    traffic = Traffic()
    send(traffic, OTHER, QUERY, node="igmp-input")
    assert counted(traffic, "igmp-input") == {"invalid ip4 protocol": 1, "IGMP not enabled on this interface": 1}


def test_trace() -> None:
    traffic = Traffic()
    traffic("trace add pg-input 2")
    send(traffic, REPORT)
    checksum = int.from_bytes(REPORT[26:28], "big")
    lines = traffic("show trace").splitlines()
    at = next(number for number, line in enumerate(lines) if line.endswith(": igmp-input"))
    assert lines[at + 1 : at + 3] == [
        "  sw_if_index 1 next-index 0",
        f"  membership_report_v2: code {REPORT[25]}, checksum 0x{checksum:04x}",
    ]
