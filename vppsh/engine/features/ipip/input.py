"""ipip4-input, ipip6-input: packets come out of a tunnel, and are received by its interface.

Counterpart of vnet's plugins/ipip/node.c.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vppsh.engine.context import Context, Nexts
from vppsh.engine.exact_table import MISSING, Words
from vppsh.engine.features.ipip.tunnels import IpipTunnels, Mode
from vppsh.engine.frame import Frame
from vppsh.engine.tunnel.decap import copy_ecn_to_ip4, copy_ecn_to_ip6
from vppsh.engine.tunnel.flags import TunnelFlag
from vppsh.engine.uniform import common
from vppsh.engine.wire import ip4, ip6, ip_protocol
from vppsh.engine.wire.text import format_ip4_address, format_ip6_address
from vppsh.registry import error, node

PUNT, DROP, IP4_INPUT, IP6_INPUT, MPLS_INPUT = range(5)
NEXTS = ("error-punt", "error-drop", "ip4-input", "ip6-input", "mpls-input")
DECAPSULATED, BAD_PROTOCOL, NO_TUNNEL, FRAGMENTED_PACKET = range(4)
NO_ERROR = -1
ERRORS = (
    error("decap_pkts", "packets decapsulated"),
    error("bad_protocol", "bad protocol"),
    error("no_tunnel", "no tunnel"),
    error("fragmented_packet", "fragmented outer packet"),
)
BY_PROTOCOL = np.full(256, DROP, np.int32)
BY_PROTOCOL[[ip_protocol.IP_IN_IP, ip_protocol.IPV6, ip_protocol.MPLS_IN_IP]] = IP4_INPUT, IP6_INPUT, MPLS_INPUT
BY_PROTOCOL.flags.writeable = False
TABLE_SHIFT = np.uint64(8)
ADDRESS_SHIFT = np.uint64(32)
UPPER_HALF = np.dtype(">u8")
SRC_AT = 8


@dataclass(frozen=True, slots=True)
class IpipTrace:
    """The tunnel interface (-1 for none), the outer length and addresses."""

    sw_if_index: int
    length: int
    src: bytes
    dst: bytes


def format_ipip_trace(view: Any, record: IpipTrace) -> str:
    """VPP's `IPIP: tunnel 3 len 88 src 192.168.1.2 dst 192.168.1.1`."""
    show = format_ip4_address if len(record.src) == 4 else format_ip6_address
    return f"IPIP: tunnel {record.sw_if_index} len {record.length} src {show(record.src)} dst {show(record.dst)}"


def _words_of(header: NDArray[np.void], fib_index: NDArray[np.int32], mode: Mode) -> Words:
    """The keys by which packets find a tunnel: its source is where they went, its destination where they came from."""
    last = fib_index.astype(np.uint64) << TABLE_SHIFT | np.uint64(mode)
    if header.dtype is ip4.HEADER:
        source, destination = header["dst"].astype(np.uint64), header["src"].astype(np.uint64)
        if mode is not Mode.P2P:
            destination = np.zeros_like(destination)
        return np.stack((source << ADDRESS_SHIFT | destination, last), axis=1)
    return np.column_stack((header["dst"].astype(np.uint64), header["src"].astype(np.uint64), last))


def _find(tunnels: IpipTunnels, header: NDArray[np.void], fib_index: NDArray[np.int32]) -> NDArray[np.int32]:
    """The tunnel of each packet: one between these two ends, or else a 6rd domain's."""
    if header.dtype is not ip4.HEADER:
        return tunnels.by_ip6.find(_words_of(header, fib_index, Mode.P2P))
    found = tunnels.by_ip4.find(_words_of(header, fib_index, Mode.P2P))
    missing = found == MISSING
    if np.count_nonzero(missing):
        found[missing] = tunnels.by_ip4.find(_words_of(header[missing], fib_index[missing], Mode.SIX_RD))
    return found


