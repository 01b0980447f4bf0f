"""A VPP on this host whose counters are read from its stats segment, and everything else from its CLI.

`show errors` is not mp-safe: VPP's workers stand still while it is answered. The same counters lie in the stats segment, as do those
of `show interface`, and whoever reads them there does not hold VPP up. They come as text in the form of VPP's own answer, so that who
asks, reads and records answers need not know. What the segment does not have is asked for:

- what a counter is called and how severe it is: `show errors verbose`, once, and again when a counter moves for the first time;
- the names, states and MTUs of interfaces: `show interface`, every few seconds and when interfaces come or go.

`show runtime` goes to the CLI: unless VPP is told otherwise, the counters of nodes are not in the segment, and where they are, VPP
writes them there every ten seconds only, and the nodes' states not at all.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from vppsh.answers.errors import ErrorCounter, read_errors, read_errors_by_index
from vppsh.answers.interfaces import Interface, read_interfaces
from vppsh.engine.interface_format import COUNTERS_COLUMN, centered, format_interface_header
from vppsh.targets.base import Answer
from vppsh.targets.cli_socket import SocketTarget
from vppsh.targets.stats_segment import NotThereError, Numbers, Snapshot, StatsError, StatsSegment, beside, connect

SOURCE = "stats segment"
ERRORS, INTERFACES, DESCRIPTIONS = "show errors", "show interface", "show errors verbose"
# VPP's names of the counters of interfaces, in the order of its answer (vnet/interface.h).
PAIRS = ("rx", "rx-unicast", "rx-multicast", "rx-broadcast", "tx", "tx-unicast", "tx-multicast", "tx-broadcast")
SINGLES = ("drops", "punt", "ip4", "ip6", "rx-no-buf", "rx-miss", "rx-error", "tx-error", "mpls")
COUNTERS = (*(f"{name} {unit}" for name in PAIRS for unit in ("packets", "bytes")), *SINGLES)
# Seconds until names of counters are asked for again, until interfaces are, and until a segment that is gone is looked for.
NAMING = 5.0
LISTING = 5.0
SEEKING = 10.0


@dataclass(frozen=True)
class _Described:
    """What VPP told of an error counter.

    path     its name in the segment
    words    VPP's words for it; none when it stood still since it was cleared
    cleared  what the segment had when it was last cleared
    """

    path: str
    words: ErrorCounter | None
    cleared: int


@dataclass(frozen=True)
class _Listed:
    """The interfaces as VPP last listed them, and the names that the segment had then."""

    interfaces: tuple[Interface, ...]
    names: list[str]
    until: float


class CounterTarget:
    """A VPP behind its CLI socket, together with its stats segment.

    While the segment cannot be read, the CLI answers everything, and a notice says so.
    """

    cluster = False

    def __init__(self, cli: SocketTarget, path: str = "", clock: Callable[[], float] = time.monotonic) -> None:
        """`path` is the stats socket when it is not where VPP has it by default. The first line connects."""
        self.name, self.where = cli.name, cli.where
        self._cli, self._path, self._clock = cli, path, clock
        self._segment: StatsSegment | None = None
        self._seek_at = 0.0
        # What is wrong with the segment, and the line that it was needed for.
        self._fault = self._fault_line = ""
        self._notice = ""
        # Lines that cannot be answered from this segment.
        self._missing: set[str] = set()
        self._forget()

    def connect(self) -> None:
        """Connect to the CLI, and to the segment; raises TargetError, also for a segment that was given by name."""
        self._cli.connect()
        if self._path:
            self._open()
        else:
            self._notice += self._seek("")

    def spared(self, line: str) -> bool:
        """Whether a line is answered without VPP being asked."""
        return self._segment is not None and line == ERRORS and line not in self._missing

    def execute(self, line: str, timeout: float | None = None) -> Answer:
        """Answer a line; see `Target`."""
        if line not in (ERRORS, INTERFACES):
            return self.tell(line, timeout)
        notice, self._notice = self._notice + self._cli.check() + self._seek(line), ""
        answer: Answer | None = None
        if self._segment is not None and line not in self._missing:
            try:
                answer = self._errors(self._segment, timeout) if line == ERRORS else self._interfaces(self._segment, timeout)
                notice += self._regain(line)
            except NotThereError as error:
                self._missing.add(line)
                notice += f"{self.name}: {error}; the CLI is asked instead\n"
            except StatsError as error:
                notice += self._lose(str(error), line)
        answer = self._cli.execute(line, timeout) if answer is None else answer
        return replace(answer, aside=notice + answer.aside)

    def tell(self, line: str, timeout: float | None = None) -> Answer:
        """Answer a line by the CLI, whatever the segment has."""
        if line.split()[:1] != ["show"]:
            self._forget()  # it may have cleared counters, or changed interfaces
        return self._cli.execute(line, timeout)

    def interrupt(self) -> None:
        """See `Target`."""
        self._cli.interrupt()

    def close(self) -> None:
        """See `Target`."""
        self._drop()
        self._cli.close()

    def _seek(self, line: str) -> str:
        """Have the segment of the VPP that runs now; what is to be said about that."""
        if self._segment is not None and self._segment.process != self._cli.process:
            self._drop()  # VPP was restarted, and what is left of its segment stands still
            self._seek_at = 0.0
        if self._segment is None and self._clock() >= self._seek_at:
            self._seek_at = self._clock() + SEEKING
            try:
                self._open()
            except StatsError as error:
                return self._lose(str(error), line)
        return ""

    def _open(self) -> None:
        """Connect to the segment if there is one; raises StatsError."""
        path = self._path or (beside(self.where, self._cli.process) if self._cli.process else "")
        if not path:
            return
        segment = connect(path)
        if segment.process != self._cli.process:
            segment.close()
            raise StatsError(f"{path}: the stats segment of another process ({segment.process}, not {self._cli.process})")
        self._segment, self._missing = segment, set()
        self._forget()

    def _lose(self, fault: str, line: str) -> str:
        """The segment cannot be read: ask the CLI, and look for it again later; said once."""
        self._drop()
        said = self._fault == fault
        self._fault, self._fault_line = fault, line
        return "" if said else f"{self.name}: {fault}; the CLI is asked instead\n"

    def _regain(self, line: str) -> str:
        """A line was answered from the segment; said when it could not be before."""
        if not self._fault or self._fault_line not in (line, ""):
            return ""
        self._fault = ""
        return f"{self.name}: counters are read from the stats segment again\n"

    def _drop(self) -> None:
        if self._segment is not None:
            self._segment.close()
            self._segment = None
        self._forget()

    def _forget(self) -> None:
        """Ask anew for what the segment does not have."""
        self._described: dict[int, _Described] = {}
        self._name_at = 0.0
        self._paths: tuple[int, dict[int, str]] = (-1, {})
        self._listed: _Listed | None = None
        self._names: tuple[int, list[str]] = (-1, [])

    def _errors(self, segment: StatsSegment, timeout: float | None) -> Answer:
        """The answer to `show errors`."""
        counts, paths = segment.read(self._error_counts)
        if self._clock() >= self._name_at and any(self._unknown(index, counts, paths) for index in np.flatnonzero(counts).tolist()):
            answer = self._cli.execute(DESCRIPTIONS, timeout)
            before, (counts, paths) = counts, segment.read(self._error_counts)
            told = read_errors_by_index(answer.text)
            if answer.failed or (not told and read_errors(answer.text).counters):
                raise NotThereError(f"{self.where}: VPP does not tell the indices of its error counters")
            self._describe(told, paths, before, counts)
            self._name_at = self._clock() + NAMING
        lines = [_error_line("Count", "Node", "Reason", "Severity")]
        for index in np.flatnonzero(counts).tolist():
            # A counter that moves since a moment ago is left out until it was asked what it is called.
            if not self._unknown(index, counts, paths):
                known, count = self._described[index], int(counts[index])
                count -= known.cleared if count >= known.cleared else 0
                if count and known.words is not None:
                    lines.append(_error_line(f"{count:>10}", known.words.node, known.words.reason, known.words.severity))
        return Answer("".join(f"{line}\n" for line in lines), source=SOURCE)

    def _error_counts(self, seen: Snapshot) -> tuple[Numbers, dict[int, str]]:
        """The counters by VPP's index, and the names that they have in the segment."""
        if self._paths[0] != seen.epoch:
            self._paths = seen.epoch, seen.parts("/node/errors")
        return seen.simple("/node/errors"), self._paths[1]

    def _unknown(self, index: int, counts: Numbers, paths: dict[int, str]) -> bool:
        """Whether VPP has to be asked what a counter is; an index can be given to another node's counter."""
        known = self._described.get(index)
        if known is None or known.path != paths.get(index, ""):
            return True
        return known.words is None and int(counts[index]) != known.cleared

    def _describe(self, told: dict[int, ErrorCounter], paths: dict[int, str], before: Numbers, after: Numbers) -> None:
        """Take what VPP told of counters that are not known yet, asked between two readings of the segment.

        The segment has what was ever counted, the CLI what was counted since `clear errors`.
        """
        for index in np.flatnonzero(after).tolist():
            if self._unknown(index, after, paths):
                words, path = told.get(index), paths.get(index, "")
                shown = words.count if words is not None else 0
                least = (int(before[index]) if index < len(before) else 0) - shown
                never = words is not None and least <= 0 <= int(after[index]) - shown
                self._described[index] = _Described(path, words, 0 if never else max(least, 0))

    def _interfaces(self, segment: StatsSegment, timeout: float | None) -> Answer:
        """The answer to `show interface`."""
        counts, names = segment.read(self._interface_counts)
        if self._listed is None or self._listed.names != names or self._clock() >= self._listed.until:
            answer = self._cli.execute(INTERFACES, timeout)
            read = read_interfaces(answer.text)
            understood = not answer.failed and not read.odd
            self._listed = _Listed(read.interfaces, names, self._clock() + LISTING) if understood else None
            return answer
        lines = [format_interface_header()]
        for each in self._listed.interfaces:
            line = f"{each.name:<32}{centered(str(each.index), 5)}{centered(each.state, 10)}{centered(each.mtu, 21)}"
            found = _not_zero(counts[each.index]) if each.index < len(counts) else []
            lines.append(line + ("\n" + " " * COUNTERS_COLUMN).join(f"{name:<16}{count:>16}" for name, count in found))
        return Answer("".join(f"{line}\n" for line in lines), source=SOURCE)

    def _interface_counts(self, seen: Snapshot) -> tuple[list[list[int]], list[str]]:
        """Counters by VPP's index of the interface and in the order of COUNTERS, and the names of the interfaces."""
        if self._names[0] != seen.epoch:
            self._names = seen.epoch, seen.names("/if/names")
        table = np.zeros((len(self._names[1]), len(COUNTERS)), np.uint64)
        for at, name in enumerate(PAIRS):
            if f"/if/{name}" in seen:
                counted = seen.combined(f"/if/{name}")[: len(table)]
                table[: len(counted), 2 * at : 2 * at + 2] = counted
        for at, name in enumerate(SINGLES, 2 * len(PAIRS)):
            if f"/if/{name}" in seen:
                counts = seen.simple(f"/if/{name}")[: len(table)]
                table[: len(counts), at] = counts
        return table.tolist(), self._names[1]


def _error_line(count: str, node: str, reason: str, severity: str) -> str:
    """A line of `show errors`."""
    return f"{centered(count, 10)}{centered(node, 35)}{centered(reason, 35)}{centered(severity, 10)}"


def _not_zero(counts: list[int]) -> list[tuple[str, int]]:
    """The counters that VPP shows of an interface: those that are not zero, and bytes wherever there are packets."""
    last_pair = 2 * len(PAIRS)
    shown = (counts[at & ~1] if at < last_pair else count for at, count in enumerate(counts))
    return [(name, count) for name, count, there in zip(COUNTERS, counts, shown) if there]


class Typed:
    """The same VPP for who types lines: VPP itself answers all of them."""

    cluster = False

    def __init__(self, target: CounterTarget) -> None:
        self.name, self.where = target.name, target.where
        self._target = target

    def execute(self, line: str, timeout: float | None = None) -> Answer:
        """See `Target`."""
        return self._target.tell(line, timeout)

    def interrupt(self) -> None:
        """See `Target`."""
        self._target.interrupt()

    def close(self) -> None:
        """See `Target`."""
        self._target.close()
