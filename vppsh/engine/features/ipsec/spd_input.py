"""ipsec4-input-feature and ipsec6-input-feature: protected packets are decrypted, those that no policy wants are dropped.

Counterpart of vnet/ipsec/ipsec_input.c; RFC 4301, 5.2. Packets that are neither ESP nor AH pass, as in VPP.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from vppsh.engine.buffers import BufferFlag
from vppsh.engine.context import Context, Nexts
from vppsh.engine.features.ipsec.by_sa import by_association
from vppsh.engine.features.ipsec.flows import AH, ESP, NONE, Arriving, arriving
from vppsh.engine.fib.types import Protocol
from vppsh.engine.frame import Frame
from vppsh.engine.ipsec.match import NO_POLICY
from vppsh.engine.ipsec.spd import Action, PolicyType, Spd, Spds
from vppsh.engine.wire import ip_protocol
from vppsh.engine.wire.ip_protocol import format_ip_protocol
from vppsh.registry import error, feature, node

PUNT, DROP, ESP_DECRYPT, AH_DECRYPT = range(4)
ERRORS = tuple(
    error(text, text)
    for text in (
        "IPSec pkts received", "IPSec policy match", "IPSec policy not matched", "IPSec policy bypass", "IPSec policy discard",
    )
)  # fmt: skip
RX_PKTS, MATCH, NO_MATCH, BYPASS, DISCARD = range(5)
COUNTED = {Action.PROTECT: MATCH, Action.BYPASS: BYPASS, Action.DISCARD: DISCARD}
ALL_ONES = 0xFFFFFFFF
NOBODY = -1
IP6_HEADER_BYTES = 40
IS_IP = {
    Protocol.IP4: (np.uint32(BufferFlag.IS_IP4), np.uint32(~BufferFlag.IS_IP6 & ALL_ONES)),
    Protocol.IP6: (np.uint32(BufferFlag.IS_IP6), np.uint32(~BufferFlag.IS_IP4 & ALL_ONES)),
}
FEATURES = (
    feature("ip4-unicast", "ipsec4-input-feature", before=("ip4-lookup",), after=("ip4-full-reassembly-feature",)),
    feature("ip6-unicast", "ipsec6-input-feature", before=("ip6-lookup",), after=("ip6-full-reassembly-feature",)),
)


class InputTrace(Struct, frozen=True):
    """What a packet is, and the database and policy that it met."""

    protocol: int
    sa_id: int
    spd_id: int
    policy: int
    spi: int
    number: int


def format_input_trace(view: Any, record: InputTrace) -> str:
    """VPP's `IPSEC_ESP: sa_id 20 type: 0 spd 1 policy 0 spi 2001 (0x000007d1) seq 1`."""
    return (
        f"{format_ip_protocol(record.protocol)}: sa_id {record.sa_id} type: 0 spd {record.spd_id} "
        f"policy {record.policy} spi {record.spi} (0x{record.spi:08x}) seq {record.number}"
    )


@dataclass
class Visit:
    """Packets of interfaces that are bound to one database.

    policy  index of the policy that each met, NOBODY for none; `sa_id` goes with it
    left    which packets are ESP or AH, and met none yet
    """

    frame: Frame
    family: Protocol
    spd: Spd | None
    seen: Arriving
    nexts: NDArray[np.int32]
    policy: NDArray[np.int64]
    sa_id: NDArray[np.int64]
    left: NDArray[np.bool_]


def _look_up(ctx: Context, frame: Frame, index: int, family: Protocol) -> NDArray[np.int32]:
    """What becomes of packets of interfaces that are bound to one database, an index."""
    passed = np.broadcast_to(np.asarray(ctx.engine.arcs.next(ctx, frame)), (frame.n,)).astype(np.int32)
    seen = arriving(ctx.buffers, frame, family)
    secured = seen.kind != NONE
    unspecified = secured & (seen.kind == ESP) & (seen.spi == 0)
    nobody, all_ones = np.full(frame.n, NOBODY), np.full(frame.n, ALL_ONES)
    visit = Visit(frame, family, ctx.get(Spds).at(index), seen, passed, nobody, all_ones, secured)
    if family is Protocol.IP4:
        # RFC 4303, 2.1: nobody has SPI 0. Behind UDP with a checksum that is IKE.
        unspecified &= ~seen.in_udp | seen.without_checksum
        visit.left = secured & ~unspecified
    dropped = secured & ~visit.left
    _protect(ctx, visit, unspecified)
    _let_or_drop(ctx, visit, Action.BYPASS)
    _let_or_drop(ctx, visit, Action.DISCARD)
    _trace(ctx, visit, dropped)
    dropped |= visit.left
    visit.nexts[dropped] = DROP
    others = ~secured & (seen.protocol != ip_protocol.UDP)
    if family is Protocol.IP6:
        others |= ~secured
    unprocessed = int(np.count_nonzero(dropped | others))
    if family is Protocol.IP4:
        ctx.count(RX_PKTS, frame.n)
        ctx.count(NO_MATCH, unprocessed)
    else:
        ctx.count(RX_PKTS, frame.n - unprocessed)
    frame.offset = None
    return visit.nexts


