"""The text of adjacencies, as `show adj`, `show ip fib` and traces print it (format_ip_adjacency and its kin)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vppsh.engine.adjacency_types import MIDCHAINS, Adjacency, Kind, RewriteFlag
from vppsh.engine.fib.types import format_address
from vppsh.engine.wire.text import format_hex_bytes, new_line

if TYPE_CHECKING:
    from vppsh.engine.adjacency import Adjacencies
    from vppsh.engine.fib.dpo import Dpos
    from vppsh.engine.interfaces import Interfaces

FLAG_NAMES = ("features", "fixup-ip4o4", "fixup-flow-hash")
INVALID = "<invalid adjacency>"
INDENT = 2
"""Where the further lines of a tunnel's adjacency begin when it is not part of something else."""


class AdjacencyText:
    """Formats the adjacencies of an engine."""

    def __init__(self, adjacencies: Adjacencies, interfaces: Interfaces, dpos: Dpos) -> None:
        self._adjacencies = adjacencies
        self._interfaces = interfaces
        self._dpos = dpos

    def format_dpo(self, index: int, indent: int, column: int) -> str:
        """The adjacency of that number, as an object of the dataplane."""
        adjacency = self._adjacencies.find(index)
        return self.format(adjacency, column, indent) if adjacency else INVALID

    def format(self, adjacency: Adjacency, column: int = 0, indent: int = INDENT) -> str:
        """The adjacency, whose text begins at a column of its line; further lines begin at `indent`."""
        name = self._interfaces[adjacency.interface].name if adjacency.interface in self._interfaces else ""
        if adjacency.kind is Kind.INCOMPLETE:
            next_hop = format_address(adjacency.protocol, adjacency.next_hop)
            return f"arp-{adjacency.link.link_name}: via {next_hop} {name or f'DELETED ({adjacency.interface})'}"
        head = self._head(adjacency) + (f"{name}:" if name else f"DELETED:{adjacency.interface}")
        text = head + self._rewrite(adjacency, column + len(head))
        if adjacency.kind in MIDCHAINS and adjacency.midchain is not None:
            midchain = adjacency.midchain
            entry = f" entry:{midchain.entry.index}" if midchain.entry is not None else ""
            text += f"{new_line(indent)}stacked-on{entry}:{new_line(indent + 2)}"
            text += self._dpos.format_at(midchain.dpo, indent + 2, midchain.slot)
        return text

    def _head(self, adjacency: Adjacency) -> str:
        featured = self._adjacencies.has_features(adjacency)
        if adjacency.kind is Kind.GLEAN:
            source = str(adjacency.glean) if adjacency.glean is not None else "0.0.0.0/0"
            return f"{adjacency.protocol.fib_name}-glean: [src:{source}] "
        if adjacency.kind is Kind.MCAST:
            return f"{adjacency.protocol.fib_name}-mcast: {'[features] ' if featured else ''}"
        if adjacency.kind is Kind.MCAST_MIDCHAIN:
            return f"{adjacency.protocol.fib_name}-mcast-midchain: "
        midchain = " [features]" if featured and adjacency.kind is Kind.MIDCHAIN else ""
        return f"{adjacency.link.link_name}{midchain} via {format_address(adjacency.protocol, adjacency.next_hop)} "

    def _rewrite(self, adjacency: Adjacency, column: int) -> str:
        adjacencies, row = self._adjacencies, adjacency.index
        bits = int(adjacencies.flags[row]) | (RewriteFlag.FEATURES if adjacencies.has_features(adjacency) else 0)
        flags = "".join(f"{flag} " for bit, flag in enumerate(FLAG_NAMES) if bits >> bit & 1)
        text = f" mtu:{adjacencies.mtu[row]} next:{adjacencies.next_slot[row]} flags:[{flags}]"
        length = int(adjacencies.rewrite_length[row])
        if length:
            text += " "
            text += format_hex_bytes(adjacencies.rewrite[row, :length].tobytes(), column + len(text))
        return text
