"""Protected tunnels: which association the packets of a tunnel's adjacencies leave by, and by which ones packets come in.

VPP counterpart: vnet/ipsec/ipsec_tun.c. A tunnel interface with one peer has one protection, one with many has one for each peer.
An IPsec interface has no encapsulation of its own: its association brings it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from vppsh.engine.adjacency import OUTPUT_ARCS, Adjacencies
from vppsh.engine.adjacency_types import MIDCHAINS, Adjacency
from vppsh.engine.fib.rows import Pool
from vppsh.engine.fib.types import Protocol
from vppsh.engine.interfaces import Change, Interface, TunnelEnds
from vppsh.engine.ipsec.lookups import InputLookups, Peer
from vppsh.engine.ipsec.sa import Sa, SaFlag, Sas
from vppsh.engine.ipsec.udp import IpsecPorts
from vppsh.engine.tunnel.midchain import Midchains
from vppsh.engine.tunnel.teib import Teib, TeibEntry
from vppsh.engine.uniform import common

if TYPE_CHECKING:
    from vppsh.engine.engine import Engine

MAX_INPUTS = 4
NOBODY = -1
NOT_ASKED = -2
NODES = {Protocol.IP4: "esp4-encrypt-tun", Protocol.IP6: "esp6-encrypt-tun", Protocol.MPLS: "esp-mpls-encrypt-tun"}
DROP_NODES = {Protocol.IP4: "ip4-drop", Protocol.IP6: "ip6-drop", Protocol.MPLS: "mpls-drop"}


class NextHop(Struct, frozen=True):
    """Whom a protection is for, on a tunnel to many; zero on one to one peer, mostly."""

    family: Protocol = Protocol.IP4
    address: int = 0


@dataclass(eq=False)
class Protection:
    """One protection.

    tunnel   the ends of the tunnel, `crypto` those between which packets are protected
    encaped  the associations bring another header than the tunnel's
    bare     on an IPsec interface: only theirs
    layer2   the tunnel carries Ethernet
    """

    index: int
    interface: Interface
    next_hop: NextHop
    tunnel: TunnelEnds
    output: Sa
    inputs: list[Sa] = field(default_factory=list)
    crypto: TunnelEnds = field(default_factory=TunnelEnds)
    encaped: bool = False
    bare: bool = False
    layer2: bool = False

    @property
    def sw_if_index(self) -> int:
        """Of the tunnel's interface."""
        return self.interface.sw_if_index

    @property
    def plain(self) -> bool:
        """Whether it has no flags."""
        return not (self.encaped or self.bare or self.layer2)

    def peers(self) -> list[tuple[Peer, Sa]]:
        """By what packets find it: its other end, and the SPI of each association."""
        if not self.crypto.dst:
            return []
        return [(Peer(self.crypto.family, self.crypto.dst, sa.spi), sa) for sa in self.inputs]


