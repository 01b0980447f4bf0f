"""The flow hash of IPv4 packets (ip4_compute_flow_hash in vnet/ip/ip4_inlines.h)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vppsh.engine.context import Context
from vppsh.engine.fib.flow_hash import GTPV1_TEID, PROTO, FlowHashSettings, Words, by_config, ends, hashed, hashed_one
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
    return by_config(config, lambda mine, one: _hash(header if mine is None else header[mine], one, router_id))


def _hash(header: NDArray[np.void], config: int, router_id: int) -> Words:
    protocol = header["protocol"]
    is_udp = protocol == ip_protocol.UDP
    with_ports = (is_udp | (protocol == ip_protocol.TCP)).astype(np.uint32)
    a, b, c = ends(config, header["src"], header["dst"], header["src_port"] * with_ports, header["dst_port"] * with_ports)
    if config & PROTO:
        b = b ^ protocol
    if config & GTPV1_TEID:
        c = np.where(is_udp & (header["dst_port"] == GTPU_PORT), c ^ header["teid"], c)
    return hashed(a ^ np.uint32(router_id), b, c)


def hash_of_flow(addresses_and_ports: bytes, protocol: int, router_id: int = 0) -> int:
    """The hash, under the default configuration, of one flow: addresses and ports as they lie in the header, 12 bytes."""
    src, dst, ports = (int.from_bytes(addresses_and_ports[at : at + 4], "little") for at in (0, 4, 8))
    return hashed_one(src ^ router_id, dst ^ protocol, ports if protocol in (ip_protocol.TCP, ip_protocol.UDP) else 0)
