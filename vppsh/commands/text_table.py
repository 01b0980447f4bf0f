"""Tables as VPP prints them with vppinfra's format_table: a coloured head, cells to the right."""

from __future__ import annotations

from collections.abc import Sequence

YELLOW = "\x1b[33m"
RESET = "\x1b[0m"


def format_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Head and rows; a column is as wide as its widest cell."""
    widths = [max(len(cell) for cell in column) for column in zip(head, *rows, strict=True)]
    lines = [" ".join(f"{YELLOW}{_centred(cell, width)}{RESET}" for cell, width in zip(head, widths, strict=True))]
    lines += [" ".join(f"{cell:>{width}}{RESET}" for cell, width in zip(row, widths, strict=True)) for row in rows]
    return "\n".join(lines)


def format_left(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Head and rows with all cells to the left, and no colours."""
    widths = [max(len(cell) for cell in column) for column in zip(head, *rows, strict=True)]
    return "\n".join(" ".join(f"{cell:<{width}}{RESET}" for cell, width in zip(row, widths, strict=True)) for row in (head, *rows))


def _centred(cell: str, width: int) -> str:
    """In the middle; an odd blank goes behind."""
    left = (width - len(cell)) // 2
    return f"{' ' * left}{cell}".ljust(width)
