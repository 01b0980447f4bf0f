"""ah4-decrypt and ah6-decrypt: verify the authentication header of packets that a policy lets in, and take it off (RFC 4302).

Counterpart of vnet/ipsec/ah_decrypt.c.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from vppsh.engine.buffers import BufferFlag
from vppsh.engine.context import Context, Nexts
from vppsh.engine.features.ipsec import errors
from vppsh.engine.features.ipsec.ah_layout import AhLayout, ip_fields, with_checksum, without_mutable, write_ip
from vppsh.engine.features.ipsec.by_sa import Slots, by_association
from vppsh.engine.features.ipsec.chains import linearize
from vppsh.engine.features.ipsec.errors import AH_DECRYPT_ERRORS, AH_DECRYPT_SA_ERRORS
from vppsh.engine.fib.types import Protocol
from vppsh.engine.frame import Frame
from vppsh.engine.ipsec.matrix import PacketMatrix, strings
from vppsh.engine.ipsec.sa import Sa, SaError, SaFlag, Sas
from vppsh.engine.wire import ah, ip4, ip_protocol
from vppsh.registry import node

DROP, IP4_INPUT, IP6_INPUT = range(3)
OCTET = np.dtype("u1")
UNCHECKED = np.uint32(~(BufferFlag.L4_CHECKSUM_COMPUTED | BufferFlag.L4_CHECKSUM_CORRECT) & 0xFFFFFFFF)
LENGTH_VALID = np.uint32(BufferFlag.TOTAL_LENGTH_VALID)


class AhDecryptTrace(Struct, frozen=True):
    """A packet's sequence number."""

    integrity: str
    number: int


def format_ah_decrypt_trace(view: Any, record: AhDecryptTrace) -> str:
    """VPP's `ah: integrity sha1-96 seq-num 1`."""
    number = record.number - (1 << 32) if record.number >> 31 else record.number
    return f"ah: integrity {record.integrity} seq-num {number}"


def _by_one(ctx: Context, frame: Frame, index: int, family: Protocol) -> Slots:
    """Packets of one association, those first that have as long IP headers as the first one."""
    buffers = ctx.buffers
    sa = ctx.get(Sas).at(index)
    if sa is None or sa.hmac is None:
        buffers.error[frame.rows] = ctx.error_base + errors.AH_INTEG_ERROR
        return DROP
    long = linearize(buffers, frame)
    layout = AhLayout.of(sa, family)
    heads = np.full(frame.n, layout.ip)
    if family is Protocol.IP4:
        heads = ip4.header_bytes(buffers.load(frame, OCTET)).astype(np.int64)
    if bool((heads == heads[0]).all()) and long is None:
        return _verify(ctx, frame, sa, layout, int(heads[0]))
    nexts = np.full(frame.n, DROP, np.int32)
    for head in sorted(set(heads.tolist())):
        mine = heads == head if long is None else (heads == head) & ~long
        if mine.any():
            nexts[mine] = _verify(ctx, frame.pick(buffers, mine), sa, layout, head)
    if long is not None:
        errors.refuse(ctx, frame.pick(buffers, long), sa, errors.AH_NO_TAIL_SPACE, SaError.NO_TAIL_SPACE)
    frame.offset = None
    return nexts


def _verify(ctx: Context, frame: Frame, sa: Sa, layout: AhLayout, head: int) -> Slots:
    """Check numbers, check values, numbers again."""
    assert sa.hmac is not None
    buffers, sas = ctx.buffers, ctx.get(Sas)
    lengths = buffers.current_length[frame.rows].astype(np.int64)
    header = buffers.load(frame, ah.HEADER, head)
    numbers = header["sequence"].astype(np.uint32)
    following = header["next_header"].copy()
    faults = np.zeros(frame.n, np.int64)
    fragments = np.zeros(frame.n, np.bool_)
    if layout.family is Protocol.IP4:
        fragments = ip4.is_fragment(buffers.load(frame, ip4.HEADER)["flags_and_offset"]) != 0
        faults[fragments] = errors.AH_DROP_FRAGMENTS
    checked = sa.window.check(numbers)
    faults[checked.replayed & ~fragments] = errors.AH_REPLAY
    tried = faults == 0
    sas.counters.add(sa.index, int(tried.sum()), int(lengths[tried].sum()))
    ends = head + layout.ah
    packets = PacketMatrix(buffers, frame, 0, max(int(lengths.max()), ends))
    fields = ip_fields(packets.bytes, layout.family)
    found = strings(packets.bytes, head + ah.HEADER.itemsize, layout.icv)
    _blank(packets.bytes, fields, tried, layout, head)
    high = checked.high if sa.extended else None
    computed = sa.hmac.values(packets.bytes, lengths, high)
    same = np.array([one == other for one, other in zip(found, computed)]) & (lengths >= ends)
    packets.store()
    faults[tried & ~same] = errors.AH_INTEG_ERROR
    good = faults == 0
    advanced = sa.window.advance(numbers[good], checked.high[good])
    sas.count_error(sa, SaError.LOST, advanced.lost)
    faults[np.flatnonzero(good)[advanced.replayed]] = errors.AH_REPLAY
    nexts = _take_off(ctx, frame, sa, fields, following, faults, layout, head)
    if faults.any():
        errors.refuse_each(ctx, frame, sa, faults, AH_DECRYPT_SA_ERRORS)
        nexts[faults != 0] = DROP
    for position, index in ctx.traced(frame):
        ctx.trace(index, AhDecryptTrace(str(sa.integrity), 0 if fragments[position] else int(numbers[position])))
    return nexts


