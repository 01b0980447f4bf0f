"""Macros of a session: `define NAME VALUE`, then `$(NAME)` or `$NAME` (vppinfra/macros.c).

Values are expanded when used, again and again, so `\\$(x)` in a definition is expanded late. An unknown
name gives `UNSET`, eight levels give ` CIRCULAR`. A backslash takes the next character as it is.
"""

from __future__ import annotations

import os
import re
import socket

MAX_LEVEL = 8
MAX_LENGTH = 1 << 20
UNSET = "UNSET"
CIRCULAR = " CIRCULAR"

_REFERENCE = re.compile(r"\\(.?)|\$([A-Za-z0-9_]*)(?:\(([^)]*)\)?)?", re.DOTALL)


class Macros:
    """The macros of one session."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}

    def define(self, name: str, value: str) -> None:
        """Set a macro, replacing an older value."""
        self.values[name] = value

    def undefine(self, name: str) -> bool:
        """Forget a macro; False when there is none."""
        return self.values.pop(name, None) is not None

    def expand(self, text: str) -> str:
        """The text with its macros replaced; raises ValueError when it would grow beyond all bounds."""
        return self._expand(text, 0) if "$" in text or "\\" in text else text

    def _expand(self, text: str, level: int) -> str:
        if level >= MAX_LEVEL:
            return CIRCULAR
        expanded = _REFERENCE.sub(lambda found: self._replacement(found, level), text)
        if len(expanded) > MAX_LENGTH + len(text):
            raise ValueError("macros expand to more than a megabyte")
        return expanded

    def _replacement(self, found: re.Match[str], level: int) -> str:
        if found[1] is not None:
            return found[1]
        value = self._value(found[2] + (found[3] or ""))
        return UNSET if value is None else self._expand(value, level + 1)

    def _value(self, name: str) -> str | None:
        if name == "hostname":
            return socket.gethostname()
        return self.values[name] if name in self.values else os.environ.get(name)

    def listing(self, evaluate: bool) -> str:
        """The text of `show macro`."""
        return "".join(f"{name:<20}{self.expand(f'$({name})') if evaluate else self.values[name]}\n" for name in sorted(self.values))