class Protects:
    """The protections of an engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._sas: Sas = engine.get(Sas)
        self._ports: IpsecPorts = engine.get(IpsecPorts)
        self._adjacencies = engine.get(Adjacencies)
        self._midchains = engine.get(Midchains)
        self._teib = engine.get(Teib)
        self._pool = Pool()
        self._of_interface: dict[int, dict[NextHop, Protection]] = {}
        self._outputs: NDArray[np.int32] = np.full(64, NOT_ASKED, np.int32)
        self.lookups = InputLookups()
        self._adjacencies.freed.append(self._forget)
        self._teib.subscribe(self._teib_changed)
        engine.interfaces.subscribe(self._interface_changed)

    def __iter__(self) -> Iterator[Protection]:
        """In the order of their indices."""
        return (protection for protection in self._pool.items if protection is not None)

    def find(self, interface: Interface, next_hop: NextHop) -> Protection | None:
        """The protection of an interface towards a next hop, which matters on one to many only."""
        known = self._of_interface.get(interface.sw_if_index, {})
        if interface.hardware.hardware_class.point_to_point:
            return next(iter(known.values()), None)
        return known.get(next_hop)

    # Configuration.

    def update(self, interface: Interface, next_hop: NextHop, output_id: int | None, input_ids: Sequence[int]) -> None:
        """Protect a tunnel, or change its associations; what cannot be is passed over in silence, as in VPP.

        Associations that were found then stay locked, also as in VPP.
        """
        if len(input_ids) > MAX_INPUTS:
            return
        found = [self._lock(sa_id) for sa_id in (*input_ids, output_id)]
        chosen = [sa for sa in found if sa is not None]
        protection = self.find(interface, next_hop)
        if len(chosen) < len(found):
            return
        if protection is None:
            protection = self._create(interface, next_hop, chosen[-1])
            if protection is None:
                return
        else:
            self._withdraw(protection)
        self._configure(protection, chosen[-1], chosen[:-1])
        for sa in chosen:
            self._sas.unlock(sa)

    def delete(self, interface: Interface, next_hop: NextHop) -> None:
        """Protect a tunnel no longer; silent when it is not."""
        protection = self.find(interface, next_hop)
        if protection is not None:
            self._delete(protection)

    def _lock(self, sa_id: int | None) -> Sa | None:
        sa = self._sas.find(sa_id) if sa_id is not None else None
        if sa is not None:
            self._sas.lock(sa)
        return sa

    def _create(self, interface: Interface, next_hop: NextHop, output: Sa) -> Protection | None:
        ends_of = interface.hardware.device_class.tunnel_ends
        ends = ends_of(interface) if ends_of is not None else None
        if ends is None or (not ends.src and not output.has(SaFlag.TUNNEL)):
            return None
        protection = Protection(0, interface, next_hop, ends, output, bare=not ends.src, layer2=ends.layer2)
        if ends.src and not ends.dst:
            self._follow_teib(protection, self._teib.find(protection.sw_if_index, next_hop.family, next_hop.address))
        protection.index = self._pool.add(protection)
        return protection

    def _delete(self, protection: Protection) -> None:
        self._withdraw(protection)
        self._pool.remove(protection.index)

    def _configure(self, protection: Protection, output: Sa, inputs: list[Sa]) -> None:
        protection.output, protection.inputs = output, inputs
        for sa in (output, *inputs):
            self._sas.lock(sa)
        if protection.bare:
            output.flags |= SaFlag.NO_ALGO_NO_DROP
        self._set_crypto(protection)
        self._receive(protection)
        self._send(protection)

    def _withdraw(self, protection: Protection) -> None:
        for sa in protection.inputs:
            sa.flags &= ~SaFlag.PROTECT
        self._stop_receiving(protection)
        self._stop_sending(protection)
        protection.output.flags &= ~SaFlag.NO_ALGO_NO_DROP
        for sa in (protection.output, *protection.inputs):
            self._sas.unlock(sa)

    def _set_crypto(self, protection: Protection) -> None:
        """Between which addresses packets are protected: those of the associations' tunnels, or else of the tunnel itself."""
        for sa in protection.inputs:
            if sa.has(SaFlag.TUNNEL):
                config = sa.tunnel.config
                protection.crypto = TunnelEnds(config.src_family, config.dst, config.src)
                if not protection.bare:
                    sa.flags |= SaFlag.PROTECT
                    protection.encaped = True
            else:
                protection.crypto = protection.tunnel
                protection.encaped = False

    # What comes in.

    def _receive(self, protection: Protection) -> None:
        for peer, sa in protection.peers():
            self.lookups.set(peer, protection.index, sa.index, protection.sw_if_index, protection.encaped)
            self._ports.register_tunnel(peer.family)

    def _stop_receiving(self, protection: Protection) -> None:
        for peer, _ in protection.peers():
            if self.lookups.remove(peer):
                self._ports.unregister_tunnel(peer.family)

    # What leaves.

    def output_of(self, adjacencies: NDArray[np.int32]) -> NDArray[np.int32]:
        """The index of the association that packets of adjacencies leave by, NOBODY for none."""
        one = common(adjacencies)
        if one is not None and one < len(self._outputs) and self._outputs[one] != NOT_ASKED:
            return np.full(len(adjacencies), self._outputs[one])
        highest = int(adjacencies.max())
        if highest >= len(self._outputs):
            grown = np.full(max(2 * len(self._outputs), highest + 1), NOT_ASKED, np.int32)
            grown[: len(self._outputs)] = self._outputs
            self._outputs = grown
        found = self._outputs[adjacencies]
        if not np.count_nonzero(found == NOT_ASKED):
            return found
        for index in np.unique(adjacencies).tolist():
            self._outputs[index] = self._output_of(self._adjacencies.find(index))
        return self._outputs[adjacencies]

    def _output_of(self, adjacency: Adjacency | None) -> int:
        if adjacency is None or adjacency.kind not in MIDCHAINS:
            return NOBODY
        interface = self._engine.interfaces[adjacency.interface]
        protection = self.find(interface, NextHop(adjacency.protocol, adjacency.next_hop))
        return NOBODY if protection is None else protection.output.index

    def _send(self, protection: Protection) -> None:
        known = self._of_interface.setdefault(protection.sw_if_index, {})
        first = not known
        known[protection.next_hop] = protection
        if first:
            link = None if protection.bare else protection.tunnel.family
            self._set_ends(protection.interface, {each: NODES[link if link is not None else each] for each in NODES})
        self._look_again(protection)
        if not protection.interface.hardware.hardware_class.point_to_point:
            self._ports.register_tunnel(protection.next_hop.family)

    def _stop_sending(self, protection: Protection) -> None:
        known = self._of_interface[protection.sw_if_index]
        del known[protection.next_hop]
        if not known:
            # As in VPP packets of the tunnel are dropped from now on; they do not leave in the clear.
            self._set_ends(protection.interface, DROP_NODES)
        self._look_again(protection)
        if not protection.interface.hardware.hardware_class.point_to_point:
            self._ports.unregister_tunnel(protection.next_hop.family)

    def _set_ends(self, interface: Interface, nodes: dict[Protocol, str]) -> None:
        """Where packets of each protocol go behind the output features of a tunnel."""
        for link, node in nodes.items():
            if self._engine.arcs.find(OUTPUT_ARCS[link]) is not None:
                self._engine.arcs.set_end(OUTPUT_ARCS[link], interface.sw_if_index, node)

    def _look_again(self, protection: Protection) -> None:
        """Let the adjacencies of a protection send to what is behind the features now, and their outputs be looked up anew."""
        for adjacency in self._midchains.of(protection.sw_if_index):
            self._forget(adjacency)
            end = self._engine.arcs[OUTPUT_ARCS[adjacency.link]].end_on(protection.sw_if_index)
            if adjacency.kind in MIDCHAINS and end is not None:
                self._midchains.set_output(adjacency, end)
            if protection.bare:
                self._midchains.update(adjacency)

    def _forget(self, adjacency: Adjacency) -> None:
        if adjacency.index < len(self._outputs):
            self._outputs[adjacency.index] = NOT_ASKED

    # What happens around.

    def _follow_teib(self, protection: Protection, entry: TeibEntry | None) -> None:
        """The far end of a peer on a tunnel to many."""
        far_end = entry.endpoint.prefix.address if entry is not None else 0
        protection.tunnel = replace(protection.tunnel, dst=far_end)

    def _teib_changed(self, entry: TeibEntry, added: bool) -> None:
        if entry.sw_if_index not in self._engine.interfaces:
            return
        interface = self._engine.interfaces[entry.sw_if_index]
        protection = self.find(interface, NextHop(entry.peer.protocol, entry.peer.address))
        if protection is None:
            return
        self._stop_receiving(protection)
        self._follow_teib(protection, entry if added else None)
        self._set_crypto(protection)
        if added:
            self._receive(protection)

    def _interface_changed(self, change: Change, interface: Interface) -> None:
        if change is Change.DELETED:
            for protection in list(self._of_interface.get(interface.sw_if_index, {}).values()):
                self._delete(protection)
            self._of_interface.pop(interface.sw_if_index, None)
