"""ip4-inacl, ip4-outacl, ip6-inacl, ip6-outacl: classifier tables as access lists of routed packets (vnet/ip/ip_in_out_acl.c).

Tables count from the buffer's beginning, where a received packet has its Ethernet header; on output from there
plus the length of the new one.
"""

from __future__ import annotations

import enum

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from vppsh.engine.buffers import HEADROOM, STRIDE
from vppsh.engine.classify import ClassifySession, ClassifyTable, ClassifyTables
from vppsh.engine.classify_lookup import Found, classify
from vppsh.engine.classify_text import format_session
from vppsh.engine.context import Context, Nexts
from vppsh.engine.engine import Engine
from vppsh.engine.features.classify.acls import InOutAcls, Kind
from vppsh.engine.features.ethernet.tags import advance
from vppsh.engine.features.ip4 import errors as ip4_errors
from vppsh.engine.features.ip6 import errors as ip6_errors
from vppsh.engine.frame import Frame
from vppsh.registry import NodeSpec, error, feature, node

DENY = 0
MISS, HIT, CHAIN_HIT = range(3)
INDENT = " " * 6


class Action(enum.IntEnum):
    """What a session does to a packet besides letting it through: the table that its destination is looked up in."""

    NONE = 0
    SET_IP4_FIB = 1
    SET_IP6_FIB = 2
    SET_METADATA = 3


class IpAclTrace(Struct, frozen=True):
    """The interface, the slot that was chosen, the session and its table."""

    output: bool
    sw_if_index: int
    next_index: int
    table: int
    session: ClassifySession | None
    fib_index: int


def format_ip_acl_trace(view: Engine, record: IpAclTrace) -> str:
    """`INACL: sw_if_index 1, next_index 0, table_index 0, offset 1216, action none, metadata 0` and the session."""
    session = record.session
    action = 0 if session is None else session.action
    metadata = 0 if session is None else session.metadata
    done = {
        Action.NONE: f"none, metadata {metadata}", Action.SET_IP4_FIB: "set-ip4-fib-index", Action.SET_IP6_FIB: "set-ip6-fib-index",
        Action.SET_METADATA: f"set-metadata, metadata {metadata}, fib_index {record.fib_index}",
    }[Action(action)]  # fmt: skip
    text = f"{'OUTACL' if record.output else 'INACL'}: sw_if_index {record.sw_if_index}, next_index {record.next_index}, "
    text += f"table_index {record.table}, offset {-1 if session is None else session.offset}, action {done}\n{INDENT}"
    table: ClassifyTable | None = view.get(ClassifyTables).find(record.table)
    if table is None:
        return f"{text}no table"
    return f"{text}no match" if session is None else text + format_session(table, session)


def _filter(ctx: Context, frame: Frame, kind: Kind, output: bool) -> Nexts:
    buffers = ctx.buffers
    rows = frame.indices(buffers)
    sw_if_index = (buffers.tx_sw_if_index if output else buffers.rx_sw_if_index)[rows]
    base = rows.astype(np.int64) * STRIDE + HEADROOM
    if output:
        base += buffers.save_rewrite_length[rows]
    # Decide.
    found = classify(ctx, rows, ctx.get(InOutAcls).first(kind, output, sw_if_index), base, current_data=True)
    nexts = np.full(frame.n, ctx.engine.arcs.next(ctx, frame), np.int32)
    slots = found.slots(ctx.get(ClassifyTables))
    named = slots < len(ctx.node.nexts)
    nexts[named] = slots[named]
    # Act.
    _act(ctx, rows, found, output)
    denied = nexts == DENY
    if output and denied.any():
        # Drops show what is behind the new header.
        advance(buffers, rows[denied], buffers.save_rewrite_length[rows[denied]])
    advances = found.advances()
    if advances.any():
        advance(buffers, rows, advances)
    frame.offset = None
    errors = ip4_errors if kind is Kind.IP4 else ip6_errors
    reasons = np.where(denied, np.where(found.hit, errors.INACL_SESSION_DENY, errors.INACL_TABLE_MISS), errors.NONE)
    looked_up = found.table >= 0
    buffers.error[rows[looked_up]] = ctx.engine.graph[f"{kind.value}-input"].error_base + reasons[looked_up]
    # Report.
    for counter, those in ((MISS, found.missed), (HIT, found.hit), (CHAIN_HIT, found.chained)):
        ctx.count(counter, int(np.count_nonzero(those)))
    for position, index in ctx.traced(frame):
        # As in VPP there is no table left to name when none had a session.
        table = int(found.table[position]) if found.which[position] >= 0 else -1
        fib_index = int(buffers.fib_index[index])
        ctx.trace(
            index, IpAclTrace(output, int(sw_if_index[position]), int(nexts[position]), table, found.session(position), fib_index)
        )  # fmt: skip
    return nexts


def _act(ctx: Context, rows: NDArray[np.int32], found: Found, output: bool) -> None:
    """Let sessions choose the table that destinations are looked up in, or give packets a number."""
    if output:
        return
    for place, session in enumerate(found.sessions):
        chosen = rows[found.which == place]
        if session.action in (Action.SET_IP4_FIB, Action.SET_IP6_FIB):
            ctx.buffers.tx_sw_if_index[chosen] = session.metadata
        elif session.action == Action.SET_METADATA:
            ctx.buffers.adj_index[chosen] = session.metadata


def _node(kind: Kind, output: bool) -> NodeSpec:
    way = "output" if output else "input"
    texts = (f"{way} ACL misses", f"{way} ACL hits", f"{way} ACL hits after chain walk")
    name = f"{kind.value}-{'outacl' if output else 'inacl'}"

    def acl(ctx: Context, frame: Frame) -> Nexts:
        """Drop what the table of the interface denies."""
        return _filter(ctx, frame, kind, output)

    return node(name, nexts=(f"{kind.value}-drop",), errors=tuple(error(text, text) for text in texts), trace=format_ip_acl_trace)(acl)


NODES = tuple(_node(kind, output) for kind in (Kind.IP4, Kind.IP6) for output in (False, True))
FEATURES = (
    feature("ip4-unicast", "ip4-inacl", before=("ipsec4-input-feature", "ip4-lookup")),
    feature("ip6-unicast", "ip6-inacl", before=("ipsec6-input-feature", "ip6-lookup")),
    feature("ip4-output", "ip4-outacl", before=("ipsec4-output-feature", "interface-output")),
    feature("ip6-output", "ip6-outacl", before=("ipsec6-output-feature", "interface-output")),
)
