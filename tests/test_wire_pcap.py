"""Capture files: round trips, scapy's files and scapy as a reader, broken files, fuzzed files."""

from __future__ import annotations

import os
import resource
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether
from scapy.utils import PcapNgReader, PcapNgWriter, PcapReader, RawPcapReader
from scapy.utils import PcapWriter as ScapyPcapWriter

from vppsh.engine.wire import recordchain
from vppsh.engine.wire.pcapfile import PcapFile
from vppsh.engine.wire.pcapng import nanoseconds
from vppsh.engine.wire.pcaprecords import LINK_ETHERNET, LINK_RAW_IP, Packets
from vppsh.engine.wire.pcapwriter import PcapWriter
from vppsh.errors import InputFileError, OutputFileError

Record = tuple[int, bytes, int]  # nanoseconds, captured bytes, original length

in_a_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
RECORDS = st.lists(st.tuples(st.integers(0, 2**32 * 10**9 - 1), st.binary(max_size=200), st.integers(0, 9)), max_size=30).map(
    lambda drawn: [(time, data, len(data) + more) for time, data, more in drawn]
)


def pcap(records: list[Record], order: str = "<", tick: int = 1000, snap: int = 65535, link: int = 1) -> bytes:
    """A pcap file, written from the format's description."""
    magic = 0xA1B2C3D4 if tick == 1000 else 0xA1B23C4D
    header = struct.pack(f"{order}IHHIIII", magic, 2, 4, 0, 0, snap, link)
    return header + b"".join(
        struct.pack(f"{order}IIII", time // 10**9, time % 10**9 // tick, len(data), original) + data for time, data, original in records
    )


def block(kind: int, body: bytes, order: str = "<") -> bytes:
    """A pcapng block."""
    size = 12 + (len(body) + 3) // 4 * 4
    return struct.pack(f"{order}II", kind, size) + body.ljust(size - 12, b"\0") + struct.pack(f"{order}I", size)


def section(order: str = "<") -> bytes:
    return block(0x0A0D0D0A, struct.pack(f"{order}IHHq", 0x1A2B3C4D, 1, 0, -1), order)


def interface(link: int = 1, snap: int = 0, options: bytes = b"", order: str = "<") -> bytes:
    return block(1, struct.pack(f"{order}HHI", link, 0, snap) + options, order)


def enhanced(ticks: int, data: bytes, number: int = 0, original: int | None = None, order: str = "<") -> bytes:
    header = struct.pack(f"{order}IIIII", number, ticks >> 32, ticks & 0xFFFFFFFF, len(data), len(data) if original is None else original)
    return block(6, header + data, order)


def read(path: Path) -> tuple[PcapFile, Packets]:
    file = PcapFile(path)
    return file, file.packets()


def content(file: PcapFile, packets: Packets) -> list[Record]:
    return [(int(packets.time[n]), file.bytes_of(packets, n), int(packets.original[n])) for n in range(len(packets))]


@in_a_folder
@given(records=RECORDS, order=st.sampled_from("<>"), tick=st.sampled_from([1, 1000]))
def test_every_kind_of_pcap(tmp_path: Path, records: list[Record], order: str, tick: int) -> None:
    (tmp_path / "a.pcap").write_bytes(pcap(records, order, tick))
    file, packets = read(tmp_path / "a.pcap")
    assert content(file, packets) == [(time // tick * tick, data, original) for time, data, original in records]
    assert file.cut_off is None
    assert [each.link_type for each in file.interfaces] == [LINK_ETHERNET]


@in_a_folder
@given(records=RECORDS, order=st.sampled_from("<>"), between=st.lists(st.sampled_from([4, 5, 10, 0x0BAD]), max_size=3))
def test_pcapng_with_other_blocks_between(tmp_path: Path, records: list[Record], order: str, between: list[int]) -> None:
    file = section(order) + interface(order=order)
    for time, data, original in records:
        file += b"".join(block(kind, b"other", order) for kind in between) + enhanced(time // 1000, data, 0, original, order)
    (tmp_path / "a.pcapng").write_bytes(file)
    assert content(*read(tmp_path / "a.pcapng")) == [(time // 1000 * 1000, data, original) for time, data, original in records]


def test_pcapng_sections_interfaces_and_clocks(tmp_path: Path) -> None:
    name = struct.pack("<HH4s", 2, 4, b"eth0")
    offset = struct.pack("<HHq", 14, 8, 100)
    milliseconds, binary, nano = (struct.pack("<HHB3x", 9, 1, value) for value in (3, 0x80 | 10, 9))
    parts = [
        section(),
        interface(1, 100, name + milliseconds),
        interface(101, 0, binary + offset),
        enhanced(1500, b"one"),
        enhanced(2048 + 512, b"two", 1),
        block(3, struct.pack("<I", 3) + b"abc"),
        block(2, struct.pack("<HHIIII", 1, 7, 0, 1024, 5, 50) + b"three"),
        section(">"),
        interface(228, 0, b"", ">"),
        enhanced(7, b"four", 0, order=">"),
        block(3, struct.pack(">I", 4) + b"five", ">"),
        section(),
        interface(1, 2, nano),
        enhanced(9, b"xy"),
        block(3, struct.pack("<I", 9) + b"zz"),
    ]
    (tmp_path / "a.pcapng").write_bytes(b"".join(parts))
    file, packets = read(tmp_path / "a.pcapng")
    assert content(file, packets) == [
        (1_500_000_000, b"one", 3),
        (102_500_000_000, b"two", 3),
        (0, b"abc", 3),
        (101_000_000_000, b"three", 50),
        (7000, b"four", 4),
        (0, b"five", 4),
        (9, b"xy", 2),
        (0, b"zz", 9),
    ]
    assert packets.interface.tolist() == [0, 1, 0, 1, 2, 2, 3, 3]
    assert [(each.link_type, each.snap_length, each.name) for each in file.interfaces] == [
        (1, 100, "eth0"),
        (101, 0, ""),
        (228, 0, ""),
        (1, 2, ""),
    ]


@pytest.mark.parametrize(
    ("ticks", "resolution", "expected"),
    [
        (1, 0, 10**9),
        (123456789012, 6, 123456789012000),
        (123456789012, 9, 123456789012),
        (123456789012345, 12, 123456789012),
        (3, 0x81, 1_500_000_000),
        (1 << 40, 0x80 | 40, 10**9),
        (5, 0x7F, 0),
        (5, 0xFF, 0),
        (7, 0x80, 7 * 10**9),
    ],
)
def test_clock_resolutions(ticks: int, resolution: int, expected: int) -> None:
    assert nanoseconds(np.array([ticks], np.uint64), resolution).tolist() == [expected]


def test_files_of_many_lanes(tmp_path: Path) -> None:
    """Long enough for the guessing reader, with packets that themselves hold captures to lead it astray."""
    random = np.random.default_rng(3)
    decoy = pcap([(1_700_000_000 * 10**9, bytes(30), 30)] * 40)
    records = []
    for n in range(20_000):
        data = decoy if n % 50 == 7 else random.integers(0, 256, int(random.choice([0, 1, 60, 64, 570, 1514])), dtype=np.uint8).tobytes()
        records.append((1_700_000_000 * 10**9 + n * 1000, data, len(data)))
    (tmp_path / "a.pcap").write_bytes(pcap(records))
    (tmp_path / "a.pcapng").write_bytes(section() + interface() + b"".join(enhanced(time // 1000, data) for time, data, _ in records))
    for name in ("a.pcap", "a.pcapng"):
        assert content(*read(tmp_path / name)) == records


@pytest.mark.parametrize("time", [0, 1])
def test_captures_that_cannot_be_guessed_at(tmp_path: Path, time: int) -> None:
    """Times near zero and packets of nothing but zeros, ones, or small numbers."""
    records = [(n * time, bytes([n % 3, 0, 0, 0]) * (n % 90), 4 * (n % 90)) for n in range(0, 9_000_000, 1000)]
    (tmp_path / "a.pcap").write_bytes(pcap(records))
    assert content(*read(tmp_path / "a.pcap")) == records


@in_a_folder
@given(records=RECORDS.filter(lambda records: len(records) > 3), lanes=st.integers(1, 20))
def test_the_chain_does_not_depend_on_its_lanes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, records: list[Record], lanes: int) -> None:
    """Lanes of a few bytes each over a small file: every guess is tried, right or wrong."""
    with monkeypatch.context() as patch:
        for name, value in (("SHORTEST_LANE", 8), ("FEWEST_LANES", 2), ("MOST_LANES", lanes), ("FIRST_WINDOW", 8), ("LAST_WINDOW", 16)):
            patch.setattr(recordchain, name, value)
        (tmp_path / "a.pcap").write_bytes(pcap(records, tick=1))
        assert content(*read(tmp_path / "a.pcap")) == records


def test_blocks_are_the_file_in_order(tmp_path: Path) -> None:
    records = [(n, b"x" * (n % 100), n % 100) for n in range(5000)]
    (tmp_path / "a.pcap").write_bytes(pcap(records, tick=1))
    file = PcapFile(tmp_path / "a.pcap")
    parts = list(file.blocks())
    assert content(file, Packets.join(parts)) == records
    assert content(file, parts[0][2:5]) == records[2:5]


# What the writer writes.


@in_a_folder
@given(records=RECORDS)
def test_what_is_written_is_read_back_by_us_and_by_scapy(tmp_path: Path, records: list[Record]) -> None:
    path = tmp_path / "out.pcap"
    writer = PcapWriter(path)
    matrix = np.zeros((len(records), 200), np.uint8)
    for row, (_, data, _) in zip(matrix, records):
        row[: len(data)] = np.frombuffer(data, np.uint8)
    lengths = np.array([len(data) for _, data, _ in records], np.int64)
    times = np.array([time for time, _, _ in records], np.int64)
    writer.write(matrix.reshape(-1), np.arange(len(records)) * 200, lengths, times, np.array([each[2] for each in records], np.int64))
    writer.close()
    writer.close()
    assert content(*read(path)) == [(time // 1000 * 1000, data, original) for time, data, original in records]
    with RawPcapReader(str(path)) as reader:
        assert [(data, meta.sec * 10**6 + meta.usec, meta.wirelen) for data, meta in reader] == [
            (data, time // 1000, original) for time, data, original in records
        ]


def test_the_header_is_vpp_s(tmp_path: Path) -> None:
    writer = PcapWriter(tmp_path / "out.pcap", LINK_RAW_IP)
    writer.add(b"E", 1_500_001_999)
    writer.close()
    assert (tmp_path / "out.pcap").read_bytes() == struct.pack("<IHHIIIIIIII", 0xA1B2C3D4, 2, 4, 0, 0, 65536, 101, 1, 500001, 1, 1) + b"E"
    assert writer.packets == 1


def test_scapy_writes_what_we_read(tmp_path: Path) -> None:
    frames = [Ether(src="02:00:00:00:00:02", dst="02:fe:00:00:00:01") / IP() / UDP(sport=n) / bytes(n) for n in range(50)]
    for writer, name in ((ScapyPcapWriter, "s.pcap"), (PcapNgWriter, "s.pcapng")):
        with writer(str(tmp_path / name)) as out:
            out.write(frames)
        file, packets = read(tmp_path / name)
        assert [data for _, data, _ in content(file, packets)] == [bytes(frame) for frame in frames]
        assert {each.link_type for each in file.interfaces} == {LINK_ETHERNET}


def test_scapy_reads_our_frames(tmp_path: Path) -> None:
    writer = PcapWriter(tmp_path / "out.pcap")
    writer.add(bytes(Ether() / IP(dst="10.0.0.9") / UDP(dport=99)), 10**18)
    writer.close()
    with PcapReader(str(tmp_path / "out.pcap")) as reader:
        assert [(frame[IP].dst, frame[UDP].dport, frame.time) for frame in reader] == [("10.0.0.9", 99, 10**9)]


# Files that are not what they should be.


def refused(path: Path, data: bytes) -> str:
    path.write_bytes(data)
    with pytest.raises(InputFileError) as caught:
        read(path)
    assert str(caught.value).startswith(f"{path}: ")
    return str(caught.value)[len(str(path)) + 2 :]


ONE = pcap([(0, b"abc", 3)])
LONG = struct.pack("<IIII", 0, 0, 0x7FFFFFFF, 0x7FFFFFFF)
NG = section() + interface(1, 10)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "the file is empty"),
        (b"\x7fELF\x02\x01", "byte 0: neither pcap nor pcapng: it begins with 7f 45 4c 46"),
        (b"\xd4", "byte 0: neither pcap nor pcapng: it begins with d4"),
        (b"\x1f\x8b\x08\0", "gzip-compressed: gunzip it first"),
        (ONE[:4], "byte 0: a pcap header is 24 bytes long, the file has 4"),
        (ONE[:23], "byte 0: a pcap header is 24 bytes long, the file has 23"),
        (ONE[:4] + b"\x09" + ONE[5:], "byte 4: pcap version 9.4 is unknown (2.4 is current)"),
        (ONE + LONG, "byte 43: a packet of 2147483647 bytes: this is no pcap record (the most is 262144)"),
        (pcap([(0, b"abc", 3), (0, b"abcdef", 6)], snap=5), "byte 43: a packet of 6 bytes is longer than the file's snap length of 5"),
        (NG[:4], "byte 0: a pcapng header is 28 bytes long, the file has 4"),
        (NG[:8] + b"junk" + NG[12:], "byte 8: a section of unknown byte order"),
        (NG[:12] + b"\x05" + NG[13:], "byte 12: pcapng version 5.0 is unknown (1.0 is current)"),
        (NG[:24] + b"\0\0\0\0" + NG[28:], "byte 0: a block of 28 bytes that says 0 at its end"),
        (struct.pack("<II", 0x0A0D0D0A, 64) + NG[8:], "byte 0: the file ends within its header of 64 bytes"),
        (NG + struct.pack("<III", 6, 13, 0), "byte 48: a block of 13 bytes: this is no pcapng block"),
        (NG + block(6, bytes(8)), "byte 48: a packet block of 20 bytes is too short"),
        (NG + enhanced(0, b"abc", 1), "byte 48: a packet of interface 1, which its section does not declare"),
        (section() + block(3, bytes(4)), "byte 28: a packet of interface 0, which its section does not declare"),
        (
            NG + enhanced(0, b"abc") + enhanced(0, b"12345678901"),
            "byte 84: a packet of 11 bytes is longer than its interface's snap length",
        ),
        (NG + block(6, struct.pack("<IIIII", 0, 0, 0, 9, 9)), "byte 48: a packet of 9 bytes in a block that is too short for it"),
        (NG + block(6, struct.pack("<IIIII", 0, 0, 0, 1 << 20, 9)), "byte 48: a packet of 1048576 bytes (the most is 262144)"),
        (section() + interface(1, 0, struct.pack("<HH", 2, 99)), "byte 44: an option of 99 bytes in a block that has 0 left"),
    ],
)
def test_a_broken_file_is_told_with_its_place(tmp_path: Path, data: bytes, says: str) -> None:
    assert refused(tmp_path / "broken.pcap", data) == says


def test_no_regular_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name, says in (("missing", "No such file or directory"), ("pipe", "not a regular file"), (".", "not a regular file")):
        with pytest.raises(InputFileError, match=says):
            PcapFile(tmp_path / name)


@pytest.mark.parametrize("missing", range(1, 20))
def test_a_last_record_that_is_cut_off_is_left_out_and_told(tmp_path: Path, missing: int) -> None:
    whole = pcap([(5000, b"one", 3), (6000, b"three", 5)])
    (tmp_path / "cut.pcap").write_bytes(whole[:-missing])
    file, packets = read(tmp_path / "cut.pcap")
    assert content(file, packets) == [(5000, b"one", 3)]
    left = 21 - missing
    assert file.cut_off == f"{tmp_path / 'cut.pcap'}: byte 43: the file ends {left} bytes into a record of {21 if left >= 16 else 16}"


def test_a_last_block_that_is_cut_off(tmp_path: Path) -> None:
    (tmp_path / "cut.pcapng").write_bytes((NG + enhanced(1, b"one") + enhanced(2, b"two"))[:-5])
    file, packets = read(tmp_path / "cut.pcapng")
    assert content(file, packets) == [(1000, b"one", 3)]
    assert file.cut_off == f"{tmp_path / 'cut.pcapng'}: byte 84: the file ends 31 bytes into a record of 36"


def test_foreign_link_types(tmp_path: Path) -> None:
    (tmp_path / "radio.pcap").write_bytes(pcap([(0, b"abc", 3)], link=127))
    says = r"byte 0: link type 127 \(IEEE802_11_RADIOTAP\): only 1 \(ETHERNET\) or 101 \(RAW_IP\) can be used here"
    with pytest.raises(InputFileError, match=says):
        PcapFile(tmp_path / "radio.pcap").packets([LINK_ETHERNET, LINK_RAW_IP])
    # An interface of a foreign type that no packet came from does no harm.
    (tmp_path / "two.pcapng").write_bytes(section() + interface(249) + interface(1) + enhanced(0, b"abc", 1))
    assert len(PcapFile(tmp_path / "two.pcapng").packets([LINK_ETHERNET])) == 1
    (tmp_path / "two.pcapng").write_bytes(section() + interface(249) + interface(1) + enhanced(0, b"abc", 0))
    with pytest.raises(InputFileError, match="byte 28: link type 249: only"):
        PcapFile(tmp_path / "two.pcapng").packets([LINK_ETHERNET])


GOOD = st.sampled_from(
    [
        ONE,
        pcap([(n, bytes(n), n) for n in range(40)], ">", 1),
        NG + enhanced(1, b"one"),
        section(">") + interface(order=">") + enhanced(3, b"abcd", order=">") * 3 + block(3, struct.pack(">I", 4) + b"five", ">"),
    ]
)


@in_a_folder
@given(data=GOOD, changes=st.lists(st.tuples(st.integers(0, 400), st.binary(max_size=4)), max_size=4), cut=st.integers(0, 500))
def test_a_fuzzed_file_is_read_or_refused(tmp_path: Path, data: bytes, changes: list[tuple[int, bytes]], cut: int) -> None:
    fuzzed = bytearray(data)
    for at, new in changes:
        fuzzed[at : at + len(new)] = new
    (tmp_path / "fuzzed").write_bytes(fuzzed[:cut] if cut < 400 else fuzzed)
    try:
        file, packets = read(tmp_path / "fuzzed")
    except InputFileError:
        return
    assert (packets.offset + packets.length <= file.size).all()
    assert (packets.interface < max(1, len(file.interfaces))).all()


# Disks that are full.


def test_a_full_disk_at_the_start() -> None:
    with pytest.raises(OutputFileError, match=r"/dev/full: No space left on device; 0 packets are in the file"):
        PcapWriter("/dev/full")


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(OutputFileError, match="No such file or directory"):
        PcapWriter(tmp_path / "missing" / "out.pcap")


def test_a_disk_that_fills_up_leaves_a_file_of_whole_records(tmp_path: Path) -> None:
    """In a process of its own, whose files may not grow past a limit."""
    path = tmp_path / "out.pcap"
    code = f"""if True:
        import resource, signal
        from vppsh.engine.wire.pcapwriter import PcapWriter
        from vppsh.errors import OutputFileError
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        writer = PcapWriter({str(path)!r})
        said = []
        for n in range(30):
            try:
                writer.add(bytes(84), n)
                writer.flush()
            except OutputFileError as error:
                said.append(str(error))
        writer.close()
        print(len(said), writer.packets, set(said))
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == f"21 9 {{'{path}: File too large; 9 packets are in the file'}}\n"
    assert len(read(path)[1]) == 9
    assert path.stat().st_size == 24 + 9 * 100
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 1000


def test_ng_reader_of_scapy_agrees_about_times(tmp_path: Path) -> None:
    (tmp_path / "a.pcapng").write_bytes(section() + interface() + enhanced(1_700_000_000_123_456, b"E" * 20))
    with PcapNgReader(str(tmp_path / "a.pcapng")) as reader:
        scapy_time = int(next(iter(reader)).time * 10**6)
    assert read(tmp_path / "a.pcapng")[1].time.tolist() == [scapy_time * 1000]
