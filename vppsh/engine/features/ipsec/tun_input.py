"""ipsec4-tun-input and ipsec6-tun-input: ESP for this host finds the protected tunnel that it comes by.

Counterpart of vnet/ipsec/ipsec_tun_in.c. ESP may come in UDP, whose header is behind the packet's beginning then (RFC 3948).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from vppsh.engine.buffers import BufferPool
from vppsh.engine.context import Context, Nexts
from vppsh.engine.exact_table import MISSING
from vppsh.engine.features.device_input import NEXTS
from vppsh.engine.features.ipsec.punt import IpsecPunts
from vppsh.engine.fib.types import Protocol, format_address
from vppsh.engine.frame import Frame
from vppsh.engine.ipsec.matrix import Columns, Lengths, columns
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
# Both are siblings of device-input.
PUNT = NEXTS.index("punt-dispatch")
DECRYPT = {Protocol.IP4: NEXTS.index("esp4-decrypt-tun"), Protocol.IP6: NEXTS.index("esp6-decrypt-tun")}
DROP = {Protocol.IP4: NEXTS.index("ip4-drop"), Protocol.IP6: NEXTS.index("ip6-drop")}
OCTET = np.dtype("u1")
KEEPALIVE_BYTES, KEEPALIVE = udp.HEADER.itemsize + 1, 0xFF
ESP_BYTES = esp.HEADER.itemsize
ALL_ONES = 0xFFFFFFFF


class TunInputTrace(Struct, frozen=True):
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


class Seen(Struct, frozen=True):
    """What packets are.

    ahead      how long the IP header is, and the UDP header
    in_udp     whether there is one; current data begins behind it then, else at the IP header. None: nowhere
    keepalive  which of those keep a NAT awake
    length     what comes behind the IP header, or behind UDP; nothing of a keepalive
    """

    header: NDArray[np.void]
    ahead: Columns
    in_udp: NDArray[np.bool_] | None
    keepalive: NDArray[np.bool_] | None
    length: Lengths
    esp: NDArray[np.void]

    @property
    def whole(self) -> NDArray[np.bool_]:
        """Which packets are long enough to be ESP."""
        return self.length >= ESP_BYTES


def _look(ctx: Context, frame: Frame, family: Protocol) -> Seen:
    buffers, rows, is_ip6 = ctx.buffers, frame.rows, family is Protocol.IP6
    dtype = ip6.HEADER if is_ip6 else ip4.HEADER
    at = columns(buffers.l3_hdr_offset[rows] - buffers.current_data[rows])
    header = _load(buffers, frame, dtype, at)
    ahead = dtype.itemsize if is_ip6 else columns(ip4.header_bytes(header["version_and_length"]))
    length = buffers.packet_length(rows).astype(np.int64)
    in_udp = header["protocol"] == ip_protocol.UDP
    if not np.count_nonzero(in_udp):
        return Seen(header, ahead, None, None, length - ahead, _load(buffers, frame, esp.HEADER, at + ahead))
    datagram, ahead = _load(buffers, frame, udp.HEADER, at + ahead), ahead + np.where(in_udp, udp.HEADER.itemsize, 0)
    first = _load(buffers, frame, OCTET, at + ahead)
    keepalive = in_udp & (datagram["length"] == KEEPALIVE_BYTES) & (first == KEEPALIVE)
    length = np.where(keepalive, 0, length - np.where(in_udp, 0, ahead))
    return Seen(header, ahead, in_udp, keepalive, length, _load(buffers, frame, esp.HEADER, at + ahead))


def _load(buffers: BufferPool, frame: Frame, dtype: np.dtype, at: Columns) -> NDArray[Any]:
    """What lies at a place of each packet."""
    if isinstance(at, int):
        return buffers.load(frame, dtype, at)
    found: NDArray[Any] = buffers.bytes_at(dtype)[buffers.addresses(frame) + at]
    return found


def _input(ctx: Context, frame: Frame, family: Protocol) -> Nexts:
    buffers, lookups = ctx.buffers, ctx.get(Protects).lookups
    # Load.
    seen = _look(ctx, frame, family)
    # Decide.
    found = lookups.find(family, seen.header["src"].astype(np.uint64), seen.esp["spi"])
    whole = seen.whole
    known = (found != MISSING) & whole
    lost = 0
    decrypt, drop = DECRYPT[family], DROP[family]
    nexts: int | NDArray[np.int32] = decrypt
    # Act.
    if np.count_nonzero(known) == frame.n:
        _move(buffers, frame, seen, known)
        down = _receive(ctx, frame, found, seen.length)
    else:
        lost = int(np.count_nonzero(whole & ~known))
        found[~known] = MISSING
        nexts = np.where(known, decrypt, np.where(whole, PUNT, drop)).astype(np.int32)
        _move(buffers, frame, seen, known)
        down = _receive(ctx, frame.pick(buffers, known), found[known], seen.length[known]) if known.any() else 0
        frame.rx = None
        _refuse(ctx, frame, seen, known, family)
    if down:
        up = ctx.engine.interfaces.up[lookups.sw_if_index[found]]
        nexts = np.where(known & ~up, drop, nexts).astype(np.int32)
    # Report.
    ctx.count(RX, frame.n - down - lost)
    ctx.count(NO_TUNNEL, lost)
    if frame.traced:
        _trace(ctx, frame, seen, found, family)
    return nexts


def _move(buffers: BufferPool, frame: Frame, seen: Seen, known: NDArray[np.bool_]) -> None:
    """To the ESP header; packets that do not come in are handed on with their headers."""
    if seen.in_udp is None and isinstance(seen.ahead, int) and known.all():
        buffers.advance(frame, seen.ahead)
        return
    outside = known if seen.in_udp is None else known & ~seen.in_udp
    back = np.zeros(frame.n, np.bool_) if seen.in_udp is None else seen.in_udp & ~known
    move = np.where(outside, seen.ahead, np.where(back, -seen.ahead, 0)).astype(np.int32)
    buffers.current_data[frame.rows] += move
    buffers.current_length[frame.rows] -= move
    frame.offset = None


def _receive(ctx: Context, frame: Frame, found: NDArray[np.int32], lengths: Lengths) -> int:
    """Let packets come in by their tunnels' interfaces; how many of those are down."""
    buffers, lookups, interfaces, rows = ctx.buffers, ctx.get(Protects).lookups, ctx.engine.interfaces, frame.rows
    one = common(found)
    row: int | NDArray[np.int32] = found if one is None else one
    buffers.sad_index[rows], buffers.protect_index[rows] = lookups.sa[row], lookups.tunnel[row]
    received = lookups.sw_if_index[row]
    buffers.rx_sw_if_index[rows] = received
    frame.rx = None if one is None else int(received)
    # Packets with a header of the tunnel's own inside are counted when they leave that; VPP counts all that are dropped here.
    up = interfaces.up[received]
    counted = ~up | ~lookups.encaped[row]
    if one is None:
        interfaces.rx.add_each(received[counted], lengths[counted])
    elif counted:
        interfaces.rx.add(int(received), frame.n, int(np.add.reduce(lengths)))
    if np.all(up):
        return 0
    down = np.broadcast_to(~up, frame.n)
    buffers.error[frame.indices(buffers)[down]] = ctx.error_base + DISABLED
    return int(np.count_nonzero(down))


