"""What wg4-input and wg6-input do with data: find the session, decrypt, check the number and who may be behind the peer.

Counterpart of wg_input_process and wg_input_post_process in plugins/wireguard/wireguard_input.c; the paper's 5.4.6 and 6.
"""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from vppsh.engine.buffer_data import chain_of, write_chain
from vppsh.engine.context import Context
from vppsh.engine.features.ipsec.chains import linearize
from vppsh.engine.features.wireguard.handshake import InputError
from vppsh.engine.fib.types import Protocol
from vppsh.engine.frame import Frame
from vppsh.engine.ipsec.matrix import Columns, PacketMatrix, columns, largest, smallest
from vppsh.engine.uniform import common
from vppsh.engine.wire.wireguard import DATA, TAG_BYTES
from vppsh.engine.wireguard.interfaces import NOBODY, Wireguard
from vppsh.engine.wireguard.numbers import SessionNumbers
from vppsh.engine.wireguard.peer import Peer, Place
from vppsh.engine.wireguard.send import Sender
from vppsh.engine.wireguard.session import REKEY_AFTER_TIME_RECEIVING, Keypair
from vppsh.engine.wireguard.timers import Timers

OVERHEAD = DATA.itemsize + TAG_BYTES
HEADER_BYTES = DATA.itemsize
RECEIVER, RECEIVER_AT = np.dtype("<u4"), 4
BYTE = np.dtype("u1")
IP4_SRC, IP4_SRC_AT = np.dtype(">u4"), 12
IP6_SRC, IP6_SRC_AT = np.dtype((">u8", (2,))), 8
IP4_VERSION = 4

Mask = NDArray[np.bool_]
Positions = NDArray[np.intp]


class Job(Struct, frozen=True):
    """What a node is for: the outer version, the bytes of outer headers, and its nexts."""

    version: Protocol
    outer_bytes: int
    ip4: int
    ip6: int
    punt: int
    drop: int


class Outcome(Struct, frozen=True):
    """What became of each packet of a frame.

    peers       its peer, NOBODY if that is not known
    receivers   the number of its session
    tried       one tried to decrypt it, `authentic` with success
    keepalives  there was nothing in it
    """

    nexts: NDArray[np.int32]
    peers: NDArray[np.int32]
    receivers: NDArray[np.uint32]
    tried: Mask
    authentic: Mask
    keepalives: Mask

    @classmethod
    def of(cls, n: int) -> Outcome:
        """Of `n` packets, nothing yet."""
        tried, authentic, keepalives = np.zeros((3, n), np.bool_)
        return cls(np.zeros(n, np.int32), np.full(n, NOBODY, np.int32), np.zeros(n, np.uint32), tried, authentic, keepalives)


class Batch(Struct, frozen=True):
    """Packets of one session: a frame of them, and their positions in the frame that came."""

    frame: Frame
    at: Positions

    def pick(self, ctx: Context, chosen: Mask) -> Batch:
        """Some of them."""
        return Batch(self.frame.pick(ctx.buffers, chosen), self.at[chosen])


def decrypt(ctx: Context, frame: Frame, at: Positions, job: Job, outcome: Outcome) -> None:
    """Data at some positions of a frame, session by session."""
    buffers = ctx.buffers
    batch = Batch(frame if len(at) == frame.n else frame.pick(buffers, at), at)
    headless = buffers.current_length[batch.frame.rows] < HEADER_BYTES
    if np.count_nonzero(headless):
        _refuse(ctx, batch.pick(ctx, headless), outcome, InputError.PEER, job.drop)
        batch = batch.pick(ctx, ~headless)
        frame.offset = None
        if not batch.frame.n:
            return
    receivers = buffers.load(batch.frame, RECEIVER, RECEIVER_AT).astype(np.uint32)
    outcome.receivers[batch.at] = receivers
    one = common(receivers)
    if one is not None:
        whole = batch.frame is frame
        if not _by_session(ctx, batch, one, job, outcome) or not whole:
            frame.offset = frame.rx = None
        return
    for receiver in dict.fromkeys(receivers.tolist()):
        _by_session(ctx, batch.pick(ctx, receivers == receiver), receiver, job, outcome)
    frame.offset = frame.rx = None


