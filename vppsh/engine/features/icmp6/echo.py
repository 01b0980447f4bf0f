"""ip6-icmp-echo-request: answers pings (RFC 4443, 4; VPP's plugins/ping).

The request becomes the reply in place, its checksum updated, and is looked up anew.
"""

from __future__ import annotations

import numpy as np

from vppsh.engine.buffers import BufferFlag
from vppsh.engine.context import Context, Nexts
from vppsh.engine.features.icmp6.errors import ECHO_REPLIES_SENT
from vppsh.engine.features.ip6.trace import format_input_trace, trace_input
from vppsh.engine.fib.fib import Fib
from vppsh.engine.frame import Frame
from vppsh.engine.link_local import is_link_local_each
from vppsh.engine.wire import icmp6, ip6
from vppsh.engine.wire.checksum import update
from vppsh.registry import demux, node

LOOKUP = 0
HOST_HOP_LIMIT = 64
TYPE_AND_CODE = np.dtype(">u2")

ECHO_REQUESTS = demux("ip6-icmp-input", icmp6.ECHO_REQUEST, "ip6-icmp-echo-request")


@node(
    "ip6-icmp-echo-request", nexts=("ip6-lookup", "interface-output"), errors_of="ip6-icmp-input", trace=format_input_trace
)  # fmt: skip
def ip6_icmp_echo_request(ctx: Context, frame: Frame) -> Nexts:
    """Turn requests into replies."""
    buffers = ctx.buffers
    if frame.traced:
        trace_input(ctx, frame)
    rows = frame.rows
    # Load.
    header = buffers.load(frame, ip6.HEADER).copy()
    message = buffers.load(frame, icmp6.HEADER, ip6.HEADER.itemsize).copy()
    before = buffers.load(frame, TYPE_AND_CODE, ip6.HEADER.itemsize).copy()
    # Act.
    header["src"], header["dst"] = header["dst"].copy(), header["src"].copy()
    header["hop_limit"] = HOST_HOP_LIMIT
    buffers.store(frame, ip6.HEADER, header)
    message["type"] = icmp6.ECHO_REPLY
    message["checksum"] = update(message["checksum"], (before, message.view(TYPE_AND_CODE).reshape(frame.n, -1)[:, 0]))
    buffers.store(frame, icmp6.HEADER, message, ip6.HEADER.itemsize)
    # Report.
    # What was sent to a link-local address was looked up in the link's table, which does not know a global one.
    elsewhere = is_link_local_each(header["src"]) & ~is_link_local_each(header["dst"])
    if elsewhere.any():
        moved = frame.indices(buffers)[elsewhere]
        buffers.tx_sw_if_index[moved] = ctx.get(Fib).ip6.fib_index_of[buffers.rx_sw_if_index[moved]]
    buffers.flags[rows] |= np.uint32(BufferFlag.LOCALLY_ORIGINATED)
    ctx.count(ECHO_REPLIES_SENT, frame.n)
    return LOOKUP
