"""ip6-local-hop-by-hop: packets to us with hop-by-hop options, to whoever wants what follows those; udp-ping-local wants UDP.

Counterpart of vnet/ip/ip6_hop_by_hop.c and of the receiving side of plugins/ioam/udp-ping, which answers probes
(draft-lapukhov-dataplane-probe-01) and sends every other datagram on without its options.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from msgspec import Struct

from vppsh.engine.buffers import HEADROOM
from vppsh.engine.context import Context, Nexts
from vppsh.engine.fib.types import Protocol, format_address
from vppsh.engine.frame import Frame
from vppsh.engine.slot_table import SlotTable
from vppsh.engine.wire import ip6, ip_protocol
from vppsh.registry import demux, error, node

DROP = 0
NAME = "ip6-local-hop-by-hop"
# VPP gives these counters no severity of their own.
ERRORS = (error("unknown", "Unknown protocol ip6 local h-b-h packets dropped"), error("ok", "Good ip6 local h-b-h packets"))
UNKNOWN, OK = range(len(ERRORS))
OCTET = np.dtype("u1")
OPTIONS = demux("ip6-local", ip_protocol.IP6_HOP_BY_HOP_OPTIONS, NAME)


class LocalHopByHop(SlotTable):
    """Which node handles what follows hop-by-hop options (ip6_local_hop_by_hop_register_protocol)."""

    node = NAME
    unwanted = DROP


class LocalHopByHopTrace(Struct, frozen=True):
    """What follows the options, and where it goes."""

    protocol: int
    next: int


def format_local_hop_by_hop_trace(view: Any, record: LocalHopByHopTrace) -> str:
    """`IP6_LOCAL_HOP_BY_HOP: protocol 17,  next index 1`, and an empty line."""
    return f"IP6_LOCAL_HOP_BY_HOP: protocol {record.protocol},  next index {record.next}\n"


@node("ip6-local-hop-by-hop", nexts=("error-drop",), errors=ERRORS, trace=format_local_hop_by_hop_trace)
def ip6_local_hop_by_hop(ctx: Context, frame: Frame) -> Nexts:
    """By the protocol that the options' header names."""
    buffers = ctx.buffers
    protocols = buffers.load(frame, OCTET, ip6.HEADER.itemsize)
    nexts = ctx.get(LocalHopByHop).slots[protocols]
    for position, index in ctx.traced(frame):
        ctx.trace(index, LocalHopByHopTrace(int(protocols[position]), int(nexts[position])))
    buffers.error[frame.rows] = ctx.error_base + UNKNOWN
    good = int(np.count_nonzero(nexts != DROP))
    if good:
        ctx.count(OK, good)
    return nexts


# UDP probes.

UDP_PING = "udp-ping-local"
TO_DROP, PUNT, UDP_LOOKUP, ICMP, LOOKUP, REPLIED = 0, 1, 2, 3, 4, 5
UDP_PING_NEXTS = ("error-drop", "error-punt", "ip6-udp-lookup", "ip6-icmp-input", "ip6-lookup", "ip6-drop")
UDP_PING_ERRORS = (error("badhbh", "Malformed hop-by-hop header"),)
BAD_HEADER = 0
# VPP's slot of ip6-drop: there is one for segment routing in front of it.
VPP_REPLIED = 6
MARKER = (0xDEAD).to_bytes(4, "big") + (0xBEEF).to_bytes(4, "big")
PROBE, REPLY = 1, 2
# Offsets in a datagram.
CHECKSUM_AT, MARKER_AT, TYPE_AT, HANDLE_AT, PROBE_BYTES = 6, 8, 17, 32, 36
DATAGRAMS = demux(NAME, ip_protocol.UDP, UDP_PING)


class UdpPingTrace(Struct, frozen=True):
    """What VPP reads where the packet's headers were, before options were taken out."""

    header: bytes
    datagram: bytes
    next: int


def format_udp_ping_trace(view: Any, record: UdpPingTrace) -> str:
    """Addresses, ports, and the fields of a probe."""
    source, destination = (format_address(Protocol.IP6, int.from_bytes(record.header[at : at + 16], "big")) for at in (8, 24))
    ports = [int.from_bytes(record.datagram[at : at + 2], "big") for at in (0, 2)]
    handle, kind = int.from_bytes(record.datagram[HANDLE_AT : HANDLE_AT + 2], "big"), record.datagram[TYPE_AT]
    where = f"src {source}, dst {destination}, src_port {ports[0]}, dst_port {ports[1]} "
    return f"udp-ping-local: {where}handle {handle}, next_index {record.next}, msg_type {kind}"


def _handle(ctx: Context, index: int) -> int:
    """The next of the packet in a buffer."""
    buffers = ctx.buffers
    start = HEADROOM + int(buffers.current_data[index])
    row = buffers.data[index]
    options_at = start + ip6.HEADER.itemsize
    size = (int(row[options_at + 1]) + 1) << 3
    if size >= int(buffers.current_length[index]):
        buffers.error[index] = ctx.error_base + BAD_HEADER
        return TO_DROP
    datagram = row[options_at + size : options_at + size + PROBE_BYTES]
    if datagram[MARKER_AT : MARKER_AT + len(MARKER)].tobytes() == MARKER:
        if datagram[TYPE_AT] != PROBE:
            return REPLIED
        addresses = row[start + 8 : start + 40]
        addresses[:] = np.roll(addresses, 16)
        datagram[:4] = np.roll(datagram[:4], 2)
        datagram[CHECKSUM_AT : CHECKSUM_AT + 2] = 0
        datagram[TYPE_AT] = REPLY
        return LOOKUP
    protocol = int(row[options_at])
    payload = int.from_bytes(row[start + 4 : start + 6].tobytes(), "big") - size
    row[start + 4 : start + 6] = np.frombuffer(payload.to_bytes(2, "big", signed=payload < 0), np.uint8)
    row[start + 6] = protocol
    row[start + size : options_at + size] = row[start:options_at].copy()
    buffers.current_data[index] += size
    buffers.current_length[index] -= size
    return {ip_protocol.UDP: UDP_LOOKUP, ip_protocol.ICMP6: ICMP}.get(protocol, PUNT)


@node("udp-ping-local", nexts=UDP_PING_NEXTS, errors=UDP_PING_ERRORS, trace=format_udp_ping_trace)
def udp_ping_local(ctx: Context, frame: Frame) -> Nexts:
    """Answer probes; take the options out of everything else."""
    buffers = ctx.buffers
    nexts = np.full(frame.n, TO_DROP)
    traced = {position for position, _ in ctx.traced(frame)}
    for position, index in enumerate(frame.indices(buffers).tolist()):
        start = HEADROOM + int(buffers.current_data[index])
        nexts[position] = found = _handle(ctx, index)
        if position in traced:
            header = buffers.data[index, start : start + ip6.HEADER.itemsize + 2].tobytes()
            at = start + ip6.HEADER.itemsize + ((header[-1] + 1) << 3)
            datagram = buffers.data[index, at : at + PROBE_BYTES].tobytes().ljust(PROBE_BYTES, b"\0")
            ctx.trace(index, UdpPingTrace(header, datagram, VPP_REPLIED if found == REPLIED else found))
    frame.offset = None
    return nexts
