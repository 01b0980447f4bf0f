"""Capture files with bytes changed, taken out, cut off: streams and replays send what can be read, or refuse the file."""

from __future__ import annotations

import random
import struct
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from malformed import Maker
from traffic import Traffic

from vppsh import cli

FRAMES = list(islice(Maker(random.Random(1)).stream("ethernet"), 40))


def records(order: str, header: str) -> bytes:
    return b"".join(struct.pack(f"{order}{header}", 1, 2, len(frame), len(frame)) + frame for frame in FRAMES)


def block(kind: int, body: bytes) -> bytes:
    body += bytes(-len(body) % 4)
    return struct.pack("<II", kind, len(body) + 12) + body + struct.pack("<I", len(body) + 12)


CLASSIC = [struct.pack(f"{order}IHHIIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1) + records(order, "IIII") for order in "<>"]
NEXT = block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)) + block(1, struct.pack("<HHI", 1, 0, 65535))
NEXT += b"".join(block(6, struct.pack("<IIIII", 0, 0, 7, len(frame), len(frame)) + frame) for frame in FRAMES)
CHANGES = st.lists(st.tuples(st.integers(0, 3000), st.binary(max_size=4)), max_size=5)


def changed(data: bytes, changes: list[tuple[int, bytes]], cut: int) -> bytes:
    fuzzed = bytearray(data)
    for at, new in changes:
        fuzzed[at : at + len(new)] = new
    return bytes(fuzzed[:cut] if cut < 4000 else fuzzed)


FILES = st.builds(changed, st.sampled_from([*CLASSIC, NEXT]), CHANGES, st.integers(0, 12_000))
in_a_folder = settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


@pytest.fixture(scope="module")
def traffic() -> Traffic:
    return Traffic()


@in_a_folder
@given(FILES)
def test_streams_of_fuzzed_captures(tmp_path: Path, traffic: Traffic, content: bytes) -> None:
    path = tmp_path / "fuzzed"
    path.write_bytes(content)
    answer = traffic.session.execute(f"packet-generator new {{ name fuzzed pcap {path} source pg0 limit 100 }}")
    assert answer.fault is None
    if not answer.failed:
        traffic.send("fuzzed")
        traffic("packet-generator delete fuzzed")
    traffic.engine.run_for(25)
    assert traffic.engine.buffers.free == traffic.engine.buffers.count


@settings(in_a_folder, max_examples=15)
@given(FILES)
def test_replays_of_fuzzed_captures(tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes) -> None:
    path = tmp_path / "fuzzed"
    path.write_bytes(content)
    status = cli.main(["replay", str(path), "--trace", "3"])
    said = capsys.readouterr()
    if status:
        assert said.out == ""
        assert said.err.startswith("vppsh: ")
        assert said.err.count("\n") == 1
    else:
        assert "packets from" in said.out
