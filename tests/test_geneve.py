"""Geneve tunnels against plain Python and scapy: frames, options, bad headers, bypass."""

from __future__ import annotations

import random
import struct

import pytest
from scapy.contrib.geneve import GENEVE
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6

from tests.graphs import SIZES
from tests.routers import number
from tests.tunnels import FAR, NEAR, PROTOCOL, TunnelRouter, hop
from tests.udp_tunnels import VERSIONS, cross_connect, datagram, flow_port, random_frame, received
from vppsh.engine.features.geneve.tunnels import GeneveTunnel, GeneveTunnels
from vppsh.engine.fib.types import format_address
from vppsh.engine.interfaces import Interface
from vppsh.errors import CommandError

PORT = 6081
HOPS = {4: 254, 6: 255}
LAYER = {4: IP, 6: IPv6}
ERRORS = ("no_such_tunnel", "bad_flags", "bad_length")


def add(router: TunnelRouter, version: int, vni: int = 30, **options: object) -> GeneveTunnel:
    """A tunnel over if1."""
    fields = {"src": NEAR[version], "dst": FAR[version], "fib_index": 0, **options}
    return router.engine.get(GeneveTunnels).add(GeneveTunnel(protocol=PROTOCOL[version], vni=vni, **fields))  # type: ignore[arg-type]


def header(vni: int, *, options: bytes = b"", version: int = 0, flags: int = 0, length: int | None = None) -> bytes:
    words = len(options) // 4 if length is None else length
    return struct.pack(">BBHI", version << 6 | words, flags, 0x6558, vni << 8) + options


def out_of(interface: Interface, router: TunnelRouter, since: int) -> list[bytes]:
    """Frames that have left by an interface."""
    return [data for name, data in router.left[since:] if name == interface.name]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("version", VERSIONS)
def test_frames_cross_a_tunnel_both_ways(version: int, size: int) -> None:
    seed = random.randrange(1 << 30)
    print("seed", seed)
    rng, router = random.Random(seed), TunnelRouter()
    made = add(router, version)
    cross_connect(router, made.interface)
    frames = [random_frame(rng) for _ in range(size)]
    wanted = [hop(datagram(version, header(30) + frame, sport=flow_port(frame), dport=PORT, hops=HOPS[version])) for frame in frames]
    assert router.send("ethernet-input", *frames) == wanted
    assert router.send("ethernet-input", *frames, scattered=True) == wanted
    before = len(router.left)
    for scattered in (False, True):
        # Options of any length are skipped, critical ones too.
        back = [header(30, options=rng.randbytes(4 * rng.choice((0, 0, 1, 5))), flags=rng.choice((0, 0x40))) + frame for frame in frames]
        router.receive(version, *(received(version, data, dport=PORT) for data in back), scattered=scattered)
    assert out_of(router.interfaces[0], router, before) == frames * 2
    assert router.engine.interfaces.rx.bytes[made.interface.sw_if_index] == 2 * sum(map(len, frames))


@pytest.mark.parametrize("version", VERSIONS)
def test_scapy_reads_what_leaves(version: int) -> None:
    router = TunnelRouter()
    cross_connect(router, add(router, version, 0xABCDEF).interface)
    frame = random_frame(random.Random(4))
    (sent,) = router.send("ethernet-input", frame)
    seen = LAYER[version](sent)
    assert (seen[GENEVE].vni, seen[GENEVE].proto, seen[GENEVE].optionlen, seen[UDP].dport) == (0xABCDEF, 0x6558, 0, PORT)
    assert bytes(seen[GENEVE].payload) == frame


@pytest.mark.parametrize("version", VERSIONS)
def test_what_is_wrong_with_a_header_is_counted(version: int) -> None:
    router = TunnelRouter()
    made = add(router, version)
    cross_connect(router, made.interface)
    frame, stranger = random_frame(random.Random(5)), FAR[version] + 75
    router.add_neighbor(format_address(PROTOCOL[version], stranger), 1)
    cases = (
        (received(version, header(31) + frame, dport=PORT), "no_such_tunnel"),
        (received(version, header(30) + frame, dport=PORT, src=stranger), "no_such_tunnel"),
        (received(version, header(30, version=1) + frame, dport=PORT), "bad_flags"),
        (received(version, header(30, length=63) + frame[:20], dport=PORT), "bad_length"),
        (received(version, header(30)[:7], dport=PORT), "bad_length"),
    )
    for packet, name in cases:
        before = {each: router.count(f"geneve{version}-input", each) for each in ERRORS}
        assert router.receive(version, packet) == []
        assert {each: router.count(f"geneve{version}-input", each) for each in ERRORS} == {**before, name: before[name] + 1}
    left = len(router.left)
    router.receive(version, *(packet for packet, _ in cases), received(version, header(30) + frame, dport=PORT))
    assert out_of(router.interfaces[0], router, left) == [frame]
    assert router.engine.buffers.free == router.engine.buffers.count


def test_a_tunnel_is_only_for_packets_of_its_own_table_and_end() -> None:
    router = TunnelRouter()
    made = add(router, 4)
    cross_connect(router, made.interface)
    frame = random_frame(random.Random(8))
    elsewhere = received(4, header(30) + frame, dport=PORT, dst=number("10.0.2.1"))
    assert router.receive(4, elsewhere) == []
    assert router.count("geneve4-input", "no_such_tunnel") == 1
    made.fib_index = 5
    router.engine.get(GeneveTunnels).fib_index[made.index] = 5
    assert router.receive(4, received(4, header(30) + frame, dport=PORT)) == []
    assert router.count("geneve4-input", "no_such_tunnel") == 2


@pytest.mark.parametrize("version", VERSIONS)
def test_the_bypass_leads_to_the_input_node(version: int) -> None:
    router = TunnelRouter()
    engine = router.engine
    cross_connect(router, add(router, version).interface)
    engine.arcs.enable(f"ip{version}-unicast", f"ip{version}-geneve-bypass", router.interfaces[1].sw_if_index)
    frames = [random_frame(random.Random(each)) for each in range(9)]
    left, looked_up = len(router.left), engine.graph[f"ip{version}-udp-lookup"].vectors
    router.receive(version, *(received(version, header(30) + frame, dport=PORT) for frame in frames))
    assert out_of(router.interfaces[0], router, left) == frames
    assert engine.graph[f"ip{version}-udp-lookup"].vectors == looked_up


def test_tunnels_are_told_apart_and_refused_in_the_words_of_vpp() -> None:
    router = TunnelRouter()
    tunnels = router.engine.get(GeneveTunnels)
    assert [add(router, 4).interface.name, add(router, 4, 31, l3_mode=True).interface.name] == ["geneve_tunnel0", "geneve_tunnel1"]
    assert [made.interface.hardware.hardware_class.ethernet for made in tunnels] == [False, True]
    with pytest.raises(CommandError, match="tunnel already exists"):
        add(router, 4, src=number("10.0.2.1"))
    with pytest.raises(CommandError, match="vnet_geneve_add_del_tunnel returned -76"):
        add(router, 4, 32, decap_next=2)
    for made in list(tunnels):
        tunnels.delete(made)
    assert list(tunnels) == []
