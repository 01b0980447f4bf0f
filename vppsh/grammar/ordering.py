"""The order in which VPP lists names.

VPP compares names as vectors, and its comparison takes the difference of two unsigned lengths: when
one name is a prefix of the other, either one is "greater". What then comes first depends on the merge
sort of glibc, so listings can only be put in VPP's order by sorting as it does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


def compare_names(one: str, other: str) -> int:
    """VPP's `vec_cmp` on names: positive both ways when one is a prefix of the other."""
    shorter = min(len(one), len(other))
    if one[:shorter] != other[:shorter]:
        return -1 if one < other else 1
    return int(shorter > 0 and len(one) != len(other))


def sort_as_vpp(items: Sequence[T], name: Callable[[T], str]) -> list[T]:
    """The items in the order of glibc's merge sort with `compare_names`."""
    if len(items) < 2:
        return list(items)
    half = len(items) // 2
    left, right = sort_as_vpp(items[:half], name), sort_as_vpp(items[half:], name)
    merged: list[T] = []
    i = j = 0
    while i < len(left) and j < len(right):
        if compare_names(name(left[i]), name(right[j])) <= 0:
            merged.append(left[i])
            i += 1
        else:
            merged.append(right[j])
            j += 1
    return merged + left[i:] + right[j:]
