"""VXLAN-GPE tunnels against plain Python: packets and frames of every payload, both tables, bypass."""

from __future__ import annotations

import random
import struct

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6

from tests.graphs import SIZES
from tests.packets import ip4_packet, ip6_packet
from tests.routers import number
from tests.tunnels import FAR, NEAR, PROTOCOL, TunnelRouter, hop
from tests.udp_tunnels import VERSIONS, cross_connect, datagram, random_frame, received, routed_frame
from vppsh.engine.features.vxlan_gpe.tunnels import VxlanGpeTunnel, VxlanGpeTunnels
from vppsh.engine.wire.vxlan import GpeProtocol
from vppsh.errors import CommandError

PORT = 4790
HOPS = {4: 254, 6: 255}
LAYER = {4: IP, 6: IPv6}


def add(router: TunnelRouter, version: int, vni: int = 20, **options: object) -> VxlanGpeTunnel:
    """A tunnel over if1, that receives."""
    fields = {"src": NEAR[version], "dst": FAR[version], "fib_index": 0, **options}
    return router.engine.get(VxlanGpeTunnels).add(VxlanGpeTunnel(protocol=PROTOCOL[version], vni=vni, **fields))  # type: ignore[arg-type]


def header(vni: int, payload: int) -> bytes:
    return struct.pack(">BxxBI", 0x0C, payload, vni << 8)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("version", VERSIONS)
def test_frames_cross_a_tunnel_both_ways(version: int, size: int) -> None:
    seed = random.randrange(1 << 30)
    print("seed", seed)
    rng, router = random.Random(seed), TunnelRouter()
    made = add(router, version, payload=GpeProtocol.ETHERNET)
    cross_connect(router, made.interface)
    frames = [random_frame(rng) for _ in range(size)]
    wanted = [hop(datagram(version, header(20, 3) + frame, sport=PORT, dport=PORT, hops=HOPS[version])) for frame in frames]
    assert router.send("ethernet-input", *frames) == wanted
    assert router.send("ethernet-input", *frames, scattered=True) == wanted
    before = len(router.left)
    for scattered in (False, True):
        router.receive(version, *(received(version, header(20, 3) + frame, dport=PORT) for frame in frames), scattered=scattered)
    assert [data for _, data in router.left[before:]] == frames * 2
    assert router.engine.interfaces.tx.packets[made.interface.sw_if_index] == 2 * size


@pytest.mark.parametrize("version", VERSIONS)
def test_packets_are_taken_for_what_the_header_says(version: int) -> None:
    router = TunnelRouter()
    made = add(router, version)
    router.start(made.interface)
    inside = {
        1: ip4_packet(number("172.16.0.5"), number("10.0.0.2")),
        2: ip6_packet(number("2001:db8:f::5"), number("2001:db8::2")),
        4: bytes(20),
        9: ip4_packet(number("172.16.0.5"), number("10.0.0.2")),
    }
    packets = [received(version, header(20, payload) + within, dport=PORT) for payload, within in inside.items()]
    assert sorted(router.receive(version, *packets)) == sorted((hop(inside[1]), hop(inside[2])))
    # Those that nobody takes are the tunnel's as well.
    assert router.engine.interfaces.rx.packets[made.interface.sw_if_index] == 4
    assert router.count(f"vxlan{version}-gpe-input", "decapsulated") == 4


@pytest.mark.parametrize("version", VERSIONS)
def test_both_ends_the_port_and_the_network_must_be_those_of_a_tunnel(version: int) -> None:
    router = TunnelRouter()
    router.start(add(router, version).interface)
    within = ip4_packet(number("172.16.0.5"), number("10.0.0.2"))
    other = NEAR[version] + (1 << (8 if version == 4 else 80))
    for packet in (
        received(version, header(21, 1) + within, dport=PORT),
        received(version, header(20, 1) + within, dport=PORT, src=FAR[version] + 7),
        received(version, header(20, 1) + within, dport=PORT, dst=other),
    ):
        before = router.count(f"vxlan{version}-gpe-input", "no_such_tunnel")
        router.add_neighbor({4: "10.0.1.9", 6: "2001:db8:1::9"}[version], 1)
        assert router.receive(version, packet) == []
        assert router.count(f"vxlan{version}-gpe-input", "no_such_tunnel") == before + 1
    assert router.receive(version, received(version, header(20, 1) + within, dport=PORT)) == [hop(within)]


def test_tunnels_over_both_versions_take_packets_of_one_frame() -> None:
    router = TunnelRouter()
    for version in VERSIONS:
        router.route(f"172.{version}.0.0/16", add(router, version).interface, f"172.{version}.0.1")
    packets = [ip4_packet(dst=number(f"172.{(4, 6)[each % 2]}.0.9"), payload=bytes((each,)) * 20) for each in range(20)]
    sent = router.send("ethernet-input", *map(routed_frame, packets))
    over = {version: [LAYER[version](data) for data in sent if data[0] >> 4 == version] for version in VERSIONS}
    for index, version in enumerate(VERSIONS):
        assert [bytes(seen[UDP].payload)[8:] for seen in over[version]] == [hop(each) for each in packets[index::2]]


@pytest.mark.parametrize("version", VERSIONS)
def test_the_bypass_leads_to_the_input_node(version: int) -> None:
    router = TunnelRouter()
    engine = router.engine
    router.start(add(router, version).interface)
    engine.arcs.enable(f"ip{version}-unicast", f"ip{version}-vxlan-gpe-bypass", router.interfaces[1].sw_if_index)
    within = [ip4_packet(number("172.16.0.5"), number("10.0.0.2"), payload=bytes((each,)) * 20) for each in range(9)]
    looked_up = engine.graph[f"ip{version}-udp-lookup"].vectors
    assert router.receive(version, *(received(version, header(20, 1) + each, dport=PORT) for each in within)) == [*map(hop, within)]
    assert engine.graph[f"ip{version}-udp-lookup"].vectors == looked_up


def test_tunnels_are_told_apart_and_refused_in_the_words_of_vpp() -> None:
    router = TunnelRouter()
    tunnels = router.engine.get(VxlanGpeTunnels)
    assert [add(router, 4).interface.name, add(router, 4, local_port=9).interface.name] == ["vxlan_gpe_tunnel0", "vxlan_gpe_tunnel1"]
    with pytest.raises(CommandError, match="tunnel already exists"):
        add(router, 4, payload=GpeProtocol.ETHERNET)
    for made in list(tunnels):
        tunnels.delete(made)
    assert list(tunnels) == []
