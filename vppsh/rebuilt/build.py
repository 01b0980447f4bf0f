"""A recipe from a node's answers, tried out in a dataplane while it is written."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from vppsh.rebuilt.features import write_features
from vppsh.rebuilt.interfaces import Interfaces, write_addresses, write_tables
from vppsh.rebuilt.layer2 import write_layer2
from vppsh.rebuilt.node import Node
from vppsh.rebuilt.protection import write_protection
from vppsh.rebuilt.recipe import Recipe
from vppsh.rebuilt.routes import Routes, write_flow_hashes, write_neighbors
from vppsh.rebuilt.sections import Section
from vppsh.rebuilt.tunnels import peer_lines, tunnel_lines

Execute = Callable[[str], tuple[str, bool]]
ROUNDS = 3
# What changes the way of packets and is in no line that is written here, by how its answers' lines begin; and how an empty one begins.
LACKING = {
    "show cnat translation": "services (cnat)",
    "show cnat client": "services (cnat)",
    "show cnat snat": "source translation (cnat)",
    "show npol interfaces": "policies (npol)",
    "show acl-plugin": "access lists",
    "show nat44": "NAT",
    "show nat64": "NAT",
    "show abf": "forwarding by access lists",
    "show sr ": "segment routing",
    "show classify tables": "classifiers",
    "show policer": "policers",
    "show ip mfib": "multicast routes",
    "show mpls fib": "MPLS labels",
    "show ip punt redirect": "punt redirects",
    "show ip6 punt redirect": "punt redirects",
    "show arp proxy": "proxy ARP",
    "show bond": "bonds",
    "show geneve": "Geneve tunnels",
    "show ikev2": "IKEv2",
}


def rebuild(sections: Iterable[Section], execute: Execute) -> tuple[Recipe, Node]:
    """A recipe, and what was read.

    `execute(line)` is a fresh dataplane that all lines are executed in: its answer, and whether it refused the line. What it refuses is
    noted and left out.
    """
    node = Node(sections)
    recipe = Recipe()
    done = 0

    def settle() -> None:
        nonlocal done
        kept = recipe.lines[:done]
        for line in recipe.lines[done:]:
            text, refused = execute(line)
            if refused:
                recipe.note(f"refused: {line}: {text.strip()}")
            else:
                kept.append(line)
        recipe.lines[:] = kept
        done = len(kept)

    write_tables(node, recipe)
    Interfaces(node, recipe, tunnel_lines(node, recipe)).write()
    settle()
    for line in peer_lines(node, recipe, node.interfaces):
        recipe.add(line)
    write_addresses(node, recipe)
    write_flow_hashes(node, recipe)
    write_layer2(node, recipe)
    settle()
    write_protection(node, recipe)
    write_neighbors(node, recipe)
    settle()
    _write_routes(node, recipe, execute, settle)
    write_features(node, recipe, execute)
    settle()
    for beginning, what in LACKING.items():
        answers = [section.text for section in node.sections if section.line.startswith(beginning)]
        if any(_has_content(text) for text in answers):
            recipe.note(f"not rebuilt, so that packets pass without it: {what} (`{beginning.strip()}')")
    if node.odd:
        recipe.note(f"lines of answers that were not understood: {node.odd[0].strip()[:60]!r} ...", len(node.odd))
    return recipe, node


def _write_routes(node: Node, recipe: Recipe, execute: Execute, settle: Callable[[], None]) -> None:
    """Add what differs, first what other routes do not go by: what they go by mostly comes with them."""
    routes = Routes(node)
    tried: set[str] = set()
    here = _asked(execute)
    for turn in range(ROUNDS):
        added = False
        for table, prefix, route in routes.missing(here):
            line = routes.line(table, prefix, route)
            if line is not None and line not in tried and (turn or not routes.resolves_others(table, prefix)):
                tried.add(line)
                recipe.add(line)
                added = True
        if added:
            settle()
            here = _asked(execute)
        elif turn:
            break
    for table, prefix, route in routes.missing(here):
        if routes.line(table, prefix, route) is None:
            recipe.note(f"routes that lead to {routes.unresolvable(route)} are not rebuilt")
        else:
            recipe.note(f"routes that forward in another way than on the node, such as {prefix} of {table.name}")
    surplus = routes.surplus(here)
    if surplus:
        recipe.note("routes that the node does not have", surplus)


def _asked(execute: Execute) -> Node:
    """The FIB of the dataplane itself."""
    lines = ("show ip fib", "show ip6 fib")
    return Node(Section(line, execute(line)[0].splitlines()) for line in lines)


def _has_content(text: str) -> bool:
    """Whether an answer tells of anything."""
    lines = [line for line in text.splitlines() if line.strip()]
    return bool(lines) and not lines[0].lower().startswith(("no ", "none", "unknown", "show", "% "))
