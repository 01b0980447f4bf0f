"""The dataplane is made while the first line is being typed."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vppsh.shell import Shell


class Loader:
    """Makes a session step by step, or to the end when it is needed.

    session  the session, once it is there
    """

    def __init__(self, steps: Generator[None, None, Shell]) -> None:
        self._steps = steps
        self.session: Shell | None = None

    def step(self) -> Shell | None:
        """Take one step; the session when that was the last one."""
        if self.session is None:
            try:
                next(self._steps)
            except StopIteration as end:
                if end.value is None:
                    raise RuntimeError("making the dataplane failed before") from end
                self.session = end.value
        return self.session

    def finish(self) -> Shell:
        """Take all steps that are left."""
        while True:
            session = self.step()
            if session is not None:
                return session

    async def beside(self) -> Shell:
        """Take the steps between the keys that are pressed."""
        while True:
            session = self.step()
            if session is not None:
                return session
            await asyncio.sleep(0)
