"""The control plane of the FIB: what sources, neighbours and interfaces do to entries, and that nothing is left behind."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.graphs import full_engine
from vppsh.engine.adjacency import Adjacencies
from vppsh.engine.engine import Engine
from vppsh.engine.fib.dpo import Dpo, DpoType
from vppsh.engine.fib.fib import Fib
from vppsh.engine.fib.load_balance import LoadBalances
from vppsh.engine.fib.path_list import POPULAR
from vppsh.engine.fib.table import FibTable
from vppsh.engine.fib.types import EntryFlag, PathFlag, Prefix, Protocol, RoutePath, Source
from vppsh.engine.fib.urpf import Urpfs
from vppsh.engine.interfaces import DOWN, ETHERNET, UP, DeviceClass, Interface
from vppsh.engine.ip_enable import IpEnable
from vppsh.engine.neighbors import NeighborFlag, Neighbors

DEVICE = DeviceClass("test", lambda engine, interface: lambda ctx, frame: ctx.buffers.free_packets(frame))
NEIGHBOR_MAC = bytes.fromhex("0200000000aa")


def number(address: str) -> int:
    return int(ipaddress.ip_address(address))


def prefix(text: str) -> Prefix:
    address, length = text.split("/")
    return Prefix(Protocol.IP6 if ":" in address else Protocol.IP4, number(address), int(length))


class Net:
    """An engine with two interfaces, if0 (10.0.0.1/24, 2001:db8::1/64) and if1 (10.0.1.1/24, 2001:db8:1::1/64)."""

    def __init__(self) -> None:
        self.engine: Engine = full_engine()
        self.fib = self.engine.get(Fib)
        self.neighbors = self.engine.get(Neighbors)
        self.balances = self.engine.get(LoadBalances)
        self.interfaces: list[Interface] = []
        for index in range(2):
            interface = self.engine.interfaces.add_hardware(f"if{index}", DEVICE, ETHERNET, mac=bytes((2, 0, 0, 0, 0, index)))
            self.interfaces.append(interface)
            self.engine.interfaces.set_state(interface, UP)
            self.engine.get(IpEnable).enable(Protocol.IP4, interface.sw_if_index)
            self.fib.address_added(Protocol.IP4, interface.sw_if_index, number(f"10.0.{index}.1"), 24)
            self.fib.address_added(Protocol.IP6, interface.sw_if_index, number(f"2001:db8:{index}::1"), 64)

    @property
    def table(self) -> FibTable:
        return self.fib.ip4[0]

    def path(self, address: str, interface: int | None = None, *, weight: int = 1, preference: int = 0) -> RoutePath:
        sw_if_index = -1 if interface is None else self.interfaces[interface].sw_if_index
        protocol = Protocol.IP6 if ":" in address else Protocol.IP4
        return RoutePath(protocol, number(address), sw_if_index, 0, weight, preference)

    def add(self, text: str, *paths: RoutePath) -> None:
        wanted = prefix(text)
        self.fib.tables(wanted.protocol)[0].path_add(wanted, Source.CLI, EntryFlag.NONE, list(paths))

    def neighbor(self, address: str, interface: int) -> None:
        protocol = Protocol.IP6 if ":" in address else Protocol.IP4
        self.neighbors.add(protocol, self.interfaces[interface].sw_if_index, number(address), NEIGHBOR_MAC, NeighborFlag.DYNAMIC)

    def row(self, address: str) -> int:
        """The load-balance that a packet to an address finds."""
        value = number(address)
        if ":" in address:
            halves = np.array([[value >> 64, value & (1 << 64) - 1]], np.uint64)
            return int(self.fib.ip6.lookup6(0, halves)[0])
        return int(self.fib.ip4.lookup(0, np.array([value], np.uint32))[0])

    def meets(self, address: str) -> list[Dpo]:
        """What packets to an address meet in the end, by bucket."""
        return list(self._final(self.row(address)))

    def _final(self, row: int) -> Iterator[Dpo]:
        for dpo in self.balances.buckets(row):
            if dpo.type == DpoType.LOAD_BALANCE:
                yield from self._final(dpo.index)
            else:
                yield dpo

    def leads_to(self, address: str) -> set[str]:
        """The next hops of the adjacencies a packet may take; the type of what else it meets."""
        adjacencies = self.engine.get(Adjacencies)
        return {adjacencies.format(adjacencies[dpo.index]) if dpo.is_adjacency else DpoType(dpo.type).name for dpo in self.meets(address)}

    def sizes(self) -> dict[str, int]:
        """How much of everything there is."""
        fib, engine = self.fib, self.engine
        return {
            "entries": len(fib.entries), "paths": len(fib.paths), "path-lists": len(fib.path_lists), "shared": len(fib.shared_path_lists),
            "balances": len(self.balances.in_use()), "adjacencies": len(list(engine.get(Adjacencies))),
            "urpfs": len(engine.get(Urpfs).interfaces), "receives": len(fib.receives.in_use()), "lookups": len(fib.lookups.in_use()),
        }  # fmt: skip

    def check(self) -> None:
        """Forwarding and entries must say the same, of every entry's own address."""
        for entry in self.table:
            covering = self.table.lookup(Prefix(Protocol.IP4, entry.prefix.network, 32))
            while covering.load_balance < 0:
                covering = self.table.less_specific(covering.prefix)
            assert self.fib.ip4.mtrie.find(0, entry.prefix.network) == covering.load_balance
        for entry in self.fib.ip6[0]:
            covering = self.fib.ip6[0].lookup(Prefix(Protocol.IP6, entry.prefix.network, 128))
            while covering.load_balance < 0:
                covering = self.fib.ip6[0].less_specific(covering.prefix)
            assert self.row(str(ipaddress.IPv6Address(entry.prefix.network))) == covering.load_balance


