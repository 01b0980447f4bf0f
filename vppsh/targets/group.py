"""The targets that a shell knows by name: which one answers lines that name none, and which ones `@names` means."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from fnmatch import fnmatchcase

from vppsh.errors import UsageError
from vppsh.targets.base import Target

ALL = "all"


class Targets:
    """Targets by name, in the order in which they were added.

    current  who answers lines that name no target
    """

    def __init__(self, first: Target) -> None:
        self._targets = {first.name: first}
        self.current = first

    def __iter__(self) -> Iterator[Target]:
        return iter(self._targets.values())

    def __len__(self) -> int:
        return len(self._targets)

    def add(self, target: Target) -> None:
        """Know one more; raises UsageError for a name that is taken, or that `@` could not tell."""
        name = target.name
        if not name or any(char in name for char in ",*?[] \t") or name == ALL:
            raise UsageError(f"{name!r} cannot be the name of a target")
        if name in self._targets:
            raise UsageError(f"there is a target {name} already")
        self._targets[name] = target

    def remove(self, target: Target) -> None:
        """Forget one that is not the current one, and let go of what it holds."""
        if target is self.current:
            raise UsageError(f"{target.name} is the current target")
        del self._targets[target.name]
        target.close()

    def get(self, name: str) -> Target:
        """The target of that name; raises UsageError with the nearest one."""
        target = self._targets.get(name)
        if target is None:
            raise UsageError(self._unknown(name))
        return target

    def select(self, selection: str) -> list[Target]:
        """The targets that `all`, `a,b` or `node-*` mean, each once; raises UsageError when a part of it means none."""
        chosen: dict[str, Target] = {}
        for part in selection.split(","):
            pattern = "*" if part == ALL else part
            found = {name: target for name, target in self._targets.items() if fnmatchcase(name, pattern)}
            if not found:
                raise UsageError(self._unknown(part))
            chosen |= found
        return list(chosen.values())

    def close(self) -> None:
        """Let go of all."""
        for target in self:
            target.close()

    def _unknown(self, name: str) -> str:
        near = difflib.get_close_matches(name, self._targets, 1)
        hint = f"did you mean {near[0]}?" if near else f"there {'is' if len(self) == 1 else 'are'} {', '.join(self._targets)}"
        return f"no target {name or repr(name)}; {hint}"
