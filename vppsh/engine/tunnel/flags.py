"""What a tunnel copies between inner and outer headers, and whether it has one peer or several (vnet/tunnel/tunnel.h)."""

from __future__ import annotations

import enum


class Mode(enum.Enum):
    """How many far ends a tunnel has; the value is VPP's name."""

    P2P = "point-to-point"
    MP = "multi-point"


class TunnelFlag:
    """Bits of a tunnel's flags. Plain numbers: nodes compare whole columns with them."""

    NONE = 0
    ENCAP_COPY_DF = 1 << 0
    ENCAP_SET_DF = 1 << 1
    ENCAP_COPY_DSCP = 1 << 2
    ENCAP_COPY_ECN = 1 << 3
    DECAP_COPY_ECN = 1 << 4
    ENCAP_INNER_HASH = 1 << 5
    ENCAP_COPY_HOP_LIMIT = 1 << 6
    ENCAP_COPY_FLOW_LABEL = 1 << 7


FLAG_NAMES = {
    "encap-copy-df": TunnelFlag.ENCAP_COPY_DF,
    "encap-set-df": TunnelFlag.ENCAP_SET_DF,
    "encap-copy-dscp": TunnelFlag.ENCAP_COPY_DSCP,
    "encap-copy-ecn": TunnelFlag.ENCAP_COPY_ECN,
    "decap-copy-ecn": TunnelFlag.DECAP_COPY_ECN,
    "encap-inner-hash": TunnelFlag.ENCAP_INNER_HASH,
    "encap-copy-hop-limit": TunnelFlag.ENCAP_COPY_HOP_LIMIT,
    "encap-copy-flow-label": TunnelFlag.ENCAP_COPY_FLOW_LABEL,
}


def format_tunnel_flags(flags: int) -> str:
    """The flags as VPP lists them, each followed by a space."""
    return "".join(f"{name} " for name, flag in FLAG_NAMES.items() if flags & flag) or "none"
