"""Links: when IPv6 is enabled, with which link-local address, in which table."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.packets import ip6_packet
from tests.routers import Router, mac, number
from vppsh.engine.addresses import Addresses
from vppsh.engine.fib.fib import Fib
from vppsh.engine.fib.types import Protocol
from vppsh.engine.interfaces import ETHERNET, LOCAL_DEVICE, HardwareClass
from vppsh.engine.ip6_link import Ip6Links
from vppsh.engine.ip_enable import IpEnable
from vppsh.engine.link_local import NO_TABLE, LinkLocalTables, from_mac, is_link_local, to_mac
from vppsh.engine.neighbors import Neighbors
from vppsh.errors import CommandError

GLOBAL = number("2001:db8:5::1")


@given(st.binary(min_size=6, max_size=6))
def test_a_mac_address_makes_a_link_local_one_and_comes_back(address: bytes) -> None:
    made = from_mac(address)
    assert is_link_local(made)
    assert to_mac(made) == address


def test_the_universal_bit_is_inverted() -> None:
    assert from_mac(bytes.fromhex("16d9e0917986")) == number("fe80::14d9:e0ff:fe91:7986")


@pytest.mark.parametrize(
    ("address", "expected"), [("fe80::1", True), ("febf::1", True), ("fec0::1", False), ("fe7f::1", False), ("::1", False)]
)
def test_what_is_link_local(address: str, expected: bool) -> None:
    assert is_link_local(number(address)) is expected


class Bench:
    """An engine with an interface on which nothing is enabled."""

    def __init__(self) -> None:
        self.router = Router()
        self.engine = self.router.engine
        self.links = self.engine.get(Ip6Links)
        self.tables = self.engine.get(LinkLocalTables)
        self.interface = self.router.interfaces[0]

    def state(self) -> tuple[bool, bool, bool]:
        """Whether there is a link, whether packets are accepted, whether there is a table."""
        index = self.interface.sw_if_index
        enabled = self.engine.get(IpEnable).is_enabled(Protocol.IP6, index)
        return self.links.find(index) is not None, enabled, self.tables.index_of(index) != NO_TABLE


def test_a_link_stays_until_every_reason_has_gone() -> None:
    bench = Bench()
    addresses = bench.engine.get(Addresses)
    assert bench.state() == (False, False, False)
    assert bench.links.enable(bench.interface)
    assert not bench.links.enable(bench.interface)
    addresses.add(Protocol.IP6, bench.interface, GLOBAL, 64)
    for _ in range(2):
        assert bench.state() == (True, True, True)
        assert bench.links.disable(bench.interface)
    assert bench.state() == (True, True, True)
    addresses.delete(Protocol.IP6, bench.interface, GLOBAL, 64)
    assert bench.state() == (False, False, False)
    assert not bench.links.disable(bench.interface)


def test_a_table_that_has_gone_leaves_nothing_behind() -> None:
    bench = Bench()
    fib = bench.engine.get(Fib)
    before = len(fib.entries), len(fib.paths), len(fib.path_lists), len(list(fib.ip6))
    for _ in range(3):
        bench.links.enable(bench.interface)
        bench.router.add_neighbor("fe80::99", 0)
        bench.links.disable(bench.interface)
        assert bench.tables.index_of(bench.interface.sw_if_index) != NO_TABLE
        bench.engine.get(Neighbors).flush(Protocol.IP6)
        assert bench.tables.index_of(bench.interface.sw_if_index) == NO_TABLE
    assert (len(fib.entries), len(fib.paths), len(fib.path_lists), len(list(fib.ip6))) == before


def test_the_address_comes_from_the_mac_or_is_chosen() -> None:
    bench = Bench()
    addresses = bench.engine.get(Addresses)
    addresses.add(Protocol.IP6, bench.interface, number("fe80::77"), 128)
    link = bench.links.find(bench.interface.sw_if_index)
    assert link is not None
    assert link.address == number("fe80::77")
    addresses.add(Protocol.IP6, bench.interface, number("fe80::78"), 128)
    assert link.address == number("fe80::78")
    with pytest.raises(CommandError, match="address not deletable"):
        addresses.delete(Protocol.IP6, bench.interface, number("fe80::78"), 128)
    with pytest.raises(CommandError, match="address not found"):
        addresses.delete(Protocol.IP6, bench.interface, number("fe80::77"), 128)
    with pytest.raises(CommandError, match="prefix length of link-local address must be 128"):
        addresses.add(Protocol.IP6, bench.interface, number("fe80::79"), 64)
    bench.links.disable(bench.interface)
    bench.links.enable(bench.interface)
    link = bench.links.find(bench.interface.sw_if_index)
    assert link is not None
    assert link.address == from_mac(mac(0))


def test_without_a_mac_address_one_is_made_up() -> None:
    bench = Bench()
    tunnel = bench.engine.interfaces.add_hardware("tunnel0", LOCAL_DEVICE, HardwareClass("tunnel", point_to_point=True))
    bench.links.enable(tunnel)
    link = bench.links.find(tunnel.sw_if_index)
    assert link is not None
    assert is_link_local(link.address)
    assert not link.address >> 57 & 1
    assert link.multicast is None


def test_a_deleted_interface_is_no_link_any_more() -> None:
    bench = Bench()
    device = bench.interface.hardware.device_class
    for _ in range(2):
        interface = bench.engine.interfaces.add_hardware("if9", device, ETHERNET, mac=mac(9), link_up=True)
        assert bench.links.find(interface.sw_if_index) is None
        bench.engine.get(Addresses).add(Protocol.IP6, interface, number("2001:db8:99::1"), 64)
        assert bench.links.find(interface.sw_if_index) is not None
        bench.engine.interfaces.delete(interface)
        assert bench.links.find(interface.sw_if_index) is None
        assert bench.tables.index_of(interface.sw_if_index) == NO_TABLE


def test_the_same_link_local_neighbour_lives_on_two_links() -> None:
    router = Router(ip6=True)
    source = number("2001:db8::2")
    for link in (0, 1):
        router.add_neighbor("fe80::5", link)
        (left,) = router.send("ip6-input", ip6_packet(source, number("fe80::5")), link=link)
        assert left[24:40] == number("fe80::5").to_bytes(16, "big")
        assert router.left[-1][0] == f"if{link}"
