"""Numbers as people read them: three figures and a unit, never more columns than eight."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

_UNITS = ("", "k", "M", "G", "T", "P", "E")
_BARS = "▁▂▃▄▅▆▇█"


def short(number: float, unit: str = "") -> str:
    """12345 as "12.3k", with a unit behind; an empty text for 0."""
    if not number:
        return ""
    if not isfinite(number):
        return str(number)
    size = abs(number)
    if size < 0.995:
        return f"{number:.2f}{unit}"
    step = 0
    while size >= 999.5 and step < len(_UNITS) - 1:
        size, number, step = size / 1000, number / 1000, step + 1
    decimals = 2 if size < 9.995 else 1 if size < 99.95 else 0
    text = f"{number:.{decimals}f}"
    return f"{text.rstrip('0').rstrip('.') if decimals else text}{_UNITS[step]}{unit}"


def bits(bytes_a_second: float) -> str:
    """A rate of bytes in bits a second."""
    return short(8 * bytes_a_second, "b/s")


def duration(seconds: float) -> str:
    """Seconds as "3.2s", "4m10s", "2h05m", "3d04h"."""
    if seconds < 10:
        return f"{max(seconds, 0.0):.1f}s"
    whole = int(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02}s"
    if whole < 86400:
        return f"{whole // 3600}h{whole // 60 % 60:02}m"
    return f"{whole // 86400}d{whole // 3600 % 24:02}h"


def sparkline(values: Sequence[float], width: int) -> str:
    """The last values as bars, the largest as high as a line; blanks where there is nothing."""
    shown = list(values)[-width:]
    top = max(shown, default=0.0)
    if top <= 0:
        return " " * width
    bars = "".join(_BARS[min(int(value / top * len(_BARS)), len(_BARS) - 1)] if value > 0 else " " for value in shown)
    return bars.rjust(width)


def plot(values: Sequence[float], width: int, height: int) -> list[str]:
    """The last values as bars over several lines, the largest as high as all of them."""
    shown = list(values)[-width:]
    top = max(shown, default=0.0)
    levels = [round(value / top * height * len(_BARS)) if top > 0 else 0 for value in shown]
    lines = []
    for row in reversed(range(height)):
        filled = [min(max(level - row * len(_BARS), 0), len(_BARS)) for level in levels]
        lines.append("".join(_BARS[each - 1] if each else " " for each in filled).rjust(width))
    return lines
