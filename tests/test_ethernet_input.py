"""ethernet-input against plain Python, packet by packet: one port's frames and frames from anywhere, tags and all."""

from __future__ import annotations

import random
import struct
from dataclasses import dataclass, field

import pytest

from tests.graphs import SIZES, call, fill, full_engine
from vppsh.engine.buffers import BufferFlag
from vppsh.engine.engine import Engine
from vppsh.engine.features.ethernet.ethertypes import ERRORS, Ethertypes
from vppsh.engine.features.ethernet.ports import Ports
from vppsh.engine.frame import Frame
from vppsh.engine.interfaces import ETHERNET, UP, DeviceClass, Interface, SubConfig
from vppsh.errors import CommandError

MAC = bytes.fromhex("02fe00000001")
SECOND = bytes.fromhex("02fe00000011")
OTHER = bytes.fromhex("02fe00000009")
GROUP = bytes.fromhex("01005e000001")
DEVICE = DeviceClass("test", lambda engine, interface: lambda ctx, frame: ctx.buffers.free_packets(frame))
VLAN, DOT1AD, VLAN_9100, IP4, IP6, UNKNOWN, LENGTH = 0x8100, 0x88A8, 0x9100, 0x0800, 0x86DD, 0x1234, 60

CONFIGS = (
    SubConfig(10, 10, exact=True),
    SubConfig(20, 20),
    SubConfig(30, 30, 31, exact=True),
    SubConfig(32, 30, any_inner=True),
    SubConfig(40, 40, dot1ad=True, exact=True),
    SubConfig(41, 40, 41, dot1ad=True),
    SubConfig(50, 50, exact=True),
)
DOWN_ID = 50
L2_ID = 20
DEFAULT = SubConfig(99, default=True)


@dataclass
class Found:
    """What ethernet-input should make of a packet."""

    target: str
    error: str | None
    rx: int
    moved: int
    layer3: int
    tags: int | None


@dataclass
class Kept:
    """What VPP remembers of the tag that it looked up last."""

    tag: bytes | None = None
    error: str = "no error"
    interface: Interface | None = None
    target: str = ""
    by: int = 0
    length: int = 0
    count: int = 0
    counted: list[tuple[int, int, int]] = field(default_factory=list)


def build(rng: random.Random, with_default: bool = True) -> tuple[Engine, Interface]:
    """An engine with a port and sub-interfaces of every kind, one of them down, one bridged."""
    engine = full_engine()
    interfaces, ports = engine.interfaces, engine.get(Ports)
    interfaces.add_hardware("other0", DEVICE, ETHERNET, mac=OTHER)
    port = interfaces.add_hardware("port0", DEVICE, ETHERNET, mac=MAC)
    interfaces.set_secondary_macs(port, [SECOND])
    interfaces.set_state(port, UP)
    for config in CONFIGS + ((DEFAULT,) if with_default else ()):
        ports.check(port, config)
        sub = interfaces.add_sub(port, config)
        if config.sub_id != DOWN_ID:
            interfaces.set_state(sub, UP)
    ports.set_l2(port.subs[L2_ID], True)
    return engine, port


def packet(rng: random.Random) -> bytes:
    """A packet that hits one of the sub-interfaces, nearly hits one, or has no tag."""
    tags = b""
    for _ in range(rng.choice((0, 1, 1, 1, 2, 2, 3))):
        outer = rng.choice((VLAN, VLAN, DOT1AD, VLAN_9100)) if not tags else rng.choice((VLAN, VLAN, DOT1AD))
        number = rng.choice((0, 10, 20, 30, 31, 32, 40, 41, 50, 60))
        tags += struct.pack(">HH", outer, rng.randrange(8) << 13 | number)
    kind = struct.pack(">H", rng.choice((IP4, IP4, IP6, 0x0806, UNKNOWN, LENGTH)))
    destination = rng.choice((MAC, MAC, MAC, SECOND, OTHER, GROUP))
    return destination + bytes.fromhex("020000000002") + tags + kind + rng.randbytes(rng.choice((46, 60)))


