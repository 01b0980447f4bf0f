"""`vppsh trace`: packet traces from files, filtered, grouped, compared, converted."""

from __future__ import annotations

import argparse
import contextlib
import json
import shutil
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from vppsh.errors import ExitStatus, OutputFileError, UsageError
from vppsh.progress import Progress
from vppsh.traces.export import write_pcapng
from vppsh.traces.expression import compile_filter
from vppsh.traces.follow import follow
from vppsh.traces.journeys import chosen, journeys_value, show_journeys
from vppsh.traces.model import Packet
from vppsh.traces.report import Question, Request, answer, answer_diff
from vppsh.traces.source import live_answers, open_trace
from vppsh.traces.text import Item
from vppsh.traces.top import KINDS

FORMS = ("text", "json", "pcapng", "dot", "tree")
FORM_OF = {".json": "json", ".jsonl": "json", ".pcapng": "pcapng", ".dot": "dot", ".gv": "dot"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `vppsh trace`."""
    parser.description = (
        "Read packet traces: the text of `show trace' as it was copied from anywhere, VPP's dispatch traces, pcap and pcapng, JSON of "
        "vppsh's own, each compressed by gzip if need be. Without options the packets are printed as they are in the files."
    )
    parser.epilog = (
        "Filters: host A, net P, port N[-M] with src or dst, inner or outer before them; tcp udp icmp esp arp ip4 ip6 proto NAME; "
        "node N, by N, in I, out I, interface I; dropped sent punted refused answered delivered held unfinished; reason TEXT, text TEXT; "
        "time < T, took > 2ms, ttl vlan vni spi seq fib = N, field NAME = V; and, or, not, ( ). See docs/trace.md. "
        "Exit status: 0, or 1 when no packet is left, or when --diff finds a difference."
    )
    parser.add_argument("files", metavar="FILE", nargs="+", help="files of traces; - is standard input, a CLI socket is the VPP behind it")
    parser.add_argument("--filter", metavar="EXPR", help="only packets that fulfil this: 'host 10.0.0.2 and port 53 and dropped'")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--list", action="store_true", help="a line for each packet: number, time, addresses, what became of it")
    what.add_argument(
        "--explain", metavar="N", nargs="?", type=_count, const=0,
        help="why packets (or packet N) ended as they did: in words, what decided, what to look at next; a running VPP is asked for it",
    )  # fmt: skip
    what.add_argument("--group", action="store_true", help="packets of one path together, with counts and the time of each step")
    what.add_argument("--top", metavar="KIND", choices=tuple(KINDS), help=f"the most frequent: {', '.join(KINDS)}")
    what.add_argument("--diff", metavar="OTHER", help="compare the files with this one: paths that appear, vanish, change")
    what.add_argument("--follow", action="store_true", help="the same packets in several files (nodes, captures) on one timeline")
    parser.add_argument("--missing", action="store_true", help="with --follow: only packets that are not in every file")
    parser.add_argument("--max", metavar="N", type=_count, help="at most N packets, groups or lines")
    parser.add_argument(
        "--output", metavar="FORM", choices=FORMS, help=f"{', '.join(FORMS)} (default: by the name given with --write, else text)"
    )
    parser.add_argument("--write", metavar="OUT", help="write to this file instead of standard output")


def _count(text: str) -> int:
    if text.isascii() and text.isdigit() and 0 < int(text) < 1 << 31:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is no number of packets")


def main(options: argparse.Namespace) -> int:
    """Answer what the options ask; the exit status."""
    form = options.output or FORM_OF.get(Path(options.write).suffix if options.write else "", "text")
    request = _request(options, form)
    if options.diff is not None:
        return _diff(request, options)
    if options.follow:
        return _follow(request, options)
    items = _items(options.files)
    if form == "pcapng":
        return _pcapng(request, items, options.write)
    with _writing(options.write) as out:
        for piece in answer(request, items):
            out.write(piece.encode(errors="surrogateescape"))
    return _status(request, options)


def _request(options: argparse.Namespace, form: str) -> Request:
    if options.missing and not options.follow:
        raise UsageError("--missing goes with --follow")
    keep = compile_filter(options.filter) if options.filter is not None else None
    asked = (
        (options.list, Question.LIST),
        (options.explain is not None, Question.EXPLAIN),
        (options.group, Question.GROUP),
        (options.top, Question.TOP),
    )
    question = next((each for wanted, each in asked if wanted), Question.PACKETS)
    if form in ("pcapng", "dot", "tree") and question is not Question.PACKETS:
        raise UsageError(f"--output {form} and --{question.value} exclude each other")
    if form in ("dot", "tree"):
        question = Question.DOT if form == "dot" else Question.TREE
    width = shutil.get_terminal_size((100, 24)).columns
    request = Request(question, keep, options.top or "", options.max, form == "json", width)
    if options.explain is not None:
        request.number, request.ask = options.explain or None, live_answers(options.files)
    return request


def _items(names: Iterable[str]) -> Iterator[Item]:
    """The items of several files, with a progress bar on a terminal."""
    for name in names:
        with open_trace(name) as file, Progress(name, file.size, "MB", 1e6) as progress:
            file.progress = progress.update
            yield from file.items()


def _status(request: Request, options: argparse.Namespace) -> int:
    if request.count["kept"] and (not options.explain or request.count["shown"]):
        return ExitStatus.OK
    names = ", ".join(options.files)
    if options.explain and request.count["kept"]:
        sys.stderr.write(f"vppsh: {names}: there is no packet {options.explain} among {request.count['kept']}\n")
        return ExitStatus.FAILED
    reason = f"none of {request.count['read']} packets fulfils the filter" if request.count["read"] else "there are no packets in it"
    sys.stderr.write(f"vppsh: {names}: {reason}\n")
    return ExitStatus.FAILED


def _diff(request: Request, options: argparse.Namespace) -> int:
    if request.question is not Question.PACKETS or (options.output or "text") not in ("text", "json"):
        raise UsageError("--diff answers as text or json")
    text, differs = answer_diff(request, _items(options.files), _items([options.diff]), (" ".join(options.files), options.diff))
    with _writing(options.write) as out:
        out.write(text.encode(errors="surrogateescape"))
    return ExitStatus.FAILED if differs else ExitStatus.OK


def _follow(request: Request, options: argparse.Namespace) -> int:
    if request.question is not Question.PACKETS or (options.output or "text") not in ("text", "json"):
        raise UsageError("--follow answers as text or json")
    if len(options.files) < 2:
        raise UsageError("--follow: give the traces of at least two places")
    traces = [(name, [item for item in _items([name]) if isinstance(item, Packet)]) for name in options.files]
    found = follow(traces)
    if options.missing:
        found.journeys = [journey for journey in found.journeys if len(journey.sources) < len(traces)]
    if request.as_json:
        text = json.dumps(journeys_value(found, request.keep, request.limit), indent=2, ensure_ascii=False) + "\n"
    else:
        text = show_journeys(found, request.keep, request.limit)
    with _writing(options.write) as out:
        out.write(text.encode(errors="surrogateescape"))
    request.count["read"] = sum(len(packets) for _, packets in traces)
    request.count["kept"] = len(chosen(found, request.keep))
    return _status(request, options)


def _pcapng(request: Request, items: Iterable[Item], name: str | None) -> int:
    if name is None and sys.stdout.isatty():
        raise UsageError("--output pcapng: a terminal cannot show it; give a file with --write")
    with _writing(name) as out:
        written, left_out = write_pcapng(request.kept(items), out)
    if left_out:
        sys.stderr.write(f"vppsh: {left_out} packets have neither bytes nor headers in their traces and were left out\n")
    return ExitStatus.OK if written else ExitStatus.FAILED


@contextlib.contextmanager
def _writing(name: str | None) -> Iterator[BinaryIO]:
    """Standard output, or a file. Raises OutputFileError when it cannot be written."""
    if name is None:
        sys.stdout.flush()
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    try:
        with Path(name).open("wb") as out:
            yield out
    except OSError as error:
        raise OutputFileError(f"{name}: {error.strerror}") from error
