"""What this machine's core can do just now: the least numpy that forwards an IPv4 packet.

Machines we measure on are shared and noisy, so a packet rate alone says little. The yardstick does
to 64-byte IPv4/UDP packets what any IPv4 router must (header and checksum checks, a 16-8 mtrie
look-up, route counters, TTL and checksum update, Ethernet rewrite, interface counters, grouping by
interface) and nothing of an engine: no buffers, no graph, no generator, no trace. A packet rate in
our tables stands beside the yardstick's, taken on the same core in the same minute.

usage: python -m bench.yardstick [VECTOR ...]
"""

from __future__ import annotations

import sys
import time

import numpy as np

PLIES, ADJACENCIES, INTERFACES, TX_INTERFACES = 256, 40, 8, 4
PACKET_BYTES = 64
RUNS, MOST_ROUNDS, PACKETS_A_RUN = 7, 3000, 200_000


def fold(total: np.ndarray) -> np.ndarray:
    """Ones' complement sums of 16-bit words, folded to 16 bits."""
    total = (total & 0xFFFF) + (total >> 16)
    total += total >> 16
    return total & 0xFFFF


def make_packets(n: int, random: np.random.Generator) -> np.ndarray:
    """(n, 64) bytes: Ethernet, IPv4 to a random address in 10/8 with a right checksum, UDP."""
    packets = np.zeros((n, PACKET_BYTES), np.uint8)
    for offset, value in ((12, 0x08), (14, 0x45), (17, PACKET_BYTES - 14), (22, 64), (23, 17)):
        packets[:, offset] = value
    packets[:, 26:34] = random.integers(0, 256, (n, 8))
    packets[:, 30] = 10
    header = packets[:, 14:34].view(">u2")
    header[:, 5] = ~fold(header.sum(axis=1, dtype=np.uint32)) & 0xFFFF
    return packets


class Router:
    """Tables and counters of the forwarding step."""

    def __init__(self, random: np.random.Generator) -> None:
        self.root = np.full(1 << 16, 1, np.int32)
        self.root[10 << 8 : (10 << 8) + PLIES] = -1 - np.arange(PLIES)
        self.plies = random.integers(2, ADJACENCIES, (PLIES, 256)).astype(np.int32)
        self.rewrite = random.integers(0, 256, (ADJACENCIES, 14)).astype(np.uint8)
        self.rewrite[:, 12:14] = (0x08, 0x00)
        self.tx = random.integers(0, TX_INTERFACES, ADJACENCIES)
        self.route_packets = np.zeros(ADJACENCIES, np.int64)
        self.tx_packets = np.zeros(INTERFACES, np.int64)

    def forward(self, packets: np.ndarray) -> np.ndarray:
        """Rewrite the packets where they are; the order that groups them by interface."""
        header = packets[:, 14:34].view(">u2")
        bad = (packets[:, 12:14].view(">u2")[:, 0] != 0x0800) | (packets[:, 14] != 0x45) | (packets[:, 22] <= 1)
        bad |= fold(np.add.reduce(header, axis=1, dtype=np.uint32)) != 0xFFFF
        bad |= (header[:, 1] > packets.shape[1] - 14) | (header[:, 1] < 20)
        if bad.any():
            raise ValueError("the yardstick made a bad packet")
        leaf = self.root[header[:, 8].astype(np.intp)]
        deeper = np.flatnonzero(leaf < 0)
        leaf[deeper] = self.plies[-leaf[deeper] - 1, packets[deeper, 32]]
        self.route_packets += np.bincount(leaf, minlength=ADJACENCIES)
        packets[:, 22] -= 1
        checksum = header[:, 5].astype(np.uint32) + 0x0100
        header[:, 5] = checksum + (checksum >> 16)
        packets[:, :14] = self.rewrite[leaf]
        tx = self.tx[leaf]
        self.tx_packets += np.bincount(tx, minlength=INTERFACES)
        return np.argsort(tx, kind="stable")


def mpps(vector: int, runs: int = RUNS) -> float:
    """Million packets a second of processor time at this vector size: the best of some runs."""
    random = np.random.default_rng(1)
    router, fresh = Router(random), make_packets(vector, random)
    packets = fresh.copy()
    rounds = max(5, min(MOST_ROUNDS, PACKETS_A_RUN // vector))
    best = float("inf")
    for _ in range(runs):
        start = time.process_time()
        for _ in range(rounds):
            packets[:, 22:26] = fresh[:, 22:26]
            router.forward(packets)
        best = min(best, (time.process_time() - start) / rounds)
    return vector / best / 1e6


if __name__ == "__main__":
    for size in [int(argument) for argument in sys.argv[1:]] or [256, 1024, 4096]:
        print(f"{size:6} packets per vector  {mpps(size):6.2f} Mpps")
