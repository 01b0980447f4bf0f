"""GRE tunnels against plain Python and scapy: packets, frames and mirrored frames, with keys and without."""

from __future__ import annotations

import random
import struct

import pytest
from scapy.contrib.erspan import ERSPAN_II
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import GRE, Ether

from tests.graphs import SIZES
from tests.packets import ip4_packet, ip6_packet
from tests.routers import mac, number
from tests.tunnels import FAR, NEAR, PROTOCOL, TunnelRouter, hop, outer_twin, prefix, random_packet
from vppsh.engine.buffers import HEADROOM
from vppsh.engine.features.gre.tunnels import NO_KEY, GreTunnel, GreTunnels, Payload
from vppsh.engine.features.l2.modes import L2Interfaces
from vppsh.engine.tunnel.flags import Mode, TunnelFlag
from vppsh.engine.tunnel.midchain import Endpoint
from vppsh.engine.tunnel.teib import Teib, TeibEntry
from vppsh.errors import CommandError

GRE_PROTOCOL = 47
OVERLAY = {4: ("172.16.0.0/16", number("172.16.0.5")), 6: ("2001:db8:f::/48", number("2001:db8:f::5"))}
ETHERTYPE = {4: 0x0800, 6: 0x86DD}
ERSPAN_BYTES = 12
TTL = {4: 254, 6: 255}
VERSIONS = [(outer, inner) for outer in (4, 6) for inner in (4, 6)]
COPIES = (0, TunnelFlag.ENCAP_COPY_DSCP, TunnelFlag.ENCAP_COPY_DF | TunnelFlag.ENCAP_COPY_ECN, TunnelFlag.ENCAP_COPY_HOP_LIMIT)


def tunnel(
    router: TunnelRouter, outer: int, *, payload: Payload = Payload.L3, key: int = NO_KEY, flags: int = 0, session: int = 0
) -> GreTunnel:
    """A tunnel over if1 that is up."""
    wanted = GreTunnel(payload, Mode.P2P, PROTOCOL[outer], NEAR[outer], FAR[outer], 0, -1, flags, key, session)
    made = router.engine.get(GreTunnels).add(wanted)
    router.start(made.interface)
    return made


def own_header(payload: int, key: int = NO_KEY, flags: int = 0) -> bytes:
    """GRE's header."""
    flags |= 0x2000 if key else 0
    return struct.pack(">HH", flags, payload) + (struct.pack(">I", key) if key else b"")


@pytest.mark.parametrize("flags", COPIES)
@pytest.mark.parametrize(("outer", "inner"), VERSIONS)
def test_packets_enter_with_the_outer_header_that_the_flags_ask_for(outer: int, inner: int, flags: int) -> None:
    seed = random.randrange(1 << 30)
    print("seed", seed)
    rng, router = random.Random(seed), TunnelRouter()
    router.route(OVERLAY[inner][0], tunnel(router, outer, flags=flags).interface)
    packets = [random_packet(rng, inner, OVERLAY[inner][1]) for _ in range(40)]
    packets = [packet for packet in packets if packet[8 if inner == 4 else 7] > 2]
    wanted = []
    for packet in packets:
        between = own_header(ETHERTYPE[inner])
        wanted.append(hop(outer_twin(outer, hop(packet), protocol=GRE_PROTOCOL, ttl=TTL[outer], flags=flags, between=between)))
    assert router.forward(inner, *packets) == wanted
    assert router.forward(inner, *packets, scattered=True) == wanted


@pytest.mark.parametrize("outer", [4, 6])
def test_scapy_reads_a_key(outer: int) -> None:
    router = TunnelRouter()
    router.route(OVERLAY[4][0], tunnel(router, outer, key=0xFEDCBA98).interface)
    packet = ip4_packet(dst=OVERLAY[4][1])
    (sent,) = router.forward(4, packet)
    seen = (IP if outer == 4 else IPv6)(sent)
    assert (seen[GRE].key_present, seen[GRE].key, seen[GRE].proto) == (1, 0xFEDCBA98, 0x0800)
    assert bytes(seen[GRE].payload) == hop(packet)
    if outer == 4:
        rebuilt = seen.copy()
        del rebuilt.len, rebuilt.chksum
        assert bytes(rebuilt) == sent


def from_far_end(outer: int, inner: int, sport: int, **fields: int) -> tuple[bytes, bytes]:
    """A packet as the far end sends it, and the packet inside."""
    within = IP(src="172.16.0.5", dst="10.0.0.2") if inner == 4 else IPv6(src="2001:db8:f::5", dst="2001:db8::2")
    within = within / UDP(sport=sport, dport=7) / b"payload"
    layer, src, dst = (IP, "10.0.1.2", "10.0.1.1") if outer == 4 else (IPv6, "2001:db8:1::2", "2001:db8:1::1")
    return bytes(layer(src=src, dst=dst) / GRE(**fields) / within), bytes(within)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("outer", [4, 6])
