"""mpls-midchain: labelled packets into a tunnel, whose outer header goes in front (vnet/mpls/mpls_output.c)."""

from __future__ import annotations

from vppsh.engine.context import Context, Nexts
from vppsh.engine.features.mpls.errors import MPLS_ERRORS
from vppsh.engine.features.mpls.flow_hash import flow_hash
from vppsh.engine.features.mpls.output import format_output_trace, output
from vppsh.engine.frame import Frame
from vppsh.engine.rewrite import Each, One
from vppsh.engine.tunnel.midchain import Midchains
from vppsh.registry import node


def _complete(ctx: Context, frame: Frame, adj: One | Each) -> None:
    ctx.get(Midchains).complete(ctx, frame, adj, flow_hash)


@node("mpls-midchain", sibling_of="mpls-output", errors=MPLS_ERRORS, trace=format_output_trace)
def mpls_midchain(ctx: Context, frame: Frame) -> Nexts:
    """As mpls-output does; then what the outer header says of the packet is filled in."""
    return output(ctx, frame, _complete)
