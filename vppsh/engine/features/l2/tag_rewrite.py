"""VLAN tag rewriting: tags that are taken off and put on where a packet enters or leaves an interface.

Counterpart of vnet/l2/l2_vtr.c. What happens on output is the opposite of what is configured for input; the
tags that it puts on are the interface's own.
"""

from __future__ import annotations

import enum
import struct

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from vppsh.engine.buffers import HEADROOM, STRIDE, BufferPool
from vppsh.engine.features.ethernet.tags import TAG_BYTES, VLAN_BITS, VLAN_SHIFT
from vppsh.engine.interfaces import SubConfig
from vppsh.engine.wire import ethertype

MACS = np.dtype("V12")
MACS_BYTES = MACS.itemsize
WORD8 = np.dtype("<u8")
LOW_16 = 0xFFFF
# Of the eight bytes in front of the ethertype, by the number of tags: ethertypes and VLAN ids.
CARRIED = tuple(
    np.uint64(int.from_bytes(bytes.fromhex(mask), "little")) for mask in ("0000000000000000", "00000000ffff0fff", "ffff0fffffff0fff")
)


class Operation(enum.Enum):
    """What is done to a received packet's tags: the name, tags taken off, tags put on."""

    PUSH_1 = ("push-1", 0, 1)
    PUSH_2 = ("push-2", 0, 2)
    POP_1 = ("pop-1", 1, 0)
    POP_2 = ("pop-2", 2, 0)
    TRANSLATE_1_1 = ("trans-1-1", 1, 1)
    TRANSLATE_1_2 = ("trans-1-2", 1, 2)
    TRANSLATE_2_1 = ("trans-2-1", 2, 1)
    TRANSLATE_2_2 = ("trans-2-2", 2, 2)

    def __init__(self, text: str, pops: int, pushes: int) -> None:
        self.text = text
        self.pops = pops
        self.pushes = pushes


class Tags(Struct, frozen=True):
    """Tags to put on, outermost first: the first one's ethertype and ids.

    blank  they are all zeros, their ethertypes too
    """

    dot1q: bool = True
    ids: tuple[int, ...] = ()
    blank: bool = False

    @property
    def raw(self) -> int:
        """As the eight bytes in front of the ethertype, read little-endian; a single tag is in the last four."""
        if self.blank:
            return 0
        kinds = (ethertype.VLAN if self.dot1q else ethertype.DOT1AD, ethertype.VLAN)
        packed = b"".join(struct.pack(">HH", kind, number & LOW_16) for kind, number in zip(kinds, self.ids, strict=False))
        return int.from_bytes(packed.rjust(2 * TAG_BYTES, b"\0"), "little")


class Rewrite(Struct, frozen=True):
    """Tags off, tags on."""

    pops: int
    tags: Tags

    def apply(self, buffers: BufferPool, rows: NDArray[np.int32]) -> NDArray[np.bool_]:
        """Rewrite packets whose link-layer headers' lengths are known; which had too few tags, and are left alone."""
        pop, push = TAG_BYTES * self.pops, TAG_BYTES * len(self.tags.ids)
        short: NDArray[np.bool_] = buffers.l2_len[rows].astype(np.int32) - MACS_BYTES < pop
        rows = rows[~short]
        at = rows.astype(np.int64) * STRIDE + HEADROOM + buffers.current_data[rows]
        macs = buffers.bytes_at(MACS)[at].copy()
        if push:
            buffers.bytes_at(WORD8)[at + (pop + MACS_BYTES - WORD8.itemsize)] = self.tags.raw
        grown = push - pop
        buffers.bytes_at(MACS)[at - grown] = macs
        buffers.current_data[rows] -= grown
        buffers.current_length[rows] += grown
        buffers.l2_hdr_offset[rows] -= grown
        buffers.l2_len[rows] = buffers.l2_len[rows].astype(np.int32) + grown
        flags = buffers.flags[rows]
        counts = ((flags & VLAN_BITS) >> VLAN_SHIFT).astype(np.int32) + grown // TAG_BYTES
        buffers.flags[rows] = (flags & ~VLAN_BITS) | (counts << VLAN_SHIFT).astype(np.uint32) & VLAN_BITS
        return short

    def carried(self, buffers: BufferPool, rows: NDArray[np.int32]) -> NDArray[np.bool_]:
        """Which packets already have the tags, priorities aside, that this puts on (all, if it puts on none)."""
        push = TAG_BYTES * len(self.tags.ids)
        at = rows.astype(np.int64) * STRIDE + HEADROOM + buffers.current_data[rows] + (MACS_BYTES - WORD8.itemsize + push)
        found: NDArray[np.bool_] = buffers.bytes_at(WORD8)[at] & CARRIED[len(self.tags.ids)] == self.tags.raw
        return found


class TagRewrite(Struct, frozen=True):
    """What is configured for an interface."""

    operation: Operation
    tags: Tags = Tags()

    def __str__(self) -> str:
        if not self.tags.ids:
            return self.operation.text
        kind = "dot1q" if self.tags.dot1q else "dot1ad"
        return f"{self.operation.text} {kind} {' '.join(str(number & LOW_16) for number in self.tags.ids)}"

    @property
    def on_input(self) -> Rewrite:
        return Rewrite(self.operation.pops, self.tags)

    def on_output(self, own: SubConfig | None) -> Rewrite:
        """The opposite, with the interface's own tags."""
        ids = (0, 0) if own is None else (own.outer or 0, own.inner or 0)
        return Rewrite(len(self.tags.ids), Tags(own is None or not own.dot1ad, ids[: self.operation.pops], self.tags.blank))

    @property
    def blanked(self) -> TagRewrite:
        """The same with zeros for tags: what VPP leaves when it refuses another rewrite in its place."""
        return TagRewrite(self.operation, Tags(False, (0,) * self.operation.pushes, blank=True))

    def fits(self, own: SubConfig | None) -> bool:
        """Whether the interface is known to have as many tags as are to be taken off."""
        known = 0
        if own is not None and own.outer is not None and not own.any_outer:
            known = 2 if own.inner is not None else 1
        return known >= self.operation.pops
