"""Bonds: which member a packet leaves by, compared with plain Python packet by packet, and who is active."""

from __future__ import annotations

import random
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.graphs import SIZES, fill, full_engine
from tests.packets import ip4_packet, ip6_packet
from vppsh.engine.addresses import Addresses
from vppsh.engine.crc32c import crc32c, crc32c_rows
from vppsh.engine.engine import Engine
from vppsh.engine.ethernet_hash import hash_l2, hash_l23, hash_l34
from vppsh.engine.features.bond.bonds import Balance, Bond, Bonds, Mode
from vppsh.engine.fib.types import Protocol
from vppsh.engine.frame import Frame
from vppsh.engine.interfaces import DOWN, ETHERNET, UP, DeviceClass, Interface, NodeFunction
from vppsh.errors import CommandError

OWN = bytes.fromhex("02bb00000001")


class Switch:
    """An engine with a bond over three links; `left` is what each of them has sent."""

    def __init__(self, mode: Mode, balance: Balance = Balance.L2, links: int = 3) -> None:
        self.engine: Engine = full_engine()
        self.left: dict[str, list[bytes]] = defaultdict(list)
        device = DeviceClass("test", self._transmitter)
        interfaces = self.engine.interfaces
        self.links = [interfaces.add_hardware(f"if{n}", device, ETHERNET, mac=bytes((2, 0, 0, 0, 0, n))) for n in range(links)]
        made = self.bonds.create(mode, balance, OWN)
        assert made is not None
        self.bond: Bond = made
        for link in self.links:
            interfaces.set_state(link, UP)
            self.bonds.add(self.bond, link)
        interfaces.set_state(self.bond.interface, UP)
        self.engine.run_until_idle()
        self.left.clear()

    @property
    def bonds(self) -> Bonds:
        return self.engine.get(Bonds)

    @property
    def active(self) -> list[str]:
        return [member.interface.name for member in self.bond.active]

    def _transmitter(self, engine: Engine, interface: Interface) -> NodeFunction:
        def transmit(ctx: object, frame: Frame) -> None:
            self.left[interface.name] += [engine.buffers.packet(index) for index in frame.indices(engine.buffers).tolist()]
            engine.buffers.free_packets(frame)

        return transmit

    def send(self, packets: list[bytes]) -> None:
        frame = fill(self.engine, packets, scattered=random.random() < 0.5)
        self.engine.dispatcher.send(self.bond.interface.hardware.output, frame)
        self.engine.run_until_idle()

    def receive(self, link: Interface, packets: list[bytes]) -> Frame:
        """Let the bond's input node have packets of a link; what it was given."""
        frame = fill(self.engine, packets, sw_if_index=link.sw_if_index)
        arc = self.engine.arcs["device-input"]
        self.engine.buffers.feature_pos[frame.rows] = arc.chain[link.sw_if_index] + 1
        self.engine.dispatcher.send(self.engine.graph["bond-input"], frame)
        self.engine.run_until_idle()
        return frame


def packets_of_all_kinds(rng: random.Random, n: int) -> list[bytes]:
    made = []
    for _ in range(n):
        tags = b"".join(rng.choice((b"\x81\x00", b"\x88\xa8")) + rng.randbytes(2) for _ in range(rng.choice((0, 0, 1, 2))))
        kind = rng.choice((4, 6, 0))
        protocol = rng.choice((6, 17, 1))
        if kind == 4:
            payload = b"\x08\x00" + bytes((0x45, 0)) + rng.randbytes(7) + bytes((protocol,)) + rng.randbytes(40)
        elif kind == 6:
            payload = b"\x86\xdd" + b"\x60" + rng.randbytes(5) + bytes((protocol,)) + rng.randbytes(60)
        else:
            payload = rng.choice((b"\x08\x06", b"\x88\x47", b"\x08\x00")) + b"\x00" + rng.randbytes(60)
        made.append(rng.randbytes(12) + tags + payload)
    return made


