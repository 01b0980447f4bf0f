"""Where IPsec listens: ESP in IP, and in UDP for those behind NAT (RFC 3948), each as long as somebody needs it.

VPP counterpart: ipsec_register_udp_port in vnet/ipsec/ipsec.c, ipsec_tun_register_nodes in ipsec_tun.c.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from vppsh.engine.features.ip4.local import LocalProtocols as Ip4Protocols
from vppsh.engine.features.ip6.local import LocalProtocols as Ip6Protocols
from vppsh.engine.fib.types import Protocol
from vppsh.engine.udp_ports import UdpPorts
from vppsh.engine.wire import ip_protocol

if TYPE_CHECKING:
    from vppsh.engine.engine import Engine

NAT_TRAVERSAL_PORT = 4500
NODES = {Protocol.IP4: "ipsec4-tun-input", Protocol.IP6: "ipsec6-tun-input"}


class IpsecPorts:
    """Counts who needs which port and protocol; the first registers it, the last one's leave ends that."""

    def __init__(self, engine: Engine) -> None:
        self._udp = engine.get(UdpPorts)
        self._protocols = {Protocol.IP4: engine.get(Ip4Protocols), Protocol.IP6: engine.get(Ip6Protocols)}
        self._ports: Counter[tuple[Protocol, int]] = Counter()
        self._tunnels: Counter[Protocol] = Counter()

    def register(self, family: Protocol, port: int) -> None:
        """Somebody wants ESP in UDP to a port."""
        self._ports[family, port] += 1
        if self._ports[family, port] == 1:
            self._udp.register(family, port, NODES[family])

    def unregister(self, family: Protocol, port: int) -> None:
        """Somebody no longer does."""
        self._ports[family, port] -= 1
        if not self._ports[family, port]:
            del self._ports[family, port]
            self._udp.unregister(family, port)

    def register_tunnel(self, family: Protocol) -> None:
        """A protected tunnel wants ESP, in UDP too."""
        self._tunnels[family] += 1
        if self._tunnels[family] == 1:
            self._protocols[family].register(ip_protocol.IPSEC_ESP, NODES[family])
            self.register(family, NAT_TRAVERSAL_PORT)

    def unregister_tunnel(self, family: Protocol) -> None:
        """It no longer does."""
        self._tunnels[family] -= 1
        if not self._tunnels[family]:
            self._protocols[family].unregister(ip_protocol.IPSEC_ESP)
            self.unregister(family, NAT_TRAVERSAL_PORT)
