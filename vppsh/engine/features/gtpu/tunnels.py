"""The GTP-U tunnels of an engine (plugins/gtpu/gtpu.c).

What VPP calls forwarding is a tunnel as well: packets that are not for any other one go to an address of ours by it, headers and
all, for somebody else to handle.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vppsh.engine.exact_table import Key
from vppsh.engine.fib.types import Protocol
from vppsh.engine.interfaces import DeviceClass, HardwareClass
from vppsh.engine.mfib.types import MfibSource
from vppsh.engine.tunnel.udp_tunnels import UdpTunnel, UdpTunnelKind, UdpTunnels, address_words, outer_header
from vppsh.engine.wire import gtpu
from vppsh.errors import CommandError

if TYPE_CHECKING:
    from vppsh.engine.engine import Engine

ENCAP = {Protocol.IP4: "gtpu4-encap", Protocol.IP6: "gtpu6-encap"}
INPUT = {Protocol.IP4: "gtpu4-input", Protocol.IP6: "gtpu6-input"}
KIND = UdpTunnelKind("gtpu", ENCAP, INPUT, (2, 3), MfibSource.GTPU, "gtpu", straight=False)
DEVICES = {protocol: DeviceClass("GTPU", None, node) for protocol, node in ENCAP.items()}
CLASS = HardwareClass("GTPU", point_to_point=True)


class Stray(enum.Enum):
    """Packets that can be forwarded; the value is VPP's word."""

    BAD_HEADER = "bad-header"
    UNKNOWN_TEID = "unknown-teid"
    UNKNOWN_TYPE = "unknown-type"


FIRST_STAND_IN = {Protocol.IP4: 0x7F00007F, Protocol.IP6: 0x20010DB8FFFFFFFFFFFFFFFFFFFFFFFD}
STAND_INS = {protocol: {stray: first + index for index, stray in enumerate(Stray)} for protocol, first in FIRST_STAND_IN.items()}
"""The addresses that stand for the far ends of the tunnels for strays: 127.0.0.127, 2001:db8:ffff:ffff:ffff:ffff:ffff:fffd, and on."""


@dataclass(eq=False, kw_only=True)
class GtpuTunnel(UdpTunnel):
    """One tunnel.

    teid   of received packets, `tteid` of sent ones: as the other when zero
    qfi    the QoS flow that packets are marked with, in an extension of the header
    stray  for packets that are for no other tunnel
    """

    teid: int
    tteid: int = 0
    qfi: int | None = None
    stray: Stray | None = None

    @property
    def key(self) -> Key:
        """By what received packets find the tunnel: the far end, and the identifier that we gave to it."""
        return (*address_words(self.protocol, self.dst), self.teid)

    @property
    def outer(self) -> bytes:
        """What is written in front of packets."""
        return outer_header(self, gtpu.PORT, gtpu.PORT) + gtpu.header(self.tteid, self.qfi)


class GtpuTunnels(UdpTunnels[GtpuTunnel]):
    """The tunnels.

    strays  by protocol: numbers of the tunnels for packets that no other one takes
    """

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine, KIND)
        self.strays: dict[Protocol, dict[Stray, int]] = {Protocol.IP4: {}, Protocol.IP6: {}}

    def add(self, tunnel: GtpuTunnel) -> GtpuTunnel:
        """Make a tunnel and its interface (CommandError in VPP's words)."""
        self.check(tunnel)
        self.allot(tunnel)
        tunnel.tteid = tunnel.tteid or tunnel.teid
        tunnel.header = tunnel.outer
        self.add_interface(tunnel, f"gtpu_tunnel{tunnel.index}", DEVICES[tunnel.protocol], own=CLASS)
        self.open(tunnel, gtpu.PORT)
        if tunnel.stray is not None:
            self.strays[tunnel.protocol][tunnel.stray] = tunnel.index
        return tunnel

    def delete(self, tunnel: GtpuTunnel) -> None:
        """Take a tunnel away."""
        if tunnel.stray is not None:
            del self.strays[tunnel.protocol][tunnel.stray]
        super().delete(tunnel)

    def set_tteid(self, tunnel: GtpuTunnel, tteid: int) -> None:
        """Send packets with another identifier from now on (CommandError in VPP's words)."""
        if not tteid:
            raise CommandError("tx teid not specified...")
        tunnel.tteid = tteid
        self.set_header(tunnel, tunnel.outer)
