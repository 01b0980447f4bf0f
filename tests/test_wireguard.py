"""WireGuard between two engines, and between an engine and a peer in plain Python."""

from __future__ import annotations

import random
import re

import pytest

from tests.graphs import SIZES
from tests.tunnels import hop
from tests.wireguards import FAR, OVER, PORT, PRIVATE, Duet, Pair, WgGateway, from_inside, from_remote, public
from vppsh.errors import CommandError

PSK = bytes(range(200, 232))


@pytest.mark.parametrize(("outer", "inner"), OVER)
@pytest.mark.parametrize("psk", [b"", PSK], ids=["", "psk"])
def test_two_engines_shake_hands_and_exchange_packets(outer: int, inner: int, psk: bytes) -> None:
    pair = Pair(outer, psk)
    pair.begin()
    assert [end.peer.established for end in pair.ends] == [True, True]
    there, back = from_inside(inner), from_remote(inner)
    assert pair.send(0, there, there) == [hop(hop(there))] * 2
    assert pair.send(1, back) == [hop(hop(back))]
    assert [end.counted() for end in pair.ends] == [{}, {}]
    assert "flags: 2" in pair.ends[0]("show wireguard peer")


def test_both_begin_at_once_and_try_again() -> None:
    pair = Pair()
    pair.pass_time(0.5)
    assert [end.peer.established for end in pair.ends] == [False, False]
    pair.pass_time(12, step=0.01)
    assert [end.peer.established for end in pair.ends] == [True, True]


@pytest.mark.parametrize("talk", [(0, 1), (0,), (1,)], ids=["both", "initiator", "responder"])
def test_keys_are_renewed_without_loss(talk: tuple[int, ...]) -> None:
    pair = Pair()
    pair.begin()
    seen = set()
    for _ in range(400):
        pair.pass_time(1, step=1)
        for here in talk:
            packet = from_remote(4) if here else from_inside(4)
            assert pair.send(here, packet) == [hop(hop(packet))]
        seen |= {end.peer.session.current.local for end in pair.ends if end.peer.session.current is not None}
    # Every two minutes each end gets a new number.
    assert len(seen) >= 2 * 3
    assert [end.counted() for end in pair.ends] == [{}, {}]


@pytest.mark.parametrize(("outer", "inner"), OVER)
@pytest.mark.parametrize("we_begin", [True, False])
def test_a_peer_in_plain_python(outer: int, inner: int, we_begin: bool) -> None:
    duet = Duet(outer, PSK)
    duet.respond() if we_begin else duet.initiate()
    packet = from_inside(inner)
    begin = int(we_begin)
    assert duet.open_all(duet.gateway.goes_out(packet, packet)) == [(begin, hop(packet)), (begin + 1, hop(packet))]
    back = from_remote(inner)
    (inside,) = duet.delivers(duet.peer.seal(back))
    # What the peer padded comes along, as in VPP.
    assert inside.rstrip(b"\0").startswith(hop(back).rstrip(b"\0"))
    assert duet.gateway.counted() == {}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scattered", [False, True])
