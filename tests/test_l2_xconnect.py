"""Cross-connects and VLAN tag rewriting, against plain Python on the packets' bytes."""

from __future__ import annotations

import random
import struct

import numpy as np
import pytest

from tests.graphs import SIZES, call, fill, full_engine
from vppsh.engine.buffers import BufferFlag
from vppsh.engine.engine import Engine
from vppsh.engine.features.ethernet.ports import Ports
from vppsh.engine.features.l2.modes import L2Interfaces
from vppsh.engine.features.l2.tag_rewrite import Operation, Rewrite, TagRewrite, Tags
from vppsh.engine.interfaces import ETHERNET, UP, DeviceClass, Interface, SubConfig
from vppsh.errors import CommandError

DEVICE = DeviceClass("test", lambda engine, interface: lambda ctx, frame: ctx.buffers.free_packets(frame))
VLAN, DOT1AD = 0x8100, 0x88A8
MACS = bytes.fromhex("02000000000b02000000000a")
IP4 = b"\x08\x00"


def tag(number: int, kind: int = VLAN) -> bytes:
    return struct.pack(">HH", kind, number)


def ports(engine: Engine, *configs: SubConfig) -> list[Interface]:
    """Two ports that are up, and sub-interfaces of the second one."""
    made = [engine.interfaces.add_hardware(name, DEVICE, ETHERNET, mac=bytes(6)) for name in ("left", "right")]
    for config in configs:
        engine.get(Ports).check(made[1], config)
        made.append(engine.interfaces.add_sub(made[1], config))
    for interface in made:
        engine.interfaces.set_state(interface, UP)
    return made


def twin(packet: bytes, tags: int, pops: int, pushed: bytes) -> bytes | None:
    """A packet with tags taken off and put on; None when it has too few."""
    return None if tags < pops else packet[:12] + pushed + packet[12 + 4 * pops :]


@pytest.mark.parametrize("dot1q", [True, False])
@pytest.mark.parametrize("operation", list(Operation))
@pytest.mark.parametrize("size", SIZES)
def test_rewriting(size: int, operation: Operation, dot1q: bool) -> None:
    seed = random.randrange(1 << 30)
    print("seed", seed)
    rng = random.Random(seed)
    engine = full_engine()
    buffers = engine.buffers
    tags = [rng.randrange(3) for _ in range(size)]
    packets = [MACS + b"".join(tag(rng.randrange(1 << 16)) for _ in range(n)) + IP4 + rng.randbytes(50) for n in tags]
    frame = fill(engine, packets, scattered=rng.random() < 0.5)
    rows = frame.indices(buffers)
    start = buffers.current_data[rows].copy()
    buffers.l2_hdr_offset[rows] = start
    buffers.l2_len[rows] = [14 + 4 * n for n in tags]
    buffers.flags[rows] |= np.array(tags, np.uint32) << 28
    ids = (rng.randrange(4096), rng.randrange(4096))[: operation.pushes]
    short = Rewrite(operation.pops, Tags(dot1q, ids)).apply(buffers, rows)
    pushed = b"".join(tag(number, VLAN if dot1q or place else DOT1AD) for place, number in enumerate(ids))
    for position, (packet, n) in enumerate(zip(packets, tags, strict=True)):
        row, wanted = int(rows[position]), twin(packet, n, operation.pops, pushed)
        assert short[position] == (wanted is None)
        assert buffers.packet(row) == (packet if wanted is None else wanted)
        left = n if wanted is None else n - operation.pops + operation.pushes
        assert buffers.l2_len[row] == 14 + 4 * left
        assert buffers.flags[row] >> 28 & 3 == left & 3
        assert buffers.l2_hdr_offset[row] == buffers.current_data[row]


@pytest.mark.parametrize(
    ("operation", "own"),
    [
        (Operation.POP_1, SubConfig(7, 7, exact=True)),
        (Operation.POP_2, SubConfig(7, 7, 8, exact=True)),
        (Operation.POP_1, SubConfig(7, 7, dot1ad=True)),
        (Operation.PUSH_1, SubConfig(7, 7)),
        (Operation.TRANSLATE_1_2, SubConfig(7, 7, exact=True)),
        (Operation.TRANSLATE_2_2, SubConfig(7, 7, 8, dot1ad=True, exact=True)),
        (Operation.PUSH_2, None),
    ],
)
def test_output_undoes_input(operation: Operation, own: SubConfig | None) -> None:
    engine = full_engine()
    buffers = engine.buffers
    ids = [] if own is None else [number for number in (own.outer, own.inner) if number is not None]
    kinds = (DOT1AD if own is not None and own.dot1ad else VLAN, VLAN)
    packet = MACS + b"".join(tag(number, kind) for number, kind in zip(ids, kinds, strict=False)) + IP4 + bytes(range(50))
    rows = fill(engine, [packet]).indices(buffers)
    buffers.l2_len[rows] = 14 + 4 * len(ids)
    rewrite = TagRewrite(operation, Tags(True, (100, 200)[: operation.pushes]))
    assert rewrite.fits(own)
    rewrite.on_input.apply(buffers, rows)
    assert buffers.packet(int(rows[0])) != packet
    rewrite.on_output(own).apply(buffers, rows)
    assert buffers.packet(int(rows[0])) == packet