def test_packets_find_the_tunnel_of_their_key(outer: int, size: int) -> None:
    seed = random.randrange(1 << 30)
    print("seed", seed)
    rng, router = random.Random(seed), TunnelRouter()
    tunnels = {key: tunnel(router, outer, key=key).interface.sw_if_index for key in (NO_KEY, 1, 2, 0xFFFFFFFF)}
    packets, wanted, seen = [], [], dict.fromkeys(tunnels.values(), 0)
    for index in range(size):
        key, inner = rng.choice((*tunnels, 77)), rng.choice((4, 6))
        packet, within = from_far_end(outer, inner, index + 1, **({"key_present": 1, "key": key} if key else {}))
        packets.append(packet)
        if key in tunnels:
            wanted.append(hop(within))
            seen[tunnels[key]] += 1
    out = router.receive(outer, *packets) + router.receive(outer, *packets, scattered=True)
    # Packets of the two versions part behind the tunnel.
    assert sorted(out) == sorted(wanted * 2)
    assert {index: int(router.engine.interfaces.rx.packets[index]) for index in seen} == {index: 2 * n for index, n in seen.items()}
    assert router.count(f"gre{outer}-input", "no_such_tunnel") == 2 * (size - len(wanted))


def test_what_is_wrong_with_a_header_is_counted_in_the_order_of_vpp() -> None:
    router = TunnelRouter()
    made = tunnel(router, 4)
    known, unknown = FAR[4], number("10.0.1.77")

    def packet(src: int, data: bytes) -> bytes:
        return ip4_packet(src, NEAR[4], payload=data, protocol=GRE_PROTOCOL)

    within = ip4_packet(number("172.16.0.5"), number("10.0.0.2"))
    errors = ("unknown_protocol", "unsupported_version", "no_such_tunnel")
    cases = (
        (packet(known, own_header(0x1234) + within), "unknown_protocol"),
        (packet(unknown, own_header(0x1234) + within), "no_such_tunnel"),
        (packet(known, own_header(0x0800, flags=1) + within), "unsupported_version"),
        (packet(unknown, own_header(0x0800, flags=1) + within), "no_such_tunnel"),
        (packet(known, own_header(0x6558) + within), "no_such_tunnel"),
        (packet(known, own_header(0x88BE) + within), "unknown_protocol"),
        (packet(known, b"\0"), "unknown_protocol"),
        (packet(known, b""), "unknown_protocol"),
        (packet(known, own_header(0x0800, key=5)[:6]), "unknown_protocol"),
    )
    for data, wanted in cases:
        before = {name: router.count("gre4-input", name) for name in errors}
        assert router.receive(4, data) == []
        after = {name: router.count("gre4-input", name) for name in errors}
        assert after == {**before, wanted: before[wanted] + 1}
    assert router.engine.interfaces.rx.packets[made.interface.sw_if_index] == 0
    assert router.receive(4, packet(known, own_header(0x0800) + within)) == [hop(within)]


def test_packets_cut_short_are_dropped_without_a_fault() -> None:
    router = TunnelRouter()
    tunnel(router, 4)
    tunnel(router, 4, payload=Payload.TEB)
    frame = bytes(Ether(src="02:00:00:00:00:99", dst=mac(0).hex(":"))) + bytes(4)
    for payload, within in (
        (0x0800, ip4_packet(dst=number("10.0.0.2"))),
        (0x86DD, ip6_packet(1, 2)[:39]),
        (0x6558, frame),
        (0x8847, bytes(8)),
    ):
        for length in range(len(within)):
            cut = ip4_packet(FAR[4], NEAR[4], payload=own_header(payload) + within[:length], protocol=GRE_PROTOCOL)
            assert router.receive(4, cut) == []


def bridged(router: TunnelRouter, made: GreTunnel) -> None:
    """Cross-connect if0 with a tunnel of frames."""
    layer2 = router.engine.get(L2Interfaces)
    layer2.set_xconnect(router.interfaces[0], made.interface)
    layer2.set_xconnect(made.interface, router.interfaces[0])


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("key", [NO_KEY, 9])
@pytest.mark.parametrize("outer", [4, 6])
def test_frames_cross_a_tunnel_both_ways(outer: int, key: int, size: int) -> None:
    router = TunnelRouter()
    made = tunnel(router, outer, payload=Payload.TEB, key=key)
    bridged(router, made)
    frames = [
        bytes(Ether(src="02:00:00:00:00:99", dst="02:00:00:00:00:98") / IP(src="1.2.3.4", dst="5.6.7.8") / UDP(sport=port))
        for port in range(size)
    ]
    sent = router.send("ethernet-input", *frames)
    assert len(sent) == size
    for frame, data in zip(frames, sent):
        seen = (IP if outer == 4 else IPv6)(data)
        assert (seen[GRE].proto, seen[GRE].key if key else None) == (0x6558, key or None)
        assert data[-len(frame) :] == frame
        assert seen.len == len(data) if outer == 4 else seen.plen == len(data) - 40
    layer, src, dst = (IP, "10.0.1.2", "10.0.1.1") if outer == 4 else (IPv6, "2001:db8:1::2", "2001:db8:1::1")
    fields = {"key_present": 1, "key": key} if key else {}
    back = [bytes(layer(src=src, dst=dst) / GRE(proto=0x6558, **fields)) + frame for frame in frames]
    before = len(router.left)
    router.receive(outer, *back)
    assert [data for _, data in router.left[before:]] == frames
    index = made.interface.sw_if_index
    assert router.engine.interfaces.rx.packets[index] == size
    # As in VPP, frames that go in are counted by the node only.
    assert router.engine.interfaces.tx.packets[index] == 0
    assert router.count("gre-teb-encap", "pkts_encap") == size


