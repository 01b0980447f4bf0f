"""The configuration of a replay: recipes, which are executed, and answers of a node, which a recipe is made of."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from vppsh.batch import run_script
from vppsh.errors import ExitStatus
from vppsh.rebuilt.build import rebuild
from vppsh.rebuilt.bundle import read_answers
from vppsh.rebuilt.node import Node
from vppsh.rebuilt.recipe import Recipe, note_text
from vppsh.rebuilt.sections import Section

if TYPE_CHECKING:
    from vppsh.session import Session


@dataclass(frozen=True)
class Configured:
    """What a dataplane was configured by.

    status  not OK when a recipe failed, which has been said then
    node    what was read of answers; None when all files were recipes, as is `recipe`
    """

    status: ExitStatus = ExitStatus.OK
    recipe: Recipe | None = None
    node: Node | None = None
    by_index: dict[int, str] = field(default_factory=dict)
    by_device: dict[int, str] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """What was rebuilt, and what is lacking: lines for a report; nothing where there were recipes only."""
        if self.recipe is None or self.node is None:
            return ""
        kinds = Counter(_kind(line) for line in self.recipe.lines)
        parts = ", ".join(
            f"{kinds[kind]} {kind}" for kind in ("interfaces", "addresses", "neighbours", "routes", "other lines") if kinds[kind]
        )
        lines = [f"configured by answers of the node: {parts or 'nothing'}"]
        lines += [f"  lacking: {note_text(text, count)}" for text, count in self.recipe.notes.most_common()]
        return "\n".join(lines) + "\n"


def configure(session: Session, names: list[str], node_name: str | None = None) -> Configured:
    """Configure a session's dataplane by files: by all that are answers together, then by each that is a recipe.

    Raises InputFileError for what cannot be read, UsageError when a node of an archive must be chosen.
    """
    recipes: list[str] = []
    sections: list[Section] = []
    for name in names:
        answers = read_answers(name, node_name)
        sections += answers
        if not answers:
            recipes.append(name)
    configured = _by_answers(session, sections) if sections else Configured()
    for name in recipes:
        if run_script(session, name) is not ExitStatus.OK:
            return Configured(ExitStatus.FAILED)
    return configured


def _by_answers(session: Session, sections: list[Section]) -> Configured:
    def execute(line: str) -> tuple[str, bool]:
        answer = session.execute(line)
        session.settle()
        return answer.text, answer.failed

    recipe, node = rebuild(sections, execute)
    by_index = {each.index: each.name for each in node.interfaces}
    by_device = {device.index: name for name, device in node.devices.items()}
    return Configured(recipe=recipe, node=node, by_index=by_index, by_device=by_device)


def _kind(line: str) -> str:
    if line.startswith(("create ", "bvi create", "wireguard create", "ipsec itf create")) and not line.startswith("create bridge-domain"):
        return "interfaces"
    for beginning, kind in (("set interface ip address", "addresses"), ("set ip neighbor", "neighbours"), ("ip route", "routes")):
        if line.startswith(beginning):
            return kind
    return "other lines"
