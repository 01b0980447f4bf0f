"""Traces captured on a running VPP, as a transaction: told before, bounded, and taken back whatever happens (vlib/trace.c).

`trace filter none` at the end is what stops VPP: with the filter it takes away what is left of every count, so that no
packet is traced for nobody. What was traced stays in the buffer, where `show trace` finds it.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from vppsh.errors import CommandError, TargetError, UsageError
from vppsh.targets.base import Answer

Execute = Callable[[str], Answer]

COUNT, MOST = 50, 10_000
SECONDS, LONGEST = 30.0, 600.0
# Where only packets that come by a node are kept: so many are traced for each of them, and never more than the second number.
LOOKED_AT, MOST_LOOKED_AT = 200, 100_000
BPF = "bpf_trace_filter"
NO_FILTER = "bpf trace filter is not set"
SHOW_FILTER, SHOW_FUNCTION = "show bpf trace filter", "show trace filter function"
# `show trace` stops VPP's workers while it prints, so pauses before it grow (seconds).
FIRST_LOOK, GROWTH = 1.0, 2.0
# Seconds before each attempt to undo something: a connection that was lost may be back.
PATIENCE = (0.0, 0.3, 1.0)
_IN_USE = re.compile(r"^\(\*\) name:(\S+)", re.MULTILINE)
_PACKET = re.compile(r"^Packet \d", re.MULTILINE)
_NODE = re.compile(r"[A-Za-z0-9_][\w./:-]*", re.ASCII)
_UNWRITABLE = re.compile(r"[{}\x00-\x1f\x7f]")


def function_in_use(text: str) -> str:
    """Which function chooses packets, from the answer to `show trace filter function` (or `pcap`); empty when this VPP has none."""
    found = _IN_USE.search(text)
    return found[1] if found is not None else ""


@dataclass(frozen=True)
class TracePlan:
    """What to capture; `checked` before use.

    inputs      nodes of the graph where packets come in
    count       packets at most, of each input node and thread
    expression  which packets, in pcap-filter(7)'s language; empty for all
    visits      keep only packets that come by this node; empty for all
    seconds     the capture's end, if not so many packets come
    """

    inputs: tuple[str, ...]
    count: int = COUNT
    expression: str = ""
    visits: str = ""
    seconds: float = SECONDS

    def check(self) -> None:
        """Raise UsageError for what VPP would misunderstand, or what is too much for a live one."""
        if not self.inputs:
            raise UsageError("which input node? Packets are traced from where they come in")
        for name in (*self.inputs, *((self.visits,) if self.visits else ())):
            if _NODE.fullmatch(name) is None:
                raise UsageError(f"`{name}' is no name of a node")
        if not 1 <= self.count <= MOST:
            raise UsageError(f"{self.count} packets: expected 1 to {MOST}")
        if not 0 < self.seconds <= LONGEST:
            raise UsageError(f"{self.seconds:g} seconds: expected more than 0, at most {LONGEST:g}")
        if _UNWRITABLE.search(self.expression):
            raise UsageError("an expression has no braces and no control characters")

    @property
    def looked_at(self) -> int:
        """How many packets of each input node are traced, kept or not."""
        return min(self.count * LOOKED_AT, MOST_LOOKED_AT) if self.visits else self.count

    @property
    def begin(self) -> tuple[str, ...]:
        """The lines that begin it, in order."""
        lines = [f"set bpf trace filter {{{{{self.expression}}}}}", f"set trace filter function {BPF}"] if self.expression else []
        keep = f"include {self.visits} {self.count}" if self.visits else "none"
        word = " filter" if self.expression else ""
        return (*lines, "clear trace", f"trace filter {keep}", *(f"trace add {name} {self.looked_at}{word}" for name in self.inputs))

    @property
    def show(self) -> str:
        """The line that shows what was captured."""
        return f"show trace max {self.count * len(self.inputs)}"

    def end(self, function: str) -> tuple[str, ...]:
        """The lines that take back what was set, in order; `function` chose packets before."""
        if not self.expression:
            return ("trace filter none",)
        # Counts of none without the word `filter' switch the filter function off.
        off = (f"trace add {name} 0" for name in self.inputs)
        return ("trace filter none", *off, f"set trace filter function {function}", "set bpf trace filter del")


class Lock(Protocol):
    """What keeps those who share a target from capturing at the same time."""

    def take(self, operation: str, *, filtered: bool) -> None:
        """Have it; raises CommandError when somebody else has it."""
        ...

    def release(self) -> None:
        """Give it back, if it was taken; raises TargetError when the target cannot be reached."""
        ...


class TraceCapture:
    """One capture on one target.

    execute  asks the target a line; raises TargetError when it cannot be reached
    lock     is held as long as something is set on the target
    """

    def __init__(self, execute: Execute, plan: TracePlan, lock: Lock | None = None) -> None:
        plan.check()
        self._execute, self._lock = execute, lock
        self.plan = plan
        self._undo: list[tuple[str, Callable[[], object]]] = []

    @property
    def left(self) -> list[str]:
        """What takes back that which is still set, lines mostly; empty when all is as it was."""
        return [name for name, _ in self._undo]

    def begin(self) -> None:
        """Let VPP trace. Raises CommandError when it refuses, or when somebody else captures or has set a filter."""
        if self._lock is not None:
            self._undo = [("the lock is released", self._lock.release)]
            self._lock.take("trace", filtered=bool(self.plan.expression))
        function = self._function() if self.plan.expression else ""
        # Noted before it is done: nobody knows whether a line whose answer was lost was executed.
        self._undo = [(line, partial(self._execute, line)) for line in self.plan.end(function)] + self._undo
        for line in self.plan.begin:
            self._demand(line)

    def _function(self) -> str:
        """The filter function in use; raises CommandError when this VPP has none, or when a filter of somebody else's is set."""
        functions = self._demand(SHOW_FUNCTION)
        in_use = function_in_use(functions)
        if not in_use or BPF not in functions:
            raise CommandError("this VPP cannot filter by an expression: it has no bpf_trace_filter plugin")
        if NO_FILTER not in self._demand(SHOW_FILTER):
            raise CommandError("a BPF filter is set on this VPP, and not by us: `set bpf trace filter del' removes it")
        return in_use

    def read(self) -> str:
        """The text of what was captured by now."""
        return self._demand(self.plan.show)

    def enough(self, text: str) -> bool:
        """Whether a text has all packets that may come."""
        return len(_PACKET.findall(text)) >= self.plan.count * (1 if self.plan.visits else len(self.plan.inputs))

    def take_back(self) -> None:
        """Undo what was set; raises TargetError when the target does not answer, and may be called again then."""
        while self._undo:
            self._undo[0][1]()  # that VPP refuses a line is well: it has nothing to undo then
            del self._undo[0]

    def run(self, stop: threading.Event, told: Callable[[str], None], first_look: float = FIRST_LOOK) -> None:
        """Begin, tell the text now and then, end when there is enough, when the time is over or when told to, and take back.

        Raises CommandError and TargetError; `left` tells whether something could not be taken back.
        """
        ends = time.monotonic() + self.plan.seconds
        try:
            self.begin()
            pause = first_look
            while True:
                ended = stop.wait(max(min(pause, ends - time.monotonic()), 0.0)) or time.monotonic() >= ends
                text = self.read()
                told(text)
                if ended or self.enough(text):
                    return
                pause *= GROWTH
        finally:
            self._take_back_patiently()

    def _take_back_patiently(self) -> None:
        for pause in PATIENCE:
            time.sleep(pause)
            try:
                self.take_back()
            except TargetError:
                continue
            return

    def _demand(self, line: str) -> str:
        answer = self._execute(line)
        if answer.failed:
            raise CommandError(f"{line}: {answer.text.strip()}")
        return answer.text
