"""What the nodes of the ARP arc share: an ARP message in a buffer, answering it, and the trace of it."""

from __future__ import annotations

from typing import Any

import numpy as np
from msgspec import Struct

from vppsh.engine.adjacency import Adjacencies
from vppsh.engine.buffers import HEADROOM, BufferFlag, BufferPool
from vppsh.engine.context import Context
from vppsh.engine.forward_trace import InputTrace, trace_input
from vppsh.engine.frame import Frame
from vppsh.engine.wire import arp, ethertype

TRACED_BYTES = 64
MAC_BYTES = 6


class ArpMessage(Struct, frozen=True):
    """The fields of a message that decide what becomes of it; addresses are integers in host order."""

    opcode: int
    sender_mac: bytes
    sender: int
    target: int

    @property
    def is_reply(self) -> bool:
        return self.opcode == arp.REPLY

    @property
    def is_request(self) -> bool:
        return self.opcode == arp.REQUEST


def format_arp_trace(view: Any, record: InputTrace) -> str:
    """Operation, types and addresses."""
    return arp.format_ethernet_arp_header(record.data, 2)


def trace_arp(ctx: Context, frame: Frame) -> None:
    """Capture the messages of traced packets."""
    trace_input(ctx, frame, TRACED_BYTES)


def read_message(buffers: BufferPool, index: int) -> ArpMessage:
    """The message at a buffer's current data."""
    data = buffers.peek(index, arp.HEADER.itemsize)
    opcode, sender, target = (int.from_bytes(data[start:end], "big") for start, end in ((6, 8), (14, 18), (24, 28)))
    return ArpMessage(opcode, data[8:14], sender, target)


def ethernet_source(buffers: BufferPool, index: int) -> bytes:
    """The MAC address that a received packet came from."""
    start = HEADROOM + int(buffers.l2_hdr_offset[index]) + MAC_BYTES
    return buffers.data[index, start : start + MAC_BYTES].tobytes()


def make_reply(ctx: Context, index: int, address: int) -> None:
    """Turn a request into its answer: `address` is at the MAC of the interface it came by (arp_mk_reply)."""
    buffers = ctx.buffers
    sw_if_index = int(buffers.rx_sw_if_index[index])
    interface = ctx.engine.interfaces[sw_if_index]
    # The tags of a sub-interface belong into the header, so that the one that was received does not serve.
    header = ctx.get(Adjacencies).ethernet_header(interface, ethernet_source(buffers, index), ethertype.ARP)
    start = HEADROOM + int(buffers.current_data[index])
    message = buffers.data[index, start : start + arp.HEADER.itemsize].view(arp.HEADER)
    message["opcode"] = arp.REPLY
    message["target_mac"], message["target_ip4"] = message["sender_mac"].copy(), message["sender_ip4"].copy()
    message["sender_mac"] = np.frombuffer(interface.mac, np.uint8)
    message["sender_ip4"] = address
    buffers.data[index, start - len(header) : start] = np.frombuffer(header, np.uint8)
    buffers.current_data[index] -= len(header)
    buffers.current_length[index] += len(header)
    buffers.tx_sw_if_index[index] = sw_if_index
    buffers.flags[index] |= np.uint32(BufferFlag.LOCALLY_ORIGINATED)
