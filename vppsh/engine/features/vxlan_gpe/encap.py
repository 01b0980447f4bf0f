"""vxlan-gpe-encap: the output node of tunnels' interfaces (plugins/vxlan-gpe/encap.c).

Encapsulated packets are looked up in the table of the tunnel's ends as if its interface had received them.
"""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from vppsh.engine.context import Context, Nexts
from vppsh.engine.engine import Engine
from vppsh.engine.exact_table import MISSING
from vppsh.engine.features.vxlan_gpe.tunnels import VxlanGpeTunnels
from vppsh.engine.fib.types import Protocol
from vppsh.engine.frame import Frame
from vppsh.engine.tunnel.udp_encap import Encapsulation, encapsulate, numbers_of, trace_tunnels
from vppsh.engine.uniform import common
from vppsh.registry import error, node

IP4_LOOKUP, IP6_LOOKUP, DROP = range(3)
NEXTS = ("ip4-lookup", "ip6-lookup", "error-drop")
ERRORS = (error("encapsulated", "good packets encapsulated"),)
# The source port is the tunnel's, whatever the flow.
HOW = Encapsulation(ports=False)


class EncapTrace(Struct, frozen=True):
    """The tunnel."""

    tunnel: int


def format_encap_trace(view: Engine, record: EncapTrace) -> str:
    """VPP's `VXLAN-GPE-ENCAP: tunnel 1`."""
    return f"VXLAN-GPE-ENCAP: tunnel {record.tunnel}"


@node("vxlan-gpe-encap", nexts=NEXTS, errors=ERRORS, trace=format_encap_trace)
def vxlan_gpe_encap(ctx: Context, frame: Frame) -> Nexts:
    """Over IPv4 and IPv6."""
    buffers, tunnels = ctx.buffers, ctx.get(VxlanGpeTunnels)
    trace_tunnels(ctx, frame, tunnels, lambda tunnel: EncapTrace(tunnel.index))
    sent = buffers.tx_sw_if_index[frame.rows].copy()
    numbers = numbers_of(tunnels, sent)
    families = np.where(numbers == MISSING, np.uint8(Protocol.IP4), tunnels.family.take(numbers))
    family = common(families)
    nexts: int | NDArray[np.int32]
    if family is not None:
        nexts = encapsulate(ctx, frame, tunnels, HOW, Protocol(family))
    else:
        nexts = np.empty(frame.n, np.int32)
        for each in (Protocol.IP4, Protocol.IP6):
            mine = families == np.uint8(each)
            nexts[mine] = encapsulate(ctx, frame.pick(buffers, mine), tunnels, HOW, each)
        frame.offset = None
    good = np.broadcast_to(np.asarray(nexts) != DROP, (frame.n,))
    rows = frame.indices(buffers)[good]
    buffers.rx_sw_if_index[rows] = sent[good]
    buffers.tx_sw_if_index[rows] = tunnels.fib_index.take(numbers[good])
    frame.rx = common(sent) if good.all() else None
    return nexts
