"""What goes on beside the prompt: the dataplane of this process, or nothing when lines go elsewhere."""

from __future__ import annotations

import asyncio
import select
from collections.abc import Callable
from typing import Protocol

LONG = 3600.0


class Background(Protocol):
    """Something that runs while nobody types."""

    def mend(self) -> None:
        """Try again after a fault."""
        ...

    def settle(self) -> None:
        """Let end what a line began, if that is soon."""
        ...

    def status(self) -> list[tuple[str, str]]:
        """How it is doing, as prompt_toolkit's fragments."""
        ...

    def stop(self) -> str:
        """Stop what still runs (Ctrl-C on an empty line); what that was, in words."""
        ...

    async def beside(self, refresh: Callable[[], None]) -> None:
        """Run for as long as the task lives."""
        ...

    def wait_for(self, descriptor: int) -> None:
        """Run until there is something to read."""
        ...


class Nothing:
    """The background of a shell that has no engine."""

    def mend(self) -> None:
        """There is nothing that could be broken."""

    def settle(self) -> None:
        """Nothing was begun here."""

    def status(self) -> list[tuple[str, str]]:
        """Nothing is to be said."""
        return []

    def stop(self) -> str:
        """Nothing runs here."""
        return ""

    async def beside(self, refresh: Callable[[], None]) -> None:
        """Sleep."""
        while True:
            await asyncio.sleep(LONG)

    def wait_for(self, descriptor: int) -> None:
        """Wait until there is something to read."""
        select.select([descriptor], [], [])
