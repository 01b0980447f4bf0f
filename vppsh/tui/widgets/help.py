"""`?`: what is seen, and the keys, made from the bindings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.dom import DOMNode
from textual.screen import ModalScreen
from textual.widgets import Static

if TYPE_CHECKING:
    from vppsh.tui.app import Monitor
    from vppsh.tui.screens.view import View

_NAMES = {"slash": "/", "question_mark": "?", "right_square_bracket": "]", "left_square_bracket": "[", "ctrl+c": "Ctrl-C"}


def keys_of(*nodes: DOMNode) -> Iterator[tuple[str, str]]:
    """The keys that widgets bind, and what they do; each key once, the innermost first."""
    seen: set[str] = set()
    for node in nodes:
        for key, binding in node._bindings:  # the public ways give only those of the widget that has the focus
            if key not in seen:
                seen.add(key)
                yield _NAMES.get(key, key), binding.description


class HelpScreen(ModalScreen[None]):
    """A page over the view."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,question_mark", "dismiss", "Close")]
    DEFAULT_CSS = """
    HelpScreen { align: center middle; }
    HelpScreen > VerticalScroll { width: 90%; max-width: 130; height: 90%; border: round $primary; padding: 0 1; background: $surface; }
    """

    def __init__(self, view: View, monitor: Monitor) -> None:
        super().__init__()
        self._view, self._monitor = view, monitor

    def compose(self) -> ComposeResult:
        """The page."""
        view = self._view
        keys = "\n".join(f"  {key:<10} {text}" for key, text in keys_of(*view.keyed, self._monitor) if text)
        asked = "\n".join(f"  {question.line}" for question in view.questions) or "  nothing by itself"
        more = f"\n\n{self._monitor.help_text}" if self._monitor.help_text else ""
        with VerticalScroll():
            yield Static(
                Content(f"{view.title}\n\n{view.help_text}{more}\n\nKeys\n{keys}\n\nAsked while this is seen\n{asked}"), markup=False
            )
