"""ipip4-input, ipip6-input: packets come out of a tunnel, and are received by its interface.

Counterpart of vnet's plugins/ipip/node.c.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from vppsh.engine.context import Context, Nexts
from vppsh.engine.exact_table import MISSING, Words
from vppsh.engine.features.ipip.tunnels import IpipTunnels, Mode
from vppsh.engine.fib.types import Protocol
from vppsh.engine.frame import Frame
from vppsh.engine.tunnel.decap import copy_ecn_to_ip4, copy_ecn_to_ip6
from vppsh.engine.tunnel.flags import TunnelFlag
from vppsh.engine.tunnel.receive import NEAR_END, ends_of, receive
from vppsh.engine.uniform import common
from vppsh.engine.wire import ip4, ip6, ip_protocol
from vppsh.engine.wire.text import format_ip4_address, format_ip6_address
from vppsh.registry import error, node

PUNT, DROP, IP4_INPUT, IP6_INPUT, MPLS_INPUT = range(5)
NEXTS = ("error-punt", "error-drop", "ip4-input", "ip6-input", "mpls-input")
DECAPSULATED, BAD_PROTOCOL, NO_TUNNEL, FRAGMENTED_PACKET = range(4)
ERRORS = (
    error("decap_pkts", "packets decapsulated"),
    error("bad_protocol", "bad protocol"),
    error("no_tunnel", "no tunnel"),
    error("fragmented_packet", "fragmented outer packet"),
)
BY_PROTOCOL = np.full(256, DROP, np.int32)
BY_PROTOCOL[[ip_protocol.IP_IN_IP, ip_protocol.IPV6, ip_protocol.MPLS_IN_IP]] = IP4_INPUT, IP6_INPUT, MPLS_INPUT
BY_PROTOCOL.flags.writeable = False
HEADER_BYTES = {Protocol.IP4: ip4.HEADER.itemsize, Protocol.IP6: ip6.HEADER.itemsize}
BYTE = np.dtype("u1")
FIRST_WORD = np.dtype(">u4")
UPPER_HALF = np.dtype(">u8")
IP4_CLASS_AT, IP4_FLAGS_AT, IP4_PROTOCOL_AT, IP6_PROTOCOL_AT, INNER_SRC_AT = 1, 6, 9, 6, 8
IP6_CLASS_SHIFT = 20
MORE_FRAGMENTS = np.uint8(ip4.FLAG_MORE_FRAGMENTS >> 8)
TABLE_SHIFT = np.uint64(8)
P2P, SIX_RD = np.uint64(Mode.P2P), np.uint64(Mode.SIX_RD)


class IpipTrace(Struct, frozen=True):
    """The tunnel interface (-1 for none), the outer length and addresses."""

    sw_if_index: int
    length: int
    src: bytes
    dst: bytes


def format_ipip_trace(view: Any, record: IpipTrace) -> str:
    """VPP's `IPIP: tunnel 3 len 88 src 192.168.1.2 dst 192.168.1.1`."""
    show = format_ip4_address if len(record.src) == 4 else format_ip6_address
    return f"IPIP: tunnel {record.sw_if_index} len {record.length} src {show(record.src)} dst {show(record.dst)}"


class Outer(Struct, frozen=True):
    """What is needed of outer headers once they are off.

    ends        words of their addresses
    fragmented  which packets are fragments, None if none is
    headers     of traced packets, by position
    """

    protocol: NDArray[np.uint8]
    ends: Words
    fragmented: NDArray[np.bool_] | None
    classes: NDArray[np.uint8] | None
    headers: dict[int, bytes]

    @classmethod
    def load(cls, ctx: Context, frame: Frame, version: Protocol, with_classes: bool) -> Outer:
        """Read them."""
        buffers = ctx.buffers
        headers = {position: buffers.peek(index, HEADER_BYTES[version]) for position, index in ctx.traced(frame)}
        classes = None
        if version is Protocol.IP4:
            fragmented = buffers.load(frame, BYTE, IP4_FLAGS_AT) & MORE_FRAGMENTS != 0
            protocol = buffers.load(frame, BYTE, IP4_PROTOCOL_AT)
            if with_classes:
                classes = buffers.load(frame, BYTE, IP4_CLASS_AT).copy()
        else:
            protocol = buffers.load(frame, BYTE, IP6_PROTOCOL_AT)
            fragmented = protocol == ip_protocol.IPV6_FRAGMENTATION
            if with_classes:
                classes = (buffers.load(frame, FIRST_WORD) >> IP6_CLASS_SHIFT).astype(np.uint8)
        ends = ends_of(ctx, frame, version)
        return cls(protocol, ends, fragmented if np.count_nonzero(fragmented) else None, classes, headers)


def _find(tunnels: IpipTunnels, outer: Outer, version: Protocol, fib_index: NDArray[np.int32]) -> NDArray[np.int32]:
    """The tunnel of each packet: one between these two ends, or else a 6rd domain's."""
    last = (fib_index.astype(np.uint64) << TABLE_SHIFT)[:, None]
    table = tunnels.by_ip4 if version is Protocol.IP4 else tunnels.by_ip6
    found = table.find(np.concatenate((outer.ends, last | P2P), axis=1))
    if version is Protocol.IP4 and tunnels.six_rds:
        missing = found == MISSING
        if np.count_nonzero(missing):
            found[missing] = table.find(np.concatenate((outer.ends & NEAR_END, last | SIX_RD), axis=1)[missing])
    return found


