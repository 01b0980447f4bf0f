"""Console: lines are typed, completed, executed and answered as at the prompt, while the monitor goes on."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, Static

from vppsh.errors import VppshError
from vppsh.grammar.scripts import open_braces
from vppsh.prompt.typed import lines_of
from vppsh.tui.console import Choice, Completed, Hints, LineMemory, Lines, Said, console_terminal
from vppsh.tui.numbers import duration
from vppsh.tui.questions import VERSION, Question
from vppsh.tui.screens.view import View
from vppsh.tui.widgets.choices import Choices
from vppsh.tui.widgets.confirm import ConfirmScreen
from vppsh.tui.widgets.line_input import LineInput
from vppsh.tui.widgets.transcript import Part, Transcript

if TYPE_CHECKING:
    from vppsh.shell import Shell

CONTINUED = "..> "
IDLE = "Tab completes, ? tells what may follow, Escape: the keys of the monitor"
RECORDED = "a recording answers no lines"


class ConsoleView(View):
    """The last tab."""

    name_: ClassVar[str] = "Console"
    position: ClassVar[int] = 80
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "complete(1)", "Complete"),
        Binding("shift+tab", "complete(-1)", "The choice before", show=False),
        Binding("up", "step(-1)", "Line before, or scroll", show=False),
        Binding("down", "step(1)", "Line after, or scroll", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("home,ctrl+home", "ends(0)", "First line", show=False),
        Binding("end,ctrl+end", "ends(1)", "Last line", show=False),
        Binding("ctrl+l", "clear", "Clear the screen", show=False),
        Binding("enter,i", "type", "Type a line"),
        Binding("escape", "back", "Keys"),
    ]
    DEFAULT_CSS = """
    ConsoleView > Horizontal { height: 1; }
    ConsoleView > Horizontal > Static { width: auto; text-style: bold; color: $primary; }
    ConsoleView > Horizontal > LineInput { width: 1fr; }
    ConsoleView > Static { height: 1; color: $text-muted; text-wrap: nowrap; text-overflow: ellipsis; }
    """

    class Asked(Message):
        """The shell wants to know something before it goes on."""

        def __init__(self, question: str, answer: Future[bool]) -> None:
            super().__init__()
            self.question, self.answer = question, answer

    def __init__(self) -> None:
        super().__init__(id="console")
        self._terminal = console_terminal()
        self._history = LineMemory(self._terminal)
        self.transcript = Transcript()
        self.choices = Choices()
        self.field = LineInput(self._history.suggest, self._keys())
        self._before, self._hint = Static(markup=False), Static(markup=False)
        self._open: list[str] = []
        self._waiting: deque[str] = deque()
        self._job: Future[Said] | None = None
        self._begun = 0.0
        self._question: Future[bool] | None = None
        self._lines: tuple[Shell, Lines] | None = None
        self._at_work: Lines | None = None
        self._hinting = False
        self._waits_for = self._offered_for = ""
        self._last = ""

    def _keys(self) -> dict[str, Callable[[], None]]:
        """What keys do while a line is typed."""
        return {
            "?": self._help,
            "enter": self._entered,
            "ctrl+c": self._cancelled,
            "escape": self.action_back,
            "tab": partial(self.action_complete, 1),
            "shift+tab": partial(self.action_complete, -1),
            "up": partial(self.action_step, -1),
            "down": partial(self.action_step, 1),
            "pageup": partial(self.action_page, -1),
            "pagedown": partial(self.action_page, 1),
            "ctrl+home": partial(self.action_ends, 0),
            "ctrl+end": partial(self.action_ends, 1),
            "ctrl+l": self.action_clear,
        }

    @property
    def questions(self) -> tuple[Question, ...]:
        """Nothing beside the version: what is asked is typed."""
        return (VERSION,)

    @property
    def help_text(self) -> str:
        """What can be typed, and where it goes."""
        return (
            "Lines are those of the vppsh prompt: VPP's own, pipes, @TARGETS and %commands; answers scroll above. "
            "While a line is executed no samples are taken.\n"
            "While a line is typed all letters belong to it: Tab completes, `?' tells what may follow, Up and Down go through the "
            "history that the prompt has as well, Right takes the grey suggestion. Escape leaves the line for the keys of the "
            "monitor, Enter comes back to it. Ctrl-C ends the line that is executed, or forgets the one that is typed.\n"
            "On any tab, `o' brings the line behind it here."
        )

    @property
    def working(self) -> bool:
        """Whether a line is being executed."""
        return self._job is not None

    def compose(self) -> ComposeResult:
        """Answers, choices, the line, and what it waits for."""
        yield self.transcript
        yield self.choices
        with Horizontal():
            yield self._before
            yield self.field
        yield self._hint

    def on_mount(self) -> None:
        """Read the history."""
        self._history.load()
        self.set_interval(0.5, self._show_hint)

    def on_unmount(self) -> None:
        """Nobody is there any more to wait for an answer."""
        self._waiting.clear()
        self._resolve(False)
        if self._at_work is not None:
            self._at_work.interrupt()

    def show(self) -> None:
        """The prompt may have changed."""
        lines = self._shell_lines()
        self._before.update(Content(CONTINUED if self._open else lines.prompt if lines else "# "))
        self._show_hint()

    def switched(self) -> None:
        """Lines that wait were meant for the target before."""
        self._waiting.clear()
        self._open.clear()
        self.choices.offer(())

    def take_focus(self) -> None:
        """Keys go to the line."""
        self.field.focus()

    def drill(self, key: Hashable) -> None:
        """Lines that another tab has, one of them ready to be executed."""
        if isinstance(key, tuple) and key:
            self._put(key[0])
            self._offer([Choice(line, 0) for line in key] if len(key) > 1 else ())

    def _shell_lines(self) -> Lines | None:
        """The shell of what is watched now; None for a recording."""
        watched = self.monitor.watched
        if watched.shell is None:
            return None
        if self._lines is None or self._lines[0] is not watched.shell:
            told = watched.told
            lines = Lines(
                watched.shell, watched.background, self._terminal, self._confirm, lambda: "".join(told.popleft() for _ in range(len(told)))
            )
            self._lines = watched.shell, lines
        return self._lines[1]

    # Lines that are executed

    def _entered(self) -> None:
        """Take the choice, or execute the line unless its braces are open."""
        if self.choices.choice is not None:
            self._take()
            return
        self._open.append(self.field.value)
        text = "\n".join(self._open)
        self._put("")
        self._history.rewind()
        if open_braces(text) <= 0:
            self._open.clear()
            self._enter(text)
        self.show()

    @on(LineInput.Pasted)
    def _pasted(self, event: LineInput.Pasted) -> None:
        """All of it is executed, but for a last line that is not ended."""
        event.stop()
        text, _, rest = event.text.replace("\r\n", "\n").replace("\r", "\n").rpartition("\n")
        self._enter(self.field.value[: self.field.cursor_position] + text)
        self._put(rest)

    def _enter(self, text: str) -> None:
        self._history.add(text)
        self._waiting.extend(lines_of(text))
        if self._job is None:
            self.run_worker(self._work(), name="lines", exit_on_error=True)

    async def _work(self) -> None:
        """Execute what was entered, line by line."""
        while self._waiting:
            line = self._waiting.popleft()
            lines = self._shell_lines()
            self.transcript.to_end()
            self.transcript.add([(lines.prompt if lines else "# ") + (lines.shown(line) if lines else line)], Part.TYPED)
            if lines is None:
                self.transcript.add([RECORDED], Part.ERROR)
            elif line.strip():
                self._last = line
                await self._execute(lines, line)
        self.show()

    async def _execute(self, lines: Lines, line: str) -> None:
        job = self._job = self.monitor.feed.call(lambda: lines.execute(line))
        self._at_work, self._begun = lines, monotonic()
        self._terminal.width, self._terminal.height = self.transcript.size
        try:
            said = await asyncio.wrap_future(job)
        except asyncio.CancelledError:
            if not job.cancelled():  # it is not the line that ends, but the monitor
                raise
            said = Said(["interrupted"], failed=True)
        except VppshError as error:
            said = Said([str(error)], failed=True)
        finally:
            self._job = self._at_work = None
        if said.omitted:
            self.transcript.add([f"... {said.omitted} lines came before these"], Part.NOTE)
        self.transcript.know(said.names)
        self.transcript.add(said.lines, Part.ANSWER, Part.ERROR if said.failed else None)
        if said.leaving:
            self._waiting.clear()
            self.monitor.exit()

    def _cancelled(self) -> None:
        """End what is executed, or forget what is typed."""
        job = self._job
        if job is not None:
            self._waiting.clear()
            if not job.cancel() and self._at_work is not None:
                self._at_work.interrupt()
        elif self.field.value or self._open:
            self._open.clear()
            self._put("")
            self._history.rewind()
            self.show()
        else:
            self.monitor.flash("nothing is executed; Escape, then q leaves the monitor")

    def _confirm(self, question: str) -> bool:
        """Ask the user; called in the target's thread, which waits."""
        answer: Future[bool] = Future()
        self._question = answer
        self.post_message(self.Asked(question, answer))
        return answer.result()

    def on_console_view_asked(self, event: ConsoleView.Asked) -> None:
        """Show the question."""
        event.stop()
        self.app.push_screen(ConfirmScreen(event.question.replace("[y/N]", "").strip()), lambda agreed: self._resolve(bool(agreed)))

    def _resolve(self, agreed: bool) -> None:
        answer, self._question = self._question, None
        if answer is not None and not answer.done():
            answer.set_result(agreed)

    # The line that is typed

    def _put(self, text: str) -> None:
        self.field.value = text
        self.field.cursor_position = len(text)

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        if event.value != self._offered_for:
            self._offer(())
        if not self._hinting and self._shell_lines() is not None:
            self._hinting = True
            self.run_worker(self._learn(), name="hints", exit_on_error=True)

    async def _learn(self) -> None:
        """What is known of the line, until all of it is."""
        try:
            hints = Hints()
            while hints.text != self.field.value:
                text, lines = self.field.value, self._shell_lines()
                if lines is None:
                    break
                hints = await asyncio.wrap_future(self.monitor.feed.call(partial(lines.hints, text)))
                self.field.know(hints)
            self._waits_for = hints.expected
            self._show_hint()
        finally:
            self._hinting = False

    def _show_hint(self) -> None:
        if self._job is not None:
            text = f"at work for {duration(monotonic() - self._begun)}; Ctrl-C ends it"
        elif self._open:
            text = "braces are open; Ctrl-C forgets the line"
        elif not self.field.has_focus:
            text = "Enter: type a line"
        else:
            text = self._waits_for if self.field.value else IDLE
        self._hint.update(Content(text))

    def action_complete(self, by: int) -> None:
        """Type what is certain, or go through the choices."""
        lines = self._shell_lines()
        if not self.field.has_focus:
            self.field.focus()
        elif self.choices.choices:
            self.choices.move(by)
        elif lines is not None:
            text = self.field.value[: self.field.cursor_position]
            self.field.hold()
            self.run_worker(self._complete(self.monitor.feed.call(lambda: lines.complete(text))), name="complete")

    async def _complete(self, asked: Future[Completed]) -> None:
        """Take the completion, and then the keys that were typed since."""
        try:
            done, field = await asyncio.wrap_future(asked), self.field
            at = field.cursor_position
            if field.value[:at] == done.text:  # Ctrl-C may have taken it away
                if done.typed:
                    rest = field.value[at:]
                    field.value = done.typed + (rest.lstrip() if done.typed.endswith(" ") else rest)
                    field.cursor_position = len(done.typed)
                self._offer(done.choices)
        finally:
            self.field.release()

    def _offer(self, choices: Sequence[Choice]) -> None:
        """Show what may stand in the line, until it is another one."""
        self._offered_for = self.field.value
        self.choices.offer(choices)

    @on(Choices.Taken)
    def _take(self) -> None:
        """Put the choice into the line."""
        choice, field = self.choices.choice, self.field
        if choice is not None:
            typed = field.value[: choice.start] + choice.text + ("" if choice.text.endswith("/") else " ")
            field.value, rest = typed + field.value[field.cursor_position :].lstrip(), len(typed)
            field.cursor_position = rest
            self._offer(())
            field.focus()

    def _help(self) -> None:
        """What may follow, as VPP tells it; the line stays."""
        lines, text = self._shell_lines(), self.field.value[: self.field.cursor_position]
        if lines is not None:
            self.run_worker(self._tell(lines.prompt + lines.shown(text) + "?", self.monitor.feed.call(lambda: lines.help(text))))

    async def _tell(self, title: str, asked: Future[list[str]]) -> None:
        told = await asyncio.wrap_future(asked)
        self.transcript.add([title], Part.TYPED)
        self.transcript.add(told, Part.ANSWER)

    def action_step(self, by: int) -> None:
        """Up and Down: in the choices, in the history, or in the answers."""
        if not self.field.has_focus:
            self.transcript.by_rows(by)
        elif self.choices.choices:
            self.choices.move(by)
        else:
            self._put(self._history.step(-by, self.field.value))

    # Keys of the view

    def action_page(self, pages: int) -> None:
        """Scroll the answers."""
        self.transcript.by_pages(pages)

    def action_ends(self, end: int) -> None:
        """To the first line, or to the last."""
        self.transcript.by_rows(self.transcript.virtual_size.height * (1 if end else -1))

    def action_clear(self) -> None:
        """Forget what was answered."""
        self.transcript.clear()

    def action_type(self) -> None:
        """Back to the line."""
        self.field.focus()

    def action_back(self) -> None:
        """Close the choices, or leave the line for the monitor's keys."""
        if self.choices.choices:
            self._offer(())
        elif self.field.has_focus:
            self.transcript.focus()
        else:
            self.field.focus()

    def on_descendant_focus(self) -> None:
        """The hint tells what the keys do."""
        self._show_hint()

    def lines(self) -> list[str]:
        """The line that was executed last."""
        return [self._last] if self._last else []

    def as_text(self) -> str:
        """What is kept of lines and answers."""
        return "".join(f"{line}\n" for line in self.transcript.lines)

    def as_json(self) -> str:
        """Lines with their answers."""
        return json.dumps(self.transcript.exchanges(), indent=2, ensure_ascii=False) + "\n"
