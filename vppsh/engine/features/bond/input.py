"""bond-input: what a member has received, its bond has received.

Counterpart of VPP's vnet/bonding/node.c. Link-layer protocols of the member's own (LACP, LLDP, CDP) stay with it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from vppsh.engine.buffer_data import gather
from vppsh.engine.context import Context
from vppsh.engine.features.bond.bonds import Bonds, Member, Mode
from vppsh.engine.frame import Frame
from vppsh.engine.interfaces import Interfaces
from vppsh.engine.wire import ethertype
from vppsh.engine.wire.ethernet import TAG_TYPES
from vppsh.engine.wire.text import format_ethernet_address
from vppsh.registry import error, feature, node

DROP = 0
ERRORS = (
    error("none", "no error"),
    error("if_down", "interface down"),
    error("passive_if", "traffic received on passive interface"),
    error("pass_thru", "pass through (CDP, LLDP, slow protocols)"),
)
NO_ERROR, _, PASSIVE_IF, PASS_THRU = range(4)
SLOW_PROTOCOLS, LLDP, CDP = 0x8809, 0x88CC, 0x2000
OWN_TYPES = (SLOW_PROTOCOLS, LLDP, CDP)
CISCO_SNAP = bytes.fromhex("aa0300000c2000")
LOOKED_AT = 24


class InputTrace(Struct, frozen=True):
    """The addresses of a packet, the member that it came in by, and the interface that has received it now."""

    interfaces: Interfaces
    header: bytes
    member: int
    received_by: int


def format_input_trace(view: Any, record: InputTrace) -> str:
    """VPP's line, with the names that the interfaces have now."""
    known = record.interfaces
    names = [known[index].name if index in known else f"DELETED ({index})" for index in (record.member, record.received_by)]
    source, destination = record.header[6:12], record.header[:6]
    return f"src {format_ethernet_address(source)}, dst {format_ethernet_address(destination)}, {names[0]} -> {names[1]}"


@node("bond-input", nexts=("error-drop",), errors=ERRORS, trace=format_input_trace)
def bond_input(ctx: Context, frame: Frame) -> None:
    """Give packets to the bonds of the members that they came in by."""
    buffers, engine = ctx.buffers, ctx.engine
    rows = frame.indices(buffers)
    members = buffers.rx_sw_if_index[rows].copy()
    nexts = engine.arcs.next(ctx, frame)
    nexts = np.full(frame.n, nexts, np.int32) if isinstance(nexts, int) else nexts.astype(np.int32)
    own = _of_the_link(gather(buffers, buffers.addresses(frame), LOOKED_AT))
    # Packets of one member that follow each other are looked at together.
    starts = np.flatnonzero(np.concatenate(([True], members[1:] != members[:-1])))
    received_by = 0
    for start, stop in zip(starts.tolist(), [*starts[1:].tolist(), frame.n]):
        received_by = int(members[start])
        member = ctx.get(Bonds).members.get(received_by)
        if member is None:
            continue
        if _is_passive(member):
            # VPP drops the first of them, and lets those behind it pass as the member's own.
            nexts[start] = DROP
            buffers.error[rows[start]] = ctx.error_base + PASSIVE_IF
        else:
            received_by = member.bond.interface.sw_if_index
            run = np.arange(start, stop)
            buffers.rx_sw_if_index[rows[run[~own[run]]]] = received_by
    kept = nexts != DROP
    ctx.count(PASS_THRU, int((own & kept).sum()))
    engine.interfaces.rx.add(received_by, int(kept.sum()), int(buffers.current_length[rows[kept]].sum()))
    for position, index in ctx.traced(frame):
        now = int(buffers.rx_sw_if_index[index])
        ctx.trace(index, InputTrace(engine.interfaces, buffers.peek(index, LOOKED_AT), int(members[position]), now))
    ctx.count(NO_ERROR, frame.n)
    # ethernet-input is not told any more that a device handed over the whole frame.
    frame.rx = None
    ctx.hand_on(nexts, frame)


def _is_passive(member: Member) -> bool:
    """Whether the bond listens to another member."""
    active = member.bond.active
    return member.bond.mode is Mode.ACTIVE_BACKUP and bool(active) and active[0] is not member


def _of_the_link(data: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Which frames are of a protocol between the two ends of a link."""
    kind = data[:, 12].astype(np.int32) << 8 | data[:, 13]
    own = np.isin(kind, OWN_TYPES) | (data[:, 15:22] == np.frombuffer(CISCO_SNAP, np.uint8)).all(axis=1)
    tagged = np.isin(kind, TAG_TYPES)
    if tagged.any():
        inner = data[:, 16].astype(np.int32) << 8 | data[:, 17]
        second = data[:, 20].astype(np.int32) << 8 | data[:, 21]
        own = np.where(tagged, np.isin(np.where(inner == ethertype.VLAN, second, inner), OWN_TYPES), own)
    return own


ON_INPUT = feature("device-input", "bond-input", before=("ethernet-input",))