def _refuse_spoofed(ctx: Context, frame: Frame, outer: Outer, found: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Packets of a 6rd domain whose inner source does not belong to their outer one, where that is checked."""
    tunnels = ctx.get(IpipTunnels)
    spoofed = np.zeros(frame.n, bool)
    sources = (outer.ends[:, 0] & ~NEAR_END).astype(np.uint32).byteswap()
    for index in set(found.tolist()) - {MISSING}:
        six_rd = tunnels[index].six_rd
        if six_rd is not None and six_rd.security_check:
            mine = found == index
            upper = ctx.buffers.load(frame.pick(ctx.buffers, mine), UPPER_HALF, INNER_SRC_AT).astype(np.uint64)
            named = upper >> np.uint64(six_rd.shift) & np.uint64(six_rd.suffix_mask) | np.uint64(six_rd.ip4_prefix.address)
            spoofed[mine] = named != sources[mine]
    return spoofed


def _trace(ctx: Context, frame: Frame, version: Protocol, outer: Outer, found: NDArray[np.int32]) -> None:
    """As in VPP, a packet without a tunnel shows that of the one before it in the frame."""
    places = np.maximum.accumulate(np.where(found != MISSING, np.arange(frame.n), -1))
    interfaces = ctx.get(IpipTunnels).sw_if_index
    for position, index in ctx.traced(frame):
        header, place = outer.headers[position], int(places[position])
        shown = int(interfaces[found[place]]) if place >= 0 else -1
        length = int.from_bytes(header[2:4] if version is Protocol.IP4 else header[4:6], "big")
        half = version.bits // 8
        ctx.trace(index, IpipTrace(shown, length, header[-2 * half : -half], header[-half:]))


def _copy_ecn(ctx: Context, frame: Frame, outer: Outer, found: NDArray[np.int32], nexts: NDArray[np.int32]) -> None:
    """Mark congestion inside that was marked on the way, where a tunnel asks for that."""
    assert outer.classes is not None
    marked = (found != MISSING) & (ctx.get(IpipTunnels).flags[found] & TunnelFlag.DECAP_COPY_ECN != 0)
    for slot, copy in ((IP4_INPUT, copy_ecn_to_ip4), (IP6_INPUT, copy_ecn_to_ip6)):
        mine = marked & (nexts == slot)
        if mine.any():
            copy(ctx, frame.pick(ctx.buffers, mine), outer.classes[mine])


def _input(ctx: Context, frame: Frame, version: Protocol) -> Nexts:
    buffers, tunnels = ctx.buffers, ctx.get(IpipTunnels)
    rows = frame.rows
    # Load.
    outer = Outer.load(ctx, frame, version, tunnels.copies_ecn)
    protocol = common(outer.protocol)
    nexts: int | NDArray[np.int32] = int(BY_PROTOCOL[protocol]) if protocol is not None else BY_PROTOCOL.take(outer.protocol)
    # Decide.
    found = _find(tunnels, outer, version, buffers.fib_index[rows])
    if outer.fragmented is None:
        buffers.advance(frame, HEADER_BYTES[version])
    else:
        found[outer.fragmented] = MISSING
        buffers.advance(frame.pick(buffers, ~outer.fragmented), HEADER_BYTES[version])
        frame.offset = None
    refused = found == MISSING
    if tunnels.copies_ecn:
        _copy_ecn(ctx, frame, outer, found, np.broadcast_to(np.asarray(nexts, np.int32), (frame.n,)))
    # Act.
    ctx.count(DECAPSULATED, frame.n)
    if frame.traced:
        _trace(ctx, frame, version, outer, found)
    spoofed = _refuse_spoofed(ctx, frame, outer, found) if tunnels.six_rds and version is Protocol.IP4 else None
    if not np.count_nonzero(refused) and (spoofed is None or not spoofed.any()):
        receive(ctx, frame, tunnels.sw_if_index.take(found))
        return nexts
    # Report.
    buffers.rx_sw_if_index[frame.indices(buffers)[~refused]] = tunnels.sw_if_index[found[~refused]]
    if spoofed is not None:
        refused |= spoofed
    good = frame.pick(buffers, ~refused)
    if good.n:
        receive(ctx, good, tunnels.sw_if_index[found[~refused]])
    errors = np.full(frame.n, NO_TUNNEL, np.int32)
    if outer.fragmented is not None:
        errors[outer.fragmented] = FRAGMENTED_PACKET
    buffers.error[frame.indices(buffers)[refused]] = ctx.error_base + errors[refused]
    frame.rx = None
    return np.where(refused, DROP, nexts).astype(np.int32)


@node("ipip4-input", nexts=NEXTS, errors=ERRORS, trace=format_ipip_trace)
def ipip4_input(ctx: Context, frame: Frame) -> Nexts:
    """Out of an outer IPv4 header, options of which VPP would take for the inner packet."""
    return _input(ctx, frame, Protocol.IP4)


@node("ipip6-input", nexts=NEXTS, errors=ERRORS, trace=format_ipip_trace)
def ipip6_input(ctx: Context, frame: Frame) -> Nexts:
    """Out of an outer IPv6 header."""
    return _input(ctx, frame, Protocol.IP6)
