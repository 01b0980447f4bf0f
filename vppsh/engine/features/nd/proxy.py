"""ip6-unicast-nd-proxy and ip6-multicast-nd-proxy: answer for whatever address is asked for on an interface.

Counterpart of vnet/ip6-nd/ip6_nd_mirror_proxy.c. The features see ND messages ahead of the lookup: those to a
group are answered and learned from, those to an address are answered when the FIB knows just that address.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from msgspec import Struct

from vppsh.engine.context import Context, Nexts
from vppsh.engine.engine import Engine
from vppsh.engine.features.nd.neighbor import NeighborDiscovery, NeighborMessage, read_message
from vppsh.engine.fib.fib import Fib
from vppsh.engine.fib.types import EntryFlag, Prefix, Protocol, RoutePath, Source
from vppsh.engine.frame import Frame
from vppsh.engine.link_local import is_link_local
from vppsh.engine.neighbors import Neighbors
from vppsh.engine.wire import icmp6, ip6, ip_protocol
from vppsh.engine.wire.ip6 import from_halves
from vppsh.registry import feature, node

TO_DROP, REPLY = range(2)
NEXTS = ("ip6-drop", "interface-output")
UNICAST, MULTICAST = "ip6-unicast-nd-proxy", "ip6-multicast-nd-proxy"
FEATURES = (
    feature("ip6-unicast", UNICAST, before=("ip6-lookup",)),
    feature("ip6-multicast", MULTICAST, before=("ip6-mfib-forward-lookup",)),
)
OCTET = np.dtype("u1")


class ProxyTrace(Struct, frozen=True):
    """Which interface, and whether the message was sent to a group."""

    interface: str
    multicast: bool


def format_proxy_trace(view: Any, record: ProxyTrace) -> str:
    """`   pg0 multicast `."""
    return f"   {record.interface} {'multicast' if record.multicast else 'unicast'} "


def _unicast(discovery: NeighborDiscovery, index: int, message: NeighborMessage, kind: int, destination: int) -> int | None:
    """The next of a message to an address; None to let it pass."""
    if discovery.find_entry(int(discovery.buffers.rx_sw_if_index[index]), destination) is None:
        return None
    discovery.make_advertisement(index, message)
    return REPLY


def _multicast(discovery: NeighborDiscovery, index: int, message: NeighborMessage, kind: int, destination: int) -> int | None:
    """The next of a message to a group; None to let it pass."""
    if message.mac is None or not message.source or is_link_local(message.source):
        return None
    if kind == icmp6.NEIGHBOR_ADVERTISEMENT:
        discovery.learn(index, message, message.target)
        return TO_DROP
    discovery.learn(index, message, message.source)
    discovery.make_advertisement(index, message)
    return REPLY


Handler = Callable[[NeighborDiscovery, int, NeighborMessage, int, int], int | None]


def _proxy(name: str, handle: Handler) -> Callable[[Context, Frame], Nexts]:
    """A feature that looks at the ND messages among the packets."""

    def nd_proxy(ctx: Context, frame: Frame) -> Nexts:
        buffers = ctx.buffers
        nexts = ctx.engine.arcs.next(ctx, frame)
        header = buffers.load(frame, ip6.HEADER)
        kinds = buffers.load(frame, OCTET, ip6.HEADER.itemsize)
        messages = (kinds == icmp6.NEIGHBOR_SOLICITATION) | (kinds == icmp6.NEIGHBOR_ADVERTISEMENT)
        messages &= header["protocol"] == ip_protocol.ICMP6
        if not messages.any():
            return nexts
        each = np.empty(frame.n, np.int32)
        each[:] = nexts
        discovery, rows = NeighborDiscovery(ctx), frame.indices(buffers)
        traced = {position for position, _ in ctx.traced(frame)}
        for position in np.flatnonzero(messages).tolist():
            index, kind = int(rows[position]), int(kinds[position])
            option = icmp6.SOURCE_LINK_LAYER_ADDRESS if kind == icmp6.NEIGHBOR_SOLICITATION else icmp6.TARGET_LINK_LAYER_ADDRESS
            name_of = ctx.engine.interfaces[int(buffers.rx_sw_if_index[index])].name
            found = handle(discovery, index, read_message(buffers, index, option), kind, from_halves(header["dst"][position]))
            each[position] = each[position] if found is None else found
            if position in traced:
                ctx.trace(index, ProxyTrace(name_of, name == MULTICAST))
        frame.offset = frame.rx = None
        return each

    return nd_proxy


NODES = (
    node(UNICAST, nexts=NEXTS, trace=format_proxy_trace)(_proxy(UNICAST, _unicast)),
    node(MULTICAST, nexts=NEXTS, trace=format_proxy_trace)(_proxy(MULTICAST, _multicast)),
)


class NdProxies:
    """Which addresses are answered for by configuration (ip6_nd_proxy.c), and on which interfaces all are."""

    def __init__(self, engine: Engine) -> None:
        self._arcs = engine.arcs
        self._fib = engine.get(Fib)
        self._neighbors = engine.get(Neighbors)

    def add(self, sw_if_index: int, address: int) -> None:
        """Answer for an address that is reached by an interface."""
        prefix, path = self._route(sw_if_index, address)
        self._fib.table_of(Protocol.IP6, sw_if_index).path_add(prefix, Source.IP6_ND_PROXY, EntryFlag.NONE, [path])

    def delete(self, sw_if_index: int, address: int) -> None:
        """No longer answer for it, and forget where it is."""
        prefix, path = self._route(sw_if_index, address)
        self._fib.table_of(Protocol.IP6, sw_if_index).path_remove(prefix, Source.IP6_ND_PROXY, [path])
        self._neighbors.delete(Protocol.IP6, sw_if_index, address)

    def answer_all(self, sw_if_index: int, enabled: bool) -> None:
        """Answer for every address that is asked for on an interface, or no longer."""
        self._arcs.enable("ip6-unicast", UNICAST, sw_if_index, enabled)
        self._arcs.enable("ip6-multicast", MULTICAST, sw_if_index, enabled)

    @staticmethod
    def _route(sw_if_index: int, address: int) -> tuple[Prefix, RoutePath]:
        return Prefix(Protocol.IP6, address, Protocol.IP6.bits), RoutePath(Protocol.IP6, address, sw_if_index)
