"""A label switching router, and plain-Python views of labelled packets, for tests of MPLS."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence

from tests.routers import Router, number
from vppsh.engine.features.mpls.enable import MplsEnable
from vppsh.engine.fib.fib import Fib
from vppsh.engine.fib.table import FibTable
from vppsh.engine.fib.types import EntryFlag, Label, Prefix, Protocol, RoutePath, Source

NEOS, EOS = range(2)


def entry(label: int, ttl: int = 64, exp: int = 0, eos: int = EOS) -> bytes:
    """One stack entry."""
    return struct.pack(">I", label << 12 | exp << 9 | eos << 8 | ttl)


def stack(labels: Sequence[tuple[int, int, int]]) -> bytes:
    """Stack entries of (label, ttl, exp), outermost first."""
    return b"".join(entry(label, ttl, exp, int(at == len(labels) - 1)) for at, (label, ttl, exp) in enumerate(labels))


def unstack(packet: bytes) -> tuple[list[tuple[int, int, int]], bytes]:
    """The stack entries of a labelled packet as (label, ttl, exp), and what is below them."""
    labels = []
    while True:
        word = struct.unpack_from(">I", packet, 4 * len(labels))[0]
        labels.append((word >> 12, word & 0xFF, word >> 9 & 7))
        if word & 0x100:
            return labels, packet[4 * len(labels) :]


class Lsr(Router):
    """A router whose interfaces accept labels of the default MPLS table."""

    def __init__(self, *, ip6: bool = False) -> None:
        super().__init__(ip6=ip6)
        self.fib = self.engine.get(Fib)
        self.table = self.fib.mpls.find_or_create(0, Source.CLI)
        for interface in self.interfaces:
            assert self.engine.get(MplsEnable).set(interface, True)

    def path(self, next_hop: str, link: int | None = None, *labels: int | Label, weight: int = 1) -> RoutePath:
        """A path towards a next hop; without a link a recursive one."""
        protocol = Protocol.IP6 if ":" in next_hop else Protocol.IP4
        interface = -1 if link is None else self.interfaces[link].sw_if_index
        imposed = tuple(label if isinstance(label, Label) else Label(label) for label in labels)
        return RoutePath(protocol, number(next_hop), interface, 0, weight, labels=imposed)

    def lookup_in(self, protocol: Protocol) -> RoutePath:
        """A path that looks what is left up in table 0 of a protocol."""
        return RoutePath(protocol, table=0)

    def add_label(self, label: int, eos: int, *paths: RoutePath) -> Prefix:
        """Say what is done with a label."""
        prefix = Prefix.of_label(label, eos, paths[0].protocol)
        self.table.path_add(prefix, Source.CLI, EntryFlag.NONE, paths)
        return prefix

    def add_route(self, prefix: str, *paths: RoutePath) -> Prefix:
        """Add an IP route."""
        address, _, length = prefix.partition("/")
        protocol = Protocol.IP6 if ":" in address else Protocol.IP4
        where = Prefix(protocol, number(address), int(length))
        self.ip_table(protocol).path_add(where, Source.CLI, EntryFlag.NONE, paths)
        return where

    def ip_table(self, protocol: Protocol) -> FibTable:
        """The default table of an IP version."""
        return self.fib.tables(protocol)[0]

    def pools(self) -> tuple[object, ...]:
        """How much of everything that routes are made of there is."""
        fib = self.fib
        adjacencies = sorted((each.protocol, each.link, each.next_hop, each.interface, each.kind, each.locks) for each in fib.adjacencies)
        rows = (fib.labels, fib.dispositions, fib.lookups, fib.load_balances)
        return (adjacencies, *(len(pool.in_use()) for pool in rows), len(fib.path_lists), len(fib.paths), len(fib.entries))


def payloads(packets: Iterable[bytes]) -> list[bytes]:
    """What is below the labels of packets."""
    return [unstack(packet)[1] for packet in packets]
