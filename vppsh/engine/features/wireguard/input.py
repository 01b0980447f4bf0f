"""wg4-input, wg6-input: WireGuard messages for us; data comes out decrypted, on the peer's interface.

Counterpart of plugins/wireguard/wireguard_input.c. Data is handled by session, whole vectors at a time; handshake messages
(handshake.py) one by one, in their place between the data.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from vppsh.engine.context import Context, Nexts
from vppsh.engine.features.wireguard.decrypt import Job, Outcome, decrypt
from vppsh.engine.features.wireguard.handshake import ERRORS, TYPE_BYTES, Arrived, Handshakes
from vppsh.engine.fib.fib import Fib
from vppsh.engine.fib.types import Protocol
from vppsh.engine.frame import Frame
from vppsh.engine.uniform import common
from vppsh.engine.wire.wireguard import MessageType, format_wg_message_type
from vppsh.engine.wireguard.cookie import Source
from vppsh.engine.wireguard.interfaces import NOBODY
from vppsh.registry import node

NEXTS = ("ip4-input-no-checksum", "ip6-input", "error-punt", "error-drop")
WORD = np.dtype("<u4")


class InputTrace(Struct, frozen=True):
    """What kind of message came, from which peer (-1: not known), how long what is left of it is."""

    kind: int
    peer: int
    length: int
    keepalive: bool


def format_input_trace(view: Any, record: InputTrace) -> str:
    """VPP's `Wireguard input:` and a line for each field."""
    fields = (
        f"Type: {format_wg_message_type(record.kind)}", f"Peer: {record.peer}", f"Length: {record.length}",
        f"Keepalive: {'true' if record.keepalive else 'false'}",
    )  # fmt: skip
    return "\n    ".join(("Wireguard input: ", *fields))


def _kinds(ctx: Context, frame: Frame) -> NDArray[np.uint32]:
    """The types of messages; what a shorter message lacks of one counts as zeros."""
    buffers = ctx.buffers
    kinds = buffers.load(frame, WORD)
    short = buffers.current_length[frame.rows] < TYPE_BYTES
    if not np.count_nonzero(short):
        return kinds
    kinds, indices = kinds.astype(np.uint32), frame.indices(buffers)
    for position in np.flatnonzero(short).tolist():
        kinds[position] = int.from_bytes(buffers.packet(int(indices[position])), "little")
    return kinds


def _arrived(ctx: Context, index: int, job: Job) -> Arrived:
    """A message that is not data, with where it came from."""
    buffers, half = ctx.buffers, job.version.bits // 8
    head = buffers.peek(index, job.outer_bytes, -job.outer_bytes)
    # Addresses are the last of the IP header, then come the ports.
    ports = head[-8:-4]
    address = int.from_bytes(head[-8 - 2 * half : -8 - half], "big")
    source = Source(job.version, address, int.from_bytes(ports[:2], "big"))
    received = int(buffers.rx_sw_if_index[index])
    fib_index = ctx.get(Fib).tables(job.version).index_of_interface(received)
    return Arrived(buffers.packet(index), source, int.from_bytes(ports[2:], "big"), fib_index)


def _handshakes(ctx: Context, frame: Frame, places: NDArray[np.intp], job: Job, outcome: Outcome) -> None:
    """Messages that are not data: they end here, one way or the other."""
    handshakes, indices = ctx.get(Handshakes), frame.indices(ctx.buffers)
    for place in places.tolist():
        index = int(indices[place])
        fault = handshakes.receive(_arrived(ctx, index, job))
        while handshakes.counted:
            ctx.count(handshakes.counted.pop())
        outcome.nexts[place] = job.drop if fault else job.punt
        if fault:
            ctx.buffers.error[index] = ctx.error_base + fault


def _trace(ctx: Context, frame: Frame, kinds: NDArray[np.uint32], outcome: Outcome) -> None:
    """As in VPP, of a run of packets of one session only the first shows its peer, and data the type of the vector's last message."""
    shown, last = np.full(frame.n, NOBODY, np.int64), None
    for position in np.flatnonzero(outcome.peers != NOBODY).tolist():
        if not outcome.tried[position] or (outcome.authentic[position] and outcome.receivers[position] != last):
            shown[position] = outcome.peers[position]
        if outcome.authentic[position]:
            last = outcome.receivers[position]
    for position, index in ctx.traced(frame):
        kind = kinds[-1] if outcome.tried[position] else kinds[position]
        length = int(ctx.buffers.current_length[index])
        ctx.trace(index, InputTrace(int(kind), int(shown[position]), length, bool(outcome.keepalives[position])))


def _input(ctx: Context, frame: Frame, job: Job) -> Nexts:
    # Load.
    kinds = _kinds(ctx, frame)
    if frame.traced:
        kinds = kinds.copy()
    outcome = Outcome.of(frame.n)
    # Decide, act: message after message, as one may depend on the one before; all data in a row at once.
    is_data = kinds == MessageType.DATA
    if is_data.all():
        decrypt(ctx, frame, np.arange(frame.n), job, outcome)
    else:
        for run in np.split(np.arange(frame.n), np.flatnonzero(np.diff(is_data)) + 1):
            if is_data[run[0]]:
                decrypt(ctx, frame, run, job, outcome)
            else:
                _handshakes(ctx, frame, run, job, outcome)
    # Report.
    if frame.traced:
        _trace(ctx, frame, kinds, outcome)
    one = common(outcome.nexts)
    return outcome.nexts if one is None else one


def _job(version: Protocol, outer_bytes: int) -> Job:
    return Job(version, outer_bytes, *range(len(NEXTS)))


IP4_JOB, IP6_JOB = _job(Protocol.IP4, 28), _job(Protocol.IP6, 48)


@node("wg4-input", nexts=NEXTS, errors=ERRORS, trace=format_input_trace)
def wg4_input(ctx: Context, frame: Frame) -> Nexts:
    """Messages over IPv4."""
    return _input(ctx, frame, IP4_JOB)


@node("wg6-input", nexts=NEXTS, errors=ERRORS, trace=format_input_trace)
def wg6_input(ctx: Context, frame: Frame) -> Nexts:
    """Messages over IPv6."""
    return _input(ctx, frame, IP6_JOB)
