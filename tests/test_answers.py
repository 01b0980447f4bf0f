"""Readers of VPP's answers: the recordings, VPP's layout, names that fill their column, odd lines."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vppsh.answers.addresses import Address, InterfaceAddresses, read_addresses
from vppsh.answers.bridges import read_bridge_domains
from vppsh.answers.errors import ErrorCounter, read_errors
from vppsh.answers.features import read_features
from vppsh.answers.fib import Fib, read_fib
from vppsh.answers.hardware import read_hardware
from vppsh.answers.interfaces import Interface, read_interfaces
from vppsh.answers.ip_tables import IpTable, read_ip_tables
from vppsh.answers.l2fib import read_l2fib
from vppsh.answers.neighbors import Neighbor, read_neighbors
from vppsh.answers.routes import read_route
from vppsh.answers.runtime import read_runtime
from vppsh.answers.version import read_version
from vppsh.answers.ways import Kind
from vppsh.answers.wireguard import read_wireguard_interfaces

RECORDINGS = Path(__file__).resolve().parents[2] / "shared" / "conformance" / "scenarios"
# By what a line begins with: the rest says of which table, interface, prefix ...
READERS: dict[str, Callable[[str], Any]] = {
    "show interface": read_interfaces,
    "show interface address": read_addresses,
    "show errors": read_errors,
    "show runtime": read_runtime,
    "show runtime verbose": read_runtime,
    "show runtime summary": read_runtime,
    "show ip fib": read_fib,
    "show ip6 fib": read_fib,
    "show ip neighbors": read_neighbors,
    "show ip6 neighbors": read_neighbors,
    "show ip table": read_ip_tables,
    "show ip6 table": read_ip_tables,
    "show hardware-interfaces": read_hardware,
    "show interface features": read_features,
    "show bridge-domain": read_bridge_domains,
    "show l2fib": read_l2fib,
    "show wireguard interface": read_wireguard_interfaces,
}
REFUSED = re.compile(r"unknown|No such|parse error|Couldn't find|doesn't exist|not specified|No operations| {10}show ")
NAMES = st.from_regex(r"[A-Za-z][A-Za-z0-9/._-]{0,50}", fullmatch=True)
COUNTS = st.integers(1, 10**13)


def recorded() -> Iterator[tuple[str, str, str]]:
    """Each recorded answer that a reader is for: where, what the line begins with, the answer."""
    beginnings = sorted(READERS, key=len, reverse=True)
    for path in sorted(RECORDINGS.glob("*/*.txt")):
        for part in re.split(r"^vpp# ", path.read_text(errors="replace"), flags=re.MULTILINE)[1:]:
            line, _, text = part.partition("\n")
            words = f"{line.strip()} "
            begins = next((each for each in beginnings if words.startswith(f"{each} ")), "")
            # Further words make another answer of these; of the others they choose what is shown.
            if begins in ("show interface", "show errors", "show runtime") and line.strip() != begins:
                continue
            if begins and text.strip():
                yield path.name, begins, text


def odd_lines(answer: object) -> Iterator[str]:
    """What a reader did not understand, in routes too."""
    yield from answer.odd
    if isinstance(answer, Fib):
        for table in answer.tables:
            for route in table.routes:
                yield from route.odd


@pytest.mark.skipif(not RECORDINGS.exists(), reason="no recordings of VPP beside the checkout")
def test_every_recorded_answer_is_understood_to_the_last_line() -> None:
    answers = list(recorded())
    assert {line for _, line, _ in answers} >= {line for line in READERS if "runtime" not in line}
    odd = [
        (name, line, found) for name, line, text in answers if not REFUSED.search(text) and (found := list(odd_lines(READERS[line](text))))
    ]
    assert not odd


def centred(text: str, width: int) -> str:
    """VPP's `%=Ns`."""
    left = (width - len(text)) // 2
    return f"{' ' * left}{text}".ljust(width)


@given(st.lists(st.tuples(NAMES, st.integers(0, 9999), st.sampled_from(["up", "down", "error"]), st.dictionaries(
    st.sampled_from(["rx packets", "rx bytes", "tx packets", "drops", "ip4", "rx-no-buf"]), COUNTS)), max_size=5))  # fmt: skip
