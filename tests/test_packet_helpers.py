"""What the nodes for packets to and from us lean on: copies of packets, throttles, source addresses, checksums."""

from __future__ import annotations

import random
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.graphs import SIZES, full_engine
from tests.packets import ip4_packet, ip6_packet, ones_complement
from tests.routers import Router, number
from vppsh.engine.addresses import Addresses
from vppsh.engine.buffer_data import chain_of, copy_first, copy_packets, gather, make_packet, write_chain
from vppsh.engine.buffers import BufferFlag, BufferPool
from vppsh.engine.fib.types import Protocol
from vppsh.engine.frame import Frame
from vppsh.engine.l4_checksum import ip4_l4_intact, ip6_l4_checksums, ip6_l4_intact
from vppsh.engine.source_address import from_glean, of_interface, of_interface_each, to_neighbor
from vppsh.engine.throttle import Throttle
from vppsh.engine.wire import ip6_extension

addresses = st.integers(0, (1 << 32) - 1)
lengths = st.one_of(st.integers(0, 100), st.integers(2000, 2200), st.integers(0, 9000))


# Bytes in buffers.


@given(st.lists(lengths, min_size=1, max_size=5))
def test_copies_are_whole_and_their_own(sizes: list[int]) -> None:
    pool = BufferPool(64)
    packets = [random.Random(size).randbytes(size) for size in sizes]
    rows = np.array([make_packet(pool, packet) for packet in packets], np.int32)
    pool.rx_sw_if_index[rows] = 7
    copies = copy_packets(pool, rows)
    assert [pool.packet(index) for index in copies.tolist()] == packets
    assert pool.packet_length(copies).tolist() == sizes
    assert pool.rx_sw_if_index[copies].tolist() == [7] * len(sizes)
    pool.free_packets(Frame(rows, len(rows)))
    assert [pool.packet(index) for index in copies.tolist()] == packets
    first = copy_first(pool, copies)
    assert [pool.packet(index) for index in first.tolist()] == [packet[:2048] for packet in packets]
    pool.free_packets(Frame(first, len(first)))
    pool.free_packets(Frame(copies, len(copies)))
    assert pool.free == pool.count


def test_copies_stop_when_the_pool_is_empty() -> None:
    pool = BufferPool(5)
    rows = np.array([make_packet(pool, bytes(100)), make_packet(pool, bytes(3000))], np.int32)
    copies = copy_packets(pool, rows)
    assert [len(pool.packet(index)) for index in copies.tolist()] == [100, 2048]
    assert pool.packet_length(copies).tolist() == [100, 2048]
    assert pool.free == 0
    assert make_packet(pool, b"") is None


@given(size=lengths, longer=st.integers(0, 3), start=st.integers(-100, 100))
def test_bytes_are_spread_over_a_chain(size: int, longer: int, start: int) -> None:
    pool = BufferPool(16)
    data = random.Random(size).randbytes(size)
    first = make_packet(pool, bytes(max(size, 1) + 200 + 2048 * longer))
    assert first is not None
    chain = chain_of(pool, first)
    pool.current_data[chain] = start
    write_chain(pool, chain, data)
    assert pool.packet(first) == data
    assert pool.current_data[first] == start
    assert pool.packet_length(np.array([first])).tolist() == [size]
    used = chain_of(pool, first)
    assert used == chain[: len(used)]
    assert pool.free == pool.count - len(used)
    with pytest.raises(ValueError, match="do not fit"):
        write_chain(pool, [first], bytes(3000))


@given(st.lists(st.tuples(st.integers(0, 7), st.integers(-130, 2100)), min_size=1, max_size=9), st.integers(0, 300))
def test_gathered_bytes_are_those_of_the_pool(places: list[tuple[int, int]], width: int) -> None:
    pool = BufferPool(8)
    pool.data[:] = np.random.default_rng(1).integers(0, 256, pool.data.shape, np.uint8)
    everything = pool.data.tobytes()
    starts = np.array([row * pool.data.shape[1] + 130 + at for row, at in places])
    rows = gather(pool, starts, width)
    for start, row in zip(starts.tolist(), rows, strict=True):
        wanted = everything[start : start + width]
        assert row.tobytes()[: len(wanted)] == wanted


