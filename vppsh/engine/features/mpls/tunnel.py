"""MPLS tunnels: interfaces whose packets get labels and leave by paths of their own, without a route (RFC 3209's use).

Counterpart of vnet/mpls/mpls_tunnel.c. The adjacencies of such an interface are midchains that write nothing; each is
stacked on a load-balance of the tunnel's paths, with their labels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from vppsh.engine.adjacency_types import Adjacency, Reason
from vppsh.engine.context import Context
from vppsh.engine.features.mpls import popped
from vppsh.engine.fib import path_list
from vppsh.engine.fib.chains import labelled
from vppsh.engine.fib.dpo import Dpo, DpoType
from vppsh.engine.fib.extension import PathExtension, insert
from vppsh.engine.fib.fib import Fib
from vppsh.engine.fib.load_balance import NextHop
from vppsh.engine.fib.path import CHAIN_OF
from vppsh.engine.fib.path_list import PathList
from vppsh.engine.fib.rows import Pool
from vppsh.engine.fib.types import PathListFlag, Protocol, RoutePath
from vppsh.engine.frame import Frame
from vppsh.engine.interfaces import DOWN, Change, DeviceClass, HardwareClass, Interface
from vppsh.engine.tunnel.midchain import Data, Encap, Midchains
from vppsh.registry import table

if TYPE_CHECKING:
    from vppsh.engine.engine import Engine

MTU = 9000


@dataclass(eq=False)
class MplsTunnel:
    """One tunnel; `load_balances` by adjacency."""

    tunnels: MplsTunnels
    index: int
    interface: Interface = field(init=False)
    path_list: PathList | None = None
    extensions: list[PathExtension] = field(default_factory=list)
    load_balances: dict[int, int] = field(default_factory=dict)

    @property
    def child_name(self) -> str:
        """What a list of dependents calls it."""
        return f"mpls-tunnel:{self.index}"

    def back_walk(self, reason: Reason, depth: int = 0) -> None:
        """A path goes elsewhere now."""
        self.tunnels.restack(self)


def _push_anew(ctx: Context, frame: Frame, data: Data) -> None:
    """Labels that the tunnel pushes do not take the place of one popped before."""
    popped.not_first(ctx.buffers, frame.rows)


def _format_device(interface: Interface) -> str:
    return f"MPLS-tunnel: id {interface.hardware.device.index}\n"


def _update_adjacency(engine: Engine, adjacency: Adjacency) -> None:
    engine.get(MplsTunnels).update(adjacency)


DEVICE = DeviceClass("MPLS tunnel device", None, format_device=_format_device)
HARDWARE = HardwareClass("MPLS-Tunnel", point_to_point=True, update_adjacency=_update_adjacency)


class MplsTunnels:
    """The MPLS tunnels of an engine."""

    def __init__(self, engine: Engine) -> None:
        self._interfaces = engine.interfaces
        self._fib = engine.get(Fib)
        self._midchains = engine.get(Midchains)
        self._pool = Pool()
        self._by_interface: dict[int, MplsTunnel] = {}
        self._fib.adjacencies.freed.append(self._adjacency_freed)
        engine.interfaces.subscribe(self._interface_changed)

    def __iter__(self) -> Iterator[MplsTunnel]:
        """In the order of their numbers."""
        return (tunnel for tunnel in self._pool.items if tunnel is not None)

    def find(self, index: int) -> MplsTunnel | None:
        """The tunnel of that number, if there is one."""
        return self._pool.get(index)

    def of_interface(self, sw_if_index: int) -> MplsTunnel | None:
        """The tunnel of an interface, if it is one's."""
        return self._by_interface.get(sw_if_index)

    def create(self) -> MplsTunnel:
        """A new tunnel without paths."""
        tunnel = MplsTunnel(self, -1)
        tunnel.index = self._pool.add(tunnel)
        tunnel.interface = self._interfaces.add_hardware(f"mpls-tunnel{tunnel.index}", DEVICE, HARDWARE, mtu=MTU, device=tunnel)
        self._by_interface[tunnel.interface.sw_if_index] = tunnel
        self._midchains.attach(tunnel.interface, _describe)
        return tunnel

    def delete(self, tunnel: MplsTunnel) -> None:
        """Take a tunnel away."""
        if tunnel.path_list is not None:
            tunnel.path_list.unfollow(tunnel)
            tunnel.path_list = None
        self._interfaces.set_state(tunnel.interface, DOWN)
        self._interfaces.delete(tunnel.interface)
        del self._by_interface[tunnel.interface.sw_if_index]
        for index in list(tunnel.load_balances):
            self._free(tunnel, index)
        self._pool.remove(tunnel.index)

    def add_paths(self, tunnel: MplsTunnel, routes: Sequence[RoutePath]) -> None:
        """Send packets by further paths, with the labels that these have."""
        old = tunnel.path_list
        if old is None:
            tunnel.path_list = path_list.create(self._fib, PathListFlag.SHARED, routes)
        else:
            tunnel.path_list = path_list.copy_and_add(old, PathListFlag.SHARED, routes)
        tunnel.path_list.follow(tunnel)
        if old is not None:
            old.unfollow(tunnel)
        for extension in tunnel.extensions:
            extension.resolve(tunnel.path_list)
        for route in routes:
            insert(tunnel.extensions, PathExtension(route, tunnel.path_list))
        self.restack(tunnel)

    def remove_paths(self, tunnel: MplsTunnel, routes: Sequence[RoutePath]) -> bool:
        """Take paths away; whether there are any left."""
        old = tunnel.path_list
        if old is None:
            return False
        new = path_list.copy_and_remove(old, PathListFlag.SHARED, routes)
        tunnel.path_list = new
        if new is not None:
            new.follow(tunnel)
        old.unfollow(tunnel)
        if new is None:
            return False
        gone = {route.sort_key() for route in routes}
        tunnel.extensions = [extension for extension in tunnel.extensions if extension.route.sort_key() not in gone]
        for extension in tunnel.extensions:
            extension.resolve(new)
        self.restack(tunnel)
        return True

    # Its adjacencies.

    def update(self, adjacency: Adjacency) -> None:
        """Build a new adjacency of a tunnel's interface."""
        self._midchains.update(adjacency)
        tunnel = self._by_interface.get(adjacency.interface)
        if tunnel is not None:
            self._stack(tunnel, adjacency)

    def restack(self, tunnel: MplsTunnel) -> None:
        """Stack every adjacency anew."""
        for adjacency in self._midchains.of(tunnel.interface.sw_if_index):
            self._stack(tunnel, adjacency)

    def _stack(self, tunnel: MplsTunnel, adjacency: Adjacency) -> None:
        paths = tunnel.path_list
        if paths is None or adjacency.midchain is None:
            return
        # An adjacency that a path makes on the way would lead back here.
        paths.lock()
        paths.followers.pop(tunnel, None)
        if tunnel.interface.hardware.link_up:
            row = self._fib.load_balances.create(CHAIN_OF[adjacency.link].protocol)
            self._fib.load_balances.update(row, self._next_hops(tunnel, paths, adjacency.link))
            self._midchains.stack(adjacency, Dpo(int(DpoType.LOAD_BALANCE), int(adjacency.link), row))
            self._free(tunnel, adjacency.index)
            tunnel.load_balances[adjacency.index] = row
        else:
            self._midchains.unstack(adjacency)
            self._free(tunnel, adjacency.index)
        paths.followers[tunnel] = None
        paths.unlock()

    @staticmethod
    def _next_hops(tunnel: MplsTunnel, paths: PathList, link: Protocol) -> list[NextHop]:
        extensions = {extension.path: extension for extension in tunnel.extensions if extension.path is not None}
        hops = []
        for path in paths.paths:
            extension = extensions.get(path)
            if not path.is_resolved or extension is None:
                continue
            # The TTL is decremented on the way into the tunnel already.
            extension.keeps_ip_ttl = True
            held = labelled(path, extension, CHAIN_OF[link], Protocol.MPLS)
            if held is not None:
                hops.append(NextHop(held.dpo, path.weight, path.index, held.release))
        return hops

    def _free(self, tunnel: MplsTunnel, adjacency: int) -> None:
        row = tunnel.load_balances.pop(adjacency, None)
        if row is not None:
            self._fib.load_balances.destroy(row)

    def _adjacency_freed(self, adjacency: Adjacency) -> None:
        tunnel = self._by_interface.get(adjacency.interface)
        if tunnel is not None:
            self._free(tunnel, adjacency.index)

    def _interface_changed(self, change: Change, interface: Interface) -> None:
        tunnel = self._by_interface.get(interface.sw_if_index)
        if tunnel is not None and change is Change.LINK:
            self.restack(tunnel)


def _describe(adjacency: Adjacency) -> Encap:
    """No header: the labels are those of the path that a packet takes."""
    return Encap(fixup=_push_anew)


MPLS_TUNNELS = table(MplsTunnels)
