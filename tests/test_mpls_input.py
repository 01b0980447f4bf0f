"""mpls-input where MPLS is not enabled, against plain Python."""

from __future__ import annotations

import random
import struct

import pytest

from tests.graphs import SIZES, call, fill, full_engine
from vppsh.engine.features.mpls.errors import MPLS_ERRORS
from vppsh.engine.features.mpls.input import InputTrace, format_input_trace
from vppsh.engine.interfaces import ETHERNET, DeviceClass

DEVICE = DeviceClass("test", lambda engine, interface: lambda ctx, frame: ctx.buffers.free_packets(frame))


@pytest.mark.parametrize("size", SIZES)
def test_labelled_packets_are_counted_and_refused(size: int) -> None:
    rng = random.Random(size)
    engine = full_engine()
    interface = engine.interfaces.add_hardware("port0", DEVICE, ETHERNET)
    index = interface.sw_if_index
    entries = [rng.getrandbits(24) << 8 | rng.choice((0, 1, 64)) for _ in range(size)]
    frame = fill(engine, [struct.pack(">I", entry) + bytes(40) for entry in entries], sw_if_index=index)
    rows = frame.indices(engine.buffers).tolist()
    node = engine.graph["mpls-input"]
    targets = [node.nexts[slot].name for slot in call(engine, "mpls-input", frame)]
    for entry, target, row in zip(entries, targets, rows, strict=True):
        assert target == ("mpls-not-enabled" if entry & 0xFF else "error-drop")
        if not entry & 0xFF:
            assert MPLS_ERRORS[engine.buffers.error[row] - node.error_base].name == "ttl_expired"
    counts = {count.spec.name: count.count for count in engine.errors.of_node("mpls-input")}
    assert counts["pkts_decap"] == size
    assert engine.interfaces.mpls.value[index] == sum(entry & 0xFF != 0 for entry in entries)


@pytest.mark.parametrize(("slot", "name"), [(0, "error-drop"), (1, "mpls-lookup"), (2, "BUG!")])
def test_trace(slot: int, name: str) -> None:
    assert format_input_trace(None, InputTrace(slot, 100 << 12 | 5 << 9 | 0x140)) == f"MPLS: next {name}[{slot}]  label 100 ttl 64 exp 5"
