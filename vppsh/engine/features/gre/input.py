"""gre4-input, gre6-input: packets and frames come out of a tunnel, and are received by its interface (plugins/gre/node.c)."""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from vppsh.engine.context import Context, Nexts
from vppsh.engine.engine import Engine
from vppsh.engine.exact_table import MISSING
from vppsh.engine.features.gre.encap import ERRORS, NO_ERROR, NO_SUCH_TUNNEL, UNKNOWN_PROTOCOL, UNSUPPORTED_VERSION
from vppsh.engine.features.gre.tunnels import GreTunnels, Payload
from vppsh.engine.fib.types import Protocol
from vppsh.engine.frame import Frame
from vppsh.engine.tunnel.receive import ends_of, receive
from vppsh.engine.uniform import common
from vppsh.engine.wire import ethertype, gre, ip4, ip6
from vppsh.engine.wire.text import format_ip4_address, format_ip6_address
from vppsh.registry import node

PUNT, DROP, ETHERNET_INPUT, IP4_INPUT, IP6_INPUT, MPLS_INPUT = range(6)
NEXTS = ("error-punt", "error-drop", "ethernet-input", "ip4-input", "ip6-input", "mpls-input")
BY_PAYLOAD = {gre.TEB: ETHERNET_INPUT, ethertype.IP4: IP4_INPUT, ethertype.IP6: IP6_INPUT, ethertype.MPLS: MPLS_INPUT}
KEY_BYTES = gre.KEY.itemsize
HEADER_BYTES = {Protocol.IP4: ip4.HEADER.itemsize, Protocol.IP6: ip6.HEADER.itemsize}
TABLE_SHIFT = np.uint64(32)
TEB, L3 = int(Payload.TEB) << 8, int(Payload.L3) << 8


class GreTrace(Struct, frozen=True):
    """The tunnel interface (-1 for none), the outer length and addresses."""

    sw_if_index: int
    length: int
    src: bytes
    dst: bytes


def format_gre_trace(view: Engine, record: GreTrace) -> str:
    """VPP's `GRE: tunnel 3 len 92 src 192.168.1.2 dst 192.168.1.1`."""
    show = format_ip4_address if len(record.src) == 4 else format_ip6_address
    return f"GRE: tunnel {record.sw_if_index} len {record.length} src {show(record.src)} dst {show(record.dst)}"


def _advance(ctx: Context, frame: Frame, size: int, keyed: NDArray[np.bool_]) -> NDArray[np.uint32]:
    """Take the outer header and GRE's off; the keys, 0 for none."""
    buffers = ctx.buffers
    keys = np.zeros(frame.n, np.uint32)
    n_keyed = np.count_nonzero(keyed)
    if not n_keyed:
        buffers.advance(frame, size)
        return keys
    theirs = buffers.load(frame, gre.KEY, size).astype(np.uint32)
    if n_keyed == frame.n:
        buffers.advance(frame, size + KEY_BYTES)
        return theirs
    keys[keyed] = theirs[keyed]
    buffers.advance(frame.pick(buffers, keyed), size + KEY_BYTES)
    buffers.advance(frame.pick(buffers, ~keyed), size)
    frame.offset = None
    return keys


def _payloads(ctx: Context, frame: Frame, size: int) -> tuple[NDArray[np.uint16], NDArray[np.uint16]]:
    """Flags and payload types; of headers that are cut short zeros."""
    own = ctx.buffers.load(frame, gre.HEADER, size)
    flags, payloads = own["flags_and_version"].astype(np.uint16), own["protocol"].astype(np.uint16)
    behind = ctx.buffers.packet_length(frame.rows) - size - gre.HEADER.itemsize
    if int(behind.min()) < KEY_BYTES:
        cut = (behind < 0) | (flags & gre.FLAG_KEY != 0) & (behind < KEY_BYTES)
        flags, payloads = np.where(cut, 0, flags).astype(np.uint16), np.where(cut, 0, payloads).astype(np.uint16)
    return flags, payloads


def _slots(payloads: NDArray[np.uint16]) -> NDArray[np.int32]:
    one = common(payloads)
    if one is not None:
        return np.full(len(payloads), BY_PAYLOAD.get(one, PUNT), np.int32)
    nexts = np.full(len(payloads), PUNT, np.int32)
    for payload, slot in BY_PAYLOAD.items():
        nexts[payloads == payload] = slot
    return nexts


def _input(ctx: Context, frame: Frame, version: Protocol) -> Nexts:
    buffers, tunnels = ctx.buffers, ctx.get(GreTunnels)
    rows, size = frame.rows, HEADER_BYTES[version]
    # Load.
    headers = {position: buffers.peek(index, size) for position, index in ctx.traced(frame)}
    ends = ends_of(ctx, frame, version)
    flags, payloads = _payloads(ctx, frame, size)
    keys = _advance(ctx, frame, size + gre.HEADER.itemsize, flags & gre.FLAG_KEY != 0)
    # Decide.
    nexts = _slots(payloads)
    last = np.empty((frame.n, 2), np.uint64)
    last[:, 0] = buffers.fib_index[rows].astype(np.uint64) << TABLE_SHIFT | keys
    last[:, 1] = np.where(nexts == ETHERNET_INPUT, TEB, L3)
    table = tunnels.by_ip4 if version is Protocol.IP4 else tunnels.by_ip6
    found = table.find(np.concatenate((ends, last), axis=1))
    errors = np.where(nexts == PUNT, UNKNOWN_PROTOCOL, NO_ERROR)
    newer, lost = flags & gre.VERSION_MASK != 0, found == MISSING
    nexts[newer], errors[newer] = DROP, UNSUPPORTED_VERSION
    nexts[lost], errors[lost] = DROP, NO_SUCH_TUNNEL
    # Act.
    buffers.error[rows] = ctx.error_base + errors
    buffers.tx_sw_if_index[rows] = -1
    accepted = nexts > DROP
    n_accepted = np.count_nonzero(accepted)
    if n_accepted == frame.n:
        receive(ctx, frame, tunnels.sw_if_index.take(found))
    elif n_accepted:
        receive(ctx, frame.pick(buffers, accepted), tunnels.sw_if_index[found[accepted]])
    if n_accepted < frame.n or np.count_nonzero(nexts == ETHERNET_INPUT):
        # Frames out of a tunnel did not come in by a device: ethernet-input is to look at each.
        frame.rx = None
    # Report.
    for position, index in ctx.traced(frame):
        header, shown = headers[position], int(tunnels.sw_if_index[found[position]]) if not lost[position] else -1
        length = int.from_bytes(header[2:4] if version is Protocol.IP4 else header[4:6], "big")
        half = version.bits // 8
        ctx.trace(index, GreTrace(shown, length, header[-2 * half : -half], header[-half:]))
    one = common(nexts)
    return nexts if one is None else one


@node("gre4-input", nexts=NEXTS, errors=ERRORS, trace=format_gre_trace)
def gre4_input(ctx: Context, frame: Frame) -> Nexts:
    """Out of an outer IPv4 header, options of which VPP would take for GRE's."""
    return _input(ctx, frame, Protocol.IP4)


@node("gre6-input", nexts=NEXTS, errors=ERRORS, trace=format_gre_trace)
def gre6_input(ctx: Context, frame: Frame) -> Nexts:
    """Out of an outer IPv6 header."""
    return _input(ctx, frame, Protocol.IP6)
