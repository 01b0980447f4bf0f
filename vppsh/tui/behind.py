"""From a number on a screen to the packets behind it: what to capture, and which of the packets to show."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Behind:
    """Packets that something on a screen counts.

    expression  which of the captured packets to show, in the language of trace filters
    visits      the node that all of them come by, so that the target can keep them alone; empty when there is none
    interface   where they come in, when that is known
    """

    expression: str
    visits: str = ""
    interface: str = ""


def quoted(text: str) -> str:
    """A text of several words in an expression."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
