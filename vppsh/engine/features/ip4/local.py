"""ip4-receive, ip4-local and ip4-local-end-of-arc: packets for us, checked and handed to their protocol.

Counterpart of vnet/ip/ip4_forward.c (ip4_local_inline). Fragments are reassembled first; a packet that was
translated on its way is not checked again; the source of every other packet must be reachable and not be ours.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vppsh.engine.buffers import BufferFlag
from vppsh.engine.context import Context, Nexts
from vppsh.engine.features.ip4.errors import (
    IP4_ERRORS,
    SPOOFED_LOCAL_PACKETS,
    SRC_LOOKUP_MISS,
    TCP_CHECKSUM,
    UDP_CHECKSUM,
    UNKNOWN_PROTOCOL,
)  # fmt: skip
from vppsh.engine.features.ip4.trace import format_forward_trace, trace_forward
from vppsh.engine.fib.dpo import DpoType
from vppsh.engine.fib.fib import Fib
from vppsh.engine.frame import Frame
from vppsh.engine.l4_checksum import ip4_l4_intact
from vppsh.engine.slot_table import SlotTable
from vppsh.engine.uniform import common
from vppsh.engine.wire import ip4, ip_protocol, udp
from vppsh.registry import arc, demux, feature, node

DROP, PUNT, ICMP, REASSEMBLY = range(4)
NEXTS = ("ip4-drop", "ip4-punt", "ip4-icmp-input", "ip4-local-full-reassembly")

LOCAL_ARC = arc("ip4-local", "ip4-local", "ip4-receive", end="ip4-local-end-of-arc")
END_OF_ARC = feature("ip4-local", "ip4-local-end-of-arc")
ICMP_PROTOCOL = demux("ip4-local", ip_protocol.ICMP, "ip4-icmp-input")

# Comparing a numpy number with a member of an enumeration takes as long as a pass over a vector.
RECEIVE = int(DpoType.RECEIVE)
BROADCAST = np.uint32(0xFFFFFFFF)
COMPUTED = np.uint32(BufferFlag.L4_CHECKSUM_COMPUTED)
CORRECT = np.uint32(BufferFlag.L4_CHECKSUM_CORRECT)
NATED = np.uint32(BufferFlag.IS_NATED)
MARKS = np.uint32(BufferFlag.IS_IP4 | BufferFlag.L3_HDR_OFFSET_VALID)


class LocalProtocols(SlotTable):
    """Which node handles which IP protocol (ip4_register_protocol); the host gets those that nobody wants."""

    node = "ip4-local"
    unwanted = PUNT


def _check_sums(ctx: Context, frame: Frame, header: NDArray[np.void], errors: NDArray[np.int32]) -> None:
    """Verify TCP and UDP checksums where nobody has done so yet."""
    buffers = ctx.buffers
    protocol = header["protocol"]
    is_udp = protocol == ip_protocol.UDP
    checked = is_udp | (protocol == ip_protocol.TCP)
    if not np.count_nonzero(checked):
        return
    flags = buffers.flags[frame.rows]
    unknown = checked & (flags & COMPUTED == 0)
    n_unknown = np.count_nonzero(unknown)
    if n_unknown == frame.n:
        bad = _damaged(ctx, frame, header, is_udp)
    else:
        bad = checked & (flags & CORRECT == 0)
        if n_unknown:
            bad[unknown] = _damaged(ctx, frame.pick(buffers, unknown), header[unknown], is_udp[unknown])
    if np.count_nonzero(bad):
        errors[bad] = np.where(is_udp[bad], UDP_CHECKSUM, TCP_CHECKSUM)


def _damaged(ctx: Context, frame: Frame, header: NDArray[np.void], is_udp: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Verify the checksums of a frame of TCP and UDP, and note what was found; those that are wrong.

    A datagram that claims to be longer than its packet is charged as a bad checksum, as in VPP.
    """
    buffers = ctx.buffers
    datagram = buffers.load(frame, udp.HEADER, ip4.HEADER.itemsize)
    intact = is_udp & (datagram["checksum"] == udp.NO_CHECKSUM)
    n_without = np.count_nonzero(intact)
    if not n_without:
        intact = ip4_l4_intact(buffers, frame)
    elif n_without < frame.n:
        rest = ~intact
        intact[rest] = ip4_l4_intact(buffers, frame.pick(buffers, rest))
    buffers.flags[frame.rows] |= COMPUTED | np.where(intact, CORRECT, np.uint32(0))
    sizes = ip4.header_bytes(header["version_and_length"])
    if common(sizes) != ip4.HEADER.itemsize:
        datagram = buffers.bytes_at(udp.HEADER)[buffers.addresses(frame) + sizes]
    return ~intact | is_udp & (datagram["length"] > header["length"])


