"""Which node takes datagrams to which UDP port (vnet/udp/udp_local.c)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vppsh.engine.fib.types import Protocol

if TYPE_CHECKING:
    from vppsh.engine.engine import Engine

NOBODY = -1

# The ports that VPP knows by name, whether somebody listens there or not; of two names the later one counts.
IP4_NAMES = (
    (53, "dns"), (67, "dhcp_to_server"), (68, "dhcp_to_client"), (500, "ikev2"), (2152, "GTPU"), (3784, "bfd4"), (3785, "bfd_echo4"),
    (4341, "lisp_gpe"), (4342, "lisp_cp"), (4500, "ipsec"), (4739, "ipfix"), (4784, "bfd4_mh"), (4789, "vxlan"), (4789, "vxlan6"),
    (48879, "vxlan_gbp"), (4790, "VXLAN_GPE"), (6633, "vpath_3"), (6081, "geneve"), (53053, "dns_reply"),
)  # fmt: skip
IP6_NAMES = (
    (53, "dns6"), (547, "dhcpv6_to_server"), (546, "dhcpv6_to_client"), (2152, "GTPU6"), (3784, "bfd6"), (3785, "bfd_echo6"),
    (4341, "lisp_gpe6"), (4342, "lisp_cp6"), (48879, "vxlan6_gbp"), (4784, "bfd6_mh"), (4790, "VXLAN6_GPE"), (6633, "vpath6_3"),
    (6081, "geneve6"), (8138, "BIER"), (53053, "dns_reply6"),
)  # fmt: skip
NODES = {Protocol.IP4: "ip4-udp-lookup", Protocol.IP6: "ip6-udp-lookup"}


@dataclass
class PortInfo:
    """What is known of a port: its name in VPP, and the last node that listened there."""

    port: int
    name: str | None = None
    node: str | None = None


class UdpPorts:
    """The ports of both IP versions.

    infos             what is known of ports, by protocol, in the order in which it became known
    slots             int32 (65536,) by protocol: the slot of the lookup node for each port, NOBODY without a listener
    punt_unknown      hand datagrams to the host that nobody listens for, instead of answering port unreachable
    send_unreachable  answer those datagrams at all
    """

    def __init__(self, engine: Engine) -> None:
        self._graph = engine.graph
        self.infos: dict[Protocol, list[PortInfo]] = {}
        self.slots: dict[Protocol, NDArray[np.int32]] = {}
        self.punt_unknown = {Protocol.IP4: False, Protocol.IP6: False}
        self.send_unreachable = True
        for protocol, names in ((Protocol.IP4, IP4_NAMES), (Protocol.IP6, IP6_NAMES)):
            self.infos[protocol] = [PortInfo(port, name) for port, name in names]
            self.slots[protocol] = np.full(1 << 16, NOBODY, np.int32)
            for each in engine.catalog.demuxes:
                if each.node == NODES[protocol]:
                    self.register(protocol, each.key, each.target)

    def register(self, protocol: Protocol, port: int, node: str) -> None:
        """Hand datagrams to a port to a node from now on (udp_register_dst_port)."""
        info = self.find(protocol, port)
        if info is None:
            info = PortInfo(port)
            self.infos[protocol].append(info)
        info.node = node
        self.slots[protocol][port] = self._graph.next_by_name(NODES[protocol], node)

    def unregister(self, protocol: Protocol, port: int) -> None:
        """Nobody listens at a port any more."""
        self.slots[protocol][port] = NOBODY

    def is_bound(self, protocol: Protocol, port: int) -> bool:
        """Whether somebody listens at a port."""
        return bool(self.slots[protocol][port] != NOBODY)

    def find(self, protocol: Protocol, port: int) -> PortInfo | None:
        """What is known of a port; of two entries VPP finds the later one."""
        return next((info for info in reversed(self.infos[protocol]) if info.port == port), None)
