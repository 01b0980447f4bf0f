"""l2-patch, EFP filters and headers of provider backbone bridges, against plain Python on the packets' bytes."""

from __future__ import annotations

import random
import struct

import numpy as np
import pytest

from tests.bridges import bridge
from tests.graphs import SIZES, call, fill, full_engine
from vppsh.engine.engine import Engine
from vppsh.engine.features.ethernet.ports import Ports
from vppsh.engine.features.l2 import features
from vppsh.engine.features.l2.backbone import BackboneRewrite, BackboneTags
from vppsh.engine.features.l2.modes import L2Interfaces
from vppsh.engine.features.l2.patch import Patches
from vppsh.engine.features.l2.tag_rewrite import Operation, TagRewrite, Tags
from vppsh.engine.interfaces import UP, Interface, SubConfig
from vppsh.errors import CommandError

MACS = bytes.fromhex("02000000000b02000000000a")
BODY = b"\x08\x00" + bytes(50)


def tag(number: int, kind: int = 0x8100) -> bytes:
    return struct.pack(">HH", kind, number)


def sub_interface(engine: Engine, parent: Interface, config: SubConfig) -> Interface:
    engine.get(Ports).check(parent, config)
    sub = engine.interfaces.add_sub(parent, config)
    engine.interfaces.set_state(sub, UP)
    return sub


@pytest.mark.parametrize("size", SIZES)
def test_patched_devices(size: int) -> None:
    engine = full_engine()
    _, ports = bridge(engine, 3)
    patches, buffers = engine.get(Patches), engine.buffers
    patches.add(ports[0], ports[1])
    patches.add(ports[1], ports[0])
    received = [random.choice(ports) for _ in range(size)]
    frame = fill(engine, [bytes(60)] * size)
    rows = frame.indices(buffers)
    buffers.rx_sw_if_index[rows] = [port.sw_if_index for port in received]
    nexts = call(engine, "l2-patch", frame)
    ends = {ports[0]: ports[1].name + "-output", ports[1]: ports[0].name + "-output", ports[2]: "error-drop"}
    assert [engine.graph["l2-patch"].nexts[slot].name for slot in nexts] == [ends[port] for port in received]


def test_patches_go_with_their_devices() -> None:
    engine = full_engine()
    _, ports = bridge(engine, 3)
    patches = engine.get(Patches)
    patches.add(ports[0], ports[1])
    patches.add(ports[1], ports[2])
    with pytest.raises(CommandError, match="tx interface not a physical port"):
        patches.add(ports[0], sub_interface(engine, ports[2], SubConfig(7, 7)))
    engine.interfaces.delete(ports[1])
    assert patches.all == []
    assert engine.arcs["device-input"].on(ports[0].sw_if_index) == []


@pytest.mark.parametrize("size", SIZES)
def test_efp_filter(size: int) -> None:
    seed = random.randrange(1 << 30)
    print("seed", seed)
    rng = random.Random(seed)
    engine = full_engine()
    _, (port, *_) = bridge(engine, 1)
    configs = {20: SubConfig(20, 20), 21: SubConfig(21, 20, 5), 22: SubConfig(22, 30, dot1ad=True, exact=True)}
    subs = {number: sub_interface(engine, port, config) for number, config in configs.items()}
    stacks = {
        20: [tag(20), tag(0x6014), tag(20) + tag(6)], 21: [tag(20) + tag(5), tag(20) + tag(0xE005)], 22: [tag(30, 0x88A8)],
        0: [b"", tag(30), tag(21), tag(30, 0x88A8) + tag(1)],
    }  # fmt: skip
    packets, wanted, sent = [], [], []
    for _ in range(size):
        number = rng.choice(list(stacks))
        tags = rng.choice(stacks[number])
        leaves_by = rng.choice(list(subs))
        packets.append(MACS + tags + BODY)
        sent.append(subs[leaves_by].sw_if_index)
        wanted.append("interface-output" if leaves_by == number else "error-drop")
    frame = fill(engine, packets, scattered=rng.random() < 0.5)
    rows, buffers = frame.indices(engine.buffers), engine.buffers
    buffers.l2_len[rows] = [len(packet) - len(BODY) - 12 + 14 for packet in packets]
    buffers.tx_sw_if_index[rows] = sent
    buffers.l2_features[rows] = features.OUTPUT | features.EFP_FILTER_OUT
    nexts = call(engine, "l2-efp-filter", frame)
    assert [engine.graph["l2-efp-filter"].nexts[slot].name for slot in nexts] == wanted


