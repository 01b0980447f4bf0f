"""The case that vectors are made for: all packets of a frame alike.

A node asks it first, because one number is handled faster than an array of equal ones. Bytes are compared
instead of numbers: that is one call of the C library, whatever the dtype.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def common(values: NDArray[np.integer]) -> int | None:
    """The value that all elements have; None if they differ (there is at least one)."""
    data = values.tobytes()
    size = values.itemsize
    return int(values[0]) if data == data[:size] * len(values) else None


def all_are(values: NDArray[np.integer], value: bytes) -> bool:
    """Whether every element is the one whose bytes are given, as they lie in memory."""
    return values.tobytes() == value * len(values)
