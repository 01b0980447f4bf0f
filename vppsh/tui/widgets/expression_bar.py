"""The filter of packets: an expression, what is wrong with it, and earlier ones."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, Static

from vppsh.tui.listing import wrong

REMEMBERED = 20


class ExpressionBar(Widget):
    """A line to type an expression into; what is wrong with it stands above.

    value    the expression; the last one that could be read, while another is typed
    history  earlier ones, the latest at the end
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("up", "recall(1)", "Filter before"), Binding("down", "recall(-1)", "Later filter")]
    DEFAULT_CSS = """
    ExpressionBar { height: auto; display: none; }
    ExpressionBar.wanted { display: block; }
    ExpressionBar > Static { height: auto; display: none; color: $text-error; }
    ExpressionBar > Static.wanted { display: block; }
    ExpressionBar > Input { height: 1; border: none; padding: 0; }
    ExpressionBar > Input:focus { border: none; }
    """

    class Changed(Message):
        """Another expression can be read."""

        def __init__(self, expression: str) -> None:
            super().__init__()
            self.expression = expression

    class Done(Message):
        """Enter."""

    def __init__(self) -> None:
        super().__init__()
        self.value = ""
        self.history: list[str] = []
        self._back = 0
        hint = "host 10.0.0.2 and port 53 and not sent; up and down: earlier ones; Escape: none"
        self._field = Input(placeholder=hint, select_on_focus=False)
        self._problem = Static(markup=False)

    def compose(self) -> ComposeResult:
        """What is wrong, and the line."""
        yield self._problem
        yield self._field

    @property
    def typing(self) -> bool:
        """Whether keys go there."""
        return self._field.has_focus

    @property
    def wanted(self) -> bool:
        """Whether it is in sight."""
        return self.has_class("wanted")

    def edit(self) -> None:
        """Let an expression be typed."""
        self._back = 0
        self.add_class("wanted")
        self._field.focus()

    def set(self, expression: str) -> None:
        """Have this expression; an empty one closes the line."""
        self._remember(expression)
        self.set_class(bool(expression), "wanted")
        self._field.value = expression

    def _remember(self, expression: str) -> None:
        if expression and expression not in self.history[-1:]:
            self.history = [*self.history, expression][-REMEMBERED:]

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        problem = wrong(event.value)
        self._problem.set_class(bool(problem), "wanted")
        self._problem.update(Content(problem))
        expression = event.value.strip()
        if not problem and expression != self.value:
            self.value = expression
            self.post_message(self.Changed(expression))

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        if not wrong(event.value):
            self._remember(self.value)
            self.set_class(bool(self.value), "wanted")
            self.post_message(self.Done())

    def action_recall(self, by: int) -> None:
        """An earlier expression, or a later one."""
        self._back = max(min(self._back + by, len(self.history)), 0)
        self._field.value = self.history[-self._back] if self._back else ""
        self._field.cursor_position = len(self._field.value)