def test_interfaces_are_read_as_they_were_printed(given_interfaces: list[tuple[str, int, str, dict[str, int]]]) -> None:
    lines = ["              Name               Idx    State  MTU (L3/IP4/IP6/MPLS)     Counter          Count     "]
    for name, index, state, counters in given_interfaces:
        head = f"{name:<32}{centred(str(index), 5)}{centred(state, 10)}{centred('9000/0/0/0', 21)}"
        first, *rest = [f"{counter:<16}{count:>16}" for counter, count in counters.items()] or [""]
        lines += [head + first, *(" " * 68 + each for each in rest)]
    read = read_interfaces("\n".join(lines) + "\n")
    # Nothing parts a name that fills its column from an index of four digits.
    if all(len(name) < 32 or (index < 1000 and not name[-1].isdigit()) for name, index, _, _ in given_interfaces):
        expected = tuple(Interface(name, index, state, "9000/0/0/0", counters) for name, index, state, counters in given_interfaces)
        assert read.interfaces == expected
        assert not read.odd


@given(st.text())
def test_no_text_makes_a_reader_fail(text: str) -> None:
    for reader in {*READERS.values(), read_version, read_route}:
        reader(text)


def test_a_punted_interface_is_up() -> None:
    text = f"{'tap0':<32}{centred('7', 5)}{centred('up/punt', 10)}{centred('1500/0/0/0', 21)}rx packets                    26\n"
    (interface,) = read_interfaces(text).interfaces
    assert interface == Interface("tap0", 7, "up/punt", "1500/0/0/0", {"rx packets": 26})
    assert interface.up


def test_errors_of_several_threads_are_added_up_and_old_versions_read() -> None:
    text = (
        "   Count                  Node                              Reason               Severity \n"
        "         3             null-node                      blackholed packets           error  \n"
        "         4             null-node                      blackholed packets           error  \n"
        "        11           ethernet-input                    l3 mac mismatch\n"
        "no such line\n"
    )
    read = read_errors(text)
    assert read.counters == (
        ErrorCounter("null-node", "blackholed packets", "error", 7),
        ErrorCounter("ethernet-input", "l3 mac mismatch", "", 11),
    )
    assert read.odd == ("no such line",)


def test_runtime_of_workers_and_names_that_touch_their_state() -> None:
    name = "a-node-with-quite-a-long-name-in-it"
    text = (
        "Thread 0 vpp_main (lcore 1)\n"
        "Time 12.5, 10.000000 sec internal node vector rate 0.00 loops/sec 812.20\n"
        "  vector rates in 1.0000e0, out 2.0000e0, drop 0.0000e0, punt 0.0000e0\n"
        "             Name                 State         Calls          Vectors        Suspends      Packet-Clocks   Vectors/Call  \n"
        f"{name}interrupt wait               5               6               0          2.65e3            1.20\n"
        "ip4-neighbor-age-process        any wait                 1               0               1          8.31e2            0.00\n"
        "    events pending, \n"
        "---------------\n"
        "Thread 1 vpp_wk_0 (lcore 2)\n"
        "Time 12.5, 10.000000 sec internal node vector rate 255.90 loops/sec 4e4\n"
        "  vector rates in 1.0000e7, out 1.0000e7, drop 0.0000e0, punt 0.0000e0\n"
        "dpdk-input                       polling             10000         2559000               0          5.01e1          255.90\n"
    )
    read = read_runtime(text)
    assert not read.odd
    main, worker = read.threads
    assert (main.name, worker.name, worker.vector_rate, worker.loops) == ("vpp_main", "vpp_wk_0", 255.9, 4e4)
    assert [(node.name, node.state, node.vectors) for node in main.nodes] == [
        (name, "interrupt wait", 6),
        ("ip4-neighbor-age-process", "any wait", 0),
    ]
    assert worker.nodes[0].per_call == 255.9


def test_the_version_is_told_from_who_built_it() -> None:
    assert read_version("vpp v26.10-rc0~12-gabc built by root on host at 2026-11-01\n") == "v26.10-rc0~12-gabc"
    assert read_version("something else\n") == "something else"


