"""What esp4-decrypt, esp6-decrypt and their tunnel siblings do: verify, decrypt, take ESP off (RFC 4303, 3.4).

Counterpart of vnet/ipsec/esp_decrypt.c. A frame is handled by association; its packets are one matrix that begins with the ESP
header. They are checked against the replay window twice: all of them before they are decrypted, each in turn afterwards.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from vppsh.engine.context import Context
from vppsh.engine.features.ipsec import errors
from vppsh.engine.features.ipsec.by_sa import Slots, by_association
from vppsh.engine.features.ipsec.chains import linearize
from vppsh.engine.features.ipsec.errors import DECRYPT_SA_ERRORS, DecryptError
from vppsh.engine.features.ipsec.inside import DROP, IP4_INPUT, IP6_INPUT, Decrypted, look_inside, restore_ip, take_off
from vppsh.engine.frame import Frame
from vppsh.engine.ipsec.crypto import ESP_BYTES, Numbers, Transform, Verdict
from vppsh.engine.ipsec.matrix import Columns, Matrix, PacketMatrix, columns, largest, total
from vppsh.engine.ipsec.sa import Sa, SaError, SaFlag, Sas
from vppsh.engine.uniform import common
from vppsh.engine.wire import esp

FAULTS = {Verdict.GOOD: 0, Verdict.DECRYPTION_FAILED: DecryptError.DECRYPTION_FAILED, Verdict.INTEGRITY_FAILED: DecryptError.INTEG_ERROR}
WORD = 1 << 32


class DecryptTrace(Struct, frozen=True):
    """A packet's sequence number, the association's highest one when it had been dealt with, the upper half that was assumed."""

    cipher: str
    integrity: str
    number: int
    top: int
    high: int


def format_decrypt_trace(view: Any, record: DecryptTrace) -> str:
    """VPP's `esp: crypto aes-gcm-128 integrity none pkt-seq 1 sa-seq 1 pkt-seq-hi 0`."""
    number = record.number - WORD if record.number >> 31 else record.number
    return f"esp: crypto {record.cipher} integrity {record.integrity} pkt-seq {number} sa-seq {record.top} pkt-seq-hi {record.high}"


class Job(Struct, frozen=True):
    """Which node asks: that of an IP version, behind a policy or a tunnel."""

    ip6: bool
    by_tunnel: bool


class Tried(Struct, frozen=True):
    """Packets of one association that pass the first checks.

    high  the upper halves of their numbers, as far as one can tell
    long  which lie in several buffers; None: none
    """

    frame: Frame
    numbers: Numbers
    high: Numbers
    lengths: Columns
    long: NDArray[np.bool_] | None

    def pick(self, ctx: Context, chosen: NDArray[np.bool_]) -> Tried:
        """Some of them."""
        long = None if self.long is None or not self.long[chosen].any() else self.long[chosen]
        frame = self.frame.pick(ctx.buffers, chosen)
        lengths = self.lengths if isinstance(self.lengths, int) else columns(self.lengths[chosen])
        return Tried(frame, self.numbers[chosen], self.high[chosen], lengths, long)


def decrypt(ctx: Context, frame: Frame, job: Job) -> Slots:
    """Decrypt packets, each by the association that its buffer names; current data is the ESP header."""
    ctx.count(errors.RX_PKTS, frame.n)
    return by_association(ctx, frame, ctx.buffers.sad_index[frame.rows], lambda ctx, part, index: _by_one(ctx, part, index, job))


def _by_one(ctx: Context, frame: Frame, index: int, job: Job) -> Slots:
    """Refuse what is replayed or too short; try the rest."""
    buffers = ctx.buffers
    sa = ctx.get(Sas).at(index)
    if sa is None:
        # Taken away while the packets were on their way.
        buffers.error[frame.rows] = ctx.error_base + DecryptError.DECRYPTION_FAILED
        return DROP
    long = linearize(buffers, frame)
    lengths = columns(buffers.packet_length(frame.rows))
    numbers = buffers.load(frame, esp.HEADER)["sequence"].astype(np.uint32)
    checked = sa.window.check(numbers)
    tried = Tried(frame, numbers, checked.high, lengths, long)
    least = ESP_BYTES + sa.cipher.iv_bytes + sa.icv_bytes
    if isinstance(lengths, int) and lengths >= least and not np.count_nonzero(checked.replayed):
        return _try(ctx, tried, sa, job)
    faults = np.where(checked.replayed, DecryptError.REPLAY, 0)
    faults[~checked.replayed & (np.broadcast_to(lengths, frame.n) < least)] = DecryptError.RUNT
    good = faults == 0
    if good.all():
        return _try(ctx, tried, sa, job)
    nexts = np.full(frame.n, DROP, np.int32)
    if good.any():
        nexts[good] = _try(ctx, tried.pick(ctx, good), sa, job)
    errors.refuse_each(ctx, frame, sa, faults, DECRYPT_SA_ERRORS)
    frame.offset = None
    return nexts