@pytest.mark.parametrize(
    ("operation", "own", "fits"),
    [
        (Operation.POP_1, None, False),
        (Operation.POP_1, SubConfig(1, untagged=True, exact=True), False),
        (Operation.POP_2, SubConfig(1, 5, exact=True), False),
        (Operation.POP_2, SubConfig(1, 5, any_inner=True), False),
        (Operation.POP_1, SubConfig(1, 5, any_inner=True), True),
        (Operation.TRANSLATE_2_1, SubConfig(1, 5, 6), True),
        (Operation.PUSH_2, None, True),
    ],
)
def test_only_tags_that_are_known_can_be_taken_off(operation: Operation, own: SubConfig | None, fits: bool) -> None:
    assert TagRewrite(operation).fits(own) is fits


def test_a_refused_rewrite_leaves_the_present_one_without_its_tags() -> None:
    engine = full_engine()
    _, right = ports(engine)
    modes = engine.get(L2Interfaces)
    modes.set_rewrite(right, TagRewrite(Operation.PUSH_2, Tags(True, (5, 6))))
    with pytest.raises(CommandError, match="vlan tag rewrite is not compatible with interface"):
        modes.set_rewrite(right, TagRewrite(Operation.POP_1))
    assert str(modes.of(right).rewrite) == "push-2 dot1ad 0 0"
    rewrite = modes.input_rewrite(right.sw_if_index)
    assert rewrite is not None
    assert rewrite.tags.raw == 0


def send(engine: Engine, interface: Interface, packets: list[bytes]) -> tuple[list[str], list[int]]:
    """Through ethernet-input, l2-input, the features and l2-output; where the packets go, and their buffers."""
    engine.interfaces.set_state(interface, UP)
    frame = fill(engine, packets, sw_if_index=interface.sw_if_index)
    name = "ethernet-input"
    while name.startswith(("ethernet", "l2-")):
        node = engine.graph[name]
        targets = [node.nexts[slot].name for slot in call(engine, name, frame)]
        assert len(set(targets)) == 1
        name = targets[0]
    return targets, frame.indices(engine.buffers).tolist()


@pytest.mark.parametrize("size", SIZES)
def test_everything_goes_to_the_peer(size: int) -> None:
    engine = full_engine()
    left, right = ports(engine)
    modes = engine.get(L2Interfaces)
    modes.set_xconnect(left, right)
    modes.set_xconnect(right, left)
    packets = [bytes([2, 0, 0, 0, 0, at & 255]) + bytes(6) + IP4 + bytes(50) for at in range(size)]
    targets, rows = send(engine, left, packets)
    assert targets == ["right-output"] * size
    assert [engine.buffers.packet(row) for row in rows] == packets
    assert set(engine.buffers.tx_sw_if_index[rows].tolist()) == {right.sw_if_index}


def test_the_other_direction_is_configured_apart() -> None:
    engine = full_engine()
    left, right = ports(engine)
    modes = engine.get(L2Interfaces)
    modes.set_xconnect(left, right)
    packet = [MACS + IP4 + bytes(50)]
    targets, rows = send(engine, left, packet)
    assert targets == ["error-drop"]
    owner, spec = engine.errors.spec(int(engine.buffers.error[rows[0]]))
    assert (owner, spec.text) == ("l2-output", "L2 Output interface not valid")
    modes.set_xconnect(right, left)
    assert send(engine, left, packet)[0] == ["right-output"]
    modes.set_l3(right)
    targets, rows = send(engine, left, packet)
    owner, spec = engine.errors.spec(int(engine.buffers.error[rows[0]]))
    assert (targets, owner) == (["error-drop"], "l2-output-bad-intf")


def test_tags_are_rewritten_on_the_way() -> None:
    engine = full_engine()
    left, right, sub = ports(engine, SubConfig(7, 7, exact=True))
    modes = engine.get(L2Interfaces)
    modes.set_xconnect(left, sub)
    modes.set_xconnect(sub, left)
    modes.set_rewrite(sub, TagRewrite(Operation.POP_1))
    plain, tagged = MACS + IP4 + bytes(50), MACS + tag(7) + IP4 + bytes(50)
    targets, rows = send(engine, left, [plain])
    assert (targets, engine.buffers.packet(rows[0])) == (["right-output"], tagged)
    targets, rows = send(engine, right, [tagged])
    assert (targets, engine.buffers.packet(rows[0])) == (["left-output"], plain)
    assert engine.buffers.flags[rows[0]] & BufferFlag.L2_HDR_OFFSET_VALID


def test_deleting_a_peer_ends_the_connection() -> None:
    engine = full_engine()
    left, right, sub = ports(engine, SubConfig(7, 7, exact=True))
    modes = engine.get(L2Interfaces)
    modes.set_xconnect(left, sub)
    modes.set_xconnect(sub, left)
    assert (left.hardware.l2_count, right.hardware.l2_count) == (1, 1)
    engine.interfaces.delete(sub)
    assert (left.hardware.l2_count, right.hardware.l2_count) == (0, 0)
    node = engine.graph["ethernet-input"]
    frame = fill(engine, [bytes(6) + bytes(6) + IP4 + bytes(50)], sw_if_index=left.sw_if_index)
    assert node.nexts[call(engine, "ethernet-input", frame)[0]].name == "ip4-input"
