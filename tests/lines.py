"""Command lines for fuzzing: those of the recipes, the documentation and the tests' routers, and what becomes of them when they are edited.

An edit is a value (what, where, with which word), so that hypothesis can choose and shrink edits, and a long run can draw them.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from pathlib import Path

from vppsh.errors import VppshError
from vppsh.grammar.scripts import run_lines
from vppsh.registry import Catalog, discover

ROOT = Path(__file__).resolve().parent.parent
CATALOG: Catalog = discover()
ODD = r"""
    0 1 -1 5 255 256 1500 9999 65536 4294967295 99999999999999999999 0.5 0x10 1e3 local0 loop0 pg0 pg1 pg0.10 pg9 nosuch0
    10.0.0.1 10.0.0.1/24 10.0.0.0/33 0.0.0.0/0 256.1.1.1 2001:db8::1 2001:db8::1/64 ::/0 fe80::1 224.0.0.1 ff02::1 02:fe:00:00:00:01
    ff:ff:ff:ff:ff:ff { } {{ }} all any default del add up down on off table ip4-input ethernet-input drop via local x \ $(x) $( - -> ?
    hex 0xdeadbeef UDP: IP4: IP6: ICMP: ARP: incrementing eos out-labels # | %
"""
WORDS = (*ODD.split(), "", "{ }", "| grep", "é", "\0", "\udcff")
# Lines that end the session, need a file, touch the machine's links, or only make time pass: the same for fuzzing as none, or dangerous.
PASSED_OVER = re.compile(
    r"\s*(%|cr\S*\s+(ta|h|m|i\S*\s+m)|exec|quit|exit|q\b|wait|suspend|ping|arping|.*[|>]|packet-generator\s+(new\s.*pcap|capture)|pcap\s)"
)
# Numbers that make a line a benchmark, or a stream endless for a test.
TOO_MUCH = re.compile(r"\b(count|limit|rate|interval|repeat|maxframe)\s+\S*\d{4,}|\d{1,5}-\d{3,}|\b(count|limit)\s+\S*[e.x]")


@dataclass(frozen=True)
class Edit:
    """One change: what is done at which word (counted round and round) of a line, and with which other word."""

    kind: str
    at: int
    word: str

    def apply(self, line: str) -> str:
        """The line after it."""
        words = line.split(" ")
        at = self.at % len(words)
        match self.kind:
            case "delete":
                del words[at]
            case "insert":
                words.insert(at, self.word)
            case "replace":
                words[at] = self.word
            case "double":
                words.insert(at, words[at])
            case "swap":
                words[at], words[at - 1] = words[at - 1], words[at]
            case "shorten":
                words[at] = words[at][: self.at % 4 + 1]
            case "cut":
                return line[: self.at % (len(line) + 1)]
            case "character":
                place = self.at % (len(line) + 1)
                return line[:place] + self.word[:1] + line[place + 1 :]
            case "number":
                words[at] = re.sub(r"\d+", lambda _: self.word, words[at])
            case "more":
                return f"{line} {self.word}"
        return " ".join(words)


KINDS = ("delete", "insert", "replace", "double", "swap", "shorten", "cut", "character", "number", "more")


def edited(line: str, edits: list[Edit]) -> str:
    """A line after edits; as it was when it would then take for ever or write files."""
    changed = line
    for edit in edits:
        changed = edit.apply(changed)
    return line if PASSED_OVER.match(changed) or TOO_MUCH.search(changed) else changed


def random_edits(rng: random.Random, others: list[str]) -> list[Edit]:
    """No edits, or some; words are odd ones or those of other lines."""
    count = rng.choice((0, 0, 1, 1, 1, 2, 5))
    return [
        Edit(
            rng.choice(KINDS),
            rng.randrange(1000),
            rng.choice(WORDS) if rng.random() < 0.5 else rng.choice(rng.choice(others).split() or [""]),
        )
        for _ in range(count)
    ]


def corpus() -> list[str]:
    """Lines that mean something, each once."""
    files = [*sorted((ROOT / "recipes").glob("*.vpp")), *sorted((ROOT / "tests" / "data").glob("*.vpp"))]
    found = [line.text for path in files for line in run_lines(path.read_text().splitlines(), path.name)]
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        for block in re.findall(r"^```\w*\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL):
            lines = [line.removeprefix("vpp# ") for line in block.splitlines() if not line.startswith(("$", "#"))]
            try:
                found += [line.text for line in run_lines(lines, page.name)]
            except VppshError:  # an answer, with braces of its own
                found += lines
    begins = {spec.path.split()[0] for spec in CATALOG.commands}
    lines = (line for line in dict.fromkeys(found) if line.split()[:1] and line.split()[0] in begins)
    return [line for line in lines if not PASSED_OVER.match(line) and not TOO_MUCH.search(line)]
