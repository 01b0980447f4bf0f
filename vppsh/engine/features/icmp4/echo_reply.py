"""ip4-icmp-echo-reply: replies to pings of ours; the host gets those that nobody here waits for (VPP's plugins/ping)."""

from __future__ import annotations

from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from vppsh.engine.context import Context, Nexts
from vppsh.engine.fib.types import Protocol
from vppsh.engine.frame import Frame
from vppsh.engine.ping import Ping
from vppsh.engine.wire import icmp4, ip4
from vppsh.registry import demux, node

DROP, PUNT = range(2)
OCTET = np.dtype("u1")

ECHO_REPLIES = demux("ip4-icmp-input", icmp4.ECHO_REPLY, "ip4-icmp-echo-reply")


class EchoReplyTrace(Struct, frozen=True):
    """Identifier and sequence number, and whether somebody waits for it."""

    version: int
    identifier: int
    sequence: int
    awaited: bool


def format_echo_reply_trace(view: Any, record: EchoReplyTrace) -> str:
    """`ICMP4 echo id 1 seq 515 (unknown)`; where VPP names the node of a session, there is only one here."""
    waiting = " send to cli node 0" if record.awaited else " (unknown)"
    return f"ICMP{record.version} echo id {record.identifier} seq {record.sequence}{waiting}"


def deliver(ctx: Context, frame: Frame, echo: NDArray[np.void], protocol: Protocol) -> Nexts:
    """Hand replies, by identifier, to the runs that wait for them; `echo` is the header of each."""
    buffers, ping = ctx.buffers, ctx.get(Ping)
    rows = frame.indices(buffers)
    identifiers, where = np.unique(echo["id"], return_inverse=True)
    runs = [ping.find(identifier) for identifier in identifiers.tolist()]
    awaited = np.array([run is not None for run in runs])[where]
    for position, index in ctx.traced(frame):
        seen, version = echo[position], 6 if protocol is Protocol.IP6 else 4
        ctx.trace(index, EchoReplyTrace(version, int(seen["id"]), int(seen["sequence"]), bool(awaited[position])))
    if not awaited.any():
        return PUNT
    for position in np.flatnonzero(awaited).tolist():
        run = runs[where[position]]
        if run is not None:
            ping.answered(run, protocol, buffers.packet(int(rows[position])))
    ctx.enqueue_frame(PUNT, frame.pick(buffers, ~awaited))
    buffers.free_packets(frame.pick(buffers, awaited))
    return None


@node("ip4-icmp-echo-reply", nexts=("ip4-drop", "ip4-punt"), trace=format_echo_reply_trace)
def ip4_icmp_echo_reply(ctx: Context, frame: Frame) -> Nexts:
    """The echo header lies behind the IP options."""
    buffers = ctx.buffers
    at = ip4.header_bytes(buffers.load(frame, OCTET))
    return deliver(ctx, frame, buffers.bytes_at(icmp4.ECHO)[buffers.addresses(frame) + at], Protocol.IP4)
