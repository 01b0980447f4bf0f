"""`show clock` (VPP's vlib/threads.c)."""

from __future__ import annotations

import re

# VPP leaves away the zero before the point.
_NOW = re.compile(r"Time now (\d*\.?\d+)")


def read_clock(text: str) -> float | None:
    """How long VPP has run, in seconds; None when the answer has another shape."""
    found = _NOW.match(text)
    return float(found[1]) if found else None
