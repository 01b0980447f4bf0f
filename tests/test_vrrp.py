"""VRRP advertisements to the router: checked as RFC 5798 says, and for a virtual router that is not there."""

from __future__ import annotations

import pytest
from scapy.layers.inet import IP
from scapy.layers.inet6 import IPv6
from scapy.layers.vrrp import VRRPv3

from tests.packets import ip4_packet
from tests.routers import number
from tests.test_igmp import counted, send
from tests.traffic import Traffic
from vppsh.engine.wire.ip4 import pseudo_header as pseudo_header4
from vppsh.engine.wire.ip6 import pseudo_header as pseudo_header6

ADDRESSES = ["10.0.0.100", "10.0.0.101"]


def advertisement4(*, ttl: int = 255, version: int = 3, cut: int = 0) -> bytes:
    packet = bytes(IP(src="10.0.0.2", dst="10.0.0.1", ttl=ttl) / VRRPv3(version=version, vrid=7, adv=100, addrlist=ADDRESSES))
    return ip4_packet(number("10.0.0.2"), number("10.0.0.1"), payload=packet[20:-cut], protocol=112, ttl=255) if cut else packet


def checked(message: bytes, pseudo: bytes) -> bytes:
    """A message with the checksum that RFC 5798 asks for, worked out word by word."""
    total = sum(int.from_bytes((pseudo + message)[at : at + 2], "big") for at in range(0, len(pseudo + message), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return message[:6] + (~total & 0xFFFF).to_bytes(2, "big") + message[8:]


def advertisement6() -> bytes:
    message = bytes((0x31, 7, 100, 1)) + (100).to_bytes(2, "big") + bytes(2) + bytes.fromhex("fe800000000000000000000000000099")
    header = bytes(IPv6(src="fe80::2", dst="2001:db8::1", hlim=255, nh=112, plen=len(message)))
    return header + checked(message, pseudo_header6(header, 112, len(message)))


def test_scapy_and_the_pseudo_header_agree() -> None:
    packet = advertisement4()
    assert checked(packet[20:26] + bytes(2) + packet[28:], pseudo_header4(packet[:20], 112, len(packet) - 20)) == packet[20:]


def test_vrrp_has_its_nodes() -> None:
    traffic = Traffic()
    assert traffic("show ip local").endswith("VRRP: vrrp4-input")
    assert traffic("show ip6 local").endswith("112: vrrp6-input")


@pytest.mark.parametrize(
    ("packet", "reason"),
    [
        (advertisement4(), "VRRP message does not match known VRs"),
        (advertisement4(ttl=254), "VRRP advertisement TTL is not 255"),
        (advertisement4(version=2), "VRRP version is not 3"),
        (advertisement4(cut=4), "VRRP packet has wrong size"),
        (advertisement4(cut=13), "VRRP packet has wrong size"),
        (advertisement4()[:-1] + b"\xff", "VRRP checksum is invalid"),
    ],
)  # fmt: skip
def test_over_ip4(packet: bytes, reason: str) -> None:
    traffic = Traffic()
    send(traffic, packet, packet)
    assert counted(traffic, "vrrp4-input") == {reason: 2}
    assert traffic.engine.buffers.free == traffic.engine.buffers.count


@pytest.mark.parametrize("wrong", [False, True])
def test_over_ip6(wrong: bool) -> None:
    traffic = Traffic()
    assert traffic("set interface ip address pg0 2001:db8::1/64") == ""
    packet = advertisement6()
    send(traffic, packet[:-1] + bytes((packet[-1] ^ wrong,)), node="ip6-input")
    reason = "VRRP checksum is invalid" if wrong else "VRRP message does not match known VRs"
    assert counted(traffic, "vrrp6-input") == {reason: 1}


def test_trace() -> None:
    traffic = Traffic()
    traffic("trace add pg-input 1")
    send(traffic, advertisement4())
    checksum = int.from_bytes(advertisement4()[26:28], "little")
    lines = traffic("show trace").splitlines()
    at = next(number for number, line in enumerate(lines) if line.endswith(": vrrp4-input"))
    assert lines[at + 1 : at + 4] == [
        "  VRRP: sw_if_index 1 IPv4",
        f"    ver 3, type 1, VRID 7, prio 100, n_addrs 2, interval 100cs, csum 0x{checksum:x}",
        "    addresses: 10.0.0.100 10.0.0.101 ",
    ]
