"""The first line: which target, how it is, and what watching it costs."""

from __future__ import annotations

from textual.content import Content
from textual.widgets import Static

from vppsh.tui.cluster import counts
from vppsh.tui.fleet import Fleet
from vppsh.tui.numbers import duration
from vppsh.tui.questions import VERSION
from vppsh.tui.store import Store

# How much of where a target is stays, however narrow the line.
SHORTEST = 12


class StatusLine(Static):
    """One line about the target.

    live  it is there now, rather than in a recording
    """

    live = True

    DEFAULT_CSS = """
    StatusLine { height: 1; background: $panel; color: $text; }
    StatusLine.lost { background: $error; color: $text; }
    StatusLine.paused { background: $warning; color: $text; }
    """

    def show(self, store: Store, now: float, interval: float, paused: int | None, activity: str = "") -> None:
        """Draw it; `paused` is how many samples wait, None when the view goes on; `activity` is what else goes on."""
        self.set_class(bool(store.lost), "lost")
        self.set_class(paused is not None and not store.lost, "paused")
        version = store.value(VERSION)
        parts = ["", version or ""]
        if store.lost:
            age = duration(now - store.lost_at) if store.samples and store.lost_at is not None else ""
            parts.append(f"LOST{f' {age} ago' if age else ''}{', trying again' if self.live else ''}: {store.lost}")
        elif paused is not None:
            parts.append(f"PAUSED, {paused} samples wait")
        elif not self.live:
            parts.append(f"asked every {duration(interval)}")
        elif store.samples:
            asked = f"{store.asked} line{'s' if store.asked != 1 else ''} of {' and '.join(store.sources)}"
            parts.append(f"every {duration(interval)}, {asked} took {1000 * store.cost:.0f} ms")
        else:
            parts.append("asking ...")
        parts[0] = f"{store.name} {self._shortened(store.where, [activity, store.name, *parts])}"
        self.update(Content(" │ ".join(part for part in (activity, *parts) if part)))

    def _shortened(self, where: str, others: list[str]) -> str:
        """As much of the end of a path as there is room for: what becomes of the target matters more."""
        room = self.size.width - len(" │ ".join(part for part in others if part)) - 1
        return where if len(where) <= room or not self.size.width else f"…{where[-max(room - 1, SHORTEST) :]}"

    def show_fleet(self, fleet: Fleet, paused: int | None, activity: str = "") -> None:
        """Draw it for all targets together."""
        self.set_class(fleet.lost == len(fleet.members), "lost")
        self.set_class(paused is not None, "paused")
        every = f"each asked every {duration(fleet.pace)}" if self.live else ""
        parts = [activity, fleet.name, counts(fleet), every if paused is None else f"PAUSED, {paused} samples wait"]
        self.update(Content(" │ ".join(part for part in parts if part)))
