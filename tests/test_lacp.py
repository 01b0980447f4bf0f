"""LACP: two engines agree on which links carry traffic, and what they send is what scapy takes for LACP."""

from __future__ import annotations

from collections import deque

import numpy as np
import pytest
from scapy.contrib.lacp import LACP, SlowProtocol
from scapy.layers.l2 import Ether

from tests.graphs import fill
from vppsh.engine.clock import FakeClock
from vppsh.engine.engine import Engine
from vppsh.engine.features.bond.bonds import Balance, Bonds, Mode
from vppsh.engine.features.lacp.machines import Mux, Ptx, Rx
from vppsh.engine.features.lacp.ports import LacpPorts, Port
from vppsh.engine.frame import Frame
from vppsh.engine.interfaces import DOWN, ETHERNET, UP, DeviceClass, Interface, NodeFunction
from vppsh.engine.wire.lacp import State
from vppsh.registry import discover

CATALOG = discover(("vppsh.engine.features",))
STEADY = State.SYNCHRONIZATION | State.COLLECTING | State.DISTRIBUTING


class End:
    """An engine with an LACP bond over some links; `out` holds what each link has sent, until the other end hears it."""

    def __init__(self, clock: FakeClock, system: int, links: int = 2, **options: bool) -> None:
        self.engine = Engine(CATALOG, clock=clock, random=np.random.default_rng(system))
        self.out: list[deque[bytes]] = [deque() for _ in range(links)]
        device = DeviceClass("test", self._transmitter)
        interfaces = self.engine.interfaces
        self.links = [
            interfaces.add_hardware(f"if{n}", device, ETHERNET, mac=bytes((2, system, 0, 0, 0, n)), device=n, link_up=True)
            for n in range(links)
        ]
        bond = self.engine.get(Bonds).create(Mode.LACP, Balance.L34, bytes((2, 0xBB, 0, 0, 0, system)))
        assert bond is not None
        self.bond = bond
        interfaces.set_state(bond.interface, UP)
        for link in self.links:
            interfaces.set_state(link, UP)
            self.engine.get(Bonds).add(bond, link, **options)
        self.engine.run_until_idle()

    def _transmitter(self, engine: Engine, interface: Interface) -> NodeFunction:
        def transmit(ctx: object, frame: Frame) -> None:
            rows = frame.indices(engine.buffers).tolist()
            self.out[interface.hardware.device].extend(engine.buffers.packet(index) for index in rows)
            engine.buffers.free_packets(frame)

        return transmit

    def hear(self, link: int, packet: bytes) -> None:
        """Have a link receive a frame, as devices hand it over."""
        arc = self.engine.arcs["device-input"]
        frame = fill(self.engine, [packet], sw_if_index=self.links[link].sw_if_index)
        self.engine.buffers.feature_pos[frame.rows] = arc.chain[self.links[link].sw_if_index] + 1
        self.engine.dispatcher.send(self.engine.graph["bond-input"], frame)
        self.engine.run_until_idle()

    def port(self, link: int) -> Port:
        port = self.engine.get(LacpPorts).find(self.links[link].sw_if_index)
        assert port is not None
        return port

    @property
    def active(self) -> list[str]:
        return sorted(member.interface.name for member in self.bond.active)

    def count(self, text: str) -> int:
        index = self.engine.errors.find("lacp-input", text)
        assert index is not None
        return int(self.engine.errors.counts[index])


def pass_time(clock: FakeClock, seconds: float, *ends: End, cut: set[int] = frozenset()) -> None:  # type: ignore[assignment]
    """Let time pass; what one end sends by a link the other one hears by the same link, unless it is cut."""
    for _ in range(round(seconds / 0.1)):
        clock.sleep(0.1)
        for end in ends:
            end.engine.run_until_idle()
        for one, two in zip(ends, reversed(ends)):
            for link, sent in enumerate(one.out):
                while sent:
                    packet = sent.popleft()
                    if len(ends) == 2 and link not in cut:
                        two.hear(link, packet)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def test_without_a_partner_nothing_is_active(clock: FakeClock) -> None:
    end = End(clock, 1)
    frame = Ether(end.out[0][0])
    assert frame.dst == "01:80:c2:00:00:02"
    assert frame[SlowProtocol].subtype == 1
    assert frame[LACP].actor_system == "02:bb:00:00:00:01"
    assert (frame[LACP].actor_port_number, frame[LACP].actor_state) == (1, 0x47)
    assert len(bytes(frame)) == 124
    port = end.port(0)
    assert (port.rx, port.mux, port.ptx, port.sent) == (Rx.EXPIRED, Mux.DETACHED, Ptx.PERIODIC_TX, 1)
    pass_time(clock, 10, end)
    assert port.rx is Rx.DEFAULTED
    assert port.partner == port.partner_admin
    assert 3 <= port.sent <= 5  # every second until the other end is taken to be what was set, which asks for nothing
    assert not end.active
    assert not end.bond.interface.hardware.link_up


