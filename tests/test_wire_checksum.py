"""The vectorised checksums against a scalar twin, written from RFC 1071, and against scapy."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6EchoRequest, IPv6

from vppsh.engine.wire import ip4, ip6, udp
from vppsh.engine.wire.checksum import adds_up, byte_sums, checksum, checksums, update, word_sums

SIZES = (0, 1, 7, 255, 256, 257)


def twin(data: bytes) -> int:
    """RFC 1071, one 16-bit word at a time."""
    total = 0
    for at in range(0, len(data), 2):
        total += (data[at] << 8) + (data[at + 1] if at + 1 < len(data) else 0)
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def fields(values: list[int], dtype: str = ">u2") -> np.ndarray:
    return np.array(values, dtype=dtype)


@given(st.binary(max_size=300), st.binary(min_size=12, max_size=12))
def test_one_packet(data: bytes, pseudo: bytes) -> None:
    assert checksum(data) == twin(data)
    assert checksum(data, pseudo) == twin(pseudo + data)


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("length", [2, 20, 38, 60])
def test_rows_of_headers(n: int, length: int) -> None:
    rows = np.random.default_rng(n).integers(0, 256, (n, length), dtype=np.uint8)
    assert checksums(word_sums(rows)).tolist() == [twin(row.tobytes()) for row in rows]


@given(hnp.arrays(np.uint8, st.tuples(st.integers(0, 9), st.integers(1, 200))), st.data())
def test_rows_of_packets_of_any_length(rows: np.ndarray, data: st.DataObject) -> None:
    lengths = data.draw(hnp.arrays(np.int64, len(rows), elements=st.integers(0, rows.shape[1] + 3)))
    expected = [twin(row.tobytes()[:length]) for row, length in zip(rows, lengths)]
    assert checksums(byte_sums(rows, lengths)).tolist() == expected


def test_rows_of_one_length_and_of_many_blocks() -> None:
    rows = np.random.default_rng(5).integers(0, 256, (700, 1501), dtype=np.uint8)
    for length in (0, 64, 1499, 1501):
        expected = [twin(row.tobytes()[:length]) for row in rows]
        assert checksums(byte_sums(rows, np.full(700, length))).tolist() == expected


@given(st.lists(st.binary(min_size=18, max_size=18), min_size=1, max_size=5), st.integers(0, 7), st.integers(1, 255))
def test_what_carries_its_checksum_adds_up_and_a_flipped_byte_does_not(headers: list[bytes], where: int, flip: int) -> None:
    whole = [header[:10] + struct.pack("!H", twin(header)) + header[10:] for header in headers]
    rows = np.frombuffer(b"".join(whole), np.uint8).reshape(-1, 20).copy()
    assert adds_up(word_sums(rows)).all()
    rows[:, where] ^= flip
    # Only 0x0000 and 0xffff are the same number; a flip in one byte cannot turn one into the other.
    assert not adds_up(word_sums(rows)).any()


@given(st.integers(0, 0xFFFF), st.lists(st.integers(0, 0xFFFF), min_size=9, max_size=9), st.integers(0, 8), st.integers(0, 0xFFFF))
def test_an_update_is_as_good_as_a_new_sum(first: int, rest: list[int], which: int, new: int) -> None:
    words = [first or 1, *rest]
    before = twin(struct.pack("!10H", *words))
    changed = [*words[: which + 1], new, *words[which + 2 :]]
    after = update(fields([before]), (fields([words[which + 1]]), fields([new])))
    assert twin(struct.pack("!11H", *changed, int(after[0]))) == 0


def test_an_update_of_addresses() -> None:
    before = bytes(IP(src="10.0.0.2", dst="10.0.1.2") / UDP(sport=1, dport=2) / b"payload")
    after = bytes(IP(src="203.0.113.9", dst="10.0.1.2") / UDP(sport=1, dport=2) / b"payload")
    old, new = (np.frombuffer(data[:20], ip4.HEADER) for data in (before, after))
    assert update(old["checksum"], (old["src"], new["src"])) == new["checksum"]


def vpp_update(field: int, old: int, new: int) -> int:
    """VPP's ip_csum_update of a 16-bit field on a little-endian machine, 64-bit carries and borrows included."""
    carry, swap = (1 << 64) - 1, lambda value: int.from_bytes(value.to_bytes(2, "big"), "little")
    total = swap(field) + swap(old)
    total -= swap(new)
    if total < 0:
        total = (total - 1) & carry
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return swap(total)


