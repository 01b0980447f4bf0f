"""Path MTUs: packets to a peer arrive in pieces that fit, wherever the peer is, and whole again once nothing limits them."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.layers.inet import IP, defragment
from scapy.layers.inet6 import IPv6, IPv6ExtHdrFragment, defragment6

from tests.graphs import SIZES
from tests.packets import ip4_packet, ip6_packet
from tests.routers import Router, number
from tests.traffic import Traffic
from vppsh.engine.adjacency import Adjacencies
from vppsh.engine.fib.fib import Fib
from vppsh.engine.fib.types import EntryFlag, Prefix, Protocol, RoutePath, Source
from vppsh.engine.neighbors import Neighbors
from vppsh.engine.path_mtu import PathMtu, PathMtuObjects, PathMtus

REMOTE, REMOTE6 = "20.1.1.1", "2001:db8:9::1"
VIA = {Protocol.IP4: ("10.0.{}.2", "20.0.0.0", 8), Protocol.IP6: ("2001:db8:{}::2", "2001:db8:9::", 48)}


def path(router: Router, address: str, link: int) -> RoutePath:
    protocol = Protocol.IP6 if ":" in address else Protocol.IP4
    return RoutePath(protocol, number(VIA[protocol][0].format(link)), router.interfaces[link].sw_if_index)


def remote_router() -> Router:
    """A router with a network of either IP version behind its neighbour on the second link."""
    router = Router(ip6=True)
    for protocol, (_, network, length) in VIA.items():
        table = router.engine.get(Fib).tables(protocol)[0]
        table.update(Prefix(protocol, number(network), length), Source.API, EntryFlag.NONE, [path(router, network, 1)])
    return router


def limit(router: Router, address: str, mtu: int) -> PathMtu | None:
    """Set a path MTU; what is known of the peer afterwards."""
    protocol, known = (Protocol.IP6 if ":" in address else Protocol.IP4), router.engine.get(PathMtus)
    known.set(router.engine.get(Fib).tables(protocol)[0], protocol, number(address), mtu)
    return next((each for each in known if each.peer.address == number(address)), None)


def send(router: Router, address: str, size: int) -> list[int]:
    """Lengths of the IPv4 packets that leave for one of so many bytes."""
    packet = ip4_packet(dst=number(address), payload=bytes(size - 20))
    return [len(data) for data in router.send("ip4-input", packet) if data[0] == 0x45]


@pytest.mark.parametrize("size", SIZES)
def test_ip4_pieces_are_the_packets_again(size: int) -> None:
    rng = random.Random(size)
    router = remote_router()
    mtus = {f"20.1.1.{last}": rng.randrange(68, 1500) for last in range(1, 5)}
    for address, mtu in mtus.items():
        limit(router, address, mtu)
    peers = [rng.choice(list(mtus)) for _ in range(size)]
    payloads = [rng.randbytes(rng.randrange(1, 1800)) for _ in peers]
    made = [ip4_packet(dst=number(peer), payload=payload) for peer, payload in zip(peers, payloads, strict=True)]
    left = [IP(data) for data in router.send("ip4-input", *made, scattered=size % 2 == 1)]
    assert all(len(piece) <= mtus[piece.dst] for piece in left)
    whole: list[tuple[str, bytes]] = []
    for identifier in dict.fromkeys((piece.dst, piece.id) for piece in left):
        mine = [piece for piece in left if (piece.dst, piece.id) == identifier]
        whole.append((identifier[0], bytes(defragment(mine)[0].payload)))
        longest = (mtus[identifier[0]] - 20) // 8 * 8
        assert len(mine) == -(-len(whole[-1][1]) // longest)
    assert sorted(whole) == sorted(zip(peers, payloads, strict=True))


@settings(max_examples=25, deadline=None)
@given(size=st.integers(1, 1800), mtu=st.integers(1280, 2000))
def test_ip6_pieces_are_the_packet_again(size: int, mtu: int) -> None:
    router = remote_router()
    limit(router, REMOTE6, mtu)
    packet = ip6_packet(number("2001:db8::2"), number(REMOTE6), payload=random.Random(size).randbytes(size))
    left = [IPv6(data) for data in router.send("ip6-input", packet)]
    assert all(len(piece) <= mtu and IPv6ExtHdrFragment in piece for piece in left)
    (again,) = defragment6(left) if len(left) > 1 else left
    assert bytes(again)[-size:] == packet[40:]


def test_a_neighbour_gets_what_fits_path_and_interface() -> None:
    router = Router()
    interface, peer = router.interfaces[1], "10.0.1.2"

    def interface_mtu(mtu: int) -> None:
        router.engine.interfaces.set_mtu(interface, [mtu, 0, 0, 0])

    def pieces() -> list[int]:
        return [len(send(router, peer, size)) for size in (1948, 988)]

    interface_mtu(1800)
    assert pieces() == [2, 1]
    known = limit(router, peer, 900)
    assert known is not None
    assert known.attached
    assert pieces() == [3, 2]
    limit(router, peer, 8192)
    assert pieces() == [2, 1]
    limit(router, peer, 900)
    interface_mtu(2000)
    assert pieces() == [3, 2]
    limit(router, peer, 2000)
    interface_mtu(900)
    assert pieces() == [3, 2]
    interface_mtu(1800)
    assert limit(router, peer, 0) is None
    assert pieces() == [2, 1]


def test_a_neighbour_that_comes_later_is_limited_too() -> None:
    router = Router()
    limit(router, "10.0.1.7", 900)
    router.add_neighbor("10.0.1.7", 1)
    assert len(send(router, "10.0.1.7", 1308)) == 2
    neighbors, index = router.engine.get(Neighbors), router.interfaces[1].sw_if_index
    neighbors.delete(Protocol.IP4, index, number("10.0.1.7"))
    router.add_neighbor("10.0.1.7", 1)
    assert len(send(router, "10.0.1.7", 1308)) == 2
    limit(router, "10.0.1.7", 0xFFFF)
    assert len(send(router, "10.0.1.7", 1308)) == 1


@pytest.mark.parametrize("size", [1000, 100])
def test_what_must_not_be_cut_is_answered(size: int) -> None:
    router = remote_router()
    limit(router, REMOTE, 900)
    payload = bytes(size - 20)
    router.send("ip4-input", ip4_packet(dst=number(REMOTE), payload=payload, flags_and_offset=0x4000))
    (name, frame) = router.left[-1]
    answer = IP(frame[14:])
    assert name == "if0"
    assert answer.dst == "10.0.0.2"
    assert (answer.payload.type, answer.payload.code, answer.payload.nexthopmtu) == (3, 4, 900)
    assert router.count("ip4-pmtu-dpo", "dont_fragment_set") == 2  # as VPP: by the node, and again where the packet ends


def test_what_lies_about_its_length_is_dropped() -> None:
    router = remote_router()
    limit(router, REMOTE6, 1280)
    fragment = ip6_packet(number("2001:db8::2"), number(REMOTE6), payload=bytes(1400), protocol=44)
    assert router.send("ip6-input", fragment) == []
    assert router.count("ip6-pmtu-dpo", "malformed") == 2  # as VPP: by the node, and again where it is dropped


def test_routes_may_change_below() -> None:
    router = remote_router()
    table, host = router.engine.get(Fib).ip4[0], Prefix(Protocol.IP4, number(REMOTE), 32)
    limit(router, REMOTE, 900)

    def leaves_by() -> set[str]:
        router.left.clear()
        assert send(router, REMOTE, 1020) == [900, 140]
        return {name for name, _ in router.left}

    assert leaves_by() == {"if1"}
    table.update(host, Source.API, EntryFlag.NONE, [path(router, REMOTE, 2)])
    assert leaves_by() == {"if2"}
    table.path_remove(host, Source.API, [path(router, REMOTE, 2)])
    assert leaves_by() == {"if1"}
    table.update(Prefix(Protocol.IP4, number("20.0.0.0"), 8), Source.API, EntryFlag.NONE, [path(router, REMOTE, 2)])
    assert leaves_by() == {"if2"}
    table.update(Prefix(Protocol.IP4, number("20.1.0.0"), 16), Source.API, EntryFlag.NONE, [path(router, REMOTE, 1)])
    assert leaves_by() == {"if1"}
    table.update(host, Source.API, EntryFlag.NONE, [path(router, REMOTE, 1), path(router, REMOTE, 2)])
    assert leaves_by() <= {"if1", "if2"}


def test_a_peer_may_move_to_a_link_and_away() -> None:
    router = remote_router()
    known = limit(router, REMOTE, 0xFFFE)
    assert known is not None
    assert not known.attached
    assert known.operational == 9000
    assert known.object is None
    router.add_address("20.1.1.254", 24, 2)
    assert known.attached
    assert known.operational == 0xFFFE
    limit(router, REMOTE, 900)
    router.add_neighbor(REMOTE, 2)
    assert send(router, REMOTE, 1020) == [900, 140]
    assert router.left[-1][0] == "if2"
    router.engine.get(Neighbors).delete(Protocol.IP4, router.interfaces[2].sw_if_index, number(REMOTE))
    index = router.interfaces[2].sw_if_index
    router.engine.get(Fib).address_deleted(Protocol.IP4, index, number("20.1.1.254"), 24)
    assert not known.attached
    assert send(router, REMOTE, 1020) == [900, 140]
    assert router.left[-1][0] == "if1"


def test_nothing_is_left_behind() -> None:
    router = remote_router()
    engine = router.engine
    fib, adjacencies = engine.get(Fib), engine.get(Adjacencies)
    before = len(fib.entries), len(list(adjacencies)), len(fib.path_lists), adjacencies.mtu[: adjacencies.length].tolist()
    addresses = (REMOTE, REMOTE6, "10.0.1.2", "2001:db8:1::2", "10.0.1.77", "30.0.0.1")
    for mtu in (1400, 1300, 9500, 1280):
        for address in addresses:
            limit(router, address, mtu)
        router.send("ip4-input", *(ip4_packet(dst=number(address), payload=bytes(1500)) for address in addresses if "." in address))
    free = engine.buffers.free
    for address in addresses:
        limit(router, address, 0)
    after = len(fib.entries), len(list(adjacencies)), len(fib.path_lists), adjacencies.mtu[: adjacencies.length].tolist()
    assert after[:3] == before[:3]
    assert after[3][: len(before[3])] == before[3]
    assert not engine.get(PathMtuObjects).in_use()
    assert not adjacencies.path_mtus
    assert engine.buffers.free == free


def test_what_the_commands_say() -> None:
    traffic = Traffic()
    for line, answer in (
        ("set ip pmtu", ""),
        ("set ip pmtu 900", "set ip pmtu: expected the address of a peer"),
        ("set ip pmtu 20.1.1.1", "set ip pmtu: expected an MTU between 1 and 65534, or del"),
        ("set ip pmtu 20.1.1.1 65535", "set ip pmtu: expected an MTU between 1 and 65534, or del"),
        ("set ip pmtu 20.1.1.1 900 table 5", "set ip pmtu: no ip4 table 5"),
        ("set ip pmtu 20.1.1.1 900 wide", "set ip pmtu: parse error `wide'"),
        ("show ip pmtu", ""),
        ("ip route add 20.0.0.0/8 via 10.0.1.2 pg1", ""),
        ("set ip pmtu 20.1.1.1 900", ""),
        ("set ip pmtu 10.0.1.2 9999", ""),
        ("show ip pmtu 0", "[0] [tbl:[0:0]] 20.1.1.1/32 pmtu:[cfg:900, oper:900, parent:0] [remote ]"),
        ("show ip pmtu 1", "[1] [tbl:[0:0]] 10.0.1.2/32 pmtu:[cfg:9999, oper:9999, parent:0] [attached ]"),
        ("show ip pmtu 2", "entry 2 invalid"),
        ("set ip pmtu 20.1.1.1 del", ""),
        ("show ip pmtu 0", "entry 0 invalid"),
    ):
        assert traffic(line) == answer, line
    assert "{IP path-MTU: 9999}" in "".join(traffic(f"show adj {index}") for index in range(8))


@pytest.mark.parametrize("seed", [12, 21, 56])
def test_peers_follow_whatever_happens_to_their_routes(seed: int) -> None:
    rng, traffic = random.Random(seed), Traffic()
    traffic.udp("s", 5, destination="20.1.1.1")
    peers = ("20.1.1.1", "20.1.1.2", "10.0.1.2", "30.0.0.1")
    for _ in range(150):
        peer, change, link = rng.choice(peers), rng.choice(("add", "del")), rng.randrange(2)
        line = rng.choice(
            (
                f"set ip pmtu {peer} {rng.choice((100, 900, 9000, 65534))}",
                f"set ip pmtu {peer} del",
                f"ip route {change} 20.0.0.0/8 via 10.0.{link}.2",
                f"ip route {change} 20.1.1.0/24 via 10.0.{link}.3",
                f"ip route {change} 20.1.1.1/32 via 10.0.{link}.{rng.choice((2, 3))}",
                f"ip route {change} 20.1.1.2/32 via {rng.choice(('drop', 'local', '20.1.1.1', '30.0.0.1'))}",
                f"ip route {change} 30.0.0.0/8 via 20.1.1.1",
                f"ip route {change} 30.0.0.1/32 via 20.1.1.2",
                f"set interface ip address {'del' if change == 'del' else ''} pg1 20.1.1.254/24",
                f"set interface state pg1 {rng.choice(('up', 'down'))}",
                f"ip neighbor {'del' if change == 'del' else ''} pg1 20.1.1.1 02:00:00:00:01:99",
                "packet-generator enable-stream s",
            )
        )
        answer = traffic(line)
        assert "internal error" not in answer, line
    for peer in peers:
        traffic(f"set ip pmtu {peer} del")
    assert traffic("show ip pmtu") == ""
    assert "pmtu" not in traffic("show ip fib")
    assert not traffic.engine.get(PathMtuObjects).in_use()
