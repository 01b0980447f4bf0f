"""Stateless address autoconfiguration: addresses and default routes from what routers advertise (RFC 4862; vnet/ip6-nd/rd_cp.c)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import inf

from vppsh.engine.addresses import Addresses
from vppsh.engine.context import Context
from vppsh.engine.engine import Engine
from vppsh.engine.features.nd.router import ReportedPrefix, RouterReport, Routers
from vppsh.engine.features.nd.solicit_router import RouterSearch
from vppsh.engine.fib.fib import Fib
from vppsh.engine.fib.types import EntryFlag, Prefix, Protocol, RoutePath, Source
from vppsh.engine.interfaces import Change, Interface
from vppsh.engine.ip6_link import Ip6Links
from vppsh.engine.link_local import from_mac, is_link_local
from vppsh.errors import CommandError
from vppsh.registry import process, table

PROCESS = "rd-cp-process"
PREFIX_LENGTH = 64
IDENTIFIER = (1 << 64) - 1
TWO_HOURS = 2 * 60 * 60
DEFAULT = Prefix(Protocol.IP6, 0, 0)


@dataclass
class Wanted:
    """What an interface is to take from advertisements."""

    addresses: bool = False
    default_routes: bool = False


@dataclass(eq=False)
class Configured:
    """An address, or the router of a default route, that was taken, and until when it is kept."""

    interface: Interface
    address: int
    until: float


class Autoconfig:
    """What an engine has taken from routers."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._fib = engine.get(Fib)
        self._addresses = engine.get(Addresses)
        self._links = engine.get(Ip6Links)
        self._search = engine.get(RouterSearch)
        self._wanted: dict[int, Wanted] = {}
        self._own: list[Configured] = []
        self._routes: list[Configured] = []
        engine.get(Routers).listeners.append(self.heard)
        engine.interfaces.subscribe(self._interface_changed)

    def configure(self, interface: Interface, enabled: bool, default_routes: bool) -> None:
        """Take addresses (and default routes) on an interface from now on; or no longer, and give them up.

        As in VPP that gives up those of every interface.
        """
        known = self._wanted.setdefault(interface.sw_if_index, Wanted())
        default_routes = default_routes and enabled
        if enabled and not known.addresses:
            self._links.enable(interface)
        if (enabled and not known.addresses) or (default_routes and not known.default_routes):
            self._search.start(interface.sw_if_index)
        elif known.addresses and not enabled:
            self._search.stop(interface.sw_if_index)
            for own in list(self._own):
                self._remove_address(own)
        if known.default_routes and not default_routes:
            for route in list(self._routes):
                self._remove_route(route)
        known.addresses, known.default_routes = enabled, default_routes

    def heard(self, report: RouterReport) -> None:
        """A router has advertised."""
        wanted = self._wanted.get(report.interface.sw_if_index)
        if wanted is None:
            return
        if wanted.default_routes:
            self._heard_router(report)
        if wanted.addresses:
            for prefix in report.prefixes:
                self._heard_prefix(report.interface, prefix)
        self._engine.dispatcher.signal(self._engine.graph[PROCESS], True)

    def expire(self) -> float:
        """Give up what is too old; seconds to the next look."""
        now = self._engine.clock.now()
        for own in [own for own in self._own if own.until <= now]:
            self._remove_address(own)
            # The address has gone, but IPv6 stays enabled.
            self._links.enable(own.interface)
        for route in [route for route in self._routes if route.until <= now]:
            self._remove_route(route)
        return min((each.until - now for each in self._own + self._routes), default=inf)

    def _heard_router(self, report: RouterReport) -> None:
        until = self._engine.clock.now() + report.lifetime
        known = next((route for route in self._routes if (route.interface, route.address) == (report.interface, report.router)), None)
        if known is not None and report.lifetime:
            known.until = until
        elif known is not None:
            self._remove_route(known)
        elif report.lifetime:
            self._routes.append(Configured(report.interface, report.router, until))
            table = self._fib.table_of(Protocol.IP6, report.interface.sw_if_index)
            table.update(DEFAULT, Source.API, EntryFlag.NONE, [RoutePath(Protocol.IP6, report.router, report.interface.sw_if_index)])

    def _heard_prefix(self, interface: Interface, prefix: ReportedPrefix) -> None:
        usable = prefix.autonomous and prefix.length == PREFIX_LENGTH and prefix.preferred <= prefix.valid
        if not usable or is_link_local(prefix.address):
            return
        now = self._engine.clock.now()
        address = prefix.address & ~IDENTIFIER | from_mac(interface.mac) & IDENTIFIER
        known = next((own for own in self._own if own.interface is interface and own.address | IDENTIFIER == address | IDENTIFIER), None)
        if known is not None:
            left = known.until - now
            # A forged advertisement must not be able to end an address at once (RFC 4862, 5.5.3).
            if prefix.valid > TWO_HOURS or prefix.valid > left:
                known.until = now + prefix.valid
            elif left > TWO_HOURS:
                known.until = now + TWO_HOURS
        elif prefix.valid:
            self._own.append(Configured(interface, address, now + prefix.valid))
            try:
                self._addresses.add(Protocol.IP6, interface, address, PREFIX_LENGTH)
            except CommandError:
                # Somebody configured what conflicts with it: as in VPP it counts as taken all the same.
                return

    def _remove_address(self, own: Configured) -> None:
        self._own.remove(own)
        if any(each.address == own.address for each in self._addresses.of(Protocol.IP6, own.interface)):
            self._addresses.delete(Protocol.IP6, own.interface, own.address, PREFIX_LENGTH)

    def _remove_route(self, route: Configured) -> None:
        self._routes.remove(route)
        table = self._fib.table_of(Protocol.IP6, route.interface.sw_if_index)
        table.path_remove(DEFAULT, Source.API, [RoutePath(Protocol.IP6, route.address, route.interface.sw_if_index)])

    def _interface_changed(self, change: Change, interface: Interface) -> None:
        if change is Change.DELETED:
            self._wanted.pop(interface.sw_if_index, None)
            self._own = [own for own in self._own if own.interface is not interface]
            for route in [route for route in self._routes if route.interface is interface]:
                self._remove_route(route)


AUTOCONFIG = table(Autoconfig)


@process(PROCESS)
def rd_cp_process(ctx: Context) -> Iterator[float]:
    """Sleep until something is too old."""
    wait = inf
    while True:
        yield wait
        wait = ctx.get(Autoconfig).expire()