def _blank(packets: NDArray[np.uint8], fields: NDArray[np.void], tried: NDArray[np.bool_], layout: AhLayout, head: int) -> None:
    """Zeros in what is not covered."""
    blank = packets[tried]
    write_ip(blank, without_mutable(fields[tried], layout.family))
    icv_at = head + ah.HEADER.itemsize
    blank[:, icv_at : icv_at + layout.icv] = 0
    packets[tried] = blank


def _take_off(
    ctx: Context, frame: Frame, sa: Sa, fields: NDArray[np.void], following: NDArray[np.uint8], faults: NDArray[np.int64],
    layout: AhLayout, head: int,
) -> NDArray[np.int32]:  # fmt: skip
    """Leave what was authenticated; faults that are found then are noted."""
    buffers = ctx.buffers
    nexts = np.full(frame.n, IP6_INPUT if layout.family is Protocol.IP6 else IP4_INPUT, np.int32)
    good = faults == 0
    if sa.has(SaFlag.TUNNEL):
        nexts = np.where(following == ip_protocol.IP_IN_IP, IP4_INPUT, np.where(following == ip_protocol.IPV6, IP6_INPUT, DROP))
        faults[good & (nexts == DROP)] = errors.AH_DECRYPTION_FAILED
    if not good.any():
        return nexts.astype(np.int32)
    part = frame if good.all() else frame.pick(buffers, good)
    buffers.advance(part, head + layout.ah)
    buffers.flags[part.rows] = (buffers.flags[part.rows] | LENGTH_VALID) & UNCHECKED
    buffers.tx_sw_if_index[part.rows] = -1
    if not sa.has(SaFlag.TUNNEL):
        _put_back(ctx, part, fields[good], following[good], layout)
    if part is not frame:
        frame.offset = None
    return nexts.astype(np.int32)


def _put_back(ctx: Context, frame: Frame, fields: NDArray[np.void], following: NDArray[np.uint8], layout: AhLayout) -> None:
    """Transport mode: the packet's own header in front of what AH was in front of."""
    buffers = ctx.buffers
    buffers.advance(frame, -layout.ip)
    lengths = buffers.current_length[frame.rows].astype(np.int64)
    header = fields.copy()
    header["protocol"] = following
    if layout.family is Protocol.IP6:
        header["payload_length"] = (lengths - layout.ip) & 0xFFFF
    else:
        header["version_and_length"], header["fragment_id"], header["flags_and_offset"] = ip4.VERSION_AND_LENGTH_NO_OPTIONS, 0, 0
        header["length"] = lengths & 0xFFFF
        with_checksum(header)
    buffers.store(frame, header.dtype, header)


def _decrypt(ctx: Context, frame: Frame, family: Protocol) -> Nexts:
    ctx.count(errors.AH_RX_PKTS, frame.n)
    return by_association(ctx, frame, ctx.buffers.sad_index[frame.rows], lambda ctx, part, index: _by_one(ctx, part, index, family))


@node("ah4-decrypt", nexts=("ip4-drop", "ip4-input-no-checksum", "ip6-input"), errors=AH_DECRYPT_ERRORS, trace=format_ah_decrypt_trace)
def ah4_decrypt(ctx: Context, frame: Frame) -> Nexts:
    """IPv4 packets."""
    return _decrypt(ctx, frame, Protocol.IP4)


@node("ah6-decrypt", nexts=("ip6-drop", "ip4-input-no-checksum", "ip6-input"), errors=AH_DECRYPT_ERRORS, trace=format_ah_decrypt_trace)
def ah6_decrypt(ctx: Context, frame: Frame) -> Nexts:
    """IPv6 packets."""
    return _decrypt(ctx, frame, Protocol.IP6)
