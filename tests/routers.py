"""An engine with three interfaces and neighbours behind them, for tests of the nodes that packets meet between them."""

from __future__ import annotations

import ipaddress

import numpy as np

from tests.graphs import fill
from vppsh.engine.addresses import Addresses
from vppsh.engine.buffer_data import make_packet
from vppsh.engine.clock import FakeClock
from vppsh.engine.engine import Engine
from vppsh.engine.features.ip4.errors import IP4_ERRORS
from vppsh.engine.fib.types import Protocol
from vppsh.engine.frame import Frame
from vppsh.engine.interfaces import ETHERNET, UP, DeviceClass, Interface, NodeFunction
from vppsh.engine.neighbors import NeighborFlag, Neighbors
from vppsh.registry import Catalog, discover

CATALOG: Catalog = discover(("vppsh.engine.features",))
LINKS = range(3)


def mac(link: int) -> bytes:
    """Our address on a link."""
    return bytes((2, 0xFE, 0, 0, 0, link))


def neighbor_mac(link: int) -> bytes:
    """That of our neighbour there."""
    return bytes((2, 0, 0, 0, link, 2))


def number(address: str) -> int:
    """An address as a number."""
    return int(ipaddress.ip_address(address))


class Router:
    """Interfaces if0 (10.0.0.1/24, 2001:db8::1/64), if1 (10.0.1.1/24, 2001:db8:1::1/64) and if2, a neighbour .2 on each.

    left  what has left, as (name of the interface, bytes of the frame)
    """

    def __init__(self, *, ip6: bool = False, catalog: Catalog = CATALOG) -> None:
        self.clock = FakeClock()
        self.engine = Engine(catalog, clock=self.clock, random=np.random.default_rng(3))
        self.left: list[tuple[str, bytes]] = []
        self.interfaces: list[Interface] = []
        device = DeviceClass("test", self._transmitter)
        for link in LINKS:
            interface = self.engine.interfaces.add_hardware(f"if{link}", device, ETHERNET, mac=mac(link), link_up=True)
            self.interfaces.append(interface)
            self.engine.interfaces.set_state(interface, UP)
            self.add_address(f"10.0.{link}.1", 24, link)
            self.add_neighbor(f"10.0.{link}.2", link)
            if ip6:
                self.add_address(f"2001:db8:{link}::1", 64, link)
                self.add_neighbor(f"2001:db8:{link}::2", link)
        self.settle()
        self.left.clear()

    def _transmitter(self, engine: Engine, interface: Interface) -> NodeFunction:
        def transmit(ctx: object, frame: Frame) -> None:
            self.left += [(interface.name, engine.buffers.packet(index)) for index in frame.indices(engine.buffers).tolist()]
            engine.buffers.free_packets(frame)

        return transmit

    def add_address(self, address: str, length: int, link: int) -> None:
        protocol = Protocol.IP6 if ":" in address else Protocol.IP4
        self.engine.get(Addresses).add(protocol, self.interfaces[link], number(address), length)

    def add_neighbor(self, address: str, link: int) -> None:
        protocol = Protocol.IP6 if ":" in address else Protocol.IP4
        index = self.interfaces[link].sw_if_index
        self.engine.get(Neighbors).add(protocol, index, number(address), neighbor_mac(link), NeighborFlag.DYNAMIC)

    def frame(self, *packets: bytes, link: int = 0, scattered: bool = False) -> Frame:
        """Packets in buffers, as received from a link; longer ones in several buffers each."""
        if max(map(len, packets), default=0) <= 2000:
            return fill(self.engine, packets, sw_if_index=self.interfaces[link].sw_if_index, scattered=scattered)
        indices = [make_packet(self.engine.buffers, packet) for packet in packets]
        rows = np.array(indices, np.int32)
        self.engine.buffers.rx_sw_if_index[rows] = self.interfaces[link].sw_if_index
        return Frame(rows, len(rows))

    def send(self, node: str, *packets: bytes, link: int = 0, scattered: bool = False) -> list[bytes]:
        """Let a node have packets; what leaves because of them, without Ethernet headers."""
        before = len(self.left)
        for at in range(0, len(packets), self.engine.vector_size):
            frame = self.frame(*packets[at : at + self.engine.vector_size], link=link, scattered=scattered)
            self.engine.dispatcher.send(self.engine.graph[node], frame)
        self.settle()
        return [data[14:] for _, data in self.left[before:]]

    def settle(self) -> None:
        """Let everything that waits be done."""
        self.engine.run_until_idle()

    def count(self, node: str, error: str) -> int:
        """An error counter of a node."""
        index = self.engine.errors.find(node, error)
        assert index is not None, f"{node} does not count {error}"
        return int(self.engine.errors.counts[index])

    def error_name(self, index: int) -> str:
        """What a buffer's error index says of an IPv4 packet."""
        node, spec = self.engine.errors.spec(index)
        assert spec in IP4_ERRORS, f"{node} {spec.name}"
        return spec.name
