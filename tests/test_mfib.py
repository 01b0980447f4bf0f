"""The multicast FIB: which entry a packet meets, whether it may come in, and where its copies go."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.graphs import SIZES
from tests.packets import ip4_packet, ip6_packet, ones_complement
from tests.routers import Router, mac, number
from vppsh.engine.fib.types import Protocol, RoutePath
from vppsh.engine.mfib.tables import Mfib
from vppsh.engine.mfib.types import EntryFlag, Group, InterfaceFlag, MfibSource

ACCEPT, FORWARD = InterfaceFlag.ACCEPT, InterfaceFlag.FORWARD
GROUP = number("232.1.1.1")
FLOW = np.dtype("V8")


def let(router: Router, group: Group, flags: dict[int, InterfaceFlag]) -> None:
    """What an entry does on the links."""
    entry = router.engine.get(Mfib).table(group.protocol, 0).find_or_create(group)
    for link, wanted in flags.items():
        entry.update_path(MfibSource.CLI, RoutePath(group.protocol, interface=router.interfaces[link].sw_if_index), wanted)


groups = st.tuples(st.integers(0, 3), st.integers(4, 32)).map(lambda each: (0xE8010100 + each[0] * 0x01010101, each[1]))


@settings(max_examples=50)
@given(wide=st.lists(groups, max_size=8), senders=st.lists(st.tuples(st.integers(0, 3), st.integers(1, 3)), max_size=4), data=st.data())
def test_packets_meet_the_most_specific_entry(wide: list[tuple[int, int]], senders: list[tuple[int, int]], data: st.DataObject) -> None:
    router = Router()
    mfib = router.engine.get(Mfib)
    table = mfib.table(Protocol.IP4, 0)
    known = [Group(Protocol.IP4, group, length) for group, length in wide]
    known += [Group(Protocol.IP4, 0xE8010100 + group * 0x01010101, 32, 0x0A000000 + source) for group, source in senders]
    for group in known:
        table.find_or_create(group).set_flags(MfibSource.CLI, EntryFlag.ACCEPT_ALL)
    packets = data.draw(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 4)), min_size=1, max_size=20))
    flows = [(0x0A000000 + source, 0xE8010100 + group * 0x01010101) for group, source in packets]

    def best(source: int, group: int) -> Group:
        fits = [each for each in known if each.source in (0, source) and (each.group ^ group) >> (32 - each.length) == 0]
        return max(fits, key=lambda each: (each.source != 0, each.length), default=Group(Protocol.IP4, 0, 0))

    found = mfib.lookup(Protocol.IP4, np.zeros(len(flows), np.int32), np.array(flows, ">u4").view(FLOW).reshape(-1))
    for (source, group), index in zip(flows, found.tolist(), strict=True):
        wanted = best(source, group)
        met = mfib[index].group
        assert (met.network, met.length, met.source) == (wanted.network, wanted.length, wanted.source)
    for group in known:
        entry = table.find(group)
        if entry is not None:
            entry.remove_source(MfibSource.CLI)
            table.remove_if_unused(entry)
    assert table.lookup(GROUP).group.length == 0


@pytest.mark.parametrize("size", SIZES)
def test_what_is_accepted_goes_everywhere_the_rest_nowhere(size: int) -> None:
    rng = random.Random(size)
    router = Router()
    let(router, Group(Protocol.IP4, GROUP, 32), {0: ACCEPT | FORWARD, 1: FORWARD, 2: FORWARD})
    packets = [ip4_packet(dst=GROUP, payload=rng.randbytes(rng.randrange(8, 200)), identifier=each) for each in range(size)]
    left = router.send("ip4-input", *packets, link=0)
    for name, link in (("if1", 1), ("if2", 2)):
        mine = [data for at, data in router.left if at == name]
        assert [data[34:] for data in mine] == [packet[20:] for packet in packets]
        assert all(data[:14] == bytes.fromhex("01005e010101") + mac(link) + b"\x08\x00" for data in mine)
    assert router.count("ip4-input", "same_interface") == size, "nothing goes back to where it came from"
    assert len(left) == 2 * size
    assert all(packet[8] == 63 and ones_complement(packet[:20]) == 0 for packet in left)
    router.left.clear()
    assert router.send("ip4-input", *packets, link=1) == []
    assert router.count("ip4-input", "rpf_failure") == size
    assert router.engine.buffers.free == router.engine.buffers.count


def test_copies_of_packets_of_several_buffers_are_whole() -> None:
    router = Router()
    let(router, Group(Protocol.IP4, GROUP, 32), {0: ACCEPT | FORWARD, 1: FORWARD, 2: FORWARD})
    payload = random.Random(5).randbytes(5000)
    left = router.send("ip4-input", ip4_packet(dst=GROUP, payload=payload))
    assert [packet[20:] for packet in left] == [payload] * 2
    assert router.engine.buffers.free == router.engine.buffers.count


def test_ip6_groups() -> None:
    router = Router(ip6=True)
    group = number("ff3e::4321:1234")
    let(router, Group(Protocol.IP6, group, 128), {0: ACCEPT, 1: FORWARD})
    packet = ip6_packet(number("2001:db8::2"), group)
    (left,) = router.send("ip6-input", packet)
    assert left == packet[:7] + b"\x3f" + packet[8:]
    assert router.left[-1][1][:6] == bytes.fromhex("333343211234")


def test_paths_and_sources_come_and_go() -> None:
    router = Router()
    group = Group(Protocol.IP4, GROUP, 24)
    let(router, group, {0: ACCEPT, 1: FORWARD})
    table = router.engine.get(Mfib).table(Protocol.IP4, 0)
    entry = table.find(group)
    assert entry is not None
    packet = ip4_packet(dst=GROUP)
    assert len(router.send("ip4-input", packet)) == 1
    entry.remove_paths(MfibSource.CLI, [RoutePath(Protocol.IP4, interface=router.interfaces[1].sw_if_index)])
    assert router.send("ip4-input", packet) == []
    entry.set_flags(MfibSource.SPECIAL, EntryFlag.DROP)
    assert not entry.accepts(router.interfaces[0].sw_if_index), "a better source says nothing of interfaces"
    entry.remove_source(MfibSource.SPECIAL)
    assert entry.accepts(router.interfaces[0].sw_if_index)
    entry.remove_source(MfibSource.CLI)
    table.remove_if_unused(entry)
    assert table.find(group) is None
    assert router.engine.buffers.free == router.engine.buffers.count


@pytest.mark.parametrize("link", [0, 1])
def test_all_hosts_are_us_where_ip4_is_enabled(link: int) -> None:
    router = Router()
    received = router.engine.graph["ip4-receive"]
    router.send("ip4-input", ip4_packet(src=number(f"10.0.{link}.2"), dst=number("224.0.0.1"), protocol=89), link=link)
    assert received.vectors == 1
    assert router.left == []
