"""Lines for a dataplane, and what could not be put into lines."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Recipe:
    """A configuration.

    lines    VPP's commands, in an order that works
    notes    what is lacking and what follows from that, with how many times
    """

    lines: list[str] = field(default_factory=list)
    notes: Counter[str] = field(default_factory=Counter)

    def add(self, line: str) -> None:
        """Another line."""
        self.lines.append(line)

    def note(self, text: str, count: int = 1) -> None:
        """Something that is lacking."""
        self.notes[text] += count

    @property
    def text(self) -> str:
        """As a file that `vppsh run` and `--config` take."""
        lacking = [f"# lacking: {note_text(text, count)}" for text, count in self.notes.items()]
        return "".join(f"{line}\n" for line in (*lacking, *self.lines))


def signed(number: int) -> int:
    """A number of 32 bits as most of VPP's commands read it."""
    return number - (1 << 32) if number >> 31 else number


def note_text(text: str, count: int) -> str:
    """A note with its number, if it is said of several."""
    return f"{text} ({count} times)" if count > 1 else text
