"""MPLS tables: what labels and labelled routes leave behind, ECMP over labels, and changes below them."""

from __future__ import annotations

import random
import struct
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.graphs import SIZES
from tests.lsr import EOS, NEOS, Lsr, entry, stack, unstack
from tests.packets import ip4_packet, ip6_packet
from tests.routers import number
from vppsh.engine.features.mpls.flow_hash import flow_hash
from vppsh.engine.features.mpls.lookup import mpls_load_balance
from vppsh.engine.fib import local_label
from vppsh.engine.fib.dpo import DpoType
from vppsh.engine.fib.table import FibTable
from vppsh.engine.fib.types import PathFlag, Prefix, Protocol, RoutePath, Source
from vppsh.engine.interfaces import DOWN, UP

DST = number("192.168.1.9")
NEXT_HOPS = (("10.0.0.2", 0), ("10.0.1.2", 1), ("10.0.1.50", 1))
HOSTS = ("192.168.1.0/24", "192.168.2.0/24", "10.9.0.0/16")


@settings(max_examples=60)
@given(data=st.data())
def test_nothing_is_left_when_all_routes_are_gone(data: st.DataObject) -> None:
    router = Lsr()
    before = router.pools()
    known: dict[tuple[str, int, int], set[tuple[str, int, tuple[int, ...]]]] = {}
    hops = st.tuples(st.sampled_from(NEXT_HOPS), st.lists(st.integers(16, 40), max_size=3)).map(lambda hop: (*hop[0], tuple(hop[1])))
    where = st.one_of(
        st.tuples(st.just("label"), st.integers(16, 19), st.integers(0, 1)),
        st.tuples(st.just("route"), st.integers(0, 2), st.just(0)),
    )
    for _ in range(data.draw(st.integers(1, 12))):
        key, hop = data.draw(where), data.draw(hops)
        if data.draw(st.booleans()) or key not in known:
            known.setdefault(key, set()).add(hop)
            change(router, key, hop, add=True)
        else:
            change(router, key, hop, add=False)
        if data.draw(st.integers(0, 3)) == 0:
            router.engine.interfaces.set_state(router.interfaces[1], DOWN)
            router.engine.interfaces.set_state(router.interfaces[1], UP)
            # What was learned of neighbours is lost with the link.
            router.add_neighbor("10.0.1.2", 1)
    for key in known:
        table, prefix = place(router, key)
        table.delete(prefix, Source.CLI)
    assert router.pools() == before


def place(router: Lsr, key: tuple[str, int, int]) -> tuple[FibTable, Prefix]:
    kind, which, eos = key
    if kind == "label":
        return router.table, Prefix.of_label(which, eos)
    address, _, length = HOSTS[which].partition("/")
    return router.ip_table(Protocol.IP4), Prefix(Protocol.IP4, number(address), int(length))


def change(router: Lsr, key: tuple[str, int, int], hop: tuple[str, int, tuple[int, ...]], *, add: bool) -> None:
    table, prefix = place(router, key)
    path = router.path(hop[0], hop[1], *hop[2])
    if add:
        table.path_add(prefix, Source.CLI, 0, [path])
    else:
        table.path_remove(prefix, Source.CLI, [path])


def test_labels_follow_the_neighbour() -> None:
    router = Lsr()
    router.add_label(100, EOS, router.path("10.0.0.2", 0, 200), router.path("10.0.1.2", 1, 201))
    assert buckets(router, 100, EOS) == [DpoType.MPLS_LABEL] * 2
    router.engine.interfaces.set_state(router.interfaces[0], DOWN)
    assert buckets(router, 100, EOS) == [DpoType.MPLS_LABEL]
    assert ways(router, 100) == {201}
    router.engine.interfaces.set_state(router.interfaces[1], DOWN)
    assert buckets(router, 100, EOS) == [DpoType.DROP]
    router.engine.interfaces.set_state(router.interfaces[0], UP)
    router.add_neighbor("10.0.0.2", 0)
    router.settle()
    assert ways(router, 100) == {200}


def buckets(router: Lsr, label: int, eos: int) -> list[int]:
    found = router.table.find(Prefix.of_label(label, eos))
    assert found is not None
    return [dpo.type for dpo in router.fib.load_balances.buckets(found.load_balance)]


def ways(router: Lsr, label: int) -> set[int]:
    """The labels that packets with a label leave with."""
    packets = [entry(label) + ip4_packet(src=source, dst=DST) for source in range(0x0A000002, 0x0A000042)]
    return {unstack(packet)[0][0][0] for packet in router.send("mpls-input", *packets)}


def test_recursive_labels_resolve_through_labelled_routes() -> None:
    router = Lsr()
    router.add_label(100, EOS, router.path("172.16.0.1", None, 500))
    router.add_route("192.168.1.0/24", router.path("172.16.0.1", None, 600))
    assert router.send("mpls-input", entry(100) + ip4_packet(dst=DST)) == []
    router.add_route("172.16.0.1/32", router.path("10.0.1.2", 1, 33))
    (swapped,) = router.send("mpls-input", entry(100, 20) + ip4_packet(dst=DST))
    (pushed,) = router.send("ip4-input", ip4_packet(dst=DST))
    assert unstack(swapped)[0] == [(33, 64, 0), (500, 19, 0)]
    assert unstack(pushed)[0] == [(33, 64, 0), (600, 64, 0)]