def wants(config: SubConfig, numbers: list[int]) -> bool:
    """Whether a sub-interface is for packets with so many tags."""
    fewest = 2 if config.inner is not None or config.any_inner else 1
    return len(numbers) == fewest if config.exact else len(numbers) >= fewest


def chosen(port: Interface, numbers: list[int], dot1ad: bool) -> Interface | None:
    """The sub-interface of some tags: the most specific first."""
    subs = [sub for sub in port.subs.values() if sub.sub is not None and sub.sub.dot1ad is dot1ad and not sub.sub.default]
    fits = [sub for sub in subs if sub.sub is not None and wants(sub.sub, numbers) and sub.sub.outer == numbers[0]]
    second = numbers[1] if len(numbers) > 1 else None
    for sub in fits:
        if sub.sub is not None and sub.sub.inner is not None and sub.sub.inner == second:
            return sub
    for any_inner in (True, False):
        for sub in fits:
            if sub.sub is not None and sub.sub.inner is None and sub.sub.any_inner is any_inner:
                return sub
    return next((sub for sub in port.subs.values() if sub.sub is not None and sub.sub.default), None)


def is_wrong(data: bytes) -> bool:
    """Whether a packet is for somebody else."""
    return not data[0] & 1 and data[:6] not in (MAC, SECOND)


class PortTwin:
    """The way of a frame that came in on one port."""

    def __init__(self, engine: Engine, port: Interface, checked: bool = True) -> None:
        self.port, self.checked = port, checked
        self.slots = engine.get(Ethertypes)
        self.node = engine.graph["ethernet-input"]
        self.kept = {VLAN: Kept(), DOT1AD: Kept()}

    def by_type(self, number: int) -> str:
        return self.node.nexts[int(self.slots.slots[(number & 255) << 8 | number >> 8])].name

    def handle(self, data: bytes, length: int) -> Found:
        own = self.port.sw_if_index
        kind, tci, kind2, tci2, kind3 = struct.unpack(">HHHHH", (data + bytes(10))[12:22])
        wrong = self.checked and is_wrong(data)
        if kind not in self.kept:
            if wrong:
                return Found("error-punt", "l3 mac mismatch", own, 14, 14, 0)
            return Found(self.by_type(kind), None, own, 14, 14, 0)
        kept = self.kept[kind]
        double = kind2 == VLAN
        tag = data[14:22] if double else data[14:18]
        if kept.tag is None or not data[14:22].startswith(kept.tag):
            self.look_up(kept, kind, tci & 0xFFF, tci2 & 0xFFF, kind3 if double else kind2, double)
            kept.tag = tag
        target = kept.target
        if wrong and kept.by > 0:
            kept.error, target = "l3 mac mismatch", "error-punt"
        if kept.interface is not None:
            kept.counted.append((kept.interface.sw_if_index, length - 14 - kept.by, kept.length if kept.by > 0 else 0))
        good = kept.error == "no error"
        received = kept.interface.sw_if_index if good and kept.interface is not None else own
        return Found(target, None if good else kept.error, received, 14 + kept.by, kept.length, kept.count if good else None)

    def look_up(self, kept: Kept, kind: int, outer: int, inner: int, innermost: int, double: bool) -> None:
        numbers = [outer, inner] if double else [outer]
        sub = chosen(self.port, numbers, kind == DOT1AD)
        kept.count = len(numbers)
        kept.length = 14 + 4 * kept.count
        kept.error, kept.interface, bridged = "no error", sub, sub is not None and sub.sub is not None and sub.sub.sub_id == L2_ID
        if numbers == [0]:
            kept.interface, bridged = self.port, False
        elif sub is None:
            kept.error = "unknown vlan"
        elif not sub.admin_up:
            kept.interface, kept.error = None, "subinterface down"
        kept.by = -14 if bridged else 4 * kept.count
        if kept.error != "no error":
            kept.target = "error-drop"
        elif bridged:
            kept.target = self.node.nexts[self.slots.l2].name
        else:
            kept.target = self.by_type(innermost)
            if kept.target == "error-punt":
                kept.error = "unknown ethernet type"


