"""Which bytes are which key, at the prompt and in the pager (VPP's vlib/unix/cli.c)."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from types import MappingProxyType


class Key(enum.Enum):
    """What a key asks for."""

    ENTER = enum.auto()
    TAB = enum.auto()
    ERASE = enum.auto()
    ERASE_RIGHT = enum.auto()
    ERASE_WORD_LEFT = enum.auto()
    ERASE_LINE_LEFT = enum.auto()
    ERASE_LINE_RIGHT = enum.auto()
    UP = enum.auto()
    DOWN = enum.auto()
    LEFT = enum.auto()
    RIGHT = enum.auto()
    WORD_LEFT = enum.auto()
    WORD_RIGHT = enum.auto()
    HOME = enum.auto()
    END = enum.auto()
    CLEAR = enum.auto()
    SEARCH_BACKWARDS = enum.auto()
    SEARCH_FORWARDS = enum.auto()
    NOTHING = enum.auto()
    TELNET = enum.auto()
    QUIT = enum.auto()
    NEXT_PAGE = enum.auto()
    PAGE_DOWN = enum.auto()
    PAGE_UP = enum.auto()
    REDRAW = enum.auto()


_ENTER = {b"\r\n": Key.ENTER, b"\n": Key.ENTER, b"\r\0": Key.ENTER, b"\r": Key.ENTER}
_ARROWS = {
    start + letter: key
    for start in (b"\x1b[", b"\x1bO")
    for letter, key in ((b"A", Key.UP), (b"B", Key.DOWN), (b"C", Key.RIGHT), (b"D", Key.LEFT), (b"H", Key.HOME), (b"F", Key.END))
}
_PROTOCOL = {b"\xff": Key.TELNET, b"\0": Key.NOTHING}

AT_PROMPT: Mapping[bytes, Key] = MappingProxyType(
    {
        **_ENTER,
        b"\x02": Key.LEFT,
        b"\x06": Key.RIGHT,
        b"\x10": Key.UP,
        b"\x0e": Key.DOWN,
        b"\x01": Key.HOME,
        b"\x05": Key.END,
        b"\x04": Key.ERASE_RIGHT,
        b"\x15": Key.ERASE_LINE_LEFT,
        b"\x0b": Key.ERASE_LINE_RIGHT,
        b"\x17": Key.ERASE_WORD_LEFT,
        b"\x19": Key.NOTHING,
        b"\x0c": Key.CLEAR,
        b"\x1bb": Key.WORD_LEFT,
        b"\x1bf": Key.WORD_RIGHT,
        b"\b": Key.ERASE,
        b"\x7f": Key.ERASE,
        b"\t": Key.TAB,
        **_ARROWS,
        b"\x1b[3~": Key.ERASE_RIGHT,
        b"\x1b[1;5D": Key.WORD_LEFT,
        b"\x1b[1;5C": Key.WORD_RIGHT,
        b"\x1b[1~": Key.HOME,
        b"\x1b[4~": Key.END,
        b"\x13": Key.SEARCH_FORWARDS,
        b"\x12": Key.SEARCH_BACKWARDS,
        **_PROTOCOL,
    }
)
IN_PAGER: Mapping[bytes, Key] = MappingProxyType(
    {
        **_ENTER,
        b" ": Key.NEXT_PAGE,
        b"q": Key.QUIT,
        b"\x0c": Key.REDRAW,
        b"\x12": Key.REDRAW,
        b"/": Key.NOTHING,
        **{bytes_: key for bytes_, key in _ARROWS.items() if key not in (Key.LEFT, Key.RIGHT)},
        b"\x1b[1~": Key.HOME,
        b"\x1b[4~": Key.END,
        b"\x1b[5~": Key.PAGE_UP,
        b"\x1b[6~": Key.PAGE_DOWN,
        **_PROTOCOL,
    }
)
LONGEST = max(len(sequence) for sequence in AT_PROMPT)


def read_key(keys: Mapping[bytes, Key], data: bytes) -> tuple[Key | None, int] | None:
    """The key that input begins with, and how many bytes it takes; (None, 1) for a byte that is no key, None when more must come."""
    for length in range(min(LONGEST, len(data)), 0, -1):
        key = keys.get(data[:length])
        if key is not None:
            return key, length
    return None if any(sequence.startswith(data) for sequence in keys) else (None, 1)
