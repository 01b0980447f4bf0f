"""GTP-U tunnels against plain Python and scapy: user packets, extensions, strays, bypass."""

from __future__ import annotations

import random
import struct

import pytest
from scapy.contrib.gtp import GTP_U_Header, GTPPDUSessionContainer
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6

from tests.graphs import SIZES
from tests.packets import ip4_packet
from tests.routers import number
from tests.tunnels import FAR, NEAR, PROTOCOL, TunnelRouter, hop
from tests.udp_tunnels import VERSIONS, datagram, flow_port, received, routed_frame
from vppsh.engine.features.gtpu.tunnels import STAND_INS, GtpuTunnel, GtpuTunnels, Stray
from vppsh.engine.fib.types import format_address
from vppsh.errors import CommandError

PORT = 2152
HOPS = {4: 254, 6: 255}
LAYER = {4: IP, 6: IPv6}
ERRORS = ("no_such_tunnel", "bad_ver", "too_small", "unsupported_type", "no_error_tunnel")
IP4_INPUT = 2
USER = number("172.16.0.5")


def add(router: TunnelRouter, version: int, teid: int = 1000, **options: object) -> GtpuTunnel:
    """A tunnel of IPv4 packets over if1, that receives."""
    fields = {"src": NEAR[version], "dst": FAR[version], "fib_index": 0, "decap_next": IP4_INPUT, **options}
    made = router.engine.get(GtpuTunnels).add(GtpuTunnel(protocol=PROTOCOL[version], teid=teid, **fields))  # type: ignore[arg-type]
    router.start(made.interface)
    return made


def header(teid: int, payload: bytes, *, qfi: int | None = None, flags: int = 0x30, kind: int = 255, more: bytes = b"") -> bytes:
    """The header and what follows."""
    if qfi is not None:
        flags, more = flags | 4, bytes((0, 0, 0, 133, 1, 0, qfi, 0))
    return struct.pack(">BBHI", flags, kind, len(more) + len(payload), teid) + more + payload


def user_packet(rng: random.Random, dst: int = USER) -> bytes:
    """A packet to the user."""
    udp = struct.pack(">HHHH", rng.getrandbits(16), rng.getrandbits(16), 8, 0)
    return ip4_packet(rng.getrandbits(31), dst, payload=udp + rng.randbytes(rng.choice((0, 9, 300))))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("qfi", [None, 9])
@pytest.mark.parametrize("version", VERSIONS)
def test_packets_are_routed_into_a_tunnel(version: int, qfi: int | None, size: int) -> None:
    seed = random.randrange(1 << 30)
    print("seed", seed)
    rng, router = random.Random(seed), TunnelRouter()
    made = add(router, version, tteid=2000, qfi=qfi)
    router.route("172.16.0.0/16", made.interface)
    packets = [user_packet(rng) for _ in range(size)]
    wanted = []
    for packet in packets:
        inner = hop(packet)
        outer = datagram(version, header(2000, inner, qfi=qfi), sport=flow_port(routed_frame(inner)), dport=PORT, hops=HOPS[version])
        wanted.append(hop(outer))
    assert router.send("ethernet-input", *map(routed_frame, packets)) == wanted
    counts = router.engine.interfaces.tx
    assert counts.packets[made.interface.sw_if_index] == size
    assert counts.bytes[made.interface.sw_if_index] == sum(map(len, wanted))


def test_scapy_reads_the_extension() -> None:
    router = TunnelRouter()
    router.route("172.16.0.0/16", add(router, 4, tteid=2000, qfi=17).interface)
    (sent,) = router.send("ethernet-input", routed_frame(user_packet(random.Random(1))))
    seen = IP(sent)
    assert (seen[UDP].dport, seen[GTP_U_Header].teid, seen[GTP_U_Header].E) == (PORT, 2000, 1)
    assert (seen[GTPPDUSessionContainer].type, seen[GTPPDUSessionContainer].QFI) == (0, 17)


def test_packets_of_tunnels_with_and_without_extension_part() -> None:
    router = TunnelRouter()
    for index, qfi in enumerate((None, 5)):
        router.route(f"172.{16 + index}.0.0/16", add(router, 4, 1000 + index, qfi=qfi).interface)
    packets = [user_packet(random.Random(each), number(f"172.{16 + each % 2}.0.9")) for each in range(20)]
    sent = [IP(data)[GTP_U_Header] for data in router.send("ethernet-input", *map(routed_frame, packets))]
    assert sorted((each.teid, each.E) for each in sent) == [(1000, 0)] * 10 + [(1001, 1)] * 10


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("version", VERSIONS)
def test_packets_find_the_tunnel_of_their_identifier(version: int, size: int) -> None:
    seed = random.randrange(1 << 30)
    print("seed", seed)
    rng, router = random.Random(seed), TunnelRouter()
    tunnels = {teid: add(router, version, teid).interface.sw_if_index for teid in (1, 2, 0xFFFFFFFF)}
    packets, wanted, seen = [], [], dict.fromkeys(tunnels.values(), 0)
    for _ in range(size):
        teid, within = rng.choice((*tunnels, 77)), user_packet(rng, number("10.0.0.2"))
        # Sequence numbers and one extension are skipped.
        shape: dict[str, object] = rng.choice(({}, {"qfi": 3}, {"flags": 0x32, "more": bytes(4)}))
        packets.append(received(version, header(teid, within, **shape), dport=PORT))  # type: ignore[arg-type]
        if teid in tunnels:
            wanted.append(hop(within))
            seen[tunnels[teid]] += 1
    assert router.receive(version, *packets) + router.receive(version, *packets, scattered=True) == wanted * 2
    assert {index: int(router.engine.interfaces.rx.packets[index]) for index in seen} == {index: 2 * n for index, n in seen.items()}
    assert router.count(f"gtpu{version}-input", "no_such_tunnel") == 2 * (size - len(wanted))


