"""Addresses of interfaces: which may stand together, in which order they are listed, what unnumbered interfaces share."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.graphs import full_engine
from vppsh.engine.addresses import Addresses
from vppsh.engine.engine import Engine
from vppsh.engine.features.loopback import Loopbacks
from vppsh.engine.fib.fib import Fib
from vppsh.engine.fib.types import Prefix, Protocol, Source
from vppsh.engine.interfaces import DOWN, UP, Interface
from vppsh.engine.ip_enable import IpEnable
from vppsh.errors import CommandError

IP4, IP6 = Protocol.IP4, Protocol.IP6


def number(text: str) -> int:
    return int(ipaddress.ip_address(text))


def loops(engine: Engine, count: int) -> list[Interface]:
    made = [engine.get(Loopbacks).create() for _ in range(count)]
    for interface in made:
        engine.interfaces.set_state(interface, UP)
    return made


def listed(engine: Engine, interface: Interface, protocol: Protocol = IP4) -> list[str]:
    return [str(address) for address in engine.get(Addresses).of(protocol, interface)]


steps = st.lists(
    st.tuples(
        st.booleans(), st.integers(0, 2), st.integers(0, 3), st.sampled_from([0, 1, 2, 3, 255]), st.sampled_from([8, 23, 24, 25, 31, 32])
    ),
    max_size=30,
)


@given(steps)
def test_prefixes_of_a_table_never_overlap(operations: list[tuple[bool, int, int, int, int]]) -> None:
    """Against a plain model: networks of different interfaces, or of different lengths, must not overlap."""
    engine = full_engine()
    interfaces, addresses, fib = loops(engine, 3), engine.get(Addresses), engine.get(Fib)
    fresh = [str(entry.prefix) for entry in fib.ip4[0]]
    model: list[tuple[int, ipaddress.IPv4Interface]] = []
    for add, which, third, last, length in operations:
        wanted = ipaddress.IPv4Interface(f"10.0.{third}.{last}/{length}")
        arguments = IP4, interfaces[which], int(wanted.ip), length
        if add:
            clash = any(
                wanted.network.overlaps(have.network) and not (index == which and have.network == wanted.network and have.ip != wanted.ip)
                for index, have in model
            )
            if clash:
                with pytest.raises(CommandError, match=r"failed to add .* which conflicts with"):
                    addresses.add(*arguments)
            else:
                addresses.add(*arguments)
                model.append((which, wanted))
        else:
            found = next(((index, have) for index, have in model if index == which and have.ip == wanted.ip), None)
            if found is None:
                with pytest.raises(CommandError, match="not found for interface"):
                    addresses.delete(*arguments)
            elif found[1].network.prefixlen == length:
                addresses.delete(*arguments)
                model.remove(found)
    for which, interface in enumerate(interfaces):
        assert listed(engine, interface) == [str(have) for index, have in model if index == which]
        assert engine.get(IpEnable).is_enabled(IP4, interface.sw_if_index) is any(index == which for index, _ in model)
    table = fib.ip4[0]
    assert all(table.find(Prefix(IP4, int(have.ip), 32)) is not None for _, have in model)
    for interface in interfaces:
        addresses.delete_all(interface)
    assert [str(entry.prefix) for entry in table] == fresh


def test_the_length_of_what_is_deleted_does_not_matter() -> None:
    engine = full_engine()
    (loop,) = loops(engine, 1)
    addresses = engine.get(Addresses)
    addresses.add(IP4, loop, number("10.0.0.1"), 24)
    addresses.delete(IP4, loop, number("10.0.0.1"), 25)
    assert listed(engine, loop) == []
    addresses.add(IP4, loop, number("10.0.0.1"), 24)
    assert listed(engine, loop) == ["10.0.0.1/24"]


def test_a_borrower_shares_the_lenders_list() -> None:
    engine = full_engine()
    lender, borrower = loops(engine, 2)
    addresses = engine.get(Addresses)
    addresses.add(IP4, lender, number("10.0.0.1"), 32)
    addresses.borrow(borrower, lender)
    addresses.add(IP4, lender, number("10.0.0.2"), 32)
    addresses.add(IP4, borrower, number("10.0.9.1"), 24)
    assert listed(engine, borrower) == listed(engine, lender) == ["10.0.0.1/32", "10.0.0.2/32", "10.0.9.1/24"]
    addresses.delete_all(lender)
    assert listed(engine, lender) == ["10.0.9.1/24"]
    addresses.stop_borrowing(borrower)
    assert listed(engine, borrower) == []
    assert engine.get(IpEnable).is_enabled(IP4, borrower.sw_if_index)
    addresses.delete(IP4, borrower, number("10.0.9.1"), 24)
    assert not engine.get(IpEnable).is_enabled(IP4, borrower.sw_if_index)


def test_borrowing_twice_counts_once() -> None:
    engine = full_engine()
    lender, borrower = loops(engine, 2)
    addresses, enabled = engine.get(Addresses), engine.get(IpEnable)
    for _ in range(3):
        addresses.borrow(borrower, lender)
    assert enabled.is_enabled(IP6, borrower.sw_if_index)
    addresses.stop_borrowing(borrower)
    addresses.stop_borrowing(borrower)
    assert not enabled.is_enabled(IP6, borrower.sw_if_index)
    assert borrower.hardware.l3_count == 0


def test_tables_keep_addresses_apart() -> None:
    engine = full_engine()
    one, other = loops(engine, 2)
    addresses, fib = engine.get(Addresses), engine.get(Fib)
    fib.ip4.find_or_create(10, Source.CLI)
    with pytest.raises(CommandError, match="no such table 20"):
        addresses.bind(IP4, one, 20)
    addresses.add(IP4, one, number("10.0.0.1"), 24)
    addresses.bind(IP4, other, 10)
    addresses.add(IP4, other, number("10.0.0.1"), 24)
    with pytest.raises(CommandError, match="IP addresses are still present on loop1"):
        addresses.bind(IP4, other, 0)
    with pytest.raises(CommandError, match="both interfaces must be in the same tables"):
        addresses.borrow(other, one)


@pytest.mark.parametrize(
    ("address", "length", "message"),
    [
        ("fe80::1", 64, "prefix length of link-local address must be 128"),
        ("2001:db8::1", 0, "2001:db8::1/0 wrong length for interface loop0"),
        ("2001:db8::1", 129, "2001:db8::1/129 wrong length for interface loop0"),
        ("10.0.0.1", 33, "10.0.0.1/33 wrong length for interface loop0"),
        ("10.0.0.1", -1, "10.0.0.1/-1 wrong length for interface loop0"),
    ],
)
def test_lengths_that_make_no_sense(address: str, length: int, message: str) -> None:
    engine = full_engine()
    (loop,) = loops(engine, 1)
    parsed = ipaddress.ip_address(address)
    with pytest.raises(CommandError, match=message):
        engine.get(Addresses).add(IP6 if parsed.version == 6 else IP4, loop, int(parsed), length)


def test_local0_has_no_addresses() -> None:
    engine = full_engine()
    with pytest.raises(CommandError, match="local0 interface doesn't support IP addressing"):
        engine.get(Addresses).add(IP4, engine.interfaces[0], 1, 24)


def test_a_deleted_interface_leaves_nothing_behind() -> None:
    engine = full_engine()
    lender, borrower = loops(engine, 2)
    addresses, fib = engine.get(Addresses), engine.get(Fib)
    addresses.add(IP4, lender, number("10.0.0.1"), 24)
    addresses.borrow(borrower, lender)
    engine.get(Loopbacks).delete(borrower)
    engine.interfaces.set_state(lender, DOWN)
    engine.get(Loopbacks).delete(lender)
    assert fib.ip4[0].find(Prefix(IP4, number("10.0.0.1"), 32)) is None
    again = loops(engine, 2)
    assert [listed(engine, interface) for interface in again] == [[], []]
    addresses.add(IP4, again[1], number("10.0.0.1"), 24)
