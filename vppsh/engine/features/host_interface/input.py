"""af-packet-input: a run of filled slots becomes a frame, copied in one go.

Counterpart of VPP's plugins/af_packet/node.c (its TPACKET_V2 half). VLAN tags, which the kernel takes off, are put back.
"""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from vppsh.engine import device_burst
from vppsh.engine.buffer_data import append_bytes
from vppsh.engine.buffers import DATA_SIZE, HEADROOM, BufferPool
from vppsh.engine.context import Context
from vppsh.engine.features.host_interface.hosts import HostInterface, HostInterfaces
from vppsh.engine.features.host_interface.trace import SlotTrace, format_slot
from vppsh.engine.host.packet_ring import TPID_VALID, VLAN_VALID, Ring
from vppsh.engine.offload import finish
from vppsh.engine.wire import ethertype
from vppsh.registry import error, input_node

ERRORS = (
    error("partial_pkt", "partial packet"),
    error("timedout_blk", "timed out block"),
    error("total_recv_blk", "total received block"),
)
PARTIAL_PKT = 0
ADDRESS_BYTES, TAG_BYTES = 12, 4
# Room for a tag is left in the first buffer.
FIRST_BYTES = DATA_SIZE - TAG_BYTES
AVAILABLE = 0


class InputTrace(Struct, frozen=True):
    """What af-packet-input saw: the interface, the next node, the slot of the ring."""

    hw_if_index: int
    next_index: int
    slot: SlotTrace


def format_input_trace(view: object, record: InputTrace) -> str:
    """VPP's text; there is one queue."""
    return f"af_packet: hw_if_index {record.hw_if_index} rx-queue 0 next-index {record.next_index}{format_slot(record.slot)}"


@input_node("af-packet-input", sibling_of="device-input", errors=ERRORS, trace=format_input_trace, traceable=True)
def af_packet_input(ctx: Context) -> int:
    """Take what the host has for the interfaces that are up, a vector of each at most."""
    hosts = ctx.get(HostInterfaces)
    return sum(_receive(ctx, hosts, hosts.read_from(one)) for one in ctx.engine.descriptors.pending.get(ctx.node, ()))


def _receive(ctx: Context, hosts: HostInterfaces, host: HostInterface) -> int:
    """Turn the next filled slots into a frame; how many it were."""
    buffers, ring, interface = ctx.buffers, host.socket.rx, host.interface
    slots = ring.run(ctx.vector_size, owned=True)
    if slots.stop == slots.start:
        hosts.check(host)
        return 0
    # On one link all packets begin at one place in their slots, unless the link has changed its kind.
    macs = ring.headers[slots]["mac"]
    at = int(macs[0])
    alike = macs == at
    n = len(alike) if alike.all() else int(alike.argmin())
    rows = buffers.allocate(n)
    if not isinstance(rows, slice):
        return 0
    n = rows.stop - rows.start
    slots = slice(slots.start, slots.start + n)
    headers = ring.headers[slots].copy()
    vnet = ring.vnet_headers(slots, at)
    lengths = headers["snaplen"].astype(np.int32)
    frame = device_burst.fresh(ctx, interface, rows, np.minimum(lengths, FIRST_BYTES), 0)
    bad = headers["len"] != headers["snaplen"]
    _copy(buffers, ring, slots, at, rows)
    for position in np.flatnonzero(lengths > FIRST_BYTES).tolist():
        tail = ring.bytes[slots.start + position, at + FIRST_BYTES : at + int(lengths[position])].tobytes()
        bad[position] |= not append_bytes(buffers, rows.start + position, tail)
    ring.advance(slots, AVAILABLE)
    ctx.engine.interfaces.rx.add(interface.sw_if_index, n, int(lengths.sum()))
    tagged = (headers["status"] & np.uint32(VLAN_VALID)) != 0
    if tagged.any():
        _put_tags_back(buffers, rows, headers, tagged)
    if vnet["flags"].any() or vnet["gso_type"].any():
        vnet["csum_start"] += np.where(tagged, TAG_BYTES, 0).astype(np.uint16)
        frame, kept = finish(buffers, frame, vnet, bad, ethernet=not host.config.ip)
    else:
        kept = np.arange(n)
    if bad.any():
        refused = np.flatnonzero(bad)
        buffers.error[rows.start + refused] = ctx.error_base + PARTIAL_PKT
        ctx.enqueue(device_burst.DROP, (rows.start + refused).astype(np.int32), rx=interface.sw_if_index)

    def record(index: int, slot: int) -> InputTrace:
        # Packets that a long segment was cut up into all show the slot of that.
        position = int(kept[int(np.flatnonzero(frame.indices(buffers) == index)[0])])
        return InputTrace(interface.hardware.hw_if_index, slot, SlotTrace.of(headers[position], vnet=vnet[position]))

    if frame.n:
        if host.config.ip:
            device_burst.bare_ip(ctx, frame, record)
        else:
            device_burst.ethernet(ctx, interface, frame, record)
    return n


def _copy(buffers: BufferPool, ring: Ring, slots: slice, at: int, rows: slice) -> None:
    """Copy the bytes of packets, the same number of each."""
    longest = int(buffers.current_length[rows].max())
    buffers.data[rows, HEADROOM : HEADROOM + longest] = ring.bytes[slots, at : at + longest]


def _put_tags_back(buffers: BufferPool, rows: slice, headers: NDArray[np.void], tagged: NDArray[np.bool_]) -> None:
    """Insert the VLAN tags that the kernel has taken off packets."""
    chosen = rows.start + np.flatnonzero(tagged)
    longest = int(buffers.current_length[chosen].max())
    start = HEADROOM + ADDRESS_BYTES
    buffers.data[chosen, start + TAG_BYTES : HEADROOM + longest + TAG_BYTES] = buffers.data[chosen, start : HEADROOM + longest]
    known = headers["status"][tagged] & np.uint32(TPID_VALID) != 0
    tags = np.empty((len(chosen), 2), ">u2")
    tags[:, 0] = np.where(known, headers["vlan_tpid"][tagged], ethertype.VLAN)
    tags[:, 1] = headers["vlan_tci"][tagged]
    buffers.data[chosen, start : start + TAG_BYTES] = tags.view(np.uint8).reshape(len(chosen), TAG_BYTES)
    buffers.current_length[chosen] += TAG_BYTES
