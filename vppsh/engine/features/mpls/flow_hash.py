"""The flow hash of labelled packets: of the labels, and of the IP packet below them (vnet/mpls/mpls_lookup.h).

An entropy label (RFC 6790) is the hash by itself.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vppsh.engine.context import Context
from vppsh.engine.features.ip4.flow_hash import flow_hash as ip4_flow_hash
from vppsh.engine.features.ip6.flow_hash import flow_hash as ip6_flow_hash
from vppsh.engine.fib.flow_hash import FlowHashSettings, Words
from vppsh.engine.frame import Frame
from vppsh.engine.wire import mpls

# VPP's number of it; that of RFC 6790 is 7.
ENTROPY_LABEL = 14
SIZE = mpls.HEADER.itemsize
OCTET = np.dtype("u1")
INNER = {4: ip4_flow_hash, 6: ip6_flow_hash}


def flow_hash(ctx: Context, frame: Frame, config: NDArray[np.integer], at: int = 0) -> Words:
    """The hash of each packet, whose labels begin `at` bytes into it, under its own configuration.

    A stack without a bottom is read to the packet's end, and there is nothing below it.
    """
    buffers = ctx.buffers
    begin = buffers.addresses(frame)
    place = begin + at
    end = begin + buffers.current_length[frame.rows] - SIZE
    entries = buffers.bytes_at(mpls.HEADER)
    entry: Words = entries[place]["entry"].astype(np.uint32)
    hashes: Words = (mpls.label(entry) ^ np.uint32(ctx.get(FlowHashSettings).router_id)).astype(np.uint32)
    is_entropy = np.zeros(frame.n, bool)
    done = np.zeros(frame.n, bool)
    walking = (mpls.end_of_stack(entry) == 0) & (place < end)
    while np.count_nonzero(walking):
        place = np.where(walking, place + SIZE, place)
        entry = np.where(walking, entries[place]["entry"], entry).astype(np.uint32)
        found = walking & is_entropy
        hashes = np.where(found, entry, hashes)
        done |= found
        announced = walking & ~found & (mpls.label(entry) == ENTROPY_LABEL)
        is_entropy |= announced
        hashes = np.where(walking & ~found & ~announced, hashes ^ mpls.label(entry), hashes)
        walking &= ~found & (mpls.end_of_stack(entry) == 0) & (place < end)
    done |= mpls.end_of_stack(entry) == 0
    place = place + SIZE
    version = buffers.bytes_at(OCTET)[place] >> 4
    depth = place - begin
    for family, inner_hash in INNER.items():
        for size in np.unique(depth[~done & (version == family)]).tolist():
            mine = ~done & (version == family) & (depth == size)
            hashes[mine] ^= inner_hash(ctx, frame.pick(buffers, mine), config[mine], size)
    return hashes
