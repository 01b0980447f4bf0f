"""What `trace`, `pcap` and `dispatch` have in common: their arguments, and the course of a capture on several nodes."""

from __future__ import annotations

import argparse
import json
import re
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vppsh.attach import seconds
from vppsh.errors import OutputFileError
from vppsh.kube.arguments import add_nodes, add_output, count, selection_of
from vppsh.kube.captures.capture import Capture, Plan
from vppsh.kube.captures.download import download
from vppsh.kube.captures.filters import PROTOCOLS, PacketFilter
from vppsh.kube.cluster import Cluster
from vppsh.kube.parallel import Outcome, each, report, status_of
from vppsh.progress import Progress
from vppsh.targets.masking import Masker

COUNT, SECONDS = 1000, 30.0
_ODD = re.compile(r"[^A-Za-z0-9._-]")


@dataclass(frozen=True)
class Saved:
    """A file with what a node captured; None when nothing came."""

    file: Path | None
    size: int = 0


def add_capture(parser: argparse.ArgumentParser, interface: str) -> None:
    """The arguments, with calicovppctl's spelling of them."""
    parser.add_argument("-count", "--count", type=count, default=COUNT, metavar="N", help=f"packets at most (default: {COUNT})")
    parser.add_argument("-t", "-timeout", "--timeout", type=seconds, default=SECONDS, metavar="S", help=f"seconds (default: {SECONDS:g})")
    parser.add_argument("-i", "-interface", "--interface", metavar="WHAT", help=interface)
    parser.add_argument("-o", "-output", "-out", "--out", metavar="FILE", help="where to write; with several nodes their names are added")
    group = parser.add_argument_group("which packets", "answers are captured, too")
    group.add_argument("-srcip", "--srcip", default="", metavar="ADDRESS")
    group.add_argument("-dstip", "--dstip", default="", metavar="ADDRESS")
    group.add_argument("-srcport", "--srcport", type=int, metavar="PORT")
    group.add_argument("-dstport", "--dstport", type=int, metavar="PORT")
    group.add_argument("-proto", "-protocol", "--protocol", default="", metavar="|".join(PROTOCOLS))
    group.add_argument("--one-way", action="store_true", help="no answers")
    add_output(parser)
    add_nodes(parser, default="")


def expression_of(options: argparse.Namespace) -> str:
    """Which packets, as an expression; raises UsageError."""
    chosen = PacketFilter(options.srcip, options.dstip, options.srcport, options.dstport, options.protocol, options.one_way)
    return chosen.expression()


def capture(options: argparse.Namespace, cluster: Cluster, kind: type[Capture], inputs: tuple[str, ...]) -> int:
    """Capture on the nodes at once until the time is over or Ctrl-C is typed; the exit status."""
    plan = Plan(options.count, inputs, expression_of(options))
    nodes = cluster.nodes(selection_of(options))
    captures = [kind(cluster.api, node, plan) for node in nodes]
    files = {each.name: _file(options, kind, each.name, len(captures) > 1) for each in captures}
    with _ended_by_signals():
        outcomes = _course(captures, options.timeout, files)
    for outcome in outcomes:
        if options.output == "text" and outcome.value is not None:
            saved = outcome.value
            told = f"{saved.file}, {saved.size} bytes" if saved.file else "no packets came that fit"
            sys.stdout.write(f"{outcome.name}: {told}\n")
    if options.output == "json":
        sys.stdout.write(json.dumps([_value(outcome) for outcome in outcomes], indent=2) + "\n")
    report(outcomes)
    return status_of(outcomes)


def _value(outcome: Outcome[Saved]) -> dict[str, Any]:
    saved = outcome.value or Saved(None)
    file = None if saved.file is None else str(saved.file)
    return {"node": outcome.name, "file": file, "bytes": saved.size, "error": str(outcome.error or "")}


