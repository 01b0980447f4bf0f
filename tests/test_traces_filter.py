"""The filter language: what each word asks for, how words combine, and errors that name the column."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.traces import ARP, ETHERNET, RECORDINGS, THREAD, dropped, forwarded, ip4, read, recorded_packets, recordings, shown, steps
from vppsh.traces.expression import FilterError, compile_filter
from vppsh.traces.flows import NAMES, Flow, step_flows
from vppsh.traces.model import Packet
from vppsh.traces.predicates import TERMS
from vppsh.traces.text import packets_of

HEADER6 = """\
  UDP: 2001:db8::2 -> 2001:db8:1::2
    tos 0x00, flow label 0x0, hop limit 1, payload length 88
  UDP: 5000 -> 53
    length 88, checksum 0x1
"""
IP6 = steps(
    (
        "ip6-input",
        HEADER6,
    ),
    ("error-drop", "  rx:pg0.10\n"),
    ("drop", "  ip6-input: ip6 ttl <= 1\n"),
    start=2000000,
)
TUNNEL = steps(
    ("pg-input", ip4("11.0.0.1", "11.0.0.65", "40000 -> 8080")),
    ("vxlan4-encap", "  VXLAN encap to vxlan_tunnel0 vni 4096\n"),
    ("ip4-rewrite", ""),
    ("pg1-output", f"  pg1 flags 0x1\n{ETHERNET}{ip4('172.18.0.4', '172.18.0.5', '479 -> 4789')}"),
    ("pg1-tx", ""),
)
TEXT = shown(forwarded(), dropped(), ARP, IP6, TUNNEL)
PACKETS = packets_of(TEXT)
FORWARDED, DROPPED, ASKED, SIX, TUNNELLED = (frozenset({n}) for n in range(1, 6))
EVERY = FORWARDED | DROPPED | ASKED | SIX | TUNNELLED


def kept(expression: str, packets: list[Packet] = PACKETS) -> frozenset[int | None]:
    keep = compile_filter(expression)
    return frozenset(packet.number for packet in packets if keep(packet))


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("host 10.0.0.2", FORWARDED | DROPPED | ASKED),
        ("host 10.0.0.20", frozenset()),
        ("src host 10.0.0.2", FORWARDED | DROPPED | ASKED),
        ("dst host 10.0.0.1", ASKED),
        ("dst host 192.0.2.1", DROPPED),
        ("host 2001:0db8:0::2", SIX),
        ("net 10.0.0.0/8", FORWARDED | DROPPED | ASKED),
        ("dst net 10.1.0.0/16", FORWARDED),
        ("net 2001:db8::/32", SIX),
        ("port 53", FORWARDED | DROPPED | SIX),
        ("src port 53", frozenset()),
        ("port 4000-50000", TUNNELLED | SIX),
        ("inner host 11.0.0.1", TUNNELLED),
        ("outer host 11.0.0.1", frozenset()),
        ("outer net 172.18.0.0/16 and inner dst port 8080", TUNNELLED),
        ("inner udp", TUNNELLED),
        ("udp", FORWARDED | DROPPED | SIX | TUNNELLED),
        ("proto tcp", frozenset()),
        ("arp", ASKED),
        ("ip6", SIX),
        ("ip4", FORWARDED | DROPPED | TUNNELLED),
        ("node ip4-lookup", FORWARDED | DROPPED),
        ("node ip?-input", FORWARDED | DROPPED | SIX),
        ("node vxlan*", TUNNELLED),
        ("by ip4-lookup", DROPPED),
        ("dropped", DROPPED | SIX),
        ("sent", FORWARDED | TUNNELLED),
        ("answered", ASKED),
        ("punted or held", frozenset()),
        ("reason 'ttl <= 1'", SIX),
        ('reason "BLACKHOLED packets"', DROPPED),
        ("out pg1", FORWARDED | TUNNELLED),
        ("in pg0", DROPPED),
        ("in pg0.10", SIX),
        ("interface pg0", DROPPED | ASKED),
        ("ttl < 2", SIX),
        ("vni 4096", TUNNELLED),
        ("fib 0", FORWARDED | DROPPED),
        ("field dpo = 5", FORWARDED),
        ("field stream", FORWARDED | DROPPED),
        ("field stream = s and not field dpo != 0", DROPPED),
        ("field adjacency", FORWARDED | DROPPED),
        ("text 'next_node ip4-input'", DROPPED),
        ("time >= 00:00:02:000000", SIX),
        ("time < 1.5", EVERY - SIX),
        ("took > 25us", EVERY - SIX),
        ("number 3", ASKED),
        ("steps >= 6", FORWARDED | DROPPED),
        ("thread 0", EVERY),
        ("thread != 0", frozenset()),
        ("host 10.0.0.2 and port 53 and dropped", DROPPED),
        ("dropped or sent and udp", DROPPED | SIX | FORWARDED | TUNNELLED),
        ("(dropped or sent) and port 8080", TUNNELLED),
        ("not dropped", EVERY - DROPPED - SIX),
        ("!dropped&&!sent", ASKED),
        ("dropped||sent", EVERY - ASKED),
        ("not not arp", ASKED),
    ],
)
def test_what_is_kept(expression: str, expected: frozenset[int]) -> None:
    assert kept(expression) == expected


def test_times_of_all_three_forms() -> None:
    unix = packets_of(shown(forwarded().replace("00:00:00:", "1795410329."), forwarded().replace("00:00:00:", "1795410331.")))
    assert kept("time > 2026-11-23T05:05:30.000000", unix) == {2}
    assert kept("time < 1795410330.000000", unix) == {1}


def test_threads() -> None:
    text = shown(forwarded()) + shown(dropped(), thread=THREAD.replace("0 vpp_main", "3 vpp_wk_2"))
    assert [packet.thread.index for packet in packets_of(text) if packet.thread and compile_filter("thread > 0")(packet)] == [3]


@pytest.mark.parametrize(
    ("expression", "column", "message"),
    [
        ("", 1, "empty"),
        ("  ", 1, "empty"),
        ("host", 5, "expected an address after `host', but the expression ends"),
        ("host pg0", 6, "expected an address after `host', got `pg0'"),
        ("dropd", 1, "unknown word `dropd': did you mean `dropped'?"),
        ("host 10.0.0.1 port 5", 15, "expected `and', `or' or the end, got `port'"),
        ("(dropped", 1, "this parenthesis is not closed"),
        ("dropped)", 8, "got `)'"),
        ("port 65536", 6, "a port or a range of ports"),
        ("port http", 6, "a port or a range of ports"),
        ('reason "abc', 8, "the quotation mark is not closed"),
        ("time > noon", 8, "a time as VPP prints it"),
        ("time 5", 6, "expected <, <=, =, !=, >= or > after `time', got `5'"),
        ("took > 5 minutes", 10, "expected `and', `or' or the end, got `minutes'"),
        ("took > long", 8, "a duration such as 500us"),
        ("inner dropped", 7, "got `dropped'"),
        ("inner outer host 1.2.3.4", 7, "one of `inner' and `outer' only"),
        ("src dst host 1.2.3.4", 5, "one of `src' and `dst' only"),
        ("src udp", 5, "got `udp'"),
        ("net 10.0.0.0/33", 5, "expected a prefix after `net'"),
        ("ttl < low", 7, "a number after `ttl'"),
        ("field state < low", 15, "a number after `<'"),
        ("dropped and", 12, "expected a condition, but the expression ends"),
        ("not", 4, "expected a condition"),
        ("& dropped", 1, "unknown word `&'"),
        ("'dropped'", 1, "unknown word `dropped'"),
    ],
)
def test_errors_name_the_column(expression: str, column: int, message: str) -> None:
    with pytest.raises(FilterError) as caught:
        compile_filter(expression)
    first, shown_expression, mark = str(caught.value).split("\n")
    assert first.startswith(f"filter: column {column}: ")
    assert message in first
    assert shown_expression == f"  {expression}"
    assert len(mark) == column + 2


@given(
    st.lists(st.sampled_from([*TERMS, "and", "or", "not", "(", ")", "<", "5", "10.0.0.1", "10.0.0.0/8", '"', "pg0"]), max_size=8).map(
        " ".join
    )
)
def test_any_words_are_a_filter_or_an_error(expression: str) -> None:
    column = 0
    try:
        keep = compile_filter(expression)
    except FilterError as error:
        column = error.column
    else:
        assert {keep(packet) for packet in PACKETS} <= {True, False}
    assert 0 <= column <= len(expression)


@given(st.lists(st.sampled_from(["dropped", "sent", "arp", "udp", "port 53", "node ip4-lookup"]), min_size=1, max_size=4))
def test_filters_obey_de_morgan(words: list[str]) -> None:
    assert kept(f"not ({' or '.join(words)})") == kept(" and ".join(f"not {word}" for word in words))


@pytest.mark.skipif(not recordings(), reason="no recorded sessions beside the checkout")
def test_flows_are_those_of_the_headers() -> None:
    """The twin: flows taken from parsed headers, one by one."""
    for packet in recorded_packets():
        for step in packet.steps:
            expected = []
            headers = step.fields.headers
            for position, header in enumerate(headers):
                if header.name in ("ip4", "ip6"):
                    behind = headers[position + 1] if position + 1 < len(headers) else None
                    transport = behind is not None and behind.name in ("udp", "tcp", "sctp")
                    ident = (
                        behind.values["id"]
                        if behind is not None and behind.name == "icmp" and "id" in behind.values
                        else header.values.get("id")
                    )
                    name = str(header.values["protocol"]).lower()
                    ports = (behind.source, behind.destination) if transport and behind is not None else (None, None)
                    expected.append(Flow(NAMES.get(name, name), header.source, header.destination, *ports, ident))  # type: ignore[arg-type]  # texts
            assert step_flows(step) == expected


@pytest.mark.skipif(not recordings(), reason="no recorded sessions beside the checkout")
def test_a_recorded_tunnel_is_seen_inside_and_outside() -> None:
    packets = packets_of(read(next(RECORDINGS.glob("calico/22-overlay-vxlan.txt"))))
    assert kept("inner host 11.0.0.65 and outer host 172.18.0.5 and outer dst port 4789", packets)
    assert not kept("outer host 11.0.0.65", packets)


RETURNING = steps(
    ("pg-input", ip4("11.0.0.65", "11.0.0.1", "8080 -> 40000", protocol="TCP")),
    (
        "ip4-cnat-return",
        (
            "  return session\n    [ in ] TCP [11.0.0.65;8080 -> 11.0.0.1;40000] node:1 lbi:2 fl:0 fib:0\n"
            "    [rout] TCP [10.96.0.10;443 -> 11.0.0.1;40000] node:1 lbi:2 fl:0 fib:0\n"
            "  IP6_HOP_BY_HOP_OPTIONS [0.0.0.0;0 -> 0.0.0.0;0] node:0 lbi:0 fl:0 fib:0\n"
        ),
    ),
    ("drop", "  null-node: blackholed packets\n"),
)
TRANSLATED = steps(
    ("pg-input", ip4("10.0.0.2", "203.0.113.2")),
    (
        "nat44-ed-in2out-slowpath",
        (
            "  NAT44_IN2OUT_ED_SLOW_PATH: sw_if_index 1, next index 10, session 0, translation result 'success' via i2of\n"
            "  search key local 10.0.0.2:1234 remote 203.0.113.2:53 proto UDP fib 0 thread-index 0 session-index 0\n"
            "  i2of match: saddr 10.0.0.2 sport 1234 daddr 203.0.113.2 dport 53 proto UDP fib_idx 0 "
            "rewrite: saddr 203.0.113.100 sport 61000 txfib 0 \n"
        ),
    ),
    ("drop", "  null-node: blackholed packets\n"),
)
NATTED = packets_of(shown(RETURNING, TRANSLATED))


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("host 10.96.0.10", {1}),
        ("src host 10.96.0.10 and src port 443", {1}),
        ("dst host 10.96.0.10", set()),
        ("inner host 10.96.0.10", set()),
        ("net 10.96.0.0/16", {1}),
        ("host 203.0.113.100", {2}),
        ("src host 203.0.113.100 and src port 61000", {2}),
        ("dst host 203.0.113.100", set()),
        ("port 443 or port 61000", {1, 2}),
        ("host 0.0.0.0", set()),
        ("proto hopopt", set()),
    ],
)
def test_what_addresses_are_translated_to_is_found(expression: str, expected: set[int]) -> None:
    assert kept(expression, NATTED) == expected


@pytest.mark.skipif(not recordings(), reason="no recorded sessions beside the checkout")
@pytest.mark.parametrize(
    ("name", "expression", "nodes"),
    [
        ("calico/05-service-second-packet", "host 10.96.0.10", {"cnat"}),
        ("nat/03-nat44-ed-udp", "host 203.0.113.100 and host 10.0.0.2", {"nat44-ed-in2out", "nat44-ed-out2in"}),
    ],
)
def test_recorded_translations_are_found_in_both_directions(name: str, expression: str, nodes: set[str]) -> None:
    packets = packets_of(read(RECORDINGS / f"{name}.txt"))
    keep = compile_filter(expression)
    found = [packet for packet in packets if keep(packet)]
    assert all(any(node in step.node for packet in found for step in packet.steps) for node in nodes)
    assert {packet.number for packet in packets if any("nat" in step.node for step in packet.steps)} == {packet.number for packet in found}
