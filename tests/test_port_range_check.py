"""Source and port range checks: every packet against a plain twin, what commands keep, and what they refuse."""

from __future__ import annotations

import random

import numpy as np
import pytest

from tests.graphs import SIZES, call
from tests.packets import ip4_packet
from tests.routers import Router, number
from vppsh.engine.clock import FakeClock
from vppsh.engine.engine import Engine
from vppsh.engine.features.port_range_check import SLOTS, PortRangeChecks, PortRanges, Range, Side, Tables
from vppsh.engine.fib.fib import Fib
from vppsh.engine.fib.types import Prefix, Protocol, Source
from vppsh.session import Session

TCP, UDP, ICMP = 6, 17, 1
# By table: prefix, length, first and last port of each range.
ALLOWED = {
    1: (("172.16.0.0", 16, (53, 80)), ("172.16.1.0", 24, (7,)), ("224.0.0.0", 8, (9,))),
    2: (("172.16.0.0", 16, (80, 443)),),
}
SOURCES = ("172.16.0.5", "172.16.1.5", "10.0.0.2", "224.1.2.3", "255.255.255.255")
PORTS = (0, 7, 8, 53, 54, 55, 80, 443, 65535)


def router_with_ranges() -> tuple[Router, dict[int, int]]:
    """Two tables of ranges of one port each; the index of each table."""
    router = Router()
    tables = {}
    for vrf, routes in ALLOWED.items():
        table = router.engine.get(Fib).ip4.find_or_create(vrf, Source.CLASSIFY)
        tables[vrf] = table.index
        for address, length, ports in routes:
            prefix = Prefix(Protocol.IP4, number(address), length)
            router.engine.get(PortRanges).add(table, prefix, [Range(port, port + 1) for port in ports])
    return router, tables


def allowed(vrf: int | None, source: str, port: int) -> bool:
    """Whether a source may send to a port by a table; VPP lets the port behind each range pass, too."""
    if vrf is None:
        return False
    covering = [route for route in ALLOWED[vrf] if number(source) >> 32 - route[1] == number(route[0]) >> 32 - route[1]]
    ports = max(covering, key=lambda route: route[1])[2] if covering else ()
    return port != 0 and any(first <= port <= first + 1 for first in ports)


def passes(checks: list[tuple[int | None, int | None]], source: str, protocol: int, port: int) -> bool:
    """What becomes of a packet that meets these checks, each with a table for TCP and one for UDP."""
    if protocol not in (TCP, UDP) or number(source) >> 28 == 0xE or source == "255.255.255.255":
        return True
    return all(allowed(check[protocol == UDP], source, port) for check in checks)


def packet(source: str, protocol: int, port: int, *, options: bytes = b"") -> bytes:
    payload = bytes((0, 99)) + port.to_bytes(2, "big") + bytes(16)
    return ip4_packet(number(source), number("10.0.1.2"), payload=payload, protocol=protocol, options=options)


@pytest.mark.parametrize("scattered", [False, True])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("side", list(Side))
def test_each_packet_is_judged_on_its_own(side: Side, size: int, scattered: bool) -> None:
    rng = random.Random(size)
    router, tables = router_with_ranges()
    buffers, index, checks = router.engine.buffers, router.interfaces[0].sw_if_index, router.engine.get(PortRangeChecks)
    chosen = {"tcp_out": tables[1], "udp_out": tables[2]} if side is Side.RX else {"tcp_in": tables[1], "udp_in": tables[2]}
    checks.set(index, Tables(**chosen), True)
    made = [(rng.choice(SOURCES), rng.choice((TCP, UDP, ICMP)), rng.choice(PORTS)) for _ in range(size)]
    packets = [bytes(side.ahead) + packet(*each, options=rng.choice((b"", bytes(8)))) for each in made]
    frame = router.frame(*packets, scattered=scattered)
    rows = frame.indices(buffers).copy()
    buffers.tx_sw_if_index[rows] = index
    arcs, node = router.engine.arcs, router.engine.graph[side.node]
    arcs.start(arcs[side.arc], node.context, frame, index, 0)
    nexts = call(router.engine, side.node, frame)
    drop = node.slots[router.engine.graph["ip4-drop"]]
    expected = [passes([(1, 2)], *each) for each in made]
    assert [slot != drop for slot in nexts] == expected
    for row, good in zip(rows.tolist(), expected, strict=True):
        assert good or router.engine.errors.spec(int(buffers.error[row]))[1].name == "check_fail"
    judged = [each[1] in (TCP, UDP) and number(each[0]) >> 28 != 0xE and each[0] != "255.255.255.255" for each in made]
    assert router.count(side.node, "check_ok") == sum(good and own for good, own in zip(expected, judged, strict=True))


