"""The VXLAN-GPE tunnels of an engine (plugins/vxlan-gpe/vxlan_gpe.c)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vppsh.engine.exact_table import Key
from vppsh.engine.fib.types import Protocol
from vppsh.engine.interfaces import DeviceClass, HardwareClass
from vppsh.engine.mfib.types import MfibSource
from vppsh.engine.tunnel.udp_tunnels import UdpTunnel, UdpTunnelKind, UdpTunnels, address_words, outer_header
from vppsh.engine.wire import vxlan
from vppsh.engine.wire.vxlan import GpeProtocol

if TYPE_CHECKING:
    from vppsh.engine.engine import Engine

PORT = 4790
ENCAP = "vxlan-gpe-encap"
INPUT = {Protocol.IP4: "vxlan4-gpe-input", Protocol.IP6: "vxlan6-gpe-input"}
KIND = UdpTunnelKind(
    "vxlan_gpe", dict.fromkeys(INPUT, ENCAP), INPUT, (2, 5), MfibSource.VXLAN_GPE, "vxlan-gpe-tunnel", straight=False, lookup=True
)  # fmt: skip
DEVICE = DeviceClass("VXLAN_GPE", None, ENCAP)
CLASS = HardwareClass("VXLAN_GPE")
ALL_BITS = 0xFFFFFFFF


@dataclass(eq=False, kw_only=True)
class VxlanGpeTunnel(UdpTunnel):
    """One tunnel.

    payload           what packets are sent as; what comes out is what its header says
    decap_fib_index   the table in which packets that come out are looked up
    """

    vni: int
    payload: GpeProtocol = GpeProtocol.IP4
    decap_fib_index: int = 0
    local_port: int = PORT
    remote_port: int = PORT

    @property
    def key(self) -> Key:
        """By what received packets find the tunnel: both ends, our port, the network, in whatever table."""
        last = self.local_port << 32 | self.vni << vxlan.VNI_SHIFT & ALL_BITS
        near, far = address_words(self.protocol, self.src), address_words(self.protocol, self.dst)
        return (near[0] << 32 | far[0], last) if self.protocol is Protocol.IP4 else (*near, *far, last)


class VxlanGpeTunnels(UdpTunnels[VxlanGpeTunnel]):
    """The tunnels.

    decap_fib_index  int32 by number
    """

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine, KIND)
        self.decap_fib_index: NDArray[np.int32] = np.zeros(64, np.int32)

    def add(self, tunnel: VxlanGpeTunnel) -> VxlanGpeTunnel:
        """Make a tunnel and its interface (CommandError in VPP's words)."""
        self.check(tunnel)
        self.allot(tunnel)
        if tunnel.index >= len(self.decap_fib_index):
            self.decap_fib_index = np.concatenate((self.decap_fib_index, np.zeros_like(self.decap_fib_index)))
        self.decap_fib_index[tunnel.index] = tunnel.decap_fib_index
        tunnel.header = outer_header(tunnel, tunnel.local_port, tunnel.remote_port) + vxlan.gpe_header(tunnel.vni, tunnel.payload)
        self.add_interface(tunnel, f"vxlan_gpe_tunnel{tunnel.index}", DEVICE, own=CLASS)
        # Over IPv6 VPP listens at the other port.
        self.open(tunnel, tunnel.local_port if tunnel.protocol is Protocol.IP4 else tunnel.remote_port)
        return tunnel
