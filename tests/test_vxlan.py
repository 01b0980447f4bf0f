"""VXLAN tunnels against plain Python and scapy: frames and packets, bad ones, groups, bypass."""

from __future__ import annotations

import random
import struct
from dataclasses import replace

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether
from scapy.layers.vxlan import VXLAN

from tests.graphs import SIZES
from tests.packets import ip4_packet
from tests.routers import mac, number
from tests.tunnels import FAR, NEAR, PROTOCOL, TunnelRouter, hop, prefix
from tests.udp_tunnels import VERSIONS, cross_connect, datagram, flow_port, random_frame, received, routed_frame
from vppsh.engine.buffers import HEADROOM
from vppsh.engine.features.l2.bridge_domains import BridgeDomains
from vppsh.engine.features.l2.modes import L2Interfaces
from vppsh.engine.features.vxlan.tunnels import VxlanTunnel, VxlanTunnels
from vppsh.engine.fib.fib import Fib
from vppsh.engine.fib.types import EntryFlag, RoutePath, Source, format_address
from vppsh.engine.interfaces import SubConfig
from vppsh.engine.mfib.tables import Mfib
from vppsh.engine.neighbors import NeighborFlag, Neighbors
from vppsh.engine.udp_ports import UdpPorts
from vppsh.errors import CommandError

PORT = 4789
HOPS = {4: 254, 6: 255}
LAYER = {4: IP, 6: IPv6}
GROUP = {4: number("239.1.1.1"), 6: number("ff0e::1")}


def add(router: TunnelRouter, version: int, vni: int = 13, **options: object) -> VxlanTunnel:
    """A tunnel over if1."""
    fields = {"src": NEAR[version], "dst": FAR[version], "fib_index": 0, **options}
    return router.engine.get(VxlanTunnels).add(VxlanTunnel(protocol=PROTOCOL[version], vni=vni, **fields))  # type: ignore[arg-type]


def header(vni: int, flags: int = 8, reserved: int = 0) -> bytes:
    return struct.pack(">BxxxI", flags, vni << 8 | reserved)


def wanted(version: int, frame: bytes, vni: int = 13, dport: int = PORT) -> bytes:
    """What leaves for a frame, one hop on."""
    return hop(datagram(version, header(vni) + frame, sport=flow_port(frame), dport=dport, hops=HOPS[version]))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("version", VERSIONS)
def test_frames_cross_a_tunnel_both_ways(version: int, size: int) -> None:
    seed = random.randrange(1 << 30)
    print("seed", seed)
    rng, router = random.Random(seed), TunnelRouter()
    made = add(router, version)
    cross_connect(router, made.interface)
    frames = [random_frame(rng) for _ in range(size)]
    # What hashes to different ports leaves in order all the same: there is one way.
    assert router.send("ethernet-input", *frames) == [wanted(version, frame) for frame in frames]
    assert router.send("ethernet-input", *frames, scattered=True) == [wanted(version, frame) for frame in frames]
    before = len(router.left)
    for scattered in (False, True):
        router.receive(version, *(received(version, header(13) + frame, dport=PORT) for frame in frames), scattered=scattered)
    assert [data for _, data in router.left[before:]] == frames * 2
    index, interfaces = made.interface.sw_if_index, router.engine.interfaces
    overhead = 36 if version == 4 else 56
    assert (interfaces.tx.packets[index], interfaces.rx.packets[index]) == (2 * size, 2 * size)
    assert interfaces.tx.bytes[index] == 2 * sum(len(frame) + overhead for frame in frames)
    assert interfaces.rx.bytes[index] == 2 * sum(map(len, frames))
    assert router.count(f"vxlan{version}-encap", "encapsulated") == router.count(f"vxlan{version}-input", "decapsulated") == 2 * size


@pytest.mark.parametrize("version", VERSIONS)
def test_scapy_reads_what_leaves(version: int) -> None:
    router = TunnelRouter()
    cross_connect(router, add(router, version, 0xABCDEF).interface)
    frame = bytes(Ether(src="02:00:00:00:00:99", dst="02:00:00:00:00:98") / IP() / UDP(sport=7) / b"payload")
    (sent,) = router.send("ethernet-input", frame)
    seen = LAYER[version](sent)
    assert (seen[VXLAN].flags, seen[VXLAN].vni, seen[UDP].dport) == (8, 0xABCDEF, PORT)
    assert bytes(seen[VXLAN].payload) == frame
    rebuilt = seen.copy()
    del rebuilt.chksum
    if version == 6:
        del rebuilt[UDP].chksum
    assert bytes(LAYER[version](bytes(rebuilt))) == sent


