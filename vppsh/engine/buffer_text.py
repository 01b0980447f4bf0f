"""A buffer's metadata as traces show it: `current data 0, length 64, buffer-pool 0, ref-count 1, trace handle 0x0`.

Counterpart of format_vnet_buffer (vnet/buffer.c) and format_vlib_buffer (vlib/buffer.c).
"""

from __future__ import annotations

import numpy as np
from msgspec import Struct

from vppsh.engine.buffers import BufferFlag, BufferPool

# The flags that VPP names, in the order in which it does.
NAMED_FLAGS = (
    (BufferFlag.L4_CHECKSUM_COMPUTED, "l4-cksum-computed"), (BufferFlag.L4_CHECKSUM_CORRECT, "l4-cksum-correct"),
    (BufferFlag.VLAN_2_DEEP, "vlan-2-deep"), (BufferFlag.VLAN_1_DEEP, "vlan-1-deep"), (BufferFlag.SPAN_CLONE, "span-clone"),
    (BufferFlag.LOCALLY_ORIGINATED, "local"), (BufferFlag.IS_IP4, "ip4"), (BufferFlag.IS_IP6, "ip6"), (BufferFlag.IS_NATED, "natted"),
    (BufferFlag.FLOW_REPORT, "flow-report"), (BufferFlag.IS_DVR, "dvr"),
)  # fmt: skip
# VPP counts buffer handles in cache lines from the start of its memory, and hands out the last buffers first.
HANDLE_STEP = 0x40


class BufferSnapshot(Struct, frozen=True):
    """What a node saw of one buffer."""

    handle: int
    current_data: int
    length: int
    flags: int
    rest: int
    trace: int
    l2_offset: int
    l3_offset: int
    l4_offset: int
    lookups: int
    qos: str


def snapshot(buffers: BufferPool, index: int) -> BufferSnapshot:
    """The metadata of a buffer, now."""
    return BufferSnapshot(
        (buffers.count - 1 - index) * HANDLE_STEP,
        int(buffers.current_data[index]),
        int(buffers.current_length[index]),
        int(buffers.flags[index]),
        int(buffers.total_length_rest[index]),
        int(buffers.trace[index]),
        int(buffers.l2_hdr_offset[index]),
        int(buffers.l3_hdr_offset[index]),
        int(buffers.l4_hdr_offset[index]),
        int(buffers.loop_counter[index]) if buffers.flags[index] & np.uint32(BufferFlag.LOOP_COUNTER_VALID) else 0,
        f"{buffers.qos_bits[index]}.{buffers.qos_source[index]}" if buffers.flags[index] & np.uint32(BufferFlag.QOS_DATA_VALID) else "",
    )


def format_buffer(seen: BufferSnapshot, indent: int) -> str:
    """VPP's text (format_vnet_buffer_no_chain); what follows the first line begins at column `indent`."""
    flags = seen.flags
    text = f"current data {seen.current_data}, length {seen.length}, buffer-pool 0, ref-count 1"
    if flags & BufferFlag.NEXT_PRESENT:
        text += f", totlen-nifb {seen.rest}"
    if flags & BufferFlag.IS_TRACED:
        text += f", trace handle 0x{seen.trace:x}"
    if flags & BufferFlag.NEXT_PRESENT:
        text += f"\n{' ' * indent}next-present "
    words = [name for flag, name in NAMED_FLAGS if flags & flag]
    offsets = (
        (BufferFlag.L2_HDR_OFFSET_VALID, "l2", seen.l2_offset),
        (BufferFlag.L3_HDR_OFFSET_VALID, "l3", seen.l3_offset),
        (BufferFlag.L4_HDR_OFFSET_VALID, "l4", seen.l4_offset),
    )
    words += [f"{layer}-hdr-offset {offset}" for flag, layer, offset in offsets if flags & flag]
    if flags & BufferFlag.QOS_DATA_VALID:
        words.append(f"qos {seen.qos}")
    if flags & BufferFlag.LOOP_COUNTER_VALID:
        words.append(f"loop-counter {seen.lookups}")
    return text + (f"\n{' ' * indent}{' '.join(words)} " if words else "")
