"""The order in which VPP walks a hash of numbers, where it prints what it finds (vppinfra/hash.c)."""

from __future__ import annotations

from collections.abc import Iterable

WORD = (1 << 64) - 1
GOLDEN_RATIO = 0x9E3779B97F4A7C13
SMALLEST = 64
# How far the three words of a step are shifted: right, left, right.
SHIFTS = ((43, 9, 8), (38, 23, 5), (35, 49, 11), (12, 18, 22))


def hash_of_number(number: int) -> int:
    """The hash of one number (Bob Jenkins' 64-bit mix)."""
    a, b, c = (GOLDEN_RATIO + number) & WORD, GOLDEN_RATIO, 0
    for right, left, last in SHIFTS:
        a = (a - b - c & WORD) ^ c >> right
        b = (b - c - a & WORD) ^ (a << left & WORD)
        c = (c - a - b & WORD) ^ b >> last
    return c


def hash_order(numbers: Iterable[int]) -> list[int]:
    """The numbers, put into a hash in this order, as a walk over the hash meets them."""
    known = list(numbers)
    size = SMALLEST
    while 4 * (len(known) + 1) > 3 * size:
        size *= 2
    return sorted(known, key=lambda number: hash_of_number(number) & size - 1)
