"""Anti-replay windows against sets of the numbers that have come (RFC 4303, 3.4.3 and A2)."""

from __future__ import annotations

from itertools import accumulate

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from vppsh.engine.ipsec.replay import ReplayWindow, window_size

LOW = (1 << 32) - 1
SIZES = st.sampled_from([64, 128, 1024])


class Twin:
    """A window as the set of what has come; what lies before its start counts as received, too."""

    def __init__(self, size: int, start: int, *, extended: bool) -> None:
        self.size, self.start, self.top, self.extended = size, start, start, extended
        self.received: set[int] = set()
        self.lost = 0

    def whole(self, sequence: int) -> int:
        """The number that 32 bits seem to stand for: the one that is not before the window."""
        if not self.extended:
            return sequence
        number = (self.top & ~LOW) + sequence
        lowest = self.top - self.size + 1
        if number < lowest:
            return number + LOW + 1
        return number - LOW - 1 if number - LOW - 1 >= lowest else number

    def replayed(self, number: int) -> bool:
        return number <= self.top and (number <= self.top - self.size or number <= self.start or number in self.received)

    def accept(self, number: int) -> None:
        self.received.add(number)
        for left in range(self.top - self.size + 1, min(number - self.size, self.top) + 1):
            self.lost += left > self.start and left not in self.received
        self.lost += max(0, number - self.size - max(self.top, self.start))
        self.top = max(self.top, number)

    def shown(self) -> str:
        return "".join(str(int(number <= self.start or number in self.received)) for number in range(self.top - 63, self.top + 1))


def vectors(start: int) -> st.SearchStrategy[list[list[int]]]:
    """Vectors of numbers around a place: in order, without gaps, out of order, far ahead, long gone."""
    steps = st.lists(st.one_of(st.integers(-3, 5), st.integers(-200, 200), st.integers(-3000, 3000)), max_size=40)

    def walk(vector: list[int]) -> list[int]:
        place, found = start, []
        for step in vector:
            place = max(place + step, 0)
            found.append(place)
        return found

    ordered = st.lists(st.integers(1, 90), min_size=1, max_size=40).map(lambda each: list(accumulate(each, initial=start))[1:])
    runs = st.tuples(st.integers(-70, 300), st.integers(1, 400)).map(
        lambda run: list(range(max(start + run[0], 0), max(start + run[0], 0) + run[1]))
    )
    return st.lists(st.one_of(steps.map(walk), ordered, runs), max_size=8)


def run(window: ReplayWindow, twin: Twin, numbers: list[list[int]]) -> None:
    """Vectors one after the other: each against the state before it, then packet by packet."""
    lost = 0
    for vector in numbers:
        sequence = np.array([number & LOW for number in vector], np.uint32)
        seen = window.check(sequence)
        whole = [twin.whole(number & LOW) for number in vector]
        assert seen.replayed.tolist() == [twin.replayed(number) for number in whole]
        if twin.extended:
            assert [high for high, ok in zip(seen.high.tolist(), ~seen.replayed, strict=True) if ok] == [
                number >> 32 for number, ok in zip(whole, ~seen.replayed, strict=True) if ok
            ]
        good = np.flatnonzero(~seen.replayed)
        advanced = window.advance(sequence[good], seen.high[good])
        expected, tops = [], []
        for number in (whole[position] for position in good.tolist()):
            expected.append(twin.replayed(number))
            if not expected[-1]:
                twin.accept(number)
            tops.append(twin.top)
        lost += advanced.lost
        assert advanced.replayed.tolist() == expected
        assert advanced.tops().tolist() == tops
        assert window.top == twin.top
        assert window.shown() == twin.shown()
    assert lost == twin.lost


@given(SIZES, vectors(0))
def test_window(size: int, numbers: list[list[int]]) -> None:
    run(ReplayWindow(size, checks=True, extended=False), Twin(size, 0, extended=False), numbers)


@given(SIZES, st.sampled_from([0, 5, 100, LOW - 90, LOW - 1, LOW, LOW + 1, (7 << 32) + 50, (8 << 32) - 60]), st.data())
def test_window_with_extended_numbers(size: int, start: int, data: st.DataObject) -> None:
    window = ReplayWindow(size, checks=True, extended=True)
    window.top = start
    run(window, Twin(size, start, extended=True), data.draw(vectors(start)))


@given(vectors(0))
def test_without_a_window_everything_is_new(numbers: list[list[int]]) -> None:
    window = ReplayWindow(64, checks=False, extended=False)
    for vector in numbers:
        sequence = np.array(vector, np.uint32)
        assert not window.check(sequence).replayed.any()
        assert not window.advance(sequence, np.zeros(len(vector), np.uint32)).replayed.any()
    assert window.top == max((number for vector in numbers for number in vector), default=0)


def test_without_a_window_numbers_wrap_when_they_fall_far_behind() -> None:
    window = ReplayWindow(64, checks=False, extended=True)
    window.top = (3 << 32) + LOW
    seen = window.check(np.array([5, LOW - 5, 1 << 31], np.uint32))
    assert not seen.replayed.any()
    assert seen.high.tolist() == [4, 3, 4]


def test_a_number_comes_twice_in_one_vector() -> None:
    window = ReplayWindow(64, checks=True, extended=False)
    sequence = np.array([1, 2, 2, 3, 1], np.uint32)
    seen = window.check(sequence)
    assert not seen.replayed.any()
    assert window.advance(sequence, seen.high).replayed.tolist() == [False, False, True, False, True]
    assert window.check(sequence).replayed.all()


def test_the_last_numbers_are_taken_for_old_ones_as_in_vpp() -> None:
    """VPP adds the size of the window to a number in 32 bits."""
    window = ReplayWindow(64, checks=True, extended=False)
    window.top = LOW
    window.missing[:] = True
    seen = window.check(np.array([LOW - 63, LOW - 64, LOW - 10], np.uint32))
    assert seen.replayed.tolist() == [True, True, True]


def test_sizes_are_powers_of_two() -> None:
    assert [window_size(wanted) for wanted in (0, 1, 64, 65, 128, 129, 1000, 4096)] == [64, 64, 64, 128, 128, 256, 1024, 4096]
