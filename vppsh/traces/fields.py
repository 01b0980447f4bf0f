"""What the text of a step says, as values.

A family of nodes has a file in vppsh/traces/nodes that declares how its lines look:

    LOOKUP = NodeFormat(("ip4-lookup", "ip6-lookup"), ("fib {fib:int} dpo-idx {dpo:int} flow hash: {flow_hash:hex}",))

In a template everything outside braces stands for itself. `{name:type}` is a value: `int`, `hex` (with or
without 0x), `word` (no blanks, no comma; the default), `ip`, `mac`, `text` (as little as possible), and
`{:text}` is skipped. Packet headers, buffer metadata and hex dumps are understood without a declaration.
Lines that nothing describes are kept in `Fields.other`.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cache
from types import MappingProxyType

from vppsh.registry import modules
from vppsh.traces.headers import Header, HeaderReader, Value

PACKAGE = "vppsh.traces.nodes"
# Texts remembered with what they say; packets of one flow say much alike.
REMEMBERED = 4096

TYPES: Mapping[str, tuple[str, Callable[[str], Value]]] = MappingProxyType(
    {
        "int": (r"-?\d{1,20}", int),
        "hex": (r"(?:0x)?[0-9a-fA-F]{1,64}", lambda text: int(text, 16)),
        "word": (r"[^\s,]+", str),
        "ip": (r"[0-9a-fA-F:.]+", str),
        "mac": (r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}", str),
        "text": (r".*?", str),
    }
)
SLOT = re.compile(r"\{(\w*)(?::(\w+))?\}")
HEX_LINE = re.compile(r"(?:([0-9a-f]{8}): )?((?:[0-9a-f]{2}){4,})")


class Role(enum.Enum):
    """What a node does to the headers of a packet, as far as its trace can be followed by it."""

    ENCAPSULATE = "encapsulate"
    DECAPSULATE = "decapsulate"
    DROP = "drop"
    PUNT = "punt"
    TRANSMIT = "transmit"
    DELIVER = "deliver"
    HOLD = "hold"
    HAND_OFF = "hand off"
    ERROR = "answer with an ICMP error"
    ANSWER = "answer"
    COPY = "copy"


@dataclass(frozen=True)
class NodeFormat:
    """How the trace of some nodes looks.

    nodes  names, with `*` for anything
    lines  templates; a line of the text is read by the first one that describes it whole
    role   what the nodes do to packets, when a trace is followed by it
    """

    nodes: tuple[str, ...]
    lines: tuple[str, ...] = ()
    role: Role | None = None


@dataclass(slots=True)
class Fields:
    """What a text says.

    values   by the names of the templates; of lines that repeat (one for each record) the last one's
    headers  packet headers, the outermost first
    data     the packet's bytes as far as they are printed
    other    lines that nothing describes, without their indentation
    """

    values: dict[str, Value] = field(default_factory=dict)
    headers: tuple[Header, ...] = ()
    data: bytes = b""
    other: tuple[str, ...] = ()


NO_FIELDS = Fields()


@dataclass(frozen=True)
class Template:
    """A line of a trace: its pattern, and the values in it."""

    pattern: re.Pattern[str]
    values: tuple[tuple[str, Callable[[str], Value]], ...]

    def read(self, line: str, into: dict[str, Value]) -> bool:
        """Take the values of a line that looks like this; False when it does not."""
        match = self.pattern.fullmatch(line)
        if match is None:
            return False
        for (name, convert), text in zip(self.values, match.groups()):
            into[name] = convert(text)
        return True


def template(text: str) -> Template:
    """A template's pattern. Raises ValueError for a type that there is not."""
    parts: list[str] = []
    values: list[tuple[str, Callable[[str], Value]]] = []
    at = 0
    for slot in SLOT.finditer(text):
        kind = slot[2] or "word"
        if kind not in TYPES:
            raise ValueError(f"{text!r}: no type {kind!r}; there are {', '.join(TYPES)}")
        pattern, convert = TYPES[kind]
        parts.append(re.escape(text[at : slot.start()]))
        parts.append(f"({pattern})" if slot[1] else f"(?:{pattern})")
        if slot[1]:
            values.append((slot[1], convert))
        at = slot.end()
    parts.append(re.escape(text[at:]))
    return Template(re.compile("".join(parts), re.ASCII), tuple(values))


