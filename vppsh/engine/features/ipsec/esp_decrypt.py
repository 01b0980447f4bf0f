"""esp4-decrypt and esp6-decrypt (behind a policy), esp4-decrypt-tun and esp6-decrypt-tun (of a tunnel).

Counterpart of vnet/ipsec/esp_decrypt.c; RFC 4303.
"""

from __future__ import annotations

from vppsh.engine.context import Context, Nexts
from vppsh.engine.features.ipsec.decrypt import Job, decrypt, format_decrypt_trace
from vppsh.engine.features.ipsec.errors import DECRYPT_ERRORS
from vppsh.engine.frame import Frame
from vppsh.registry import node


def _nexts(drop: str, mpls: str) -> tuple[str, ...]:
    return (drop, "ip4-input-no-checksum", "ip6-input", mpls, "l2-input")


@node("esp4-decrypt", nexts=_nexts("ip4-drop", "mpls-drop"), errors=DECRYPT_ERRORS, trace=format_decrypt_trace)
def esp4_decrypt(ctx: Context, frame: Frame) -> Nexts:
    """ESP over IPv4 that a policy lets in."""
    return decrypt(ctx, frame, Job(ip6=False, by_tunnel=False))


@node("esp6-decrypt", nexts=_nexts("ip6-drop", "mpls-drop"), errors=DECRYPT_ERRORS, trace=format_decrypt_trace)
def esp6_decrypt(ctx: Context, frame: Frame) -> Nexts:
    """ESP over IPv6 that a policy lets in."""
    return decrypt(ctx, frame, Job(ip6=True, by_tunnel=False))


@node("esp4-decrypt-tun", nexts=_nexts("ip4-drop", "mpls-input"), errors=DECRYPT_ERRORS, trace=format_decrypt_trace)
def esp4_decrypt_tun(ctx: Context, frame: Frame) -> Nexts:
    """ESP over IPv4 of a protected tunnel."""
    return decrypt(ctx, frame, Job(ip6=False, by_tunnel=True))


@node("esp6-decrypt-tun", nexts=_nexts("ip6-drop", "mpls-input"), errors=DECRYPT_ERRORS, trace=format_decrypt_trace)
def esp6_decrypt_tun(ctx: Context, frame: Frame) -> Nexts:
    """ESP over IPv6 of a protected tunnel."""
    return decrypt(ctx, frame, Job(ip6=True, by_tunnel=True))
