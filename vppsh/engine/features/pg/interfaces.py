"""Packet-generator interfaces: what a stream's packets come in on, and what captures packets that go out.

Counterpart of VPP's pg/stream.c and pg/output.c. Interfaces are known by their number; number -1 belongs to streams
that name no source of their own.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from msgspec import Struct

from vppsh.engine.buffer_text import BufferSnapshot, format_buffer, snapshot
from vppsh.engine.context import Context
from vppsh.engine.features.pg.capture import Capture
from vppsh.engine.frame import Frame
from vppsh.engine.interfaces import ETHERNET, DeviceClass, HardwareClass, Interface, Interfaces, NodeFunction
from vppsh.engine.wire.ethernet import format_ethernet_header_with_length
from vppsh.engine.wire.ip4 import format_ip4_header
from vppsh.engine.wire.ip6 import format_ip6_header

if TYPE_CHECKING:
    from vppsh.engine.engine import Engine

NO_NUMBER = -1
TRACED_BYTES = 128


class Mode(enum.Enum):
    """What an interface's packets begin with."""

    ETHERNET = "ethernet"
    IP4 = "ip4"
    IP6 = "ip6"


INPUT_NODE = {Mode.ETHERNET: "ethernet-input", Mode.IP4: "ip4-input", Mode.IP6: "ip6-input"}
FORMAT_HEADER = {Mode.ETHERNET: format_ethernet_header_with_length, Mode.IP4: format_ip4_header, Mode.IP6: format_ip6_header}


@dataclass(eq=False)
class PgInterface:
    """A packet-generator interface.

    mac                the address it was made with; its hardware may have got another one
    allowed_multicast  group addresses that the MAC filter lets in
    """

    number: int
    mode: Mode
    mac: bytes = bytes(6)
    capture: Capture | None = None
    allowed_multicast: set[bytes] = field(default_factory=set)
    interface: Interface = field(init=False)


# Trace.


class TxTrace(Struct, frozen=True):
    """What the tx node saw: the buffer, the first bytes of the packet."""

    mode: Mode
    buffer: BufferSnapshot
    data: bytes


def format_tx_trace(view: object, record: TxTrace) -> str:
    """The buffer's metadata and the packet's headers."""
    head = f"  buffer 0x{record.buffer.handle:x}: "
    return f"{head}{format_buffer(record.buffer, 2 + len(head))}\n  {FORMAT_HEADER[record.mode](record.data, 2)}"


# The tx node.


def _make_tx(engine: Engine, interface: Interface) -> NodeFunction:
    """The end of the way out: captures packets when asked to, and frees them."""
    pg: PgInterface = interface.hardware.device

    def pg_tx(ctx: Context, frame: Frame) -> None:
        buffers = ctx.buffers
        if not frame.traced and len(ctx.engine.tracer):
            # A neighbour solicitation belongs to a trace, but its frame began outside of it.
            frame.traced = bool((buffers.trace[frame.rows] >= 0).any())
        for _, index in ctx.traced(frame):
            ctx.trace(index, TxTrace(pg.mode, snapshot(buffers, index), buffers.peek(index, TRACED_BYTES)))
        if pg.capture is not None:
            pg.capture.write(ctx, frame)
        buffers.free_packets(frame)

    return pg_tx


PG_DEVICE = DeviceClass("pg", _make_tx, tx_trace=format_tx_trace)
PG_TUNNEL = HardwareClass("PG-tun", point_to_point=True)


class PgInterfaces:
    """The packet-generator interfaces of an engine, by number."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._interfaces = engine.get(Interfaces)
        self._by_number: dict[int, PgInterface] = {}

    def find(self, number: int) -> PgInterface | None:
        """The interface of that number, if there is one."""
        return self._by_number.get(number)

    def of(self, interface: Interface) -> PgInterface | None:
        """The generator's side of an interface (or of the one a sub-interface is on), if it has one."""
        device = interface.hardware.device
        return device if isinstance(device, PgInterface) else None

    def get_or_create(self, pg: PgInterface, mac: bytes | None = None) -> PgInterface:
        """The interface of that number; `pg` becomes it when there is none. Without `mac` the address is a random 02:fe:..."""
        known = self._by_number.get(pg.number)
        if known is not None:
            return known
        name = f"pg{pg.number}"
        if pg.mode is Mode.ETHERNET:
            pg.mac = mac or b"\x02\xfe" + self._engine.random.bytes(4)
            pg.interface = self._interfaces.add_hardware(name, PG_DEVICE, ETHERNET, mac=pg.mac, device=pg)
        else:
            pg.interface = self._interfaces.add_hardware(name, PG_DEVICE, PG_TUNNEL, mtu=0, device=pg)
        self._by_number[pg.number] = pg
        return pg

    def delete(self, pg: PgInterface) -> None:
        """Take an interface away."""
        if pg.capture is not None:
            pg.capture.close()
        del self._by_number[pg.number]
        self._interfaces.delete(pg.interface)
