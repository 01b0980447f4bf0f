"""The toolbar under the prompt: who answers, how it is doing, and what the line waits for."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING

from prompt_toolkit.application import get_app
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.utils import get_cwidth

from vppsh import __version__
from vppsh.prompt.completion import expected

if TYPE_CHECKING:
    from vppsh.prompt.dataplane import Dataplane
    from vppsh.session import Session

# Rates are taken over at least this long.
PERIOD = 0.4
MOST_NAMES = 3


class RateMeter:
    """How fast a count grows."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._at = perf_counter()
        self.rate = 0.0

    def update(self, count: int) -> float:
        """The growth per second since the last time."""
        now = perf_counter()
        if now - self._at >= PERIOD:
            self.rate = max(count - self._count, 0) / (now - self._at)
            self._count, self._at = count, now
        return self.rate


class Toolbar:
    """What the embedded engine says of itself in one line."""

    def __init__(self, session: Session, dataplane: Dataplane) -> None:
        self._session = session
        self._dataplane = dataplane
        self._rate = RateMeter(dataplane.packets)
        self._hint = ("", "")

    def __call__(self) -> StyleAndTextTuples:
        """The line, as wide as the terminal."""
        app = get_app()
        status = self.status()
        width = app.output.get_size().columns
        room = width - sum(get_cwidth(text) for _, text in status) - 3
        hint = self._expected(app.current_buffer.document.text_before_cursor)
        if len(hint) > room:
            hint = hint[: room - 3] + "..." if room > 20 else ""
        return [*status, ("", " " * (room - len(hint) + 2)), ("class:status.hint", hint)]

    def status(self) -> list[tuple[str, str]]:
        """Who answers, and how it is doing."""
        interfaces = [interface for interface in self._session.engine.interfaces if interface.name != "local0"]
        up = sum(interface.admin_up for interface in interfaces)
        fragments = [
            ("class:status.name", " embedded dataplane "),
            ("", f"vppsh {__version__} | {f'{up} of {len(interfaces)} interfaces up' if interfaces else 'no interfaces'}"),
        ]
        rate = self._rate.update(self._dataplane.packets)
        running = self._dataplane.running()
        if self._dataplane.broken is not None:
            fragments.append(("class:status.broken", " | stopped by a fault"))
        elif running:
            names = ", ".join(stream.name for stream in running[:MOST_NAMES]) + (", ..." if len(running) > MOST_NAMES else "")
            fragments += [("", f" | {names} "), ("class:status.rate", f"{short_rate(rate)}pps")]
        return fragments

    def _expected(self, text: str) -> str:
        if self._hint[0] != text:
            self._hint = text, expected(self._session, text)
        return self._hint[1]


def short_rate(rate: float) -> str:
    """A rate with three digits and a unit: `251 k`."""
    for unit in ("", "k", "M"):
        if rate < 999.5:
            return f"{rate:.3g} {unit}"
        rate /= 1000
    return f"{rate:.3g} G"
