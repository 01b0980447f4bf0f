"""IPIP tunnels against plain Python and scapy: what goes in, what comes out, and what must not."""

from __future__ import annotations

import random

import numpy as np
import pytest
from msgspec.structs import replace
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6

from tests.graphs import SIZES
from tests.packets import ip4_packet, ip6_packet
from tests.routers import number
from tests.traffic import Traffic
from tests.tunnels import FAR, NEAR, PROTOCOL, TunnelRouter, hop, outer_twin, prefix, random_packet
from vppsh.engine.features.ip4 import flow_hash
from vppsh.engine.features.ipip.sixrd import SixRdDomains
from vppsh.engine.features.ipip.tunnels import IpipTunnel, IpipTunnels, Mode, SixRd
from vppsh.engine.fib.load_balance import FLOW_HASH_DEFAULT
from vppsh.engine.tunnel.flags import FLAG_NAMES, TunnelFlag
from vppsh.engine.tunnel.midchain import Endpoint
from vppsh.engine.tunnel.teib import Teib, TeibEntry
from vppsh.errors import CommandError

OVERLAY = {4: ("172.16.0.0/16", number("172.16.0.5")), 6: ("2001:db8:f::/48", number("2001:db8:f::5"))}
NUMBER = {4: 4, 6: 41}
VERSIONS = [(outer, inner) for outer in (4, 6) for inner in (4, 6)]
FLAGS = [0, *FLAG_NAMES.values(), sum(FLAG_NAMES.values())]


def tunnel(router: TunnelRouter, outer: int, flags: int = 0, far: int = 0) -> IpipTunnel:
    """A tunnel over if1 that is up."""
    made = router.engine.get(IpipTunnels).add(IpipTunnel(Mode.P2P, PROTOCOL[outer], NEAR[outer], far or FAR[outer], 0, -1, flags))
    router.start(made.interface)
    return made


def inner_hash(packet: bytes) -> int:
    """The flow hash of an IPv4 packet."""
    fields = np.frombuffer(packet[: flow_hash.HEADER.itemsize].ljust(flow_hash.HEADER.itemsize, b"\0"), flow_hash.HEADER)
    return int(flow_hash.hash_of(fields, np.array([FLOW_HASH_DEFAULT]))[0])


def entered(outer: int, inner: int, packet: bytes, flags: int, **ends: int) -> bytes:
    """A packet as it leaves if1 in a tunnel; IPv6 packets of our own keep their hop limit."""
    twin = outer_twin(outer, hop(packet), protocol=NUMBER[inner], ttl=64, flags=flags, label=inner_hash(hop(packet)), **ends)
    return hop(twin) if outer == 4 else twin


@pytest.mark.parametrize("flags", FLAGS)
@pytest.mark.parametrize(("outer", "inner"), VERSIONS)
def test_packets_enter_with_the_outer_header_that_the_flags_ask_for(outer: int, inner: int, flags: int) -> None:
    seed = random.randrange(1 << 30)
    print("seed", seed)
    rng, router = random.Random(seed), TunnelRouter()
    router.route(OVERLAY[inner][0], tunnel(router, outer, flags).interface)
    packets = [random_packet(rng, inner, OVERLAY[inner][1]) for _ in range(40)]
    # An outer header that copied a hop limit of one hop has none left for the underlay.
    packets = [packet for packet in packets if hop(packet)[8 if inner == 4 else 7] > 1]
    wanted = [entered(outer, inner, packet, flags) for packet in packets]
    assert router.forward(inner, *packets) == wanted
    assert router.forward(inner, *packets, scattered=True) == wanted