@pytest.mark.parametrize("version", VERSIONS)
def test_packets_of_several_tunnels_part(version: int) -> None:
    seed = random.randrange(1 << 30)
    print("seed", seed)
    rng, router = random.Random(seed), TunnelRouter()
    engine = router.engine
    tunnels = {vni: add(router, version, vni, dst_port=5000 + vni) for vni in (1, 2, 3)}
    frames = [(rng.choice((1, 2, 3)), random_frame(rng)) for _ in range(100)]
    frame = router.frame(*(data for _, data in frames))
    for index, (vni, data) in zip(frame.indices(engine.buffers).tolist(), frames, strict=True):
        # As l2-output hands them on.
        engine.buffers.tx_sw_if_index[index] = tunnels[vni].interface.sw_if_index
        engine.buffers.flow_hash[index] = 18 if data[12:14] == b"\x81\x00" else 14
    before = len(router.left)
    engine.dispatcher.send(engine.graph[f"vxlan{version}-encap"], frame)
    router.settle()
    assert [data[14:] for _, data in router.left[before:]] == [wanted(version, data, vni, 5000 + vni) for vni, data in frames]
    sent = {vni: sum(1 for each, _ in frames if each == vni) for vni in tunnels}
    assert {vni: engine.interfaces.tx.packets[made.interface.sw_if_index] for vni, made in tunnels.items()} == sent


def test_packets_are_routed_into_and_out_of_a_layer_3_tunnel() -> None:
    router = TunnelRouter()
    slot = router.engine.get(VxlanTunnels).slot_of(PROTOCOL[4], "ip4-input")
    made = add(router, 4, 99, l3=True, decap_next=slot)
    router.start(made.interface)
    router.route("172.16.0.0/16", made.interface, "172.16.0.1")
    packet = ip4_packet(dst=number("172.16.0.5"), payload=struct.pack(">HHHH", 1000, 2000, 12, 0) + b"data")
    (sent,) = router.send("ethernet-input", bytes.fromhex("02fe00000000020000000002") + b"\x08\x00" + packet)
    assert sent == hop(datagram(4, header(99) + hop(packet), sport=flow_port(bytes(12) + b"\x08\x00" + hop(packet)), dport=PORT, hops=254))
    back = ip4_packet(number("172.16.0.5"), number("10.0.0.2"))
    assert router.receive(4, received(4, header(99) + back, dport=PORT)) == [hop(back)]


def test_a_neighbour_behind_a_layer_3_tunnel_gets_an_ethernet_header_from_the_port_of_the_same_number() -> None:
    router = TunnelRouter()
    for tunnel in range(2):
        made = add(router, 4, 90 + tunnel, l3=True)
        router.start(made.interface)
        hop_address = f"172.16.{tunnel}.1"
        router.route(f"172.16.{tunnel}.0/24", made.interface, hop_address)
        there, index = bytes((2, 0, 0, 0, 9, tunnel)), made.interface.sw_if_index
        router.engine.get(Neighbors).add(PROTOCOL[4], index, number(hop_address), there, NeighborFlag.STATIC)
        packet = ip4_packet(dst=number(f"172.16.{tunnel}.5"))
        (sent,) = router.send("ethernet-input", routed_frame(packet))
        inside = bytes(IP(sent)[VXLAN].payload)
        assert inside == there + mac(tunnel) + b"\x08\x00" + hop(packet)
        # Nobody says how long that header is: the ports do not count, only the addresses of the header.
        assert IP(sent)[UDP].sport == flow_port(inside[:12] + b"\0\0")


