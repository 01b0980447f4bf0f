"""ip6-rs-process: asks on a link for its routers until one advertises (RFC 4861, 6.3.7; vnet/ip6-nd/ip6_ra.c)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import inf

from vppsh.engine.context import Context
from vppsh.engine.engine import Engine
from vppsh.engine.features.nd.message import ALL_ROUTERS, HOP_LIMIT, ip6_packet
from vppsh.engine.features.nd.request import send_to_group
from vppsh.engine.ip6_link import Ip6Link, Ip6Links
from vppsh.engine.wire import icmp6
from vppsh.registry import process, table

PROCESS = "ip6-rs-process"
INITIAL_INTERVAL, MAX_INTERVAL = 1.0, 120.0
JITTER = 0.1


@dataclass(eq=False)
class Search:
    """The search for routers on a link: when to ask next, and how long to wait then."""

    link: Ip6Link
    next: float
    interval: float


class RouterSearch:
    """The searches of an engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._searches: dict[int, Search] = {}
        engine.get(Ip6Links).subscribe(self)

    def start(self, sw_if_index: int) -> None:
        """Begin to ask on a link, at once."""
        link = self._engine.get(Ip6Links).find(sw_if_index)
        if link is not None and link.multicast is not None:
            self._searches[sw_if_index] = Search(link, self._engine.clock.now(), self._about(1) * INITIAL_INTERVAL)
            self._engine.dispatcher.signal(self._engine.graph[PROCESS], True)

    def stop(self, sw_if_index: int) -> None:
        """Ask no more: a router has advertised, or nobody wants to know."""
        self._searches.pop(sw_if_index, None)

    def run(self) -> float:
        """Ask where it is time, each time after twice the interval; seconds to the next time."""
        now = self._engine.clock.now()
        for search in self._searches.values():
            if now < search.next:
                continue
            option = bytes((icmp6.SOURCE_LINK_LAYER_ADDRESS, 1)) + search.link.interface.mac
            message = bytes((icmp6.ROUTER_SOLICITATION, *bytes(7))) + option
            send_to_group(self._engine, search.link, ip6_packet(search.link.address, ALL_ROUTERS, HOP_LIMIT, message))
            search.interval *= self._about(2)
            if search.interval > MAX_INTERVAL:
                search.interval = self._about(1) * MAX_INTERVAL
            search.next = now + search.interval
        return min((search.next - now for search in self._searches.values()), default=inf)

    def link_enabled(self, link: Ip6Link) -> None:
        """Nobody searches there yet."""

    def link_disabled(self, link: Ip6Link) -> None:
        """End the search."""
        self.stop(link.interface.sw_if_index)

    def address_changed(self, link: Ip6Link, address: int, length: int, added: bool) -> None:
        """Searches come from the link-local address."""

    def link_local_changed(self, link: Ip6Link) -> None:
        """Searches come from the new address from now on."""

    def _about(self, value: float) -> float:
        return value + JITTER * (2 * self._engine.random.random() - 1)


ROUTER_SEARCH = table(RouterSearch)


@process(PROCESS)
def ip6_rs_process(ctx: Context) -> Iterator[float]:
    """Sleep until it is time to ask."""
    wait = inf
    while True:
        yield wait
        wait = ctx.get(RouterSearch).run()
