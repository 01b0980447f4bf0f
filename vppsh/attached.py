"""A shell without an engine: all lines of VPP's go to targets elsewhere."""

from __future__ import annotations

from vppsh.commands.context import ShellContext
from vppsh.registry import discover
from vppsh.shell import Shell
from vppsh.targets.base import Target
from vppsh.targets.policy import Policy
from vppsh.terminal import Terminal

COMMANDS = ("vppsh.commands.shell",)


class Attached(Shell):
    """Lines go to targets; the commands of the shell are those that need no engine."""

    def __init__(self, first: Target, terminal: Terminal | None = None, policy: Policy | None = None) -> None:
        super().__init__(terminal or Terminal(), discover(COMMANDS).commands, ShellContext(self), first)
        if policy is not None:
            self.policy = policy
