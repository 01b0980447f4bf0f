"""ip6-sv-reassembly and its features: fragments learn the ports of their packet, whole packets have theirs noted.

Counterpart of vnet/ip/reass/ip6_sv_reass.c. Unlike IPv4, a packet whose headers cannot be followed is dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from math import inf
from typing import Any

import numpy as np

from vppsh.engine.context import Context, Nexts
from vppsh.engine.features.ip6.errors import (
    IP6_ERRORS,
    REASS_FRAGMENT_CHAIN_TOO_LONG,
    REASS_INVALID_FRAG_LEN,
    REASS_MISSING_UPPER,
    REASS_UNSUPP_IP_PROTO,
)  # fmt: skip
from vppsh.engine.features.ip6.full_reassembly import ERRONEOUS_FIELD, INCOMPLETE_CHAIN, LONGEST, OFFSET_AT, PAYLOAD_LENGTH_AT, UNIT
from vppsh.engine.fib.fib import Fib
from vppsh.engine.frame import Frame
from vppsh.engine.icmp_error import set_icmp_error
from vppsh.engine.l4_fields import ip6_fields, ip6_fields_of
from vppsh.engine.reassembly.packet import become
from vppsh.engine.reassembly.shallow import Action, Outcome, ShallowReassemblies, ShallowTrace, format_shallow_trace
from vppsh.engine.wire import ip6, ip6_extension, ip_protocol
from vppsh.registry import feature, node, process

INPUT, DROP, ICMP_ERROR = range(3)
NEXTS = ("ip6-input", "ip6-drop", "ip6-icmp-error")
WHOLE = "[not fragmented or atomic fragment]"
COUNTED = {Outcome.TOO_MANY_FRAGMENTS: REASS_FRAGMENT_CHAIN_TOO_LONG, Outcome.UNKNOWN_PROTOCOL: REASS_UNSUPP_IP_PROTO}
FEATURES = (
    feature("ip6-unicast", "ip6-sv-reassembly-feature", before=("ip6-lookup",)),
    feature("ip6-multicast", "ip6-sv-reassembly-mcast-feature"),
    feature("ip6-output", "ip6-sv-reassembly-output-feature"),
)


class Ip6ShallowReassemblies(ShallowReassemblies):
    """The IPv6 packets whose first fragment is not there yet, and those whose fragments pass."""

    walk_node = "ip6-sv-reassembly-expire-walk"
    traces_frees = False


def _fragment_header(packet: bytes) -> tuple[list[tuple[int, int]], int] | None:
    """The chain of headers and the place of the fragment header, of a packet that is only a part."""
    chain = ip6_extension.chain(packet)
    found = [at for protocol, at in chain if protocol == ip_protocol.IPV6_FRAGMENTATION]
    if not found or found[-1] + ip6.FRAGMENT.itemsize > len(packet):
        return None
    where = int.from_bytes(packet[found[-1] + OFFSET_AT : found[-1] + OFFSET_AT + 2], "big")
    return (chain, found[-1]) if where & (ip6.FRAGMENT_MORE | ~(UNIT - 1)) else None


def _fault(index_length: int, packet: bytes, chain: list[tuple[int, int]], at: int) -> tuple[int, tuple[int, int], int] | None:
    """What is wrong with a fragment: the error, the message about it, and what the message points at."""
    where = int.from_bytes(packet[at + OFFSET_AT : at + OFFSET_AT + 2], "big")
    first, length = where & ~(UNIT - 1), index_length - at - ip6.FRAGMENT.itemsize
    if not first and chain[-1][0] in ip6_extension.EXTENSIONS:
        return REASS_MISSING_UPPER, INCOMPLETE_CHAIN, 0
    if where & ip6.FRAGMENT_MORE and length % UNIT:
        return REASS_INVALID_FRAG_LEN, ERRONEOUS_FIELD, PAYLOAD_LENGTH_AT
    if first + length > LONGEST:
        return REASS_INVALID_FRAG_LEN, ERRONEOUS_FIELD, at + OFFSET_AT
    return None


def _fragment(ctx: Context, index: int, packet: bytes, length: int, chain: list[tuple[int, int]], at: int) -> tuple[list[int], int]:
    """One fragment: the buffers that go on because of it, and their next if that is none of the ordinary ones."""
    buffers, table = ctx.buffers, ctx.get(Ip6ShallowReassemblies)
    fault = _fault(length, packet, chain, at)
    if fault is not None:
        error, message, pointer = fault
        buffers.error[index] = ctx.error_base + error
        set_icmp_error(buffers, slice(index, index + 1), message, pointer)
        return [index], ICMP_ERROR
    _, _, where, number = np.frombuffer(packet, ip6.FRAGMENT, 1, at)[0].item()
    fib_index = ctx.get(Fib).ip6.index_of_interface(int(buffers.rx_sw_if_index[index]))
    source, destination = (int.from_bytes(packet[start : start + 16], "big") for start in (8, 24))
    flow = table.open(ctx, (fib_index, source, destination, number, packet[6]), index)
    is_first = not where & ~(UNIT - 1)
    if not table.is_complete(flow) and length == at + ip6.FRAGMENT.itemsize:
        ctx.count(REASS_INVALID_FRAG_LEN)
        flow.cached.append((index, not is_first))
        table.give_up(ctx, flow, index, Action.FREE_FAULTY)
        return [], INPUT
    said = ip6_fields_of(packet) if is_first else None
    outcome = table.take(ctx, flow, index, said, is_first=is_first, is_last=not where & ip6.FRAGMENT_MORE)
    if isinstance(outcome, Outcome):
        ctx.count(COUNTED[outcome])
        table.give_up(ctx, flow, index, Action.FREE_FAULTY)
        return [], INPUT
    return outcome, INPUT


def _reassemble(*, is_feature: bool, behind_rewrite: bool = False) -> Callable[[Context, Frame], Nexts]:
    """The nodes: on the way out, the IPv6 header lies behind the header of the link."""

    def reassemble(ctx: Context, frame: Frame) -> Nexts:
        buffers, arcs = ctx.buffers, ctx.engine.arcs
        # Load.
        rows = frame.indices(buffers)
        skipped = buffers.save_rewrite_length[rows] if behind_rewrite else np.zeros(frame.n, np.int32)
        lengths = buffers.current_length[rows] - skipped
        at = buffers.addresses(frame) + skipped
        buffers.l4_ports[rows], buffers.l4_first[rows], known = ip6_fields(buffers, at, lengths)
        protocol = buffers.bytes_at(ip6.HEADER)[at]["protocol"]
        fragments = {}
        for position in np.flatnonzero(ip6_extension.IS_IN_CHAIN[protocol]).tolist():
            packet = buffers.packet(int(rows[position]), int(skipped[position]) + ip6_extension.DEEPEST)[int(skipped[position]) :]
            found = _fragment_header(packet[: int(lengths[position])])
            if found is not None:
                fragments[position] = packet, *found
        known[list(fragments)] = True
        for position, index in ctx.traced(frame):
            if known[position] and position not in fragments:
                ctx.trace(index, ShallowTrace(WHOLE))
        buffers.error[rows[~known]] = ctx.error_base + REASS_UNSUPP_IP_PROTO
        nexts = np.where(known, INPUT, DROP)
        # Decide, act.
        if fragments:
            totals = buffers.packet_length(frame.rows) - skipped
            groups, slots, done = [], [], 0
            for position, (packet, chain, header_at) in fragments.items():
                leaving, slot = _fragment(ctx, int(rows[position]), packet, int(totals[position]), chain, header_at)
                groups += [rows[done:position], np.array(leaving, np.int32)]
                slots += [nexts[done:position], np.full(len(leaving), slot)]
                done = position + 1
            nexts = np.concatenate([*slots, nexts[done:]])
            become(buffers, frame, np.concatenate([*groups, rows[done:]]))
            if not frame.n:
                return None
        if is_feature and (nexts == INPUT).any():
            nexts[nexts == INPUT] = arcs.next(ctx, frame.pick(buffers, nexts == INPUT))
        return nexts

    return reassemble


def _node(name: str, **how: bool) -> Any:
    return node(name, nexts=NEXTS, errors=IP6_ERRORS, trace=format_shallow_trace)(_reassemble(**how))


NODES = (
    _node("ip6-sv-reassembly", is_feature=False),
    _node("ip6-sv-reassembly-feature", is_feature=True),
    _node("ip6-sv-reassembly-mcast-feature", is_feature=True),
    _node("ip6-sv-reassembly-output-feature", is_feature=True, behind_rewrite=True),
)


@process("ip6-sv-reassembly-expire-walk", errors=IP6_ERRORS)
def ip6_sv_reassembly_expire_walk(ctx: Context) -> Generator[float, Any]:
    """Drop what waits for too long; sleeps while nothing does."""
    wait = inf
    while True:
        woken = yield wait
        table = ctx.get(Ip6ShallowReassemblies)
        for flow in table.late() if not woken else ():
            table.drop(flow)
        wait = table.wait
