"""The commands around packets to and from us, as an operator types them."""

from __future__ import annotations

import re

import pytest

from tests.traffic import Traffic
from vppsh.commands.text_table import format_table


@pytest.fixture
def traffic() -> Traffic:
    return Traffic()


def test_a_ping_counts_what_is_missing_and_says_where_it_comes_from(traffic: Traffic) -> None:
    text = traffic("ping 10.0.1.2 repeat 2 interval 0.1 burst 3 verbose")
    assert text == "Source address: 10.0.1.1 \nSource address: 10.0.1.1 \n\nStatistics: 6 sent, 0 received, 100% packet loss"
    assert re.search(r"tx packets +6\n", traffic("show interface pg1"))


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("ping", "ping: expecting IP4/IP6 address `'. Usage: ping <addr> [source <intf>] [size <datasz>] [repeat <count>] [verbose]"),
        ("ping 10.0.1.2 source pg7", "ping: unknown interface `pg7'"),
        ("ping 10.0.1.2 size 99999", "ping: 99999 is bigger than maximum allowed payload size 32768"),
        ("ping 10.0.1.2 burst 0", "ping: burst size must be between 1 and 256"),
        ("ping 203.0.113.1 repeat 1", "Failed: no egress interface\n\nStatistics: 0 sent, 0 received, 0% packet loss"),
    ],
)
def test_pings_that_are_not_sent(traffic: Traffic, line: str, answer: str) -> None:
    assert traffic(line) == answer


def test_datagrams_without_listener_are_punted_when_the_host_wants_them(traffic: Traffic) -> None:
    traffic.udp("us", 5, destination="10.0.0.1", ports="9 -> 4000")
    traffic.send("us")
    assert "No listener for dst port" in traffic("show errors")
    assert traffic("set punt ipv4 udp all") == ""
    traffic("clear errors")
    traffic.send("us")
    assert "No listener punt" in traffic("show errors")
    assert "IPv4 UDP punt: enabled" in traffic("show udp punt")
    traffic("set punt ipv4 udp del all")
    assert "IPV4 UDP ports punt : " in traffic("show udp punt")


def test_one_port_is_punted(traffic: Traffic) -> None:
    traffic.udp("us", 5, destination="10.0.0.1", ports="9 -> 4000")
    traffic("set punt ipv4 udp 4000")
    assert re.search(r"4000\S* *ip4\S* *ip4-udp-punt", traffic("show udp ports bind"))
    assert "4000" in traffic("show udp punt").splitlines()[0]
    traffic("clear errors")
    traffic.send("us")
    assert re.search(r"5 +ip4-udp-punt +udp port punt", traffic("show errors"))
    traffic("set punt ipv4 udp del 4000")
    assert "4000" not in traffic("show udp ports bind")
    assert traffic("set punt ipv4 tcp 80") == "set punt: punt TCP ports is not supported yet"
    assert traffic("show udp ports 70000") == "show udp ports: wrong port 70000"


def test_reasons_to_punt_find_their_node(traffic: Traffic) -> None:
    reasons = traffic("show punt reasons").splitlines()
    assert reasons[0].startswith("[0]")
    name = reasons[1].split()[1]
    assert traffic(f"set punt reason {name}") == ""
    assert traffic(f"set punt reason {name}") == "set punt: Existing punting registration..."
    assert f"{name} flags: ip4-packet  -> ip4-punt" in traffic("show punt db")
    assert "registrations:\n  [[1]" in traffic("show punt client ip-punt")
    assert traffic(f"set punt del reason {name}") == ""
    assert "-> ip4-punt" not in traffic("show punt db")


def test_local_protocols_and_interfaces_without_address(traffic: Traffic) -> None:
    lines = traffic("show ip local").splitlines()
    assert lines[0] == "Protocols handled by ip4_local"
    assert {"ICMP: ip4-icmp-input", "UDP: ip4-udp-lookup"} <= set(lines)
    traffic("set interface ip address del pg0 10.0.0.1/24")
    traffic.udp("through", 4)
    traffic.send("through")
    assert "ip4-not-enabled" in traffic("show features verbose")
    assert "ip4-not-enabled" in traffic("show interface features pg0")
    before = traffic("show interface pg1")
    traffic("enable ip4 interface pg0")
    traffic.send("through")
    assert traffic("show interface pg1") != before


def test_the_proxy_lists_its_ranges_and_interfaces(traffic: Traffic) -> None:
    assert traffic("set arp proxy table-id 0 start 10.0.1.10 end 10.0.1.20") == ""
    assert traffic("set interface proxy-arp pg0 enable") == ""
    text = traffic("show arp proxy")
    assert "10.0.1.10" in text
    assert "10.0.1.20" in text
    traffic("set arp proxy del table-id 0 start 10.0.1.10 end 10.0.1.20")
    assert "10.0.1.10" not in traffic("show arp proxy")
    assert traffic("set arp proxy table-id 9 start 10.0.1.10 end 10.0.1.20") == "set arp proxy: no such table: 9"


def test_fragments_that_wait_are_shown_in_detail(traffic: Traffic) -> None:
    fragment = "45000024000720004011431f0a0000020a000102" + "00" * 16
    stream = f"name g limit 1 size 36-36 interface pg0 node ip4-full-reassembly data {{ hex 0x{fragment} }}"
    assert traffic(f"packet-generator new {{ {stream} }}") == ""
    traffic("trace add pg-input 1")
    traffic.send("g")
    lines = traffic("show ip4-full-reassembly details").splitlines()
    assert lines[3] == "ID: 0, key: fib_index: 0, src: 10.0.0.2, dst: 10.0.1.2, frag_id: 7, proto: 17"
    assert re.fullmatch(r"  first_bi: \d+, data_len: 16, last_packet_octet: 4294967295, trace_op_counter: 1", lines[4])
    assert re.fullmatch(r"  #000: range: \[0, 15\], bi: \d+, off: 0, len: 16, fragment\[0, 15\]", lines[5])
    assert "Current full IP4 reassemblies count: 1" in lines
    assert "new range: [0, 15], off 0, len 16" in traffic("show trace")


def test_columns_are_as_wide_as_their_widest_cell() -> None:
    text = re.sub(r"\x1b\[\d+m", "", format_table(("port", "node"), [("1", "a"), ("65535", "ip4-udp-punt")]))
    assert text.splitlines() == ["port      node    ", "    1            a", "65535 ip4-udp-punt"]