FIB = """\
ipv4-VRF:0, fib_index:0, flow hash:[src dst ] epoch:0 flags:none locks:[adjacency:1, default-route:1, ]
0.0.0.0/0
  unicast-ip4-chain
  [@0]: dpo-load-balance: [proto:ip4 index:1 buckets:1 uRPF:0 to:[0:0]]
    [0] [@0]: dpo-drop ip4
10.0.1.0/24 fib:0 index:13 locks:2
  interface refs:1 entry-flags:connected,attached, src-flags:added,contributing,active, cover:-1
    path-list:[21] locks:2 uPRF-list:15 len:1 itfs:[2, ]
      path:[25] pl-index:21 ip4 weight=1 pref=0 attached:  oper-flags:resolved, cfg-flags:glean,
         host-eth0

 forwarding:   unicast-ip4-chain
  [@0]: dpo-load-balance: [proto:ip4 index:13 buckets:1 uRPF:15 to:[3:252]]
    [0] [@4]: ipv4-glean: [src:10.0.1.0/24] host-eth0: mtu:1500 next:2 flags:[] ffffffffffff02feed01ca180806
ipv4-VRF:7, fib_index:1, flow hash:[src dst ] epoch:0 flags:none locks:[CLI:2, ]
203.0.113.0/24
  unicast-ip4-chain
  [@0]: dpo-load-balance: [proto:ip4 index:29 buckets:4 uRPF:32 to:[5:420] via:[2:168]]
    [0-2] [@5]: ipv4 via 10.0.1.2 pg1: mtu:9000 next:3 flags:[] 02fe0000000202feed01ca180800
    [3] [@13]: dpo-load-balance: [proto:ip4 index:21 buckets:1 uRPF:20 to:[0:0]]
          [0] [@6]: ipv4 [features] via 10.9.0.2 wg0: mtu:9000 next:5 flags:[features ] 00000000: 45000000000000004011f799c0a80101
                                                                                00000010: c0a80102ca6cca6c
             stacked-on entry:12:
               [@3]: arp-ipv4: via 10.0.1.3 pg0
    something new
what is this
"""


def test_tables_and_routes() -> None:
    fib = read_fib(FIB)
    assert fib.odd == ("what is this",)
    main, other = fib.tables
    assert (main.name, main.number, main.index, main.flow_hash, main.locks) == (
        "ipv4-VRF:0", 0, 0, ("src", "dst"), {"adjacency": 1, "default-route": 1},
    )  # fmt: skip
    assert list(main.routes.prefixes()) == ["0.0.0.0/0", "10.0.1.0/24"]
    dropped, attached = main.routes
    assert dropped.kinds == {Kind.DROP}
    (source,) = attached.sources
    assert (source.name, source.entry_flags, source.rest) == ("interface", ("connected", "attached"), "cover:-1")
    assert [(path.kind, path.interface, path.flags) for path in source.paths] == [("attached", "host-eth0", ("resolved", "glean"))]
    (glean,) = attached.ends
    assert (glean.kind, glean.interface, glean.mtu, glean.rewrite) == (Kind.GLEAN, "host-eth0", 1500, "ffffffffffff02feed01ca180806")
    assert attached.forwarding is not None
    assert (attached.forwarding.packets, attached.forwarding.bytes) == (3, 252)
    assert (other.number, len(other)) == (7, 1)


def test_what_a_route_leads_to_is_a_tree() -> None:
    route = read_fib(FIB).tables[1].routes[0]
    assert route.odd == ("    something new",)
    assert route.forwarding is not None
    assert (route.forwarding.buckets, route.forwarding.via_packets, route.forwarding.via_bytes) == (4, 2, 168)
    direct, tunnel = route.ends
    assert (direct.kind, direct.next_hop, direct.interface, direct.share) == (Kind.ADJACENCY, "10.0.1.2", "pg1", 3)
    assert (tunnel.interface, tunnel.rewrite) == ("wg0", "45000000000000004011f799c0a80101c0a80102ca6cca6c")
    assert [(each.kind, each.next_hop, each.interface) for each in tunnel.below] == [(Kind.INCOMPLETE, "10.0.1.3", "pg0")]


