"""ip4-sv-reassembly and its features: fragments learn the ports of their packet, whole packets have theirs noted.

Counterpart of vnet/ip/reass/ip4_sv_reass.c. The features serve others that look at ports; by themselves they
only hold fragments back until the first one is there.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from math import inf
from typing import Any

import numpy as np

from vppsh.engine.context import Context, Nexts
from vppsh.engine.features.ip4.errors import (
    IP4_ERRORS,
    NONE,
    REASS_FRAGMENT_CHAIN_TOO_LONG,
    REASS_MALFORMED_PACKET,
    REASS_UNSUPP_IP_PROT,
)  # fmt: skip
from vppsh.engine.features.ip4.full_reassembly import LONGEST, OFFSET_UNIT, SHORTEST
from vppsh.engine.fib.fib import Fib
from vppsh.engine.frame import Frame
from vppsh.engine.l4_fields import ip4_fields
from vppsh.engine.reassembly.packet import become
from vppsh.engine.reassembly.shallow import Action, Outcome, ShallowReassemblies, ShallowTrace, format_shallow_trace
from vppsh.engine.wire import ip4
from vppsh.registry import feature, node, process

INPUT, DROP = range(2)
NEXTS = ("ip4-input", "ip4-drop")
WHOLE = "[not-fragmented]"
COUNTED = {Outcome.TOO_MANY_FRAGMENTS: REASS_FRAGMENT_CHAIN_TOO_LONG, Outcome.UNKNOWN_PROTOCOL: REASS_UNSUPP_IP_PROT}
FEATURES = (
    feature("ip4-unicast", "ip4-sv-reassembly-feature", before=("ip4-lookup",), after=("ip4-full-reassembly-feature",)),
    feature("ip4-multicast", "ip4-sv-reassembly-mcast-feature"),
    feature("ip4-output", "ip4-sv-reassembly-output-feature"),
)


class Ip4ShallowReassemblies(ShallowReassemblies):
    """The IPv4 packets whose first fragment is not there yet, and those whose fragments pass."""

    walk_node = "ip4-sv-reassembly-expire-walk"
    traces_frees = True


def _key_trace(key: tuple[int, int, int, int, int]) -> ShallowTrace:
    """The key as VPP prints it: two words of 64 bits, as addresses and identification lie in memory."""
    fib_index, source, destination, number, protocol = key
    swapped_source, swapped_destination = (int.from_bytes(each.to_bytes(4, "big"), "little") for each in (source, destination))
    swapped_number = int.from_bytes(number.to_bytes(2, "big"), "little")
    words = fib_index | swapped_source << 32, swapped_destination | swapped_number << 32 | protocol << 48
    return ShallowTrace(f"[lookup, key: key {words[0]} {words[1]} value 0]")


def _fragment(ctx: Context, index: int, header: np.void, ports: int, kind: int) -> tuple[list[int], int]:
    """One fragment, and what would be its ports if it were a first one: the buffers that go on because of it, or why it is dropped."""
    buffers, table = ctx.buffers, ctx.get(Ip4ShallowReassemblies)
    version_and_length, _, total, number, where, _, protocol, _, source, destination = header.item()
    first, length = (where & ip4.FRAGMENT_OFFSET_MASK) * OFFSET_UNIT, total - ip4.header_bytes(version_and_length)
    is_last = not where & ip4.FLAG_MORE_FRAGMENTS
    if length <= 0 or first + length > LONGEST or (length < SHORTEST and not is_last):
        return [index], REASS_MALFORMED_PACKET
    key = (ctx.get(Fib).ip4.index_of_interface(int(buffers.rx_sw_if_index[index])), source, destination, number, protocol)
    if buffers.trace[index] >= 0:
        ctx.trace(index, _key_trace(key))
    said = (ports, kind) if ports >> 16 and ports & 0xFFFF else None
    flow = table.open(ctx, key, index)
    outcome = table.take(ctx, flow, index, said, is_first=not first, is_last=is_last)
    if isinstance(outcome, Outcome):
        ctx.count(COUNTED[outcome])
        table.give_up(ctx, flow, index, Action.FREE_FAULTY)
        return [], NONE
    return outcome, NONE


def _reassemble(*, is_feature: bool, behind_rewrite: bool = False) -> Callable[[Context, Frame], Nexts]:
    """The nodes: on the way out, the IPv4 header lies behind the header of the link."""

    def reassemble(ctx: Context, frame: Frame) -> Nexts:
        buffers, arcs = ctx.buffers, ctx.engine.arcs
        # Load.
        rows = frame.indices(buffers)
        at = buffers.addresses(frame)
        if behind_rewrite:
            at = at + buffers.save_rewrite_length[rows]
        header = buffers.bytes_at(ip4.HEADER)[at]
        fragment = ip4.is_fragment(header["flags_and_offset"]) != 0
        buffers.l4_ports[rows], buffers.l4_first[rows] = ip4_fields(buffers, at)
        for position, index in ctx.traced(frame):
            if not fragment[position]:
                ctx.trace(index, ShallowTrace(WHOLE, first=int(buffers.l4_first[index])))
        if not fragment.any():
            return arcs.next(ctx, frame) if is_feature else INPUT
        # Decide, act.
        groups: list[np.ndarray] = []
        refused: list[int] = []
        done = 0
        positions = np.flatnonzero(fragment)
        words = (word.tolist() for word in ip4_fields(buffers, at[positions], whole=False))
        for position, index, ports, kind in zip(positions.tolist(), rows[positions].tolist(), *words, strict=True):
            leaving, error = _fragment(ctx, index, header[position], ports, kind)
            groups += [rows[done:position], np.array(leaving, np.int32)]
            done = position + 1
            if error != NONE:
                buffers.error[leaving] = ctx.error_base + error
                refused += leaving
        become(buffers, frame, np.concatenate([*groups, rows[done:]]))
        if not frame.n:
            return None
        nexts = np.where(np.isin(frame.indices(buffers), refused), DROP, INPUT)
        if is_feature and (nexts == INPUT).any():
            nexts[nexts == INPUT] = arcs.next(ctx, frame.pick(buffers, nexts == INPUT))
        return nexts

    return reassemble


def _node(name: str, **how: bool) -> Any:
    return node(name, nexts=NEXTS, errors=IP4_ERRORS, trace=format_shallow_trace)(_reassemble(**how))


NODES = (
    _node("ip4-sv-reassembly", is_feature=False),
    _node("ip4-sv-reassembly-feature", is_feature=True),
    _node("ip4-sv-reassembly-mcast-feature", is_feature=True),
    _node("ip4-sv-reassembly-output-feature", is_feature=True, behind_rewrite=True),
)


@process("ip4-sv-reassembly-expire-walk", errors=IP4_ERRORS)
def ip4_sv_reassembly_expire_walk(ctx: Context) -> Generator[float, Any]:
    """Drop what waits for too long; sleeps while nothing does."""
    wait = inf
    while True:
        woken = yield wait
        table = ctx.get(Ip4ShallowReassemblies)
        for flow in table.late() if not woken else ():
            table.drop(flow)
        wait = table.wait
