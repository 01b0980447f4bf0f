"""Declarations: how a node, a feature arc, a feature, a buffer column or a command says what it is.

A decorator here does not register anything: it returns a declaration, a frozen value that stays in
the module where it was written. `discover()` walks the packages and collects what it finds, so that
adding a file is the registration and no module-level state is ever changed. The engine checks the
whole catalog when it builds its graph.

Standard library only.
"""

from __future__ import annotations

import enum
import importlib
import pkgutil
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from msgspec import Struct

PACKAGES = ("vppsh.engine.features", "vppsh.commands")


class Severity(enum.Enum):
    """Severity of an error counter, as the last column of `show errors` prints it."""

    ERROR = "error"
    WARNING = "warn"
    INFO = "info"


class NodeKind(enum.Enum):
    """VPP's node types (vlib/node.h)."""

    PRE_INPUT = "pre-input"
    INPUT = "input"
    INTERNAL = "internal"
    PROCESS = "process"


class ErrorSpec(Struct, frozen=True):
    """One error counter of a node: its name in C (`bad_checksum`), its text, its severity."""

    name: str
    text: str
    severity: Severity = Severity.ERROR


class NodeSpec(Struct, frozen=True, eq=False):
    """A graph node: what it is called, where packets may go, what it counts and traces.

    function    `(ctx, frame) -> nexts` for internal nodes, `(ctx) -> packets` for input nodes,
                a generator function `(ctx)` yielding seconds to sleep for processes
    nexts       names of the next nodes; a next is their position here
    errors      the node's error counters; an error is their position here
    errors_of   the node whose error counters this one charges, when not its own
    trace       `(view, record) -> str`, VPP's text for what the node captured (indented as VPP does)
    sibling_of  share the nexts of that node
    traceable   `trace add NODE N` may start traces here (VPP's TRACE_SUPPORTED)
    index       VPP 26.10's index of this node, when known: it orders listings and path IDs as VPP does
    """

    name: str
    function: Callable[..., Any]
    kind: NodeKind = NodeKind.INTERNAL
    nexts: tuple[str, ...] = ()
    errors: tuple[ErrorSpec, ...] = ()
    errors_of: str | None = None
    trace: Callable[[Any, Any], str] | None = None
    sibling_of: str | None = None
    traceable: bool = False
    index: int | None = None
    module: str = ""


class ArcSpec(Struct, frozen=True):
    """A feature arc: features run on it in order, per interface, between its starts and its end."""

    name: str
    starts: tuple[str, ...]
    end: str | None = None
    module: str = ""


class FeatureSpec(Struct, frozen=True):
    """A node's place on an arc: which features it runs before and after."""

    arc: str
    node: str
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    module: str = ""


class ColumnSpec(Struct, frozen=True):
    """A metadata column that a feature adds to every buffer."""

    name: str
    dtype: str
    default: int = 0
    module: str = ""


class CommandSpec(Struct, frozen=True, eq=False):
    """A CLI command: path words, arguments, help, and the handler that answers with text.

    arguments  a grammar (vppsh.grammar.arguments) or None when the command takes none
    handler    `(ctx, args) -> str | None`
    """

    path: str
    handler: Callable[..., Any]
    arguments: Any = None
    help: str = ""
    long_help: str = ""
    module: str = ""


class TableSpec(Struct, frozen=True):
    """A state class that an engine makes at its start instead of when first asked for it."""

    kind: type[Any]
    module: str = ""


class LiveSpec(Struct, frozen=True, eq=False):
    """Names of one kind that exist now, for arguments and completion: interfaces, nodes, streams.

    make  `(engine) -> Resolver` (vppsh.grammar.base)
    """

    kind: str
    make: Callable[[Any], Any]
    module: str = ""


class DemuxSpec(Struct, frozen=True):
    """Where a node that tells packets apart by a number sends one of them.

    node    the node that looks: ethernet-input, snap-input, ip4-local ...
    key     what it looks for: an ethertype, an IP protocol, a port
    target  the node that takes such packets
    """

    node: str
    key: int
    target: str
    module: str = ""


Declaration = NodeSpec | ArcSpec | FeatureSpec | ColumnSpec | TableSpec | CommandSpec | LiveSpec | DemuxSpec


def error(name: str, text: str, severity: Severity = Severity.ERROR) -> ErrorSpec:
    """An error counter of a node."""
    return ErrorSpec(name, text, severity)


def info(name: str, text: str) -> ErrorSpec:
    """A counter of severity info."""
    return ErrorSpec(name, text, Severity.INFO)


def node(name: str, **declared: Any) -> Callable[[Callable[..., Any]], NodeSpec]:
    """Declare the decorated function a graph node; keywords are the fields of NodeSpec."""

    def declare(function: Callable[..., Any]) -> NodeSpec:
        return NodeSpec(name, function, module=function.__module__, **declared)

    return declare


