"""Packets for fuzzing: of every kind that the router of `fuzz.py` meets, right ones and wrong ones.

A `Maker` builds a packet header by header. How often it lies in a header (a length, a version, a checksum, the protocol that
follows) is drawn for each packet, so that many are wrong in one place only and get past the checks of the layers before. Whole packets
are then sometimes cut, lengthened or have some bytes changed. Fragments and floods of them come in bursts.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from ipaddress import ip_address

from packets import ones_complement


def numbers(text: str) -> tuple[int, ...]:
    """Addresses as numbers."""
    return tuple(int(ip_address(word)) for word in text.split())


OURS, OTHER_MAC = bytes.fromhex("02fe00000001"), bytes.fromhex("020000000002")
ALL_MAC, GROUP4_MAC, GROUP6_MAC = b"\xff" * 6, bytes.fromhex("01005e010203"), bytes.fromhex("3333ff000001")
MACS = (OURS, OURS, OURS, OURS, OURS, ALL_MAC, GROUP4_MAC, GROUP6_MAC, OTHER_MAC, bytes(6))
TAGS = (0, 10, 10, 20, 20, 30, 40, 50, 60, 70, 100, 200, 4095)
ETHERTYPES = (0x0800, 0x86DD, 0x0806, 0x8847, 0x8848, 0x8100, 0x88A8, 0x9100, 0x88CC, 0x8035, 0x0000, 0x05DC, 0x0600, 0xFFFF)
ICMP, UDP, ICMP6 = 1, 17, 58
PROTOCOLS = (0, 1, 2, 4, 6, 17, 41, 43, 44, 47, 50, 51, 58, 59, 60, 88, 103, 112, 115, 132, 135, 137, 139, 253, 255)
EXTENSIONS = (0, 43, 44, 51, 60, 135, 139, 140)
ICMP4_TYPES = (0, 3, 4, 5, 8, 8, 8, 9, 11, 12, 13, 17, 40, 255)
ICMP6_TYPES = (1, 2, 3, 4, 128, 128, 128, 129, 130, 131, 132, 133, 134, 135, 135, 136, 136, 137, 143, 255)
SIZES = (0, 0, 1, 2, 7, 8, 8, 16, 18, 26, 40, 64, 200, 548, 1400, 1472, 2000, 2048, 2100, 4100, 9000)
LONGEST = 9200

ADDRESSES4 = numbers("""
    10.0.0.1 10.0.0.2 10.0.0.3 10.0.0.99 10.0.0.255 10.0.0.0 10.0.1.1 10.0.1.2 10.0.1.77 10.0.10.1 10.0.10.2 10.0.20.2 10.1.0.1
    10.2.0.1 10.3.0.1 10.4.0.1 10.5.0.1 10.6.0.1 10.7.0.1 10.8.0.1 10.9.0.1 10.10.0.1 10.11.0.1 10.12.0.1 10.13.0.1 10.14.0.1
    10.15.0.1 10.16.0.1 10.17.0.1 10.18.0.1 10.19.0.1 10.20.0.1 10.21.0.1 10.22.0.1
    10.23.0.1 10.24.0.1 10.25.0.1 10.26.0.1 10.27.0.1 239.1.1.1 172.16.0.2 192.168.0.5 224.0.0.1 224.0.0.5 232.1.1.1
    239.0.0.1 255.255.255.255 0.0.0.0 127.0.0.1 169.254.0.1 240.0.0.1 9.9.9.9
""")
ADDRESSES6 = numbers("""
    2001:db8::1 2001:db8::2 2001:db8::99 2001:db8:1::1 2001:db8:1::2 2001:db8:10::2 2001:db8:100::1 2001:db8:200::1
    2001:db8:300::1 2001:db8:400::1 2001:db8:500::1 2001:db8:600::1 2001:db8:700::1 fe80::ff:fe00:1 fe80::fe:ff:fe00:1 fe80::99
    ff02::1 ff02::2 ff02::1:ff00:1 ff02::16 ff0e::1 :: ::1 ::ffff:a00:1 3000::1