def test_mirrored_frames_are_numbered_between_two_ends() -> None:
    router = TunnelRouter()
    first = tunnel(router, 4, payload=Payload.ERSPAN, session=100)
    frames = [bytes(Ether(src="02:00:00:00:00:99", dst="02:00:00:00:00:98") / IP() / UDP(sport=port)) for port in range(5)]
    bridged(router, first)
    sent = router.send("ethernet-input", *frames)
    second = tunnel(router, 6, payload=Payload.ERSPAN, session=0x3FF)
    bridged(router, second)
    sent += router.send("ethernet-input", *frames)
    for position, data in enumerate(sent):
        seen = (IP if position < 5 else IPv6)(data)
        assert (seen[GRE].proto, seen[GRE].seqnum_present, seen[GRE].seqence_number) == (0x88BE, 1, position % 5)
        mirror = ERSPAN_II(bytes(seen[GRE].payload))
        assert (mirror.ver, mirror.vlan, mirror.en, mirror.session_id, mirror.index) == (1, 0, 3, 100 if position < 5 else 0x3FF, 0)
        assert bytes(mirror.payload) == frames[position % 5]


@pytest.mark.parametrize("crowded", [(0,), (1, 2), (0, 1, 2, 3)])
def test_mirrored_frames_without_room_for_more_headers_are_dropped(crowded: tuple[int, ...]) -> None:
    router = TunnelRouter()
    made = tunnel(router, 4, payload=Payload.ERSPAN)
    frames = [bytes(Ether(src="02:00:00:00:00:99", dst="02:00:00:00:00:98") / IP() / UDP(sport=port)) for port in range(4)]
    frame, buffers = router.frame(*frames), router.engine.buffers
    rows = frame.indices(buffers)
    for position in crowded:
        at = buffers.current_data[rows[position]]
        data = buffers.data[rows[position]]
        data[2 : 2 + len(frames[position])] = data[HEADROOM + at : HEADROOM + at + len(frames[position])]
        buffers.current_data[rows[position]] = 2 - HEADROOM
    frame.offset = None
    buffers.tx_sw_if_index[frame.rows] = made.interface.sw_if_index
    router.engine.dispatcher.send(router.engine.graph["gre-erspan-encap"], frame)
    router.settle()
    left = [bytes(ERSPAN_II(bytes(IP(data[14:])[GRE].payload)).payload) for _, data in router.left]
    assert left == [data for position, data in enumerate(frames) if position not in crowded]
    assert router.count("null-node", "blackholed packets") == len(crowded)
    # Nothing was written to the buffers before theirs.
    assert not buffers.data[:, -ERSPAN_BYTES:].any()


def test_a_multipoint_tunnel_leads_to_the_peers_it_knows() -> None:
    router = TunnelRouter()
    tunnels, teib = router.engine.get(GreTunnels), router.engine.get(Teib)
    made = tunnels.add(GreTunnel(Payload.L3, Mode.MP, PROTOCOL[4], NEAR[4], 0, 0))
    router.start(made.interface)
    router.route("172.31.0.0/16", made.interface, "172.16.0.2")
    packet = ip4_packet(dst=number("172.31.0.5"))
    assert router.forward(4, packet) == []
    assert teib.add(TeibEntry(made.interface.sw_if_index, prefix("172.16.0.2"), Endpoint(0, prefix("10.0.1.2"))))
    wanted = hop(outer_twin(4, hop(packet), protocol=GRE_PROTOCOL, ttl=254, between=own_header(0x0800)))
    assert router.forward(4, packet) == [wanted]
    received, within = from_far_end(4, 4, 5)
    assert router.receive(4, received) == [hop(within)]
    tunnels.delete(made)
    assert router.forward(4, packet) == []
    assert router.receive(4, received) == []


def test_tunnels_are_told_apart_and_refused_in_the_words_of_vpp() -> None:
    router = TunnelRouter()
    tunnels = router.engine.get(GreTunnels)
    for number_of_it, options in enumerate(({}, {"payload": Payload.TEB}, {"payload": Payload.ERSPAN, "session": 3}, {"key": 7})):
        assert tunnel(router, 4, **options).interface.name == f"gre{number_of_it}"  # type: ignore[arg-type]
    for options in ({}, {"payload": Payload.TEB}, {"key": 7}):
        with pytest.raises(CommandError, match="already exists"):
            tunnel(router, 4, **options)  # type: ignore[arg-type]
    with pytest.raises(CommandError, match="session ID 1024 out of range"):
        tunnel(router, 4, payload=Payload.ERSPAN, session=1024)
    for made in list(tunnels):
        tunnels.delete(made)
    assert list(tunnels) == []
    assert tunnel(router, 4).interface.name == "gre3", "the number that was given back last"