def compare(engine: Engine, rows: list[int], starts: list[int], nexts: list[int], wanted: list[Found]) -> None:
    """Every packet's next, error, interface, place and flags."""
    buffers, node = engine.buffers, engine.graph["ethernet-input"]
    for row, start, slot, found in zip(rows, starts, nexts, wanted, strict=True):
        assert node.nexts[slot].name == found.target
        if found.error is None:
            assert buffers.error[row] == 0
        else:
            assert ERRORS[buffers.error[row] - node.error_base].text == found.error
        assert buffers.rx_sw_if_index[row] == found.rx
        assert buffers.current_data[row] == start + found.moved
        assert buffers.l2_hdr_offset[row] == start
        assert buffers.l3_hdr_offset[row] == start + found.layer3
        assert buffers.flags[row] & BufferFlag.L2_HDR_OFFSET_VALID
        assert buffers.flags[row] & BufferFlag.L3_HDR_OFFSET_VALID
        if found.tags is not None:
            assert buffers.flags[row] >> 28 & 3 == found.tags


def check_hints(engine: Engine, frame: Frame) -> None:
    """What a frame says that its packets have in common must be true."""
    buffers = engine.buffers
    assert frame.offset is None or (buffers.current_data[frame.rows] == frame.offset).all()
    assert frame.rx is None or (buffers.rx_sw_if_index[frame.rows] == frame.rx).all()


