"""What tests of the tunnels over UDP share: frames of every kind, their flow hash, outer headers, all in plain Python."""

from __future__ import annotations

import random
import struct

from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import ARP, Dot1Q, Ether
from scapy.packet import Packet

from tests.packets import ip4_packet, ip6_packet, ones_complement
from tests.routers import mac
from tests.test_flow_hash import rotated, twin4, twin6
from tests.tunnels import FAR, NEAR, TunnelRouter
from vppsh.engine.features.l2.modes import L2Interfaces
from vppsh.engine.interfaces import Interface

VERSIONS = (4, 6)
UDP_PROTOCOL = 17
M32 = (1 << 32) - 1
DEFAULT_HASH = 0x9F


def cross_connect(router: TunnelRouter, interface: Interface) -> None:
    """Let if0 and the interface of a tunnel exchange everything."""
    layer2 = router.engine.get(L2Interfaces)
    layer2.set_xconnect(router.interfaces[0], interface)
    layer2.set_xconnect(interface, router.interfaces[0])


def address(rng: random.Random) -> str:
    """An IPv4 address."""
    return ".".join(str(rng.randrange(256)) for _ in range(4))


def random_frame(rng: random.Random) -> bytes:
    """A frame with something in it, at times behind a tag."""
    source = f"02:00:00:00:00:{rng.randrange(256):02x}"
    ends = {"src": address(rng), "dst": address(rng)}
    inside: Packet = rng.choice((
        IP(**ends) / UDP(sport=rng.randrange(1 << 16), dport=rng.randrange(1 << 16)),
        IP(**ends) / TCP(sport=rng.randrange(1 << 16), dport=80),
        IP(**ends) / ICMP(),
        IPv6(src="2001:db8::1", dst=f"2001:db8::{rng.randrange(1, 1 << 16):x}", fl=rng.getrandbits(20)) / UDP(sport=rng.randrange(1 << 16)),
        ARP(),
    ))  # fmt: skip
    tags = rng.choice(((), (), (Dot1Q(vlan=rng.randrange(1, 4095)),)))
    frame: Packet = Ether(src=source, dst="02:00:00:00:ff:ff")
    for layer in (*tags, inside):
        frame = frame / layer
    return bytes(frame / rng.randbytes(rng.choice((0, 1, 30, 500))))


def l2_hash(frame: bytes) -> int:
    """The flow hash of a frame."""
    size = 18 if frame[12:14] == b"\x81\x00" else 14
    kind, packet = frame[size - 2 : size], frame[size:]
    if kind == b"\x08\x00":
        return twin4(packet + bytes(8), DEFAULT_HASH)
    if kind == b"\x86\xdd":
        return twin6(packet, DEFAULT_HASH)
    return mixed(int.from_bytes(frame[2:6], "little"), int.from_bytes(frame[8:12], "little"), int.from_bytes(kind, "big"))


def mixed(a: int, b: int, c: int) -> int:
    """VPP's hash of three words."""
    for by in (4, 6, 8, 16, 19, 4):
        a = ((a - c) & M32) ^ rotated(c, by)
        c = (c + b) & M32
        a, b, c = b, c, a
    for by in (14, 11, 25, 16, 4, 14, 24):
        c = ((c ^ b) - rotated(b, by)) & M32
        a, b, c = b, c, a
    return b


def flow_port(frame: bytes) -> int:
    """The source port that a frame's flow hash gives."""
    return int.from_bytes((l2_hash(frame) & 0xFFFF).to_bytes(2, "little"), "big")


def datagram(version: int, payload: bytes, *, sport: int, dport: int, hops: int, src: int = 0, dst: int = 0) -> bytes:
    """An outer packet between the ends of a tunnel: over IPv4 without a UDP checksum, over IPv6 with one."""
    src, dst = src or NEAR[version], dst or FAR[version]
    head = struct.pack(">HHH", sport, dport, 8 + len(payload))
    if version == 4:
        return ip4_packet(src, dst, payload=head + bytes(2) + payload, ttl=hops, protocol=UDP_PROTOCOL)
    pseudo = src.to_bytes(16, "big") + dst.to_bytes(16, "big") + struct.pack(">II", 8 + len(payload), UDP_PROTOCOL)
    checksum = ones_complement(pseudo + head + bytes(2) + payload) or 0xFFFF
    return ip6_packet(src, dst, payload=head + struct.pack(">H", checksum) + payload, hop_limit=hops, protocol=UDP_PROTOCOL)


def received(version: int, payload: bytes, *, dport: int, sport: int = 50000, src: int = 0, dst: int = 0) -> bytes:
    """The same as the far end sends it."""
    return datagram(version, payload, sport=sport, dport=dport, hops=64, src=src or FAR[version], dst=dst or NEAR[version])


def routed_frame(packet: bytes) -> bytes:
    """A packet as it comes in by if0."""
    return mac(0) + bytes((2, 0, 0, 0, 0, 2)) + (b"\x08\x00" if packet[0] >> 4 == 4 else b"\x86\xdd") + packet