def _check_sources(ctx: Context, frame: Frame, header: NDArray[np.void], errors: NDArray[np.int32], received: bool) -> NDArray[np.int32]:
    """Look the sources up; the interface by which each packet counts as received."""
    buffers, fib = ctx.buffers, ctx.get(Fib)
    rows = frame.rows
    named = buffers.tx_sw_if_index[rows]
    tables = np.where(named >= 0, named, buffers.fib_index[rows])
    buffers.fib_index[rows] = tables
    interfaces: NDArray[np.int32] = buffers.rx_sw_if_index[rows]
    destination = buffers.adj_index[rows].copy()
    if received:
        owners = fib.receives.sw_if_index.take(fib.receives.known(destination))
        interfaces = np.where(owners >= 0, owners, interfaces)
    buffers.adj_index_rx[rows] = destination
    balances = fib.load_balances
    sources = header["src"]
    source, table = common(sources), common(tables)
    if source is not None and table is not None:
        # One sender: the far end of a tunnel, for example.
        one = fib.ip4.mtrie.find(table, source)
        buffers.adj_index[rows] = one
        one_list = balances.urpf[one]
        if balances.dpo_type[one] != RECEIVE and one_list >= 0 and fib.urpfs.size[one_list]:
            return interfaces
        found = np.full(frame.n, one, np.int32)
    else:
        found = fib.ip4.mtrie.lookup(tables, sources.astype(np.uint32))
        buffers.adj_index[rows] = found
    good = errors == UNKNOWN_PROTOCOL
    ours = balances.dpo_type[found] == RECEIVE
    errors[good & ours] = SPOOFED_LOCAL_PACKETS
    lists = balances.urpf[found]
    unreachable = ((lists < 0) | (fib.urpfs.size[lists] == 0)) & (header["dst"] != BROADCAST)
    errors[good & ~ours & unreachable] = SRC_LOOKUP_MISS
    return interfaces


def _local(ctx: Context, frame: Frame, *, head: bool, received: bool = False) -> Nexts:
    """All three nodes; `head` of the feature arc, where packets are checked; `received` by a receive object."""
    buffers, arcs = ctx.buffers, ctx.engine.arcs
    trace_forward(ctx, frame)
    rows = frame.rows
    # Load.
    header = buffers.load(frame, ip4.HEADER)
    flags = buffers.flags[rows] | MARKS
    buffers.l3_hdr_offset[rows] = buffers.current_data[rows]
    buffers.flags[rows] = flags
    # Decide.
    fragment = ip4.is_fragment(header["flags_and_offset"]) != 0
    nexts = ctx.get(LocalProtocols).slots.take(header["protocol"])
    if np.count_nonzero(fragment):
        nexts[fragment] = REASSEMBLY
    errors = np.full(frame.n, UNKNOWN_PROTOCOL, np.int32)
    interfaces = buffers.rx_sw_if_index[rows]
    if head:
        plain = ~fragment & (flags & NATED == 0)
        n_plain = np.count_nonzero(plain)
        if n_plain == frame.n:
            _check_sums(ctx, frame, header, errors)
            interfaces = _check_sources(ctx, frame, header, errors, received)
        elif n_plain:
            part, some = frame.pick(buffers, plain), errors[plain]
            _check_sums(ctx, part, header[plain], some)
            interfaces = interfaces.copy()
            interfaces[plain] = _check_sources(ctx, part, header[plain], some, received)
            errors[plain] = some
    # Act.
    good = errors == UNKNOWN_PROTOCOL
    nexts[~good] = DROP
    buffers.error[rows] = errors + ctx.error_base
    if head and arcs["ip4-local"].used:
        featured = np.asarray(arcs.start(arcs["ip4-local"], ctx, frame, interfaces, -1))
        nexts = np.where(good & (featured >= 0), featured, nexts)
    return nexts


@node("ip4-local", nexts=NEXTS, errors=IP4_ERRORS, trace=format_forward_trace)
def ip4_local(ctx: Context, frame: Frame) -> Nexts:
    """Packets that are for us for another reason than their destination."""
    return _local(ctx, frame, head=True)


@node("ip4-receive", sibling_of="ip4-local", errors_of="ip4-local", trace=format_forward_trace)
def ip4_receive(ctx: Context, frame: Frame) -> Nexts:
    """Packets to one of our addresses."""
    return _local(ctx, frame, head=True, received=True)


@node("ip4-local-end-of-arc", sibling_of="ip4-local", errors_of="ip4-local", trace=format_forward_trace)
def ip4_local_end_of_arc(ctx: Context, frame: Frame) -> Nexts:
    """Behind the features: to the protocol."""
    return _local(ctx, frame, head=False)
