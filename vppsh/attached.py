"""A shell without an engine: lines of VPP's go to targets elsewhere, except for those about the terminal, which is here."""

from __future__ import annotations

from functools import cached_property

from vppsh.commands import terminal as terminal_commands
from vppsh.commands.context import ShellContext
from vppsh.errors import CommandError
from vppsh.grammar.reader import Reader
from vppsh.grammar.tree import CommandTree, Node
from vppsh.registry import Catalog, discover
from vppsh.shell import Shell
from vppsh.targets.base import Target
from vppsh.targets.policy import Policy
from vppsh.terminal import Terminal

COMMANDS = ("vppsh.commands.shell",)
# `show cli-sessions` is about the target.
OF_THE_TERMINAL = ("set terminal", "show terminal", "history")


class Attached(Shell):
    """Lines go to targets; the commands of the shell are those that need no engine."""

    def __init__(self, first: Target, terminal: Terminal | None = None, policy: Policy | None = None) -> None:
        super().__init__(terminal or Terminal(), discover(COMMANDS).commands, ShellContext(self), first)
        if policy is not None:
            self.policy = policy

    @cached_property
    def _of_the_terminal(self) -> CommandTree:
        catalog = Catalog()
        catalog.extend(terminal_commands)
        return CommandTree(spec for spec in catalog.commands if spec.path.startswith(OF_THE_TERMINAL))

    def _vpp(self, line: str, out: list[str]) -> bool:
        if not self.terminal.interactive or not self._is_of_the_terminal(line):
            return super()._vpp(line, out)
        try:
            self._of_the_terminal.run_line(Reader(f"{line}\n"), self.shell_context, out)
        except CommandError as error:
            out.append(f"{error}\n")
            return False
        return True

    def _is_of_the_terminal(self, line: str) -> bool:
        reader = Reader(line)
        node: Node | None = self._of_the_terminal.root
        last = node
        while node is not None:
            last, node = node, self._of_the_terminal.step(reader, node)
        return last is not None and last.spec is not None
