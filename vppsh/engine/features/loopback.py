"""Loopback interfaces: what is sent to one comes in on it again, to be routed or (by a port of a bridge domain) switched.

Counterpart of the simulated Ethernet device of vnet/ethernet/interface.c.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vppsh.engine.context import Context, Nexts
from vppsh.engine.features.ethernet.tags import measure_l2_header
from vppsh.engine.features.l2.modes import FROM_BVI, L2Interfaces
from vppsh.engine.flood_class import FloodClass
from vppsh.engine.frame import Frame
from vppsh.engine.interfaces import DeviceClass, Interface, Interfaces, NodeFunction
from vppsh.errors import CommandError

if TYPE_CHECKING:
    from vppsh.engine.engine import Engine

MAX_INSTANCES = 16 * 1024
DROP, ETHERNET_INPUT, L2_INPUT = range(3)


def _echo_to(engine: Engine, interface: Interface) -> NodeFunction:
    """The tx node: packets are received by the interface that they were sent to."""
    interfaces, l2 = engine.interfaces, engine.get(L2Interfaces)

    def loopback_tx(ctx: Context, frame: Frame) -> Nexts:
        buffers, rows = ctx.buffers, frame.rows
        sent_to = buffers.tx_sw_if_index[rows].copy()
        # What a stream sends here need not say that it is for us.
        sent_to[sent_to < 0] = interface.sw_if_index
        interfaces.tx.add_each(sent_to, buffers.packet_length(rows))
        buffers.rx_sw_if_index[rows] = sent_to
        buffers.tx_sw_if_index[rows] = -1
        # A device would say that the whole frame came in on one interface; this one does not.
        frame.rx = None
        switched = l2.bridged[sent_to]
        if not switched.any():
            return ETHERNET_INPUT
        measure_l2_header(buffers, frame)
        buffers.tx_sw_if_index[rows] = np.where(l2.is_bvi[sent_to], FROM_BVI, -1)
        return np.where(switched, L2_INPUT, ETHERNET_INPUT)

    return loopback_tx


LOOPBACK = DeviceClass("Loopback", _echo_to, tx_nexts=("ethernet-input", "l2-input"))


class Loopbacks:
    """The instance numbers in use: loop0, loop1 ..."""

    def __init__(self, engine: Engine) -> None:
        self._interfaces = engine.get(Interfaces)
        self._instances: dict[int, Interface] = {}

    def create(self, mac: bytes = bytes(6), instance: int | None = None) -> Interface:
        """A new loopback, by default the lowest free instance with the address de:ad:00:00:00:<instance>."""
        if instance is None:
            instance = next(number for number in range(MAX_INSTANCES + 1) if number not in self._instances)
        if instance >= MAX_INSTANCES or instance < 0 or instance in self._instances:
            raise CommandError("vnet_create_loopback_interface failed")
        if mac == bytes(6):
            mac = bytes((0xDE, 0xAD, 0, 0, 0, instance & 0xFF))
        interface = self._interfaces.add_hardware(f"loop{instance}", LOOPBACK, mac=mac, device=instance)
        interface.flood_class = FloodClass.NO_FLOOD
        self._instances[instance] = interface
        return interface

    def delete(self, interface: Interface) -> None:
        """Take a loopback away (or the one that a sub-interface is on)."""
        if interface.hardware.device_class is not LOOPBACK:
            raise CommandError("vnet_delete_loopback_interface failed")
        del self._instances[interface.hardware.device]
        self._interfaces.delete(interface.super or interface)
