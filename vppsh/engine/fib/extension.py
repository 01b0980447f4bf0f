"""Path extensions: what one source adds to single paths of a list it shares with others.

VPP counterpart: vnet/fib/fib_path_ext.c.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vppsh.engine.wire.mpls import format_mpls_unicast_label

from .labels import LabelFlag
from .types import Label, RoutePath

if TYPE_CHECKING:
    from .path import Path
    from .path_list import PathList

IMPLICIT_NULL, POP = 3, 0x100001
REAL_LABELS = range(16, 1 << 20)
IMPOSABLE = frozenset((0, 2, IMPLICIT_NULL, POP))
"""Labels besides the real ones that a path can have: the explicit nulls, and those that are not imposed at all."""


class PathExtension:
    """Labels to impose on a path, or whether a neighbour refines the entry that covers it.

    route           the path as described
    path            the path of the list that it matches
    refines_cover   of an adjacency's entry: the cover is attached to the same interface
    labels          of a route: what to push
    keeps_ip_ttl    the TTL has been seen to before the labels are pushed
    """

    __slots__ = ("keeps_ip_ttl", "labels", "path", "refines_cover", "route")

    def __init__(self, route: RoutePath, path_list: PathList) -> None:
        self.route = route
        self.labels: tuple[Label, ...] = route.labels
        self.refines_cover = False
        self.keeps_ip_ttl = False
        self.path: Path | None = None
        self.resolve(path_list)

    @property
    def imposes(self) -> bool:
        """Whether the outermost label is one that can be imposed, or left out."""
        return bool(self.labels) and (self.labels[0].value in REAL_LABELS or self.labels[0].value in IMPOSABLE)

    @property
    def pops(self) -> bool:
        """Whether its only label means that none is imposed (RFC 3032, 2.1)."""
        return len(self.labels) == 1 and self.labels[0].value in (IMPLICIT_NULL, POP)

    @property
    def label_flags(self) -> int:
        """How the labels are imposed (LabelFlag)."""
        return int(LabelFlag.NO_IP_TTL_DECREMENT) if self.keeps_ip_ttl else 0

    def resolve(self, path_list: PathList) -> None:
        """Find the path again after the list has changed."""
        self.path = next((path for path in path_list.paths if path.matches(self.route)), None)

    def format(self) -> str:
        """The extension as `show ip fib` prints it."""
        index = self.path.index if self.path is not None else -1
        if not self.labels:
            return f"path:{index} {'adj-flags:[refines-cover]' if self.refines_cover else ''}"
        flags = "mpls-flags:[no-ip-tll-decr]" if self.keeps_ip_ttl else ""
        labels = "".join(f"[{format_label(label)}]" for label in self.labels)
        return f"path:{index} {flags} labels:[{labels}]"


def format_label(label: Label) -> str:
    """A label to impose as VPP prints it."""
    mode = "uniform" if label.uniform else "pipe"
    return f"{format_mpls_unicast_label(label.value)} {mode} ttl:{label.ttl} exp:{label.exp}"


def format_extensions(extensions: list[PathExtension] | None) -> str:
    """The extensions of a source, nothing when it has none."""
    if not extensions:
        return ""
    return "    Extensions:" + "".join(f"\n     {extension.format()}" for extension in extensions)


def insert(extensions: list[PathExtension], added: PathExtension) -> None:
    """Put an extension among others in the order of their paths; one for the same path is replaced."""
    key = added.route.sort_key()
    for position, known in enumerate(extensions):
        if known.route.sort_key() == key:
            extensions[position] = added
            return
        if known.route.sort_key() > key:
            extensions.insert(position, added)
            return
    extensions.append(added)