def _refuse(ctx: Context, batch: Batch, outcome: Outcome, fault: InputError, slot: int) -> None:
    """Packets that get no further; those without a fault were right, but there is nothing to do with them (VPP says no reason)."""
    if fault:
        ctx.buffers.error[batch.frame.rows] = ctx.error_base + fault
    outcome.nexts[batch.at] = slot


def _by_session(ctx: Context, batch: Batch, receiver: int, job: Job, outcome: Outcome) -> bool:
    """The packets of one session; False if they do not all begin at the same place of their buffers any more."""
    peer = ctx.get(SessionNumbers).find(receiver)
    if peer is None:
        _refuse(ctx, batch, outcome, InputError.PEER, job.drop)
        return True
    outcome.peers[batch.at] = peer.index
    keypair = peer.session.find(receiver)
    if keypair is None or not keypair.usable(ctx.now):
        peer.established = False
        _refuse(ctx, batch, outcome, InputError.DECRYPTION, job.drop)
        return True
    outcome.tried[batch.at] = True
    counters = ctx.buffers.load(batch.frame, DATA)["counter"].astype(np.uint64)
    authentic = _open(ctx, batch.frame, keypair, counters)
    if not np.count_nonzero(authentic):
        _refuse(ctx, batch, outcome, InputError.DECRYPTION, job.punt)
        return True
    whole = batch
    if not authentic.all():
        _refuse(ctx, batch.pick(ctx, ~authentic), outcome, InputError.DECRYPTION, job.punt)
        batch, counters = batch.pick(ctx, authentic), counters[authentic]
    outcome.authentic[batch.at] = True
    _use(ctx, peer, keypair)
    accepted = keypair.window.accept(counters)
    if not accepted.all():
        _refuse(ctx, batch.pick(ctx, ~accepted), outcome, InputError.NONE, job.punt)
        if not accepted.any():
            return whole is batch
        batch = batch.pick(ctx, accepted)
    _deliver(ctx, batch, peer, job, outcome)
    return whole is batch


def _use(ctx: Context, peer: Peer, keypair: Keypair) -> None:
    """The peer has used these keys. VPP takes that for granted before it has decrypted a message."""
    session = peer.session
    if keypair is session.next:
        session.confirm()
        ctx.get(Timers).handshake_complete(peer)
    elif session.current is not None and session.current.initiator and session.current.begun + REKEY_AFTER_TIME_RECEIVING < ctx.now:
        ctx.get(Sender).handshake(peer)


def _open(ctx: Context, frame: Frame, keypair: Keypair, counters: NDArray[np.uint64]) -> Mask:
    """Decrypt packets in their place, and cut their tags off; which are authentic."""
    buffers = ctx.buffers
    long = linearize(buffers, frame)
    lengths = columns(buffers.packet_length(frame.rows) - OVERHEAD)
    if long is None and smallest(lengths) >= 0:
        return _open_alike(ctx, frame, keypair, counters, lengths)
    sizes = np.broadcast_to(lengths, (frame.n,))
    authentic = np.zeros(frame.n, np.bool_)
    plain = sizes >= 0 if long is None else (sizes >= 0) & ~long
    if plain.any():
        part = frame.pick(buffers, plain)
        authentic[plain] = _open_alike(ctx, part, keypair, counters[plain], columns(sizes[plain]))
    indices = frame.indices(buffers)
    for position in np.flatnonzero(long).tolist() if long is not None else ():
        authentic[position] = _open_long(ctx, int(indices[position]), keypair, int(counters[position]))
    return authentic


