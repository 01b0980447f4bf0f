"""The case that vectors are made for: all packets of a frame alike.

A node asks it first, because one number is handled faster than an array of equal ones.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def common(values: NDArray[np.integer]) -> int | None:
    """The value that all elements have; None if they differ (there is at least one)."""
    first = values[0]
    return None if np.count_nonzero(values != first) else int(first)
