"""ipsec4-output-feature and ipsec6-output-feature: what leaves an interface with policies is protected, let go or dropped.

Counterpart of vnet/ipsec/ipsec_output.c; RFC 4301, 5.1.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from vppsh.engine.context import Context, Nexts
from vppsh.engine.features.ipsec.by_sa import by_association
from vppsh.engine.features.ipsec.flows import outbound_flows
from vppsh.engine.fib.types import Protocol
from vppsh.engine.frame import Frame
from vppsh.engine.ipsec.match import NO_POLICY
from vppsh.engine.ipsec.sa import SaProtocol
from vppsh.engine.ipsec.spd import Action, PolicyType, Spd, Spds
from vppsh.registry import error, feature, node

DROP, ESP, AH = range(3)
ERRORS = tuple(
    error(text, text)
    for text in (
        "IPSec pkts received", "IPSec policy discard", "IPSec policy (no match)", "IPSec policy protect", "IPSec policy bypass",
        "IPSec encapsulation failed",
    )
)  # fmt: skip
_RX_PKTS, DISCARD, NO_MATCH, PROTECT, BYPASS, _FAILED = range(6)
COUNTED = {Action.DISCARD: DISCARD, Action.PROTECT: PROTECT, Action.BYPASS: BYPASS}
TYPES = {Protocol.IP4: PolicyType.IP4_OUTBOUND, Protocol.IP6: PolicyType.IP6_OUTBOUND}
FEATURES = (
    feature("ip4-output", "ipsec4-output-feature", before=("interface-output",)),
    feature("ip6-output", "ipsec6-output-feature", before=("interface-output",)),
)


class OutputTrace(Struct, frozen=True):
    """The database, and the policy that was found; -1 for none."""

    spd_id: int
    policy: int


def format_output_trace(view: Any, record: OutputTrace) -> str:
    """VPP's `spd 1 policy 0`."""
    return f"spd {record.spd_id} policy {record.policy}"


def _look_up(ctx: Context, frame: Frame, index: int, family: Protocol) -> int | NDArray[np.int32]:
    """Packets of interfaces that are bound to one database."""
    spd = ctx.get(Spds).at(index)
    if spd is None:
        # Unbound while packets were on their way.
        ctx.count(NO_MATCH, frame.n)
        return DROP
    flows, lengths, starts = outbound_flows(ctx.buffers, frame, family)
    selectors = spd.selectors_of(TYPES[family])
    places = selectors.outbound(flows)
    nexts = np.full(frame.n, DROP, np.int32)
    for place in np.unique(places).tolist():
        mine = places == place
        if place == NO_POLICY:
            ctx.count(NO_MATCH, int(mine.sum()))
        else:
            nexts[mine] = _apply(ctx, frame.pick(ctx.buffers, mine), spd, family, place, lengths[mine], starts[mine])
    for position, buffer_index in ctx.traced(frame):
        place = int(places[position])
        ctx.trace(buffer_index, OutputTrace(spd.id, -1 if place == NO_POLICY else int(selectors.index[place])))
    frame.offset = None
    return nexts


def _apply(
    ctx: Context, frame: Frame, spd: Spd, family: Protocol, place: int, lengths: NDArray[np.int64], starts: NDArray[np.int32]
) -> int | NDArray[np.int32]:
    """Do with packets what a policy says; where they go."""
    buffers, spds = ctx.buffers, ctx.get(Spds)
    numbered = spd.policies[TYPES[family]][place]
    action = numbered.policy.action
    ctx.count(COUNTED[action], frame.n)
    spds.counters.add(numbered.index, frame.n, int(lengths.sum()))
    if action is Action.BYPASS:
        return ctx.engine.arcs.next(ctx, frame)
    if action is not Action.PROTECT or numbered.sa is None:
        return DROP
    buffers.sad_index[frame.rows] = numbered.sa.index
    buffers.current_data[frame.rows] += starts
    buffers.current_length[frame.rows] -= starts
    return ESP if numbered.sa.protocol is SaProtocol.ESP else AH


def _output(ctx: Context, frame: Frame, family: Protocol) -> Nexts:
    indices = ctx.get(Spds).of_interface[ctx.buffers.tx_sw_if_index[frame.rows]]
    return by_association(ctx, frame, indices, lambda ctx, part, index: _look_up(ctx, part, index, family))


@node("ipsec4-output-feature", nexts=("error-drop", "esp4-encrypt", "ah4-encrypt"), errors=ERRORS, trace=format_output_trace)
def ipsec4_output_feature(ctx: Context, frame: Frame) -> Nexts:
    """IPv4 packets."""
    return _output(ctx, frame, Protocol.IP4)


@node("ipsec6-output-feature", nexts=("error-drop", "esp6-encrypt", "ah6-encrypt"), errors=ERRORS, trace=format_output_trace)
def ipsec6_output_feature(ctx: Context, frame: Frame) -> Nexts:
    """IPv6 packets."""
    return _output(ctx, frame, Protocol.IP6)