@pytest.mark.parametrize("size", SIZES)
def test_a_frame_may_enter_many_tunnels(size: int) -> None:
    seed = random.randrange(1 << 30)
    print("seed", seed)
    rng, router = random.Random(seed), TunnelRouter()
    chosen = [(rng.choice((0, TunnelFlag.ENCAP_COPY_DSCP, sum(FLAG_NAMES.values()))), number("192.0.2.1") + index) for index in range(9)]
    router.route("192.0.2.0/24", router.interfaces[1], "10.0.1.2")
    for index, (flags, far) in enumerate(chosen):
        router.route(f"172.16.{index}.0/24", tunnel(router, 4, flags, far).interface)
    packets, wanted = [], []
    for _ in range(size):
        index = rng.randrange(len(chosen))
        packet = random_packet(rng, 4, number(f"172.16.{index}.5"))
        packets.append(packet[:8] + b"\x40" + packet[9:] if packet[8] < 3 else packet)
    packets = [ip4_packet(int.from_bytes(p[12:16], "big"), int.from_bytes(p[16:20], "big"), payload=p[20:], ttl=max(p[8], 3), tos=p[1],
                          flags_and_offset=int.from_bytes(p[6:8], "big")) for p in packets]  # fmt: skip
    for packet in packets:
        flags, far = chosen[packet[18]]
        wanted.append(entered(4, 4, packet, flags, dst=far))
    assert router.forward(4, *packets) == wanted
    assert router.forward(4, *packets, scattered=True) == wanted
    tunnels = list(router.engine.get(IpipTunnels))
    sent = router.engine.interfaces.tx
    for index, each in enumerate(tunnels):
        mine = [data for packet, data in zip(packets, wanted) if packet[18] == index]
        assert sent.packets[each.interface.sw_if_index] == 2 * len(mine)
        assert sent.bytes[each.interface.sw_if_index] == 2 * sum(map(len, mine))


@pytest.mark.parametrize(("outer", "inner"), VERSIONS)
def test_scapy_reads_what_enters(outer: int, inner: int) -> None:
    router = TunnelRouter()
    router.route(OVERLAY[inner][0], tunnel(router, outer).interface)
    packet = random_packet(random.Random(5), inner, OVERLAY[inner][1])
    (sent,) = router.forward(inner, packet)
    layers = (IP, IPv6)
    seen = layers[outer == 6](sent)
    assert (number(seen.src), number(seen.dst)) == (NEAR[outer], FAR[outer])
    assert bytes(seen.payload) == hop(packet)
    assert isinstance(seen.payload, layers[inner == 6])
    rebuilt = seen.copy()
    if outer == 4:
        del rebuilt.len, rebuilt.chksum
    else:
        del rebuilt.plen
    assert bytes(rebuilt) == sent


def scapy_packet(outer: int, inner: int, sport: int, **outer_fields: int) -> tuple[bytes, bytes]:
    """A packet as the far end sends it, and the packet inside."""
    within = IP(src="172.16.0.5", dst="10.0.0.2") if inner == 4 else IPv6(src="2001:db8:f::5", dst="2001:db8::2")
    within = within / UDP(sport=sport, dport=7) / b"payload"
    without = (
        IP(src="10.0.1.2", dst="10.0.1.1", **outer_fields) if outer == 4 else IPv6(src="2001:db8:1::2", dst="2001:db8:1::1", **outer_fields)
    )
    return bytes(without / within), bytes(within)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("outer", "inner"), VERSIONS)
def test_packets_of_scapy_come_out(outer: int, inner: int, size: int) -> None:
    router = TunnelRouter()
    made = tunnel(router, outer)
    pairs = [scapy_packet(outer, inner, 1000 + index) for index in range(size)]
    for scattered in (False, True):
        out = router.receive(outer, *(pair[0] for pair in pairs), scattered=scattered)
        assert out == [hop(pair[1]) for pair in pairs]
    rx, index = router.engine.interfaces.rx, made.interface.sw_if_index
    assert (rx.packets[index], rx.bytes[index]) == (2 * size, 2 * sum(len(pair[1]) for pair in pairs))
    assert router.count(f"ipip{outer}-input", "decap_pkts") == 2 * size


@pytest.mark.parametrize("outer", [4, 6])
def test_packets_without_a_tunnel_are_dropped_and_the_others_are_not(outer: int) -> None:
    seed = random.randrange(1 << 30)
    print("seed", seed)
    rng, router = random.Random(seed), TunnelRouter()
    made = tunnel(router, outer)
    layer, near, far = (IP, "10.0.1.1", "10.0.1.2") if outer == 4 else (IPv6, "2001:db8:1::1", "2001:db8:1::2")
    stranger = "10.0.1.77" if outer == 4 else "2001:db8:1::77"
    packets, wanted, lost = [], [], 0
    for index in range(257):
        within = IP(src="172.16.0.5", dst="10.0.0.2", id=index) / UDP(sport=index + 1, dport=7)
        source = rng.choice((far, far, stranger))
        packets.append(bytes(layer(src=source, dst=near) / within))
        lost += source == stranger
        wanted += [hop(bytes(within))] if source == far else []
    assert router.receive(outer, *packets) == wanted
    assert router.count(f"ipip{outer}-input", "no_tunnel") == lost
    assert router.engine.interfaces.rx.packets[made.interface.sw_if_index] == len(wanted)
    router.engine.get(IpipTunnels).delete(made)
    assert router.receive(outer, *packets) == []
    assert router.count(f"ipip{outer}-input", "no_tunnel") == lost + len(packets)


