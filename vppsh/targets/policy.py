"""How careful a shell is with a dataplane that is somebody's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

from vppsh.errors import CommandError
from vppsh.targets.base import Answer, Target
from vppsh.targets.changes import ChangeDetector
from vppsh.targets.masking import Masker

# A line that goes to several targets does not wait longer for one of them.
TIMEOUT = 30.0


@dataclass
class Policy:
    """Rules for lines that go to live targets, and for what they answer.

    masker     masks secrets; None shows them
    read_only  refuse lines that change something
    confirm    asks the user whether a line that changes a cluster's VPP may be sent; None sends it
    timeout    seconds that targets asked at once may take
    """

    masker: Masker | None = field(default_factory=Masker)
    read_only: bool = False
    confirm: Callable[[str], bool] | None = None
    timeout: float = TIMEOUT
    _agreed: bool = False

    @cached_property
    def changes(self) -> ChangeDetector:
        """What tells lines that change something."""
        return ChangeDetector()

    def check(self, line: str, *targets: Target) -> None:
        """Raise CommandError for a line that must not be sent to the targets; asks the user once in a session."""
        clusters = [target.name for target in targets if target.cluster]
        asks = bool(clusters) and self.confirm is not None and not self._agreed
        if not (self.read_only or asks):
            return
        change = self.changes.why(line)
        if not change:
            return
        if self.read_only:
            raise CommandError(f"read-only: `{change}' may change something")
        if asks and self.confirm is not None:
            names = ", ".join(clusters)
            if not self.confirm(f"`{change}' changes {names}. Others work with it. Go on? (asked once) [y/N] "):
                raise CommandError("not sent")
            self._agreed = True

    def shown(self, answer: str) -> str:
        """A text of a live target as it may be shown."""
        return answer if self.masker is None else self.masker.mask(answer)

    def learn(self, line: str) -> None:
        """Know the secrets in a line that is about to be sent."""
        if self.masker is not None:
            self.masker.has_secret(line)

    def masked(self, answer: Answer) -> Answer:
        """An answer of a live target as it may be shown."""
        if self.masker is None:
            return answer
        return Answer(
            self.masker.mask(answer.text), answer.failed, answer.data, self.masker.mask(answer.aside), answer.fault, answer.unreachable
        )
