"""What every input node of a device does with a burst of fresh packets: counts it, sends it to the features, traces it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vppsh.engine.buffers import BufferFlag
from vppsh.engine.features.device_input import NEXTS
from vppsh.engine.frame import Frame

if TYPE_CHECKING:
    from vppsh.engine.context import Context
    from vppsh.engine.interfaces import Interface

IP4_INPUT_NO_CHECKSUM, IP4_INPUT, IP6_INPUT = (NEXTS.index(name) for name in ("ip4-input-no-checksum", "ip4-input", "ip6-input"))
ETHERNET_INPUT, DROP = NEXTS.index("ethernet-input"), NEXTS.index("error-drop")
Record = Callable[[int, int], Any]
"""`(buffer index, slot) -> what the input node has to say of a traced packet`."""


def ethernet(ctx: Context, interface: Interface, frame: Frame, record: Record) -> None:
    """Hand a burst of Ethernet frames to the features of their interface, or to ethernet-input."""
    engine = ctx.engine
    slot = engine.arcs.start(engine.arcs["device-input"], ctx, frame, interface.sw_if_index, ETHERNET_INPUT)
    assert isinstance(slot, int)  # one interface, one next
    _hand_on(ctx, frame, slot, record)
    if slot == ETHERNET_INPUT:
        # A frame for ethernet-input is of one interface: no other interface's packets may join it.
        ctx.node.nexts[slot].pending = None


def bare_ip(ctx: Context, frame: Frame, record: Record, *, ip4: int = IP4_INPUT) -> None:
    """Hand a burst of packets without a link layer to the nodes of their IP versions; what is neither is dropped."""
    buffers = ctx.buffers
    versions = buffers.load(frame, np.dtype("u1")) >> 4
    for slot, chosen in ((ip4, versions == 4), (IP6_INPUT, versions == 6), (DROP, (versions != 4) & (versions != 6))):
        if chosen.all():
            _hand_on(ctx, frame, slot, record)
            break
        if chosen.any():
            _hand_on(ctx, frame.pick(buffers, chosen), slot, record)


def fresh(ctx: Context, interface: Interface, rows: slice, lengths: NDArray[np.int32], offset: int) -> Frame:
    """The frame of packets that lie in buffers side by side, `offset` bytes from where current_data is 0."""
    buffers = ctx.buffers
    buffers.reset(rows)
    buffers.current_data[rows] = offset
    buffers.current_length[rows] = lengths
    buffers.flags[rows] = BufferFlag.TOTAL_LENGTH_VALID
    buffers.rx_sw_if_index[rows] = interface.sw_if_index
    return Frame(rows, rows.stop - rows.start, offset=offset, rx=interface.sw_if_index)


def _hand_on(ctx: Context, frame: Frame, slot: int, record: Record) -> None:
    tracer = ctx.engine.tracer
    wanted = tracer.wants(ctx.node)
    for index in frame.indices(ctx.buffers)[:wanted].tolist():
        if tracer.begin(index):
            ctx.node.trace_count += 1
            frame.traced = True
            ctx.trace(index, record(index, slot))
    ctx.enqueue_frame(slot, frame)
