"""ip6-link-local: a packet to a link-local address is looked up again, in the table of the link that it came by.

Counterpart of vnet/dpo/ip6_ll_dpo.c.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from msgspec import Struct

from vppsh.engine.context import Context, Nexts
from vppsh.engine.frame import Frame
from vppsh.engine.link_local import NO_TABLE, LinkLocalTables
from vppsh.registry import error, node

DROP, LOOKUP = range(2)
ERRORS = (error("no_table", "Interface is not mapped to an IP6-LL table"),)
NO_LINK_LOCAL_TABLE = 0


class LinkLocalTrace(Struct, frozen=True):
    """The link and its table."""

    sw_if_index: int
    fib_index: int


def format_link_local_trace(view: Any, record: LinkLocalTrace) -> str:
    """`sw_if_index:1 fib_index:1`."""
    return f"sw_if_index:{record.sw_if_index} fib_index:{record.fib_index}"


@node("ip6-link-local", nexts=("ip6-drop", "ip6-lookup"), errors=ERRORS, trace=format_link_local_trace)
def ip6_link_local(ctx: Context, frame: Frame) -> Nexts:
    """Name the table; where there is none IPv6 is not enabled."""
    buffers = ctx.buffers
    received = buffers.rx_sw_if_index[frame.rows]
    tables = ctx.get(LinkLocalTables).of_each(received)
    for position, index in ctx.traced(frame):
        ctx.trace(index, LinkLocalTrace(int(received[position]), int(tables[position])))
    missing = tables == NO_TABLE
    buffers.tx_sw_if_index[frame.rows] = np.where(missing, buffers.tx_sw_if_index[frame.rows], tables)
    if not missing.any():
        return LOOKUP
    buffers.error[frame.indices(buffers)[missing]] = ctx.error_base + NO_LINK_LOCAL_TABLE
    return np.where(missing, DROP, LOOKUP)
