"""What a target is, and what it answers with.

A target takes one line of VPP's debug CLI and gives the whole answer. It knows nothing of pipes, of `%`
commands or of other targets: who types into it does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True)
class Answer:
    """What a line was answered.

    text    the answer, an error's text at its end; ends in a newline unless it is empty
    failed  a command refused the line
    data    the structured forms of the answers that have one
    aside   what belongs to standard error: what `exec` printed (VPP writes that to its own standard output,
            not to the session), and notices such as that VPP was restarted
    fault   the exception, when the line met a fault of vppsh's own
    unreachable  a target could not be reached, went away, or took too long
    source  where the text comes from when the target's CLI was not asked for it
    """

    text: str
    failed: bool = False
    data: tuple[Any, ...] = ()
    aside: str = ""
    fault: Exception | None = None
    unreachable: bool = False
    source: str = ""


NOTHING = Answer("")
INTERRUPTED = Answer("interrupted\n", failed=True)


class Target(Protocol):
    """Somebody who answers lines.

    name     what it is called in `%target` and `@name`
    where    how it is reached, for people: a path, a pod
    cluster  it is part of a cluster that others work with: ask before the first line that changes something
    """

    @property
    def name(self) -> str: ...

    @property
    def where(self) -> str: ...

    @property
    def cluster(self) -> bool: ...

    def execute(self, line: str, timeout: float | None = None) -> Answer:
        """Answer a line, within so many seconds when told.

        Raises TargetError when the target cannot be reached, went away, or took too long; the next line tries anew.
        May be called from any thread, by one at a time.
        """
        ...

    def interrupt(self) -> None:
        """Let the line being executed end soon (Ctrl-C); called from a signal handler or another thread."""
        ...

    def close(self) -> None:
        """Let go of what the target holds."""
        ...
