"""Rows of tables: how they grow, and what becomes of packets whose row no table has."""

from __future__ import annotations

import numpy as np
import pytest

from tests.gateways import CATALOG, Gateway
from tests.packets import ip4_packet, ip6_packet
from vppsh.engine.fib.rows import Rows
from vppsh.registry import NodeKind

PACKETS = (ip4_packet(), ip6_packet(1 << 100, 1 << 101), bytes(64))
# What these do depends on nothing but the row.
OF_IP = ("rewrite", "midchain", "rewrite-mcast", "load-balance", "replicate", "pmtu-dpo")
BY_ROW = [
    *(f"ip{version}-{name}" for version in (4, 6) for name in OF_IP),
    "mpls-output", "mpls-midchain", "mpls-load-balance", "mpls-label-imposition-pipe", "ip4-mpls-label-imposition-uniform",
    "ip4-mpls-label-disposition-pipe", "interface-rx-dpo-ip4", "adj-midchain-tx", "tunnel-output", "adj-l2-rewrite", "adj-l2-midchain",
    "ip6-discover-neighbor", "ip6-glean", "ip4-arp", "ip4-glean", "esp4-encrypt-tun", "esp6-encrypt-tun", "esp-mpls-encrypt-tun",
    "esp4-encrypt", "esp4-decrypt", "esp6-decrypt-tun", "ah4-encrypt", "ah6-decrypt",
]  # fmt: skip
COLUMNS = ("adj_index", "adj_index_rx", "sad_index", "protect_index")


class Numbers(Rows):
    """A table of one column."""

    def __init__(self) -> None:
        super().__init__({"value": ("i4", -7)}, capacity=4)
        self.value: np.ndarray = self.value

    def add(self, value: int) -> int:
        row = self._allocate()
        self.value[row] = value
        return row


def test_the_last_row_is_never_given_out() -> None:
    numbers = Numbers()
    for value in range(100):
        assert numbers.add(value) == value < numbers.capacity - 1
        assert numbers.value[-1] == -7
    assert numbers.value[:100].tolist() == list(range(100))


def test_rows_that_no_table_has_lead_to_the_last() -> None:
    numbers = Numbers()
    numbers.add(5)
    assert [int(numbers.value[numbers.known(row)]) for row in (0, 3, 4, 1 << 30, -1)] == [5, -7, -7, -7, -7]
    assert numbers.value[numbers.known(np.array([0, 4, 1 << 30, -1], np.int32))].tolist() == [5, -7, -7, -7]


@pytest.mark.parametrize("row", [-1, 63, 64, 70_000])
def test_packets_whose_row_no_table_has_are_dropped(row: int) -> None:
    made = Gateway()
    for name in BY_ROW:
        frame = made.frame(*PACKETS)
        for column in COLUMNS:
            getattr(made.engine.buffers, column)[frame.rows] = row
        made.engine.dispatcher.send(made.engine.graph[name], frame)
        made.settle()
        assert made.left == [], name
        assert made.engine.buffers.free == made.engine.buffers.count, name


@pytest.mark.parametrize("row", [-1, 70_000])
def test_any_row_at_any_node(row: int) -> None:
    """Streams let packets in wherever they are told to."""
    made = Gateway()
    for node in CATALOG.nodes:
        if node.kind is not NodeKind.INTERNAL or node.name == "punt-dispatch":
            continue
        frame = made.frame(*PACKETS)
        for column in COLUMNS:
            getattr(made.engine.buffers, column)[frame.rows] = row
        made.engine.dispatcher.send(made.engine.graph[node.name], frame)
    made.settle()
    assert made.engine.buffers.free == made.engine.buffers.count