@pytest.mark.parametrize("version", VERSIONS)
def test_what_is_for_no_tunnel_is_dropped_and_counted(version: int) -> None:
    router = TunnelRouter()
    made = add(router, version)
    cross_connect(router, made.interface)
    frame = random_frame(random.Random(5))
    stranger = FAR[version] + 75
    cases = (
        (received(version, header(14) + frame, dport=PORT), "no_such_tunnel"),
        (received(version, header(13, reserved=1) + frame, dport=PORT), "no_such_tunnel"),
        (received(version, header(13) + frame, dport=PORT, src=stranger), "no_such_tunnel"),
        (received(version, header(13, flags=0) + frame, dport=PORT), "bad_flags"),
        (received(version, header(13, flags=0x0C) + frame, dport=PORT), "bad_flags"),
    )
    router.add_neighbor(format_address(PROTOCOL[version], stranger), 1)
    for packet, name in cases:
        before = {each: router.count(f"vxlan{version}-input", each) for each in ("no_such_tunnel", "bad_flags")}
        assert router.receive(version, packet) == []
        after = {each: router.count(f"vxlan{version}-input", each) for each in before}
        assert after == {**before, name: before[name] + 1}
    good = received(version, header(13) + frame, dport=PORT)
    before_good = len(router.left)
    router.receive(version, *(packet for packet, _ in cases), good)
    assert [data for _, data in router.left[before_good:]] == [frame]
    assert router.engine.interfaces.rx.packets[made.interface.sw_if_index] == 1


def test_every_length_of_a_cut_packet_is_survived() -> None:
    router = TunnelRouter()
    made = add(router, 4)
    cross_connect(router, made.interface)
    frame = random_frame(random.Random(6))[:60]
    for length in range(len(header(13) + frame)):
        router.receive(4, received(4, (header(13) + frame)[:length], dport=PORT))
    assert router.engine.buffers.free == router.engine.buffers.count


@pytest.mark.parametrize("version", VERSIONS)
def test_bytes_of_a_packet_shorter_than_its_header_are_counted_as_vpp_does(version: int) -> None:
    router = TunnelRouter()
    index = add(router, version).interface.sw_if_index
    whole = received(version, header(13), dport=PORT)
    # The second one finds the rest of the header where the first one was.
    router.receive(version, whole)
    router.receive(version, received(version, header(13)[:3], dport=PORT))
    seen = router.engine.interfaces.rx
    assert (seen.packets[index], seen.bytes[index]) == (2, 0x10000 - 5)


@pytest.mark.parametrize("version", VERSIONS)
def test_tunnels_to_a_group_share_its_entry_and_unicast_ones_take_its_packets(version: int) -> None:
    router = TunnelRouter()
    mfib = router.engine.get(Mfib).table(PROTOCOL[version], 0)
    before = len(list(mfib))
    options = {"dst": GROUP[version], "group": router.interfaces[1]}
    groups = [add(router, version, vni, **options) for vni in (77, 78)]
    assert len(list(mfib)) == before + 1
    cross_connect(router, groups[0].interface)
    frame = random_frame(random.Random(9))
    (sent,) = router.send("ethernet-input", frame)
    outer = LAYER[version](sent)
    assert (outer.dst, bytes(outer[VXLAN].payload)) == (format_address(PROTOCOL[version], GROUP[version]), frame)
    last = GROUP[version].to_bytes(16, "big")[-4:]
    assert router.left[-1][1][:6] == (b"\x01\x00\x5e" + last[1:] if version == 4 else b"\x33\x33" + last)
    to_group = received(version, header(77) + frame, dport=PORT, dst=GROUP[version])
    assert router.receive(version, to_group) == []
    unicast = add(router, version, 77)
    cross_connect(router, unicast.interface)
    left = len(router.left)
    router.receive(version, to_group)
    assert [data for _, data in router.left[left:]] == [frame]
    # Learned behind the sender's own tunnel, counted at the group's.
    counts = router.engine.interfaces.rx.packets
    assert (counts[groups[0].interface.sw_if_index], counts[unicast.interface.sw_if_index]) == (1, 0)
    for made in groups:
        router.engine.get(VxlanTunnels).delete(made)
    assert len(list(mfib)) == before


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("version", VERSIONS)
def test_the_bypass_takes_what_is_for_tunnels_and_nothing_else(version: int, size: int) -> None:
    seed = random.randrange(1 << 30)
    print("seed", seed)
    rng, router = random.Random(seed), TunnelRouter()
    engine = router.engine
    cross_connect(router, add(router, version).interface)
    name = f"ip{version}-vxlan-bypass"
    engine.arcs.enable(f"ip{version}-unicast", name, router.interfaces[1].sw_if_index)
    ours, bad, others = [], 0, 0
    packets = []
    for _ in range(size):
        frame = random_frame(rng)
        kind = rng.choice(("ours", "ours", "checksum", "vni", "port", "transit"))
        packet = received(version, header(14 if kind == "vni" else 13) + frame, dport=PORT + (kind == "port"))
        if kind == "transit":
            packet = received(version, header(13) + frame, dport=PORT, dst=number("10.0.0.2" if version == 4 else "2001:db8::2"))
        if kind == "checksum":
            at = 26 if version == 4 else 46
            packet = packet[:at] + struct.pack(">H", struct.unpack(">H", packet[at : at + 2])[0] ^ 0x1111) + packet[at + 2 :]
        packets.append(packet)
        ours += [frame] * (kind == "ours")
        bad += kind == "checksum"
        others += kind == "transit"
    looked_up = engine.graph[f"ip{version}-udp-lookup"].vectors
    left = len(router.left)
    router.receive(version, *packets)
    if0 = [data for interface, data in router.left[left:] if interface == "if0"]
    assert [data for data in if0 if data in ours] == ours
    assert len(if0) == len(ours) + others
    assert engine.graph[f"ip{version}-udp-lookup"].vectors - looked_up == size - len(ours) - bad - others
    assert router.count(f"vxlan{version}-input", "decapsulated") == len(ours)


