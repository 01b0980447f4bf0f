"""Which copies of a flooded frame an interface gets when it is a port of a bridge domain."""

from __future__ import annotations

import enum


class FloodClass(enum.Enum):
    """What a bridge domain sends to an interface when it floods (VPP's VNET_FLOOD_CLASS)."""

    NORMAL = "flooded to"
    TUNNEL_MASTER = "flooded to, in place of all TUNNEL_NORMAL: a multicast tunnel"
    TUNNEL_NORMAL = "flooded to while there is no TUNNEL_MASTER: a unicast tunnel"
    NO_FLOOD = "never flooded to: a loopback, whose packets would come back"
    BVI = "flooded to last: what it does to the packet, no other one is to see"
