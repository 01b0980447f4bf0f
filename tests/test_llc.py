"""llc-input, snap-input and what SNAP leaves to ethernet-input, against plain Python."""

from __future__ import annotations

import random

import pytest

from tests.graphs import SIZES, call, fill, full_engine
from vppsh.engine.engine import Engine
from vppsh.engine.features.llc import LLC_ERRORS, SNAP_ERRORS
from vppsh.engine.wire.snap import format_snap_header


def names(engine: Engine, node: str, slots: list[int]) -> list[str]:
    return [engine.graph[node].nexts[slot].name for slot in slots]


@pytest.mark.parametrize("size", SIZES)
def test_llc_goes_by_the_destination_and_skips_its_control_field(size: int) -> None:
    rng = random.Random(size)
    engine = full_engine()
    packets = [bytes((rng.choice((0xAA, 0xAA, 0x42, 0xFE)), 0xAA, rng.choice((3, 3, 0x13, 0, 1)))) + rng.randbytes(40) for _ in range(size)]
    frame = fill(engine, packets)
    rows = frame.indices(engine.buffers)
    targets = names(engine, "llc-input", call(engine, "llc-input", frame))
    base = engine.graph["llc-input"].error_base
    for row, packet, target in zip(rows.tolist(), packets, targets, strict=True):
        known = packet[0] == 0xAA
        assert target == ("snap-input" if known else "error-drop")
        assert LLC_ERRORS[engine.buffers.error[row] - base].text == ("no error" if known else "unknown llc ssap/dsap")
        assert engine.buffers.packet(row) == packet[3 if packet[2] & 3 == 3 else 4 :]


@pytest.mark.parametrize("size", SIZES)
def test_snap_leaves_an_ethertype_to_ethernet(size: int) -> None:
    rng = random.Random(size)
    engine = full_engine()
    packets = [rng.choice((b"\0\0\0", b"\0\0\0", b"\0\0\x0c", b"\x08\0\x07")) + b"\x08\0" + rng.randbytes(40) for _ in range(size)]
    frame = fill(engine, packets)
    rows = frame.indices(engine.buffers)
    targets = names(engine, "snap-input", call(engine, "snap-input", frame))
    base = engine.graph["snap-input"].error_base
    for row, packet, target in zip(rows.tolist(), packets, targets, strict=True):
        ethernet = packet[:3] == b"\0\0\0"
        assert target == ("ethernet-input-type" if ethernet else "error-drop")
        assert engine.buffers.packet(row) == packet[3 if ethernet else 5 :]
        assert SNAP_ERRORS[engine.buffers.error[row] - base].text == "unknown oui/snap protocol"


@pytest.mark.parametrize(
    ("header", "text"),
    [
        ("00000c2000", "SNAP cisco cdp"),
        ("00000c1234", "SNAP cisco unknown 0x1234"),
        ("0000000800", "SNAP ethernet 0x0008"),
        ("0800070102", "SNAP oui 0x080007 0x0102"),
    ],
)
def test_snap_text(header: str, text: str) -> None:
    assert format_snap_header(bytes.fromhex(header)) == text
