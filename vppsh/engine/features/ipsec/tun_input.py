"""ipsec4-tun-input and ipsec6-tun-input: ESP for this host finds the protected tunnel that it comes by.

Counterpart of vnet/ipsec/ipsec_tun_in.c. ESP may come in UDP, whose header is behind the packet's beginning then (RFC 3948).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vppsh.engine.context import Context, Nexts
from vppsh.engine.exact_table import MISSING
from vppsh.engine.features.ipsec.punt import IpsecPunts
from vppsh.engine.fib.types import Protocol, format_address
from vppsh.engine.frame import Frame
from vppsh.engine.ipsec.protect import Protects
from vppsh.engine.uniform import common
from vppsh.engine.wire import esp, ip4, ip6, ip_protocol, udp
from vppsh.registry import error, info, node

ERRORS = (
    info("rx", "good packets received"),
    error("disabled", "ipsec packets received on disabled interface"),
    error("no_tunnel", "no matching tunnel"),
    error("tunnel_mismatch", "SPI-tunnel mismatch"),
    info("nat_keepalive", "NAT Keepalive"),
    error("too_short", "Too Short"),
    info("spi_0", "SPI 0"),
)
RX, DISABLED, NO_TUNNEL, _MISMATCH, NAT_KEEPALIVE, TOO_SHORT, SPI_0 = range(7)
DECRYPT, DROP, PUNT = range(3)
NEXTS = {Protocol.IP4: ("esp4-decrypt-tun", "ip4-drop", "punt-dispatch"), Protocol.IP6: ("esp6-decrypt-tun", "ip6-drop", "punt-dispatch")}
OCTET = np.dtype("u1")
KEEPALIVE_BYTES, KEEPALIVE = udp.HEADER.itemsize + 1, 0xFF
ESP_BYTES = esp.HEADER.itemsize
ALL_ONES = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class TunInputTrace:
    """Where the packet came from, what it carries, and what was found; zero where nothing was looked up."""

    family: Protocol
    remote: int
    spi: int
    sa: int
    tunnel: int
    number: int


def format_tun_input_trace(view: Any, record: TunInputTrace) -> str:
    """VPP's `IPSec: remote:192.168.1.2 spi:2001 (0x000007d1) sa:1 tun:0 seq 4`."""
    return (
        f"IPSec: remote:{format_address(record.family, record.remote)} spi:{record.spi} (0x{record.spi:08x}) "
        f"sa:{record.sa} tun:{record.tunnel} seq {record.number}"
    )


@dataclass(frozen=True)
class Seen:
    """What packets are.

    ahead      how long the IP header is, and the UDP header
    in_udp     whether there is one; current data begins behind it then, else at the IP header
    length     what comes behind the IP header, or behind UDP
    """

    header: NDArray[np.void]
    ahead: NDArray[np.int32]
    in_udp: NDArray[np.bool_]
    keepalive: NDArray[np.bool_]
    length: NDArray[np.int64]
    esp: NDArray[np.void]

    @property
    def whole(self) -> NDArray[np.bool_]:
        """Which packets are long enough to be ESP."""
        return ~self.keepalive & (self.length >= ESP_BYTES)


def _look(ctx: Context, frame: Frame, family: Protocol) -> Seen:
    buffers, rows, is_ip6 = ctx.buffers, frame.rows, family is Protocol.IP6
    dtype = ip6.HEADER if is_ip6 else ip4.HEADER
    start = buffers.addresses(frame) + (buffers.l3_hdr_offset[rows] - buffers.current_data[rows])
    header = buffers.bytes_at(dtype)[start]
    sizes = np.full(frame.n, dtype.itemsize) if is_ip6 else ip4.header_bytes(header["version_and_length"]).astype(np.int64)
    in_udp = header["protocol"] == ip_protocol.UDP
    ahead = sizes + np.where(in_udp, udp.HEADER.itemsize, 0)
    keepalive = np.zeros(frame.n, np.bool_)
    if in_udp.any():
        datagram = buffers.bytes_at(udp.HEADER)[start + sizes]
        keepalive = in_udp & (datagram["length"] == KEEPALIVE_BYTES) & (buffers.bytes_at(OCTET)[start + ahead] == KEEPALIVE)
    length = buffers.packet_length(rows).astype(np.int64) - np.where(in_udp, 0, ahead)
    length[keepalive] = 0
    return Seen(header, ahead.astype(np.int32), in_udp, keepalive, length, buffers.bytes_at(esp.HEADER)[start + ahead])


