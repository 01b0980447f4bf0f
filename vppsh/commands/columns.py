"""Columns as VPP's `format` makes them: `%-30s`, `%10d`, `%=35s`. What is too long is cut."""

from __future__ import annotations


def left(text: object, width: int) -> str:
    """`%-Ns`."""
    return str(text)[:width].ljust(width)


def right(text: object, width: int) -> str:
    """`%Ns`."""
    return str(text)[:width].rjust(width)


def center(text: object, width: int) -> str:
    """`%=Ns`; an odd blank goes to the left."""
    shown = str(text)[:width]
    spare = width - len(shown)
    return " " * (spare - spare // 2) + shown + " " * (spare // 2)
