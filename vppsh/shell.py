"""Where lines are typed: what a line is, and who answers it.

    %COMMAND ...       a command of the shell's own
    @TARGETS LINE      a line for some of the targets, asked at once
    LINE               a line of VPP's for the current target

Behind the last two there may be a pipe. `vppsh.session.Session` is the shell with an engine of its own,
`vppsh.attached.Attached` the one without.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from time import monotonic

from vppsh.commands.context import ShellContext, StructuredText
from vppsh.errors import CommandError, TargetError, UsageError, VppshError
from vppsh.fanned import together
from vppsh.grammar.assist import Completion, complete, help_text, spans
from vppsh.grammar.base import Context
from vppsh.grammar.reader import Reader, Span
from vppsh.grammar.tree import CommandTree
from vppsh.pipes import FILTER_HELP, Pipeline, split_pipes
from vppsh.registry import CommandSpec
from vppsh.targets.base import INTERRUPTED, NOTHING, Answer, Target
from vppsh.targets.connection import ConnectionLostError
from vppsh.targets.fanout import Outcome, ask_all
from vppsh.targets.group import Targets
from vppsh.targets.policy import Policy
from vppsh.targets.verdict import error_at
from vppsh.targets.vocabulary import Vocabularies
from vppsh.terminal import Terminal

LOG = logging.getLogger(__name__)

MAX_NESTING = 32
MAX_LINE = 1 << 20
LEAVING = ("quit", "exit", "q")


class Shell:
    """One place where lines are typed.

    terminal  what the user sees answers on
    commands  the shell's own commands
    context   what they are given
    targets   who may answer lines of VPP's
    policy    how careful to be with targets that are not the shell's own engine
    here      the target that is the shell's own engine, if it has one
    answered_in  how many seconds the last answer of the current target took, when it is elsewhere
    accepted  the lines that the current target took without an error
    """

    here: Target | None = None

    def __init__(self, terminal: Terminal, commands: Iterable[CommandSpec], context: ShellContext, first: Target) -> None:
        self.terminal = terminal
        self.shell = CommandTree(commands, vpp_commands="")
        self.shell_context = context
        self.targets = Targets(first)
        self.policy = Policy()
        self.vocabularies = Vocabularies()
        self.history: deque[str] = deque()
        self.lines_typed = 0
        self.accepted: list[str] = []
        self.closed = False
        self.interrupted = False
        self.answered_in: float | None = None
        self._asked: tuple[Target, ...] = ()
        self._aside: list[str] = []
        self._nesting = 0

    def execute(self, line: str) -> Answer:
        """Execute one typed line; errors are part of the answer."""
        self._aside = []
        self.interrupted = False
        line = line.strip("\r\n")
        if self.terminal.interactive:
            self._remember(line)
        answer = self._answer(line)
        return replace(answer, aside="".join(self._aside)) if self._aside else answer

    def execute_nested(self, line: str) -> Answer:
        """Execute a line on behalf of one that is being executed."""
        if self.interrupted:
            return INTERRUPTED
        with self._nested():
            return self._answer(line)

    def interrupt(self) -> None:
        """Let the line that is being executed end soon (Ctrl-C): further lines of a file are not begun."""
        self.interrupted = True
        for target in self._asked:
            target.interrupt()

    def pause(self, seconds: float) -> None:
        """Let time pass."""
        raise CommandError("there is no dataplane here to let run")

    def settle(self) -> None:
        """Let end what a line began."""

    def trim_history(self) -> None:
        """Forget what the terminal's settings do not keep."""
        keep = self.terminal.history_limit if self.terminal.history else 0
        while len(self.history) > keep:
            self.history.popleft()

    def _remember(self, line: str) -> None:
        """Keep a typed line in the history, once when it is typed again and again."""
        kept = self.terminal.history and self.terminal.history_limit
        if kept and line and not line.isspace() and not (self.history and self.history[-1] == line):
            self.lines_typed += 1
            self.history.append(line)
            self.trim_history()

    @contextmanager
    def _nested(self) -> Iterator[None]:
        if self._nesting >= MAX_NESTING:
            raise CommandError(f"lines nest more than {MAX_NESTING} deep")
        self._nesting += 1
        try:
            yield
        finally:
            self._nesting -= 1

    def _answer(self, line: str) -> Answer:
        out: list[str] = []
        fault: Exception | None = None
        failed, unreachable = True, False
        try:
            failed = not self._execute(line, out)
        except VppshError as error:
            unreachable = isinstance(error, TargetError)
            out.append(f"{error}\n")
        except Exception as error:  # a fault of ours must not take the shell and its dataplane with it
            LOG.exception("a fault of vppsh; please report it with the line that met it: %.200s", self.policy.shown(line))
            out.append(f"internal error: {type(error).__name__}: {error}\n")
            fault = error
        if not failed and line.lstrip()[:1] not in ("", "%", "@"):
            self.accepted.append(line)
        if not out:
            return NOTHING
        data = tuple(text.data for text in out if isinstance(text, StructuredText))
        return Answer("".join(out), failed, data, fault=fault, unreachable=unreachable)

    def _execute(self, line: str, out: list[str]) -> bool:
        """Execute a line, adding its answers to `out`; when it fails, the last of them is the error."""
        if len(line) > MAX_LINE:
            raise CommandError(f"the line has {len(line)} characters, more than {MAX_LINE}")
        first = line.lstrip()[:1]
        if first == "%":
            return self._shell_command(line.lstrip(), out)
        if first == "@":
            return self._fan_out(line.strip(), out)
        pipeline = split_pipes(line) if "|" in line or ">" in line else Pipeline(line)
        if pipeline.comparison is not None:
            names = pipeline.comparison.arguments
            if not names.startswith("@"):
                raise UsageError("diff: compares targets: LINE | diff @NAME, or @a,b LINE | diff")
            compared = {target.name: target for target in (self.targets.current, *self.targets.select(names[1:]))}
            return self._ask_several(list(compared.values()), pipeline, out)
        if not pipeline.stages:
            return self._vpp(line, out)
        answers: list[str] = []
        succeeded = self._vpp(pipeline.line, answers)
        error = [] if succeeded else [answers.pop()]
        out.append(pipeline.apply(answers))
        out += error
        return succeeded

    def _vpp(self, line: str, out: list[str]) -> bool:
        """A line of VPP's, for the current target."""
        current = self.targets.current
        if current is self.here:
            return self.run_here(line, out)
        if line.strip() in LEAVING:
            self.closed = True
            return True
        if not line.strip():
            return True
        self.policy.check(line, current)
        self.policy.learn(line)
        self._asked = (current,)
        start = monotonic()
        try:
            answer = self.policy.masked(current.execute(line))
            self.answered_in = monotonic() - start
        except ConnectionLostError as error:
            if error.text:
                out.append(self.policy.shown(error.text))
            raise
        finally:
            self._asked = ()
        if answer.aside:
            self._aside.append(answer.aside)
        out += _parts(line, answer)
        return not answer.failed

    def run_here(self, line: str, out: list[str]) -> bool:
        """A line of VPP's, for the shell's own engine."""
        raise CommandError("there is no dataplane here")

    def _fan_out(self, line: str, out: list[str]) -> bool:
        """`@TARGETS LINE`."""
        selection, _, rest = line[1:].partition(" ")
        if not rest.strip():
            raise UsageError("@TARGETS LINE: the line is missing")
        if rest.lstrip()[:1] in "%@":
            raise UsageError(f"@{selection}: only lines of VPP's go to targets")
        if rest.strip() in LEAVING:
            raise UsageError(f"@{selection}: {rest.strip()} is for this shell; %detach forgets a target")
        return self._ask_several(self.targets.select(selection), split_pipes(rest.strip()), out)

    def _ask_several(self, targets: list[Target], pipeline: Pipeline, out: list[str]) -> bool:
        """Ask several targets at once and tell what they answered."""
        self.policy.check(pipeline.line, *(target for target in targets if target is not self.here))
        self.policy.learn(pipeline.line)
        self._asked = tuple(targets)
        try:
            outcomes = ask_all(targets, pipeline.line, self.policy.timeout, here=self.here)
        finally:
            self._asked = ()
        shown = [outcome if self._is_here(outcome) else replace(outcome, answer=self.policy.masked(outcome.answer)) for outcome in outcomes]
        self._aside += [outcome.answer.aside for outcome in shown if outcome.answer.aside]
        text = together(shown, pipeline)
        if any(outcome.answer.unreachable for outcome in shown):
            raise TargetError(text.rstrip("\n") or "some targets gave no answer")
        out.append(text)
        return not any(outcome.answer.failed for outcome in shown)

    def _is_here(self, outcome: Outcome) -> bool:
        return self.here is not None and outcome.name == self.here.name

    def _shell_command(self, line: str, out: list[str]) -> bool:
        reader = Reader(line + "\n", 1)
        node = self.shell.step(reader, self.shell.root)
        if node is None:
            raise UsageError(f"{line.split(maxsplit=1)[0]}: the shell has no such command; %help lists those it has")
        try:
            self.shell.call(node, reader, self.shell_context, out)
        except CommandError as error:
            out.append(f"%{error}\n")
            return False
        if not reader.finished():
            raise UsageError(f"%{node.path}: unexpected `{reader.quote()}'")
        return True

    def speaks(self) -> tuple[CommandTree, Context]:
        """The commands of the current target, and what exists there."""
        vocabulary = self.vocabularies.of(self.targets.current)
        return vocabulary.tree, vocabulary

    def names(self, kind: str) -> Iterable[str]:
        """The names of what the current target has of a kind."""
        return self.speaks()[1].resolver(kind).names()

    def complete(self, text: str, cursor: int) -> list[Completion]:
        """What may be typed at the cursor of a line."""
        typed = text[:cursor]
        if typed.startswith("%"):
            found = complete(self.shell, typed[1:], cursor - 1, self.shell_context)
            return [replace(completion, start=completion.start + 1) for completion in found]
        if typed.startswith("@"):
            selection, blank, line = typed.partition(" ")
            if not blank:
                return self._complete_targets(selection)
            found = self.complete(line, len(line))
            return [replace(completion, start=completion.start + len(selection) + 1) for completion in found]
        after_bar = typed.rfind(" | ")
        word = typed[after_bar + 3 :].lstrip()
        if after_bar >= 0 and split_pipes(f"{typed[:after_bar]} | count").stages and not any(blank in word for blank in " \t"):
            start = cursor - len(word)
            return [Completion(name, start, help_line, "filter") for name, help_line in FILTER_HELP.items() if name.startswith(word)]
        tree, context = self.speaks()
        return complete(tree, typed, cursor, context)

    def _complete_targets(self, typed: str) -> list[Completion]:
        """The names that may stand behind an `@` or a comma."""
        start = max(typed.rfind(","), 0) + 1
        known = [("all", "every target"), *((target.name, target.where) for target in self.targets)]
        return [Completion(name, start, where, "target") for name, where in known if name.startswith(typed[start:])]

    def help(self, text: str) -> str:
        """What `?` shows after a text."""
        if text.startswith("%"):
            return help_text(self.shell, text[1:])
        return help_text(self.speaks()[0], text.partition(" ")[2] if text.startswith("@") else text)

    def spans(self, text: str) -> list[Span]:
        """The parts of a line and what each was read as, for colouring."""
        if text.startswith("%"):
            return [Span(span.start + 1, span.end + 1, span.kind) for span in spans(self.shell, text[1:], self.shell_context)]
        skipped = text.find(" ") + 1 if text.startswith("@") else 0
        tree, context = self.speaks()
        found = spans(tree, split_pipes(text[skipped:]).line, context)
        return [Span(span.start + skipped, span.end + skipped, span.kind) for span in found]


def _parts(line: str, answer: Answer) -> list[str]:
    """What an answer says, and the error at its end if it failed."""
    at = error_at(line, answer.text) if answer.failed else None
    return [answer.text] if at is None else [answer.text[:at], answer.text[at:]]