def test_the_first_of_outer_fragments_is_refused() -> None:
    """Whole packets are put together before; what says of itself that more is to come has no place here."""
    router = TunnelRouter()
    tunnel(router, 4)
    good, within = scapy_packet(4, 4, 5)
    more, _ = scapy_packet(4, 4, 6, flags=1)
    frame = router.frame(more, good, link=1)
    router.engine.buffers.fib_index[frame.rows] = 0
    router.engine.dispatcher.send(router.engine.graph["ipip4-input"], frame)
    router.settle()
    assert [data[14:] for _, data in router.left] == [hop(within)]
    assert router.count("ipip4-input", "fragmented_packet") == 1


@pytest.mark.parametrize("asked", [False, True])
@pytest.mark.parametrize(("outer", "inner"), VERSIONS)
def test_congestion_marks_come_out_if_asked_for(outer: int, inner: int, asked: bool) -> None:
    router = TunnelRouter()
    tunnel(router, outer, TunnelFlag.DECAP_COPY_ECN if asked else 0)
    for mark in range(4):
        fields = {"tos": 0xB8 | mark} if outer == 4 else {"tc": 0xB8 | mark}
        sent, within = scapy_packet(outer, inner, 9, **fields)
        (out,) = router.receive(outer, sent)
        data = hop(within)
        seen = IP(data) if inner == 4 else IPv6(data)
        if asked:
            if inner == 4:
                seen.tos |= mark
                del seen.chksum
            else:
                seen.tc |= mark
        assert out == bytes(seen)


def test_packets_cut_short_are_dropped_without_a_fault() -> None:
    router = TunnelRouter()
    for outer, inner in VERSIONS:
        if not inner - outer:
            tunnel(router, outer)
        _, within = scapy_packet(outer, inner, 3)
        # What ip6-input lets pass as long as the header is whole, VPP forwards.
        for length in range(len(within) if inner == 4 else 40):
            if outer == 4:
                cut = ip4_packet(FAR[4], NEAR[4], payload=within[:length], protocol=NUMBER[inner])
            else:
                cut = ip6_packet(FAR[6], NEAR[6], payload=within[:length], protocol=NUMBER[inner])
            assert router.receive(outer, cut) == []


def multipoint(router: TunnelRouter) -> IpipTunnel:
    """A tunnel to many over if1, with 172.16.0.1/24 on it."""
    made = router.engine.get(IpipTunnels).add(IpipTunnel(Mode.P2MP, PROTOCOL[4], NEAR[4], 0, 0, -1))
    router.start(made.interface)
    return made


def test_a_multipoint_tunnel_leads_to_the_peers_it_knows() -> None:
    router = TunnelRouter()
    made, teib = multipoint(router), router.engine.get(Teib)
    index = made.interface.sw_if_index
    router.route("192.0.2.0/24", router.interfaces[1], "10.0.1.2")
    for host in (2, 3):
        router.route(f"172.31.{host}.0/24", made.interface, f"172.16.0.{host}")
    packets = [ip4_packet(dst=number(f"172.31.{host}.5")) for host in (2, 3, 2)]
    assert router.forward(4, *packets) == []
    ends = {host: number("192.0.2.0") + host for host in (2, 3)}
    entries = {host: TeibEntry(index, prefix(f"172.16.0.{host}"), Endpoint(0, prefix(f"192.0.2.{host}"))) for host in ends}
    assert teib.add(entries[2])
    assert not teib.add(replace(entries[2], endpoint=entries[3].endpoint))
    known = entered(4, 4, packets[0], 0, dst=ends[2])
    assert router.forward(4, *packets) == [known, known]
    assert teib.add(entries[3])
    assert router.forward(4, *packets) == [known, entered(4, 4, packets[1], 0, dst=ends[3]), known]
    # What a known peer sends is received, too.
    within = ip4_packet(number("172.31.2.5"), number("10.0.0.2"))
    back = ip4_packet(ends[2], NEAR[4], payload=within, protocol=4)
    assert router.receive(4, back) == [hop(within)]
    assert teib.remove(index, PROTOCOL[4], number("172.16.0.2"))
    assert not teib.remove(index, PROTOCOL[4], number("172.16.0.2"))
    assert router.forward(4, *packets) == [entered(4, 4, packets[1], 0, dst=ends[3])]
    assert router.receive(4, back) == []


