"""Reading `show trace` as people have it: whole sessions, truncated, quoted, with terminal codes and CRLF.

A file is taken apart into packets and the text between them, block by block, so that memory stays that of a few
packets; what is read is never lost: `item.text` of all items, one after the other, is the file. Counterpart of
VPP's format_vlib_trace and cli_show_trace_buffer (vlib/trace.c), whose 2017 to 2026 forms are understood.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from sys import intern

from vppsh.traces.model import Packet, Step, Thread

BLOCK = 1 << 20
# A packet that does not end within so much text is given up as one; the longest real ones have some 100 kB.
LONGEST = 1 << 24

STAMP = r"\d{1,4}:\d\d:\d\d:\d{6}|\d{1,12}\.\d{6}|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}"
STEP = re.compile(rf"\n({STAMP}): (\S[^\n]*)")
FIRST_STEP = re.compile(rf"(?:\A|\n)[ \t>|]*(?:{STAMP}): \S")
# Lines that end a packet, and those that begin one. A pattern that begins with a line break is found much faster than one with `^`.
MARKS = (
    r"(?:Packet (?P<number>\d{1,18})[ \t\r]*(?=\n|\Z)"
    r"|-{5,} Start of thread (?P<thread>\d{1,9}) (?P<name>\S*)"
    r"|Limiting display to \d+ packets|No packets in trace buffer|(?:DBGvpp|vpp|vppsh)# )"
)
MARK = re.compile(rf"\n(?P<quote>){MARKS}")
QUOTED_MARK = re.compile(rf"\n(?P<quote>[ \t>|]*){MARKS}")
# Behind an empty line a packet goes on with a step or an indented line, else something else follows it.
AFTER = re.compile(rf"\n\n(?=\S)(?!(?:{STAMP}): )")
# Colours, cursor movements, titles.
TERMINAL_CODE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
PAGER = re.compile(r"-- more -- \([^)\n]*\)[^\n]*?\r[ ]*\r?")


@dataclass(frozen=True, slots=True)
class Between:
    """Text that belongs to no packet."""

    text: str


Item = Packet | Between


@dataclass(slots=True)
class _Place:
    """Where the reader is: the thread that was named last."""

    thread: Thread | None = None


def read_text(blocks: Iterable[str], source: str = "") -> Iterator[Item]:
    """The packets of a text and what stands between them, in order."""
    place = _Place()
    pending = ""
    for block in blocks:
        pending += block
        cut = _last_mark(pending)
        if cut:
            yield from _items(pending[:cut], place, source)
            pending = pending[cut:]
    if pending:
        yield from _items(pending, place, source)


def packets_of(text: str, source: str = "") -> list[Packet]:
    """The packets of a text."""
    return [item for item in read_text([text], source) if isinstance(item, Packet)]


def _last_mark(text: str) -> int:
    """How much of the text can be taken apart now: all that is before its last mark, which may go on in the next block."""
    at = 0
    # From behind, in steps, so that a block is not looked through twice.
    for begin in range(max(0, len(text) - BLOCK // 8), -1, -max(1, BLOCK // 8)):
        start = text.rfind("\n", 0, begin) + 1
        marks = _marks(text[start:])
        if marks:
            at = start + marks[-1].start()
            break
        if not start:
            break
    # The very last line may still be incomplete.
    if at and "\n" in text[at:]:
        return at
    if len(text) > LONGEST:
        return text.rfind("\n") + 1
    return 0


def _marks(text: str) -> list[re.Match[str]]:
    """The marks of a text; with a line break before the text, a mark's begin in there is that of its line in the text."""
    quoted = text.count("Packet ") != text.count("\nPacket ") + text.startswith("Packet ")
    return list((QUOTED_MARK if quoted else MARK).finditer(f"\n{text}"))