def test_a_summary_has_counts_and_carriage_returns_do_no_harm() -> None:
    head = FIB.partition("\n")[0]
    table = read_fib(
        f"{head}\n    Prefix length         Count     \n                   0               1\n                  24            1999\n"
    )
    assert table.tables[0].lengths == {0: 1, 24: 1999}
    assert (len(table.tables[0]), table.odd) == (2000, ())
    assert [list(each.routes.prefixes()) for each in read_fib(FIB.replace("\n", "\r\n")).tables] == [
        ["0.0.0.0/0", "10.0.1.0/24"],
        ["203.0.113.0/24"],
    ]


@given(st.lists(st.tuples(st.ip_addresses(network="2001:db8::/32"), st.integers(0, 128)), max_size=20))
def test_routes_are_found_in_any_number(prefixes: list[tuple[object, int]]) -> None:
    head = "ipv6-VRF:0, fib_index:0, flow hash:[] epoch:0 flags:none locks:[]\n"
    chain = "  unicast-ip6-chain\n  [@0]: dpo-load-balance: [proto:ip6 index:6 buckets:1 uRPF:5 to:[0:0]]\n    [0] [@0]: dpo-drop ip6\n"
    (table,) = read_fib(head + "".join(f"{address}/{length}\n{chain}" for address, length in prefixes)).tables
    assert [route.prefix for route in table.routes] == [f"{address}/{length}" for address, length in prefixes]
    assert all(route.kinds == {Kind.DROP} and not route.odd for route in table.routes)


def test_neighbours_of_both_kinds() -> None:
    text = (
        "     Age                       IP                    Flags      Ethernet              Interface       \n"
        "     1.2345               10.0.1.2                   D    02:fe:00:00:00:02 host-eth0\n"
        "   1h2m3.5s              2001:db8::2                 SN   02:fe:00:00:00:03 GigabitEthernet3/0/0.100\n"
        "no such line\n"
    )
    read = read_neighbors(text)
    assert read.odd == ("no such line",)
    learnt, static = read.neighbors
    assert learnt == Neighbor("10.0.1.2", "02:fe:00:00:00:02", "host-eth0", "D", "1.2345", 1.2345)
    assert (static.interface, static.static, learnt.static, static.seconds) == ("GigabitEthernet3/0/0.100", True, False, 3723.5)


def test_addresses_tables_and_layer_2() -> None:
    text = (
        "BondEthernet0 (up):\n  L3 10.0.0.1/24\n  L3 fd00::1/64 ip6 table-id 7 fib-idx 2\n"
        "loop0 (dn): \n  unnumbered, use BondEthernet0\n  L3 10.0.0.1/24 ip4 table-id 7 fib-idx 1\n"
        "bvi1 (up):\n  L2 bridge bd-id 13 idx 1 shg 2 bvi\ntap0 (up):\n  L2 xconnect tap1\n  new\n"
    )
    read = read_addresses(text)
    assert read.odd == ("  new",)
    bond, loop, bvi, tap = read.interfaces
    assert bond == InterfaceAddresses("BondEthernet0", True, [Address("10.0.0.1", 24), Address("fd00::1", 64, 7, 2)])
    assert [each.version for each in bond.addresses] == [4, 6]
    assert (loop.up, loop.lender, str(loop.addresses[0]), loop.addresses[0].table) == (False, "BondEthernet0", "10.0.0.1/24", 7)
    assert (bvi.bridge, bvi.group, bvi.bvi, tap.peer) == (13, 2, True, "tap1")


def test_devices_and_their_addresses() -> None:
    text = (
        "              Name                Idx   Link  Hardware\n"
        "GigabitEthernet0/8/0               1     up   GigabitEthernet0/8/0\n  Link speed: 10 Gbps\n  Ethernet address 02:fe:00:00:00:01\n"
        "  Virtio\n    carrier up\nlocal0                             0    down  local0\n  local\nodd line\n"
    )
    read = read_hardware(text)
    assert read.odd == ("odd line",)
    assert [(each.name, each.index, each.link, each.mac) for each in read.devices] == [
        ("GigabitEthernet0/8/0", 1, "up", "02:fe:00:00:00:01"),
        ("local0", 0, "down", ""),
    ]
    assert read.devices[0].details[2:] == ["  Virtio", "    carrier up"]


