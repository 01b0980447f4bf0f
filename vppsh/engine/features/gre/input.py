"""gre4-input, gre6-input: packets and frames come out of a tunnel, and are received by its interface (plugins/gre/node.c)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vppsh.engine.context import Context, Nexts
from vppsh.engine.engine import Engine
from vppsh.engine.exact_table import MISSING, Words
from vppsh.engine.features.gre.encap import ERRORS, NO_ERROR, NO_SUCH_TUNNEL, UNKNOWN_PROTOCOL, UNSUPPORTED_VERSION
from vppsh.engine.features.gre.tunnels import GreTunnels, Payload
from vppsh.engine.frame import Frame
from vppsh.engine.uniform import common
from vppsh.engine.wire import ethertype, gre, ip4, ip6
from vppsh.engine.wire.text import format_ip4_address, format_ip6_address
from vppsh.registry import node

PUNT, DROP, ETHERNET_INPUT, IP4_INPUT, IP6_INPUT, MPLS_INPUT = range(6)
NEXTS = ("error-punt", "error-drop", "ethernet-input", "ip4-input", "ip6-input", "mpls-input")
BY_PAYLOAD = {gre.TEB: ETHERNET_INPUT, ethertype.IP4: IP4_INPUT, ethertype.IP6: IP6_INPUT, ethertype.MPLS: MPLS_INPUT}
KEY_BYTES = gre.KEY.itemsize
ADDRESS_SHIFT, TABLE_SHIFT, PAYLOAD_SHIFT = np.uint64(32), np.uint64(32), np.uint64(8)


@dataclass(frozen=True, slots=True)
class GreTrace:
    """The tunnel interface (-1 for none), the outer length and addresses."""

    sw_if_index: int
    length: int
    src: bytes
    dst: bytes


def format_gre_trace(view: Engine, record: GreTrace) -> str:
    """VPP's `GRE: tunnel 3 len 92 src 192.168.1.2 dst 192.168.1.1`."""
    show = format_ip4_address if len(record.src) == 4 else format_ip6_address
    return f"GRE: tunnel {record.sw_if_index} len {record.length} src {show(record.src)} dst {show(record.dst)}"


def _words_of(header: NDArray[np.void], fib_index: NDArray[np.int32], keys: NDArray[np.uint32], nexts: NDArray[np.int32]) -> Words:
    """The keys by which packets find a tunnel: its source is where they went, its destination where they came from."""
    payload = np.where(nexts == ETHERNET_INPUT, Payload.TEB, Payload.L3).astype(np.uint64)
    last = (fib_index.astype(np.uint64) << TABLE_SHIFT | keys, payload << PAYLOAD_SHIFT)
    if header.dtype is ip4.HEADER:
        ends = header["dst"].astype(np.uint64) << ADDRESS_SHIFT | header["src"]
        return np.stack((ends, *last), axis=1)
    return np.column_stack((header["dst"].astype(np.uint64), header["src"].astype(np.uint64), *last))


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


def _input(ctx: Context, frame: Frame, dtype: np.dtype) -> Nexts:
    buffers, tunnels = ctx.buffers, ctx.get(GreTunnels)
    rows = frame.rows
    # Load.
    header = buffers.load(frame, dtype).copy()
    own = buffers.load(frame, gre.HEADER, dtype.itemsize)
    flags, payloads = own["flags_and_version"].astype(np.uint16), own["protocol"].astype(np.uint16)
    behind = buffers.packet_length(rows) - dtype.itemsize - gre.HEADER.itemsize
    cut = (behind < 0) | (flags & gre.FLAG_KEY != 0) & (behind < KEY_BYTES)
    if cut.any():
        # What is not there counts as zeros.
        flags, payloads = np.where(cut, 0, flags), np.where(cut, 0, payloads)
    keys = _advance(ctx, frame, dtype.itemsize + gre.HEADER.itemsize, flags & gre.FLAG_KEY != 0)
    # Decide.
    nexts = np.full(frame.n, PUNT, np.int32)
    for payload, slot in BY_PAYLOAD.items():
        nexts[payloads == payload] = slot
    errors = np.where(nexts == PUNT, UNKNOWN_PROTOCOL, NO_ERROR).astype(np.int32)
    words = _words_of(header, buffers.fib_index[rows], keys, nexts)
    newer = flags & gre.VERSION_MASK != 0
    nexts[newer], errors[newer] = DROP, UNSUPPORTED_VERSION
    table = tunnels.by_ip4 if dtype is ip4.HEADER else tunnels.by_ip6
    found = table.find(words)
    lost = found == MISSING
    nexts[lost], errors[lost] = DROP, NO_SUCH_TUNNEL
    # Act.
    received = np.where(lost, -1, tunnels.sw_if_index[found])
    buffers.error[rows] = ctx.error_base + errors
    buffers.tx_sw_if_index[rows] = -1
    accepted = nexts > DROP
    _receive(ctx, frame, received, accepted)
    # A frame of an Ethernet tunnel did not come in by a device: ethernet-input is to look at each packet.
    one = common(received)
    frame.rx = one if one is not None and accepted.all() and not (nexts == ETHERNET_INPUT).any() else None
    # Report.
    length = "length" if dtype is ip4.HEADER else "payload_length"
    for position, index in ctx.traced(frame):
        outer = header[position : position + 1]
        ctx.trace(index, GreTrace(int(received[position]), int(outer[length][0]), outer["src"].tobytes(), outer["dst"].tobytes()))
    return nexts


def _receive(ctx: Context, frame: Frame, received: NDArray[np.int32], accepted: NDArray[np.bool_]) -> None:
    """Let accepted packets come in by their tunnels' interfaces, and count them there."""
    buffers, counter = ctx.buffers, ctx.engine.interfaces.rx
    lengths, one = buffers.packet_length(frame.rows), common(received)
    if one is not None and accepted.all():
        buffers.rx_sw_if_index[frame.rows] = one
        counter.add(one, frame.n, int(np.add.reduce(lengths)))
    elif accepted.any():
        buffers.rx_sw_if_index[frame.indices(buffers)[accepted]] = received[accepted]
        counter.add_each(received[accepted], lengths[accepted])


@node("gre4-input", nexts=NEXTS, errors=ERRORS, trace=format_gre_trace)
def gre4_input(ctx: Context, frame: Frame) -> Nexts:
    """Out of an outer IPv4 header, options of which VPP would take for GRE's."""
    return _input(ctx, frame, ip4.HEADER)


@node("gre6-input", nexts=NEXTS, errors=ERRORS, trace=format_gre_trace)
def gre6_input(ctx: Context, frame: Frame) -> Nexts:
    """Out of an outer IPv6 header."""
    return _input(ctx, frame, ip6.HEADER)
