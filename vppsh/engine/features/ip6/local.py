"""ip6-receive, ip6-local and ip6-local-end-of-arc: packets for us, checked and handed to their protocol.

Counterpart of vnet/ip/ip6_forward.c (ip6_local_inline). UDP and ICMPv6 must add up; the source of a packet
must be reachable, except that of ICMPv6, which finds neighbours, and link-local ones.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vppsh.engine.buffers import BufferFlag
from vppsh.engine.context import Context, Nexts
from vppsh.engine.features.ip6.errors import BAD_LENGTH, ICMP_CHECKSUM, SRC_LOOKUP_MISS, UDP_CHECKSUM, UDP_LENGTH, UNKNOWN_PROTOCOL
from vppsh.engine.features.ip6.trace import format_forward_trace, trace_forward
from vppsh.engine.fib.fib import Fib
from vppsh.engine.frame import Frame
from vppsh.engine.l4_checksum import ip6_l4_intact
from vppsh.engine.link_local import is_link_local_each
from vppsh.engine.slot_table import SlotTable
from vppsh.engine.wire import ip6, ip_protocol, udp
from vppsh.registry import arc, demux, feature, node

DROP, PUNT = range(2)
NEXTS = ("ip6-drop", "ip6-punt", "ip6-icmp-input")

LOCAL_ARC = arc("ip6-local", "ip6-local", "ip6-receive")
END_OF_ARC = feature("ip6-local", "ip6-local-end-of-arc")
ICMP_PROTOCOL = demux("ip6-local", ip_protocol.ICMP6, "ip6-icmp-input")

COMPUTED = np.uint32(BufferFlag.L4_CHECKSUM_COMPUTED)
CORRECT = np.uint32(BufferFlag.L4_CHECKSUM_CORRECT)
MARKS = np.uint32(BufferFlag.IS_IP6 | BufferFlag.L3_HDR_OFFSET_VALID)
OCTET = np.dtype("u1")
BEHIND = ip6.HEADER.itemsize


class LocalProtocols(SlotTable):
    """Which node handles which IP protocol (ip6_register_protocol); the host gets those that nobody wants."""

    node = "ip6-local"
    unwanted = PUNT


def _check_sums(ctx: Context, frame: Frame, header: NDArray[np.void], errors: NDArray[np.int32]) -> None:
    """Verify UDP and ICMPv6 where nobody has done so yet, and lengths (ip6_tcp_udp_icmp_bad_length)."""
    buffers = ctx.buffers
    protocol = header["protocol"]
    is_udp, is_icmp = protocol == ip_protocol.UDP, protocol == ip_protocol.ICMP6
    flags = buffers.flags[frame.rows]
    good = ~(is_udp | is_icmp) | (flags & CORRECT != 0)
    if is_udp.any():
        datagram = buffers.load(frame, udp.HEADER, BEHIND)
        good |= is_udp & (datagram["checksum"] == udp.NO_CHECKSUM)
    unknown = ~good & (flags & COMPUTED == 0)
    # VPP reads the first byte behind the header as if an extension header were there whatever the protocol.
    suspect = ~unknown & (buffers.load(frame, OCTET, BEHIND) == ip_protocol.ICMP6)
    if suspect.any():
        errors[suspect & _bad_lengths(ctx, frame, header)] = BAD_LENGTH
    if unknown.any():
        part = frame.pick(buffers, unknown)
        intact = ip6_l4_intact(buffers, part)
        buffers.flags[part.rows] |= COMPUTED | np.where(intact, CORRECT, np.uint32(0))
        good[unknown] = intact
    if is_udp.any():
        errors[is_udp & (datagram["length"] > header["payload_length"])] = UDP_LENGTH
    errors[~good] = np.where(is_udp[~good], UDP_CHECKSUM, ICMP_CHECKSUM)


def _bad_lengths(ctx: Context, frame: Frame, header: NDArray[np.void]) -> NDArray[np.bool_]:
    """Which packets have not as many bytes as their headers say; those of one buffer may have more."""
    buffers = ctx.buffers
    payload = header["payload_length"].astype(np.int64)
    first = buffers.current_length[frame.rows].astype(np.int64)
    here = np.minimum(payload, np.maximum(first - BEHIND, 0))
    bad: NDArray[np.bool_] = payload - here != buffers.packet_length(frame.rows) - first
    return bad


def _check_sources(ctx: Context, frame: Frame, header: NDArray[np.void], errors: NDArray[np.int32]) -> None:
    """Refuse what comes from nowhere."""
    buffers, fib = ctx.buffers, ctx.get(Fib)
    sources = header["src"]
    asked = (errors == UNKNOWN_PROTOCOL) & (header["protocol"] != ip_protocol.ICMP6) & ~is_link_local_each(sources)
    if not asked.any():
        return
    part = frame.pick(buffers, asked)
    named = buffers.tx_sw_if_index[part.rows]
    tables = np.where(named >= 0, named, fib.ip6.fib_index_of[buffers.rx_sw_if_index[part.rows]])
    lists = fib.load_balances.urpf[fib.ip6.lookup6(tables, sources[asked].astype(np.uint64))]
    some = errors[asked]
    some[(lists < 0) | (fib.urpfs.size[lists] == 0)] = SRC_LOOKUP_MISS
    errors[asked] = some


def _local(ctx: Context, frame: Frame, *, head: bool, received: bool = False) -> Nexts:
    """All three nodes; `head` of the feature arc, where packets are checked; `received` by a receive object."""
    buffers, arcs = ctx.buffers, ctx.engine.arcs
    if frame.traced:
        trace_forward(ctx, frame)
    rows = frame.rows
    # Load.
    header = buffers.load(frame, ip6.HEADER)
    # Decide.
    nexts = ctx.get(LocalProtocols).slots[header["protocol"]]
    errors = np.full(frame.n, UNKNOWN_PROTOCOL, np.int32)
    if head:
        buffers.l3_hdr_offset[rows] = buffers.current_data[rows]
        buffers.flags[rows] |= MARKS
        _check_sums(ctx, frame, header, errors)
        _check_sources(ctx, frame, header, errors)
        named = buffers.tx_sw_if_index[rows]
        buffers.fib_index[rows] = np.where(named >= 0, named, buffers.fib_index[rows])
    # Act.
    good = errors == UNKNOWN_PROTOCOL
    nexts[~good] = DROP
    buffers.error[rows] = ctx.error_base + errors
    if head and arcs["ip6-local"].used:
        interfaces = buffers.rx_sw_if_index[rows]
        if received:
            receives = ctx.get(Fib).receives
            owners = receives.sw_if_index[receives.known(buffers.adj_index[rows])]
            interfaces = np.where(owners >= 0, owners, interfaces)
        featured = np.asarray(arcs.start(arcs["ip6-local"], ctx, frame, interfaces, -1))
        nexts = np.where(good & (featured >= 0), featured, nexts)
    return nexts


@node("ip6-local", nexts=NEXTS, errors_of="ip6-input", trace=format_forward_trace)
def ip6_local(ctx: Context, frame: Frame) -> Nexts:
    """Packets that are for us for another reason than their destination."""
    return _local(ctx, frame, head=True)


@node("ip6-receive", sibling_of="ip6-local", errors_of="ip6-input", trace=format_forward_trace)
def ip6_receive(ctx: Context, frame: Frame) -> Nexts:
    """Packets to one of our addresses."""
    return _local(ctx, frame, head=True, received=True)


@node("ip6-local-end-of-arc", sibling_of="ip6-local", errors_of="ip6-input", trace=format_forward_trace)
def ip6_local_end_of_arc(ctx: Context, frame: Frame) -> Nexts:
    """Behind the features: to the protocol."""
    return _local(ctx, frame, head=False)