def _input(ctx: Context, frame: Frame, family: Protocol) -> Nexts:
    buffers, lookups, rows = ctx.buffers, ctx.get(Protects).lookups, frame.rows
    # Load.
    seen = _look(ctx, frame, family)
    # Decide.
    found = lookups.find(family, seen.header["src"].astype(np.uint64), seen.esp["spi"])
    whole = seen.whole
    found[~whole] = MISSING
    known = found != MISSING
    every = bool(known.all())
    # Act.
    outside = known & ~seen.in_udp
    if every and not seen.in_udp.any() and (ahead := common(seen.ahead)) is not None:
        buffers.advance(frame, ahead)
    else:
        # Those that find nothing are handed on with their headers.
        move = np.where(outside, seen.ahead, np.where(seen.in_udp & ~known, -seen.ahead, 0)).astype(np.int32)
        buffers.current_data[rows] += move
        buffers.current_length[rows] -= move
        frame.offset = None
    nexts: Nexts = DECRYPT
    disabled = 0
    if every:
        disabled = _receive(ctx, frame, found, seen.length)
    elif known.any():
        disabled = _receive(ctx, frame.pick(buffers, known), found[known], seen.length[known])
        frame.rx = None
    if not every:
        _refuse(ctx, frame, seen, known, family)
    if disabled or not every:
        nexts = np.where(known, DECRYPT, np.where(whole, PUNT, DROP)).astype(np.int32)
        if disabled:
            up = ctx.engine.interfaces.up[lookups.sw_if_index[found]]
            nexts[known & ~up] = DROP
    # Report.
    lost = int(np.count_nonzero(whole & ~known))
    ctx.count(RX, frame.n - disabled - lost)
    ctx.count(NO_TUNNEL, lost)
    if frame.traced:
        _trace(ctx, frame, seen, found, family)
    return nexts


def _receive(ctx: Context, frame: Frame, found: NDArray[np.int32], lengths: NDArray[np.int64]) -> int:
    """Let packets come in by their tunnels' interfaces; how many of those are down."""
    buffers, lookups, interfaces, rows = ctx.buffers, ctx.get(Protects).lookups, ctx.engine.interfaces, frame.rows
    one = common(found)
    row: int | NDArray[np.int32] = found if one is None else one
    buffers.sad_index[rows] = lookups.sa.take(row)
    buffers.protect_index[rows] = lookups.tunnel.take(row)
    received = lookups.sw_if_index.take(found)
    buffers.rx_sw_if_index[rows] = received
    frame.rx = common(received)
    up = interfaces.up[received]
    # Packets with a header of the tunnel's own inside are counted when they leave that; VPP counts all that are dropped here.
    counted = ~up | ~lookups.encaped.take(found)
    if one is None:
        interfaces.rx.add_each(received[counted], lengths[counted])
    elif counted[0]:
        interfaces.rx.add(int(received[0]), frame.n, int(lengths.sum()))
    down = ~up
    if not down.any():
        return 0
    buffers.error[frame.indices(buffers)[down]] = ctx.error_base + DISABLED
    return int(np.count_nonzero(down))


def _refuse(ctx: Context, frame: Frame, seen: Seen, known: NDArray[np.bool_], family: Protocol) -> None:
    """Note why packets do not come in, for those that drop them and for the host that may be handed them."""
    buffers, punts, indices = ctx.buffers, ctx.get(IpsecPunts), frame.indices(ctx.buffers)
    faults = np.where(seen.esp["spi"] == 0, SPI_0, NO_TUNNEL)
    faults[~seen.whole] = TOO_SHORT
    faults[seen.keepalive] = NAT_KEEPALIVE
    lost = ~known
    buffers.error[indices[lost]] = ctx.error_base + faults[lost]
    unknown, in_udp = punts.ip4_no_such_tunnel, punts.ip4_spi_udp_0
    if family is Protocol.IP6:
        unknown, in_udp = punts.ip6_no_such_tunnel, punts.ip6_spi_udp_0
    handed = lost & seen.whole
    buffers.punt_reason[indices[handed]] = np.where(seen.in_udp & (faults == SPI_0), in_udp, unknown)[handed]


def _trace(ctx: Context, frame: Frame, seen: Seen, found: NDArray[np.int32], family: Protocol) -> None:
    lookups, asked = ctx.get(Protects).lookups, seen.whole
    for position, index in ctx.traced(frame):
        row, remote, spi, number = int(found[position]), 0, 0, ALL_ONES
        if asked[position]:
            remote = int.from_bytes(seen.header["src"][position : position + 1].tobytes(), "big")
            spi, number = int(seen.esp["spi"][position]), int(seen.esp["sequence"][position])
        sa, tunnel = (0, 0) if row == MISSING else (int(lookups.sa[row]), int(lookups.tunnel[row]))
        ctx.trace(index, TunInputTrace(family, remote, spi, sa, tunnel, number))


@node("ipsec4-tun-input", nexts=NEXTS[Protocol.IP4], errors=ERRORS, trace=format_tun_input_trace)
def ipsec4_tun_input(ctx: Context, frame: Frame) -> Nexts:
    """ESP over IPv4."""
    return _input(ctx, frame, Protocol.IP4)


@node("ipsec6-tun-input", nexts=NEXTS[Protocol.IP6], errors=ERRORS, trace=format_tun_input_trace)
def ipsec6_tun_input(ctx: Context, frame: Frame) -> Nexts:
    """ESP over IPv6."""
    return _input(ctx, frame, Protocol.IP6)
