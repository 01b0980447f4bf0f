"""IPsec interfaces: tunnels without a header of their own; the associations that protect one bring it.

VPP counterpart: vnet/ipsec/ipsec_itf.c.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from vppsh.engine.adjacency import OUTPUT_ARCS
from vppsh.engine.adjacency_types import Adjacency
from vppsh.engine.fib.fib import Fib
from vppsh.engine.fib.rows import Pool
from vppsh.engine.fib.types import Prefix
from vppsh.engine.interfaces import DeviceClass, HardwareClass, Interface, TunnelEnds
from vppsh.engine.ipsec.protect import DROP_NODES, NextHop, Protects
from vppsh.engine.tunnel.flags import Mode
from vppsh.engine.tunnel.midchain import Attribute, Encap, Endpoint, Midchains, update_adjacency
from vppsh.errors import CommandError

if TYPE_CHECKING:
    from vppsh.engine.engine import Engine

MAX_INSTANCES = 16 * 1024
MTU = 9000
ANY = -1


@dataclass(eq=False)
class IpsecInterface:
    """One interface: its place in listings, the number in its name, whether it has one peer or several."""

    index: int
    instance: int
    mode: Mode
    interface: Interface = field(init=False)


DEVICE = DeviceClass("IPSEC Tunnel", None, tunnel_ends=lambda interface: TunnelEnds())
P2P = HardwareClass("IPSec", point_to_point=True, update_adjacency=update_adjacency)
P2MP = HardwareClass("IPSec", nbma=True, update_adjacency=update_adjacency)


class IpsecInterfaces:
    """The IPsec interfaces of an engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._fib = engine.get(Fib)
        self._midchains = engine.get(Midchains)
        self._protects = engine.get(Protects)
        self._pool = Pool()
        self._instances: set[int] = set()

    def __iter__(self) -> Iterator[IpsecInterface]:
        """In the order of their indices."""
        return (itf for itf in self._pool.items if itf is not None)

    def create(self, instance: int, mode: Mode) -> IpsecInterface:
        """A new interface `ipsecINSTANCE`; ANY takes the lowest number that is free."""
        if instance == ANY:
            instance = next(number for number in range(MAX_INSTANCES + 1) if number not in self._instances)
        if not 0 <= instance < MAX_INSTANCES or instance in self._instances:
            raise CommandError("iPSec interface create failed")
        self._instances.add(instance)
        itf = IpsecInterface(0, instance, mode)
        itf.index = self._pool.add(itf)
        hardware_class = P2P if mode is Mode.P2P else P2MP
        itf.interface = self._engine.interfaces.add_hardware(f"ipsec{instance}", DEVICE, hardware_class, mtu=MTU, device=itf)
        self._midchains.attach(itf.interface, self._describe)
        for link, node in DROP_NODES.items():
            # Nothing leaves unprotected.
            if self._engine.arcs.find(OUTPUT_ARCS[link]) is not None:
                self._engine.arcs.set_end(OUTPUT_ARCS[link], itf.interface.sw_if_index, node)
        return itf

    def delete(self, interface: Interface) -> None:
        """Take an interface away."""
        itf = interface.hardware.device
        if not isinstance(itf, IpsecInterface):
            raise CommandError("ipsec interface delete failed")
        self._instances.discard(itf.instance)
        self._engine.interfaces.delete(interface)
        self._pool.remove(itf.index)

    def _describe(self, adjacency: Adjacency) -> Encap:
        """Packets go to the far end of the association that they leave by; nowhere before there is one."""
        interface = self._engine.interfaces[adjacency.interface]
        protection = self._protects.find(interface, NextHop(adjacency.protocol, adjacency.next_hop))
        if protection is None:
            return Encap(attributes=Attribute.IP_STACK)
        tunnel = protection.output.tunnel.config
        table = self._fib.tables(tunnel.dst_family).find(tunnel.table_id)
        far_end = Prefix(tunnel.dst_family, tunnel.dst, tunnel.dst_family.bits)
        return Encap(attributes=Attribute.IP_STACK, endpoint=Endpoint(table.index if table is not None else 0, far_end))
