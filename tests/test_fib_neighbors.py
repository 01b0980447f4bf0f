"""The neighbour table: who may replace whom, limits, ageing."""

from __future__ import annotations

from tests.test_fib_tables import Net, number
from vppsh.engine.fib.types import Protocol
from vppsh.engine.neighbors import AddResult, Limits, NeighborFlag

MACS = [bytes((2, 0, 0, 0, 1, last)) for last in range(8)]
STATIC, DYNAMIC = NeighborFlag.STATIC, NeighborFlag.DYNAMIC


def add(net: Net, address: str, mac: bytes, flags: NeighborFlag = DYNAMIC) -> AddResult:
    protocol = Protocol.IP6 if ":" in address else Protocol.IP4
    return net.neighbors.add(protocol, net.interfaces[1].sw_if_index, number(address), mac, flags)


def listed(net: Net) -> dict[str, str]:
    """The last octet of the MAC address of each neighbour, with its flags, by the last number of its address."""
    return {str(each.address & 0xFF): f"{each.mac[-1]}{each.flag_letters}" for each in net.neighbors}


def test_what_is_static_stays() -> None:
    net = Net()
    assert add(net, "10.0.1.2", MACS[1]) is AddResult.DONE
    assert add(net, "10.0.1.2", MACS[2]) is AddResult.DONE
    assert listed(net) == {"2": "2D"}
    assert add(net, "10.0.1.2", MACS[3], STATIC) is AddResult.DONE
    assert add(net, "10.0.1.2", MACS[4]) is AddResult.IS_STATIC
    assert add(net, "10.0.1.2", MACS[3]) is AddResult.DONE
    assert listed(net) == {"2": "3S"}
    net.neighbors.flush(Protocol.IP4, static=False)
    assert listed(net) == {"2": "3S"}
    net.neighbors.flush(Protocol.IP4)
    assert not listed(net)


def test_a_full_table_refuses_or_forgets_the_oldest() -> None:
    net = Net()
    net.neighbors.configure(Protocol.IP4, Limits(limit=2))
    assert add(net, "10.0.1.2", MACS[2], STATIC) is AddResult.DONE
    net.engine.clock.sleep(1)
    assert add(net, "10.0.1.3", MACS[3]) is AddResult.DONE
    assert add(net, "10.0.1.4", MACS[4]) is AddResult.LIMIT
    assert add(net, "2001:db8:1::5", MACS[5]) is AddResult.DONE, "each protocol has its own limit"
    net.neighbors.configure(Protocol.IP4, Limits(limit=2, recycle=True))
    assert add(net, "10.0.1.4", MACS[4]) is AddResult.DONE
    assert listed(net) == {"2": "2S", "4": "4D", "5": "5D"}
    assert net.leads_to("10.0.1.3") == net.leads_to("10.0.1.99")


def test_routes_of_neighbours_hold_only_where_they_are_attached() -> None:
    net = Net()
    add(net, "10.0.1.2", MACS[2])
    add(net, "10.0.0.9", MACS[3])
    add(net, "10.0.1.7", MACS[7], DYNAMIC | NeighborFlag.NO_FIB_ENTRY)
    assert any("10.0.1.2 if1" in text for text in net.leads_to("10.0.1.2"))
    assert all("glean" in text for text in net.leads_to("10.0.0.9")), "10.0.0.9 was said to be on if1, its subnet is on if0"
    assert all("glean" in text for text in net.leads_to("10.0.1.7"))


def test_ageing_asks_three_times_and_then_forgets() -> None:
    net = Net()
    asked: list[tuple[int, int]] = []
    net.neighbors.probes[Protocol.IP4] = lambda interface, address: asked.append((interface, address))
    target = (net.interfaces[1].sw_if_index, number("10.0.1.2"))
    add(net, "10.0.1.2", MACS[2])
    add(net, "10.0.1.3", MACS[3], STATIC)
    asked.clear()
    net.neighbors.configure(Protocol.IP4, Limits(age=10))
    net.engine.clock.sleep(4)
    assert net.neighbors.age_out(Protocol.IP4) == 7
    net.engine.clock.sleep(7)
    waits = [net.neighbors.age_out(Protocol.IP4) for _ in range(3)]
    assert waits == [1, 1, 1]
    assert asked == [target] * 3
    assert listed(net) == {"2": "2D", "3": "3S"}
    net.neighbors.age_out(Protocol.IP4)
    assert asked == [target] * 3
    assert listed(net) == {"3": "3S"}


def test_a_neighbour_that_answers_lives_on() -> None:
    net = Net()
    net.neighbors.probes[Protocol.IP4] = lambda interface, address: None
    add(net, "10.0.1.2", MACS[2])
    net.neighbors.configure(Protocol.IP4, Limits(age=10))
    for _ in range(20):
        net.engine.clock.sleep(11)
        net.neighbors.age_out(Protocol.IP4)
        net.neighbors.learn(Protocol.IP4, net.interfaces[1].sw_if_index, number("10.0.1.2"), MACS[2])
    assert listed(net) == {"2": "2D"}


def test_a_link_local_neighbour_is_in_the_table_of_its_link() -> None:
    net = Net()
    before = net.sizes()
    add(net, "fe80::5", MACS[5])
    assert net.leads_to("fe80::5") == {"IP6_LINK_LOCAL"}
    net.neighbors.flush(Protocol.IP6)
    assert net.sizes() == before
