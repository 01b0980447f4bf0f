"""ikev2-ip4, ikev2-ip4-natt and ikev2-ip6: IKE messages for this host, answered in the buffers in which they came (RFC 7296).

Counterpart of ikev2_node_internal in plugins/ikev2/ikev2.c. Messages to port 4500 come by way of ipsec4-tun-input, which takes what has
an SPI, and punt-dispatch. A message at a time: there are few, and each is worth milliseconds of arithmetic.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import numpy as np
from msgspec import Struct

from vppsh.engine.buffer_data import chain_of, write_chain
from vppsh.engine.buffers import DATA_SIZE, HEADROOM, BufferPool
from vppsh.engine.context import Context, Nexts
from vppsh.engine.fib.types import Protocol
from vppsh.engine.frame import Frame
from vppsh.engine.ikev2.message import NON_ESP_MARKER
from vppsh.engine.ikev2.outgoing import ip_packet
from vppsh.engine.ikev2.service import Ikev2
from vppsh.engine.ikev2.state import Datagram, Ikev2Error
from vppsh.engine.wire import ip4, ip6, udp
from vppsh.registry import error, info, node

UDP_BYTES = udp.HEADER.itemsize
NEXTS = {Protocol.IP4: ("ip4-lookup", "error-drop"), Protocol.IP6: ("ip6-lookup", "error-drop")}
ERRORS = (
    info("processed", "packets processed"),
    info("ike_sa_init_retransmit", "IKE SA INIT retransmit"),
    error("ike_sa_init_ignore", "IKE_SA_INIT ignore (IKE SA already auth)"),
    error("ike_req_retransmit", "IKE request retransmit"),
    error("ike_req_ignore", "IKE request ignore (old msgid)"),
    error("not_ikev2", "Non IKEv2 packets received"),
    error("bad_length", "Bad packet length"),
    error("malformed_packet", "Malformed packet"),
    error("no_buff_space", "No buffer space"),
    info("keepalive", "IKE keepalive messages received"),
    info("rekey_req", "IKE rekey requests received"),
    info("init_sa_req", "IKE EXCHANGE SA requests received"),
    info("ike_auth_req", "IKE AUTH SA requests received"),
    info("handoff", "IKE packets handoff"),
    error("handoff_congestion_drop", "IKE packets dropped due to handoff congestion"),
)
"""In the order of Ikev2Error."""


class Next(IntEnum):
    """Where messages go."""

    LOOKUP = 0
    DROP = 1


class Ikev2Trace(Struct, frozen=True):
    """By which interface it came, and where it goes."""

    sw_if_index: int
    next_index: int


def format_ikev2_trace(view: Any, record: Ikev2Trace) -> str:
    """`ikev2: sw_if_index 1, next index 0`."""
    return f"ikev2: sw_if_index {record.sw_if_index}, next index {record.next_index}"


class Arrival(Struct, frozen=True):
    """A datagram, the IP header in front of it, and where in its buffer that begins."""

    datagram: Datagram
    head: bytes
    start: int


def _read(buffers: BufferPool, index: int, family: Protocol, *, marked: bool) -> Arrival | None:
    """What is in a buffer: at the beginning an IP header or, when it is not marked, what is behind UDP. None if that is too short."""
    current, length = int(buffers.current_data[index]), int(buffers.current_length[index])
    start = current if marked else int(buffers.l3_hdr_offset[index])
    ip_bytes = ip4.HEADER.itemsize if family is Protocol.IP4 else ip6.HEADER.itemsize
    if not -HEADROOM <= start <= current or current + length > DATA_SIZE:
        return None
    # A message that came in fragments lies in several buffers.
    data = buffers.data[index, HEADROOM + start : HEADROOM + current].tobytes() + buffers.packet(index)
    if marked and data:
        at = ip4.header_bytes(data[0]) + UDP_BYTES + len(NON_ESP_MARKER)
        ports = at - UDP_BYTES - len(NON_ESP_MARKER)
    else:
        at = current - start
        ports = at - UDP_BYTES
    if ports < ip_bytes or len(data) < at:
        return None
    src, dst = (data[12:16], data[16:20]) if family is Protocol.IP4 else (data[8:24], data[24:40])
    datagram = Datagram(
        family, int.from_bytes(src, "big"), int.from_bytes(dst, "big"), int.from_bytes(data[ports : ports + 2], "big"),
        int.from_bytes(data[ports + 2 : ports + 4], "big"), data[at:], marked, int(buffers.rx_sw_if_index[index]),
    )  # fmt: skip
    return Arrival(datagram, data[:ip_bytes], start)


def _answer(ctx: Context, index: int, family: Protocol, *, marked: bool) -> bool:
    """Handle one message; whether there is an answer in its buffer."""
    buffers = ctx.buffers
    arrival = _read(buffers, index, family, marked=marked)
    if arrival is None:
        ctx.count(Ikev2Error.BAD_LENGTH)
        return False
    answer = ctx.get(Ikev2).receive(arrival.datagram, ctx.count)
    if answer is None:
        return False
    packet = ip_packet(answer, arrival.head)
    if len(packet) > DATA_SIZE - arrival.start:
        ctx.count(Ikev2Error.NO_BUFF_SPACE)
        return False
    buffers.current_data[index] = arrival.start
    write_chain(buffers, chain_of(buffers, index), packet)
    return True


def _input(ctx: Context, frame: Frame, family: Protocol, *, marked: bool = False) -> Nexts:
    buffers = ctx.buffers
    nexts = np.full(frame.n, Next.DROP.value, np.int32)
    for position, index in enumerate(frame.indices(buffers).tolist()):
        if _answer(ctx, index, family, marked=marked):
            nexts[position] = Next.LOOKUP
    frame.offset = None
    ctx.count(Ikev2Error.PROCESSED, frame.n)
    for position, index in ctx.traced(frame):
        ctx.trace(index, Ikev2Trace(int(buffers.rx_sw_if_index[index]), int(nexts[position])))
    return nexts


@node("ikev2-ip4", nexts=NEXTS[Protocol.IP4], errors=ERRORS, trace=format_ikev2_trace)
def ikev2_ip4(ctx: Context, frame: Frame) -> Nexts:
    """Over IPv4, port 500."""
    return _input(ctx, frame, Protocol.IP4)


@node("ikev2-ip4-natt", nexts=NEXTS[Protocol.IP4], errors=ERRORS, trace=format_ikev2_trace)
def ikev2_ip4_natt(ctx: Context, frame: Frame) -> Nexts:
    """Over IPv4, port 4500, behind a marker."""
    return _input(ctx, frame, Protocol.IP4, marked=True)


@node("ikev2-ip6", nexts=NEXTS[Protocol.IP6], errors=ERRORS, trace=format_ikev2_trace)
def ikev2_ip6(ctx: Context, frame: Frame) -> Nexts:
    """Over IPv6, port 500."""
    return _input(ctx, frame, Protocol.IP6)
