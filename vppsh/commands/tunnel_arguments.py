"""Arguments that commands of several kinds of tunnels share (VPP's vnet/tunnel/tunnel.c)."""

from __future__ import annotations

from vppsh.engine.tunnel.flags import FLAG_NAMES
from vppsh.grammar.arguments import Argument, choice

SEVERAL_PEERS = {"p2p": False, "p2mp": True, "mp": True}


def tunnel_mode(name: str) -> Argument:
    """`p2p`, `p2mp` or `mp`: a list of whether each one typed means several peers."""
    return choice(name, SEVERAL_PEERS, many=True)


def tunnel_flags(name: str) -> Argument:
    """One of the names of a tunnel's flags: a list of their bits."""
    return choice(name, {"none": 0, **FLAG_NAMES}, many=True)
