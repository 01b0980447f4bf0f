"""BVI interfaces: what is routed to one is switched in its bridge domain (vnet/l2/l2_bvi.c, l2_bvi_node.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vppsh.engine.context import Context, Nexts
from vppsh.engine.features.ethernet.tags import measure_l2_header
from vppsh.engine.features.l2.modes import FROM_BVI
from vppsh.engine.flood_class import FloodClass
from vppsh.engine.frame import Frame
from vppsh.engine.interfaces import DeviceClass, Interface, Interfaces, NodeFunction
from vppsh.errors import CommandError

if TYPE_CHECKING:
    from vppsh.engine.engine import Engine

MAX_INSTANCES = 16 * 1024
L2_INPUT = 1


def _into_the_bridge(engine: Engine, interface: Interface) -> NodeFunction:
    """The tx node: packets come in by the interface that they were sent to."""

    def bvi_tx(ctx: Context, frame: Frame) -> Nexts:
        buffers, rows = ctx.buffers, frame.rows
        sent_to = buffers.tx_sw_if_index[rows].copy()
        # What a stream sends here need not say that it is for us.
        sent_to[sent_to < 0] = interface.sw_if_index
        buffers.rx_sw_if_index[rows] = sent_to
        buffers.tx_sw_if_index[rows] = FROM_BVI
        measure_l2_header(buffers, frame)
        frame.rx = None
        return L2_INPUT

    return bvi_tx


BVI = DeviceClass("BVI", _into_the_bridge, tx_nexts=("l2-input",))


class Bvis:
    """The instance numbers in use: bvi0, bvi1 ..."""

    def __init__(self, engine: Engine) -> None:
        self._interfaces = engine.get(Interfaces)
        self._instances: set[int] = set()

    def create(self, mac: bytes = bytes(6), instance: int | None = None) -> Interface:
        """A new BVI, by default the lowest free instance with the address b0:b0:00:00:00:<instance> (CommandError)."""
        if instance is None:
            instance = next(number for number in range(MAX_INSTANCES + 1) if number not in self._instances)
        if not 0 <= instance < MAX_INSTANCES or instance in self._instances:
            raise CommandError("BVI create failed")
        if mac == bytes(6):
            mac = bytes((0xB0, 0xB0, 0, 0, 0, instance & 0xFF))
        interface = self._interfaces.add_hardware(f"bvi{instance}", BVI, mac=mac, device=instance)
        interface.flood_class = FloodClass.BVI
        self._instances.add(instance)
        return interface

    def delete(self, interface: Interface) -> None:
        """Take a BVI away, or the one that a sub-interface is on (CommandError)."""
        if interface.hardware.device_class is not BVI:
            raise CommandError("BVI delete failed")
        self._instances.discard(interface.hardware.device)
        self._interfaces.delete(interface.super or interface)
