"""esp4-encrypt and esp6-encrypt (behind a policy), esp4-encrypt-tun, esp6-encrypt-tun and esp-mpls-encrypt-tun (in a tunnel).

Counterpart of vnet/ipsec/esp_encrypt.c; RFC 4303.
"""

from __future__ import annotations

from vppsh.engine.context import Context, Nexts
from vppsh.engine.features.ipsec.encrypt import DROP_NODES, Job, encrypt, format_encrypt_trace
from vppsh.engine.features.ipsec.errors import ENCRYPT_ERRORS
from vppsh.engine.fib.types import Protocol
from vppsh.engine.frame import Frame
from vppsh.engine.ipsec.protect import Protects
from vppsh.registry import node

NEXTS = (*DROP_NODES, "interface-output")
TUNNEL_NEXTS = (*DROP_NODES, "adj-midchain-tx")


def _by_policy(ctx: Context, frame: Frame, link: Protocol) -> Nexts:
    return encrypt(ctx, frame, ctx.buffers.sad_index[frame.rows], Job(link, False))


def _by_tunnel(ctx: Context, frame: Frame, link: Protocol) -> Nexts:
    return encrypt(ctx, frame, ctx.get(Protects).output_of(ctx.buffers.adj_index[frame.rows]), Job(link, True))


@node("esp4-encrypt", nexts=NEXTS, errors=ENCRYPT_ERRORS, trace=format_encrypt_trace)
def esp4_encrypt(ctx: Context, frame: Frame) -> Nexts:
    """IPv4 packets that a policy protects."""
    return _by_policy(ctx, frame, Protocol.IP4)


@node("esp6-encrypt", sibling_of="esp4-encrypt", errors=ENCRYPT_ERRORS, trace=format_encrypt_trace)
def esp6_encrypt(ctx: Context, frame: Frame) -> Nexts:
    """IPv6 packets that a policy protects."""
    return _by_policy(ctx, frame, Protocol.IP6)


@node("esp4-encrypt-tun", nexts=TUNNEL_NEXTS, errors=ENCRYPT_ERRORS, trace=format_encrypt_trace)
def esp4_encrypt_tun(ctx: Context, frame: Frame) -> Nexts:
    """Packets that leave by a protected tunnel, IPv4 on the outside; or IPv4 packets on an IPsec interface."""
    return _by_tunnel(ctx, frame, Protocol.IP4)


@node("esp6-encrypt-tun", nexts=TUNNEL_NEXTS, errors=ENCRYPT_ERRORS, trace=format_encrypt_trace)
def esp6_encrypt_tun(ctx: Context, frame: Frame) -> Nexts:
    """The same for IPv6."""
    return _by_tunnel(ctx, frame, Protocol.IP6)


@node("esp-mpls-encrypt-tun", nexts=TUNNEL_NEXTS, errors=ENCRYPT_ERRORS, trace=format_encrypt_trace)
def esp_mpls_encrypt_tun(ctx: Context, frame: Frame) -> Nexts:
    """Labelled packets on an IPsec interface."""
    return _by_tunnel(ctx, frame, Protocol.MPLS)
