"""The flow hash of Ethernet frames: that of the packet inside, or of both addresses (vnet_l2_compute_flow_hash in vnet/l2/l2_input.h)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from vppsh.engine.context import Context
from vppsh.engine.features.ethernet.ethertypes import as_loaded
from vppsh.engine.features.ip4.flow_hash import flow_hash as ip4_flow_hash
from vppsh.engine.features.ip4.flow_hash import hash_of_flow
from vppsh.engine.features.ip6.flow_hash import flow_hash as ip6_flow_hash
from vppsh.engine.features.mpls.flow_hash import flow_hash as mpls_flow_hash
from vppsh.engine.fib.flow_hash import FlowHashSettings, Words, hashed
from vppsh.engine.fib.load_balance import FLOW_HASH_DEFAULT
from vppsh.engine.frame import Frame
from vppsh.engine.uniform import common
from vppsh.engine.wire import ethertype

# As they lie in memory.
TYPE = np.dtype("<u2")
ADDRESS_END = np.dtype("<u4")
FLOW = np.dtype("V12")
OCTET = np.dtype("u1")
TYPE_BYTES = TYPE.itemsize
DST_AT, SRC_AT = 2, 8
PROTOCOL_AT, FLOW_AT = 9, 12
IP4, IP6, MPLS = as_loaded(ethertype.IP4), as_loaded(ethertype.IP6), as_loaded(ethertype.MPLS)

HashSome = Callable[[Frame, int], Words]


def flow_hash(ctx: Context, frame: Frame, lengths: NDArray[np.integer]) -> Words:
    """The hash of each frame; `lengths` are those of the link-layer headers, behind which the packets begin."""
    length = common(lengths)
    if length is None:
        return _by(ctx, frame, lengths, lambda part, each: _behind(ctx, part, each))
    return _behind(ctx, frame, length)


def address_hash(ctx: Context, frame: Frame, kind: int) -> Words:
    """The hash of frames in which there is nothing with a hash of its own: of both addresses and the ethertype."""
    dst = ctx.buffers.load(frame, ADDRESS_END, DST_AT).astype(np.uint32)
    src = ctx.buffers.load(frame, ADDRESS_END, SRC_AT).astype(np.uint32)
    return hashed(dst, src, np.full(frame.n, kind, np.uint32))


def _behind(ctx: Context, frame: Frame, length: int) -> Words:
    """The hash of frames whose packets begin that many bytes into them; what they are is said right before."""
    types = ctx.buffers.load(frame, TYPE, length - TYPE_BYTES)
    kind = common(types)
    if kind is None:
        return _by(ctx, frame, types, lambda part, each: _of_type(ctx, part, each, length))
    return _of_type(ctx, frame, kind, length)


def _of_type(ctx: Context, frame: Frame, kind: int, length: int) -> Words:
    if kind == IP4:
        return _ip4(ctx, frame, length)
    if kind in (IP6, MPLS):
        of_packet = ip6_flow_hash if kind == IP6 else mpls_flow_hash
        return of_packet(ctx, frame, _config(frame.n), length)
    return address_hash(ctx, frame, (kind & 0xFF) << 8 | kind >> 8)


def _ip4(ctx: Context, frame: Frame, length: int) -> Words:
    """Of one flow, which many frames are, one packet is hashed for all."""
    buffers = ctx.buffers
    flows = buffers.load(frame, FLOW, length + FLOW_AT).tobytes()
    if flows == flows[: FLOW.itemsize] * frame.n:
        protocol = common(buffers.load(frame, OCTET, length + PROTOCOL_AT))
        if protocol is not None:
            one = hash_of_flow(flows[: FLOW.itemsize], protocol, ctx.get(FlowHashSettings).router_id)
            return np.full(frame.n, one, np.uint32)
    return ip4_flow_hash(ctx, frame, _config(frame.n), length)


def _config(n: int) -> NDArray[np.uint16]:
    return np.full(n, FLOW_HASH_DEFAULT, np.uint16)


def _by(ctx: Context, frame: Frame, values: NDArray[np.integer], hash_some: HashSome) -> Words:
    """Hash frames that differ in a value part by part."""
    hashes = np.empty(frame.n, np.uint32)
    for value in set(values.tolist()):
        mine = values == value
        hashes[mine] = hash_some(frame.pick(ctx.buffers, mine), value)
    return hashes