def test_tables_have_numbers_and_names() -> None:
    read = read_ip_tables("[0] table_id:0 ipv4-VRF:0\n[3] table_id:4294967295 calico-pods-ip4\nwhat\n")
    assert (read.tables, read.odd) == ((IpTable(0, 0, "ipv4-VRF:0"), IpTable(3, 4294967295, "calico-pods-ip4")), ("what",))


def test_bridge_domains_with_their_ports_and_stations() -> None:
    text = (
        "  BD-ID   Index   BSN  Age(min)  Learning  U-Forwrd   UU-Flood   Flooding  ARP-Term  arp-ufwd Learn-co Learn-li   BVI-Intf \n"
        "   13       1      0       5        on        off      drop        on        on       off        2    16777216    loop0   \n"
        "span-l2-input l2-output \n\n"
        "           Interface           If-idx ISN  SHG  BVI  TxFlood        VLAN-Tag-Rewrite       \n"
        "             loop0               3     1    0    *      *                 none             \n"
        "            pg0.100              4     1    2    -      *                 pop-1            \n\n"
        "  IP4/IP6 to MAC table for ARP Termination\n                10.0.0.2                 =>   02:fe:00:00:00:02 \n"
        "  BD-Tag: blue one\nodd\n"
    )
    read = read_bridge_domains(text)
    assert read.odd == ("odd",)
    (domain,) = read.domains
    assert (domain.number, domain.index, domain.age, domain.learn, domain.forward, domain.unknown) == (13, 1, 5, True, False, "drop")
    assert (domain.arp_term, domain.bvi, domain.tag, domain.stations) == (True, "loop0", "blue one", {"10.0.0.2": "02:fe:00:00:00:02"})
    assert [(each.interface, each.group, each.bvi, each.rewrite) for each in domain.members] == [
        ("loop0", 0, True, "none"),
        ("pg0.100", 2, False, "pop-1"),
    ]


def test_stations_learnt_and_configured() -> None:
    text = (
        "    Mac-Address     BD-Idx If-Idx BSN-ISN Age(min) static filter bvi         Interface-Name        \n"
        " 02:fe:00:00:00:01    1      1      0/1      -       -      -     -                pg0              \n"
        " de:ad:00:00:00:00    1      3      0/0      no      *      -     *               loop0             \n"
        "L2FIB total/learned entries: 2/1  Last scan time: 0.0000e0sec  Learn limit: 16777216 \n?\n"
    )
    read = read_l2fib(text)
    assert read.odd == ("?",)
    assert [(each.mac, each.interface, each.learnt, each.static, each.bvi) for each in read.stations] == [
        ("02:fe:00:00:00:01", "pg0", True, False, False),
        ("de:ad:00:00:00:00", "loop0", False, True, True),
    ]


def test_features_of_an_interface() -> None:
    text = (
        "Feature paths configured on pg0...\n\nip4-unicast:\n  acl-plugin-in-ip4-fa\n  ip4-lookup [1]\n\nip6-output:\n  none configured\n"
        "\narp:\n  arp-reply\n\nl2-input:\n  none configured\n"
    )
    read = read_features(text)
    assert (read.interface, read.odd) == ("pg0", ())
    assert read.arcs == {"ip4-unicast": ("acl-plugin-in-ip4-fa", "ip4-lookup"), "arp": ("arp-reply",)}


def test_wireguard_interfaces() -> None:
    read = read_wireguard_interfaces("[0] wg0 src:10.0.1.1 port:51820 private-key:secret public-key:x mac-key: z\nodd\n")
    assert [(each.name, each.source, each.port) for each in read.interfaces] == [("wg0", "10.0.1.1", 51820)]
    assert read.odd == ("odd",)
    assert "secret" not in repr(read)
