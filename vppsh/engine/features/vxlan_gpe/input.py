"""vxlan4-gpe-input, vxlan6-gpe-input: packets and frames come out of a tunnel, and are received by its interface
(plugins/vxlan-gpe/decap.c).
"""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from vppsh.engine.context import Context, Nexts
from vppsh.engine.engine import Engine
from vppsh.engine.exact_table import MISSING
from vppsh.engine.features.vxlan_gpe.tunnels import VxlanGpeTunnels
from vppsh.engine.fib.types import Protocol
from vppsh.engine.frame import Frame
from vppsh.engine.tunnel.udp_decap import Found, Outer, deliver, outer_of
from vppsh.engine.wire import vxlan
from vppsh.engine.wire.vxlan import GpeProtocol
from vppsh.registry import error, node

DROP, IP4_INPUT, IP6_INPUT, L2_INPUT = range(4)
NEXTS = ("error-drop", "ip4-input", "ip6-input", "l2-input")
NO_ERROR, NO_SUCH_TUNNEL = range(2)
ERRORS = (error("decapsulated", "good packets decapsulated"), error("no_such_tunnel", "no such tunnel packets"))
BY_PAYLOAD = {GpeProtocol.IP4: IP4_INPUT, GpeProtocol.IP6: IP6_INPUT, GpeProtocol.ETHERNET: L2_INPUT}
SLOTS = np.array([BY_PAYLOAD.get(number, DROP) for number in range(256)], np.int32)  # type: ignore[call-overload]  # any number may come
SLOTS.flags.writeable = False
ADDRESS_BITS, PORT_SHIFT = np.uint64(32), np.uint64(32)


class InputTrace(Struct, frozen=True):
    """The tunnel (MISSING for none), where the packet goes."""

    tunnel: int
    next: int


def format_input_trace(view: Engine, record: InputTrace) -> str:
    """VPP's `VXLAN-GPE: tunnel 0 next 1 error 0`."""
    if record.tunnel == MISSING:
        return f"VXLAN-GPE: no tunnel next {record.next} error {NO_SUCH_TUNNEL}\n"
    return f"VXLAN-GPE: tunnel {record.tunnel} next {record.next} error {NO_ERROR}"


def find_tunnels(tunnels: VxlanGpeTunnels, outer: Outer, networks: NDArray[np.integer], protocol: Protocol) -> Found:
    """The tunnels of packets by both ends, our port and the headers' second words."""
    last: NDArray[np.uint64] = networks.astype(np.uint64)
    last |= outer.port.byteswap().astype(np.uint64) << PORT_SHIFT
    ends = outer.dst << ADDRESS_BITS | outer.src if protocol is Protocol.IP4 else np.concatenate((outer.dst, outer.src), axis=1)
    number = tunnels.by_key[protocol].find(np.concatenate((ends, last[:, None]), axis=1))
    return Found(number, number)


def _input(ctx: Context, frame: Frame, protocol: Protocol) -> Nexts:
    buffers, tunnels = ctx.buffers, ctx.get(VxlanGpeTunnels)
    # Load.
    header = buffers.load(frame, vxlan.HEADER)
    payloads, networks = header["protocol"], header["vni_and_reserved"]
    outer = outer_of(ctx, frame, protocol)
    buffers.advance(frame, vxlan.HEADER.itemsize)
    # Decide.
    found = find_tunnels(tunnels, outer, networks, protocol)
    lost = found.number == MISSING
    slots = SLOTS.take(payloads)
    # Act.
    buffers.error[frame.rows] = np.where(lost, ctx.error_base + NO_SUCH_TUNNEL, 0)
    good = ~lost
    buffers.tx_sw_if_index[frame.indices(buffers)[good]] = tunnels.decap_fib_index.take(found.number[good])
    nexts = deliver(ctx, frame, tunnels, found, lost, slots, always_l2=True)
    # Report.
    for position, index in ctx.traced(frame):
        slot = nexts if isinstance(nexts, int) else int(nexts[position])
        ctx.trace(index, InputTrace(int(found.number[position]), slot))
    return nexts


@node("vxlan4-gpe-input", nexts=NEXTS, errors=ERRORS, trace=format_input_trace)
def vxlan4_gpe_input(ctx: Context, frame: Frame) -> Nexts:
    """Out of an outer IPv4 header."""
    return _input(ctx, frame, Protocol.IP4)


@node("vxlan6-gpe-input", nexts=NEXTS, errors=ERRORS, trace=format_input_trace)
def vxlan6_gpe_input(ctx: Context, frame: Frame) -> Nexts:
    """Out of an outer IPv6 header."""
    return _input(ctx, frame, Protocol.IP6)
