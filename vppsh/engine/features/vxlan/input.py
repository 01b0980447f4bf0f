"""vxlan4-input, vxlan6-input: packets and frames come out of a tunnel, and are received by its interface (plugins/vxlan/decap.c)."""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from vppsh.engine.context import Context, Nexts
from vppsh.engine.engine import Engine
from vppsh.engine.exact_table import MISSING
from vppsh.engine.features.vxlan.tunnels import VxlanTunnels
from vppsh.engine.fib.types import Protocol
from vppsh.engine.frame import Frame
from vppsh.engine.tunnel.udp_decap import Found, Outer, alike, by_sender, deliver, deliver_all, is_group, outer_of
from vppsh.engine.wire import vxlan
from vppsh.registry import error, node

# The third is where VPP's NSH proxy links itself in, which is not here: decap-next indices count on from there.
NEXTS = ("error-drop", "l2-input", "error-drop")
NO_SUCH_TUNNEL, BAD_FLAGS = 1, 2
ERRORS = (
    error("decapsulated", "good packets decapsulated"),
    error("no_such_tunnel", "no such tunnel packets"),
    error("bad_flags", "packets with bad flags field in vxlan header"),
)
WHOLE = np.dtype((np.void, vxlan.HEADER.itemsize))
ADDRESS_BITS, PORT_SHIFT, TABLE_SHIFT = np.uint64(32), np.uint64(48), np.uint64(32)


class InputTrace(Struct, frozen=True):
    """The tunnel (MISSING for none), the network, where the packet goes."""

    tunnel: int
    vni: int
    next: int


def format_input_trace(view: Engine, record: InputTrace) -> str:
    """VPP's `VXLAN decap from vxlan_tunnel0 vni 13 next 1 error 0`."""
    if record.tunnel == MISSING:
        return f"VXLAN decap error - tunnel for vni {record.vni} does not exist"
    return f"VXLAN decap from vxlan_tunnel{record.tunnel} vni {record.vni} next {record.next} error 0"


def last_words(outer: Outer, networks: NDArray[np.integer]) -> NDArray[np.uint64]:
    """The last words of keys; `networks` are the headers' second words, the reserved byte included."""
    words: NDArray[np.uint64] = networks.astype(np.uint64)
    words |= outer.port.byteswap().astype(np.uint64) << PORT_SHIFT
    words |= np.asarray(outer.fib_index, np.uint64) << TABLE_SHIFT
    return words


def find_tunnels(tunnels: VxlanTunnels, outer: Outer, networks: NDArray[np.integer], protocol: Protocol) -> Found:
    """The tunnels of packets; those to a group belong to the tunnel that their sender is the far end of."""
    last = last_words(outer, networks)
    table = tunnels.by_key[protocol]
    if protocol is Protocol.IP6:
        return by_sender(tunnels, table, outer, last, protocol, check_table=False)
    words = np.empty((len(last), 2), np.uint64)
    words[:, 0] = outer.dst[:, 0] << ADDRESS_BITS | outer.src[:, 0]
    words[:, 1] = last
    number = table.find(words)
    groups = (number == MISSING) & is_group(protocol, outer.dst)
    if not np.count_nonzero(groups):
        return Found(number, number)
    words[:, 0] = outer.dst[:, 0] << ADDRESS_BITS
    of_group = table.find(words)
    words[:, 0] = tunnels.near[protocol].take(of_group, axis=0)[:, 0] << ADDRESS_BITS | outer.src[:, 0]
    groups &= of_group != MISSING
    counted = np.where(groups, of_group, number)
    number = np.where(groups, table.find(words), number)
    return Found(number, number, counted)


def _one_tunnel(ctx: Context, frame: Frame, protocol: Protocol) -> tuple[int, int] | None:
    """The tunnel and the network of all packets of a frame, if they have the same, and it is one."""
    headers = ctx.buffers.load(frame, WHOLE).tobytes()
    if headers[0] != vxlan.FLAG_VNI or headers != headers[: WHOLE.itemsize] * frame.n:
        return None
    outer = alike(ctx, frame, protocol)
    if outer is None:
        return None
    first = np.frombuffer(headers, vxlan.HEADER, 1)
    found = find_tunnels(ctx.get(VxlanTunnels), outer, first["vni_and_reserved"], protocol)
    if found.number[0] == MISSING or found.counted is not None:
        return None
    return int(found.number[0]), int(first["vni_and_reserved"][0]) >> vxlan.VNI_SHIFT


def _input(ctx: Context, frame: Frame, protocol: Protocol) -> Nexts:
    buffers, tunnels = ctx.buffers, ctx.get(VxlanTunnels)
    one = _one_tunnel(ctx, frame, protocol)
    if one is not None:
        number, vni = one
        slot = int(tunnels.decap_next[number])
        for _, index in ctx.traced(frame):
            ctx.trace(index, InputTrace(number, vni, slot))
        buffers.advance(frame, vxlan.HEADER.itemsize)
        return deliver_all(ctx, frame, tunnels, number, slot, always_l2=True)
    # Load.
    header = buffers.load(frame, vxlan.HEADER)
    flags, networks = header["flags"], header["vni_and_reserved"]
    outer = outer_of(ctx, frame, protocol)
    buffers.advance(frame, vxlan.HEADER.itemsize)
    # Decide.
    found = find_tunnels(tunnels, outer, networks, protocol)
    bad = flags != vxlan.FLAG_VNI
    lost = bad | (found.number == MISSING)
    if np.count_nonzero(lost):
        buffers.error[frame.indices(buffers)[lost]] = ctx.error_base + np.where(bad[lost], BAD_FLAGS, NO_SUCH_TUNNEL)
    # Act.
    nexts = deliver(ctx, frame, tunnels, found, lost, tunnels.decap_next.take(found.number), always_l2=True)
    # Report.
    for position, index in ctx.traced(frame):
        number = MISSING if bad[position] else int(found.shown[position])
        slot = nexts if isinstance(nexts, int) else int(nexts[position])
        ctx.trace(index, InputTrace(number, int(networks[position]) >> vxlan.VNI_SHIFT, slot))
    return nexts


@node("vxlan4-input", nexts=NEXTS, errors=ERRORS, trace=format_input_trace)
def vxlan4_input(ctx: Context, frame: Frame) -> Nexts:
    """Out of an outer IPv4 header."""
    return _input(ctx, frame, Protocol.IP4)


@node("vxlan6-input", nexts=NEXTS, errors=ERRORS, trace=format_input_trace)
def vxlan6_input(ctx: Context, frame: Frame) -> Nexts:
    """Out of an outer IPv6 header."""
    return _input(ctx, frame, Protocol.IP6)
