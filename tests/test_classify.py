"""Classifier tables: what matches, where sessions lie, and how masks and matches are read."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.graphs import engine_with
from tests.traffic import Traffic
from vppsh.commands.classify_mask import read_mask
from vppsh.commands.classify_match import read_match
from vppsh.engine.classify import ENTRIES_PER_PAGE, ClassifyError, ClassifyFailure, ClassifySession, ClassifyTable, ClassifyTables
from vppsh.engine.crc32c import crc32c
from vppsh.grammar.reader import Reader

IP4_SOURCE = bytes.fromhex("00000000000000000000ffffffff0000")


def table(mask: bytes = IP4_SOURCE, skip: int = 1, buckets: int = 2) -> ClassifyTable:
    return ClassifyTables(engine_with()).add(mask, skip, buckets, 2 << 20)


def found_by_vpp(one: ClassifyTable, data: bytes) -> ClassifySession | None:
    """Look a packet up the way VPP does: bucket by hash, page by the rest of it, two slots from there on."""
    key = one.key_of(data)
    value = one.hash_of(key)
    bucket = one.buckets[value % len(one.buckets)]
    if bucket is None:
        return None
    first = 0 if bucket.linear else value // len(one.buckets) % bucket.pages
    slots = bucket.slots if bucket.linear else bucket.slots[first : first + ENTRIES_PER_PAGE]
    return next((session for session in slots if session is not None and session.key == key), None)


def test_crc32c() -> None:
    assert crc32c(b"123456789", 0xFFFFFFFF) ^ 0xFFFFFFFF == 0xE3069283  # RFC 3720's check value


def test_sessions_lie_where_vpp_puts_them() -> None:
    one = table()
    for last in (2, 3):
        one.add(ClassifySession(one.key_of(bytes(26) + bytes((10, 0, 0, last)))))
    assert one.buckets[0] is None
    assert one.buckets[1] is not None
    assert [session.offset for session in one.sessions.values()] == [1216, 1264]


@given(st.integers(0, 2**32), st.integers(1, 200), st.sampled_from([1, 2, 8, 64]))
def test_whatever_is_added_is_found_and_nothing_else(seed: int, n: int, buckets: int) -> None:
    rng = random.Random(seed)
    one = table(rng.randbytes(16 * rng.randint(1, 5)), skip=rng.randint(0, 2), buckets=buckets)
    size = (one.skip + one.match) * 16
    packets = [rng.randbytes(size) for _ in range(n)]
    for packet in packets:
        one.add(ClassifySession(one.key_of(packet), opaque=packet[0]))
    for packet in packets:
        assert one.find(packet) is found_by_vpp(one, packet) is not None
    gone = packets[:: rng.randint(1, 4)]
    for key in {one.key_of(packet) for packet in gone}:
        one.delete(key)
    gone_keys = {one.key_of(packet) for packet in gone}
    for packet in [*packets, *(rng.randbytes(size) for _ in range(20))]:
        wanted = next((True for other in packets if one.key_of(other) == one.key_of(packet)), False) and one.key_of(packet) not in gone_keys
        assert (one.find(packet) is not None) is (found_by_vpp(one, packet) is not None) is wanted


def test_a_session_replaces_the_one_with_its_key() -> None:
    one = table()
    key = one.key_of(bytes(32))
    one.add(ClassifySession(key, opaque=1))
    one.add(ClassifySession(key, opaque=2))
    assert [session.opaque for session in one.sessions.values()] == [2]
    one.delete(key)
    with pytest.raises(ClassifyFailure) as raised:
        one.delete(key)
    assert raised.value.error is ClassifyError.NO_SUCH_ENTRY


def test_tables_that_cannot_be() -> None:
    tables = ClassifyTables(engine_with())
    for mask, buckets, memory, error in (
        (b"", 2, 1, ClassifyError.INVALID_VALUE), (bytes(96), 2, 1, ClassifyError.INVALID_VALUE),
        (bytes(16), 0, 1, ClassifyError.INVALID_VALUE), (bytes(16), 2, 0, ClassifyError.INVALID_MEMORY_SIZE),
    ):  # fmt: skip
        with pytest.raises(ClassifyFailure) as raised:
            tables.add(mask, 0, buckets, memory)
        assert raised.value.error is error


def test_chains_put_the_more_specific_mask_first_and_are_deleted_whole() -> None:
    tables = ClassifyTables(engine_with())
    wide = tables.add(bytes(15) + b"\x01", 0, 2, 1)
    narrow = tables.add(bytes(14) + b"\xff\xff", 0, 2, 1, next_table=wide.index)
    narrower = tables.add(b"\xff" * 16, 0, 2, 1, next_table=narrow.index)
    head = tables.by_specificity(narrower.index)
    assert [each.index for each in tables.chain(head)] == [2, 1, 0]
    tables.delete(head, chain=True)
    assert list(tables) == []
    assert tables.add(bytes(16), 0, 2, 1).index == 2  # freed last, used first


MASKS = {
    "l3 ip4 src": (1, "00000000000000000000ffffffff0000"),
    "l3 ip4 src/24": (1, "00000000000000000000ffffff000000"),
    "l3 ip4 proto": (1, "00000000000000ff0000000000000000"),
    "l3 ip4 version hdr_length": (0, "0000000000000000000000000000ff00"),
    "l2 src": (0, "000000000000ffffffffffff00000000"),
    "l2 tag1 proto": (0, "00000000000000000000000000000fffffff0000000000000000000000000000"),
    "l2 tag2": (1, "00000fff000000000000000000000000"),
    "l3 ip4 src dst proto l4 dst_port": (
        1, "00000000000000ff0000ffffffffffffffff0000ffff00000000000000000000"
    ),
    "l3 ip6 src": (1, "00" * 6 + "ff" * 16 + "00" * 10),
    "hex ffff": (0, "ffff0000000000000000000000000000"),
    "l2 none l3 ip4 src": (0, "000000000000000000000000ffffffff"),
}  # fmt: skip


@pytest.mark.parametrize("text", list(MASKS))
def test_masks(text: str) -> None:
    mask = read_mask(Reader(f"{text}\n"))
    assert mask is not None
    assert (mask.skip, mask.data.hex()) == MASKS[text]


@pytest.mark.parametrize("text", ["", "l3", "l3 ip4", "l4 src_port", "l2 none l2 src", "l3 ip5 src", "hex", "hex 123"])
def test_what_is_no_mask_is_left_where_it_is(text: str) -> None:
    reader = Reader(f"{text}\n")
    assert read_mask(reader) is None
    assert reader.pos == 0


def test_matches_are_laid_out_like_packets() -> None:
    read = read_match(Reader("l3 ip4 src 10.0.0.1 dst 10.0.0.2 proto 17 l4 src_port 53\n"))
    assert read is not None
    assert (read[26:30], read[30:34], read[23], read[34:36]) == (b"\x0a\0\0\x01", b"\x0a\0\0\x02", 17, b"\0\x35")
    read = read_match(Reader("l2 src 02:00:00:00:00:01 tag1 5 cos1 3\n"))
    assert read is not None
    assert (read[6:12].hex(), read[14:16].hex()) == ("020000000001", "6005")


WORDS = st.sampled_from([
    "l2", "l3", "l4", "ip4", "ip6", "src", "dst", "proto", "tag1", "tag2", "cos1", "dot1q", "dot1ad", "none", "hex", "ff", "0", "17", "tcp",
    "udp", "src_port", "dst_port", "src/24", "src/-1", "10.0.0.1", "::1", "02:00:00:00:00:01", "ttl", "version", "IP4", "0x800", "-5", "é",
])  # fmt: skip


@given(st.lists(WORDS, max_size=12))
def test_reading_never_faults_and_moves_only_when_it_reads(words: list[str]) -> None:
    for read in (read_mask, read_match):
        reader = Reader(" ".join(words) + "\n")
        if read(reader) is None:
            assert reader.pos == 0


def test_filters_add_sessions_to_the_table_with_their_mask() -> None:
    traffic = Traffic()
    traffic("classify filter trace mask l3 ip4 src match l3 ip4 src 10.0.0.1")
    traffic("classify filter trace mask l3 ip4 src match l3 ip4 src 10.0.0.2")
    traffic("classify filter pg1 mask l3 ip4 src dst match l3 ip4 src 10.0.0.2")
    text = traffic("show classify tables verbose")
    assert [len(one.sessions) for one in traffic.engine.get(ClassifyTables)] == [2, 1]
    assert traffic("show classify filter").splitlines()[2:] == [
        "packet tracer:                 first table 0",
        "pcap rx/tx/drop:               first table none",
        "pg0:                           first table none",
        "pg1:                           first table 1",
    ]
    assert text.count("\n        k: ") == 3
    assert "        k: 000000000000000000000a0000010000\n        hits 0" in text
    traffic("classify filter trace del")
    assert [one.index for one in traffic.engine.get(ClassifyTables)] == [1]
