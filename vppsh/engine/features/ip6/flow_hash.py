"""The flow hash of IPv6 packets (ip6_compute_flow_hash in vnet/ip/ip6_inlines.h)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vppsh.engine.context import Context
from vppsh.engine.features.ip4.flow_hash import GTPU_PORT
from vppsh.engine.fib.flow_hash import FLOW_LABEL as WITH_LABEL
from vppsh.engine.fib.flow_hash import GTPV1_TEID, PROTO, FlowHashSettings, Words, by_config, ends, mixed64
from vppsh.engine.frame import Frame
from vppsh.engine.wire import ip_protocol

HOP_BY_HOP, FRAGMENTATION = 0, 44
PORTS = np.dtype([("src", "u2"), ("dst", "u2")])
EXTENSION = np.dtype([("protocol", "u1"), ("length", "u1")])
HEADER = np.dtype([
    ("first", "u4"), ("length", "u2"), ("protocol", "u1"), ("hop_limit", "u1"), ("src", "u8", (2,)), ("dst", "u8", (2,)),
    ("ports", PORTS), ("udp", "u4"), ("gtpu", "u4"), ("teid", "u4"),
])  # fmt: skip
AFTER_HEADER = 40
# The flow label's 20 bits, in a word as it lies in memory.
FLOW_LABEL = np.uint32(int.from_bytes(b"\0\x0f\xff\xff", "little"))
U64 = np.uint64


def _behind_extensions(ctx: Context, frame: Frame, header: np.ndarray, start: int) -> tuple[NDArray[np.uint8], np.ndarray]:
    """Protocol and ports of each packet, looked for behind a hop-by-hop header."""
    protocol, ports = header["protocol"].copy(), header["ports"].copy()
    hidden = np.flatnonzero(protocol == HOP_BY_HOP)
    if len(hidden):
        buffers = ctx.buffers
        at = buffers.addresses(frame, start + AFTER_HEADER)[hidden]
        extension = buffers.bytes_at(EXTENSION)[at]
        protocol[hidden] = extension["protocol"]
        behind = at + (extension["length"].astype(np.int64) + 1) * 8
        ports[hidden] = buffers.bytes_at(PORTS)[behind]
        fragments = extension["protocol"] == FRAGMENTATION
        protocol[hidden[fragments]] = buffers.bytes_at(EXTENSION)[behind[fragments]]["protocol"]
        ports[hidden[fragments]] = 0
    direct = header["protocol"] == FRAGMENTATION
    if direct.any():
        first = ctx.buffers.load(frame, EXTENSION, start + AFTER_HEADER)["protocol"]
        protocol[direct] = first[direct]
        ports[direct] = 0
    return protocol, ports


def flow_hash(ctx: Context, frame: Frame, config: NDArray[np.integer], at: int = 0) -> Words:
    """The hash of each packet under its own configuration; its header begins `at` bytes into it."""
    header = ctx.buffers.load(frame, HEADER, at)
    protocol, ports = _behind_extensions(ctx, frame, header, at)
    return _hash(header, protocol, ports, config, ctx.get(FlowHashSettings).router_id)


def hash_of(header: NDArray[np.void], config: NDArray[np.integer], router_id: int = 0) -> Words:
    """The hash of headers without extensions."""
    return _hash(header, header["protocol"], header["ports"], config, router_id)


def _hash(header: np.ndarray, protocol: NDArray[np.uint8], ports: np.ndarray, config: NDArray[np.integer], router_id: int) -> Words:
    def some(mine: NDArray[np.intp] | None, one: int) -> Words:
        if mine is None:
            return _hash_under(header, protocol, ports, one, router_id)
        return _hash_under(header[mine], protocol[mine], ports[mine], one, router_id)

    return by_config(config, some)


def _hash_under(header: np.ndarray, protocol: NDArray[np.uint8], ports: np.ndarray, config: int, router_id: int) -> Words:
    with_ports = ((protocol == ip_protocol.UDP) | (protocol == ip_protocol.TCP)).astype(np.uint64)
    src, dst = header["src"][:, 0] ^ header["src"][:, 1], header["dst"][:, 0] ^ header["dst"][:, 1]
    a, b, c = ends(config, src, dst, ports["src"] * with_ports, ports["dst"] * with_ports)
    if config & PROTO:
        b = b ^ protocol
    c = c ^ U64(router_id << 32)
    if config & WITH_LABEL:
        c = c ^ (header["first"] & FLOW_LABEL)
    if config & GTPV1_TEID:
        gtpu = (header["protocol"] == ip_protocol.UDP) & (header["ports"]["dst"] == GTPU_PORT)
        a = np.where(gtpu, a ^ header["teid"], a)
    return mixed64(a, b, c)
