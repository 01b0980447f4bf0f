"""Load-balances: how buckets are shared out, and that they are given back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.graphs import engine_with
from vppsh.engine.fib.dpo import DROPS, Dpo, DpoType
from vppsh.engine.fib.load_balance import TOLERANCE, LoadBalances, NextHop, normalise
from vppsh.engine.fib.types import Protocol


def hops(*weights: int) -> list[NextHop]:
    return [NextHop(Dpo(int(DpoType.ADJACENCY), 0, index), weight, index) for index, weight in enumerate(weights)]


@pytest.mark.parametrize(
    ("weights", "shares"),
    [
        ((1,), [(0, 1)]),
        ((3,), [(0, 1)]),
        ((2, 2), [(0, 1), (1, 1)]),
        ((1, 3), [(1, 3), (0, 1)]),
        ((2, 4), [(1, 5), (0, 3)]),
        ((1, 10), [(1, 7), (0, 1)]),
        ((1, 4), [(1, 13), (0, 3)]),
        ((1, 1, 1), [(0, 6), (1, 5), (2, 5)]),
        ((0, 0, 0), [(0, 6), (1, 5), (2, 5)]),
        ((1, 1, 1, 1), [(0, 1), (1, 1), (2, 1), (3, 1)]),
    ],
)
def test_buckets_are_shared_as_vpp_shares_them(weights: tuple[int, ...], shares: list[tuple[int, int]]) -> None:
    assert [(hop.path, share) for hop, share in normalise(hops(*weights))] == shares


@given(st.lists(st.integers(1, 255), min_size=1, max_size=64))
def test_shares_are_a_power_of_two_and_nearly_just(weights: list[int]) -> None:
    shared = normalise(hops(*weights))
    buckets = sum(share for _, share in shared)
    assert buckets & buckets - 1 == 0
    assert sorted(hop.path for hop, _ in shared) == list(range(len(weights)))
    if len(weights) > 1:
        wrong = sum(abs(share - hop.weight * buckets / sum(weights)) for hop, share in shared[1:])
        assert wrong <= TOLERANCE * buckets


@given(st.lists(st.lists(st.integers(1, 20), max_size=9), min_size=1, max_size=20))
def test_buckets_say_what_was_put_in(updates: list[list[int]]) -> None:
    balances = engine_with().get(LoadBalances)
    row = balances.create(Protocol.IP4)
    other = balances.create(Protocol.IP4)
    balances.update(other, hops(1, 2, 5))
    kept = balances.buckets(other)
    for weights in updates:
        balances.update(row, hops(*weights))
        wanted = [hop.dpo for hop, share in normalise(hops(*weights)) for _ in range(share)] if weights else [DROPS[Protocol.IP4]]
        assert balances.buckets(row) == wanted
        assert balances.is_drop(row) == (not weights)
        assert balances.buckets(other) == kept


def test_freed_buckets_are_used_again() -> None:
    balances = engine_with().get(LoadBalances)
    for _ in range(50):
        row = balances.create(Protocol.IP6)
        balances.update(row, hops(1, 1, 1))
        balances.destroy(row)
    assert balances._bucket_end == 16


def test_many_rows_at_once() -> None:
    balances = engine_with().get(LoadBalances)
    for _ in range(200):
        row = balances.create(Protocol.IP4)
        assert balances.packets[row] == 0
        balances.packets[row] = row
    assert balances.packets[:201].tolist() == list(range(201))
    balances.destroy(100)
    assert balances.create(Protocol.IP4) == 100
    assert balances.packets[100] == 0