# Throttle.


@pytest.mark.parametrize("size", SIZES)
def test_a_throttle_lets_each_key_pass_once_in_a_while(size: int) -> None:
    engine = full_engine()
    throttle = Throttle(engine, 1.0)
    keys = np.random.default_rng(size).integers(0, 1 << 63, size // 4 + 1, dtype=np.uint64)
    asked = np.repeat(keys, 4)[:size]
    passed = throttle.passes(asked)
    let = asked[passed].tolist()
    assert len(let) == len(set(let))
    # Keys that share one of its 512 bits count as one, but never fewer than that.
    assert len(let) >= len(set(asked.tolist())) * 3 // 4
    assert not throttle.passes(asked).any()
    engine.clock.sleep(1.5)
    assert throttle.passes(asked[:1]).tolist() == [True]
    engine.run_until_idle()
    assert throttle.passes(asked[:1]).tolist() == [True], "a line of a script has a period of its own"


# Source addresses.


@settings(max_examples=30)
@given(
    own=st.lists(st.integers(1, (1 << 32) - 2), min_size=1, max_size=4, unique=True),
    others=st.lists(st.integers(0, (1 << 32) - 1), min_size=1),
)
def test_the_address_with_the_longest_common_prefix(own: list[int], others: list[int]) -> None:
    router = Router()
    sw_if_index = router.interfaces[2].sw_if_index
    router.engine.get(Addresses).delete(Protocol.IP4, router.interfaces[2], number("10.0.2.1"), 24)
    for address in own:
        router.engine.get(Addresses).add(Protocol.IP4, router.interfaces[2], address, 32)
    each = of_interface_each(router.engine, Protocol.IP4, sw_if_index, np.array(others, np.uint32))
    assert each is not None
    for destination, found in zip(others, each.tolist(), strict=True):
        nearest = min((address ^ destination).bit_length() for address in own)
        assert (found ^ destination).bit_length() == nearest
        assert of_interface(router.engine, Protocol.IP4, sw_if_index, destination) == found
    assert of_interface(router.engine, Protocol.IP4, sw_if_index) == own[0]


def test_neighbours_are_asked_from_their_own_subnet() -> None:
    router = Router()
    engine, sw_if_index = router.engine, router.interfaces[0].sw_if_index
    router.add_address("172.16.0.1", 16, 0)
    for neighbor, source in (("10.0.0.9", "10.0.0.1"), ("172.16.9.9", "172.16.0.1")):
        assert from_glean(engine, Protocol.IP4, sw_if_index, number(neighbor)) == number(source)
        assert to_neighbor(engine, Protocol.IP4, sw_if_index, number(neighbor)) == number(source)
    assert from_glean(engine, Protocol.IP4, sw_if_index) in (number("10.0.0.1"), number("172.16.0.1"))
    router.add_address("192.0.2.1", 32, 1)
    router.engine.get(Addresses).delete(Protocol.IP4, router.interfaces[1], number("10.0.1.1"), 24)
    index = router.interfaces[1].sw_if_index
    assert to_neighbor(engine, Protocol.IP4, index, number("192.0.2.9")) == number("192.0.2.1")
    router.engine.get(Addresses).delete(Protocol.IP4, router.interfaces[1], number("192.0.2.1"), 32)
    assert to_neighbor(engine, Protocol.IP4, index, number("192.0.2.9")) is None
    assert of_interface_each(engine, Protocol.IP4, index, np.array([1], np.uint32)) is None


# Checksums.


@settings(max_examples=30)
@given(sizes=st.lists(lengths.filter(lambda size: size > 8), min_size=1, max_size=4), spoiled=st.booleans(), cut=st.booleans())
def test_checksums_behind_headers(sizes: list[int], spoiled: bool, cut: bool) -> None:
    router = Router()
    src, dst = 0x0A000002, 0x0A000102
    four, six = [], []
    for size in sizes:
        body = struct.pack(">HHHH", 1, 2, size, 0) + random.Random(size).randbytes(size - 8)
        four.append(ip4_packet(src, dst, payload=_summed(struct.pack(">IIBBH", src, dst, 0, 17, size), body, 6), options=bytes(4)))
        pseudo = src.to_bytes(16, "big") + dst.to_bytes(16, "big") + struct.pack(">II", size, 17)
        six.append(ip6_packet(src, dst, payload=_summed(pseudo, body, 6)))
    for packets, intact in ((four, ip4_l4_intact), (six, ip6_l4_intact)):
        sent = [packet[:-1] + bytes((packet[-1] ^ 1,)) if spoiled else packet[:-1] if cut else packet for packet in packets]
        frame = router.frame(*sent)
        assert intact(router.engine.buffers, frame).tolist() == [not (spoiled or cut)] * len(sizes)


@pytest.mark.parametrize("size", SIZES)
def test_checksums_that_are_written(size: int) -> None:
    rng = random.Random(size)
    router = Router()
    packets = [ip6_packet(1, 2, payload=bytes((129, 0, 0, 0)) + rng.randbytes(rng.randrange(0, 90)), protocol=58) for _ in range(size)]
    written = ip6_l4_checksums(router.engine.buffers, router.frame(*packets, scattered=True))
    for packet, total in zip(packets, written.tolist(), strict=True):
        assert total == ones_complement(packet[8:40] + struct.pack(">II", len(packet) - 40, 58) + packet[40:])


def _summed(pseudo: bytes, body: bytes, at: int) -> bytes:
    return body[:at] + struct.pack(">H", ones_complement(pseudo + body)) + body[at + 2 :]


# IPv6 extension headers.

EXTENSIONS = (0, 43, 60, 135, 139, 140)


@given(
    chain=st.lists(st.tuples(st.sampled_from((*EXTENSIONS, 51, 44)), st.integers(0, 3)), max_size=6),
    last=st.sampled_from((17, 59, 200)), offset=st.sampled_from((0, 8)), cut=st.integers(0, 60),
)  # fmt: skip
def test_chains_of_extension_headers(chain: list[tuple[int, int]], last: int, offset: int, cut: int) -> None:
    protocols = [protocol for protocol, _ in chain] + [last]
    expected, body, at, hidden = [], b"", 40, False
    for (protocol, units), following in zip(chain, protocols[1:], strict=True):
        size = 8 if protocol == 44 else (units + 2) * 4 if protocol == 51 else (units + 1) * 8
        header = bytes((following, units)) + (offset.to_bytes(2, "big") if protocol == 44 else bytes(2))
        if not hidden:
            expected.append((protocol, at))
            if protocol == 44 and offset:
                expected.append((following, at + size))
                hidden = True
        body += header.ljust(size, b"\0")
        at += size
    if not hidden:
        expected.append((last, at))
    packet = ip6_packet(1, 2, payload=body + bytes(8), protocol=protocols[0])
    found = ip6_extension.chain(packet)
    # Behind the fourth header VPP looks no further.
    assert found == expected[:4]
    shorter = ip6_extension.chain(packet[: max(40, len(packet) - cut)])
    assert shorter == found[: len(shorter)]


def test_flags_of_copies_keep_only_the_trace() -> None:
    pool = BufferPool(8)
    index = make_packet(pool, bytes(3000))
    assert index is not None
    pool.trace[index] = 3
    pool.flags[index] |= np.uint32(BufferFlag.IS_TRACED | BufferFlag.IS_IP4)
    (copy,) = copy_first(pool, np.array([index], np.int32)).tolist()
    assert BufferFlag(int(pool.flags[copy])) == BufferFlag.IS_TRACED
    assert pool.trace[copy] == 3
