"""Texts with answers in them, taken apart: which line each answer is to.

Lines that were typed are known by their prompt (`vpp# show ...`, `$ vppctl show ...`) or by being a heading (`=== show int ===`);
answers without either are known by their own headings.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

_TYPED = re.compile(
    r"(?P<prompt>.*?[#$>:=\]*-]\s*|.*?vppctl\s+)(?:sudo )?(?:\S*vppctl )?(?:-s \S+ )?(?P<line>sho?w? [a-z][^\n]*?)[\s=#:'\"*-]*"
)
_VPP_PROMPT = re.compile(r"\S{0,40}vpp\S{0,40}# ?.*")
# What answers begin with, or lines of them.
_SHAPES = (
    ("show interface", re.compile(r" +Name +Idx +State +MTU.*")),
    ("show hardware-interfaces", re.compile(r" +Name +Idx +Link +Hardware *")),
    ("show ip neighbors", re.compile(r" +Age +IP +Flags +Ethernet.*")),
    ("show bridge-domain", re.compile(r" +BD-ID +Index .*")),
    ("show l2fib", re.compile(r" +Mac-Address +BD-Idx .*")),
    ("show ip fib", re.compile(r"\S.*, fib_index:\d+, flow hash:\[.*")),
    ("show interface address", re.compile(r"\S.* \((?:up|dn)\): *")),
    ("show interface features", re.compile(r"Feature paths configured on .*\.\.\.")),
    ("show ip table", re.compile(r"\[\d+\] table_id:\d+ .*")),
    ("show ipip tunnel", re.compile(r"\[\d+\] (?:instance \d+ (?:p2mp )?|6rd )src .* table-ID .*")),
    ("show gre tunnel", re.compile(r"\[\d+\] instance \d+ src .* payload .*")),
    ("show vxlan tunnel", re.compile(r"\[\d+\] instance \d+ src .* src_port .* vni .*")),
    ("show ipsec sa", re.compile(r"\[\d+\] sa \d+ \(0x[0-9a-f]+\) spi .*")),
    ("show ipsec protect", re.compile(r"\S+ flags:\[.*\](?:: \S+)?")),
    ("show wireguard interface", re.compile(r"\[\d+\] \S+ src:\S+ port:\d+.*")),
    ("show wireguard peer", re.compile(r"\[\d+\] endpoint:\[.*")),
)
# Indented headings begin with one of these; other indented lines belong to what they are below.
_INDENTED = ("Name", "Age", "BD-ID", "Mac-Address")
# Lines that people shorten, as they are in full; the longest that fits is meant.
KNOWN = (
    *dict.fromkeys(line for line, _ in _SHAPES), "show ip6 fib", "show ip6 neighbors", "show ip6 table", "show ipsec tunnel",
    "show ipsec all", "show ip neighbors", "show ip fib summary", "show ip6 fib summary", "show interface rx-placement",
)  # fmt: skip
_SHORT = {"sh": "show", "int": "interface", "hardware": "hardware-interfaces", "hard": "hardware-interfaces", "feat": "features"}


@dataclass
class Section:
    """An answer: the line it is to, in full as far as it is one of KNOWN; without what such a line may have behind that."""

    line: str
    lines: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The answer."""
        return "\n".join(self.lines) + "\n"


def in_full(line: str) -> str:
    """A line as it is in full: `sh int addr` is `show interface address`."""
    words = [_SHORT.get(word, word) for word in line.split()]
    if words[:2] == ["show", "interface"] and words[-1:] == ["features"]:
        return "show interface features"
    best = ""
    for known in KNOWN:
        each = known.split()
        if len(each) <= len(words) and all(whole.startswith(word) for whole, word in zip(each, words, strict=False)):
            best = max(best, known, key=lambda line: len(line.split()))
    return best or " ".join(words)


def shape_of(line: str) -> str:
    """The line whose answer has a line of this shape; empty for none."""
    if line[:1] == " " and not line.lstrip().startswith(_INDENTED):
        return ""
    return next((known for known, shape in _SHAPES if shape.fullmatch(line)), "")


def read_sections(lines: Iterable[str]) -> list[Section]:
    """The answers in a text; none if it has no answer at all, but is a recipe, say."""
    found: list[Section] = []
    current: Section | None = None
    typed = certain = False
    for line in lines:
        line = line.rstrip("\r\n")
        match = _TYPED.fullmatch(line) if "sh" in line and not line.startswith("  ") else None
        if match is not None:
            current, typed = Section(in_full(match["line"])), True
            certain = certain or _VPP_PROMPT.match(match["prompt"]) is not None or "vppctl" in match["prompt"]
            found.append(current)
            continue
        if _VPP_PROMPT.fullmatch(line) is not None:
            current, typed = None, False
            continue
        # Routes are most of what there is.
        if line[:1].isdigit() or (line[:2] == "  " and line[2:3] != " "):
            shape = ""
        else:
            shape = shape_of(line)
        certain = certain or bool(shape)
        if shape and (current is None or (not typed and shape != current.line)):
            current, typed = Section(shape), False
            found.append(current)
        if current is not None:
            current.lines.append(line)
    for section in found:
        _check(section)
    return found if certain else []


def _check(section: Section) -> None:
    """What does not look like the answer that it should be is the answer to a longer line, which nobody here reads."""
    shape = dict(_SHAPES).get(section.line.replace("ip6", "ip").replace("ipsec tunnel", "ipsec protect"))
    if shape is not None and section.text.strip() and not any(shape.fullmatch(line) for line in section.lines):
        section.line += " ..."
