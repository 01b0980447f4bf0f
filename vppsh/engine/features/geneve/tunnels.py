"""The Geneve tunnels of an engine (plugins/geneve/geneve.c)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vppsh.engine.exact_table import Key
from vppsh.engine.fib.types import Protocol
from vppsh.engine.interfaces import DeviceClass, HardwareClass
from vppsh.engine.mfib.types import MfibSource
from vppsh.engine.tunnel.udp_tunnels import UdpTunnel, UdpTunnelKind, UdpTunnels, address_words, outer_header
from vppsh.engine.wire import geneve

if TYPE_CHECKING:
    from vppsh.engine.engine import Engine

PORT = 6081
SRC_PORT = 5251
ENCAP = {Protocol.IP4: "geneve4-encap", Protocol.IP6: "geneve6-encap"}
INPUT = {Protocol.IP4: "geneve4-input", Protocol.IP6: "geneve6-input"}
KIND = UdpTunnelKind("geneve", ENCAP, INPUT, (2, 3), MfibSource.GENEVE, "geneve-tunnel")
DEVICES = {protocol: DeviceClass("GENEVE", None, node) for protocol, node in ENCAP.items()}
PLAIN = HardwareClass("GENEVE")
MAC = bytes.fromhex("d00beed0")


@dataclass(eq=False, kw_only=True)
class GeneveTunnel(UdpTunnel):
    """One tunnel.

    l3_mode  the interface is an Ethernet one, which can have addresses; without this mode it can only be bridged
    """

    vni: int
    l3_mode: bool = False

    @property
    def key(self) -> Key:
        """By what received packets find the tunnel: the far end and the network."""
        return (*address_words(self.protocol, self.dst), self.vni)


class GeneveTunnels(UdpTunnels[GeneveTunnel]):
    """The tunnels."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine, KIND)

    def add(self, tunnel: GeneveTunnel) -> GeneveTunnel:
        """Make a tunnel and its interface (CommandError in VPP's words)."""
        self.check(tunnel)
        self.allot(tunnel)
        tunnel.header = outer_header(tunnel, SRC_PORT, PORT) + geneve.header(tunnel.vni)
        name, device = f"geneve_tunnel{tunnel.index}", DEVICES[tunnel.protocol]
        if tunnel.l3_mode:
            self.add_interface(tunnel, name, device, mac=MAC + (tunnel.index & 0xFFFF).to_bytes(2, "big"))
        else:
            self.add_interface(tunnel, name, device, own=PLAIN)
        self.open(tunnel, PORT)
        return tunnel
