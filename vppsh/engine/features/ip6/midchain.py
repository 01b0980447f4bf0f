"""ip6-midchain: into a tunnel, whose outer header goes in front and is completed (vnet/ip/ip6_forward.c)."""

from __future__ import annotations

from vppsh.engine.context import Context, Nexts
from vppsh.engine.features.ip6.flow_hash import flow_hash
from vppsh.engine.features.ip6.rewrite import rewrite
from vppsh.engine.features.ip6.trace import format_rewrite_trace
from vppsh.engine.frame import Frame
from vppsh.engine.rewrite import Each, One
from vppsh.engine.tunnel.midchain import Midchains
from vppsh.registry import node


def _complete(ctx: Context, frame: Frame, adj: One | Each) -> None:
    ctx.get(Midchains).complete(ctx, frame, adj, flow_hash)


@node("ip6-midchain", sibling_of="ip6-rewrite", errors_of="ip6-input", trace=format_rewrite_trace)
def ip6_midchain(ctx: Context, frame: Frame) -> Nexts:
    """As any rewrite; then what the outer header says of the packet is filled in."""
    return rewrite(ctx, frame, _complete)
