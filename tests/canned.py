"""A target whose answers are given, for what an engine of our own does not have: services, policies, tables of a big node."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from vppsh.targets.base import Answer


@dataclass
class Canned:
    """Answers by line; other lines are refused as VPP does."""

    answers: Mapping[str, str]
    name: str = "node1"
    where: str = "/run/vpp/cli.sock"
    cluster: bool = False
    asked: list[str] = field(default_factory=list)

    def execute(self, line: str, timeout: float | None = None) -> Answer:
        self.asked.append(line)
        if line in self.answers:
            return Answer(self.answers[line])
        command, _, rest = line.rpartition(" ")
        return Answer(f"{command}: unknown input `{rest}'\n", failed=True)

    def interrupt(self) -> None:
        pass

    def close(self) -> None:
        pass
