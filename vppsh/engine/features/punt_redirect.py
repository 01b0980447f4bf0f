"""ip4-punt-redirect, ip6-punt-redirect: punted packets go the way of a redirect (vnet/ip/ip_punt_drop.h)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from msgspec import Struct

from vppsh.engine.buffers import BufferFlag
from vppsh.engine.context import Context, Nexts
from vppsh.engine.fib.types import Protocol
from vppsh.engine.frame import Frame
from vppsh.engine.punt_redirect import NONE, PROTOCOLS, PuntRedirects, node_name
from vppsh.registry import error, feature, node

UNRESOLVED = {Protocol.IP4: "ip4-arp", Protocol.IP6: "ip6-discover-neighbor"}
# They are forwarded as if they came from here: their TTL stays.
OURS = np.uint32(BufferFlag.LOCALLY_ORIGINATED)


class RedirectTrace(Struct, frozen=True):
    """The redirect that was taken."""

    redirect: int


def format_redirect_trace(view: Any, record: RedirectTrace) -> str:
    """`via redirect:0`, or that there is none."""
    return "ignore" if record.redirect == NONE else f"via redirect:{record.redirect}"


def _through(protocol: Protocol) -> Callable[[Context, Frame], Nexts]:
    """The function of one of the nodes."""

    def redirect(ctx: Context, frame: Frame) -> Nexts:
        buffers, redirects = ctx.buffers, ctx.get(PuntRedirects)
        found = redirects.find(protocol, buffers.rx_sw_if_index[frame.rows])
        for position, index in ctx.traced(frame):
            ctx.trace(index, RedirectTrace(int(found[position])))
        rows = frame.indices(buffers)
        nexts = np.empty(frame.n, np.int32)
        for each in np.unique(found).tolist():
            mine = found == each
            if each == NONE:
                nexts[mine] = ctx.engine.arcs.next(ctx, frame.pick(buffers, mine))
                continue
            buffers.flags[rows[mine]] |= OURS
            buffers.adj_index[rows[mine]] = redirects[each].dpo.index
            nexts[mine] = redirects[each].slot
        return nexts

    return redirect


NODES = tuple(
    node(
        node_name(protocol),
        nexts=(f"{protocol.text}-drop", f"{protocol.text}-rewrite", UNRESOLVED[protocol]),
        errors=(error("drop", f"{protocol.text} punt redirect drop"),),
        trace=format_redirect_trace,
    )(_through(protocol))
    for protocol in PROTOCOLS
)
FEATURES = tuple(feature(f"{protocol.text}-punt", node_name(protocol), before=("error-punt",)) for protocol in PROTOCOLS)