def test_an_address_brings_its_routes_and_takes_them_along() -> None:
    net = Net()
    assert net.leads_to("10.0.0.1") == {"RECEIVE"}
    assert net.leads_to("10.0.0.0") == net.leads_to("10.0.0.255") == {"DROP"}
    assert [text.partition("]")[0] for text in net.leads_to("10.0.0.77")] == ["ipv4-glean: [src:10.0.0.0/24"]
    before = net.sizes()
    interface = net.interfaces[0].sw_if_index
    net.fib.address_added(Protocol.IP4, interface, number("172.16.0.2"), 31)
    assert net.leads_to("172.16.0.2") == {"RECEIVE"}
    assert net.leads_to("172.16.0.3") == {"arp-ipv4: via 172.16.0.3 if0"}
    net.fib.address_deleted(Protocol.IP4, interface, number("172.16.0.2"), 31)
    assert net.leads_to("172.16.0.2") == {"DROP"}
    assert net.sizes() == before


def test_two_addresses_of_a_subnet_share_its_routes() -> None:
    net = Net()
    interface = net.interfaces[0].sw_if_index
    net.fib.address_added(Protocol.IP4, interface, number("10.0.0.9"), 24)
    net.fib.address_deleted(Protocol.IP4, interface, number("10.0.0.1"), 24)
    assert net.leads_to("10.0.0.9") == {"RECEIVE"}
    (glean,) = net.leads_to("10.0.0.1")
    assert glean.startswith("ipv4-glean")
    (dpo,) = net.meets("10.0.0.1")
    source = net.engine.get(Adjacencies)[dpo.index].glean
    assert source is not None
    assert source.address == number("10.0.0.9")


def test_a_neighbour_completes_what_waits_for_it() -> None:
    net = Net()
    net.add("192.168.0.0/16", net.path("10.0.1.2", 1))
    assert net.leads_to("192.168.3.4") == {"arp-ipv4: via 10.0.1.2 if1"}
    net.neighbor("10.0.1.2", 1)
    rewrite = "ipv4 via 10.0.1.2 if1: mtu:9000 next:{} flags:[] 0200000000aa0200000000010800"
    (text,) = net.leads_to("192.168.3.4")
    slot = text.split("next:")[1].split()[0]
    assert text == rewrite.format(slot)
    assert net.leads_to("10.0.1.2") == {text}
    assert net.neighbors.delete(Protocol.IP4, net.interfaces[1].sw_if_index, number("10.0.1.2"))
    assert net.leads_to("192.168.3.4") == {"arp-ipv4: via 10.0.1.2 if1"}