def test_a_bridge_floods_to_the_group_in_place_of_its_members() -> None:
    router = TunnelRouter()
    layer2, domain = router.engine.get(L2Interfaces), router.engine.get(BridgeDomains).find_or_add(77)
    router.add_neighbor("10.0.1.3", 1)
    unicast = [add(router, 4, 77, dst=FAR[4] + more) for more in range(2)]
    for made in unicast:
        layer2.set_bridge(made.interface, domain, shg=1)
    layer2.set_bridge(router.interfaces[0], domain)
    frame = random_frame(random.Random(1))
    assert sorted(router.send("ethernet-input", frame)) == sorted(
        hop(datagram(4, header(77) + frame, sport=flow_port(frame), dport=PORT, hops=254, dst=FAR[4] + more)) for more in range(2)
    )
    layer2.set_bridge(add(router, 4, 77, dst=GROUP[4], group=router.interfaces[1]).interface, domain, shg=1)
    assert [IP(data).dst for data in router.send("ethernet-input", frame)] == ["239.1.1.1"]
    # What one member sends goes to the port, not to the other tunnels, and its sender is known from then on.
    left = len(router.left)
    answer = frame[6:12] + frame[:6] + frame[12:]
    router.receive(4, received(4, header(77) + answer, dport=PORT))
    assert [data for _, data in router.left[left:]] == [answer]
    assert [IP(data).dst for data in router.send("ethernet-input", frame)] == ["10.0.1.2"]


def test_a_tunnel_moves_with_the_route_to_its_far_end() -> None:
    router = TunnelRouter()
    made = add(router, 4, dst=number("192.0.2.1"))
    cross_connect(router, made.interface)
    frame = random_frame(random.Random(2))
    assert router.send("ethernet-input", frame) == []
    for link in (1, 2):
        router.route("192.0.2.0/24", router.interfaces[link], f"10.0.{link}.2")
        router.send("ethernet-input", frame)
        assert router.left[-1][0] == f"if{link}"
    router.unroute("192.0.2.0/24")
    count = len(router.left)
    router.send("ethernet-input", frame)
    assert len(router.left) == count


def test_flows_spread_over_equal_paths_to_the_far_end() -> None:
    seed = random.randrange(1 << 30)
    print("seed", seed)
    rng, router = random.Random(seed), TunnelRouter()
    made = add(router, 4, dst=number("192.0.2.1"))
    cross_connect(router, made.interface)
    paths = [RoutePath(PROTOCOL[4], number(f"10.0.{link}.2"), router.interfaces[link].sw_if_index) for link in (1, 2)]
    router.engine.get(Fib).ip4[0].update(prefix("192.0.2.0/24"), Source.CLI, EntryFlag.NONE, paths)
    frames = [random_frame(rng) for _ in range(200)]
    left = len(router.left)
    router.send("ethernet-input", *frames)
    by = {name: [data for interface, data in router.left[left:] if interface == name] for name in ("if1", "if2")}
    assert len(by["if1"]) + len(by["if2"]) == 200
    assert min(map(len, by.values())) > 20
    # A flow keeps its way.
    again = len(router.left)
    router.send("ethernet-input", *frames, scattered=True)
    assert {name: [data for interface, data in router.left[again:] if interface == name] for name in by} == by


