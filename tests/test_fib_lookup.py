"""The forwarding structures of both IP versions against a plain longest-prefix match."""

from __future__ import annotations

import random

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from vppsh.engine.fib.ip6_intervals import Intervals
from vppsh.engine.fib.mtrie import Mtrie

Routes = dict[tuple[int, int], int]
LOW = (1 << 64) - 1


def longest_match(routes: Routes, address: int, bits: int) -> int:
    """The value of the longest prefix that covers an address, 0 when none does."""
    for length in range(bits, -1, -1):
        value = routes.get((address >> bits - length << bits - length, length))
        if value is not None:
            return value
    return 0


def cover(routes: Routes, network: int, length: int, bits: int) -> tuple[int, int]:
    """Length and value of the prefix above one."""
    for shorter in range(length - 1, -1, -1):
        value = routes.get((network >> bits - shorter << bits - shorter, shorter))
        if value is not None:
            return shorter, value
    return 0, 0


def edges(routes: Routes, bits: int) -> list[int]:
    """The addresses at which answers change: first and last of every prefix, and their outer neighbours."""
    found = {0, (1 << bits) - 1}
    for network, length in routes:
        last = network + (1 << bits - length) - 1
        found |= {network, last, max(network - 1, 0), min(last + 1, (1 << bits) - 1)}
    return sorted(found)


def addresses6(values: list[int]) -> np.ndarray:
    return np.array([(value >> 64, value & LOW) for value in values], np.uint64).reshape(-1, 2)


def near(bits: int) -> st.SearchStrategy[int]:
    """Addresses that share long beginnings, so that prefixes nest."""
    few = st.sampled_from([0, 1, 2, 127, 128, 255])
    return st.builds(lambda octets: int.from_bytes(bytes(octets), "big"), st.lists(few, min_size=bits // 8, max_size=bits // 8))


def steps(bits: int) -> st.SearchStrategy[list[tuple[bool, int, int]]]:
    return st.lists(st.tuples(st.booleans(), near(bits), st.integers(0, bits)), max_size=40)


@given(steps(32), st.integers(0, 2))
def test_mtrie_agrees_with_longest_prefix_match(script: list[tuple[bool, int, int]], fib_index: int) -> None:
    trie = Mtrie()
    for table in range(3):
        trie.add_table(table)
    routes: Routes = {}
    for number, (adds, address, length) in enumerate(script, 1):
        network = address >> 32 - length << 32 - length
        if adds:
            routes[network, length] = number
            trie.add(fib_index, network, length, number)
        elif routes.pop((network, length), None) is not None:
            trie.remove(fib_index, network, length, *cover(routes, network, length, 32))
        probes = edges(routes, 32)
        found = trie.lookup(fib_index, np.array(probes, np.uint32))
        assert found.tolist() == [longest_match(routes, probe, 32) for probe in probes]
        assert [trie.find(fib_index, probe) for probe in probes] == found.tolist()
    mixed = np.arange(9) % 3
    found = trie.lookup(mixed, np.full(9, 0x01020304, np.uint32))
    assert found.tolist() == [longest_match(routes, 0x01020304, 32) if table == fib_index else 0 for table in mixed]


def test_mtrie_gives_its_plies_back() -> None:
    trie = Mtrie()
    trie.add_table(0)
    chance = random.Random(5)
    lengths = (17, 24, 25, 30, 32) * 20
    prefixes = [(chance.getrandbits(32) >> 32 - length << 32 - length, length) for length in lengths]
    for _ in range(3):
        for network, length in prefixes:
            trie.add(0, network, length, 7)
        used = trie._end
        for network, length in prefixes:
            trie.remove(0, network, length, 0, 0)
        assert not trie.root.any()
        assert not trie.root_lengths.any()
    assert trie._end == used
    assert len(trie._free) * 256 == used


@given(steps(128))
def test_intervals_agree_with_longest_prefix_match(script: list[tuple[bool, int, int]]) -> None:
    intervals = Intervals()
    routes: Routes = {}
    for number, (adds, address, length) in enumerate(script, 1):
        network = address >> 128 - length << 128 - length
        if adds:
            routes[network, length] = number
            intervals.add(network, length, number)
        else:
            routes.pop((network, length), None)
            intervals.remove(network, length)
    probes = edges(routes, 128)
    assert intervals.lookup(addresses6(probes)).tolist() == [longest_match(routes, probe, 128) for probe in probes]
