"""What spreads Ethernet frames over the members of a bond: hashes of their addresses, and of what they carry.

Counterpart of vnet/hash/hash_eth.c and vppinfra/lb_hash_hash.h: CRC-32C of the bytes that a flow has in common.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from vppsh.engine.buffer_data import gather
from vppsh.engine.buffers import BufferPool
from vppsh.engine.crc32c import crc32c_rows
from vppsh.engine.frame import Frame
from vppsh.engine.wire import ethertype, ip_protocol
from vppsh.engine.wire.ethernet import TAG_TYPES

Bytes = NDArray[np.uint8]
Hashes = NDArray[np.uint32]
EthernetHash = Callable[[BufferPool, Frame], Hashes]

L2_BYTES, L4_BYTES = 12, 128
HEADER_BYTES, TAG_BYTES = 14, 4
TRANSPORTS = (ip_protocol.TCP, ip_protocol.UDP)


def hash_l2(buffers: BufferPool, frame: Frame) -> Hashes:
    """Of both MAC addresses."""
    return crc32c_rows(gather(buffers, buffers.addresses(frame), L2_BYTES)[:, :L2_BYTES])


def hash_l23(buffers: BufferPool, frame: Frame) -> Hashes:
    """Of the IP addresses, if there are, and the MAC addresses folded into four bytes."""
    return _layers(buffers, frame, _folded_macs)


def hash_l34(buffers: BufferPool, frame: Frame) -> Hashes:
    """Of the IP addresses, if there are, and the ports of TCP and UDP folded into two bytes."""
    return _layers(buffers, frame, _folded_ports)


def _layers(buffers: BufferPool, frame: Frame, fold: Callable[[Bytes, NDArray[np.int64], int], Bytes]) -> Hashes:
    """Hash each packet by its IP version; what has none by its MAC addresses."""
    data = gather(buffers, buffers.addresses(frame), L4_BYTES)
    l3 = _ip_start(data)
    n = np.arange(len(data))
    kind = data[n, l3 - 2].astype(np.int32) << 8 | data[n, l3 - 1]
    version = np.where((kind == ethertype.IP4) | (kind == ethertype.IP6), data[n, l3] >> 4, 0)
    hashes = np.empty(len(data), np.uint32)
    for number in np.unique(version).tolist():
        chosen = np.flatnonzero(version == number)
        some, start = data[chosen], l3[chosen]
        if number == 4:
            parts = np.concatenate((_at(some, start + 12, 8), fold(some, start, 4)), axis=1)
        elif number == 6:
            # VPP looks for the addresses right behind the Ethernet header, tags or not.
            start = np.full(len(some), HEADER_BYTES)
            parts = np.concatenate((_at(some, start + 8, 32), fold(some, start, 6), np.zeros((len(some), 4), np.uint8)), axis=1)
        else:
            parts = some[:, :L2_BYTES]
        hashes[chosen] = crc32c_rows(parts)
    return hashes


def _at(data: Bytes, start: NDArray[np.int64], width: int) -> Bytes:
    """`width` bytes of each row from a place of its own."""
    return data[np.arange(len(data))[:, None], start[:, None] + np.arange(width)]


def _ip_start(data: Bytes) -> NDArray[np.int64]:
    """Where the payload begins, behind two tags at most."""
    start = np.full(len(data), HEADER_BYTES)
    kind = data[:, 12].astype(np.int32) << 8 | data[:, 13]
    tagged = np.isin(kind, TAG_TYPES)
    if tagged.any():
        start[tagged] += TAG_BYTES
        second = tagged & ((data[:, 16].astype(np.int32) << 8 | data[:, 17]) == ethertype.VLAN)
        start[second] += TAG_BYTES
    return start


def _folded_macs(data: Bytes, start: NDArray[np.int64], version: int) -> Bytes:
    return data[:, 0:4] ^ data[:, 4:8] ^ data[:, 8:12]


def _folded_ports(data: Bytes, start: NDArray[np.int64], version: int) -> Bytes:
    """Zero for what is neither TCP nor UDP; VPP takes IPv4 headers to have no options."""
    n = np.arange(len(data))
    folded = np.zeros((len(data), 4), np.uint8)
    if version == 4:
        protocol, transport = data[n, start + 9], start + 20
    else:
        protocol, transport = data[n, start + 6], start + 40
        behind = np.flatnonzero(protocol == ip_protocol.IP6_HOP_BY_HOP_OPTIONS)
        if len(behind):
            protocol = protocol.copy()
            protocol[behind] = data[behind, transport[behind]]
            transport[behind] = np.minimum(transport[behind] + (data[behind, transport[behind] + 1].astype(np.int64) + 1) * 8, L4_BYTES - 4)
    chosen = np.flatnonzero(np.isin(protocol, TRANSPORTS))
    ports = _at(data[chosen], transport[chosen], 4)
    folded[chosen, :2] = ports[:, :2] ^ ports[:, 2:]
    return folded
