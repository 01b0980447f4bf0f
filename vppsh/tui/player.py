"""The monitor of a recording: the same tabs, and a time that can be chosen."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Input, TextArea

from vppsh.tui.app import Monitor, Sampled
from vppsh.tui.fleet import Fleet
from vppsh.tui.recorded import Playback
from vppsh.tui.watching import Watched
from vppsh.tui.widgets.time_slider import TimeSlider

MINUTE = 60.0
# Keys of the recording that are those of fields, too.
_SHARED = frozenset({"step", "minute", "end_of_recording"})


class Player(Monitor, inherit_bindings=False):
    """The monitor of what was recorded.

    playback  the time that is seen
    """

    help_text = TimeSlider.HELP
    BINDINGS: ClassVar[list[BindingType]] = [
        *(binding for binding in Monitor.BINDINGS if not (isinstance(binding, Binding) and binding.action == "pause")),
        Binding("space", "pause", "Play"),
        Binding("left", "step(False)", "Sample before", show=False, priority=True),
        Binding("right", "step(True)", "Next sample", show=False, priority=True),
        Binding("shift+left", "minute(-1)", "A minute back", show=False, priority=True),
        Binding("shift+right", "minute(1)", "A minute on", show=False, priority=True),
        Binding("home", "end_of_recording(False)", "Beginning", show=False, priority=True),
        Binding("end", "end_of_recording(True)", "End", show=False, priority=True),
        Binding("plus,equals_sign", "faster(1)", "Faster", show=False),
        Binding("minus", "faster(-1)", "Slower", show=False),
    ]

    def __init__(self, watched: Watched | Fleet, playback: Playback) -> None:
        super().__init__(watched, clock=lambda: playback.at)
        self.playback = playback
        self._slider = TimeSlider(playback)
        self._status.live = False

    def compose(self) -> ComposeResult:
        """The monitor, and the time."""
        yield from super().compose()
        yield self._slider

    def on_mount(self) -> None:
        """Tell what is to be said of the file."""
        if self.playback.recording.notices:
            self.flash("; ".join(self.playback.recording.notices))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Fields and dialogs have their own keys."""
        typing = isinstance(self.focused, Input | TextArea) or self.screen.is_modal
        return not (typing and action in _SHARED) and super().check_action(action, parameters)

    def on_sampled(self, event: Sampled) -> None:
        """Have more when this is drawn; the monitor, whose handler is called as well, does that."""
        self.call_after_refresh(self.playback.drawn)

    def _show_status(self) -> None:
        super()._show_status()
        self._slider.refresh()

    def activity(self) -> str:
        """Where this comes from."""
        return f"RECORDED in {self.playback.recording.path.name}"

    @on(TimeSlider.Moved)
    def _moved(self, event: TimeSlider.Moved) -> None:
        event.stop()
        self._go(event.at)

    def _go(self, at: float) -> None:
        self.playback.seek(at)
        self._show_status()

    def action_step(self, forward: bool) -> None:
        """To the next sample, or the one before."""
        self.playback.step(forward)
        self._show_status()

    def action_minute(self, by: int) -> None:
        """So many minutes on."""
        self._go(self.playback.at + by * MINUTE)

    def action_end_of_recording(self, last: bool) -> None:
        """To the end, or to the beginning."""
        self._go(self.playback.last if last else self.playback.first)

    def action_faster(self, by: int) -> None:
        """Play faster, or slower."""
        self.playback.faster(by)
        self._show_status()

    def action_pause(self) -> None:
        """Play, or stand still."""
        self.playback.play(not self.playback.playing)
        self._show_status()

    def action_rebase(self) -> None:
        """Count from this time on."""
        self.playback.base = self.playback.at
        super().action_rebase()

    def action_hurry(self) -> None:
        """Nobody can be asked."""
        self.flash("a recording has what was asked when it was made")
