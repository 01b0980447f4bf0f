"""MLD: reports to routers which groups are listened to on a link (RFC 3810; vnet/ip6-nd/ip6_mld.c).

As in VPP a link reports once, at the first tick of the process after its interface came up; routers' queries
are not answered.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from vppsh.engine.context import Context
from vppsh.engine.engine import Engine
from vppsh.engine.features.nd.message import ALL_NODES, ALL_ROUTERS, MLDV2_ROUTERS, ip6_packet, solicited_node
from vppsh.engine.features.nd.request import send_to_group
from vppsh.engine.fib.rows import Pool
from vppsh.engine.ip6_link import Ip6Link, Ip6Links
from vppsh.engine.wire import icmp6, ip_protocol
from vppsh.registry import process, table

TICK = 1.0
HOP_LIMIT = 1
CHANGE_TO_EXCLUDE = 4
# Hop-by-hop options: a router alert for MLD (RFC 2711), and two bytes of padding.
ROUTER_ALERT = bytes((ip_protocol.ICMP6, 0, 5, 2, 0, 0, 1, 0))


@dataclass
class Membership:
    """A group, and for how many addresses it is listened to."""

    group: int
    count: int = 1


@dataclass(eq=False)
class Listener:
    """The groups of one link, numbered as VPP numbers them.

    own        the group of the link-local address
    reported   whether the routers know
    """

    link: Ip6Link
    pool: Pool = field(default_factory=Pool)
    by_group: dict[int, int] = field(default_factory=dict)
    own: int | None = None
    reported: bool = False

    @property
    def groups(self) -> list[int]:
        """In the order of their numbers."""
        return [membership.group for membership in self.pool.items if membership is not None]

    def join(self, group: int) -> None:
        """Listen to a group for one address more."""
        if group in self.by_group:
            self.pool.items[self.by_group[group]].count += 1
        else:
            self.by_group[group] = self.pool.add(Membership(group))

    def leave(self, group: int) -> None:
        """Listen to a group for one address less."""
        index = self.by_group.get(group)
        if index is None:
            return
        self.pool.items[index].count -= 1
        if not self.pool.items[index].count:
            del self.by_group[group]
            self.pool.remove(index)

    def report(self) -> bytes:
        """A report of all groups as changed to "whoever sends" (RFC 3810, 5.2)."""
        records = b"".join(bytes((CHANGE_TO_EXCLUDE, 0, 0, 0)) + group.to_bytes(16, "big") for group in self.groups)
        message = bytes((icmp6.MULTICAST_LISTENER_REPORT_V2, 0, 0, 0, 0, 0)) + len(self.groups).to_bytes(2, "big") + records
        return ip6_packet(self.link.address, MLDV2_ROUTERS, HOP_LIMIT, message, ROUTER_ALERT)


class Listeners:
    """The listeners of an engine's Ethernet links."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._by_link: dict[Ip6Link, Listener] = {}
        engine.get(Ip6Links).subscribe(self)

    def of(self, link: Ip6Link) -> Listener | None:
        """The listener of a link."""
        return self._by_link.get(link)

    def link_enabled(self, link: Ip6Link) -> None:
        """Join what every router listens to."""
        if link.multicast is None:
            return
        listener = self._by_link[link] = Listener(link)
        for group in (ALL_NODES, ALL_ROUTERS, MLDV2_ROUTERS):
            listener.join(group)
        self.link_local_changed(link)

    def link_disabled(self, link: Ip6Link) -> None:
        """Forget the groups."""
        self._by_link.pop(link, None)

    def address_changed(self, link: Ip6Link, address: int, length: int, added: bool) -> None:
        """Join or leave the group in which the address is asked for."""
        listener = self._by_link.get(link)
        if listener is not None:
            (listener.join if added else listener.leave)(solicited_node(address))

    def link_local_changed(self, link: Ip6Link) -> None:
        """The same for the link-local address."""
        listener = self._by_link.get(link)
        group = solicited_node(link.address)
        if listener is None or listener.own == group:
            return
        if listener.own is not None:
            listener.leave(listener.own)
        listener.own = group
        listener.join(group)

    def tick(self) -> None:
        """Report where that has not been done since the interface came up."""
        for listener in self._by_link.values():
            up = listener.link.interface.admin_up
            if up and not listener.reported:
                send_to_group(self._engine, listener.link, listener.report())
            listener.reported = up


LISTENERS = table(Listeners)


@process("ip6-mld-process")
def ip6_mld_process(ctx: Context) -> Iterator[float]:
    """Look after the links once a second."""
    while True:
        yield TICK
        ctx.get(Listeners).tick()
