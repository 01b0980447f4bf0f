"""Provider backbone bridging: a second Ethernet header with B-tag and I-tag, put on and taken off (IEEE 802.1ah; vnet/l2/l2_vtr.c)."""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from vppsh.engine.buffers import HEADROOM, STRIDE, BufferPool
from vppsh.engine.wire import ethertype

HEADER = np.dtype(
    [("dst", "S6"), ("src", "S6"), ("b_type", ">u2"), ("b_vlan", ">u2"), ("i_type", ">u2"), ("service", ">u4")],
)  # fmt: skip
HEADER_BYTES = HEADER.itemsize
OPAQUE = np.dtype(f"V{HEADER_BYTES}")
VLAN_MASK, SERVICE_MASK = 0xFFF, 0xFFFFF


class BackboneTags(Struct, frozen=True):
    """The addresses and ids of a header; a header that was never configured is of zeros.

    service  the I-SID, which tells customers apart
    """

    dst: bytes = bytes(6)
    src: bytes = bytes(6)
    vlan: int = 0
    service: int = 0
    blank: bool = True

    @property
    def raw(self) -> bytes:
        """The header as it is sent."""
        if self.blank:
            return bytes(HEADER_BYTES)
        vlan, service = self.vlan & VLAN_MASK, self.service & SERVICE_MASK
        kinds = (ethertype.DOT1AD.to_bytes(2, "big"), ethertype.DOT1AH.to_bytes(2, "big"))
        return self.dst + self.src + kinds[0] + vlan.to_bytes(2, "big") + kinds[1] + service.to_bytes(4, "big")


class BackboneRewrite(Struct, frozen=True):
    """A header off, or on, or neither; what happens on output is the opposite."""

    pop: bool = False
    push: bool = False
    tags: BackboneTags = BackboneTags()

    @property
    def opposite(self) -> BackboneRewrite:
        """What is done to packets that leave."""
        return replace(self, pop=self.push, push=self.pop)

    def apply(self, buffers: BufferPool, rows: NDArray[np.int32]) -> NDArray[np.bool_]:
        """Rewrite packets; which carry another VLAN or service than is to be taken off, and are left alone."""
        at = rows.astype(np.int64) * STRIDE + HEADROOM + buffers.current_data[rows]
        raw = np.frombuffer(self.tags.raw, HEADER)[0]
        wrong = np.zeros(len(rows), bool)
        if self.pop:
            found = buffers.bytes_at(OPAQUE)[at].view(HEADER)
            wrong = (found["b_vlan"] != raw["b_vlan"]) | (found["service"] != raw["service"])
            wrong |= buffers.current_length[rows] < HEADER_BYTES
        if self.push:
            buffers.bytes_at(OPAQUE)[at[~wrong] - HEADER_BYTES] = np.frombuffer(self.tags.raw, OPAQUE)[0]
        grown = HEADER_BYTES * (int(self.push) - int(self.pop))
        chosen = rows[~wrong]
        buffers.current_data[chosen] -= grown
        buffers.current_length[chosen] += grown
        buffers.l2_len[chosen] += grown
        return wrong
