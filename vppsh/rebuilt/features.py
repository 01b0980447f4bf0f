"""Lines for features of interfaces, those that need no configuration of their own; the rest is noted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product
from types import MappingProxyType

from vppsh.answers.features import Features, read_features
from vppsh.rebuilt.node import Node
from vppsh.rebuilt.recipe import Recipe

NOT_ENABLED = "-not-enabled"
MPLS_TABLE = "mpls table add 0"
MPLS = "set interface mpls {} enable"
PROTOCOLS = (
    ("ip4-unicast", "ip4", "enable ip4 interface {}"),
    ("ip6-unicast", "ip6", "enable ip6 interface {}"),
    ("mpls-input", "mpls", MPLS),
)
LINES = MappingProxyType(
    {
        f"ip{version}-{side}-urpf-{mode}": f"set urpf ip{version} {side} {mode} {{}}"
        for version, side, mode in product((4, 6), ("rx", "tx"), ("strict", "loose"))
    }
)


def write_features(node: Node, recipe: Recipe, execute: Callable[[str], tuple[str, bool]]) -> None:
    """Add what turns features on that the node's interfaces have, and those of the dataplane do not."""
    names = {each.name for each in node.interfaces}
    for theirs in node.values("show interface features", read_features):
        if theirs.interface in names:
            here = read_features(execute(f"show interface features {theirs.interface}")[0])
            for line in _lines(theirs, here, recipe):
                if line == MPLS.format(theirs.interface) and MPLS_TABLE not in recipe.lines:
                    recipe.add(MPLS_TABLE)
                    recipe.note("routes of MPLS labels are not rebuilt")
                recipe.add(line)


def _lines(theirs: Features, here: Features, recipe: Recipe) -> Iterator[str]:
    name = theirs.interface
    for arc, what, line in PROTOCOLS:
        off = f"{what}{NOT_ENABLED}"
        if off in here.arcs.get(arc, ()) and off not in theirs.arcs.get(arc, ()):
            yield line.format(name)
    for arc, features in theirs.arcs.items():
        for feature in features:
            if feature in here.arcs.get(arc, ()) or feature.endswith(NOT_ENABLED):
                continue
            if feature in LINES:
                yield LINES[feature].format(name)
            elif feature.endswith("-bypass"):
                yield f"set interface feature {name} {feature} arc {arc}"
            else:
                recipe.note(f"the feature {feature} of {arc} is not rebuilt")
