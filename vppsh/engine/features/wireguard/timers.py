"""wg-timer-manager: the process that the timers of peers wake (VPP's plugins/wireguard/wireguard_timer.c)."""

from __future__ import annotations

from collections.abc import Iterator
from math import inf

from vppsh.engine.context import Context
from vppsh.engine.wireguard.expiry import Expiry
from vppsh.engine.wireguard.timers import PROCESS
from vppsh.registry import process


@process(PROCESS)
def wg_timer_manager(ctx: Context) -> Iterator[float]:
    """Sleep until the next timer ends; a timer that ends sooner wakes it to look again."""
    wait = inf
    while True:
        yield wait
        wait = ctx.get(Expiry).run()
