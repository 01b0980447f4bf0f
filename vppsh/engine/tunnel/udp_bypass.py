"""Bypasses: packets of a tunnel over UDP go from the unicast arc straight to its input node, past look-up and UDP demultiplexing.

VPP counterpart: the bypass nodes of plugins/vxlan, vxlan-gpe, geneve and gtpu. UDP's checksum and length are checked as
ip4-local and ip6-local would.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vppsh.engine.buffers import BufferFlag
from vppsh.engine.context import Context, Nexts
from vppsh.engine.exact_table import MISSING
from vppsh.engine.features.ethernet.ethertypes import as_loaded
from vppsh.engine.features.ip4 import errors as ip4_errors
from vppsh.engine.features.ip4.trace import trace_forward as trace_ip4
from vppsh.engine.features.ip6 import errors as ip6_errors
from vppsh.engine.features.ip6.trace import trace_forward as trace_ip6
from vppsh.engine.fib.types import Protocol
from vppsh.engine.frame import Frame
from vppsh.engine.l4_checksum import ip4_l4_intact, ip6_l4_intact
from vppsh.engine.tunnel.udp_decap import OUTER_BYTES, Outer, outer_of
from vppsh.engine.tunnel.udp_tunnels import UdpTunnels
from vppsh.engine.wire import ip4, ip6, ip_protocol, udp

DROP, INPUT = range(2)
COMPUTED, CORRECT = np.uint32(BufferFlag.L4_CHECKSUM_COMPUTED), np.uint32(BufferFlag.L4_CHECKSUM_CORRECT)
IP_BYTES = {Protocol.IP4: ip4.HEADER.itemsize, Protocol.IP6: ip6.HEADER.itemsize}
TRACES = {Protocol.IP4: trace_ip4, Protocol.IP6: trace_ip6}
INTACT = {Protocol.IP4: ip4_l4_intact, Protocol.IP6: ip6_l4_intact}
# The counters are those of ip4-input, over IPv6 too: VPP takes the errors' numbers only from ip6-input.
ERROR_NODE = "ip4-input"
UDP_ERRORS = {
    Protocol.IP4: (ip4_errors.UDP_CHECKSUM, ip4_errors.UDP_LENGTH),
    Protocol.IP6: (ip6_errors.UDP_CHECKSUM, ip6_errors.UDP_LENGTH),
}
Mine = Callable[[Context, Frame, Outer, Protocol], NDArray[np.bool_]]
"""`(ctx, frame, outer headers, their protocol) -> which datagrams to one of our ends are for the input node`."""


def bypass(ctx: Context, frame: Frame, tunnels: UdpTunnels[Any], protocol: Protocol, mine: Mine) -> Nexts:
    """Send the datagrams of tunnels to the input node, those that are damaged to error-drop, everything else along the arc."""
    buffers = ctx.buffers
    TRACES[protocol](ctx, frame)
    chosen = _to_our_ends(ctx, frame, tunnels, protocol, mine)
    n_chosen = np.count_nonzero(chosen)
    if not n_chosen:
        return ctx.engine.arcs.next(ctx, frame)
    part = frame if n_chosen == frame.n else frame.pick(buffers, chosen)
    damaged, errors = _check(ctx, part, protocol)
    base = ctx.engine.graph[ERROR_NODE].error_base
    buffers.error[part.rows] = np.where(damaged, base + errors, 0)
    buffers.advance(part, OUTER_BYTES[protocol])
    slots = np.where(damaged, DROP, INPUT).astype(np.int32)
    if part is frame:
        return slots if np.count_nonzero(damaged) else INPUT
    nexts = np.empty(frame.n, np.int32)
    nexts[chosen] = slots
    nexts[~chosen] = ctx.engine.arcs.next(ctx, frame.pick(buffers, ~chosen))
    frame.offset = None
    return nexts


def _to_our_ends(ctx: Context, frame: Frame, tunnels: UdpTunnels[Any], protocol: Protocol, mine: Mine) -> NDArray[np.bool_]:
    """Whole datagrams to an address at which a tunnel ends, and of the kind that the bypass is for."""
    buffers = ctx.buffers
    if protocol is Protocol.IP4:
        header = buffers.load(frame, ip4.HEADER)
        chosen = (header["protocol"] == ip_protocol.UDP) & (ip4.is_fragment(header["flags_and_offset"]) == 0)
        chosen &= header["version_and_length"] == ip4.VERSION_AND_LENGTH_NO_OPTIONS
    else:
        chosen = buffers.load(frame, ip6.HEADER)["protocol"] == ip_protocol.UDP
    chosen &= buffers.current_length[frame.rows] >= OUTER_BYTES[protocol]
    if not np.count_nonzero(chosen):
        return chosen
    outer = outer_of(ctx, frame, protocol, OUTER_BYTES[protocol])
    words = np.empty((frame.n, outer.dst.shape[1] + 1), np.uint64)
    words[:, :-1], words[:, -1] = outer.dst, outer.fib_index
    chosen &= tunnels.vteps[protocol].find(words) != MISSING
    return chosen & mine(ctx, frame, outer, protocol) if np.count_nonzero(chosen) else chosen


def _check(ctx: Context, frame: Frame, protocol: Protocol) -> tuple[NDArray[np.bool_], NDArray[np.int32]]:
    """Which datagrams are damaged, and how: a length that does not fit counts first."""
    buffers = ctx.buffers
    header = buffers.load(frame, udp.HEADER, IP_BYTES[protocol])
    good = (buffers.flags[frame.rows] & CORRECT != 0) | (header["checksum"] == udp.NO_CHECKSUM)
    unknown = ~good
    if np.count_nonzero(unknown):
        rest = frame.pick(buffers, unknown)
        good[unknown] = intact = INTACT[protocol](buffers, rest)
        buffers.flags[rest.rows] |= COMPUTED | np.where(intact, CORRECT, np.uint32(0))
    if protocol is Protocol.IP4:
        available = buffers.load(frame, ip4.HEADER)["length"]
    else:
        available = buffers.load(frame, ip6.HEADER)["payload_length"]
    long = header["length"] > available
    checksum, length = UDP_ERRORS[protocol]
    return ~good | long, np.where(long, length, checksum).astype(np.int32)


def to_port(port: int) -> Mine:
    """Datagrams to a port, whoever they are for there."""
    loaded = as_loaded(port)

    def mine(ctx: Context, frame: Frame, outer: Outer, protocol: Protocol) -> NDArray[np.bool_]:
        chosen: NDArray[np.bool_] = outer.port == loaded
        return chosen

    return mine