@pytest.mark.parametrize(("outer", "inner"), OVER)
def test_every_packet_of_a_frame(size: int, scattered: bool, outer: int, inner: int) -> None:
    seed = random.randrange(1 << 30)
    print("seed", seed)
    rng, duet = random.Random(seed), Duet(outer)
    duet.initiate()
    for lengths in ((40,), (600,), (8, 26, 101, 700)):
        packets = [from_inside(inner, rng.choice(lengths), rng) for _ in range(size)]
        sent = duet.open_all(duet.gateway.goes_out(*packets, scattered=scattered))
        assert [plain for _, plain in sent] == [hop(packet) for packet in packets]
        assert [count for count, _ in sent] == list(range(sent[0][0], sent[0][0] + size))
        # Of such lengths that the peer has nothing to pad.
        back = [from_remote(inner, rng.choice(lengths) // 16 * 16 + (12 if inner == 4 else 8)) for _ in range(size)]
        assert duet.delivers(*map(duet.peer.seal, back), scattered=scattered) == [hop(packet) for packet in back]
    interfaces, mine = duet.gateway.engine.interfaces, duet.gateway.peer.owner.interface.sw_if_index
    assert interfaces.tx.packets[mine] == 3 * size
    # The keepalive that confirmed the session counts, too.
    assert interfaces.rx.packets[mine] == 3 * size + 1


@pytest.mark.parametrize("outer", [4, 6])
def test_packets_in_several_buffers(outer: int) -> None:
    duet = Duet(outer)
    duet.initiate()
    for size in (1900, 1950, 1990, 2040, 3000, 6000):
        packet = from_inside(4, size)
        ((_, plain),) = duet.open_all(duet.gateway.goes_out(from_inside(4, 60), packet)[1:])
        assert plain == hop(packet)
        back = from_remote(4, size // 16 * 16 + 12)
        short = from_remote(4, 60)
        assert duet.delivers(duet.peer.seal(short), duet.peer.seal(back)) == [hop(short), hop(back)]
    assert duet.gateway.counted() == {}


def test_packets_for_several_peers_in_one_frame() -> None:
    gateway, others = WgGateway(), []
    for index in range(3):
        duet = Duet.__new__(Duet)
        duet.outer, duet.gateway, duet.time = 4, gateway, 1_800_000_000
        duet.peer = type(Duet().peer)(bytes([index + 1]) * 32)
        duet.peer.other = Duet().peer.other
        gateway.type(
            f"wireguard peer add wg0 public-key {public(bytes([index + 1]) * 32)} endpoint 10.0.1.2 allowed-ip 10.3.{index}.0/24 "
            f"allowed-ip 172.16.0.{index + 10}/32 dst-port {PORT}",
            f"ip route add 10.3.{index}.0/24 via 172.16.0.{index + 10} wg0",
        )
        duet.initiate()
        others.append(duet)
    rng = random.Random(4)
    chosen = [rng.randrange(3) for _ in range(100)]
    packets = []
    for index in chosen:
        packet = bytearray(from_inside(4, rng.choice((20, 300)), rng))
        packet[16:20] = bytes((10, 3, index, 9))
        packet[10:12] = bytes(2)
        packets.append(hop(bytes(packet[:8] + b"\x41" + packet[9:])))
    sent = gateway.goes_out(*packets)
    for index, duet in enumerate(others):
        mine = [packet for packet, whose in zip(packets, chosen) if whose == index]
        messages = [data for data in sent if int.from_bytes(data[32:36], "little") == duet.peer.number]
        assert [plain for _, plain in duet.open_all(messages)] == [hop(packet) for packet in mine]
    assert len(sent) == len(packets)
    assert gateway.counted() == {}


def test_packets_without_keys_are_dropped_and_ask_for_a_handshake() -> None:
    duet = Duet()
    (initiation,) = duet.gateway.goes_out(from_inside(4), from_inside(4))
    assert len(duet.unwrap(initiation)) == 148
    assert duet.gateway.counted() == {"wg4-output-tun Keypair error": 2}
    assert duet.gateway.goes_out(from_inside(6)) == []
    assert duet.gateway.counted()["wg6-output-tun Keypair error"] == 1


def test_addresses_that_are_not_behind_a_peer_do_not_come_in() -> None:
    duet = Duet()
    duet.initiate()
    spoofed = from_remote(4, src="10.7.0.5")
    good = from_remote(4, 44)
    assert duet.delivers(duet.peer.seal(spoofed), duet.peer.seal(good), duet.peer.seal(b"")) == [hop(good)]
    assert duet.delivers(duet.peer.seal(from_remote(6, src="2001:db8:3::1"))) == []
    # They are punted without a reason, as in VPP.
    assert duet.gateway.counted() == {}


def test_next_hops_that_are_behind_nobody_are_not_reached() -> None:
    duet = Duet()
    duet.initiate()
    duet.gateway.type("ip route add 10.4.0.0/16 via 172.16.0.99 wg0")
    packet = bytearray(from_inside(4))
    packet[16:18] = b"\x0a\x04"
    packet[10:12] = bytes(2)
    assert duet.gateway.goes_out(hop(bytes(packet))) == []
    assert duet.gateway.counted() == {"wg4-output-tun Peer error": 1}


def test_a_peer_may_move() -> None:
    duet = Duet()
    duet.initiate()
    place = {"src": "10.0.1.77", "sport": 4000}
    duet.gateway.add_neighbor("10.0.1.77", 1)
    # A message that is not authentic moves nobody.
    forged = bytearray(duet.peer.seal(b""))
    forged[-1] ^= 1
    duet.exchange(bytes(forged), **place)
    assert str(duet.gateway.peer.far) == f"{FAR[4]}:{PORT}"
    duet.exchange(duet.peer.seal(b""), **place)
    assert str(duet.gateway.peer.far) == "10.0.1.77:4000"
    (sent,) = duet.gateway.goes_out(from_inside(4))
    assert sent[16:20] == bytes((10, 0, 1, 77))
    assert duet.peer.open(duet.unwrap(sent))[1] == hop(from_inside(4))
    # So does a handshake, unless it comes too soon after the last one.
    assert duet.exchange(duet.peer.initiation(duet.tai64n())) == []
    duet.gateway.pass_time(0.1)
    (response,) = duet.exchange(duet.peer.initiation(duet.tai64n()))
    assert str(duet.gateway.peer.far) == f"{FAR[4]}:{PORT}"
    duet.peer.finish(response)


def test_an_endpoint_that_is_not_known_is_learned() -> None:
    gateway = WgGateway()
    gateway.type("wireguard peer remove 0", f"wireguard peer add wg0 public-key {public(PRIVATE[1])} allowed-ip 172.16.0.0/16")
    assert gateway.pass_time(10) == []
    assert gateway.goes_out(from_inside(4)) == []
    duet = Duet()
    duet.gateway = gateway
    duet.initiate()
    assert duet.open_all(gateway.goes_out(from_inside(4)))[0][1] == hop(from_inside(4))


def test_a_change_of_the_underlay_moves_the_tunnel() -> None:
    duet = Duet()
    duet.initiate()
    gateway = duet.gateway
    gateway.type(f"ip route add {FAR[4]}/32 via 10.0.2.2 if2")
    before = len(gateway.left)
    assert gateway.goes_out(from_inside(4)) == []
    assert [name for name, _ in gateway.left[before:]] == ["if2"]
    gateway.type(f"ip route add {FAR[4]}/32 via wg0", f"ip route del {FAR[4]}/32 via 10.0.2.2 if2")
    assert gateway.goes_out(from_inside(4)) == []
    gateway.type(f"ip route del {FAR[4]}/32 via wg0")
    assert len(gateway.goes_out(from_inside(4))) == 1


def test_peers_of_another_table() -> None:
    gateway = WgGateway()
    gateway.type(
        "ip table add 7",
        "ip route add table 7 10.0.1.2/32 via 10.0.2.2 if2",
        "wireguard peer remove 0",
        f"wireguard peer add wg0 public-key {public(PRIVATE[1])} endpoint 10.0.1.2 dst-port {PORT} allowed-ip 10.2.0.0/16 table-id 7",
    )
    before = len(gateway.left)
    assert gateway.pass_time(1) == []
    assert len([name for name, data in gateway.left[before:] if name == "if2" and len(data) == 14 + 28 + 148]) == 1


def test_interfaces_that_are_down_say_nothing() -> None:
    duet = Duet()
    duet.initiate()
    duet.gateway.switch(up=False)
    assert duet.gateway.pass_time(30) == []
    assert duet.gateway.goes_out(from_inside(4)) == []
    assert duet.gateway.peer.flags == 0
    # Keys are gone.
    duet.delivers(duet.peer.seal(from_remote(4)))
    assert duet.gateway.counted() == {"wg4-input Peer error": 1}
    duet.gateway.switch(up=True)
    duet.respond()
    assert duet.open_all(duet.gateway.goes_out(from_inside(4)))[0] == (1, hop(from_inside(4)))


def test_peers_and_interfaces_may_go_while_in_use() -> None:
    duet = Duet()
    duet.initiate()
    gateway = duet.gateway
    gateway.type("wireguard peer remove 0")
    assert duet.delivers(duet.peer.seal(from_remote(4))) == []
    assert gateway.goes_out(from_inside(4)) == []
    assert gateway.pass_time(200) == []
    duet = Duet()
    duet.initiate()
    gateway = duet.gateway
    gateway.type("wireguard delete wg0")
    assert gateway("show wireguard peer") == gateway("show wireguard interface") == ""
    assert duet.delivers(duet.peer.seal(from_remote(4))) == []
    assert gateway.goes_out(from_inside(4)) == []
    assert gateway.pass_time(200) == []
    # What comes back has its number and its port again.
    assert gateway("wireguard create listen-port 51820 generate-key src 10.0.1.1") == "wg0"
    assert "wg4-input" in gateway("show udp ports")


def test_many_interfaces_at_one_port() -> None:
    duet = Duet()
    gateway = duet.gateway
    assert gateway(f"wireguard create listen-port {PORT} generate-key src 10.0.1.1") == "wg1"
    duet.initiate()
    gateway.type("wireguard delete wg1")
    assert len(duet.delivers(duet.peer.seal(from_remote(4)))) == 1
    with pytest.raises(CommandError):
        gateway.wireguard.delete(gateway.interfaces[0])


def traced(duet: Duet, node: str, *packets: bytes, link: int = 0) -> list[str]:
    """What a node says of each packet of a frame, all of which are traced."""
    engine = duet.gateway.engine
    engine.tracer.limit(engine.graph["pg-input"], 1)
    frame = duet.gateway.frame(*packets, link=link)
    rows = frame.indices(engine.buffers).tolist()
    assert all(engine.tracer.begin(index) for index in rows)
    frame.traced, handles = True, engine.buffers.trace[rows].tolist()
    engine.dispatcher.send(engine.graph[f"ip{packets[0][0] >> 4}-input"], frame)
    duet.gateway.settle()
    traces = {trace.handle: trace for trace in engine.tracer}
    show = engine.graph[node].spec.trace
    assert show is not None
    return [show(engine, step.record) for handle in handles for step in traces[handle].steps if step.node.name == node]


@pytest.mark.parametrize("inner", [4, 6])
def test_traces_of_packets_that_enter(inner: int) -> None:
    duet = Duet()
    node = f"wg{inner}-output-tun"
    zeros = (
        "peer: 0\n  Encrypted packet: IP6_HOP_BY_HOP_OPTIONS: 0.0.0.0 -> 0.0.0.0\n"
        "                      version 0, header length 0\n"
        "                      tos 0x00, ttl 0, length 0, checksum 0x0000 (should be 0xffff) dscp CS0 ecn NON_ECN\n"
        "                      fragment id 0x0000:$U"
    )
    assert traced(duet, node, from_inside(inner), from_inside(inner)) == [zeros, zeros]
    duet.initiate()
    length = len(from_inside(inner)) + 28 + 32
    (text,) = traced(duet, node, from_inside(inner))
    assert re.sub("checksum 0x....", "checksum #", text, count=1) == (
        "peer: 0\n  Encrypted packet: UDP: 10.0.1.1 -> 10.0.1.2\n"
        f"                      tos 0x00, ttl 64, length {length}, checksum # dscp CS0 ecn NON_ECN\n"
        "                      fragment id 0x0000\n"
        "                    UDP: 51820 -> 51820\n"
        f"                      length {length - 20}, checksum 0x0000:$U"
    )


def test_traces_of_packets_that_enter_over_ip6() -> None:
    duet = Duet(6)
    duet.initiate()
    (text,) = traced(duet, "wg4-output-tun", from_inside(4))
    assert text.startswith("peer: 0\n  Encrypted packet: UDP: 2001:db8:1::1 -> 2001:db8:1::2\n")
    assert text.endswith("UDP: 51820 -> 51820\n                      length 100, checksum 0x0000:$U")


@pytest.mark.parametrize("outer", [4, 6])
def test_traces_of_packets_that_come_out(outer: int) -> None:
    duet = Duet(outer)
    duet.initiate()
    data = [duet.peer.seal(from_remote(4, 44)) for _ in range(3)]
    forged = data[1][:-1] + bytes((data[1][-1] ^ 1,))
    nobody = data[1][:4] + b"\1\2\3\4" + data[1][8:]
    messages = (data[0], data[2], forged, b"\1\0\0\0", nobody, data[1], duet.peer.seal(b""))

    def text(kind: str, peer: int, length: int, keepalive: str = "false") -> str:
        return f"Wireguard input: \n    Type: {kind}\n    Peer: {peer}\n    Length: {length}\n    Keepalive: {keepalive}"

    # Of messages of one session in a row the first one shows its peer.
    assert traced(duet, f"wg{outer}-input", *map(duet.wrap, messages), link=1) == [
        text("Data", 0, 64), text("Data", -1, 64), text("Data", -1, 96), text("Handshake initiation", -1, 4), text("Data", -1, 96),
        text("Data", -1, 64), text("Data", -1, 0, "true"),
    ]  # fmt: skip
    # Data shows the type of the last message of the vector.
    assert traced(duet, f"wg{outer}-input", *map(duet.wrap, (duet.peer.seal(b""), b"\7\0\0\0")), link=1) == [
        text("unknown", 0, 0, "true"), text("unknown", -1, 4),
    ]  # fmt: skip
