"""Exact-match tables against a dictionary."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from vppsh.engine.exact_table import MISSING, ExactTable

WORD = st.one_of(st.integers(0, 3), st.integers(0, (1 << 64) - 1), st.sampled_from([1 << 63, 1 << 32, (1 << 64) - 1]))
KEY = st.tuples(WORD, WORD, WORD)


@given(st.dictionaries(KEY, st.integers(0, 1 << 20), max_size=40), st.lists(KEY, max_size=20), st.data())
def test_every_key_is_found_and_nothing_else(known: dict[tuple[int, ...], int], others: list[tuple[int, ...]], data: st.DataObject) -> None:
    table = ExactTable(3)
    for key, number in known.items():
        table.set(key, number)
    asked = data.draw(st.lists(st.sampled_from([*known, *others]), min_size=1, max_size=60)) if known or others else []

    def check() -> None:
        words = np.array(asked, np.uint64).reshape(-1, 3)
        assert table.find(words).tolist() == [known.get(key, MISSING) for key in asked]
        assert table.items() == list(known.items())

    check()
    for key in list(known)[::2]:
        table.remove(key)
        del known[key]
    check()


def test_a_frame_of_one_key_and_an_empty_table() -> None:
    table = ExactTable(2)
    words = np.full((300, 2), 7, np.uint64)
    assert (table.find(words) == MISSING).all()
    table.set((7, 7), 5)
    assert (table.find(words) == 5).all()
    assert table.find(words[:0]).tolist() == []