def _open_alike(ctx: Context, frame: Frame, keypair: Keypair, counters: NDArray[np.uint64], lengths: Columns) -> Mask:
    """Packets that lie in one buffer each."""
    packets = PacketMatrix(ctx.buffers, frame, HEADER_BYTES, largest(lengths) + TAG_BYTES)
    authentic = keypair.receive.open(packets.bytes, lengths, counters)
    packets.store()
    ctx.buffers.current_length[frame.rows] -= np.where(authentic, TAG_BYTES, 0).astype(np.int32)
    return authentic


def _open_long(ctx: Context, index: int, keypair: Keypair, counter: int) -> bool:
    """A packet that lies in several buffers."""
    data = ctx.buffers.packet(index)
    plain = keypair.receive.open_one(counter, data[HEADER_BYTES:])
    if plain is not None:
        write_chain(ctx.buffers, chain_of(ctx.buffers, index), data[:HEADER_BYTES] + plain)
    return plain is not None


def _deliver(ctx: Context, batch: Batch, peer: Peer, job: Job, outcome: Outcome) -> None:
    """Packets of a peer come in by its interface, if their senders may be behind it."""
    buffers, frame, interface = ctx.buffers, batch.frame, peer.owner.interface.sw_if_index
    ctx.get(Wireguard).move_peer(peer, _outer_source(ctx, int(frame.indices(buffers)[0]), job))
    timers = ctx.get(Timers)
    timers.authentic_received(peer)
    peer.established = True
    buffers.advance(frame, HEADER_BYTES)
    lengths = buffers.packet_length(frame.rows)
    ctx.engine.interfaces.rx.add(interface, frame.n, int(np.add.reduce(lengths)))
    empty = lengths == 0
    if not np.count_nonzero(empty):
        timers.data_received(peer)
        nexts, allowed = _next_of_each(ctx, frame, peer, job)
    elif empty.all():
        outcome.keepalives[batch.at] = True
        _refuse(ctx, batch, outcome, InputError.NONE, job.punt)
        return
    else:
        timers.data_received(peer)
        outcome.keepalives[batch.at] = empty
        nexts, allowed = np.full(frame.n, job.punt, np.int32), ~empty
        nexts[allowed], allowed[allowed] = _next_of_each(ctx, frame.pick(buffers, allowed), peer, job)
    outcome.nexts[batch.at] = nexts
    if allowed.all():
        buffers.rx_sw_if_index[frame.rows] = frame.rx = interface
    else:
        buffers.rx_sw_if_index[frame.indices(buffers)[allowed]] = interface
        frame.rx = None


def _next_of_each(ctx: Context, frame: Frame, peer: Peer, job: Job) -> tuple[NDArray[np.int32], Mask]:
    """The next of decrypted packets, and whether their senders may be behind the peer: the others are punted."""
    versions = ctx.buffers.load(frame, BYTE) >> 4
    is_ip4 = versions == IP4_VERSION
    if is_ip4.all():
        low: NDArray[np.uint64] = ctx.buffers.load(frame, IP4_SRC, IP4_SRC_AT).astype(np.uint64)
        allowed = peer.allowed.covers_each(np.zeros_like(low), low)
    elif not is_ip4.any():
        halves = ctx.buffers.load(frame, IP6_SRC, IP6_SRC_AT).astype(np.uint64)
        allowed = peer.allowed.covers_each(halves[:, 0], halves[:, 1])
    else:
        nexts, allowed = np.empty(frame.n, np.int32), np.empty(frame.n, np.bool_)
        for chosen in (is_ip4, ~is_ip4):
            nexts[chosen], allowed[chosen] = _next_of_each(ctx, frame.pick(ctx.buffers, chosen), peer, job)
        return nexts, allowed
    return np.where(allowed, job.ip4 if is_ip4[0] else job.ip6, job.punt).astype(np.int32), allowed


def _outer_source(ctx: Context, index: int, job: Job) -> Place:
    """Where a message came from; current data is its first byte."""
    half = job.version.bits // 8
    head = ctx.buffers.peek(index, job.outer_bytes, -job.outer_bytes)
    return Place(int.from_bytes(head[-8 - 2 * half : -8 - half], "big"), int.from_bytes(head[-8:-6], "big"))