""")
HERE, *FAR_ENDS = numbers("10.0.1.1 10.0.1.2 10.0.1.3 10.0.1.4 10.0.1.5 10.0.1.6 10.0.1.6 10.0.1.7 10.0.1.8 10.0.1.9 172.16.0.2")
"""Where our tunnels end, and where they begin."""


@dataclass
class Maker:
    """Builds packets out of a source of randomness.

    lying  how likely each field of the packet that is being built is wrong
    """

    rng: random.Random
    lying: float = 0.0

    # What packets are made of.

    def lies(self) -> bool:
        return self.rng.random() < self.lying

    def either(self, right: int, bits: int) -> int:
        """A field: what is right, or something else."""
        if not self.lies():
            return right
        mask = (1 << bits) - 1
        return (
            self.rng.choice((0, 1, right + 1, right - 1, right + 8, right - 8, mask, mask >> 1, 1 << bits - 1, self.rng.getrandbits(bits)))
            & mask
        )

    def payload(self) -> bytes:
        return self.rng.randbytes(self.rng.choice(SIZES) if self.rng.random() < 0.9 else self.rng.randrange(1600))

    def address4(self) -> int:
        return self.rng.choice(ADDRESSES4) if self.rng.random() < 0.95 else self.rng.getrandbits(32)

    def address6(self) -> int:
        return self.rng.choice(ADDRESSES6) if self.rng.random() < 0.95 else self.rng.getrandbits(128)

    def ports(self) -> tuple[int, int]:
        rng = self.rng
        return rng.choice((1, 53, 67, 68, 546, 1000, 4500, 65535)), rng.choice(
            (0, 53, 67, 68, 546, 547, 500, 1000, 2152, 4500, 4789, 4790, 6081, 65535)
        )

    # Layer 4 and below it, inside out. `pseudo` is the sum of addresses that a checksum covers too.

    def udp(self, pseudo: bytes) -> bytes:
        source, destination = self.ports()
        data = self.overlays.get(destination, self.payload)()
        length = self.either((8 + len(data)) & 0xFFFF, 16)
        datagram = struct.pack(">HHHH", source, destination, length, 0) + data
        total = ones_complement(pseudo + struct.pack(">I", len(datagram)) + b"\0\0\0\x11" + datagram) or 0xFFFF
        return datagram[:6] + struct.pack(">H", self.rng.choice((0, total, total, self.either(total, 16)))) + data

    @property
    def overlays(self) -> dict[int, Callable[[], bytes]]:
        """What builds the payload of the ports of tunnels."""
        return {2152: self.gtpu, 4789: self.vxlan, 4790: self.vxlan_gpe, 6081: self.geneve}

    def tunnelled(self) -> bytes:
        """A datagram of a tunnel, without a checksum."""
        port, build = self.rng.choice(tuple(self.overlays.items()))
        data = build()
        return struct.pack(">HHHH", self.rng.getrandbits(16), port, self.either((8 + len(data)) & 0xFFFF, 16), 0) + data

    def network(self) -> bytes:
        """The number of a network, and what is reserved behind it."""
        return struct.pack(">I", self.rng.choice((1, 2, 3, 9)) << 8 | self.either(0, 8))

    def vxlan(self) -> bytes:
        build = self.rng.choice((self.ethernet, self.ip4, self.payload))
        return struct.pack(">I", self.either(0x08 << 24, 32)) + self.network() + build()

    def vxlan_gpe(self) -> bytes:
        kind, build = self.rng.choice(((1, self.ip4), (2, self.ip6), (3, self.ethernet), (4, self.payload), (9, self.payload)))
        return struct.pack(">I", 0x0C << 24 | self.either(kind, 24)) + self.network() + build()

    def geneve(self) -> bytes:
        words = self.rng.choice((0, 0, 1, 7))
        first = struct.pack(">BBH", self.either(words, 8), self.either(0, 8), self.either(0x6558, 16))
        return first + self.network() + self.rng.randbytes(4 * words) + self.ethernet()

    def gtpu(self) -> bytes:
        rng = self.rng
        inside = rng.choice((self.ip4, self.ip6, self.ethernet, self.payload))()
        flags, more = rng.choice(((0x30, b""), (0x30, b""), (0x32, bytes(4)), (0x34, b"\0\0\0\x85\1\0\5\0")))
        head = struct.pack(
            ">BBHI", self.either(flags, 8), self.either(255, 8), self.either(len(more + inside) & 0xFFFF, 16), rng.choice((1, 2, 9))
        )
        return head + more + inside

    def tcp(self, pseudo: bytes) -> bytes:
        rng = self.rng
        options = rng.choice((b"", b"", b"\2\4\5\xb4", b"\1\1\x08\x0a" + bytes(8), b"\3\0\0\0", b"\xff" * 8, rng.randbytes(40)))
        data = self.payload()
        words = self.either((20 + len(options)) // 4, 4)
        head = struct.pack(
            ">HHIIBBHHH", *self.ports(), rng.getrandbits(32), rng.getrandbits(32), words << 4, rng.getrandbits(8), 8192, 0, 0
        )
        segment = head + options + data
        total = self.either(ones_complement(pseudo + struct.pack(">I", len(segment)) + b"\0\0\0\x06" + segment), 16)
        return segment[:16] + struct.pack(">H", total) + segment[18:]

    def icmp4(self, pseudo: bytes) -> bytes:
        rng = self.rng
        kind, code = rng.choice(ICMP4_TYPES), rng.choice((0, 0, 0, 1, 4, 255))
        about = self.ip4(UDP, cut=28) if kind in (3, 5, 11, 12) else self.payload()
        message = struct.pack(">BBHHH", kind, code, 0, rng.getrandbits(16), rng.getrandbits(16)) + about
        return message[:2] + struct.pack(">H", self.either(ones_complement(message), 16)) + message[4:]

    def igmp(self, pseudo: bytes) -> bytes:
        message = struct.pack(">BBHI", self.rng.choice((0x11, 0x16, 0x17, 0x22, 0)), 0, 0, self.address4())
        return message[:2] + struct.pack(">H", self.either(ones_complement(message), 16)) + message[4:]

    def icmp6(self, pseudo: bytes) -> bytes:
        rng = self.rng
        kind, code = rng.choice(ICMP6_TYPES), rng.choice((0, 0, 0, 0, 0, 1, 4, 255))
        if kind in (135, 136):
            body = struct.pack(">I", rng.choice((0, 0, 0xE0000000))) + self.address6().to_bytes(16) + self.nd_options()
        elif kind == 134:
            body = struct.pack(">BBHII", 64, 0, rng.choice((0, 1800, 65535)), 0, 0) + self.nd_options()
        elif kind == 133:
            body = bytes(4) + self.nd_options()
        elif kind in (1, 2, 3, 4):
            body = struct.pack(">I", rng.choice((0, 40, 1280, 0xFFFFFFFF))) + self.ip6(UDP, cut=48)
        else:
            body = rng.randbytes(4) + self.payload()
        message = struct.pack(">BBH", kind, code, 0) + body
        total = self.either(ones_complement(pseudo + struct.pack(">I", len(message)) + b"\0\0\0\x3a" + message), 16)
        return message[:2] + struct.pack(">H", total) + message[4:]

    def nd_options(self) -> bytes:
        rng = self.rng
        out = b""
        for _ in range(rng.choice((0, 1, 1, 1, 2, 5))):
            kind = rng.choice((1, 2, 3, 4, 5, 14, 25, 255))
            body = {1: OTHER_MAC, 2: OTHER_MAC, 5: bytes(2) + struct.pack(">I", rng.choice((0, 1280, 9000, 1 << 31)))}.get(
                kind, rng.randbytes(6)
            )
            if kind == 3:
                body = struct.pack(
                    ">BBIII", rng.choice((0, 48, 64, 128, 200, 255)), rng.choice((0, 0xC0)), *[rng.choice((0, 600, 0xFFFFFFFF))] * 2, 0
                )
                body += self.address6().to_bytes(16)
            out += bytes((kind, self.either((2 + len(body)) // 8, 8))) + body
        return out

    @property
    def carriers(self) -> dict[int, Callable[[], bytes]]:
        """What builds the payload of each protocol that carries packets."""
        return {4: lambda: self.ip4(UDP), UDP: self.tunnelled, 41: lambda: self.ip6(UDP), 47: self.gre, 50: self.esp, 51: self.ah}

    def gre(self) -> bytes:
        rng = self.rng
        kind, build = rng.choice(
            ((0x0800, self.ip4), (0x86DD, self.ip6), (0x8847, self.mpls), (0x6558, self.ethernet), (0x88BE, self.ethernet))
        )
        flags = self.either(rng.choice((0, 0, 0, 0x2000, 0x1000, 0xB000)), 16)
        return struct.pack(">HH", flags, self.either(kind, 16)) + rng.randbytes(rng.choice((0, 0, 4, 8))) + build()

    def esp(self) -> bytes:
        """Without a cipher; or, seen so by who has one, with a wrong check value."""
        rng = self.rng
        protocol, build = rng.choice(
            ((4, lambda: self.ip4(UDP)), (41, lambda: self.ip6(UDP)), (17, lambda: self.udp(bytes(8))), (59, self.payload))
        )
        data = build()
        padding = self.either((-len(data) - 2) % 4, 8)
        trailer = bytes(range(1, padding + 1)) + bytes((padding, self.either(protocol, 8)))
        return struct.pack(">II", rng.choice((2001, 2001, 2002, 2003, 9)), rng.choice((0, 1, rng.getrandbits(32)))) + data + trailer

    def ah(self) -> bytes:
        rng = self.rng
        words = self.either(4, 8)
        return struct.pack(">BBHII", 4, words, 0, rng.choice((2004, 2001, 9)), rng.getrandbits(8)) + rng.randbytes(12) + self.ip4(UDP)

    def junk(self, pseudo: bytes) -> bytes:
        return self.payload()

    # Internet layer.

    def layer4(self, protocol: int) -> Callable[[bytes], bytes]:
        return {1: self.icmp4, 2: self.igmp, 6: self.tcp, 17: self.udp, 58: self.icmp6}.get(protocol, self.junk)

    def ip4(self, carried: int | None = None, *, cut: int | None = None) -> bytes:
        """An IPv4 packet, of a protocol or of any, with as much of that as told."""
        rng = self.rng
        protocol = rng.choice(PROTOCOLS) if self.lies() else rng.choice((1, 6, 17, 17, 17, 2)) if carried is None else carried
        source, destination = self.address4(), self.address4()
        pseudo = struct.pack(">II", source, destination)
        data = self.layer4(protocol)(pseudo)[:cut]
        if carried is None and rng.random() < 0.05:
            # As tunnels carry them, mostly between the ends of one.
            protocol = rng.choice(tuple(self.carriers))
            source, destination = rng.choice((*((end, HERE) for end in FAR_ENDS), (source, destination)))
            data = self.carriers[protocol]()
        options = b""
        if rng.random() < 0.05 or self.lies():
            options = rng.choice(
                (b"\x94\4\0\0", b"\1\1\1\0", b"\x07\x0b\x04" + bytes(9), b"\x83\xff\0\0", b"\x44\0\0\0", rng.randbytes(40))
            )
        where = self.either(rng.choice((0, 0, 0x4000)), 16)
        words = self.either(5 + len(options) // 4, 4)
        return ip4_with(
            data, source, destination, protocol, options, where, rng.getrandbits(4), version=self.either(4, 4), words=words,
            total=self.either((20 + len(options) + len(data)) & 0xFFFF, 16), ttl=self.either(rng.choice((1, 2, 64, 64, 64, 255)), 8),
            checksum=rng.getrandbits(16) if self.lies() else None,
        )  # fmt: skip

    def ip6(self, carried: int | None = None, *, cut: int | None = None) -> bytes:
        """An IPv6 packet, often with extension headers, sometimes with very many."""
        rng = self.rng
        protocol = rng.choice(PROTOCOLS) if self.lies() else rng.choice((6, 17, 17, 58, 58, 58)) if carried is None else carried
        source, destination = self.address6(), self.address6()
        pseudo = source.to_bytes(16) + destination.to_bytes(16)
        data = self.layer4(protocol)(pseudo)[:cut]
        data, first = self.extensions(data, protocol)
        hop_limit = self.either(rng.choice((1, 64, 255, 255, 255)), 8)
        length = self.either(len(data) & 0xFFFF, 16)
        start = self.either(6, 4) << 28 | rng.choice((0, 0, rng.getrandbits(28)))
        return struct.pack(">IHBB", start, length, first, hop_limit) + pseudo + data

    def extensions(self, data: bytes, protocol: int) -> tuple[bytes, int]:
        """Extension headers in front of some data, and what the first of them is."""
        rng = self.rng
        count = rng.choice((1, 2, 3, 8, 60, 200)) if rng.random() < 0.2 else 0
        for place in range(count):
            kind = rng.choice(EXTENSIONS) if place < count - 1 else rng.choice((0, 0, 43, 44, 60))
            body = rng.choice(
                (b"\1\4" + bytes(4), b"\5\2\0\0\1\0", b"\xc2\4" + rng.randbytes(4), b"\0" * 6, b"\xff" * 6, rng.randbytes(22))
            )
            if kind == 44:
                body = struct.pack(">HI", self.either(rng.choice((0, 1, 8, 9, 0xFFF9)), 16), rng.choice((1, 2, 3)))
            elif kind == 43:
                body = bytes((rng.choice((0, 2, 4)), rng.choice((0, 1, 255)), *bytes(4))) + rng.choice((b"", self.address6().to_bytes(16)))
            words = rng.getrandbits(8) if kind == 44 else self.either((2 + len(body)) // 8 - 1, 8)
            data = bytes((protocol, words)) + body + data
            protocol = kind
        return data[:LONGEST], protocol

    # Layer 2 and 2.5.

    def arp(self) -> bytes:
        rng = self.rng
        return struct.pack(
            ">HHBBH",
            self.either(1, 16),
            self.either(0x0800, 16),
            self.either(6, 8),
            self.either(4, 8),
            rng.choice((1, 1, 1, 2, 2, 0, 3, 65535)),
        ) + b"".join(
            (rng.choice(MACS), self.address4().to_bytes(4), rng.choice(MACS), self.address4().to_bytes(4), bytes(rng.choice((0, 18))))
        )

    def mpls(self) -> bytes:
        rng = self.rng
        depth = rng.choice((1, 1, 1, 2, 3, 10, 40))
        ends = not self.lies()
        labels = [rng.choice((0, 1, 2, 3, 13, 14, 15, 16, 33, 34, 35, 99, 100, 1048575)) for _ in range(depth)]
        ttls = [rng.choice((0, 1, 2, 64, 255)) for _ in range(depth)]
        out = b"".join(
            struct.pack(">I", label << 12 | rng.getrandbits(3) << 9 | (place == depth - 1 and ends) << 8 | ttl)
            for place, (label, ttl) in enumerate(zip(labels, ttls))
        )
        return out + rng.choice((self.ip4, self.ip6, self.payload))()

    def llc(self) -> bytes:
        rng = self.rng
        start = rng.choice((b"\xaa\xaa\3", b"\x42\x42\3", b"\xfe\xfe\3", b"\xff\xff", b"\xaa", rng.randbytes(3)))
        if start == b"\xaa\xaa\3":
            start += rng.choice((bytes(3), b"\0\0\x0c", b"\0\0\xf8")) + struct.pack(">H", rng.choice((*ETHERTYPES, 0x2000, 0x010B)))
        return start + rng.choice((self.ip4, self.ip6, self.arp, self.payload))()

    @property
    def payloads(self) -> tuple[tuple[int, Callable[[], bytes]], ...]:
        """What frames carry, as often as they do; without an ethertype it is a length, or anything."""
        ip4, ip6, arp, mpls = (0x0800, self.ip4), (0x86DD, self.ip6), (0x0806, self.arp), (0x8847, self.mpls)
        return ip4, ip4, ip6, ip6, arp, mpls, (0, self.llc), (0, self.payload)

    def ethernet(self, ethertype: int | None = None, data: bytes | None = None) -> bytes:
        """A frame, with up to three tags (or, seldom, very many)."""
        rng = self.rng
        if data is None:
            ethertype, build = rng.choice(self.payloads)
            data = build()
            if not ethertype:
                ethertype = rng.choice(ETHERTYPES) if build == self.payload else self.either(len(data), 16)
        kind = ethertype if ethertype is not None and not self.lies() else rng.choice(ETHERTYPES)
        out = struct.pack(">H", kind) + data
        if rng.random() < 0.8:
            tags = rng.choice(((), (), (), (), (), (), (0x8100_000A,), (0x8100_003C,), (0x88A8_0014,), (0x8100_001E, 0x8100_0028)))
        else:
            tags = [
                rng.choice((0x81000000, 0x81000000, 0x88A80000, 0x91000000)) | rng.choice(TAGS)
                for _ in range(rng.choice((1, 1, 2, 2, 3, 100)))
            ]
        for tag in reversed(tags):
            out = struct.pack(">I", tag | rng.choice((0, 0xA000))) + out
        return (OURS if not self.lying and rng.random() < 0.8 else rng.choice(MACS)) + rng.choice((OTHER_MAC, OURS, rng.randbytes(6))) + out

    # Whole packets.

    def mangled(self, packet: bytes) -> bytes:
        """A packet as it is, or cut, lengthened, with bytes changed, taken out or put in."""
        rng = self.rng
        chance = rng.random()
        if chance < 0.6:
            return packet
        if chance < 0.75:
            return packet[: rng.randrange(min(len(packet), 120) + 1)]
        if chance < 0.8:
            return packet + rng.randbytes(rng.choice((1, 18, 2000)))
        changed = bytearray(packet)
        for _ in range(rng.choice((1, 1, 2, 8))):
            at = rng.randrange(min(len(changed), 100) + 1)
            way = rng.random()
            if way < 0.6 and at < len(changed):
                changed[at] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, changed[at] ^ 1 << rng.randrange(8)))
            elif way < 0.8:
                del changed[at : at + rng.randrange(1, 9)]
            else:
                changed[at:at] = rng.randbytes(rng.randrange(1, 9))
        return bytes(changed)

    @property
    def builders(self) -> dict[str, Callable[[], bytes]]:
        """What builds a packet that begins with a header of each kind."""
        return {
            "ethernet": self.ethernet, "ip4": self.ip4, "ip6": self.ip6, "mpls": self.mpls, "arp": self.arp, "llc": self.llc,
            "icmp4": lambda: self.ip4(ICMP), "icmp6": lambda: self.ip6(ICMP6),
        }  # fmt: skip

    def stream(self, kind: str) -> Iterator[bytes]:
        """Packets without end that begin with a header of this kind: ethernet, ip4, ip6, mpls, arp, llc, icmp4, icmp6 or any."""
        rng, builders = self.rng, self.builders
        while True:
            chance = rng.random()
            self.lying = rng.choice((0, 0, 0.05, 0.3))
            if chance < 0.03 and kind in ("ethernet", "ip4", "ip6"):
                yield from self.burst(kind)
                continue
            chosen = rng.choice(tuple(builders)) if kind == "any" or chance < 0.06 else kind
            yield self.mangled(builders[chosen]())[:LONGEST]

    def burst(self, kind: str) -> Iterator[bytes]:
        """The fragments of one packet, in any order, some lost, doubled or overlapping; or one fragment of each of many packets."""
        version6 = kind == "ip6" or (kind == "ethernet" and self.rng.random() < 0.5)
        make = self.fragments6 if version6 else self.fragments4
        ethertype = 0x86DD if version6 else 0x0800
        if self.rng.random() < 0.1:
            packets = [self.rng.choice(make()) for _ in range(40)]
        else:
            packets = make()
            self.rng.shuffle(packets)
        for packet in packets:
            if self.rng.random() < 0.9:
                packet = self.mangled(packet) if self.lies() else packet
                yield self.ethernet(ethertype, packet) if kind == "ethernet" else packet

    def cuts(self, size: int) -> list[tuple[int, int]]:
        """Pieces of `size` bytes, at multiples of 8: (first, end) of each, now and then overlapping or doubled."""
        rng = self.rng
        points = sorted({0, *(8 * rng.randrange(size // 8 + 1) for _ in range(rng.choice((1, 1, 2, 4)))), size})
        pieces = list(zip(points, points[1:]))
        if rng.random() < 0.3:
            first = 8 * rng.randrange(size // 8 + 1)
            pieces.append((first, min(size, first + 8 * rng.choice((1, 2, 20)))))
        if rng.random() < 0.2:
            pieces.append(rng.choice(pieces))
        return [piece for piece in pieces if piece[1] > piece[0]] or [(0, size)]

    def fragments4(self) -> list[bytes]:
        rng = self.rng
        source, destination, number = self.address4(), rng.choice((ADDRESSES4[0], ADDRESSES4[7], self.address4())), rng.getrandbits(16)
        data = self.udp(struct.pack(">II", source, destination))
        return [
            ip4_with(data[first:end], source, destination, 17, b"", first // 8 | (end < len(data)) << 13, number)
            for first, end in self.cuts(len(data))
        ]

    def fragments6(self) -> list[bytes]:
        rng = self.rng
        source, destination, number = self.address6(), rng.choice((ADDRESSES6[0], ADDRESSES6[4], self.address6())), rng.getrandbits(32)
        pseudo = source.to_bytes(16) + destination.to_bytes(16)
        data = self.udp(pseudo)
        out = []
        for first, end in self.cuts(len(data)):
            fragment = struct.pack(">BBHI", 17, 0, first | (end < len(data)), number) + data[first:end]
            out.append(struct.pack(">IHBB", 6 << 28, len(fragment), 44, 64) + pseudo + fragment)
        return out


def ip4_with(
    data: bytes, source: int, destination: int, protocol: int, options: bytes, where: int, number: int, *, version: int = 4,
    words: int | None = None, total: int | None = None, ttl: int = 64, checksum: int | None = None,
) -> bytes:  # fmt: skip
    """An IPv4 packet of these fields, as wrong as they are."""
    words = 5 + len(options) // 4 if words is None else words
    total = 20 + len(options) + len(data) if total is None else total
    header = struct.pack(">BBHHHBBHII", version << 4 | words, 0, total, number, where, ttl, protocol, 0, source, destination) + options
    covered = (header + data)[: max(4 * words, 12)]
    checksum = ones_complement(covered) if checksum is None else checksum
    return header[:10] + struct.pack(">H", checksum) + header[12:] + data