@given(*[st.sampled_from([0, 1, 0x00FF, 0x0100, 0xFF00, 0xFFFE, 0xFFFF]) | st.integers(0, 0xFFFF)] * 3)
def test_an_update_takes_the_form_of_zero_that_vpp_takes(field: int, old: int, new: int) -> None:
    assert update(fields([field]), (fields([old]), fields([new]))).tolist() == [vpp_update(field, old, new)]


def test_a_ttl_less() -> None:
    """Every checksum there is, against VPP's arithmetic on the swapped field."""
    every = np.arange(0x10000).astype(">u2")
    swapped = every.view("<u2").astype(np.int64) + 1
    expected = ((swapped + (swapped >= 0xFFFF)) & 0xFFFF).astype("<u2").view(">u2")
    assert (ip4.decrement_ttl(every) == expected).all()
    before, after = (np.frombuffer(bytes(IP(src="10.0.0.2", dst="10.0.1.2", ttl=ttl)), ip4.HEADER) for ttl in (64, 63))
    assert ip4.decrement_ttl(before["checksum"]) == after["checksum"]


def matrix(packets: list[bytes]) -> tuple[np.ndarray, np.ndarray]:
    """The packets as rows of a matrix, and their lengths."""
    lengths = np.array([len(packet) for packet in packets])
    rows = np.frombuffer(b"".join(packet.ljust(int(lengths.max()), b"\xaa") for packet in packets), np.uint8)
    return rows.reshape(len(packets), -1), lengths


def test_upper_layers_over_ip4() -> None:
    packets = [
        bytes(IP(src="10.0.0.2", dst=f"10.0.1.{n}") / layer / bytes(range(n)))
        for n in range(60)
        for layer in (UDP(sport=n, dport=9), TCP(sport=n, dport=80, flags="S"))
    ]
    rows, lengths = matrix(packets)
    headers = rows[:, :20].copy().view(ip4.HEADER)[:, 0]
    assert adds_up(word_sums(headers)).all()
    sums = byte_sums(rows[:, 20:], lengths - 20) + ip4.pseudo_header_sums(headers, lengths - 20)
    assert adds_up(sums).all()
    broken = rows[:, 20:].copy()
    broken[:, 0] ^= 1
    assert not adds_up(byte_sums(broken, lengths - 20) + ip4.pseudo_header_sums(headers, lengths - 20)).any()
    for packet in packets:
        assert checksum(packet[20:], ip4.pseudo_header(packet[:20], packet[9], len(packet) - 20)) == 0


def test_icmp_covers_no_pseudo_header() -> None:
    rows, lengths = matrix([bytes(IP(dst="10.0.0.1") / ICMP(id=n) / bytes(n)) for n in range(30)])
    assert adds_up(byte_sums(rows[:, 20:], lengths - 20)).all()


def test_upper_layers_over_ip6() -> None:
    packets = [
        bytes(IPv6(src="2001:db8::2", dst=f"2001:db8:1::{n:x}") / layer / bytes(range(n)))
        for n in range(60)
        for layer in (UDP(sport=n, dport=9), TCP(sport=n, dport=80), ICMPv6EchoRequest(id=n))
    ]
    rows, lengths = matrix(packets)
    headers = rows[:, :40].copy().view(ip6.HEADER)[:, 0]
    sums = byte_sums(rows[:, 40:], lengths - 40) + ip6.pseudo_header_sums(headers, headers["protocol"], lengths - 40)
    assert adds_up(sums).all()
    for packet in packets:
        assert checksum(packet[40:], ip6.pseudo_header(packet[:40], packet[6], len(packet) - 40)) == 0


def test_udp_sends_no_zero() -> None:
    assert udp.transmitted(fields([0, 1, 0xFFFF])).tobytes() == b"\xff\xff\x00\x01\xff\xff"