def domain(router: TunnelRouter, ip6_prefix: str, ip4_prefix: str, *, check: bool = True) -> IpipTunnel:
    """A 6rd tunnel over if1."""
    return router.engine.get(SixRdDomains).add(NEAR[4], 0, SixRd(prefix(ip6_prefix), prefix(ip4_prefix), check, 0))


@pytest.mark.parametrize(("ip6", "ip4"), [("3ffe::/32", "0.0.0.0/0"), ("3ffe::/40", "100.0.0.0/8"), ("3ffe::/16", "100.64.3.0/24")])
def test_6rd_finds_the_far_end_in_the_inner_address(ip6: str, ip4: str) -> None:
    seed = random.randrange(1 << 30)
    print("seed", seed)
    rng, router = random.Random(seed), TunnelRouter()
    domain(router, ip6, ip4)
    router.route("100.0.0.0/8", router.interfaces[1], "10.0.1.2")
    bits = 32 - prefix(ip4).length
    below = 128 - prefix(ip6).length - bits
    packets, wanted = [], []
    for _ in range(100):
        # The domain of all addresses is tried with those that there is a route to.
        far = prefix(ip4).address | (rng.randrange(1 << bits) if bits < 32 else 100 << 24 | rng.getrandbits(24))
        dst = prefix(ip6).address | (far & (1 << bits) - 1) << below | rng.getrandbits(below)
        packets.append(ip6_packet(number("2001:db8::2"), dst))
        wanted.append(hop(ip4_packet(NEAR[4], far, payload=hop(packets[-1]), protocol=41)))
    assert router.forward(6, *packets) == wanted
    assert router.forward(6, *packets, scattered=True) == wanted


def test_6rd_takes_only_what_belongs_to_its_outer_source() -> None:
    router = TunnelRouter()
    made = domain(router, "3ffe::/32", "0.0.0.0/0")
    packets = {}
    for named in ("10.0.1.2", "10.0.1.3"):
        src = number("3ffe::") | number(named) << 64
        within = ip6_packet(src, number("2001:db8::2"))
        packets[named] = ip4_packet(number("10.0.1.2"), NEAR[4], payload=within, protocol=41), within
    (good, within), (spoofed, _) = packets.values()
    assert router.receive(4, spoofed, good, spoofed) == [hop(within)]
    assert router.count("ipip4-input", "no_tunnel") == 2
    assert router.engine.interfaces.rx.packets[made.interface.sw_if_index] == 1
    router.engine.get(SixRdDomains).delete(made)
    assert router.receive(4, good) == []


def test_tunnels_are_told_apart_and_refused_in_the_words_of_vpp() -> None:
    router = TunnelRouter()
    tunnels = router.engine.get(IpipTunnels)
    first = tunnel(router, 4)
    with pytest.raises(CommandError, match="already exists"):
        tunnel(router, 4)
    with pytest.raises(CommandError, match="Instance is in use"):
        tunnels.add(IpipTunnel(Mode.P2P, PROTOCOL[4], NEAR[4], number("10.0.1.9"), 0, 0))
    with pytest.raises(CommandError, match="when mode is multi-point"):
        tunnels.add(IpipTunnel(Mode.P2MP, PROTOCOL[4], NEAR[4], FAR[4], 0, -1))
    tunnels.delete(first)
    again = tunnel(router, 4)
    assert (again.interface.name, again.interface.sw_if_index) == ("ipip0", first.interface.sw_if_index)


def test_a_tunnel_by_command_shows_its_path() -> None:
    traffic = Traffic()
    assert traffic("create ipip tunnel src 10.0.1.1 dst 10.0.1.2 flags encap-copy-dscp flags encap-set-df") == "ipip0"
    for line in ("set interface state ipip0 up", "set interface unnumbered ipip0 use pg1", "ip route add 172.16.0.0/16 via ipip0"):
        assert traffic(line) == ""
    assert "flags [encap-set-df encap-copy-dscp ]" in traffic("show ipip tunnel 0")
    traffic.udp("s", 3, destination="172.16.0.9")
    traffic("trace add pg-input 1")
    traffic.send("s")
    nodes = [line.split(": ")[1] for line in traffic("show trace").splitlines() if line.startswith("00:")]
    assert nodes[3:6] == ["ip4-lookup", "ip4-midchain", "tunnel-output"]
    assert "stacked-on entry" in traffic("show adj")
