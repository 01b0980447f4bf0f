"""The tunnel of an association: its ends, what it copies from inner headers, and how its far end is reached.

VPP counterpart: vnet/tunnel/tunnel.c. The far end of what goes out is followed in the FIB.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from vppsh.engine.fib.dpo import Dpo
from vppsh.engine.fib.fib import Fib
from vppsh.engine.fib.load_balance import FLOW_HASH_DEFAULT
from vppsh.engine.fib.types import Chain, Prefix, Protocol, format_address
from vppsh.engine.tunnel.flags import Mode, TunnelFlag, format_tunnel_flags
from vppsh.engine.tunnel.outer import ip4_template, ip6_template
from vppsh.engine.tunnel.template_hash import hash_of_header
from vppsh.engine.wire.ip_protocol import format_ip_dscp

if TYPE_CHECKING:
    from vppsh.engine.adjacency_types import Reason
    from vppsh.engine.engine import Engine
    from vppsh.engine.fib.entry import Entry

DEFAULT_HOP_LIMIT = 254
IP4_MASK = (1 << 32) - 1
FLOW_LABEL = 0xFFFFF
DSCP_SHIFT = 2


class TunnelConfig(Struct, frozen=True):
    """A tunnel as it was asked for; addresses are numbers of the family that goes with them."""

    src_family: Protocol = Protocol.IP4
    src: int = 0
    dst_family: Protocol = Protocol.IP4
    dst: int = 0
    table_id: int = 0
    hop_limit: int = 0
    dscp: int = 0
    flags: int = TunnelFlag.NONE
    track_mtu: bool = False
    mode: Mode = Mode.P2P

    @property
    def family(self) -> Protocol:
        """What the outer header is: that of the source."""
        return self.src_family


class SaTunnel:
    """The tunnel of an association.

    entry  the FIB entry of the far end, once it is followed
    dpo    what encapsulated packets meet next
    """

    def __init__(self, engine: Engine, config: TunnelConfig, owner: str) -> None:
        self._engine = engine
        self._fib = engine.get(Fib)
        self._owner = owner
        self.config = config
        self.entry: Entry | None = None
        self.dpo: Dpo | None = None

    @property
    def child_name(self) -> str:
        """What a list of dependents calls it."""
        return self._owner

    def back_walk(self, reason: Reason, depth: int = 0) -> None:
        """The far end is reached in another way."""
        if self.entry is not None:
            self.dpo = self.entry.forwarding(Chain.IP6 if self.config.family is Protocol.IP6 else Chain.IP4)

    def resolve(self) -> bool:
        """Follow the far end from now on; False when there is no such table."""
        config = self.config
        table = self._fib.tables(config.dst_family).find(config.table_id)
        if table is None:
            return False
        prefix = Prefix(config.dst_family, config.dst, config.dst_family.bits)
        self.entry = self._fib.trackers.track(table, prefix, self)
        self.dpo = self.entry.forwarding(Chain.IP6 if config.family is Protocol.IP6 else Chain.IP4)
        return True

    def unresolve(self) -> None:
        """Follow the far end no longer."""
        entry, self.entry = self.entry, None
        if entry is not None:
            self._fib.trackers.untrack(entry, self)

    def header(self, protocol: int) -> bytes:
        """The outer header of packets that carry an IP protocol, its length still zero."""
        config = self.config
        hop_limit, tos = config.hop_limit or DEFAULT_HOP_LIMIT, config.dscp << DSCP_SHIFT & 0xFF
        if config.family is Protocol.IP4:
            return ip4_template(config.src & IP4_MASK, config.dst & IP4_MASK, protocol, ttl=hop_limit, tos=tos)
        header = ip6_template(config.src, config.dst, protocol, hop_limit=hop_limit, traffic_class=tos)
        label = hash_of_header(self._engine, header, Protocol.IP6, FLOW_HASH_DEFAULT) & FLOW_LABEL
        return (int.from_bytes(header[:4], "big") | label).to_bytes(4, "big") + header[4:]

    def format(self) -> str:
        """The tunnel as `show ipsec sa` prints it."""
        config = self.config
        state = ("resolved " if self.entry is not None else "") + ("track-mtu " if config.track_mtu else "") or "none"
        text = (
            f"table-ID:{config.table_id} [{format_address(config.src_family, config.src)}->"
            f"{format_address(config.dst_family, config.dst)}] hop-limit:{config.hop_limit} {config.mode.value} "
            f"{format_ip_dscp(config.dscp)} [{state}] [{format_tunnel_flags(config.flags)}]"
        )
        return text if self.entry is None else f"{text} [resolved via fib-entry: {self.entry.index}]"
