"""Vectorised copies of byte ranges against slices, one by one."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from vppsh.engine.wire.ranges import copy_ranges


@given(st.lists(st.integers(0, 70) | st.sampled_from([127, 128, 129, 1514]), max_size=40), st.integers(0, 3), st.randoms())
def test_ranges_land_where_they_should_and_nowhere_else(lengths: list[int], gap: int, random) -> None:  # type: ignore[no-untyped-def]
    source = np.random.default_rng(len(lengths)).integers(1, 256, 2000, dtype=np.uint8)
    source_at = [random.randint(0, 2000 - length) for length in lengths]
    target_at, end = [], gap
    for length in lengths:
        target_at.append(end)
        end += length + gap
    target = np.zeros(end, np.uint8)
    expected = bytearray(end)
    for start, place, length in zip(source_at, target_at, lengths):
        expected[place : place + length] = source[start : start + length].tobytes()
    copy_ranges(source, np.array(source_at, np.int64), target, np.array(target_at, np.int64), np.array(lengths, np.int64))
    assert target.tobytes() == bytes(expected)


def test_ranges_of_one_length_may_end_with_the_arrays() -> None:
    source = np.arange(30, dtype=np.uint8)
    target = np.zeros(20, np.uint8)
    copy_ranges(source, np.array([20, 0]), target, np.array([0, 10]), np.array([10, 10]))
    assert target.tolist() == [*range(20, 30), *range(10)]
