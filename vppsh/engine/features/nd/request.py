"""ND messages of our own: solicitations of a neighbour, announcements of an address.

Counterpart of vnet/ip-neighbor/ip6_neighbor.[ch]. Solicitations leave by the multicast adjacency of the
link, announcements straight by the output node of the interface.
"""

from __future__ import annotations

import numpy as np

from vppsh.engine.adjacency import ETHERTYPES, Adjacencies
from vppsh.engine.buffer_data import make_packet
from vppsh.engine.buffers import HEADROOM, BufferFlag
from vppsh.engine.engine import Engine
from vppsh.engine.features.nd.message import ALL_NODES, HOP_LIMIT, group_mac, ip6_packet, neighbor_message, solicited_node
from vppsh.engine.fib.types import Protocol
from vppsh.engine.frame import Frame
from vppsh.engine.interfaces import LOCAL0, Interface
from vppsh.engine.ip6_link import Ip6Link, Ip6Links
from vppsh.engine.neighbor_counters import Direction, Message, NeighborCounters
from vppsh.engine.neighbors import Neighbors
from vppsh.engine.source_address import of_interface, to_neighbor
from vppsh.engine.wire import icmp6
from vppsh.registry import table


class Solicitations:
    """Sends what an engine has to ask and to announce; the neighbour table asks through it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._links = engine.get(Ip6Links)
        self._counters = engine.get(NeighborCounters)
        engine.get(Neighbors).probes[Protocol.IP6] = self.probe

    def probe(self, sw_if_index: int, address: int) -> None:
        """Ask on an interface who has an address."""
        source = to_neighbor(self._engine, Protocol.IP6, sw_if_index, address)
        link = self._links.find(sw_if_index)
        if source is not None and link is not None:
            self.ask(link, source, address)

    def ask(self, link: Ip6Link, source: int, target: int) -> int | None:
        """Ask on a link who has an address; the buffer of the message, None when there is none left."""
        if link.multicast is None:
            return None
        message = neighbor_message(icmp6.NEIGHBOR_SOLICITATION, 0, target, icmp6.SOURCE_LINK_LAYER_ADDRESS, link.interface.mac)
        index = send_to_group(self._engine, link, ip6_packet(source, solicited_node(target), HOP_LIMIT, message))
        if index is not None:
            self._counters.count(Protocol.IP6, Direction.TX, Message.REQUEST, link.interface.sw_if_index)
        return index

    def announce(self, sw_if_index: int, address: int | None = None) -> None:
        """Tell everybody on a link that an address, or else the interface's first, is ours (an unsolicited advertisement)."""
        interface = self._engine.interfaces[sw_if_index]
        if address is None:
            address = of_interface(self._engine, Protocol.IP6, sw_if_index)
        if address is None:
            return
        message = neighbor_message(
            icmp6.NEIGHBOR_ADVERTISEMENT, icmp6.FLAG_OVERRIDE, address, icmp6.TARGET_LINK_LAYER_ADDRESS, interface.mac
        )
        if send_out(self._engine, interface, ALL_NODES, ip6_packet(address, ALL_NODES, HOP_LIMIT, message)):
            self._counters.count(Protocol.IP6, Direction.TX, Message.GRATUITOUS, sw_if_index)


def send_out(engine: Engine, interface: Interface, group: int, packet: bytes) -> bool:
    """Let a packet of our own to a multicast group leave straight by an interface; False when there is no buffer left."""
    buffers = engine.buffers
    index = make_packet(buffers, packet)
    if index is None:
        return False
    header = Adjacencies.ethernet_header(interface, group_mac(group), ETHERTYPES[Protocol.IP6])
    buffers.data[index, HEADROOM - len(header) : HEADROOM] = np.frombuffer(header, np.uint8)
    buffers.current_data[index] = -len(header)
    buffers.current_length[index] += len(header)
    buffers.rx_sw_if_index[index] = buffers.tx_sw_if_index[index] = interface.sw_if_index
    frame = Frame(slice(index, index + 1), 1, offset=-len(header), rx=interface.sw_if_index)
    engine.dispatcher.send(interface.hardware.output, frame)
    return True


def send_to_group(engine: Engine, link: Ip6Link, packet: bytes) -> int | None:
    """Let a packet of our own to a multicast group leave by a link; its buffer, None when there is none left."""
    buffers = engine.buffers
    index = None if link.multicast is None else make_packet(buffers, packet)
    if index is None or link.multicast is None:
        return None
    buffers.flags[index] = np.uint32(BufferFlag.LOCALLY_ORIGINATED)
    buffers.rx_sw_if_index[index] = LOCAL0
    buffers.tx_sw_if_index[index] = link.interface.sw_if_index
    buffers.adj_index[index] = link.multicast.index
    engine.dispatcher.send(engine.graph["ip6-rewrite-mcast"], Frame(slice(index, index + 1), 1, offset=0, rx=LOCAL0))
    return index


SOLICITATIONS = table(Solicitations)
