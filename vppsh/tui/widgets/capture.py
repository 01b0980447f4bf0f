"""What to capture, and the lines that will be sent for it, before anything is sent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.suggester import SuggestFromList
from textual.widgets import Button, Input, Label, Static

from vppsh.errors import UsageError
from vppsh.targets.tracing import LONGEST, MOST, TracePlan


class InputNodes(Input):
    """Input nodes; up and down bring those that the target has."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("up", "choose(-1)", "Node before"), Binding("down", "choose(1)", "Next node")]

    def __init__(self, value: str, choices: Sequence[str]) -> None:
        super().__init__(value, id="inputs", placeholder="the node where packets come in, such as dpdk-input", select_on_focus=False,
                         suggester=SuggestFromList(choices))  # fmt: skip
        self._choices = list(choices)

    def action_choose(self, by: int) -> None:
        """Another one."""
        if self._choices:
            at = self._choices.index(self.value) if self.value in self._choices else -1 if by > 0 else 0
            self.value = self._choices[(at + by) % len(self._choices)]
            self.cursor_position = len(self.value)


class CaptureScreen(ModalScreen[TracePlan | None]):
    """Asks what to capture; gives None when it is left."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Cancel")]
    DEFAULT_CSS = """
    CaptureScreen { align: center middle; }
    CaptureScreen > VerticalScroll { width: 92%; max-width: 110; height: auto; max-height: 96%; }
    CaptureScreen > VerticalScroll { border: round $primary; padding: 0 1; background: $surface; }
    CaptureScreen Horizontal { height: 1; }
    CaptureScreen Horizontal > Label { width: 20; }
    CaptureScreen Horizontal > Input { width: 1fr; border: none; height: 1; padding: 0; background: $panel; }
    CaptureScreen Horizontal > Input:focus { border: none; }
    CaptureScreen #lines { height: auto; margin: 1 0 0 0; }
    CaptureScreen #lines.wrong { color: $text-error; }
    CaptureScreen Button { border: none; height: 1; min-width: 30; margin: 1 0 0 0; }
    """

    def __init__(self, plan: TracePlan, choices: Sequence[str], where: str) -> None:
        super().__init__()
        self._plan, self._choices, self._where = plan, choices, where
        self._inputs = InputNodes(" ".join(plan.inputs), choices)
        self._count = Input(str(plan.count), id="count", select_on_focus=False)
        self._expression = Input(
            plan.expression, id="expression", placeholder="all; else as tcpdump: udp and dst port 53", select_on_focus=False
        )
        self._visits = Input(
            plan.visits, id="visits", placeholder="all; else a node that they come by, such as error-drop", select_on_focus=False
        )
        self._seconds = Input(f"{plan.seconds:g}", id="seconds", select_on_focus=False)
        self._lines = Static(id="lines", markup=False)

    def compose(self) -> ComposeResult:
        """Fields, and the lines."""
        with VerticalScroll(can_focus=False):
            yield Label(f"Capture packets on {self._where}", markup=False)
            for label, field in (
                ("Input nodes", self._inputs),
                ("Packets of each", self._count),
                ("Only packets", self._expression),
                ("Only those by node", self._visits),
                ("Seconds at most", self._seconds),
            ):
                yield Horizontal(Label(label), field)
            yield self._lines
            yield Button("Enter: send these lines", variant="primary", compact=True)

    def on_mount(self) -> None:
        """Say what would be sent."""
        self._tell()
        self._inputs.focus()

    def plan(self) -> TracePlan:
        """What the fields say; raises UsageError."""
        count, seconds = self._count.value.strip(), self._seconds.value.strip()
        if not (count.isascii() and count.isdigit()):
            raise UsageError(f"`{count}' packets: expected 1 to {MOST}")
        try:
            duration = float(seconds)
        except ValueError:
            raise UsageError(f"`{seconds}' seconds: expected more than 0, at most {LONGEST:g}") from None
        names = tuple(self._inputs.value.replace(",", " ").split())
        plan = TracePlan(names, int(count), self._expression.value.strip(), self._visits.value.strip(), duration)
        plan.check()
        return plan

    @on(Input.Changed)
    def _tell(self) -> None:
        """The lines, or what is wrong."""
        try:
            plan = self.plan()
        except UsageError as error:
            self._lines.set_class(True, "wrong")
            self._lines.update(Content(str(error)))
            return
        self._lines.set_class(False, "wrong")
        lines = ["These lines will be sent:", *(f"  {line}" for line in plan.begin)]
        lines += ["now and then, and at the end:", f"  {plan.show}"]
        lines += ["and then, to take back what was set:", *(f"  {line}" for line in plan.end("the function in use before"))]
        if plan.visits:
            lines += [f"up to {plan.looked_at} packets are traced for {plan.count} that come by {plan.visits}"]
        self._lines.update(Content("\n".join(lines)))

    @on(Input.Submitted)
    @on(Button.Pressed)
    def _begin(self) -> None:
        try:
            self.dismiss(self.plan())
        except UsageError:
            self._tell()
