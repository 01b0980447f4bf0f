"""ip4-neighbor-age-process, ip6-neighbor-age-process: ask again for neighbours not heard of, forget those that are gone.

VPP counterpart: ip_neighbor_age_loop in vnet/ip-neighbor/ip_neighbor.c. Off while the age limit is 0.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import inf

from vppsh.engine.context import Context
from vppsh.engine.engine import Engine
from vppsh.engine.fib.types import Protocol
from vppsh.engine.neighbors import Neighbors
from vppsh.registry import process, table

NAMES = {Protocol.IP4: "ip4-neighbor-age-process", Protocol.IP6: "ip6-neighbor-age-process"}


class NeighborAgeing:
    """Wakes the processes when limits change."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        engine.get(Neighbors).config_changed = self._config_changed

    def _config_changed(self, protocol: Protocol) -> None:
        self._engine.dispatcher.signal(self._engine.graph[NAMES[protocol]], True)


AGEING = table(NeighborAgeing)


def _age(ctx: Context, protocol: Protocol) -> Iterator[float]:
    wait = inf
    while True:
        woken = yield wait
        neighbors = ctx.get(Neighbors)
        age = neighbors.limits[protocol].age
        if not age:
            wait = inf
        elif woken:
            wait = neighbors.next_look(protocol)
        else:
            wait = neighbors.age_out(protocol)


@process(NAMES[Protocol.IP4])
def ip4_neighbor_age(ctx: Context) -> Iterator[float]:
    """Look after the IPv4 neighbours."""
    return _age(ctx, Protocol.IP4)


@process(NAMES[Protocol.IP6])
def ip6_neighbor_age(ctx: Context) -> Iterator[float]:
    """Look after the IPv6 neighbours."""
    return _age(ctx, Protocol.IP6)
