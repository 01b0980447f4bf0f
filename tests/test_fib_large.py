"""100,000 routes of each IP version, added, changed and deleted through the FIB, against a plain longest-prefix match."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import numpy as np
import pytest

from tests.routers import Router
from vppsh.engine.adjacency import Adjacencies
from vppsh.engine.fib.fib import Fib
from vppsh.engine.fib.load_balance import LoadBalances
from vppsh.engine.fib.types import EntryFlag, Prefix, Protocol, RoutePath, Source

ROUNDS, ADDED, CHANGED, DELETED, PROBES = 2, 54_000, 2_000, 4_000, 5_000
TABLE = 7
LOW = (1 << 64) - 1
# As in tables of the Internet: most prefixes are /24 or /48, and every other one lies within a shorter one.
LENGTHS = {
    Protocol.IP4: (8, 11, 14, 16, 18, 19, 20, 21, 22, 22, 23, 24, 24, 24, 24, 25, 27, 30, 32),
    Protocol.IP6: (19, 20, 28, 29, 32, 32, 36, 40, 44, 48, 48, 48, 48, 56, 63, 64, 65, 96, 127, 128),
}
# What every table has from its beginning; all of it drops.
SPECIALS = {
    Protocol.IP4: ((0, 0), (0, 32), (0xE0000000, 4), (0xF0000000, 4), (0xFFFFFFFF, 32)),
    Protocol.IP6: ((0, 0), (0xFE80 << 112, 10)),
}
DROPPED = (-1, 0)
Hop = tuple[int, int]


@dataclass
class Twin:
    """The routes in plain dictionaries, one per prefix length: network to (interface, next hop)."""

    bits: int
    routes: dict[int, dict[int, Hop]] = field(default_factory=dict)

    def set(self, network: int, length: int, hop: Hop) -> None:
        self.routes.setdefault(length, {})[network] = hop

    def drop(self, network: int, length: int) -> None:
        del self.routes[length][network]

    def __contains__(self, prefix: tuple[int, int]) -> bool:
        return prefix[0] in self.routes.get(prefix[1], ())

    def match(self, address: int) -> Hop:
        for length in sorted(self.routes, reverse=True):
            host = self.bits - length
            hop = self.routes[length].get(address >> host << host)
            if hop is not None:
                return hop
        raise LookupError(address)


class Side:
    """The table of an engine, and what its forwarding says."""

    def __init__(self, protocol: Protocol) -> None:
        self.protocol = protocol
        self.router = Router(ip6=protocol is Protocol.IP6)
        engine = self.router.engine
        self.fib, self.balances, self.adjacencies = engine.get(Fib), engine.get(LoadBalances), engine.get(Adjacencies)
        self.table = self.fib.tables(protocol).find_or_create(TABLE, Source.CLI)

    def path(self, hop: Hop) -> list[RoutePath]:
        interface, address = hop
        return [RoutePath(self.protocol, address, interface)]

    def prefix(self, network: int, length: int) -> Prefix:
        return Prefix(self.protocol, network, length)

    def leads_to(self, addresses: list[int]) -> list[Hop]:
        """Where packets to those addresses go."""
        if self.protocol is Protocol.IP4:
            found = self.fib.ip4.lookup(self.table.index, np.array(addresses, np.uint32))
        else:
            halves = np.array([(address >> 64, address & LOW) for address in addresses], np.uint64)
            found = self.fib.ip6.lookup6(self.table.index, halves)
        of_row = {row: self._end(row) for row in set(found.tolist())}
        return [of_row[row] for row in found.tolist()]

    def _end(self, row: int) -> Hop:
        (dpo,) = self.balances.buckets(row)
        if not dpo.is_adjacency:
            return DROPPED
        adjacency = self.adjacencies[dpo.index]
        return adjacency.interface, adjacency.next_hop


@pytest.mark.parametrize("protocol", [Protocol.IP4, Protocol.IP6])
def test_100_000_routes_lead_where_the_longest_prefix_says(protocol: Protocol) -> None:
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")
    chance = random.Random(seed)
    side, bits = Side(protocol), protocol.bits
    twin = Twin(bits)
    for network, length in SPECIALS[protocol]:
        twin.set(network, length, DROPPED)
    base = 10 << 24 if protocol is Protocol.IP4 else 0x20010DB8 << 96
    hops = [(interface.sw_if_index, base + link * (256 if bits == 32 else 1 << 80) + host)
            for link, interface in enumerate(side.router.interfaces) for host in range(2, 82)]  # fmt: skip
    before = side.table.size
    known: list[tuple[int, int]] = []
    for _ in range(ROUNDS):
        goal = len(known) + ADDED
        while len(known) < goal:
            length = chance.choice(LENGTHS[protocol])
            address = chance.getrandbits(bits)
            if known and chance.random() < 0.5:
                above, fixed = chance.choice(known)
                address = above | address & (1 << bits - fixed) - 1
            network = address >> bits - length << bits - length
            if (network, length) not in twin:
                hop = chance.choice(hops)
                side.table.path_add(side.prefix(network, length), Source.CLI, EntryFlag.NONE, side.path(hop))
                twin.set(network, length, hop)
                known.append((network, length))
        chance.shuffle(known)
        for network, length in known[:CHANGED]:
            hop = chance.choice(hops)
            side.table.update(side.prefix(network, length), Source.CLI, EntryFlag.NONE, side.path(hop))
            twin.set(network, length, hop)
        for network, length in known[-DELETED:]:
            side.table.special_remove(side.prefix(network, length), Source.CLI)
            twin.drop(network, length)
        compare(side, twin, known, chance)
        del known[-DELETED:]
    assert side.table.size == before + len(known) >= 100_000


def compare(side: Side, twin: Twin, known: list[tuple[int, int]], chance: random.Random) -> None:
    """Addresses within prefixes that are or were there, at their edges, and anywhere."""
    probes = [chance.getrandbits(twin.bits) for _ in range(PROBES // 4)]
    top = (1 << twin.bits) - 1
    for network, length in [*chance.sample(known, PROBES // 4), *known[:200], *known[-200:]]:
        last = network + (1 << twin.bits - length) - 1
        probes += [chance.randint(network, last), network, last, max(network - 1, 0), min(last + 1, top)]
    assert side.leads_to(probes) == [twin.match(probe) for probe in probes]