@pytest.mark.parametrize(("pushed", "kept"), [((), None), ((7,), tag(7)), ((7, 8), tag(7) + tag(8))])
def test_a_rewriting_port_with_an_efp_filter_wants_its_own_tags(pushed: tuple[int, ...], kept: bytes | None) -> None:
    engine = full_engine()
    _, (port, *_) = bridge(engine, 1)
    l2, buffers = engine.get(L2Interfaces), engine.buffers
    sub = sub_interface(engine, port, SubConfig(4, 4))
    operation = {0: Operation.POP_1, 1: Operation.PUSH_1, 2: Operation.PUSH_2}[len(pushed)]
    l2.set_xconnect(sub, port)
    l2.set_rewrite(sub, TagRewrite(operation, Tags(True, pushed)))
    l2.switch_output(sub, features.EFP_FILTER_OUT, True)
    stacks = [tag(9) + tag(8), tag(0xE007) + tag(8), tag(7) + tag(8)]
    packets = [MACS + stack + BODY for stack in stacks]
    frame = fill(engine, packets)
    rows = frame.indices(buffers)
    buffers.tx_sw_if_index[rows], buffers.l2_len[rows] = sub.sw_if_index, 22
    names = [engine.graph["l2-output"].nexts[slot].name for slot in call(engine, "l2-output", frame)]
    # One tag more is looked at than VPP takes off; priorities do not count.
    dropped = kept is not None
    assert names == ["error-drop" if dropped else "l2-efp-filter", "l2-efp-filter", "l2-efp-filter"]


@pytest.mark.parametrize("size", SIZES)
def test_backbone_headers(size: int) -> None:
    rng = random.Random(size)
    engine = full_engine()
    buffers = engine.buffers
    tags = BackboneTags(bytes.fromhex("0200000000b0"), bytes.fromhex("0200000000b1"), 100, 70000, blank=False)
    header = tags.dst + tags.src + struct.pack(">HHHI", 0x88A8, 100, 0x88E7, 70000)
    packets = [MACS + BODY + rng.randbytes(20) for _ in range(size)]
    frame = fill(engine, packets)
    rows = frame.indices(buffers)
    buffers.l2_len[rows] = 14
    push = BackboneRewrite(push=True, tags=tags)
    assert not push.apply(buffers, rows).any()
    assert [buffers.packet(row) for row in rows.tolist()] == [header + packet for packet in packets]
    assert set(buffers.l2_len[rows].tolist()) == {36}
    # Of another service: not ours.
    buffers.data[rows[::2], 130 - 1] = 0xFF
    foreign = push.opposite.apply(buffers, rows)
    assert foreign.tolist() == [position % 2 == 0 for position in range(size)]
    assert [buffers.packet(row) for row in rows[1::2].tolist()] == packets[1::2]
    assert (buffers.l2_len[rows[::2]] == 36).all()


def test_backbone_headers_are_a_rewrite_of_an_interface() -> None:
    engine = full_engine()
    _, (port, *_) = bridge(engine, 1)
    l2 = engine.get(L2Interfaces)
    l2.set_backbone(port, BackboneRewrite(pop=True))
    assert l2.input_rewrite(port.sw_if_index) == BackboneRewrite(pop=True)
    assert l2.output_rewrite(port.sw_if_index) == BackboneRewrite(push=True)
    assert int(l2.input_features[port.sw_if_index]) & features.VTR
    l2.set_backbone(port, None)
    assert l2.output_rewrite(port.sw_if_index) is None
    assert not np.any(l2.input_features & np.uint32(features.VTR))