def _course(captures: Sequence[Capture], seconds: float, files: dict[str, Path]) -> list[Outcome[Saved]]:
    """Begin, wait, end, fetch, and undo whatever happened before."""
    stop = threading.Event()
    ended: list[Outcome[Saved]] = []
    try:
        begun = each(captures, Capture.begin)
        working = [capture for capture, outcome in zip(captures, begun, strict=True) if outcome.error is None]
        if working:
            _wait(seconds, working)
        results = {outcome.name: outcome for outcome in each(working, Capture.end)}
        sizes = {name: outcome.value for name, outcome in results.items() if isinstance(outcome.value, int)}
        meter = Meter(sum(sizes.values()))
        with meter:
            fetched = each(
                [capture for capture in working if results[capture.name].error is None],
                lambda capture: _save(capture, results[capture.name].value or 0, files[capture.name], meter, stop),
                stop.set,
            )
        saved = {outcome.name: outcome for outcome in fetched}
        for outcome in begun:
            result = results.get(outcome.name)
            error = outcome.error or (result.error if result else None)
            ended.append(Outcome(outcome.name, error=error) if error else saved[outcome.name])
    finally:
        undone = _undone(captures)
    # What was left behind matters more than what it was that failed.
    return [outcome if left.error is None else Outcome(left.name, error=left.error) for outcome, left in zip(ended, undone, strict=True)]


def _undone(captures: Sequence[Capture]) -> list[Outcome[None]]:
    """Undo all; a second Ctrl-C does not leave nodes half undone."""
    known = signal.signal(signal.SIGINT, lambda *_: sys.stderr.write("vppsh: nodes are being put back as they were\n"))
    try:
        undone = each(captures, Capture.close)
    finally:
        signal.signal(signal.SIGINT, known)
    if sys.exc_info()[0] is not None:
        report(undone)  # nobody else will, on the way out
    return undone


def _wait(seconds: float, working: Sequence[Capture]) -> None:
    """Until the time is over, or Ctrl-C. VPP is not asked meanwhile: each question would stop its workers for a moment."""
    names = ", ".join(capture.name for capture in working)
    deadline = time.monotonic() + seconds
    try:
        while (left := deadline - time.monotonic()) > 0:
            if sys.stderr.isatty():
                sys.stderr.write(f"\r\x1b[Kcapturing on {names}: {left:.0f} s left, Ctrl-C to end now")
                sys.stderr.flush()
            time.sleep(min(left, 1.0))
    except KeyboardInterrupt:
        pass  # the end of the capture is what was asked for
    finally:
        if sys.stderr.isatty():
            sys.stderr.write("\r\x1b[K")


def _save(capture: Capture, captured: bytes | int, local: Path, meter: Meter, stop: threading.Event) -> Saved:
    if isinstance(captured, bytes):
        text = Masker().mask(captured.decode("utf-8", "surrogateescape"))
        return Saved(local, write(local, text.encode("utf-8", "surrogateescape")))
    if not captured:
        return Saved(None)
    download(capture.api, capture.pod, capture.remote, captured, local, meter.add, stop)
    return Saved(local, captured)


def write(local: Path, data: bytes) -> int:
    """Write a file; its size. Raises OutputFileError."""
    try:
        return local.write_bytes(data)
    except OSError as error:
        raise OutputFileError(f"{local}: {error.strerror or error}") from error


class Meter(Progress):
    """Progress of several downloads as one."""

    def __init__(self, total: int) -> None:
        super().__init__("downloading", total, "MB", 1e6)
        self._lock = threading.Lock()
        self._done = 0

    def add(self, count: int) -> None:
        """So many bytes more have come, or fewer."""
        with self._lock:
            self._done += count
            self.update(self._done)


def _file(options: argparse.Namespace, kind: type[Capture], node: str, several: bool) -> Path:
    name = _ODD.sub("_", node)
    if not options.out:
        return Path(f"{kind.operation}_{name}{'.pcap' if kind.remote else '.txt'}")
    chosen = Path(options.out)
    return chosen.with_name(f"{chosen.stem}_{name}{chosen.suffix}") if several else chosen


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """A terminal that is closed, or a polite kill, end a capture as Ctrl-C does."""
    known = {number: signal.signal(number, signal.default_int_handler) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in known.items():
            signal.signal(number, handler)
