"""Streams that replay capture files: what is read, what is refused, what VPP counts."""

import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vppsh.engine.pg.replay import Batch, bytes_counted, read_recording, recording
from vppsh.errors import CommandError

FILE_HEADER = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65536, 1)


def record(data: bytes, original: int | None = None) -> bytes:
    return struct.pack("<IIII", 1, 2, len(data), len(data) if original is None else original) + data


def packets_of(batch: Batch) -> list[bytes]:
    return parts_of(batch, 0, batch.lengths)


def parts_of(batch: Batch, skip: int, lengths: np.ndarray) -> list[bytes]:
    places = np.arange(len(batch)) * 200
    target = np.full(len(batch) * 200, 0xEE, np.uint8)
    batch.copy(skip, lengths, target, places)
    return [target[at : at + length].tobytes() for at, length in zip(places.tolist(), lengths.tolist(), strict=True)]


def test_packets_come_round_again_from_any_place(tmp_path: Path) -> None:
    wanted = [bytes([number]) * (10 + number) for number in range(7)]
    path = tmp_path / "seven.pcap"
    path.write_bytes(FILE_HEADER + b"".join(record(packet) for packet in wanted))
    recording = read_recording(str(path))
    assert len(recording) == 7
    assert packets_of(recording.batch(0, 7)) == wanted
    assert packets_of(recording.batch(5, 10)) == [wanted[(5 + i) % 7] for i in range(10)]


def test_what_was_not_captured_is_zero(tmp_path: Path) -> None:
    path = tmp_path / "cut.pcap"
    path.write_bytes(FILE_HEADER + record(b"abc", 6) + record(b"whole"))
    assert packets_of(read_recording(str(path)).packets) == [b"abc\0\0\0", b"whole"]


@given(st.lists(st.tuples(st.binary(max_size=150), st.integers(0, 40)), max_size=30), st.integers(0, 60))
def test_parts_of_packets_are_copied_with_what_is_missing_as_zeros(wanted: list[tuple[bytes, int]], skip: int) -> None:
    raw = np.frombuffer(b"".join(data for data, _ in wanted) + b"\xee", np.uint8)
    stored = np.array([len(data) for data, _ in wanted], np.int64)
    lengths = stored + np.array([missing for _, missing in wanted], np.int64)
    part = np.maximum(lengths - skip, 0)
    whole = [data + bytes(missing) for data, missing in wanted]
    assert parts_of(recording(raw, np.cumsum(stored) - stored, stored, lengths, "x").packets, skip, part) == [
        packet[skip:] for packet in whole
    ]


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (None, "open `{}': No such file or directory"),
        (b"", "read file header `{}': Operation not supported"),
        (FILE_HEADER[:23], "read file header `{}': Operation not supported"),
        (b"this is no capture file at all", "bad magic `{}'"),
        (FILE_HEADER + record(b"abcdef")[:-1], "short read `{}'"),
        (FILE_HEADER + record(b"abc") + b"\0\0\0", "short read `{}'"),
        (FILE_HEADER + record(b"abc", 70000), "packet of 70000 bytes in `{}'"),
    ],
)
def test_broken_files_are_refused_in_vpps_words(tmp_path: Path, content: bytes | None, text: str) -> None:
    path = tmp_path / "x.pcap"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CommandError) as refused:
        read_recording(str(path))
    assert str(refused.value) == text.format(path)


def test_a_foreign_link_type_is_refused_by_its_number(tmp_path: Path) -> None:
    path = tmp_path / "wifi.pcap"
    path.write_bytes(FILE_HEADER[:-4] + struct.pack("<I", 105) + record(b"abc"))
    with pytest.raises(CommandError, match="105"):
        read_recording(str(path))


def test_a_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="directory"):
        read_recording(str(tmp_path))


@given(st.lists(st.integers(1, 9000), max_size=40), st.integers(1, 3000))
def test_bytes_are_counted_buffer_by_buffer(lengths: list[int], buffer_bytes: int) -> None:
    batch = Batch(np.zeros(0, np.uint8), np.zeros(len(lengths), np.int64), np.array(lengths, np.int64))
    # The scalar twin: every buffer of every packet counts what is left of the packet, and only as many as there are packets.
    counted = [left for length in lengths for left in range(length, 0, -buffer_bytes)]
    assert bytes_counted(batch, buffer_bytes) == sum(counted[: len(lengths)])