def _refuse_spoofed(ctx: Context, frame: Frame, sources: NDArray[np.uint32], found: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Packets of a 6rd domain whose inner source does not belong to their outer one, where that is checked."""
    tunnels = ctx.get(IpipTunnels)
    spoofed = np.zeros(frame.n, bool)
    for index in set(found.tolist()) - {MISSING}:
        six_rd = tunnels[index].six_rd
        if six_rd is not None and six_rd.security_check:
            mine = found == index
            upper = ctx.buffers.load(frame.pick(ctx.buffers, mine), UPPER_HALF, SRC_AT).astype(np.uint64)
            named = upper >> np.uint64(six_rd.shift) & np.uint64(six_rd.suffix_mask) | np.uint64(six_rd.ip4_prefix.address)
            spoofed[mine] = named != sources[mine]
    return spoofed


def _trace(ctx: Context, frame: Frame, header: NDArray[np.void], found: NDArray[np.int32], received: NDArray[np.int32]) -> None:
    """As in VPP, a packet without a tunnel shows that of the one before it in the frame."""
    places = np.maximum.accumulate(np.where(found != MISSING, np.arange(frame.n), -1))
    length = "length" if header.dtype is ip4.HEADER else "payload_length"
    for position, index in ctx.traced(frame):
        one, place = header[position : position + 1], int(places[position])
        shown = int(received[place]) if place >= 0 else -1
        ctx.trace(index, IpipTrace(shown, int(one[length][0]), one["src"].tobytes(), one["dst"].tobytes()))


def _input(ctx: Context, frame: Frame, dtype: np.dtype) -> Nexts:
    buffers, tunnels = ctx.buffers, ctx.get(IpipTunnels)
    rows, is_ip4 = frame.rows, dtype is ip4.HEADER
    # Load.
    header = buffers.load(frame, dtype).copy()
    fragmented = (
        header["flags_and_offset"] & ip4.FLAG_MORE_FRAGMENTS != 0 if is_ip4 else header["protocol"] == ip_protocol.IPV6_FRAGMENTATION
    )
    fib_index = buffers.fib_index[rows]
    # Decide.
    found = _find(tunnels, header, fib_index)
    nexts = BY_PROTOCOL.take(header["protocol"])
    errors: NDArray[np.int32] | None = None
    any_fragments = bool(np.count_nonzero(fragmented))
    if any_fragments:
        found[fragmented] = MISSING
    lost = found == MISSING
    # Act.
    if any_fragments:
        buffers.advance(frame.pick(buffers, ~fragmented), dtype.itemsize)
        frame.offset = None
    else:
        buffers.advance(frame, dtype.itemsize)
    accepted = ~lost
    if np.count_nonzero(lost):
        errors = np.where(lost, NO_TUNNEL, NO_ERROR).astype(np.int32)
        errors[fragmented] = FRAGMENTED_PACKET
    some = frame if errors is None else frame.pick(buffers, accepted)
    if some.n:
        chosen = found if errors is None else found[accepted]
        _receive(ctx, some, tunnels, chosen, header if errors is None else header[accepted], nexts if errors is None else nexts[accepted])
    frame.rx = some.rx if errors is None else None
    if tunnels.checked and is_ip4:
        spoofed = _refuse_spoofed(ctx, frame, header["src"].astype(np.uint32), found)
        if spoofed.any():
            errors = np.full(frame.n, NO_ERROR, np.int32) if errors is None else errors
            errors[spoofed] = NO_TUNNEL
            accepted &= ~spoofed
    counted = frame if errors is None else frame.pick(buffers, accepted)
    if counted.n:
        _count(ctx, counted)
    # Report.
    ctx.count(DECAPSULATED, frame.n)
    if errors is not None:
        refused = errors != NO_ERROR
        nexts[refused] = DROP
        buffers.error[frame.indices(buffers)[refused]] = ctx.error_base + errors[refused]
    if frame.traced:
        _trace(ctx, frame, header, found, buffers.rx_sw_if_index[rows])
    one = common(nexts)
    return nexts if one is None else one


def _receive(
    ctx: Context, frame: Frame, tunnels: IpipTunnels, found: NDArray[np.int32], header: NDArray[np.void], nexts: NDArray[np.int32]
) -> None:  # fmt: skip
    """Let packets come in by their tunnels' interfaces; congestion that was marked on the way is marked inside, if asked for."""
    buffers = ctx.buffers
    one = common(found)
    received = tunnels.sw_if_index.take(found if one is None else one)
    buffers.rx_sw_if_index[frame.rows] = received
    frame.rx = None if one is None else int(received)
    marked = (tunnels.flags.take(found) & TunnelFlag.DECAP_COPY_ECN != 0) if tunnels.copies_ecn else None
    if marked is None or not marked.any():
        return
    classes = header["tos"] if header.dtype is ip4.HEADER else (header["version_class_and_label"] >> 20).astype(np.uint8)
    for slot, copy in ((IP4_INPUT, copy_ecn_to_ip4), (IP6_INPUT, copy_ecn_to_ip6)):
        mine = marked & (nexts == slot)
        if mine.any():
            copy(ctx, frame.pick(buffers, mine), classes[mine])


def _count(ctx: Context, frame: Frame) -> None:
    """Count received packets at the tunnels' interfaces."""
    buffers, counter = ctx.buffers, ctx.engine.interfaces.rx
    lengths = buffers.packet_length(frame.rows)
    received = buffers.rx_sw_if_index[frame.rows]
    one = common(received)
    if one is None:
        counter.add_each(received, lengths)
    else:
        counter.add(one, frame.n, int(np.add.reduce(lengths)))


@node("ipip4-input", nexts=NEXTS, errors=ERRORS, trace=format_ipip_trace)
def ipip4_input(ctx: Context, frame: Frame) -> Nexts:
    """Out of an outer IPv4 header, options of which VPP would take for the inner packet."""
    return _input(ctx, frame, ip4.HEADER)


@node("ipip6-input", nexts=NEXTS, errors=ERRORS, trace=format_ipip_trace)
def ipip6_input(ctx: Context, frame: Frame) -> Nexts:
    """Out of an outer IPv6 header."""
    return _input(ctx, frame, ip6.HEADER)