def input_node(name: str, **declared: Any) -> Callable[[Callable[..., Any]], NodeSpec]:
    """Declare the decorated function an input node: it is polled and brings packets in."""
    return node(name, kind=NodeKind.INPUT, **declared)


def process(name: str, **declared: Any) -> Callable[[Callable[..., Any]], NodeSpec]:
    """Declare the decorated generator function a process: it yields the seconds to sleep."""
    return node(name, kind=NodeKind.PROCESS, **declared)


def arc(name: str, *starts: str, end: str | None = None) -> ArcSpec:
    """Declare a feature arc from the nodes `starts` to the node `end`."""
    return ArcSpec(name, starts, end)


def feature(arc: str, node: str, *, before: Iterable[str] = (), after: Iterable[str] = ()) -> FeatureSpec:
    """Put a node on a feature arc."""
    return FeatureSpec(arc, node, tuple(before), tuple(after))


def column(name: str, dtype: str, default: int = 0) -> ColumnSpec:
    """Add a metadata column to every buffer."""
    return ColumnSpec(name, dtype, default)


def table(kind: type[Any]) -> TableSpec:
    """Let every engine have an instance of a state class from the start."""
    return TableSpec(kind)


def command(path: str, arguments: Any = None, *, help: str = "", long_help: str = "") -> Callable[[Callable[..., Any]], CommandSpec]:
    """Declare the decorated function a CLI command."""

    def declare(handler: Callable[..., Any]) -> CommandSpec:
        return CommandSpec(path, handler, arguments, help, long_help, handler.__module__)

    return declare


def live(kind: str) -> Callable[[Callable[[Any], Any]], LiveSpec]:
    """Declare the decorated class (or function), called with the engine, the resolver of one kind of names."""

    def declare(make: Callable[[Any], Any]) -> LiveSpec:
        return LiveSpec(kind, make, make.__module__)

    return declare


def demux(node: str, key: int, target: str) -> DemuxSpec:
    """Let a node send the packets that carry `key` (ethertype, IP protocol ...) to the node `target`."""
    return DemuxSpec(node, key, target)


@dataclass
class Catalog:
    """The declarations found in the packages, by kind, in order of discovery."""

    nodes: list[NodeSpec] = field(default_factory=list)
    arcs: list[ArcSpec] = field(default_factory=list)
    features: list[FeatureSpec] = field(default_factory=list)
    columns: list[ColumnSpec] = field(default_factory=list)
    tables: list[TableSpec] = field(default_factory=list)
    commands: list[CommandSpec] = field(default_factory=list)
    lives: list[LiveSpec] = field(default_factory=list)
    demuxes: list[DemuxSpec] = field(default_factory=list)
    _seen: set[int] = field(default_factory=set, repr=False)

    def add(self, declaration: Declaration) -> None:
        """Put a declaration in the list of its kind, once."""
        if id(declaration) in self._seen:
            return
        self._seen.add(id(declaration))
        match declaration:
            case NodeSpec():
                self.nodes.append(declaration)
            case ArcSpec():
                self.arcs.append(declaration)
            case FeatureSpec():
                self.features.append(declaration)
            case ColumnSpec():
                self.columns.append(declaration)
            case TableSpec():
                self.tables.append(declaration)
            case CommandSpec():
                self.commands.append(declaration)
            case LiveSpec():
                self.lives.append(declaration)
            case DemuxSpec():
                self.demuxes.append(declaration)

    def extend(self, module: ModuleType) -> None:
        """Collect the declarations written in one module (not those it imports), lists of them too."""
        for value in vars(module).values():
            for declaration in value if isinstance(value, list | tuple) else (value,):
                if isinstance(declaration, Declaration) and declaration.module in ("", module.__name__):
                    self.add(declaration)


def modules(package: str) -> Iterator[ModuleType]:
    """A package and every module below it, imported, in alphabetical order."""
    root = importlib.import_module(package)
    yield root
    for found in sorted(pkgutil.walk_packages(root.__path__, f"{package}."), key=lambda m: m.name):
        yield importlib.import_module(found.name)


def discovery(packages: Iterable[str] = PACKAGES) -> Generator[None, None, Catalog]:
    """`discover` in steps of one module, for who has something else to do in between; the generator's value is the catalog."""
    catalog = Catalog()
    for package in packages:
        for module in modules(package):
            catalog.extend(module)
            yield
    return catalog


def discover(packages: Iterable[str] = PACKAGES) -> Catalog:
    """Import the packages and collect every declaration in them."""
    steps = discovery(packages)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            catalog: Catalog = end.value
            return catalog