@pytest.mark.parametrize("passive", [False, True])
def test_two_ends_agree(clock: FakeClock, passive: bool) -> None:
    one, two = End(clock, 1), End(clock, 2, passive=passive)
    pass_time(clock, 6, one, two)
    for end, other in ((one, two), (two, one)):
        assert end.active == ["if0", "if1"]
        assert end.bond.interface.hardware.link_up
        for link in range(2):
            port = end.port(link)
            assert (port.rx, port.mux) == (Rx.CURRENT, Mux.COLLECTING_DISTRIBUTING)
            assert port.actor.state & STEADY == STEADY
            assert port.partner == other.port(link).actor
    pass_time(clock, 5, one, two)
    assert one.count("cache_hit") > 0


def test_two_passive_ends_stay_silent(clock: FakeClock) -> None:
    one, two = End(clock, 1, passive=True), End(clock, 2, passive=True)
    pass_time(clock, 10, one, two)
    assert [end.port(0).sent for end in (one, two)] == [0, 0]
    assert not one.active


def test_a_link_that_is_cut_carries_no_traffic(clock: FakeClock) -> None:
    one, two = End(clock, 1), End(clock, 2)
    pass_time(clock, 6, one, two)
    pass_time(clock, 8, one, two, cut={1})
    assert one.active == two.active == ["if0"]
    assert one.port(1).rx is two.port(1).rx is Rx.DEFAULTED
    # Taken to be what was set, the other end asks for nothing: the next word comes after half a minute.
    pass_time(clock, 35, one, two)
    assert one.active == two.active == ["if0", "if1"]


def test_a_port_that_is_switched_off_begins_anew(clock: FakeClock) -> None:
    one, two = End(clock, 1), End(clock, 2)
    pass_time(clock, 6, one, two)
    one.engine.interfaces.set_state(one.links[0], DOWN)
    assert one.active == ["if1"]
    pass_time(clock, 8, one, two)
    assert two.active == ["if1"]
    one.engine.interfaces.set_state(one.links[0], UP)
    pass_time(clock, 10, one, two)
    assert one.active == two.active == ["if0", "if1"]
    one.engine.get(Bonds).delete(one.bond)
    assert len(one.engine.get(LacpPorts)) == 0


def test_links_to_different_partners_are_not_mixed(clock: FakeClock) -> None:
    one, two, three = End(clock, 1), End(clock, 2, links=1), End(clock, 3, links=1)
    for _ in range(80):
        clock.sleep(0.1)
        for end in (one, two, three):
            end.engine.run_until_idle()
        for link, other in enumerate((two, three)):
            while one.out[link]:
                other.hear(0, one.out[link].popleft())
            while other.out[0]:
                one.hear(link, other.out[0].popleft())
    assert len(one.active) == 1
    assert one.count("bad_key") > 0


def test_a_loop_is_noticed(clock: FakeClock) -> None:
    end = End(clock, 1)
    for _ in range(30):
        clock.sleep(0.1)
        end.engine.run_until_idle()
        for link in range(2):
            while end.out[link]:
                end.hear(1 - link, end.out[link].popleft())
    assert end.port(0).loopback
    assert not end.active
    assert end.count("loopback_port") > 0


def test_markers_are_answered(clock: FakeClock) -> None:
    end = End(clock, 1)
    end.out[0].clear()
    marker = bytes((2, 1, 1, 16)) + bytes(range(14))
    end.hear(0, bytes.fromhex("0180c2000002020000000009" + "8809") + marker.ljust(110, b"\0"))
    answer = end.out[0].popleft()[14:]
    assert answer == (bytes((2, 1, 2, 16)) + bytes(range(14))).ljust(110, b"\0")


@pytest.mark.parametrize(
    ("payload", "counter"),
    [
        (b"\x01\x01\x01\x14", "too_small"), (b"\x02\x01", "too_small"), (b"\x07".ljust(110, b"\0"), "unsupported"),
        (b"\x01\x01\x01\x13".ljust(110, b"\0"), "bad_tlv"), (b"\x02\x01\x01\x13".ljust(110, b"\0"), "bad_tlv"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_counted(clock: FakeClock, payload: bytes, counter: str) -> None:
    end = End(clock, 1)
    end.hear(0, bytes.fromhex("0180c2000002020000000009" + "8809") + payload)
    assert end.count(counter) == 1
    end.engine.get(Bonds).detach(end.engine.get(Bonds).members[end.links[0].sw_if_index])
    frame = fill(end.engine, [payload], sw_if_index=end.links[0].sw_if_index)
    end.engine.dispatcher.send(end.engine.graph["lacp-input"], frame)
    end.engine.run_until_idle()
    assert end.count("disabled") == 1
