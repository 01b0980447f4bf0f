"""The flow hash against plain integers, word by word as VPP's C has it."""

from __future__ import annotations

import random

import numpy as np
import pytest

from tests.graphs import fill, full_engine
from tests.packets import ip4_packet, ip6_packet
from vppsh.engine.features.ip4 import flow_hash as ip4_hash
from vppsh.engine.features.ip6 import flow_hash as ip6_hash

M32, M64 = (1 << 32) - 1, (1 << 64) - 1
SRC, DST, SPORT, DPORT, PROTO, REVERSE, SYMMETRIC, LABEL = (1 << bit for bit in range(8))
CONFIGS = (0x9F, SRC | DST, SPORT, 0x9F | REVERSE, 0x9F | SYMMETRIC, PROTO, 0)


def rotated(value: int, by: int) -> int:
    return (value << by | value >> 32 - by) & M32


def twin4(packet: bytes, config: int) -> int:
    src, dst = int.from_bytes(packet[12:16], "little"), int.from_bytes(packet[16:20], "little")
    ports = packet[9] in (6, 17)
    t1, t2 = (src if config & SRC else 0), (dst if config & DST else 0)
    a, b = (t2, t1) if config & REVERSE else (t1, t2)
    t1 = int.from_bytes(packet[20:22], "little") if ports and config & SPORT else 0
    t2 = int.from_bytes(packet[22:24], "little") if ports and config & DPORT else 0
    if config & SYMMETRIC:
        a, b = min(a, b), max(a, b)
        t1, t2 = min(t1, t2), max(t1, t2)
    b ^= packet[9] if config & PROTO else 0
    c = t1 << 16 | t2 if config & REVERSE else t2 << 16 | t1
    for by in (4, 6, 8, 16, 19, 4):
        a = ((a - c) & M32) ^ rotated(c, by)
        c = (c + b) & M32
        a, b, c = b, c, a
    for by in (14, 11, 25, 16, 4, 14, 24):
        c = ((c ^ b) - rotated(b, by)) & M32
        a, b, c = b, c, a
    return b


def twin6(packet: bytes, config: int) -> int:
    def folded(at: int) -> int:
        return int.from_bytes(packet[at : at + 8], "little") ^ int.from_bytes(packet[at + 8 : at + 16], "little")

    ports = packet[6] in (6, 17)
    t1, t2 = (folded(8) if config & SRC else 0), (folded(24) if config & DST else 0)
    a, b = (t2, t1) if config & REVERSE else (t1, t2)
    t1 = int.from_bytes(packet[40:42], "little") if ports and config & SPORT else 0
    t2 = int.from_bytes(packet[42:44], "little") if ports and config & DPORT else 0
    if config & SYMMETRIC:
        a, b = min(a, b), max(a, b)
        t1, t2 = min(t1, t2), max(t1, t2)
    b ^= packet[6] if config & PROTO else 0
    c = t1 << 16 | t2 if config & REVERSE else t2 << 16 | t1
    c ^= int.from_bytes(packet[:4], "little") & 0xFFFF0F00 if config & LABEL else 0
    for x, y, z in ((43, 9, 8), (38, 23, 5), (35, 49, 11), (12, 18, 22)):
        a = ((a - b - c) & M64) ^ c >> x
        b = (((b - c - a) & M64) ^ a << y) & M64
        c = ((c - a - b) & M64) ^ b >> z
    return c & M32


@pytest.mark.parametrize("mixed", [False, True])
@pytest.mark.parametrize("config", CONFIGS)
def test_every_packet_has_the_hash_that_vpp_gives_it(config: int, mixed: bool) -> None:
    rng = random.Random(config)
    engine = full_engine()
    configs = [rng.choice(CONFIGS) if mixed else config for _ in range(50)]
    for module, twin, make in (
        (
            ip4_hash,
            twin4,
            lambda: ip4_packet(rng.getrandbits(32), rng.getrandbits(32), payload=rng.randbytes(28), protocol=rng.choice((6, 17, 1))),
        ),
        (
            ip6_hash,
            twin6,
            lambda: ip6_packet(rng.getrandbits(128), rng.getrandbits(128), payload=rng.randbytes(28), label=rng.getrandbits(20)),
        ),
    ):
        packets = [make() for _ in configs]
        for scattered in (False, True):
            frame = fill(engine, packets, scattered=scattered)
            hashes = module.flow_hash(engine.graph["ip4-lookup"].context, frame, np.array(configs, np.uint16))
            assert hashes.tolist() == [twin(packet, each) for packet, each in zip(packets, configs, strict=True)]
