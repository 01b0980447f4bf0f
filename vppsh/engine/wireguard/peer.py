"""A peer: its keys, where it is, what is behind it, and when something was heard of it (VPP's plugins/wireguard/wireguard_peer.h)."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from vppsh.engine.fib.types import Protocol, format_address
from vppsh.engine.tunnel.outer import ip4_template, ip6_template
from vppsh.engine.wire import ip_protocol
from vppsh.engine.wire.wireguard import DATA
from vppsh.engine.wireguard.allowed import AllowedIps
from vppsh.engine.wireguard.cookie import CookieMaker
from vppsh.engine.wireguard.session import Session

if TYPE_CHECKING:
    from vppsh.engine.wireguard.interfaces import WireguardInterface

TTL = 64
UDP_BYTES = 8
IP4_MASK = 0xFFFFFFFF
ESTABLISHED = 2
REKEY_TIMEOUT = 5


class Timer(enum.IntEnum):
    """What a peer's timers are for."""

    RETRANSMIT_HANDSHAKE = 0
    PERSISTENT_KEEPALIVE = 1
    SEND_KEEPALIVE = 2
    NEW_HANDSHAKE = 3
    KEY_ZEROING = 4


class Place(NamedTuple):
    """An address of either version, and a UDP port. An address whose first 96 bits are zero is an IPv4 one, as in VPP."""

    address: int
    port: int

    @property
    def protocol(self) -> Protocol:
        """The version of the address."""
        return Protocol.IP4 if self.address <= IP4_MASK else Protocol.IP6

    def __str__(self) -> str:
        return f"{format_address(self.protocol, self.address)}:{self.port}"


def outer_header(near: Place, far: Place) -> bytes:
    """IP and UDP from one place to another, lengths still zero; nothing as long as the other place is not known."""
    if not far.address or not far.port:
        return b""
    if far.protocol is Protocol.IP4:
        header = ip4_template(near.address & IP4_MASK, far.address, ip_protocol.UDP, ttl=TTL)
    else:
        header = ip6_template(near.address, far.address, ip_protocol.UDP, hop_limit=TTL)
    return header + near.port.to_bytes(2, "big") + far.port.to_bytes(2, "big") + bytes(4)


@dataclass
class Activity:
    """When what happened, in seconds of the engine's clock; the times that begin with 0 are only compared with later ones.

    sent_handshake         None: never
    attempts               handshakes begun since one was complete
    rehandshake_begun      the handshake that is going on; None: there is none
    new_handshake_ticks    how long to wait for the peer after data was sent
    rehandshake_ticks      how long to wait for the answer to an initiation
    another_keepalive      data came while the timer for a keepalive ran
    """

    sent_handshake: float | None = None
    attempts: int = 0
    sent: float = 0.0
    received: float = 0.0
    derived: float = 0.0
    rehandshake_begun: float | None = None
    new_handshake_ticks: int = 0
    rehandshake_ticks: int = 0
    another_keepalive: bool = False


@dataclass(eq=False)
class Peer:
    """One peer.

    near, far    our end and the other one, which may move
    keepalive    seconds between messages if there is nothing to say; 0: silence
    adjacencies  those that lead to it, by index
    running      its timers that run: a number of the timer's run
    dead         it was removed
    """

    owner: WireguardInterface
    near: Place
    far: Place
    table_id: int
    allowed: AllowedIps
    keepalive: int
    cookies: CookieMaker
    activity: Activity = field(default_factory=Activity)
    session: Session = field(init=False)
    index: int = -1
    adjacencies: list[int] = field(default_factory=list)
    running: dict[Timer, int] = field(default_factory=dict)
    established: bool = False
    dead: bool = False

    @property
    def header(self) -> bytes:
        """IP and UDP towards it; nothing while one does not know where it is."""
        return outer_header(self.near, self.far)

    @property
    def rewrite(self) -> bytes:
        """The same, with room for the header of data messages."""
        return self.header + bytes(DATA.itemsize) if self.header else b""

    @property
    def flags(self) -> int:
        """As VPP shows them."""
        return ESTABLISHED if self.established else 0
