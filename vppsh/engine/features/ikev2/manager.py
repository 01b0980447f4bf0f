"""ikev2-manager-process: looks after IKE SAs from time to time, from the first profile on."""

from __future__ import annotations

from collections.abc import Iterator
from math import inf

from vppsh.engine.context import Context
from vppsh.engine.engine import Engine
from vppsh.engine.ikev2.manager import Manager
from vppsh.engine.ikev2.profile import Profiles
from vppsh.engine.ikev2.state import IkeSas
from vppsh.registry import process, table

PROCESS = "ikev2-manager-process"
SHORTEST_SLEEP = 0.01


class Ikev2Alarm:
    """Wakes the process when there is a first profile."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        engine.get(Profiles).first_added = self._wake

    def _wake(self) -> None:
        self._engine.dispatcher.signal(self._engine.graph[PROCESS], True)


ALARM = table(Ikev2Alarm)


@process(PROCESS)
def ikev2_manager(ctx: Context) -> Iterator[float]:
    """Sleep, look, and so on; a new interval counts from the next look on."""
    yield inf
    while True:
        yield max(ctx.get(IkeSas).sleep_interval, SHORTEST_SLEEP)
        ctx.get(Manager).look()
