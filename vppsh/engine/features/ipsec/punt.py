"""Why IPsec hands packets to the host: ESP that belongs to no tunnel, IKE beside it (vnet/ipsec/ipsec_punt.c)."""

from __future__ import annotations

from vppsh.engine.engine import Engine
from vppsh.engine.fib.types import Protocol
from vppsh.engine.punt import Punts
from vppsh.registry import table

CLIENT = "ipsec"


class IpsecPunts:
    """The numbers of the reasons, by name in C."""

    def __init__(self, engine: Engine) -> None:
        punts = engine.get(Punts)
        self.ip4_spi_udp_0 = punts.allocate(CLIENT, "ipsec4-spi-o-udp-0", Protocol.IP4)
        self.ip4_no_such_tunnel = punts.allocate(CLIENT, "ipsec4-no-such-tunnel", Protocol.IP4)
        self.ip6_no_such_tunnel = punts.allocate(CLIENT, "ipsec6-no-such-tunnel", Protocol.IP6)
        self.ip6_spi_udp_0 = punts.allocate(CLIENT, "ipsec6-spi-o-udp-0", Protocol.IP6)


IPSEC_PUNTS = table(IpsecPunts)
