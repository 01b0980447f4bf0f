"""The line at the bottom of an opened recording: which time is seen, and where in the recording that is."""

from __future__ import annotations

import time
from typing import ClassVar

from textual import events
from textual.content import Content
from textual.message import Message
from textual.widget import Widget

from vppsh.tui.recorded import Playback

DAY = 86400.0


class TimeSlider(Widget):
    """The times of a recording as a line; a click or a drag goes to one."""

    DEFAULT_CSS = "TimeSlider { height: 1; background: $panel; color: $text; }"
    HELP: ClassVar[str] = (
        "A recording: the line at the bottom tells the time that is seen, and where that is in the recording; click it, or drag.\n"
        "Left and right go a sample on, with shift a minute, home and end to its ends (g and G do that in tables). Space plays, and\n"
        "+ and - set how fast. Counts are from the beginning, or from where `0' was pressed; plots go back 600 samples."
    )

    class Moved(Message):
        """A click or a drag: to which time of the recording."""

        def __init__(self, at: float) -> None:
            super().__init__()
            self.at = at

    def __init__(self, playback: Playback) -> None:
        super().__init__(id="time")
        self._playback = playback
        self._form = "%H:%M:%S" if playback.last - playback.first < DAY else "%m-%d %H:%M:%S"

    def _texts(self) -> tuple[str, str]:
        """What stands before and behind the line."""
        playback = self._playback
        now, end = (time.strftime(self._form, time.localtime(at)) for at in (playback.taken, playback.recording.entries[-1].taken))
        state = f"playing {playback.speed:g}x" if playback.playing else f"paused {playback.speed:g}x"
        return f"{now} ", f" {end} {state:<11} "

    def _span(self) -> tuple[int, int]:
        """Where the line begins, and how long it is."""
        before, behind = (len(text) for text in self._texts())
        return before, max(self.size.width - before - behind, 1)

    def render(self) -> Content:
        """Draw it."""
        before, behind = self._texts()
        playback, (_, width) = self._playback, self._span()
        done = round((playback.at - playback.first) / ((playback.last - playback.first) or 1.0) * (width - 1))
        return Content(f"{before}{'━' * done}●{'─' * (width - 1 - done)}{behind}")

    def _go(self, x: int) -> None:
        begin, width = self._span()
        share = min(max((x - begin) / max(width - 1, 1), 0.0), 1.0)
        self.post_message(self.Moved(self._playback.first + share * (self._playback.last - self._playback.first)))

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Go there."""
        self.capture_mouse()
        self._go(event.x)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Go along, while the button is held."""
        if self.app.mouse_captured is self:
            self._go(event.x)

    def on_mouse_up(self) -> None:
        """Stay there."""
        self.release_mouse()
