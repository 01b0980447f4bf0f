"""Many byte ranges copied at once: packets of differing lengths between files, matrices and buffers.

A range of more than h and at most 2h bytes is copied as its first and its last h bytes, which overlap in
the middle and never touch a neighbour. Ranges are sorted into such classes by powers of two, so the work
is two gathers and two stores per class instead of one copy per range.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.integer]


def copy_ranges(source: NDArray[np.uint8], source_at: Integers, target: NDArray[np.uint8], target_at: Integers, lengths: Integers) -> None:
    """Copy `lengths[i]` bytes from `source[source_at[i]]` to `target[target_at[i]]`; both arrays are flat and contiguous."""
    if not len(lengths):
        return
    longest, shortest = int(lengths.max()), int(lengths.min())
    if longest == shortest:
        if longest:
            items(target, longest)[target_at] = items(source, longest)[source_at]
        return
    size = 1
    while size < longest or size == 1:
        # The class of the smallest half also takes ranges of a single byte.
        low = size if size > 1 else 0
        if 2 * size >= shortest:
            chosen = np.flatnonzero((lengths > low) & (lengths <= 2 * size))
            if len(chosen):
                come, go = items(source, size), items(target, size)
                first, there, rest = source_at[chosen], target_at[chosen], lengths[chosen] - size
                go[there] = come[first]
                go[there + rest] = come[first + rest]
        size *= 2


def items(flat: NDArray[np.uint8], size: int) -> NDArray[Any]:
    """Every run of `size` bytes of a flat array as one opaque item, which numpy gathers with a plain memory copy."""
    return np.ndarray((max(0, len(flat) - size + 1),), f"V{size}", flat.data, strides=(1,))