def _items(text: str, place: _Place, source: str) -> Iterator[Item]:
    """The items of a text that ends where one of them ends."""
    at = 0
    marks = _marks(text)
    if not marks or marks[0].start():
        at = marks[0].start() if marks else len(text)
        yield from _without_heading(text[:at], place, source)
    for position, mark in enumerate(marks):
        end = marks[position + 1].start() if position + 1 < len(marks) else len(text)
        chunk = text[mark.start() : end]
        if mark["number"] is not None:
            yield from _packet(chunk, int(mark["number"]), mark["quote"], place, source)
            continue
        if mark["thread"] is not None:
            place.thread = Thread(int(mark["thread"]), mark["name"].rstrip("-"))
        yield from _without_heading(chunk, place, source)


def _packet(chunk: str, number: int | None, quote: str, place: _Place, source: str) -> Iterator[Item]:
    """A packet from its heading on, and what follows it before the next mark."""
    plain = "\x1b" not in chunk and "\r" not in chunk and not quote
    rest = ""
    if plain:
        end = AFTER.search(chunk)
        if end is not None:
            chunk, rest = chunk[: end.end()], chunk[end.end() :]
    parts = STEP.split(chunk if plain else cleaned(chunk, quote))
    bodies = parts[3::3]
    tail = ""
    if bodies:
        last = bodies[-1].rstrip("\n")
        tail = bodies[-1][len(last) :]
        bodies[-1] = last
    steps = [Step(stamp, intern(node), body[1:]) for stamp, node, body in zip(parts[1::3], parts[2::3], bodies)]
    # An empty line below a node would not come out again.
    kept = plain and "\n" not in bodies
    yield Packet(steps, number, place.thread, parts[0], tail, None if kept else chunk, source)
    if rest:
        yield from _without_heading(rest, place, source)


def _without_heading(text: str, place: _Place, source: str) -> Iterator[Item]:
    """Text before a heading, or without any: packets that were pasted without their first line, and all the rest."""
    found = FIRST_STEP.search(text) if ": " in text else None
    if found is None:
        if text:
            yield Between(text)
        return
    begin = found.start() + (text[found.start()] == "\n")
    if begin:
        yield Between(text[:begin])
    quote = re.match(r"[ \t>|]*", text[begin:])
    yield from _pasted(text[begin:], quote[0] if quote else "", place, source)


def _pasted(text: str, quote: str, place: _Place, source: str) -> Iterator[Item]:
    """Steps without `Packet N`: a packet ends where an empty line stands before a step of the first one's node."""
    if quote or "\r" in text or "\x1b" in text:
        yield from _packet(text, None, quote, place, source)
        return
    first = STEP.match(f"\n{text}")
    again = re.compile(rf"\n\n(?=(?:{STAMP}): {re.escape(first[2]) if first else ''}\n)")
    at = 0
    for boundary in again.finditer(text):
        yield from _headless(text[at : boundary.end()], place, source)
        at = boundary.end()
    yield from _headless(text[at:], place, source)


def _headless(chunk: str, place: _Place, source: str) -> Iterator[Item]:
    """A packet that begins with its first step; the line break that steps are found by is taken back."""
    items = _packet(f"\n{chunk}", None, "", place, source)
    first = next(items)
    if isinstance(first, Packet):
        first.raw = first.text[1:]
    yield first
    yield from items


def cleaned(text: str, quote: str = "") -> str:
    """A text without what terminals and mail put into it: colours, pager lines, carriage returns, quotation marks."""
    text = PAGER.sub("", text)
    text = TERMINAL_CODE.sub("", text).replace("\r\n", "\n")
    if "\r" in text:
        # A carriage return goes back to the line's begin: what was there has been written over.
        text = "\n".join(line.rpartition("\r")[2] for line in text.split("\n"))
    if quote:
        bare = quote.rstrip()
        text = "\n".join(
            line.removeprefix(quote) if line.startswith(quote) else "" if line.strip() == bare else line for line in text.split("\n")
        )
    return text
