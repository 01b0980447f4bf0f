"""Lines of box drawing characters, light and heavy, that may cross and join."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from itertools import product
from types import MappingProxyType
from typing import cast

import numpy as np

# How heavy the arms of a character are: up, right, down, left; 0 none, 1 light, 2 heavy.
Arms = tuple[int, int, int, int]
UP, RIGHT, DOWN, LEFT = range(4)
_ARMS = {"UP": (UP,), "RIGHT": (RIGHT,), "DOWN": (DOWN,), "LEFT": (LEFT,), "VERTICAL": (UP, DOWN), "HORIZONTAL": (LEFT, RIGHT)}
_WEIGHTS = {"LIGHT": 1, "HEAVY": 2}


def _characters() -> Mapping[Arms, str]:
    """The characters by their arms, as Unicode names them: DOWN HEAVY AND HORIZONTAL LIGHT."""
    found: dict[Arms, str] = {(0, 0, 0, 0): " "}
    for code in range(0x2500, 0x2580):
        words = unicodedata.name(chr(code)).removeprefix("BOX DRAWINGS ").split()
        if not set(words) <= {*_ARMS, *_WEIGHTS, "AND"}:
            continue  # double, dashed, round
        arms = [0, 0, 0, 0]
        common = _WEIGHTS.get(words[0], 0)
        for part in " ".join(words).split(" AND "):
            weight = next((_WEIGHTS[word] for word in part.split() if word in _WEIGHTS), common)
            for word in part.split():
                for arm in _ARMS.get(word, ()):
                    arms[arm] = weight
        found.setdefault((arms[UP], arms[RIGHT], arms[DOWN], arms[LEFT]), chr(code))
    return MappingProxyType(found)


CHARACTERS = _characters()
_LOOKUP = np.array([CHARACTERS[cast("Arms", arms)] for arms in product(range(3), repeat=4)])


class Drawing:
    """A page that lines and texts are put on; each cell has a style by name, empty where there is nothing."""

    def __init__(self, width: int, height: int) -> None:
        self._arms = np.zeros((4, height, width), np.uint8)
        self._texts = np.full((height, width), "", "<U1")
        self._styles = np.zeros((height, width), np.uint8)
        self._names = [""]

    def _number(self, style: str) -> int:
        if style not in self._names:
            self._names.append(style)
        return self._names.index(style)

    def vertical(self, x: int, top: int, bottom: int, weight: int, style: str) -> None:
        """A line from the middle of one row to that of another."""
        self._colour((slice(top, bottom + 1), x), weight, style)
        self._raise((UP, slice(top + 1, bottom + 1), x), weight)
        self._raise((DOWN, slice(top, bottom), x), weight)

    def horizontal(self, y: int, left: int, right: int, weight: int, style: str) -> None:
        """A line from the middle of one column to that of another."""
        self._colour((y, slice(left, right + 1)), weight, style)
        self._raise((LEFT, y, slice(left + 1, right + 1)), weight)
        self._raise((RIGHT, y, slice(left, right)), weight)

    def _raise(self, where: tuple[int | slice, ...], weight: int) -> None:
        self._arms[where] = np.maximum(self._arms[where], weight)

    def _colour(self, where: tuple[int | slice, ...], weight: int, style: str) -> None:
        """The heaviest line that goes through a cell has its style."""
        heavier = self._arms[(slice(None), *where)].max(axis=0) > weight
        self._styles[where] = np.where(heavier, self._styles[where], self._number(style))

    def text(self, x: int, y: int, text: str, style: str) -> None:
        """A text, over whatever is there."""
        where = (y, slice(x, x + len(text)))
        room = self._texts[where].size
        self._texts[where] = list(text)[:room]
        self._styles[where] = self._number(style)

    def free(self, x: int, y: int, length: int) -> bool:
        """Whether nothing is there."""
        cells = slice(x, x + length)
        return x + length <= self._texts.shape[1] and not (self._texts[y, cells] != "").any() and not self._arms[:, y, cells].any()

    @property
    def height(self) -> int:
        """How many rows it has."""
        return int(self._texts.shape[0])

    @property
    def width(self) -> int:
        """How many columns it has."""
        return int(self._texts.shape[1])

    def row(self, y: int) -> tuple[str, list[str]]:
        """A row: the text, and the style of each character."""
        up, right, down, left = self._arms[:, y].astype(np.intp)
        lines = _LOOKUP[((up * 3 + right) * 3 + down) * 3 + left]
        cells = np.where(self._texts[y] == "", lines, self._texts[y])
        return "".join(cells.tolist()), [self._names[style] for style in self._styles[y].tolist()]

    def text_of_all(self) -> str:
        """All rows as text."""
        return "".join(f"{self.row(y)[0].rstrip()}\n" for y in range(self.height))