def test_packets_meet_every_check_of_their_interface() -> None:
    router, tables = router_with_ranges()
    index, checks = router.interfaces[0].sw_if_index, router.engine.get(PortRangeChecks)
    first, second = Tables(tcp_out=tables[1], udp_out=tables[1]), Tables(tcp_out=tables[2])
    made = [packet("172.16.0.5", protocol, port) for protocol in (TCP, UDP) for port in (53, 80, 443)]

    def left() -> list[tuple[int, int]]:
        return [(each[9], int.from_bytes(each[22:24], "big")) for each in router.send("ip4-input", *made)]

    checks.set(index, first, True)
    assert left() == [(TCP, 53), (TCP, 80), (UDP, 53), (UDP, 80)]
    # A check without a table for a protocol lets none of it pass.
    checks.set(index, second, True)
    assert left() == [(TCP, 80)]
    checks.set(index, Tables(tcp_out=tables[1]), False)
    assert left() == [(TCP, 80)], "no check has these tables"
    checks.set(index, first, False)
    assert left() == [(TCP, 80), (TCP, 443)]
    checks.set(index, second, False)
    assert len(left()) == len(made)


def test_packets_that_a_route_of_ranges_attracts_are_dropped() -> None:
    router, tables = router_with_ranges()
    router.engine.get(Fib).bind(Protocol.IP4, router.interfaces[0].sw_if_index, tables[1])
    to_range = ip4_packet(number("10.0.0.2"), number("172.16.0.5"))
    router.send("ip4-input", to_range)
    assert router.left == []
    assert router.count(Side.RX.node, "check_fail") == 1
    assert router.engine.buffers.free == router.engine.buffers.count


@pytest.fixture
def session() -> Session:
    return Session(Engine(clock=FakeClock(), random=np.random.default_rng(1)))


def answer(session: Session, line: str) -> str:
    """What a line that is not refused is answered, without the newline."""
    result = session.execute(line)
    assert not result.failed, result.text
    return result.text.rstrip("\n")


def test_ranges_are_kept_shown_and_taken_away(session: Session) -> None:
    ask = "show ip source-and-port-range-check vrf 7 172.16.0.9"
    change = "set ip source-and-port-range-check vrf 7 172.16.0.0/16"
    answer(session, f"{change} port 53 range 1000 - 2000 range 3000-3000")
    assert answer(session, ask) == "172.16.0.9: 53 - 54 1000 - 2001 3000 - 3001 "
    assert "allow 53, 1000-2000, 3000" in answer(session, "show ip fib table 7 172.16.0.0/16")
    assert answer(session, f"{ask} port 54") == "172.16.0.9 port 54 PASS"
    assert answer(session, f"{ask} port 55") == "172.16.0.9 port 55 FAIL"
    answer(session, f"{change} range 1000 - 2000 port 4 del")
    answer(session, f"{change} port 65535")
    assert answer(session, ask) == "172.16.0.9: 53 - 54 65535 - 0 3000 - 3001 "
    assert answer(session, f"{ask} port 65535") == "172.16.0.9 port 65535 FAIL"
    answer(session, change + "".join(f" port {port}" for port in range(100, 120)))
    shown = answer(session, ask)
    assert shown.count(" - ") == SLOTS
    assert "104 - 105" in shown
    assert "105 - 106" not in shown
    answer(session, f"{change} port 53 port 65535 port 3000 {' '.join(f'port {port}' for port in range(100, 105))} del")
    assert answer(session, ask) == "172.16.0.9: src address drop"


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("set ip source-and-port-range-check vrf 7 10.0.0.0/8 port 0", "port 0 out of range"),
        ("set ip source-and-port-range-check range 9 - 8", "ports 9 and 8 out of order"),
        ("set ip source-and-port-range-check range 0 - 8", "low port 0 out of range"),
        ("set ip source-and-port-range-check range 1 - 65536", "high port 65536 out of range"),
        ("set ip source-and-port-range-check vrf 7 port 1", " <address>/<mask> not specified"),
        ("set ip source-and-port-range-check 10.0.0.0/8 port 1", " VRF ID required, not specified"),
        ("set ip source-and-port-range-check 10.0.0.0/8 vrf 7", " Both VRF ID and range/port must be set for a protocol."),
        ("set ip source-and-port-range-check 10.0.0.0/8 vrf 0 port 1", " VRF ID can not be 0 (default)."),
        ("set ip source-and-port-range-check 2001:db8::/32 vrf 7 port 1", " IPv6 in subsequent patch"),
        ("show ip source-and-port-range-check 10.0.0.1", "VRF ID required, not specified"),
        ("show ip source-and-port-range-check 10.0.0.1 vrf 9", "VRF 9 not found"),
        ("set interface ip source-and-port-range-check local0 tcp-out-vrf 0",
         "TCP, UDP VRF ID should not be 0 (default). Should be distinct VRF for this purpose. "),
        ("set interface ip source-and-port-range-check local0 tcp-in-vrf 9", "Invalid VRF ID 9"),
    ],
)  # fmt: skip
def test_what_is_refused(session: Session, line: str, fault: str) -> None:
    result = session.execute(line)
    assert result.failed
    assert result.text.rstrip("\n").endswith(f"range-check: {fault}"), result.text