# What nodes of all kinds print of a packet's buffer (format_vnet_buffer).
BUFFER_LINES = (
    "current data {current_data:int}, length {length:int}, buffer-pool {pool:int}, ref-count {ref_count:int}, trace handle {trace:hex}",
    "current data {current_data:int}, length {length:int}, {:text}trace handle {trace:hex}",
    "current data {current_data:int}, length {length:int}, {:text}trace {trace:hex}",
    "buffer {buffer:hex}: current data {current_data:int}, length {length:int}, {:text}trace handle {trace:hex}",
    "buffer {buffer:hex}: current data {current_data:int}, length {length:int}, {:text}trace {trace:hex}",
)
BUFFER_FLAGS = re.compile(
    r"(?:(?:ext-hdr-valid|next-present|l4-cksum-computed|l4-cksum-correct|vlan-[12]-deep|span-clone|local|ip4|ip6|ipv4|ipv6|tcp|udp|offload"
    r"|natted|is-dvr|avail\d+|flow-report|(?:outer-)?l[234]-hdr-offset -?\d+|(?:outer-)?l?[234]?-?hdr-sz \d+|loop-counter \d+|qos \S+"
    r"|gso|gso-size \d+|[\w-]*cksum|outer-\w+|tnl-\S+)\s*)+",
    re.ASCII,
)


class NodeParser:
    """The declarations of all families, ready to read texts with."""

    def __init__(self, formats: list[NodeFormat]) -> None:
        patterns = [(name, each) for each in formats for name in each.nodes if "*" in name]
        self._patterns = sorted(patterns, key=lambda pattern: -len(pattern[0]))
        self._formats: dict[str, NodeFormat | None] = {name: each for each in formats for name in each.nodes if "*" not in name}
        self._templates: dict[str, tuple[Template, ...]] = {}
        self._buffer = tuple(template(line) for line in BUFFER_LINES)
        self._remembered: dict[tuple[str, str], Fields] = {}

    def format_of(self, node: str) -> NodeFormat | None:
        """The declaration that describes a node: by its name, else by the longest pattern that fits."""
        try:
            return self._formats[node]
        except KeyError:
            found = next((each for pattern, each in self._patterns if fnmatchcase(node, pattern)), None)
            self._formats[node] = found
            return found

    def parse(self, node: str, text: str) -> Fields:
        """What a text of a node says."""
        remembered = self._remembered.get((node, text))
        if remembered is None:
            remembered = self._parse(node, text)
            if len(self._remembered) >= REMEMBERED:
                self._remembered.clear()
            self._remembered[node, text] = remembered
        return remembered

    def _parse(self, node: str, text: str) -> Fields:
        templates = self._templates.get(node)
        if templates is None:
            found = self.format_of(node)
            templates = self._templates[node] = tuple(template(line) for line in found.lines) if found else ()
        values: dict[str, Value] = {}
        data: list[bytes] = []
        reader = HeaderReader()

        def understood(line: str) -> bool:
            return (
                any(each.read(line, values) for each in templates)
                or reader.take(line)
                or _take_bytes(line, data)
                or ("current data" in line and any(each.read(line, values) for each in self._buffer))
                or _take_flags(line, values)
            )

        other = tuple([line for line in _lines(text) if not understood(line)])
        return Fields(values, tuple(reader.headers), b"".join(data), other)


def _lines(text: str) -> Iterator[str]:
    return (stripped for line in text.split("\n") if (stripped := line.strip()))


def _take_flags(line: str, values: dict[str, Value]) -> bool:
    """The line of a buffer's flags and offsets, below the one with its length."""
    if "current_data" not in values or BUFFER_FLAGS.fullmatch(line) is None:
        return False
    values["buffer_flags"] = line
    return True


def _take_bytes(line: str, data: list[bytes]) -> bool:
    """A line of hex bytes; the first may be alone without an offset, one that does not go on starts anew."""
    match = HEX_LINE.fullmatch(line)
    if match is None:
        return False
    if match[1] is None or int(match[1], 16) != sum(map(len, data)):
        data.clear()
    data.append(bytes.fromhex(match[2]))
    return True


@cache
def node_parser() -> NodeParser:
    """The parser of all declared families; it only remembers what follows from its input."""
    found = []
    for module in modules(PACKAGE):
        for value in vars(module).values():
            found += [each for each in (value if isinstance(value, tuple) else (value,)) if isinstance(each, NodeFormat)]
    return NodeParser(found)


def parse(node: str, text: str) -> Fields:
    """What the text of a node says."""
    return node_parser().parse(node, text)


def role_of(node: str) -> Role | None:
    """What a node does to packets, as far as it is declared."""
    found = node_parser().format_of(node)
    return found.role if found else None