def strays(version: int) -> tuple[tuple[bytes, str, Stray], ...]:
    """Packets that are for no tunnel, what counts them, and what they are forwarded as."""
    within = user_packet(random.Random(2))
    return (
        (received(version, header(77, within), dport=PORT), "no_such_tunnel", Stray.UNKNOWN_TEID),
        (received(version, header(1000, within, flags=0x50), dport=PORT), "bad_ver", Stray.BAD_HEADER),
        (received(version, header(1000, within, flags=0x38), dport=PORT), "bad_ver", Stray.BAD_HEADER),
        (received(version, header(1000, b"")[:7], dport=PORT), "too_small", Stray.BAD_HEADER),
        (received(version, header(1000, b"", flags=0x34, more=bytes(4) + b"\xff"), dport=PORT), "too_small", Stray.BAD_HEADER),
        (received(version, header(0, b"", kind=1), dport=PORT), "unsupported_type", Stray.UNKNOWN_TYPE),
    )


@pytest.mark.parametrize("version", VERSIONS)
def test_what_is_wrong_with_a_header_is_counted(version: int) -> None:
    router = TunnelRouter()
    add(router, version)
    for packet, name, _ in strays(version):
        before = {each: router.count(f"gtpu{version}-input", each) for each in ERRORS}
        assert router.receive(version, packet) == []
        assert {each: router.count(f"gtpu{version}-input", each) for each in ERRORS} == {**before, name: before[name] + 1}
    assert router.engine.buffers.free == router.engine.buffers.count


def test_strays_go_where_they_are_forwarded_to() -> None:
    router = TunnelRouter()
    add(router, 4)
    target = number("10.0.2.2")
    made = {stray: add(router, 4, 0, src=target, dst=STAND_INS[PROTOCOL[4]][stray], stray=stray) for stray in Stray}
    for packet, name, _ in strays(4):
        (sent,) = router.receive(4, packet)
        readdressed = IP(packet)
        readdressed.dst = format_address(PROTOCOL[4], target)
        del readdressed.chksum
        assert sent == hop(bytes(readdressed))
        assert router.left[-1][0] == "if2"
        assert router.count("gtpu4-input", name) == 0
    assert [router.engine.interfaces.rx.packets[made[stray].interface.sw_if_index] for stray in Stray] == [4, 1, 1]
    router.engine.get(GtpuTunnels).delete(made[Stray.UNKNOWN_TEID])
    assert router.receive(4, strays(4)[0][0]) == []


def test_an_identifier_can_be_changed() -> None:
    router = TunnelRouter()
    made = add(router, 4)
    router.route("172.16.0.0/16", made.interface)
    packet = routed_frame(user_packet(random.Random(1)))
    (first,) = router.send("ethernet-input", packet)
    router.engine.get(GtpuTunnels).set_tteid(made, 3000)
    (second,) = router.send("ethernet-input", packet)
    assert (IP(first)[GTP_U_Header].teid, IP(second)[GTP_U_Header].teid) == (1000, 3000)
    with pytest.raises(CommandError, match="tx teid not specified"):
        router.engine.get(GtpuTunnels).set_tteid(made, 0)


@pytest.mark.parametrize("version", VERSIONS)
def test_the_bypass_leads_to_the_input_node(version: int) -> None:
    router = TunnelRouter()
    engine = router.engine
    add(router, version)
    engine.arcs.enable(f"ip{version}-unicast", f"ip{version}-gtpu-bypass", router.interfaces[1].sw_if_index)
    packets = [user_packet(random.Random(each), number("10.0.0.2")) for each in range(9)]
    looked_up = engine.graph[f"ip{version}-udp-lookup"].vectors
    assert router.receive(version, *(received(version, header(1000, each), dport=PORT) for each in packets)) == [*map(hop, packets)]
    assert engine.graph[f"ip{version}-udp-lookup"].vectors == looked_up


def test_every_length_of_a_cut_packet_is_survived() -> None:
    router = TunnelRouter()
    add(router, 4)
    whole = header(1000, user_packet(random.Random(3)), qfi=1)
    for length in range(min(len(whole), 60)):
        router.receive(4, received(4, whole[:length], dport=PORT))
    assert router.engine.buffers.free == router.engine.buffers.count