def test_many_routes_over_one_neighbour_change_at_once() -> None:
    net = Net()
    for third in range(2 * POPULAR):
        net.add(f"172.20.{third}.0/24", net.path("10.0.1.2", 1))
    net.add("172.30.0.0/16", net.path("172.20.1.1"))
    net.neighbor("10.0.1.2", 1)
    found = [net.meets(f"172.20.{third}.9") for third in range(2 * POPULAR)] + [net.meets("172.30.1.1")]
    assert {tuple(dpos) for dpos in found} == {(found[0][0],)}
    assert found[0][0].type == DpoType.ADJACENCY
    net.engine.interfaces.set_state(net.interfaces[1], DOWN)
    assert {dpo.type for third in range(2 * POPULAR) for dpo in net.meets(f"172.20.{third}.9")} == {DpoType.DROP}
    net.check()


def test_recursion_follows_the_longest_match() -> None:
    net = Net()
    net.add("172.16.0.0/12", net.path("192.168.1.77"))
    assert net.leads_to("172.16.5.5") == {"DROP"}
    net.add("192.168.0.0/16", net.path("10.0.0.2", 0))
    assert net.leads_to("172.16.5.5") == {"arp-ipv4: via 10.0.0.2 if0"}
    net.add("192.168.1.0/24", net.path("10.0.1.2", 1))
    assert net.leads_to("172.16.5.5") == {"arp-ipv4: via 10.0.1.2 if1"}
    net.table.delete(prefix("192.168.1.0/24"), Source.CLI)
    assert net.leads_to("172.16.5.5") == {"arp-ipv4: via 10.0.0.2 if0"}


def test_a_route_that_resolves_through_itself_drops_until_the_circle_is_broken() -> None:
    net = Net()
    net.add("20.0.0.0/8", net.path("30.0.0.1"))
    net.add("30.0.0.0/8", net.path("20.0.0.1"))
    assert net.leads_to("20.1.1.1") == {"DROP"}
    assert net.leads_to("30.1.1.1") == {"DROP"}
    net.add("30.0.0.0/16", net.path("10.0.1.2", 1))
    assert net.leads_to("20.1.1.1") == {"arp-ipv4: via 10.0.1.2 if1"}


def test_paths_of_the_best_preference_that_is_up_are_used() -> None:
    net = Net()
    net.add("192.168.1.0/24", net.path("10.0.0.2", 0), net.path("10.0.1.2", 1, preference=1))
    assert net.leads_to("192.168.1.1") == {"arp-ipv4: via 10.0.0.2 if0"}
    net.engine.interfaces.set_state(net.interfaces[0], DOWN)
    assert net.leads_to("192.168.1.1") == {"arp-ipv4: via 10.0.1.2 if1"}
    net.engine.interfaces.set_state(net.interfaces[0], UP)
    assert net.leads_to("192.168.1.1") == {"arp-ipv4: via 10.0.0.2 if0"}


def test_the_better_source_wins_and_the_other_comes_back() -> None:
    net = Net()
    there = prefix("192.168.1.0/24")
    net.add("192.168.1.0/24", net.path("10.0.0.2", 0))
    net.table.path_add(there, Source.API, EntryFlag.NONE, [net.path("10.0.1.2", 1)])
    assert net.leads_to("192.168.1.1") == {"arp-ipv4: via 10.0.1.2 if1"}
    net.table.delete(there, Source.API)
    assert net.leads_to("192.168.1.1") == {"arp-ipv4: via 10.0.0.2 if0"}
    net.table.delete(there, Source.CLI)
    assert net.leads_to("192.168.1.1") == {"DROP"}


@pytest.mark.parametrize(("flags", "kind"), [(PathFlag.DROP, "DROP"), (PathFlag.LOCAL, "RECEIVE"), (PathFlag.ICMP_UNREACH, "IP_NULL")])
def test_special_paths(flags: int, kind: str) -> None:
    net = Net()
    before = net.sizes()
    net.add("20.0.0.0/8", RoutePath(Protocol.IP4, flags=flags))
    assert net.leads_to("20.1.1.1") == {kind}
    net.table.delete(prefix("20.0.0.0/8"), Source.CLI)
    assert net.sizes() == before


def test_tables_go_when_nobody_keeps_them() -> None:
    net = Net()
    before = net.sizes()
    table = net.fib.ip4.find_or_create(10, Source.CLI)
    net.add("20.0.0.0/8", RoutePath(Protocol.IP4, table=table.index))
    table.unlock(Source.CLI)
    assert net.fib.ip4.find(10) is table, "a route that looks up in the table keeps it"
    net.table.delete(prefix("20.0.0.0/8"), Source.CLI)
    assert net.fib.ip4.find(10) is None
    assert net.sizes() == before
    assert net.fib.ip4.find_or_create(11, Source.CLI).index == table.index


