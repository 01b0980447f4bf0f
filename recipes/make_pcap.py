#!/usr/bin/env python3
"""Make a capture as the port of a small office's router would see it.

usage: make_pcap.py [--packets N] [--seed S] FILE

The router of `router.vpp` is a router on a stick: clients (192.168.10.0/24, 2001:db8:10::/64) reach
it untagged, servers (192.168.20.0/24, 2001:db8:20::/64) with VLAN 20, so both directions of what
they say to each other arrive on this one port. In it: ARP and neighbour discovery, DNS, TCP from
handshake to FIN, pings, a traceroute, fragments, what goes to the Internet, and what a router must
not forward: foreign MACs, unknown VLANs and ethertypes, destinations without a route, broken
checksums and lengths. The same seed gives the same bytes.

Without --packets each conversation is there once (some 3,000 packets). With it, the conversations
repeat, with other ports and IP identifications, until there are N packets; that part is numpy, a
million packets take a few seconds.
"""

from __future__ import annotations

import argparse
import random
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from itertools import count
from pathlib import Path

ROUTER_MAC = bytes.fromhex("02fe00000001")
BROADCAST_MAC = b"\xff" * 6
CLIENTS, SERVERS, SERVER_VLAN = 20, 6, 20
START = 1_700_000_000.0
ICMP, TCP, UDP, ICMP6 = 1, 6, 17, 58
SYN, SYN_ACK, ACK, PUSH_ACK, FIN_ACK = 0x02, 0x12, 0x10, 0x18, 0x11
PCAP_HEADER = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)


@dataclass(frozen=True)
class Host:
    """Somebody behind the router's port: the MAC and VLAN that his frames come with."""

    mac: bytes
    ip4: IPv4Address
    ip6: IPv6Address
    vlan: int | None = None


def client(number: int) -> Host:
    return Host(
        bytes((2, 0, 10, 0, 0, 10 + number)), IPv4Address(f"192.168.10.{10 + number}"), IPv6Address(f"2001:db8:10::{10 + number:x}")
    )


def server(number: int) -> Host:
    return Host(
        bytes((2, 0, 20, 0, 0, 10 + number)),
        IPv4Address(f"192.168.20.{10 + number}"),
        IPv6Address(f"2001:db8:20::{10 + number:x}"),
        SERVER_VLAN,
    )


def checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071)."""
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ethernet(source: Host, ethertype: int, payload: bytes, *, to: bytes = ROUTER_MAC) -> bytes:
    """A frame of the host, tagged as his are, padded to 60 bytes."""
    tag = struct.pack("!HH", 0x8100, source.vlan) if source.vlan is not None else b""
    return (to + source.mac + tag + struct.pack("!H", ethertype) + payload).ljust(60, b"\0")


class Office:
    """Writes the day of the office as a list of (time, frame, is part of a conversation)."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.idents = count(self.random.randrange(1 << 14))
        self.ports = count(49152)
        self.events: list[tuple[float, bytes, bool]] = []

    def at(self, when: float, frame: bytes, *, conversation: bool = False) -> None:
        self.events.append((when, frame, conversation))

    # -- packets -------------------------------------------------------------------------------

    def ip4(self, source: Host, to: IPv4Address, protocol: int, payload: bytes, *, ttl: int = 64, fragment: int = 0x4000) -> bytes:
        return self.ip4_from(source.ip4, to, protocol, payload, ttl=ttl, fragment=fragment, ident=next(self.idents) & 0xFFFF)

    @staticmethod
    def ip4_from(source: IPv4Address, to: IPv4Address, protocol: int, payload: bytes, *, ttl: int, fragment: int, ident: int) -> bytes:
        header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), ident, fragment, ttl, protocol, 0) + source.packed + to.packed
        return header[:10] + struct.pack("!H", checksum(header)) + header[12:] + payload

    @staticmethod
    def ip6(source: IPv6Address, to: IPv6Address, protocol: int, payload: bytes, *, hops: int = 64) -> bytes:
        return struct.pack("!IHBB", 6 << 28, len(payload), protocol, hops) + source.packed + to.packed + payload

    @staticmethod
    def segment(protocol: int, source: bytes, to: bytes, data: bytes) -> bytes:
        """A TCP, UDP or ICMPv6 message with its checksum over the pseudo-header in place."""
        where = {TCP: 16, UDP: 6, ICMP6: 2}[protocol]
        value = checksum(source + to + struct.pack("!II", len(data), protocol) + data) or 0xFFFF
        return data[:where] + struct.pack("!H", value) + data[where + 2 :]

    def udp(self, source: Host, to: IPv4Address, ports: tuple[int, int], data: bytes, **ip: int) -> bytes:
        header = struct.pack("!HHHH", *ports, 8 + len(data), 0)
        return ethernet(source, 0x0800, self.ip4(source, to, UDP, self.segment(UDP, source.ip4.packed, to.packed, header + data), **ip))

    def udp6(self, source: Host, to: IPv6Address, ports: tuple[int, int], data: bytes) -> bytes:
        header = struct.pack("!HHHH", *ports, 8 + len(data), 0)
        return ethernet(source, 0x86DD, self.ip6(source.ip6, to, UDP, self.segment(UDP, source.ip6.packed, to.packed, header + data)))

    def echo(self, source: Host, to: IPv4Address, ident: int, sequence: int, *, reply: bool = False, size: int = 56) -> bytes:
        message = struct.pack("!BBHHH", 0 if reply else 8, 0, 0, ident, sequence) + bytes(i & 255 for i in range(size))
        return ethernet(source, 0x0800, self.ip4(source, to, ICMP, message[:2] + struct.pack("!H", checksum(message)) + message[4:]))

    def icmp6(self, source: Host, to: IPv6Address, message: bytes, *, mac: bytes = ROUTER_MAC, hops: int = 64) -> bytes:
        body = self.segment(ICMP6, source.ip6.packed, to.packed, message)
        return ethernet(source, 0x86DD, self.ip6(source.ip6, to, ICMP6, body, hops=hops), to=mac)

    def tcp(
        self, source: Host, to: IPv4Address | IPv6Address, ports: tuple[int, int], seq: int, ack: int, flags: int, data: bytes = b""
    ) -> bytes:
        options = bytes.fromhex("020405b4 01030307 01010402") if flags & SYN else b""
        header = struct.pack("!HHIIBBHHH", *ports, seq, ack, (5 + len(options) // 4) << 4, flags, 64240, 0, 0) + options
        if isinstance(to, IPv6Address):
            return ethernet(source, 0x86DD, self.ip6(source.ip6, to, TCP, self.segment(TCP, source.ip6.packed, to.packed, header + data)))
        return ethernet(source, 0x0800, self.ip4(source, to, TCP, self.segment(TCP, source.ip4.packed, to.packed, header + data)))

    def text(self, size: int) -> bytes:
        """Bytes that look like a page somebody asked for, so that the file packs well."""
        return (b"<li>the office network, day %d: all quiet</li>\n" % self.random.randrange(99) * (size // 40 + 1))[:size]

    # -- conversations -------------------------------------------------------------------------

    def tcp_session(
        self, when: float, source: Host, peer: Host | IPv4Address | IPv6Address, port: int, answer: int, *, six: bool = False
    ) -> None:
        """Handshake, a request, its answer in segments of 1,460 bytes, FIN. Of a peer on the Internet only our side is seen."""
        far = isinstance(peer, Host)
        to = (peer.ip6 if six else peer.ip4) if isinstance(peer, Host) else peer
        back = source.ip6 if six or isinstance(to, IPv6Address) else source.ip4
        ours = (next(self.ports), port)
        theirs = (port, ours[0])
        mine, his = self.random.randrange(1 << 31), self.random.randrange(1 << 31)
        rtt = 0.0004 if far else 0.012
        clock = when

        def say(flags: int, data: bytes = b"") -> None:
            nonlocal mine
            self.at(clock, self.tcp(source, to, ours, mine, his if flags & ACK else 0, flags, data), conversation=True)
            mine += len(data) + bool(flags & (SYN | 1))

        def hear(flags: int, data: bytes = b"") -> None:
            nonlocal his
            if isinstance(peer, Host):
                self.at(clock + rtt / 2, self.tcp(peer, back, theirs, his, mine, flags, data), conversation=True)
            his += len(data) + bool(flags & (SYN | 1))

        say(SYN)
        hear(SYN_ACK)
        clock += rtt
        say(ACK)
        say(PUSH_ACK, b"GET /page/%d HTTP/1.1\r\nHost: intranet.example\r\nUser-Agent: office\r\n\r\n" % (mine & 0xFFF))
        clock += rtt
        while answer > 0:
            hear(PUSH_ACK if answer <= 1460 else ACK, self.text(min(answer, 1460)))
            answer -= 1460
            clock += rtt
            say(ACK)
        say(FIN_ACK)
        hear(FIN_ACK)
        clock += rtt
        say(ACK)

    def dns(self, when: float, source: Host, resolver: Host, name: str, *, six: bool = False) -> None:
        ident, port = self.random.randrange(1 << 16), next(self.ports)
        labels = b"".join(bytes((len(label),)) + label.encode() for label in name.split(".")) + b"\0"
        question = labels + struct.pack("!HH", 28 if six else 1, 1)
        ask = struct.pack("!6H", ident, 0x0100, 1, 0, 0, 0) + question
        rdata = IPv6Address("2001:db8:8000::7").packed if six else IPv4Address("198.51.100.7").packed
        tell = (
            struct.pack("!6H", ident, 0x8180, 1, 1, 0, 0)
            + question
            + struct.pack("!HHHIH", 0xC00C, 28 if six else 1, 1, 300, len(rdata))
            + rdata
        )
        if six:
            self.at(when, self.udp6(source, resolver.ip6, (port, 53), ask), conversation=True)
            self.at(when + 0.001, self.udp6(resolver, source.ip6, (53, port), tell), conversation=True)
        else:
            self.at(when, self.udp(source, resolver.ip4, (port, 53), ask), conversation=True)
            self.at(when + 0.001, self.udp(resolver, source.ip4, (53, port), tell), conversation=True)

    def ping(self, when: float, source: Host, peer: Host, times: int, *, six: bool = False) -> None:
        ident = self.random.randrange(1 << 16)
        for sequence in range(1, times + 1):
            clock = when + sequence
            if six:
                body = struct.pack("!HH", ident, sequence) + bytes(range(56))
                self.at(clock, self.icmp6(source, peer.ip6, b"\x80\0\0\0" + body), conversation=True)
                self.at(clock + 0.0005, self.icmp6(peer, source.ip6, b"\x81\0\0\0" + body), conversation=True)
            else:
                self.at(clock, self.echo(source, peer.ip4, ident, sequence), conversation=True)
                self.at(clock + 0.0005, self.echo(peer, source.ip4, ident, sequence, reply=True), conversation=True)

    def fragments(self, when: float, source: Host, to: IPv4Address, size: int) -> None:
        """A datagram too large for one frame, in fragments of 1,480 bytes."""
        data = self.text(size)
        whole = self.segment(UDP, source.ip4.packed, to.packed, struct.pack("!HHHH", next(self.ports), 514, 8 + size, 0) + data)
        ident = next(self.idents) & 0xFFFF
        for start in range(0, len(whole), 1480):
            more = 0x2000 if start + 1480 < len(whole) else 0
            packet = self.ip4_from(source.ip4, to, UDP, whole[start : start + 1480], ttl=64, fragment=more | start // 8, ident=ident)
            self.at(when + start / 1e7, ethernet(source, 0x0800, packet), conversation=True)

    # -- what is not a conversation ------------------------------------------------------------

    def arp(self, when: float, source: Host, target: str, *, operation: int = 1, to: bytes = BROADCAST_MAC) -> None:
        body = struct.pack("!HHBBH", 1, 0x0800, 6, 4, operation) + source.mac + source.ip4.packed
        body += (bytes(6) if operation == 1 else to) + IPv4Address(target).packed
        self.at(when, ethernet(source, 0x0806, body, to=to))

    def solicit(self, when: float, source: Host, target: str) -> None:
        """A neighbour solicitation for the router's address (RFC 4861)."""
        low = IPv6Address(target).packed[-3:]
        group, mac = IPv6Address(b"\xff\x02" + bytes(9) + b"\x01\xff" + low), b"\x33\x33\xff" + low
        message = b"\x87\0\0\0" + bytes(4) + IPv6Address(target).packed + b"\x01\x01" + source.mac
        self.at(when, self.icmp6(source, group, message, mac=mac, hops=255))

    def announcements(self, when: float) -> None:
        """What hosts and switches tell everybody: mDNS, SSDP, DHCP, LLDP, spanning tree."""
        for number in range(1, 7):
            host = client(number)
            mdns = struct.pack("!6H", 0, 0, 1, 0, 0, 0) + b"\x05_ipps\x04_tcp\x05local\0" + struct.pack("!HH", 12, 1)
            self.at(
                when + number, b"\x01\x00\x5e\x00\x00\xfb" + self.udp(host, IPv4Address("224.0.0.251"), (5353, 5353), mdns, ttl=255)[6:]
            )
            search = b"M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: ssdp:discover\r\n\r\n"
            self.at(
                when + number + 0.3,
                b"\x01\x00\x5e\x7f\xff\xfa" + self.udp(host, IPv4Address("239.255.255.250"), (50000, 1900), search, ttl=4)[6:],
            )
            discover = struct.pack("!BBBBI", 1, 1, 6, 0, number).ljust(236, b"\0") + bytes.fromhex("63825363350101ff")
            nobody = Host(host.mac, IPv4Address(0), host.ip6)
            self.at(when + number + 0.6, BROADCAST_MAC + self.udp(nobody, IPv4Address("255.255.255.255"), (68, 67), discover)[6:])
        switch = Host(bytes.fromhex("020000000099"), IPv4Address(0), IPv6Address(0))
        for number in range(10):
            lldp = bytes.fromhex("0207040200000000990403053434060200780000")
            self.at(when + 3 * number, ethernet(switch, 0x88CC, lldp, to=bytes.fromhex("0180c200000e")))
            bpdu = bytes.fromhex("424203") + bytes(35)
            self.at(when + 2 * number, ethernet(switch, len(bpdu), bpdu, to=bytes.fromhex("0180c2000000")))

    def refused(self, when: float) -> None:
        """What a router drops, each for a reason of its own."""
        source, far = client(3), IPv4Address("198.51.100.7")
        for number in range(12):
            self.at(when + number, self.udp(source, IPv4Address(f"100.64.3.{number}"), (40000 + number, 443), b"no route"))
            self.at(when + number + 0.1, self.udp(source, IPv4Address(f"10.99.0.{number}"), (40000 + number, 443), b"blackhole"))
        for number in range(5):
            frame = bytearray(self.udp(source, far, (41000, 53), b"broken header checksum"))
            frame[25] ^= 0xFF
            self.at(when + number + 0.2, bytes(frame))
            frame = bytearray(self.udp(source, far, (41001, 53), b"total length beyond the frame"))
            frame[16:18] = struct.pack("!H", 900)
            frame[24:26] = b"\0\0"
            frame[24:26] = struct.pack("!H", checksum(bytes(frame[14:34])))
            self.at(when + number + 0.3, bytes(frame))
            self.at(when + number + 0.4, ethernet(source, 0x0800, b"\x65" + bytes(45)))
            frame = bytearray(self.udp(source, far, (41002, 53), b"broken UDP checksum: a router does not look"))
            frame[40] ^= 0xFF
            self.at(when + number + 0.45, bytes(frame))
        stranger = bytes.fromhex("020000000077")
        for number in range(20):
            flooded = self.udp(source, IPv4Address(f"192.168.10.{200 + number}"), (42000, 445), b"flooded by a switch, not for us")
            self.at(when + number + 0.5, stranger + flooded[6:])
            lost = Host(source.mac, source.ip4, source.ip6, vlan=99)
            self.at(when + number + 0.6, self.udp(lost, far, (43000, 53), b"a VLAN that nobody configured"))
        for ttl in (1, 1, 1, 2, 2, 2, 3, 3, 3):
            self.at(when + 5 * ttl, self.udp(client(4), far, (44000, 33433 + ttl), b"traceroute".ljust(32, b"."), ttl=ttl, fragment=0))

    # -- the day -------------------------------------------------------------------------------

    def day(self) -> None:
        clients, servers = [client(n) for n in range(1, CLIENTS + 1)], [server(n) for n in range(1, SERVERS + 1)]
        resolver, pick = servers[0], self.random
        # The day begins with one who asks for the router, then for a name.
        self.arp(0, clients[0], "192.168.10.1")
        self.dns(0.01, clients[0], resolver, "www.example.net")
        for host in clients[1:]:
            self.arp(pick.uniform(0.1, 2), host, "192.168.10.1")
        for host in clients:
            self.solicit(pick.uniform(0.1, 2), host, "2001:db8:10::1")
        for host in servers:
            self.arp(pick.uniform(0.1, 2), host, "192.168.20.1")
            self.arp(pick.uniform(0.1, 2), host, str(host.ip4))  # gratuitous
        self.announcements(2)
        self.refused(4)
        for number in range(220):
            six = number % 6 == 5
            self.dns(pick.uniform(1, 60), pick.choice(clients), resolver, f"host{number}.office.example", six=six)
        for number in range(100):
            answer = pick.choice((90, 400, 1400, 4000, 9000, 14000))
            self.tcp_session(
                pick.uniform(2, 55), pick.choice(clients), pick.choice(servers), pick.choice((80, 443, 8080)), answer, six=number % 6 == 5
            )
        for number in range(60):
            far = (
                IPv6Address(f"2001:db8:8000::{pick.randrange(1, 999):x}")
                if number % 6 == 5
                else IPv4Address(f"{pick.choice(('198.51.100', '192.0.2'))}.{pick.randrange(1, 255)}")
            )
            self.tcp_session(pick.uniform(2, 55), pick.choice(clients), far, 443, pick.choice((400, 4000, 20000)))
        for number in range(12):
            self.ping(pick.uniform(2, 50), pick.choice(clients), pick.choice(servers), 8, six=number % 4 == 3)
            self.fragments(pick.uniform(2, 50), pick.choice(clients), servers[1].ip4, pick.choice((2000, 3000, 4000)))
        for number in range(6):
            self.at(10 + number, self.echo(clients[0], IPv4Address("192.168.10.1"), 7, number))


def by_time(seed: int) -> list[tuple[float, bytes, bool]]:
    office = Office(seed)
    office.day()
    return sorted(office.events, key=lambda event: event[0])


def record(when: float, frame: bytes) -> bytes:
    microseconds = round((START + when) * 1e6)
    return struct.pack("<IIII", *divmod(microseconds, 1_000_000), len(frame), len(frame)) + frame


def small_capture(seed: int) -> Iterator[bytes]:
    """The day as it was."""
    return (record(when, frame) for when, frame, _ in by_time(seed))


# -- a long capture ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Places:
    """Where, in one record, lies what a repetition changes; 0 when the packet has no such field."""

    ident: int
    ip_checksum: int
    port: int
    l4_checksum: int


def places(frame: bytes) -> Places:
    """Offsets within the record of IP identification, header checksum, the client's port, the L4 checksum."""
    base = 16
    at, ethertype = (18, frame[16:18]) if frame[12:14] == b"\x81\x00" else (14, frame[12:14])
    if ethertype == b"\x08\x00":
        protocol, later = frame[at + 9], int.from_bytes(frame[at + 6 : at + 8]) & 0x1FFF
        ident, header_sum, l4 = base + at + 4, base + at + 10, at + 20
    else:
        protocol, later, ident, header_sum, l4 = frame[at + 6], 0, 0, 0, at + 40
    if later or protocol not in (TCP, UDP):
        return Places(ident, header_sum, 0, 0)
    # The client's port is the ephemeral one, whichever way the packet goes.
    port = l4 if int.from_bytes(frame[l4 : l4 + 2]) >= 49152 else l4 + 2
    return Places(ident, header_sum, base + port, base + l4 + (16 if protocol == TCP else 6))


def long_capture(seed: int, packets: int) -> Iterator[bytes]:
    """The odd packets once, then the conversations again and again, to `packets` records in all."""
    import numpy as np

    events = by_time(seed)
    odd = [(when, frame) for when, frame, conversation in events if not conversation][:packets]
    talk = [(when, frame) for when, frame, conversation in events if conversation]
    yield from (record(when, frame) for when, frame in odd)

    records = [record(when, frame) for when, frame in talk]
    starts = np.concatenate(([0], np.cumsum([len(r) for r in records])))
    template = np.frombuffer(b"".join(records), np.uint8)
    found = [places(frame) for _, frame in talk]
    seconds = np.array([int.from_bytes(r[:4], "little") for r in records], np.uint32)

    def words(field: str) -> np.ndarray:
        """Absolute offsets of a 16-bit field, for the packets that have it."""
        return np.array([start + getattr(place, field) for start, place in zip(starts, found) if getattr(place, field)], np.intp)

    idents, ip_sums, ports, l4_sums = map(words, ("ident", "ip_checksum", "port", "l4_checksum"))

    def add(copy: np.ndarray, fields: np.ndarray, sums: np.ndarray, step: int) -> None:
        """Add `step` to 16-bit fields and correct the checksums over them (RFC 1624, equation 3)."""
        old = copy[fields].astype(np.uint32) << 8 | copy[fields + 1]
        new = (old + step) & 0xFFFF
        if fields is ports:
            new = 49152 + (old - 49152 + step) % 16384
        total = (~(copy[sums].astype(np.uint32) << 8 | copy[sums + 1]) & 0xFFFF) + (~old & 0xFFFF) + new
        total = (total & 0xFFFF) + (total >> 16)
        total = ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF
        for where, value in ((fields, new), (sums, total)):
            copy[where], copy[where + 1] = value >> 8, value & 0xFF

    left, length = packets - len(odd), round(talk[-1][0]) + 1
    for repetition in count():
        if left <= 0:
            return
        copy = template.copy()
        add(copy, idents, ip_sums, repetition * 7919 & 0xFFFF)
        add(copy, ports, l4_sums, repetition * 131 & 0x3FFF)
        for byte in range(4):
            copy[starts[:-1] + byte] = (seconds + length * (repetition + 1)) >> 8 * byte & 0xFF
        yield copy[: starts[min(left, len(records))]].tobytes()
        left -= len(records)


def write(path: Path, parts: Iterable[bytes]) -> None:
    with path.open("wb") as file:
        file.write(PCAP_HEADER)
        file.writelines(parts)


def main() -> None:
    parser = argparse.ArgumentParser(description="Make a capture as the port of a small office's router would see it.")
    parser.add_argument("file", type=Path)
    parser.add_argument("--packets", type=int, help="repeat the conversations until there are so many packets")
    parser.add_argument("--seed", type=int, default=26)
    options = parser.parse_args()
    write(options.file, small_capture(options.seed) if options.packets is None else long_capture(options.seed, options.packets))
    print(f"{options.file}: {options.file.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