def test_a_local_label_forwards_as_its_prefix_does() -> None:
    router = Lsr()
    prefix = router.add_route("192.168.1.0/24", router.path("10.0.1.2", 1))
    local_label.bind(router.ip_table(Protocol.IP4), prefix, 77)
    (left,) = router.send("mpls-input", entry(77) + ip4_packet(dst=DST, ttl=9))
    assert left[8] == 8
    router.ip_table(Protocol.IP4).update(prefix, Source.CLI, 0, [router.path("10.0.1.2", 1, 88)])
    for packet in (entry(77), stack([(77, 64, 0), (5000, 3, 0)])):
        (left,) = router.send("mpls-input", packet + ip4_packet(dst=DST))
        assert unstack(left)[0][0] == (88, 63, 0)
    local_label.bind(router.ip_table(Protocol.IP4), prefix, 78)
    assert router.table.find(Prefix.of_label(77, EOS)) is None
    local_label.unbind(router.ip_table(Protocol.IP4), prefix, 78)
    assert router.table.find(Prefix.of_label(78, EOS)) is None
    assert router.send("mpls-input", entry(78) + ip4_packet(dst=DST)) == []


def test_a_label_of_a_connected_prefix_leads_to_its_neighbours() -> None:
    router = Lsr()
    local_label.bind(router.ip_table(Protocol.IP4), Prefix(Protocol.IP4, number("10.0.1.0"), 24), 44)
    (left,) = router.send("mpls-input", entry(44) + ip4_packet(dst=number("10.0.1.2")))
    assert left[0] == 0x45
    assert router.send("mpls-input", entry(44) + ip4_packet(dst=number("10.0.1.99")))[0][:2] == b"\0\1"


def test_ip6_over_labels_towards_an_ip4_next_hop() -> None:
    router = Lsr(ip6=True)
    router.add_route("172.16.0.1/32", router.path("10.0.1.2", 1, 33))
    router.add_route("2001:db8:9::/48", router.path("172.16.0.1", None, 500))
    (left,) = router.send("ip6-input", ip6_packet(number("2001:db8::2"), number("2001:db8:9::9"), hop_limit=9))
    labels, below = unstack(left)
    assert labels == [(33, 64, 0), (500, 64, 0)]
    assert below[7] == 8


def test_a_label_can_be_received_again_elsewhere() -> None:
    router = Lsr()
    path = RoutePath(Protocol.IP4, 0, router.interfaces[1].sw_if_index, 0, flags=PathFlag.INTERFACE_RX)
    router.add_label(60, EOS, path)
    before = int(router.engine.interfaces.rx.packets[router.interfaces[1].sw_if_index])
    (left,) = router.send("mpls-input", entry(60) + ip4_packet(dst=number("10.0.0.2"), ttl=9))
    assert left[8] == 8
    assert int(router.engine.interfaces.rx.packets[router.interfaces[1].sw_if_index]) == before + 1


def test_tables_come_and_go() -> None:
    router = Lsr()
    tables = router.fib.mpls
    before = router.pools()
    extra = tables.find_or_create(5, Source.CLI, "five")
    assert tables.lookup(extra.index, np.array([100 << 1], np.uint32)) == tables.lookup(0, np.array([100 << 1], np.uint32))
    router.table.path_add(Prefix.of_label(20, NEOS), Source.CLI, 0, [route_to(router, extra.index)])
    extra.unlock(Source.CLI)
    assert tables.find(5) is extra
    router.table.delete(Prefix.of_label(20, NEOS), Source.CLI)
    assert tables.find(5) is None
    assert router.pools() == before


def route_to(router: Lsr, fib_index: int) -> RoutePath:
    path = router.lookup_in(Protocol.MPLS)
    path.table = fib_index
    return path


def scalar_hash(packet: bytes) -> int:
    """mpls_compute_flow_hash of one packet, the IP part left out (it has tests of its own)."""
    value, entropy, at = 0, False, 0
    while True:
        word = struct.unpack_from(">I", packet, at)[0]
        at += 4
        if entropy:
            return int(word)
        if word >> 12 == 14 and at > 4:
            entropy = True
        else:
            value ^= word >> 12
        if word & 0x100 or at + 4 > len(packet):
            return value


@pytest.mark.parametrize("size", SIZES)
def test_flow_hash(size: int) -> None:
    rng = random.Random(size)
    router = Lsr()
    node = router.engine.graph[mpls_load_balance.name]
    packets = []
    for _ in range(size):
        labels = [(rng.choice((14, 100, rng.getrandbits(20))), 64, 0) for _ in range(rng.randint(1, 5))]
        # Neither an IPv4 nor an IPv6 header is below, or there is no bottom at all.
        packets.append(stack(labels) + bytes(20) if rng.random() < 0.8 else entry(rng.getrandbits(20), eos=0) * 3)
    for scattered in (False, True):
        frame = router.frame(*packets, scattered=scattered)
        hashes = flow_hash(node.context, frame, np.full(size, 0x9F, np.uint16))
        assert hashes.tolist() == [scalar_hash(packet) for packet in packets]
        router.engine.buffers.free_packets(frame)


def test_flows_below_labels_are_spread() -> None:
    router = Lsr(ip6=True)
    router.add_label(100, EOS, router.path("10.0.0.2", 0, 200), router.path("10.0.1.2", 1, 201))
    packets = [entry(100) + ip4_packet(src=source, dst=DST) for source in range(0x0A000002, 0x0A000102)]
    packets += [entry(100) + ip6_packet(source, number("2001:db8:9::9")) for source in range(1 << 100, (1 << 100) + 256)]
    counts = Counter(unstack(packet)[0][0][0] for packet in router.send("mpls-input", *packets))
    assert set(counts) == {200, 201}
    assert min(counts.values()) > len(packets) / 3