@pytest.mark.parametrize("crowded", [(0,), (1, 2), (0, 1, 2, 3)])
def test_frames_without_room_for_the_headers_are_dropped(crowded: tuple[int, ...]) -> None:
    router = TunnelRouter()
    made = add(router, 4)
    frames = [random_frame(random.Random(each)) for each in range(4)]
    frame, buffers = router.frame(*frames), router.engine.buffers
    rows = frame.indices(buffers)
    for position in crowded:
        data, size = buffers.data[rows[position]], len(frames[position])
        data[35 : 35 + size] = data[HEADROOM : HEADROOM + size].copy()
        buffers.current_data[rows[position]] = 35 - HEADROOM
    frame.offset = None
    buffers.tx_sw_if_index[frame.rows] = made.interface.sw_if_index
    router.engine.dispatcher.send(router.engine.graph["vxlan4-encap"], frame)
    router.settle()
    left = [bytes(IP(data[14:])[VXLAN].payload) for _, data in router.left]
    assert left == [data for position, data in enumerate(frames) if position not in crowded]
    assert buffers.free == buffers.count


def test_streams_for_no_tunnel_are_dropped() -> None:
    router = TunnelRouter()
    add(router, 6)
    for sent in (-1, 0, 500, router.interfaces[0].sw_if_index):
        frame = router.frame(random_frame(random.Random(1)))
        router.engine.buffers.tx_sw_if_index[frame.rows] = sent
        router.engine.dispatcher.send(router.engine.graph["vxlan4-encap"], frame)
        router.settle()
    # A tunnel over the other protocol is none either.
    assert router.send("vxlan4-encap", random_frame(random.Random(1))) == []
    assert router.engine.buffers.free == router.engine.buffers.count


def test_frames_of_a_sub_interface_go_into_its_tunnel() -> None:
    router = TunnelRouter()
    made = add(router, 4)
    sub = router.engine.interfaces.add_sub(made.interface, SubConfig(7, outer=7, exact=True))
    assert router.engine.get(VxlanTunnels).of_interface(sub.sw_if_index) is made
    frame = random_frame(random.Random(3))
    packets = router.frame(frame)
    router.engine.buffers.tx_sw_if_index[packets.rows] = sub.sw_if_index
    router.engine.dispatcher.send(router.engine.graph["vxlan4-encap"], packets)
    router.settle()
    assert bytes(IP(router.left[-1][1][14:])[VXLAN].payload) == frame
    assert router.engine.interfaces.tx.packets[sub.sw_if_index] == 1


def test_tunnels_are_told_apart_and_refused_in_the_words_of_vpp() -> None:
    router = TunnelRouter()
    tunnels = router.engine.get(VxlanTunnels)
    first = add(router, 4)
    assert first.interface.name == "vxlan_tunnel0"
    for options in ({}, {"dst_port": 9}, {"instance": 4}):
        with pytest.raises(CommandError, match="tunnel already exists"):
            add(router, 4, **options)
    assert add(router, 4, instance=5, src_port=9).interface.name == "vxlan_tunnel5"
    with pytest.raises(CommandError, match="Instance is in use"):
        add(router, 4, 15, instance=5)
    with pytest.raises(CommandError, match="returned -76"):
        add(router, 4, 15, decap_next=99)
    ports = router.engine.get(UdpPorts)
    assert ports.is_bound(PROTOCOL[4], PORT)
    assert ports.is_bound(PROTOCOL[4], 9)
    # Over IPv6 only the far end counts.
    add(router, 6)
    with pytest.raises(CommandError, match="tunnel already exists"):
        add(router, 6, src=NEAR[6] + 5)
    for made in list(tunnels):
        tunnels.delete(made)
    assert list(tunnels) == []
    assert not any(len(table) for table in (*tunnels.by_key.values(), *tunnels.vteps.values()))
    assert replace(first, index=-1).key == first.key


def test_many_tunnels_are_found() -> None:
    router = TunnelRouter()
    tunnels = [add(router, 4, vni) for vni in range(1, 200)]
    cross_connect(router, tunnels[150].interface)
    frames = [random_frame(random.Random(each)) for each in range(20)]
    left = len(router.left)
    router.receive(4, *(received(4, header(151) + frame, dport=PORT) for frame in frames))
    assert [data for _, data in router.left[left:]] == frames
    assert router.send("ethernet-input", *frames) == [wanted(4, frame, 151) for frame in frames]