@pytest.mark.parametrize("with_default", [True, False])
@pytest.mark.parametrize("size", SIZES)
def test_frame_of_one_port(size: int, with_default: bool) -> None:
    seed = random.randrange(1 << 30)
    print("seed", seed)
    rng = random.Random(seed)
    engine, port = build(rng, with_default)
    packets = [packet(rng) for _ in range(size)]
    if rng.random() < 0.5:  # runs of the same tag, as traffic has
        packets = [each for each in packets[: size // 4 + 1] for _ in range(4)][:size]
        packets = [rng.choice((MAC, OTHER)) + each[6:] if rng.random() < 0.2 else each for each in packets]
    frame = fill(engine, packets, sw_if_index=port.sw_if_index)
    rows = frame.indices(engine.buffers).tolist()
    twin = PortTwin(engine, port)
    wanted = [twin.handle(data, len(data)) for data in packets]
    nexts = call(engine, "ethernet-input", frame)
    compare(engine, rows, [0] * size, nexts, wanted)
    check_hints(engine, frame)
    lengths = [len(data) for data in packets]
    assert engine.buffers.current_length[rows].tolist() == [n - found.moved for n, found in zip(lengths, wanted, strict=True)]
    counted: dict[int, list[int]] = {}
    for kept in twin.kept.values():
        # The header that a run is counted with is the one that was looked at last.
        for at, (index, rest, _) in enumerate(kept.counted):
            last = at
            while last + 1 < len(kept.counted) and kept.counted[last + 1][0] == index:
                last += 1
            counted.setdefault(index, [0, 0])
            counted[index][0] += 1
            counted[index][1] += rest + kept.counted[last][2]
    rx = engine.interfaces.rx
    assert int(rx.packets.sum()) == sum(packets for packets, _ in counted.values())
    for index, (n, n_bytes) in counted.items():
        assert rx.packets[index] == n
        if not has_gap(twin, index):
            assert rx.bytes[index] == n_bytes


def has_gap(twin: PortTwin, index: int) -> bool:
    """Packets of no interface between those of one end its run, which the twin does not see."""
    lengths = {length for kept in twin.kept.values() for each, _, length in kept.counted if each == index}
    return len(lengths) > 1


@pytest.mark.parametrize("number", [IP4, IP6, 0x0806, UNKNOWN, LENGTH])
@pytest.mark.parametrize("scattered", [False, True])
@pytest.mark.parametrize("sources", [1, 200])
@pytest.mark.parametrize("size", SIZES)
def test_uniform_frames_are_handed_on_whole(size: int, sources: int, scattered: bool, number: int) -> None:
    engine, port = build(random.Random(1))
    packets = [MAC + bytes([2, 0, 0, 0, 0, at % sources]) + struct.pack(">H", number) + bytes(46) for at in range(size)]
    frame = fill(engine, packets, sw_if_index=port.sw_if_index, scattered=scattered)
    frame.rx = port.sw_if_index
    rows, starts = frame.indices(engine.buffers).tolist(), engine.buffers.current_data[frame.rows].tolist()
    node = engine.graph["ethernet-input"]
    answer = node.function(node.context, frame)
    assert isinstance(answer, int)
    twin = PortTwin(engine, port)
    compare(engine, rows, starts, [answer] * size, [twin.handle(data, len(data)) for data in packets])
    assert set(engine.buffers.current_length[rows].tolist()) == {46}
    check_hints(engine, frame)


@pytest.mark.parametrize("odd", [OTHER + bytes(6) + b"\x08\0", MAC + bytes(6) + b"\x86\xdd", MAC + bytes(6) + b"\x81\0"])
@pytest.mark.parametrize("place", [0, 100, 255])
def test_one_odd_packet_is_noticed(odd: bytes, place: int) -> None:
    engine, port = build(random.Random(1))
    packets = [MAC + bytes(6) + b"\x08\0" + bytes(46)] * 256
    packets[place] = odd + bytes(46)
    frame = fill(engine, packets, sw_if_index=port.sw_if_index)
    rows = frame.indices(engine.buffers).tolist()
    twin = PortTwin(engine, port)
    wanted = [twin.handle(data, len(data)) for data in packets]
    compare(engine, rows, [0] * 256, call(engine, "ethernet-input", frame), wanted)


def anywhere_twin(engine: Engine, port: Interface, data: bytes) -> Found:
    """The way of a packet that another node sent to ethernet-input."""
    own, node, slots = port.sw_if_index, engine.graph["ethernet-input"], engine.get(Ethertypes)
    kind = struct.unpack(">H", data[12:14])[0]

    def by_type(number: int) -> tuple[str, str | None]:
        target = node.nexts[int(slots.slots[(number & 255) << 8 | number >> 8])].name
        return target, "unknown ethernet type" if target in ("error-punt", "llc-input") else "no error"

    if kind not in (VLAN, DOT1AD, VLAN_9100, 0x9200):
        target, error = by_type(kind)
        if is_wrong(data):
            target, error = "error-drop", "l3 mac mismatch"
        return Found(target, error, own, 14, 14, 0)
    numbers: list[int] = []
    at, innermost = 14, kind
    while len(numbers) < 3 and (innermost == VLAN or not numbers):
        tci, following = struct.unpack(">HH", data[at : at + 4])
        # Of a third tag VPP only knows that it is there.
        innermost = innermost if len(numbers) == 2 else following
        numbers.append(tci & 0xFFF)
        at += 4
    sub = chosen_anywhere(port, numbers, kind == DOT1AD)
    moved = 14 + 4 * len(numbers)
    bridged = sub is not None and sub.sub is not None and sub.sub.sub_id == L2_ID
    if sub is None:
        return Found("error-drop", "unknown vlan", own, moved, moved, len(numbers))
    if not sub.admin_up:
        return Found("error-drop", "subinterface down", own, moved, moved, len(numbers))
    if is_wrong(data) and not bridged:
        return Found("error-drop", "l3 mac mismatch", own, moved, moved, len(numbers))
    if bridged:
        return Found(node.nexts[slots.l2].name, "no error", sub.sw_if_index, 0, moved, len(numbers))
    target, error = by_type(innermost)
    return Found(target, error, sub.sw_if_index, moved, moved, len(numbers))


def chosen_anywhere(port: Interface, numbers: list[int], dot1ad: bool) -> Interface | None:
    """As `chosen`, but a priority tag alone fits whatever is configured first: here the default, or the port itself."""
    if numbers == [0]:
        return next((sub for sub in port.subs.values() if sub.sub is not None and sub.sub.default), port)
    return chosen(port, numbers, dot1ad)


@pytest.mark.parametrize("size", SIZES)
def test_frame_from_anywhere(size: int) -> None:
    seed = random.randrange(1 << 30)
    print("seed", seed)
    rng = random.Random(seed)
    engine, port = build(rng, rng.random() < 0.5)
    packets = [packet(rng) for _ in range(size)]
    frame = fill(engine, packets, sw_if_index=port.sw_if_index, scattered=True)
    rows, starts = frame.indices(engine.buffers).tolist(), engine.buffers.current_data[frame.rows].tolist()
    wanted = [anywhere_twin(engine, port, data) for data in packets]
    before = engine.interfaces.rx.packets.copy()
    nexts = call(engine, "ethernet-input", frame)
    compare(engine, rows, starts, nexts, wanted)
    check_hints(engine, frame)
    subs = {sub.sw_if_index for sub in port.subs.values()}
    received = engine.interfaces.rx.packets - before
    assert received[port.sw_if_index] == 0
    for index in subs:
        assert received[index] >= sum(found.rx == index for found in wanted)


def test_packets_of_several_ports_are_told_apart() -> None:
    engine, port = build(random.Random(3))
    other = engine.interfaces.find("other0")
    assert other is not None
    packets = [mac + bytes(6) + b"\x08\0" + bytes(46) for mac in (MAC, OTHER, MAC, OTHER)]
    frame = fill(engine, packets)
    engine.buffers.rx_sw_if_index[frame.rows] = [port.sw_if_index, other.sw_if_index, other.sw_if_index, port.sw_if_index]
    frame.rx = None
    node = engine.graph["ethernet-input"]
    targets = [node.nexts[slot].name for slot in call(engine, "ethernet-input", frame)]
    assert targets == ["ip4-input", "ip4-input", "error-drop", "error-drop"]


def test_a_refused_sub_interface_takes_the_first_ones_place() -> None:
    engine, port = build(random.Random(4), with_default=False)
    ports = engine.get(Ports)
    tagged = [MAC + bytes(6) + b"\x81\0\0\x0a\x08\0" + bytes(46)]
    with pytest.raises(CommandError, match="vlan is already in use"):
        ports.check(port, SubConfig(11, 10, exact=True))
    frame = fill(engine, tagged, sw_if_index=port.sw_if_index)
    assert call(engine, "ethernet-input", frame) == [1]
    ports.check(port, SubConfig(11, 10, exact=True))
    with pytest.raises(CommandError, match="not implemented yet"):
        ports.check(port, SubConfig(12, any_outer=True))


def test_tables_of_a_deleted_port_serve_the_next_one() -> None:
    engine, port = build(random.Random(5))
    ports = engine.get(Ports)
    tables, rows = len(ports.single), len(ports.flags)
    for _ in range(3):
        engine.interfaces.delete(port)
        port = engine.interfaces.add_hardware("port0", DEVICE, ETHERNET, mac=MAC)
        engine.interfaces.set_state(port, UP)
        tagged = [MAC + bytes(6) + b"\x81\0\0\x0a\x08\0" + bytes(46)]
        assert call(engine, "ethernet-input", fill(engine, tagged, sw_if_index=port.sw_if_index)) == [1]
        for config in CONFIGS:
            ports.check(port, config)
            engine.interfaces.add_sub(port, config)
    assert (len(ports.single), len(ports.flags)) == (tables, rows)


def test_addresses_do_not_matter_where_nothing_is_routed() -> None:
    engine, port = build(random.Random(6))
    stranger = [OTHER + bytes(6) + b"\x08\0" + bytes(46)]
    node = engine.graph["ethernet-input"]

    def target() -> str:
        return node.nexts[call(engine, "ethernet-input", fill(engine, stranger, sw_if_index=port.sw_if_index))[0]].name

    assert target() == "error-punt"
    port.hardware.l2_count = 1
    assert target() == "ip4-input"
    port.hardware.l3_count = 1
    assert target() == "error-punt"
