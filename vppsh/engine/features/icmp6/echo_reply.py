"""ip6-icmp-echo-reply: replies to pings of ours; the host gets those that nobody here waits for (VPP's plugins/ping)."""

from __future__ import annotations

from vppsh.engine.context import Context, Nexts
from vppsh.engine.features.icmp4.echo_reply import deliver, format_echo_reply_trace
from vppsh.engine.fib.types import Protocol
from vppsh.engine.frame import Frame
from vppsh.engine.wire import icmp6, ip6
from vppsh.registry import demux, node

ECHO_REPLIES = demux("ip6-icmp-input", icmp6.ECHO_REPLY, "ip6-icmp-echo-reply")


@node("ip6-icmp-echo-reply", nexts=("ip6-drop", "ip6-punt"), trace=format_echo_reply_trace)
def ip6_icmp_echo_reply(ctx: Context, frame: Frame) -> Nexts:
    """The echo header lies right behind that of the packet."""
    return deliver(ctx, frame, ctx.buffers.load(frame, icmp6.ECHO, ip6.HEADER.itemsize), Protocol.IP6)