def test_an_interface_takes_its_neighbours_to_another_table() -> None:
    net = Net()
    interface = net.interfaces[1].sw_if_index
    net.fib.address_deleted(Protocol.IP4, interface, number("10.0.1.1"), 24)
    table = net.fib.ip4.find_or_create(10, Source.CLI)
    net.fib.bind(Protocol.IP4, interface, table.index)
    net.fib.address_added(Protocol.IP4, interface, number("10.0.1.1"), 24)
    net.neighbor("10.0.1.2", 1)
    assert net.leads_to("10.0.1.2") == {"DROP"}
    found = net.fib.ip4.lookup(np.array([0, table.index]), np.array([number("10.0.1.2")] * 2, np.uint32))
    assert net.balances.is_drop(int(found[0]))
    assert net.balances.buckets(int(found[1]))[0].type == DpoType.ADJACENCY


PREFIXES = ["0.0.0.0/0", "10.0.0.0/8", "10.0.1.0/24", "10.0.1.128/25", "10.0.1.2/32", "20.0.0.0/8", "20.1.0.0/16", "20.1.2.3/32",
            "::/0", "2001:db8:f::/48", "2001:db8:f:1::/64", "2001:db8:1::2/128"]  # fmt: skip
NEXT_HOPS = [("10.0.0.2", 0), ("10.0.0.3", 0), ("10.0.1.2", 1), ("10.0.1.2", None), ("20.1.2.3", None), ("20.9.9.9", None)]
NEXT_HOPS6 = [("2001:db8::2", 0), ("2001:db8:1::2", 1), ("2001:db8:f::7", None)]
OPERATIONS = st.one_of(
    st.tuples(st.just("add"), st.sampled_from(PREFIXES), st.integers(0, 5), st.integers(1, 3), st.integers(0, 1)),
    st.tuples(st.just("remove"), st.sampled_from(PREFIXES), st.integers(0, 5)),
    st.tuples(st.just("delete"), st.sampled_from(PREFIXES)),
    st.tuples(st.just("state"), st.integers(0, 1), st.booleans()),
    st.tuples(st.just("neighbor"), st.integers(0, 4), st.booleans()),
)


def perform(net: Net, operation: tuple) -> None:
    """Do one of the operations to the net."""
    kind, *details = operation
    if kind in ("add", "remove"):
        wanted = prefix(details[0])
        hops = NEXT_HOPS6 if wanted.protocol is Protocol.IP6 else NEXT_HOPS
        address, interface = hops[details[1] % len(hops)]
        table = net.fib.tables(wanted.protocol)[0]
        if kind == "add":
            path = net.path(address, interface, weight=details[2], preference=details[3])
            table.path_add(wanted, Source.CLI, EntryFlag.NONE, [path])
        else:
            table.path_remove(wanted, Source.CLI, [net.path(address, interface)])
    elif kind == "delete":
        wanted = prefix(details[0])
        net.fib.tables(wanted.protocol)[0].delete(wanted, Source.CLI)
    elif kind == "state":
        net.engine.interfaces.set_state(net.interfaces[details[0]], UP if details[1] else DOWN)
    else:
        address, interface = [*NEXT_HOPS[:3], *NEXT_HOPS6[:2]][details[0]]
        if details[1]:
            net.neighbor(address, interface)
        else:
            protocol = Protocol.IP6 if ":" in address else Protocol.IP4
            net.neighbors.delete(protocol, net.interfaces[interface].sw_if_index, number(address))


@settings(max_examples=60)
@given(st.lists(OPERATIONS, max_size=30))
def test_whatever_happens_forwarding_agrees_and_nothing_leaks(script: list[tuple]) -> None:
    net = Net()
    # As in VPP, the lists of multicast paths get uRPF lists of their own when an interface first changes.
    for state in (DOWN, UP):
        for interface in net.interfaces:
            net.engine.interfaces.set_state(interface, state)
    before = net.sizes()
    for operation in script:
        perform(net, operation)
        net.check()
    for interface in net.interfaces:
        net.engine.interfaces.set_state(interface, UP)
    for text in PREFIXES:
        wanted = prefix(text)
        net.fib.tables(wanted.protocol)[0].delete(wanted, Source.CLI)
    for protocol in (Protocol.IP4, Protocol.IP6):
        net.neighbors.flush(protocol)
    net.check()
    assert net.sizes() == before
