"""ip4-icmp-echo-request: answers pings (RFC 792; VPP's plugins/ping).

The request becomes the reply in place, and goes back by the load-balance of its source, which ip4-receive
has looked up.
"""

from __future__ import annotations

import numpy as np

from vppsh.engine.buffers import BufferFlag
from vppsh.engine.context import Context, Nexts
from vppsh.engine.features.icmp4.errors import ECHO_REPLIES_SENT
from vppsh.engine.features.ip4.trace import format_input_trace, trace_input
from vppsh.engine.frame import Frame
from vppsh.engine.interfaces import LOCAL0
from vppsh.engine.wire import icmp4, ip4
from vppsh.engine.wire.checksum import update
from vppsh.registry import demux, node

LOAD_BALANCE = 0
HOST_TTL = 64


ECHO_REQUESTS = demux("ip4-icmp-input", icmp4.ECHO_REQUEST, "ip4-icmp-echo-request")


@node("ip4-icmp-echo-request", nexts=("ip4-load-balance",), errors_of="ip4-icmp-input", trace=format_input_trace)
def ip4_icmp_echo_request(ctx: Context, frame: Frame) -> Nexts:
    """Turn requests into replies, with a fragment id and a TTL of our own; both checksums are updated, not computed."""
    buffers = ctx.buffers
    trace_input(ctx, frame)
    rows = frame.rows
    # Load.
    header = buffers.load(frame, ip4.HEADER).copy()
    message_at = buffers.addresses(frame) + ip4.header_bytes(header["version_and_length"])
    messages = buffers.bytes_at(icmp4.HEADER)
    message = messages[message_at]
    # Act.
    before = header.view(">u2").reshape(frame.n, -1)[:, [2, 4]].copy()
    header["fragment_id"] = ctx.engine.random.integers(0, 1 << 16, frame.n)
    header["ttl"] = HOST_TTL
    after = header.view(">u2").reshape(frame.n, -1)[:, [2, 4]]
    header["checksum"] = update(header["checksum"], (before[:, 1], after[:, 1]), (before[:, 0], after[:, 0]))
    header["src"], header["dst"] = header["dst"].copy(), header["src"].copy()
    buffers.store(frame, ip4.HEADER, header)
    kind_before = message.view(">u2").reshape(frame.n, -1)[:, 0].copy()
    message["type"] = icmp4.ECHO_REPLY
    message["checksum"] = update(message["checksum"], (kind_before, message.view(">u2").reshape(frame.n, -1)[:, 0]))
    messages[message_at] = message
    # Report.
    buffers.rx_sw_if_index[rows] = LOCAL0
    frame.rx = LOCAL0
    buffers.flags[rows] |= np.uint32(BufferFlag.LOCALLY_ORIGINATED)
    ctx.count(ECHO_REPLIES_SENT, frame.n)
    return LOAD_BALANCE
