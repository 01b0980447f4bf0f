"""ARP messages of our own: requests for a neighbour, announcements of an address.

Counterpart of vnet/ip-neighbor/ip4_neighbor.[ch]. They go straight to the output node of the interface.
"""

from __future__ import annotations

import numpy as np

from vppsh.engine.adjacency import BROADCAST, Adjacencies, Adjacency
from vppsh.engine.buffers import HEADROOM, BufferFlag
from vppsh.engine.engine import Engine
from vppsh.engine.fib.types import Protocol
from vppsh.engine.frame import Frame
from vppsh.engine.interfaces import LOCAL0, Interface
from vppsh.engine.neighbor_counters import Direction, Message, NeighborCounters
from vppsh.engine.neighbors import Neighbors
from vppsh.engine.source_address import to_neighbor
from vppsh.engine.wire import arp, ethertype
from vppsh.registry import table

UNKNOWN_MAC = bytes(6)


class ArpRequests:
    """Sends what an engine has to ask and to announce; the neighbour table asks through it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._adjacencies = engine.get(Adjacencies)
        self._counters = engine.get(NeighborCounters)
        engine.get(Neighbors).probes[Protocol.IP4] = self.probe

    def probe(self, sw_if_index: int, address: int) -> None:
        """Ask on an interface who has an address; an interface without an address of its own cannot."""
        source = to_neighbor(self._engine, Protocol.IP4, sw_if_index, address)
        gleans = self._adjacencies.gleans_of(sw_if_index, Protocol.IP4)
        if source is not None and gleans:
            self.ask(gleans[0], source, address)

    def ask(self, adjacency: Adjacency, source: int, target: int) -> bool:
        """Ask through an adjacency, whose rewrite is the Ethernet header; False when there is no buffer left."""
        length = int(self._adjacencies.rewrite_length[adjacency.index])
        header = self._adjacencies.rewrite[adjacency.index, :length].tobytes()
        interface = self._engine.interfaces[adjacency.interface]
        sent = self._send(interface, header, source, UNKNOWN_MAC, target, BufferFlag.LOCALLY_ORIGINATED, LOCAL0)
        if sent:
            self._counters.count(Protocol.IP4, Direction.TX, Message.REQUEST, interface.sw_if_index)
        return sent

    def announce(self, sw_if_index: int, address: int | None = None) -> None:
        """Tell everybody on a link that an address, or else one of the interface's, is ours (a gratuitous request)."""
        if address is None:
            address = to_neighbor(self._engine, Protocol.IP4, sw_if_index)
        if address is None:
            return
        interface = self._engine.interfaces[sw_if_index]
        header = self._adjacencies.ethernet_header(interface, BROADCAST, ethertype.ARP)
        if self._send(interface, header, address, interface.mac, address, BufferFlag(0), sw_if_index):
            self._counters.count(Protocol.IP4, Direction.TX, Message.GRATUITOUS, sw_if_index)

    def _send(self, interface: Interface, header: bytes, source: int, target_mac: bytes, target: int, flags: BufferFlag, rx: int) -> bool:
        """Make a request and let it wait for the interface's output node."""
        buffers = self._engine.buffers
        rows = buffers.allocate(1)
        if rows is None:
            return False
        buffers.reset(rows)
        message = np.zeros(1, arp.HEADER)
        message["hardware_type"] = arp.HARDWARE_ETHERNET
        message["protocol_type"] = ethertype.IP4
        message["hardware_length"], message["protocol_length"] = 6, 4
        message["opcode"] = arp.REQUEST
        message["sender_mac"] = np.frombuffer(interface.mac, np.uint8)
        message["sender_ip4"] = source
        message["target_mac"] = np.frombuffer(target_mac, np.uint8)
        message["target_ip4"] = target
        data = np.frombuffer(header + message.tobytes(), np.uint8)
        start = HEADROOM - len(header)
        buffers.data[rows, start : start + len(data)] = data
        buffers.current_data[rows] = -len(header)
        buffers.current_length[rows] = len(data)
        buffers.flags[rows] = np.uint32(flags)
        buffers.rx_sw_if_index[rows] = rx
        buffers.tx_sw_if_index[rows] = interface.sw_if_index
        self._engine.dispatcher.send(interface.hardware.output, Frame(rows, 1, offset=-len(header), rx=rx))
        return True


ARP_REQUESTS = table(ArpRequests)
