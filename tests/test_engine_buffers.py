"""The buffer pool: allocation under any sequence of requests, views and copies of the same bytes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vppsh.engine.buffers import HEADROOM, STRIDE, BufferFlag, BufferPool
from vppsh.engine.frame import Frame, side_by_side
from vppsh.registry import column


@settings(max_examples=200)
@given(st.lists(st.tuples(st.integers(1, 90), st.booleans(), st.integers(0, 5)), max_size=60))
def test_no_buffer_is_given_twice_and_none_is_lost(requests: list[tuple[int, bool, int]]) -> None:
    pool = BufferPool(128)
    held: list[np.ndarray] = []
    for wanted, as_indices, drop in requests:
        rows = pool.allocate_indices(wanted) if as_indices else pool.allocate(wanted)
        taken = np.zeros(0, np.int32) if rows is None else pool.indices[rows] if isinstance(rows, slice) else rows
        assert len(taken) <= wanted
        assert len(taken) == min(wanted, 128 - sum(map(len, held))) or not as_indices
        if len(taken):
            held.append(taken)
        if held:
            everything = np.concatenate(held)
            assert len(np.unique(everything)) == len(everything)
        if held and drop < len(held):
            back = held.pop(drop)
            pool.release(side_by_side(np.sort(back)) if drop % 2 else back)
        assert pool.free == 128 - sum(map(len, held))
    for rows in held:
        pool.release(rows)
    assert len(pool.allocate_indices(128)) == 128


def test_a_frame_of_freed_neighbours_is_a_slice_again() -> None:
    pool = BufferPool(64)
    rows = pool.allocate_indices(64)
    pool.release(rows[::2].copy())
    pool.release(rows[1::2].copy())
    assert pool.allocate(64) == slice(0, 64)


@given(st.permutations(range(9)), st.sampled_from(["u1", "u2", "u4", "u8", "V14"]), st.integers(-20, 40))
def test_slices_indices_and_addresses_read_and_write_the_same_bytes(order: list[int], dtype: str, at: int) -> None:
    pool = BufferPool(16)
    pool.data[:] = np.random.default_rng(5).integers(0, 256, pool.data.shape, np.uint8)
    kind, rows = np.dtype(dtype), np.array(order, np.int32)
    wanted = [pool.data[row, HEADROOM + at : HEADROOM + at + kind.itemsize].tobytes() for row in order]
    uniform, mixed = Frame(rows, 9, offset=0), Frame(rows, 9)
    for frame in (uniform, mixed):
        assert [value.tobytes() for value in pool.load(frame, kind, at)] == wanted
    neighbours = pool.load(Frame(slice(0, 9), 9, offset=0), kind, at)
    assert [value.tobytes() for value in neighbours] == [wanted[order.index(row)] for row in range(9)]
    values = np.frombuffer(np.random.default_rng(6).bytes(9 * kind.itemsize), kind)
    pool.store(mixed, kind, values, at)
    assert [value.tobytes() for value in pool.load(uniform, kind, at)] == [value.tobytes() for value in values]


def test_a_header_outside_the_buffer_is_refused() -> None:
    pool = BufferPool(4)
    for at in (-HEADROOM - 1, STRIDE - HEADROOM - 3):
        with pytest.raises(ValueError, match="does not lie within a buffer"):
            pool.column(np.dtype("u4"), at)


def test_chains_count_are_read_and_are_freed_as_one_packet() -> None:
    pool = BufferPool(8)
    rows = pool.allocate_indices(3)
    pool.reset(rows)
    for index, following, text in zip(rows.tolist(), [*rows.tolist()[1:], -1], (b"abc", b"defg", b"h"), strict=True):
        pool.data[index, HEADROOM : HEADROOM + len(text)] = np.frombuffer(text, np.uint8)
        pool.current_length[index] = len(text)
        pool.next_buffer[index] = following
        pool.flags[index] = BufferFlag.NEXT_PRESENT if following >= 0 else 0
    pool.total_length_rest[rows[0]] = 5
    first = rows[:1]
    assert pool.packet(int(rows[0])) == b"abcdefgh"
    assert pool.packet(int(rows[0]), 5) == b"abcde"
    assert pool.packet_length(first).tolist() == [8]
    pool.free_packets(Frame(first, 1))
    assert pool.free == 8


def test_columns_of_features_have_their_defaults() -> None:
    pool = BufferPool(4, [column("policer", "i4", -1)])
    pool.policer[:] = 7  # type: ignore[attr-defined]  # declared by the line above
    pool.reset(slice(1, 3))
    assert pool.policer.tolist() == [7, -1, -1, 7]  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match="policer exists already"):
        pool.add_columns([column("policer", "i4")])
    with pytest.raises(ValueError, match="wide: int64 is not of four bytes"):
        pool.add_columns([column("wide", "i8")])