def _protect(ctx: Context, visit: Visit, unspecified: NDArray[np.bool_]) -> None:
    """Send packets on whose SPI belongs to an association of a policy."""
    if visit.spd is None:
        return
    buffers, seen, kind = ctx.buffers, visit.seen, PolicyType.of(False, visit.family, Action.PROTECT)
    selectors = visit.spd.selectors_of(kind)
    places = selectors.protecting(seen.flows, visit.family)
    is_ah = seen.kind == AH
    # VPP asks no AH packet over IPv6 whether it is whole; ah6-decrypt does not accept one that is not.
    whole = seen.whole | is_ah if visit.family is Protocol.IP6 else seen.whole
    met = visit.left & (places != NO_POLICY) & whole & ~unspecified
    if not met.any():
        return
    more = np.where(is_ah, IP6_HEADER_BYTES, 0) if visit.family is Protocol.IP6 else 0
    _note(ctx, visit, kind, places, met, seen.length + more)
    indices = visit.frame.indices(buffers)
    buffers.sad_index[indices[met]] = selectors.sa[places[met]]
    visit.nexts[met] = np.where(is_ah[met], AH_DECRYPT, ESP_DECRYPT)
    esp = met & ~is_ah
    buffers.current_data[indices[esp]] += seen.at[esp].astype(np.int32)
    buffers.current_length[indices[esp]] -= seen.at[esp].astype(np.int32)


def _let_or_drop(ctx: Context, visit: Visit, action: Action) -> None:
    """Let packets pass as they are, or discard them; VPP does not ask that of AH over IPv6."""
    if visit.spd is None:
        return
    kind = PolicyType.of(False, visit.family, action)
    places = visit.spd.selectors_of(kind).inbound(visit.seen.flows)
    met = visit.left & (places != NO_POLICY)
    if visit.family is Protocol.IP6:
        met &= visit.seen.kind != AH
    if met.any():
        _note(ctx, visit, kind, places, met, visit.seen.length)
        if action is Action.DISCARD:
            visit.nexts[met] = DROP


def _note(
    ctx: Context, visit: Visit, kind: PolicyType, places: NDArray[np.int64], met: NDArray[np.bool_], lengths: NDArray[np.int64]
) -> None:
    """Count packets at the policies that they met."""
    assert visit.spd is not None
    spds, policies = ctx.get(Spds), visit.spd.policies[kind]
    for place in np.unique(places[met]).tolist():
        mine, numbered = met & (places == place), policies[place]
        ctx.count(COUNTED[numbered.policy.action], int(np.count_nonzero(mine)))
        spds.counters.add(numbered.index, int(np.count_nonzero(mine)), int(lengths[mine].sum()))
        visit.policy[mine], visit.sa_id[mine] = numbered.index, numbered.policy.sa_id
    visit.left = visit.left & ~met


def _trace(ctx: Context, visit: Visit, dropped: NDArray[np.bool_]) -> None:
    """Packets that are neither ESP nor AH have no trace here, nor those whose SPI is 0, nor AH that nobody wants."""
    seen, is_ip6 = visit.seen, visit.family is Protocol.IP6
    for position, buffer_index in ctx.traced(visit.frame):
        is_ah, met = seen.kind[position] == AH, int(visit.policy[position]) != NOBODY
        if seen.kind[position] == NONE or dropped[position] or (is_ah and not met):
            continue
        spi, number = int(seen.spi[position]), int(seen.number[position])
        if is_ip6 and is_ah:
            number = 0
        elif not seen.whole[position] or (is_ip6 and not spi):
            spi = number = ALL_ONES
        spd_id = 0 if visit.spd is None else visit.spd.id
        record = InputTrace(int(seen.protocol[position]), int(visit.sa_id[position]), spd_id, int(visit.policy[position]), spi, number)
        ctx.trace(buffer_index, record)


def _input(ctx: Context, frame: Frame, family: Protocol) -> Nexts:
    buffers = ctx.buffers
    ours, not_others = IS_IP[family]
    buffers.flags[frame.rows] = buffers.flags[frame.rows] & not_others | ours
    indices = ctx.get(Spds).of_interface[buffers.rx_sw_if_index[frame.rows]]
    return by_association(ctx, frame, indices, lambda ctx, part, index: _look_up(ctx, part, index, family))


@node(
    "ipsec4-input-feature",
    nexts=("punt-dispatch", "error-drop", "esp4-decrypt", "ah4-decrypt"),
    errors=ERRORS, trace=format_input_trace,
)  # fmt: skip
def ipsec4_input_feature(ctx: Context, frame: Frame) -> Nexts:
    """IPv4 packets."""
    return _input(ctx, frame, Protocol.IP4)


@node(
    "ipsec6-input-feature",
    nexts=("punt-dispatch", "error-drop", "esp6-decrypt", "ah6-decrypt"),
    errors=ERRORS, trace=format_input_trace,
)  # fmt: skip
def ipsec6_input_feature(ctx: Context, frame: Frame) -> Nexts:
    """IPv6 packets."""
    return _input(ctx, frame, Protocol.IP6)