def xor(*parts: bytes) -> bytes:
    return bytes(np.bitwise_xor.reduce([np.frombuffer(part, np.uint8) for part in parts]).tolist())


def twin(packet: bytes, balance: Balance) -> int:
    """The hash of one packet."""
    at, kind = 14, packet[12:14]
    if kind in (b"\x81\x00", b"\x88\xa8"):
        at, kind = 18, packet[16:18]
        if kind == b"\x81\x00":
            at, kind = 22, packet[20:22]
    version = packet[at] >> 4 if kind in (b"\x08\x00", b"\x86\xdd") else 0
    if balance is Balance.L2 or version not in (4, 6):
        return crc32c(packet[:12])
    start = at if version == 4 else 14
    addresses = packet[start + 12 : start + 20] if version == 4 else packet[start + 8 : start + 40]
    if balance is Balance.L23:
        fold = xor(packet[:4], packet[4:8], packet[8:12])
    else:
        protocol, ports = (packet[start + 9], start + 20) if version == 4 else (packet[start + 6], start + 40)
        fold = xor(packet[ports : ports + 2], packet[ports + 2 : ports + 4]) + b"\0\0" if protocol in (6, 17) else bytes(4)
    return crc32c(addresses + fold + (b"" if version == 4 else bytes(4)))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("balance", [Balance.L2, Balance.L23, Balance.L34])
def test_the_hash_chooses(size: int, balance: Balance) -> None:
    seed = random.randrange(1 << 30)
    print("seed", seed)
    packets = packets_of_all_kinds(random.Random(seed), size)
    switch = Switch(Mode.XOR, balance)
    if size:
        functions = {Balance.L2: hash_l2, Balance.L23: hash_l23, Balance.L34: hash_l34}
        frame = fill(switch.engine, packets)
        assert functions[balance](switch.engine.buffers, frame).tolist() == [twin(packet, balance) for packet in packets]
        switch.engine.buffers.free_packets(frame)
        switch.send(packets)
    wanted = defaultdict(list)
    for packet in packets:
        wanted[f"if{twin(packet, balance) % 3}"].append(packet)
    assert switch.left == wanted


@settings(max_examples=30)
@given(st.integers(1, 300), st.integers(1, 5), st.integers(0, 7))
def test_round_robin_goes_on_where_it_was(n: int, links: int, last: int) -> None:
    switch = Switch(Mode.ROUND_ROBIN, links=links)
    switch.bond.last = last
    packets = [bytes(12) + n.to_bytes(2, "big") + bytes(50) for n in range(n)]
    wanted = defaultdict(list)
    for packet in packets:
        if links > 1:
            last = last + 1 if last + 1 < links else 0
        wanted[f"if{last if links > 1 else 0}"].append(packet)
    switch.send(packets)
    assert switch.left == wanted
    assert switch.bond.last == last


@pytest.mark.parametrize("size", [1, 7, 256])
def test_broadcast_sends_a_copy_by_each(size: int) -> None:
    packets = packets_of_all_kinds(random.Random(size), size)
    switch = Switch(Mode.BROADCAST)
    switch.send(packets)
    assert switch.left == {"if0": packets, "if1": packets, "if2": packets}
    assert switch.engine.buffers.free == switch.engine.buffers.count


def test_the_backup_takes_over_and_says_so() -> None:
    switch = Switch(Mode.ACTIVE_BACKUP)
    interfaces = switch.engine.interfaces
    switch.engine.get(Addresses).add(Protocol.IP4, switch.bond.interface, 0x0A000001, 24)
    switch.send([bytes(60)])
    assert list(switch.left) == ["if0"]
    switch.left.clear()
    interfaces.set_state(switch.links[0], DOWN)
    switch.engine.run_until_idle()
    # VPP fills the gap with the last one.
    assert switch.active == ["if2", "if1"]
    assert [(name, [packet[12:14] for packet in packets]) for name, packets in switch.left.items()] == [("if2", [b"\x08\x06"])]
    announced = switch.left["if2"][0]
    assert announced[:12] == b"\xff" * 6 + OWN
    assert announced[28:32] == announced[38:42] == bytes((10, 0, 0, 1))
    interfaces.set_state(switch.links[0], UP)
    assert switch.active == ["if2", "if0", "if1"]
    switch.bonds.set_weight(switch.bonds.members[switch.links[1].sw_if_index], 5)
    assert switch.active[0] == "if1"
    for link in switch.links:
        interfaces.set_state(link, DOWN)
    assert not switch.bond.interface.hardware.link_up
    switch.left.clear()
    switch.send([bytes(60)])
    assert not switch.left


