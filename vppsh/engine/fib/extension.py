"""Path extensions: what one source adds to single paths of a list it shares with others.

VPP counterpart: vnet/fib/fib_path_ext.c.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .types import Label, RoutePath

if TYPE_CHECKING:
    from .path import Path
    from .path_list import PathList


class PathExtension:
    """Labels to impose on a path, or whether a neighbour refines the entry that covers it.

    route           the path as described
    path            the path of the list that it matches
    refines_cover   of an adjacency's entry: the cover is attached to the same interface
    labels          of a route: what to push
    """

    __slots__ = ("labels", "path", "refines_cover", "route")

    def __init__(self, route: RoutePath, path_list: PathList) -> None:
        self.route = route
        self.labels: tuple[Label, ...] = route.labels
        self.refines_cover = False
        self.path: Path | None = None
        self.resolve(path_list)

    def resolve(self, path_list: PathList) -> None:
        """Find the path again after the list has changed."""
        self.path = next((path for path in path_list.paths if path.matches(self.route)), None)

    def format(self) -> str:
        """The extension as `show ip fib` prints it."""
        index = self.path.index if self.path is not None else -1
        if not self.labels:
            return f"path:{index} {'adj-flags:[refines-cover]' if self.refines_cover else ''}"
        labels = "".join(f"[{format_label(label)}]" for label in self.labels)
        return f"path:{index}  labels:[{labels}]"


RESERVED_LABELS = {0: "ip4-explicit-null", 1: "router-alert", 2: "ip6-explicit-null", 3: "implicit-null", 7: "entropy",
                   13: "gal", 14: "oam-alert", 15: "extension"}


def format_label(label: Label) -> str:
    """A label to impose as VPP prints it."""
    value = RESERVED_LABELS.get(label.value, str(label.value))
    return f"{value} {'uniform' if label.uniform else 'pipe'} ttl:{label.ttl} exp:{label.exp}"


def format_extensions(extensions: list[PathExtension] | None) -> str:
    """The extensions of a source, nothing when it has none."""
    if not extensions:
        return ""
    return "    Extensions:" + "".join(f"\n     {extension.format()}" for extension in extensions)
