"""The flow hash of IPv4 packets (ip4_compute_flow_hash in vnet/ip/ip4_inlines.h)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vppsh.engine.context import Context
from vppsh.engine.fib.flow_hash import FlowHashConfig, FlowHashSettings, Words, hashed
from vppsh.engine.frame import Frame
from vppsh.engine.wire import ip_protocol

GTPU_PORT = np.uint32(int.from_bytes((2152).to_bytes(2, "big"), "little"))
HEADER = np.dtype([
    ("version", "u1"), ("tos", "u1"), ("length", "u2"), ("id", "u2"), ("offset", "u2"), ("ttl", "u1"), ("protocol", "u1"),
    ("checksum", "u2"), ("src", "u4"), ("dst", "u4"), ("src_port", "u2"), ("dst_port", "u2"), ("udp", "u4"), ("gtpu", "u4"), ("teid", "u4"),
])  # fmt: skip


def flow_hash(ctx: Context, frame: Frame, config: NDArray[np.integer], at: int = 0) -> Words:
    """The hash of each packet under its own configuration; its header begins `at` bytes into it."""
    return hash_of(ctx.buffers.load(frame, HEADER, at), config, ctx.get(FlowHashSettings).router_id)


def hash_of(header: NDArray[np.void], config: NDArray[np.integer], router_id: int = 0) -> Words:
    """The hash of headers; ports count for TCP and UDP."""
    config = config.astype(np.uint32)
    protocol = header["protocol"].astype(np.uint32)
    is_udp = protocol == ip_protocol.UDP
    has_ports = is_udp | (protocol == ip_protocol.TCP)

    def taken(part: FlowHashConfig, values: NDArray[np.integer]) -> Words:
        return np.where(config & np.uint32(part) != 0, values, 0).astype(np.uint32)

    def where(part: FlowHashConfig) -> NDArray[np.bool_]:
        return config & np.uint32(part) != 0

    src, dst = taken(FlowHashConfig.SRC_ADDR, header["src"]), taken(FlowHashConfig.DST_ADDR, header["dst"])
    reverse = where(FlowHashConfig.REVERSE_SRC_DST)
    a, b = np.where(reverse, dst, src), np.where(reverse, src, dst)
    src_port = taken(FlowHashConfig.SRC_PORT, np.where(has_ports, header["src_port"], 0))
    dst_port = taken(FlowHashConfig.DST_PORT, np.where(has_ports, header["dst_port"], 0))
    symmetric = where(FlowHashConfig.SYMMETRIC)
    if symmetric.any():
        a, b = np.where(symmetric, np.minimum(a, b), a), np.where(symmetric, np.maximum(a, b), b)
        low, high = np.minimum(src_port, dst_port), np.maximum(src_port, dst_port)
        src_port, dst_port = np.where(symmetric, low, src_port), np.where(symmetric, high, dst_port)
    b = b ^ taken(FlowHashConfig.PROTO, protocol)
    shift = np.uint32(16)
    c = np.where(reverse, src_port << shift | dst_port, dst_port << shift | src_port)
    gtpu = is_udp & where(FlowHashConfig.GTPV1_TEID) & (header["dst_port"] == GTPU_PORT)
    c = np.where(gtpu, c ^ header["teid"], c)
    a = a ^ np.uint32(router_id)
    return hashed(a, b, c)