def _refuse(ctx: Context, frame: Frame, seen: Seen, known: NDArray[np.bool_], family: Protocol) -> None:
    """Note why packets do not come in, for those that drop them and for the host that may be handed them."""
    buffers, punts, indices = ctx.buffers, ctx.get(IpsecPunts), frame.indices(ctx.buffers)
    faults = np.where(seen.esp["spi"] == 0, SPI_0, NO_TUNNEL)
    faults[~seen.whole] = TOO_SHORT
    if seen.keepalive is not None:
        faults[seen.keepalive] = NAT_KEEPALIVE
    lost = ~known
    buffers.error[indices[lost]] = ctx.error_base + faults[lost]
    unknown, in_udp = punts.ip4_no_such_tunnel, punts.ip4_spi_udp_0
    if family is Protocol.IP6:
        unknown, in_udp = punts.ip6_no_such_tunnel, punts.ip6_spi_udp_0
    handed = lost & seen.whole
    reserved = np.zeros(frame.n, np.bool_) if seen.in_udp is None else seen.in_udp & (faults == SPI_0)
    buffers.punt_reason[indices[handed]] = np.where(reserved, in_udp, unknown)[handed]


def _trace(ctx: Context, frame: Frame, seen: Seen, found: NDArray[np.int32], family: Protocol) -> None:
    lookups, asked = ctx.get(Protects).lookups, seen.whole
    for position, index in ctx.traced(frame):
        row, remote, spi, number = int(found[position]), 0, 0, ALL_ONES
        if asked[position]:
            remote = int.from_bytes(seen.header["src"][position : position + 1].tobytes(), "big")
            spi, number = int(seen.esp["spi"][position]), int(seen.esp["sequence"][position])
        sa, tunnel = (0, 0) if row == MISSING else (int(lookups.sa[row]), int(lookups.tunnel[row]))
        ctx.trace(index, TunInputTrace(family, remote, spi, sa, tunnel, number))


@node("ipsec4-tun-input", sibling_of="device-input", errors=ERRORS, trace=format_tun_input_trace)
def ipsec4_tun_input(ctx: Context, frame: Frame) -> Nexts:
    """ESP over IPv4."""
    return _input(ctx, frame, Protocol.IP4)


@node("ipsec6-tun-input", sibling_of="device-input", errors=ERRORS, trace=format_tun_input_trace)
def ipsec6_tun_input(ctx: Context, frame: Frame) -> Nexts:
    """ESP over IPv6."""
    return _input(ctx, frame, Protocol.IP6)
