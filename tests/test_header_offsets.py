"""Where headers are: compared with what scapy knows of the packets that it built."""

from __future__ import annotations

import numpy as np
import pytest
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import ARP, GRE, Dot1Q, Ether
from scapy.layers.vxlan import VXLAN
from scapy.packet import Packet

from vppsh.engine.buffer_data import make_packet
from vppsh.engine.buffers import BufferFlag, BufferPool
from vppsh.engine.header_offsets import find_headers, format_offsets

ETHERNET = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
IP4, IP6 = IP(src="10.0.0.1", dst="10.0.0.2"), IPv6(src="2001:db8::1", dst="2001:db8::2")
PLAIN = "hdr-sz {} l2-hdr-offset {} l3-hdr-offset {} l4-hdr-offset {} l4-hdr-sz {}"
OUTER = "outer-hdr-sz {} outer-l2-hdr-offset {} outer-l3-hdr-offset {} outer-l4-hdr-offset {} outer-l4-hdr-sz {}\n\t"
OUTER_IP = OUTER.format(34, 0, 14, 34, 0)


def text(packet: Packet, *, ethernet: bool = True) -> str:
    buffers = BufferPool(4)
    index = make_packet(buffers, bytes(packet))
    assert index is not None
    buffers.flags[index] |= np.uint32(BufferFlag.IS_IP4 if IP in packet else BufferFlag.IS_IP6 if IPv6 in packet else 0)
    return format_offsets(find_headers(buffers, index, ethernet=ethernet))


@pytest.mark.parametrize(
    ("packet", "expected"),
    [
        (ETHERNET / ARP(), PLAIN.format(0, 0, 14, 0, 0)),
        (ETHERNET / IP4, "ipv4 " + PLAIN.format(34, 0, 14, 34, 0)),
        (ETHERNET / IP4 / UDP(), "ipv4 udp " + PLAIN.format(42, 0, 14, 34, 8)),
        (ETHERNET / Dot1Q() / Dot1Q() / IP4 / TCP(options=[("MSS", 1400)]), "ipv4 tcp " + PLAIN.format(66, 0, 22, 42, 24)),
        (ETHERNET / IP6 / UDP(), "ipv6 udp " + PLAIN.format(62, 0, 14, 54, 8)),
        (
            ETHERNET / IP4 / UDP(dport=4789) / VXLAN() / ETHERNET / IP6 / TCP(),
            "vxlan-tunnel outer-ipv4 outer-udp " + OUTER.format(50, 0, 14, 34, 8) + "ipv6 tcp " + PLAIN.format(74, 50, 14, 54, 20),
        ),
        (ETHERNET / IP4 / IP4 / UDP(), "ipip-tunnel outer-ipv4 " + OUTER_IP + "ipv4 udp " + PLAIN.format(28, 34, 0, 20, 8)),
        (ETHERNET / IP4 / IP6, "outer-ipv4 " + OUTER_IP + "ipv6 " + PLAIN.format(40, 34, 0, 40, 0)),
        (ETHERNET / IP4 / GRE() / IP4, "gre-tunnel " + OUTER.format(0, 0, 0, 0, 0) + "ipv4 " + PLAIN.format(34, 0, 14, 34, 0)),
    ],
)  # fmt: skip
def test_headers_of_ethernet_frames(packet: Packet, expected: str) -> None:
    assert text(packet) == expected


def test_headers_of_bare_packets() -> None:
    assert text(IP4 / UDP(), ethernet=False) == "ipv4 udp " + PLAIN.format(28, 0, 0, 20, 8)
    assert text(IP6, ethernet=False) == "ipv6 " + PLAIN.format(40, 0, 0, 40, 0)