def test_members_have_the_address_of_the_bond_and_get_theirs_back() -> None:
    switch = Switch(Mode.XOR)
    assert {link.mac for link in switch.links} == {OWN}
    with pytest.raises(CommandError, match="already added"):
        switch.bonds.add(switch.bond, switch.links[0])
    with pytest.raises(CommandError, match="bond interface cannot be"):
        switch.bonds.add(switch.bond, switch.bond.interface)
    switch.bonds.detach(switch.bonds.members[switch.links[1].sw_if_index])
    assert switch.links[1].mac == bytes((2, 0, 0, 0, 0, 1))
    switch.engine.interfaces.delete(switch.links[2])
    assert switch.active == ["if0"]
    switch.bonds.delete(switch.bond)
    assert switch.links[0].mac == bytes((2, 0, 0, 0, 0, 0))
    assert not switch.bonds.members
    other = switch.bonds.create(Mode.XOR)
    assert other is not None
    switch.bonds.add(other, switch.links[0])
    assert other.interface.mac == switch.links[0].mac


@pytest.mark.parametrize(
    ("header", "own"),
    [
        ("0800", False), ("8809", True), ("88cc", True), ("2000", True), ("81000007" + "88cc", True), ("81000007" + "0800", False),
        ("8100000781000008" + "8809", True), ("0026aaaa0300000c2000", True), ("0026aaaa0300000c0104", False),
    ],
)  # fmt: skip
def test_what_is_between_the_ends_of_a_link_stays_with_the_member(header: str, own: bool) -> None:
    switch = Switch(Mode.XOR)
    rx = switch.engine.interfaces.rx.packets
    node = switch.engine.graph["bond-input"]
    packet = OWN + bytes.fromhex("020000000009" + header) + bytes(60)
    frame = switch.receive(switch.links[1], [packet, packet])
    received_by = switch.links[1] if own else switch.bond.interface
    assert set(switch.engine.buffers.rx_sw_if_index[frame.rows].tolist()) == {received_by.sw_if_index}
    assert rx[switch.bond.interface.sw_if_index] == 2
    assert switch.engine.errors.counts[node.error_base + 3] == (2 if own else 0)


def test_a_passive_member_loses_the_first_packet_of_a_frame() -> None:
    switch = Switch(Mode.ACTIVE_BACKUP)
    node = switch.engine.graph["bond-input"]
    packets = [OWN + bytes.fromhex("020000000009") + b"\x08\x00" + ip4_packet(1, 2) for _ in range(3)]
    packets.append(OWN + bytes.fromhex("020000000009") + b"\x86\xdd" + ip6_packet(1, 2))
    frame = switch.receive(switch.links[1], packets)
    assert set(switch.engine.buffers.rx_sw_if_index[frame.rows].tolist()) == {switch.links[1].sw_if_index}
    assert switch.engine.interfaces.rx.packets[switch.links[1].sw_if_index] == 3
    assert node.next_vectors[0] == 1


@given(st.lists(st.binary(min_size=12, max_size=12), max_size=20))
def test_checksums_of_rows(rows: list[bytes]) -> None:
    matrix = np.frombuffer(b"".join(rows), np.uint8).reshape(len(rows), 12)
    assert crc32c_rows(matrix).tolist() == [crc32c(row) for row in rows]
