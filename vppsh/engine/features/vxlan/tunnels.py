"""The VXLAN tunnels of an engine (plugins/vxlan/vxlan.c)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vppsh.engine.exact_table import Key
from vppsh.engine.fib.types import Protocol
from vppsh.engine.interfaces import DeviceClass, HardwareClass
from vppsh.engine.mfib.types import MfibSource
from vppsh.engine.tunnel.udp_tunnels import UdpTunnel, UdpTunnelKind, UdpTunnels, address_words, outer_header, random_mac
from vppsh.engine.wire import vxlan
from vppsh.errors import CommandError

if TYPE_CHECKING:
    from vppsh.engine.engine import Engine

PORT = 4789
ENCAP = {Protocol.IP4: "vxlan4-encap", Protocol.IP6: "vxlan6-encap"}
INPUT = {Protocol.IP4: "vxlan4-input", Protocol.IP6: "vxlan6-input"}
KIND = UdpTunnelKind("vxlan", ENCAP, INPUT, (2, 3), MfibSource.VXLAN, "vxlan-tunnel")
DEVICES = {protocol: DeviceClass("VXLAN", None, node) for protocol, node in ENCAP.items()}
L3 = HardwareClass("VXLAN")
MAC = b"\x02\xfe"


@dataclass(eq=False, kw_only=True)
class VxlanTunnel(UdpTunnel):
    """One tunnel.

    instance  the number in the interface's name, chosen when negative
    l3        it carries packets, not frames
    """

    vni: int
    src_port: int = PORT
    dst_port: int = PORT
    instance: int = -1
    l3: bool = False

    @property
    def key(self) -> Key:
        """By what received packets find the tunnel: over IPv4 by both ends, or a group; over IPv6 by the far one."""
        last = key_word(self.src_port, self.fib_index, self.vni << vxlan.VNI_SHIFT)
        far = address_words(self.protocol, self.dst)
        if self.protocol is Protocol.IP6:
            return (*far, last)
        ends = far[0] << 32 if self.is_group else address_words(self.protocol, self.src)[0] << 32 | far[0]
        return (ends, last)


def key_word(port: int, fib_index: int, vni_and_reserved: int) -> int:
    """The last word of a key: our port, the table, the network with the reserved byte behind it."""
    return port << 48 | fib_index << 32 | vni_and_reserved


class VxlanTunnels(UdpTunnels[VxlanTunnel]):
    """The tunnels."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine, KIND)
        self._instances: set[int] = set()

    def add(self, tunnel: VxlanTunnel) -> VxlanTunnel:
        """Make a tunnel and its interface (CommandError in VPP's words)."""
        self.check(tunnel)
        self.allot(tunnel)
        if tunnel.instance < 0:
            tunnel.instance = tunnel.index
        if tunnel.instance in self._instances:
            self.give_up(tunnel)
            raise CommandError("Instance is in use")
        self._instances.add(tunnel.instance)
        tunnel.header = outer_header(tunnel, tunnel.src_port, tunnel.dst_port) + vxlan.header(tunnel.vni)
        name, device = f"vxlan_tunnel{tunnel.instance}", DEVICES[tunnel.protocol]
        if tunnel.l3:
            self.add_interface(tunnel, name, device, own=L3)
        else:
            self.add_interface(tunnel, name, device, mac=random_mac(self.engine, MAC))
        self.open(tunnel, tunnel.src_port)
        return tunnel

    def delete(self, tunnel: VxlanTunnel) -> None:
        """Take a tunnel away."""
        super().delete(tunnel)
        self._instances.discard(tunnel.instance)