def _try(ctx: Context, tried: Tried, sa: Sa, job: Job) -> Slots:
    """Decrypt packets, and let those that are authentic move the window."""
    frame, sas, transform, top = tried.frame, ctx.get(Sas), sa.transform, sa.window.top
    sas.counters.add(sa.index, frame.n, total(tried.lengths, frame.n))
    if transform is None:
        _trace(ctx, tried, sa, np.full(frame.n, top, np.uint64))
        errors.refuse(ctx, frame, sa, DecryptError.ENGINE_ERROR, SaError.CRYPTO_ENGINE_ERROR)
        return DROP
    data, faults = _open(ctx, tried, sa, transform)
    good: slice | NDArray[np.bool_] = faults == 0 if np.count_nonzero(faults) else slice(None)
    advanced = sa.window.advance(tried.numbers[good], tried.high[good])
    sas.count_error(sa, SaError.LOST, advanced.lost)
    if frame.traced:
        tops = np.full(frame.n, top, np.uint64)
        tops[good] = advanced.tops()
        _trace(ctx, tried, sa, np.maximum.accumulate(tops))
    if np.count_nonzero(advanced.replayed):
        faults[np.arange(frame.n)[good][advanced.replayed]] = DecryptError.REPLAY
    if not np.count_nonzero(faults):
        nexts, faults = _look(ctx, Decrypted(frame, data, tried.lengths, tried.long), sa, transform, job)
    else:
        left = faults == 0
        nexts = np.full(frame.n, DROP, np.int32)
        if left.any():
            some = tried.pick(ctx, left)
            nexts[left], faults[left] = _look(ctx, Decrypted(some.frame, data[left], some.lengths, some.long), sa, transform, job)
        frame.offset = None
    if np.count_nonzero(faults):
        errors.refuse_each(ctx, frame, sa, np.broadcast_to(faults, frame.n), DECRYPT_SA_ERRORS)
    one = common(nexts)
    return nexts if one is None else one


def _open(ctx: Context, tried: Tried, sa: Sa, transform: Transform) -> tuple[Matrix, NDArray[np.int64]]:
    """The packets' bytes, decrypted in their place, and the fault of each."""
    buffers, frame, width = ctx.buffers, tried.frame, largest(tried.lengths)
    sealed = tried.lengths - transform.ahead - transform.icv_bytes
    high = tried.high if sa.extended else None
    if tried.long is None:
        packets = PacketMatrix(buffers, frame, 0, width)
        verdicts = transform.open(packets.bytes, sealed, high)
        packets.store()
        data = packets.bytes
    else:
        data = np.zeros((frame.n, width), np.uint8)
        for row, index in zip(data, frame.indices(buffers).tolist()):
            whole = buffers.packet(index)
            row[: len(whole)] = np.frombuffer(whole, np.uint8)
        verdicts = transform.open(data, sealed, high)
    faults = np.zeros(frame.n, np.int64)
    if np.count_nonzero(verdicts):
        for verdict, fault in FAULTS.items():
            faults[verdicts == verdict] = fault
    return data, faults


def _look(ctx: Context, packets: Decrypted, sa: Sa, transform: Transform, job: Job) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Take ESP off packets; the next and the fault of each, or single ones that all have."""
    transport = not job.by_tunnel and not sa.has(SaFlag.TUNNEL)
    inside, protocols = look_inside(packets, sa, transform, by_tunnel=job.by_tunnel, transport=transport)
    take_off(ctx.buffers, packets, inside)
    if transport:
        if len(inside.nexts) == 1:
            inside, protocols = inside.for_all(packets.frame.n), protocols.repeat(packets.frame.n)
        good = inside.faults == 0
        inside.nexts[good] = IP6_INPUT if job.ip6 else IP4_INPUT
        if good.all():
            restore_ip(ctx.buffers, packets.frame, protocols, is_ip6=job.ip6)
        elif good.any():
            restore_ip(ctx.buffers, packets.frame.pick(ctx.buffers, good), protocols[good], is_ip6=job.ip6)
            packets.frame.offset = None
    return inside.nexts, inside.faults


def _trace(ctx: Context, tried: Tried, sa: Sa, tops: NDArray[np.uint64]) -> None:
    for position, index in ctx.traced(tried.frame):
        number, top, high = int(tried.numbers[position]), int(tops[position]), int(tried.high[position])
        ctx.trace(index, DecryptTrace(str(sa.cipher), str(sa.integrity), number, top, high))
