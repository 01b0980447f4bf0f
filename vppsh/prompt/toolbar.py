"""The toolbar under the prompt: who answers, how it is doing, and what the line waits for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prompt_toolkit.application import get_app
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.utils import get_cwidth

from vppsh.prompt.completion import expected

if TYPE_CHECKING:
    from vppsh.prompt.background import Background
    from vppsh.shell import Shell


class Toolbar:
    """One line: what the target that answers says of itself, and what the line that is typed waits for."""

    def __init__(self, shell: Shell, background: Background) -> None:
        self._shell = shell
        self._background = background
        self._hint = ("", "")

    def __call__(self) -> StyleAndTextTuples:
        """The line, as wide as the terminal."""
        app = get_app()
        status = self.status()
        width = app.output.get_size().columns
        room = width - sum(get_cwidth(text) for _, text in status) - 3
        hint = self._expected(app.current_buffer.document.text_before_cursor)
        if len(hint) > room:
            hint = hint[: room - 3] + "..." if room > 20 else ""
        return [*status, ("", " " * (room - len(hint) + 2)), ("class:status.hint", hint)]

    def status(self) -> list[tuple[str, str]]:
        """Who answers, and how it is doing."""
        targets = self._shell.targets
        fragments = self._background.status() if targets.current is self._shell.here else target_status(self._shell)
        if len(targets) > 1:
            fragments.append(("", f" | {len(targets)} targets"))
        return fragments

    def _expected(self, text: str) -> str:
        if self._hint[0] != text:
            self._hint = text, expected(self._shell, text)
        return self._hint[1]


def target_status(shell: Shell) -> list[tuple[str, str]]:
    """What is known of a target elsewhere without asking it."""
    target = shell.targets.current
    version = shell.vocabularies.of(target).version.partition(" built ")[0]
    parts = [target.where, version, "read-only" if shell.policy.read_only else ""]
    if shell.answered_in is not None:
        parts.append(f"{1e3 * shell.answered_in:.0f} ms")
    return [("class:status.name", f" {target.name} "), ("", " | ".join(part for part in parts if part))]
