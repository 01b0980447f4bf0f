"""ip4-udp-lookup and ip6-udp-lookup: datagrams for us, to whoever listens at their port (RFC 768; vnet/udp/udp_local.c).

Where nobody does, the sender is told that the port is unreachable. A listener gets the payload only.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from msgspec import Struct

from vppsh.engine.context import Context, Nexts
from vppsh.engine.fib.types import Protocol
from vppsh.engine.frame import Frame
from vppsh.engine.icmp_error import set_icmp_error
from vppsh.engine.udp_ports import NOBODY, UdpPorts
from vppsh.engine.uniform import common
from vppsh.engine.wire import icmp4, icmp6, ip4, ip6, ip_protocol, udp
from vppsh.registry import demux, error, info, node, table

PUNT, DROP, ICMP = range(3)
IP4_NEXTS = ("ip4-punt", "ip4-drop", "ip4-icmp-error")
IP6_NEXTS = ("ip6-punt", "ip6-drop", "ip6-icmp-error")
ERRORS = (
    info("none", "No error"),
    error("no_listener", "No listener for dst port"),
    error("length_error", "Packets with length errors"),
    error("punt", "No listener punt"),
    info("enqueued", "Packets enqueued"),
    error("fifo_full", "Fifo full"),
    error("fifo_nomem", "Fifo no mem"),
    error("not_ready", "Connection not ready"),
    info("accept", "Accepted session"),
    error("create_session", "Failed to create session"),
    error("mq_full", "Application msg queue full"),
    error("invalid_connection", "Invalid connection"),
    info("pkts_sent", "Packets sent"),
    info("connected", "Connected session"),
    error("create_exists", "Connection already exists"),
    error("wrong_thread", "Wrong worker thread"),
)
NONE, NO_LISTENER, LENGTH_ERROR, PUNTED = range(4)

PORT_UNREACHABLE = {
    Protocol.IP4: (icmp4.DESTINATION_UNREACHABLE, 3),
    Protocol.IP6: (icmp6.DESTINATION_UNREACHABLE, 4),
}
OCTET = np.dtype("u1")
HEADER_BYTES = udp.HEADER.itemsize

UDP_PORTS = table(UdpPorts)
UDP_OVER_IP4 = demux("ip4-local", ip_protocol.UDP, "ip4-udp-lookup")
UDP_OVER_IP6 = demux("ip6-local", ip_protocol.UDP, "ip6-udp-lookup")


class LookupTrace(Struct, frozen=True):
    """The ports of a datagram (0 when it is too short), and whether it goes elsewhere than to the ICMP error."""

    src_port: int
    dst_port: int
    bound: bool


def format_lookup_trace(view: Any, record: LookupTrace) -> str:
    """`UDP: src-port 9 dst-port 33434 (no listener)`."""
    return f"UDP: src-port {record.src_port} dst-port {record.dst_port}{'' if record.bound else ' (no listener)'}"


def _lookup(ctx: Context, frame: Frame, protocol: Protocol) -> Nexts:
    buffers, ports = ctx.buffers, ctx.get(UdpPorts)
    rows = frame.rows
    # Load.
    if protocol is Protocol.IP4:
        ahead = ip4.header_bytes(buffers.load(frame, OCTET)).astype(np.int32)
    else:
        ahead = np.full(frame.n, ip6.HEADER.itemsize, np.int32)
    size = common(ahead)
    header = buffers.load(frame, udp.HEADER, size) if size is not None else buffers.bytes_at(udp.HEADER)[buffers.addresses(frame) + ahead]
    # Decide.
    cut = buffers.current_length[rows] < ahead + HEADER_BYTES
    short = cut | (header["length"] > buffers.packet_length(rows) - ahead)
    port = common(header["dst_port"])
    if size is not None and port is not None and ports.slots[protocol][port] != NOBODY and not np.count_nonzero(short):
        # All to one listener, as of a tunnel.
        buffers.error[rows] = ctx.error_base + NONE
        buffers.advance(frame, size + HEADER_BYTES)
        for position, index in ctx.traced(frame):
            ctx.trace(index, LookupTrace(int(header[position]["src_port"]), port, True))
        return int(ports.slots[protocol][port])
    nexts = ports.slots[protocol][header["dst_port"]]
    errors = np.full(frame.n, LENGTH_ERROR)
    listening = (nexts != NOBODY) & ~short
    unknown = (nexts == NOBODY) & ~short
    errors[listening] = NONE
    nexts[short] = DROP
    forward = np.where(cut, 0, ahead)
    forward[listening] += HEADER_BYTES
    if unknown.any():
        if ports.punt_unknown[protocol]:
            nexts[unknown], errors[unknown] = PUNT, PUNTED
        elif ports.send_unreachable:
            nexts[unknown], errors[unknown] = ICMP, NO_LISTENER
            set_icmp_error(buffers, frame.indices(buffers)[unknown], PORT_UNREACHABLE[protocol])
        else:
            nexts[unknown], errors[unknown] = DROP, NO_LISTENER
        if ports.punt_unknown[protocol] or ports.send_unreachable:
            # Whoever comes next wants to see the IP header.
            forward[unknown] = 0
    # Act.
    buffers.error[rows] = ctx.error_base + errors
    buffers.current_data[rows] += forward
    buffers.current_length[rows] -= forward
    if (forward != forward[0]).any() or frame.offset is None:
        frame.offset = None
    else:
        frame.offset += int(forward[0])
    # Report.
    for position, index in ctx.traced(frame):
        seen = header[position]
        if short[position]:
            ctx.trace(index, LookupTrace(0, 0, False))
        else:
            ctx.trace(index, LookupTrace(int(seen["src_port"]), int(seen["dst_port"]), nexts[position] != ICMP))
    return nexts


@node("ip4-udp-lookup", nexts=IP4_NEXTS, errors=ERRORS, trace=format_lookup_trace)
def ip4_udp_lookup(ctx: Context, frame: Frame) -> Nexts:
    """By destination port, behind the IPv4 header."""
    return _lookup(ctx, frame, Protocol.IP4)


@node("ip6-udp-lookup", nexts=IP6_NEXTS, errors=ERRORS, trace=format_lookup_trace)
def ip6_udp_lookup(ctx: Context, frame: Frame) -> Nexts:
    """By destination port, behind the IPv6 header."""
    return _lookup(ctx, frame, Protocol.IP6)
