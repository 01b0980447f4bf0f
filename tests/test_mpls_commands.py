"""The commands of MPLS: what they answer, and what they refuse."""

from __future__ import annotations

import re

import pytest

from tests.traffic import Traffic


@pytest.fixture
def traffic() -> Traffic:
    return Traffic()


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("mpls table add", "mpls table: No table id"),
        ("mpls table add 0 nonsense", "mpls table: parse error `nonsense'"),
        ("set interface mpls pg7 enable", "set interface mpls: unknown interface `pg7 enable'"),
        ("set interface mpls pg0 enable", "set interface mpls: default MPLS table must be created first"),
        ("set interface mpls pg0 maybe", "set interface mpls: expected 'enable' or 'disable'"),
        ("mpls local-label add eos", "mpls local-label: local-label required:"),
        ("mpls local-label add 1048576 via 10.0.1.2 pg1", "mpls local-label: label 1048576 is not between 0 and 1048575"),
        ("mpls local-label add 33", "mpls local-label: no paths"),
        ("mpls local-label add 33 via 10.0.1.2 pg1", "mpls local-label: MPLS table-id 0 does not exist"),
        ("mpls local-label add 33 table 9 10.0.0.0/8", "mpls local-label: ipv4 table-id 9 does not exist"),
        ("mpls local-label add 33 via mpls-lookup-in-table 5", "mpls local-label: unknown input: via mpls-lookup-in-table 5"),
        ("ip route add 10.9.0.0/16 via via-label 33", "ip route: parse error `via via-label 33'"),
        ("mpls tunnel add via 10.0.1.2 pg1", "mpls tunnel: No Output Labels ''"),
        ("mpls tunnel add l2-only via 10.0.1.2 pg1 out-labels 3", "mpls tunnel: l2-only and multicast tunnels are not supported"),
        ("mpls tunnel add sideways", "mpls tunnel: unknown input 'sideways'"),
        ("show mpls tunnel 3", "No MPLS tunnels configured...\nshow mpls tunnel: Not a tunnel index 3"),
        ("show mpls fib", ""),
        ("show mpls interface", ""),
        ("mpls table", ""),
        ("mpls local-label", ""),
        ("mpls tunnel", ""),
    ],
)
def test_refusals(traffic: Traffic, line: str, answer: str) -> None:
    assert traffic(line) == answer


def test_a_label_by_name_and_number(traffic: Traffic) -> None:
    assert traffic("mpls table add 0") == ""
    assert traffic("ip route add 10.9.0.0/16 via 10.0.1.2 pg1 out-labels 33 i-nul ip4-explicit-null router-alert") == ""
    shown = traffic("show ip fib 10.9.0.0/16")
    assert "labels:[[33 pipe ttl:0 exp:0][implicit-null pipe ttl:0 exp:0][ip4-explicit-null pipe ttl:0 exp:0]" in shown
    assert "[33:64:0:neos][implicit-null:64:0:neos][ip4-explicit-null:64:0:neos][router-alert:64:0:eos]" in shown


def test_more_labels_than_fit_drop(traffic: Traffic) -> None:
    labels = " ".join(str(label) for label in range(100, 113))
    assert traffic(f"ip route add 10.9.0.0/16 via 10.0.1.2 pg1 out-labels {labels}") == ""
    assert re.search(r"mpls-label\[@\d+\]:\n +\[@0\]: dpo-drop ip4", traffic("show ip fib 10.9.0.0/16"))
    traffic.udp("s", 3, destination="10.9.0.1")
    traffic.send("s")
    assert re.search(r"3 +null-node +blackholed packets", traffic("show errors"))


def test_implicit_null_leaves_the_packet_alone(traffic: Traffic) -> None:
    assert traffic("ip route add 10.9.0.0/16 via 10.0.1.2 pg1 out-labels i-nul") == ""
    assert "mpls-label" not in traffic("show ip fib 10.9.0.0/16").split("forwarding")[1]


def test_interfaces_disabled_once_too_often(traffic: Traffic) -> None:
    traffic("mpls table add 0")
    for line in ("set interface mpls pg0 enable", "set interface mpls pg0 enable", "set interface mpls pg0 disable"):
        assert traffic(line) == ""
    assert traffic("show mpls interface") == "pg0\n  MPLS enabled"
    assert traffic("set interface mpls pg0 disable") == ""
    assert traffic("show mpls interface") == ""
    assert "locks:[CLI:1, ]" in traffic("show mpls fib 16")


def test_a_prefix_gets_a_label_and_another(traffic: Traffic) -> None:
    traffic("ip route add 10.9.0.0/16 via 10.0.1.2 pg1")
    assert traffic("mpls local-label add 500 10.9.0.0/16") == ""
    assert "mpls refs:1 src-flags:added, local-label:500" in traffic("show ip fib 10.9.0.0/16")
    assert "MPLS-VRF:0, fib_index:0 locks:[mpls:1, ]\n500:neos/21" in traffic("show mpls fib 500")
    assert traffic("mpls local-label add 501 10.9.0.0/16") == ""
    assert "500:" not in traffic("show mpls fib 500")
    assert traffic("mpls local-label del 501 10.9.0.0/16") == ""
    assert traffic("show mpls fib") == ""


def test_two_tables_and_weights(traffic: Traffic) -> None:
    assert traffic("mpls table add 0") == traffic("mpls table add 7 name seven") == ""
    assert traffic("mpls local-label add 20 eos table 7 via 10.0.1.2 pg1 weight 3 out-labels 30 via 10.0.1.3 pg1 out-labels 31") == ""
    shown = traffic("show mpls fib table 7 20")
    assert shown.startswith("seven, fib_index:1 locks:[CLI:1, ]\n20:eos/21 fib:1")
    assert re.findall(r"\[([\d-]+)\] \[@6\]: mpls-label\[@\d+\]:\[(\d+):", shown) == [("0-2", "30"), ("3", "31")]
    assert traffic("show mpls fib table 0 20") == "MPLS-VRF:0, fib_index:0 locks:[CLI:1, ]"


def test_tunnel_from_the_shell(traffic: Traffic) -> None:
    assert traffic("mpls tunnel add via 10.0.1.2 pg1 out-labels 44 45") == ""
    assert traffic("mpls tunnel add mpls-tunnel0 via 10.0.1.3 pg1 out-labels 46") == ""
    assert traffic("set interface state mpls-tunnel0 up") == ""
    assert traffic("ip route add 10.9.0.0/16 via mpls-tunnel0") == ""
    shown = traffic("show mpls tunnel 0")
    assert shown.startswith("[@0] mpls-tunnel0: sw_if_index:3 hw_if_index:3\n via:\n    path-list:")
    assert "mpls-flags:[no-ip-tll-decr] labels:[[44 pipe ttl:0 exp:0][45 pipe ttl:0 exp:0]]" in shown
    assert "MPLS-tunnel: id 0" in traffic("show hardware-interfaces mpls-tunnel0")
    assert traffic("mpls tunnel del mpls-tunnel0 via 10.0.1.3 pg1 out-labels 46") == ""
    assert "labels:[[46" not in traffic("show mpls tunnel")
    assert traffic("mpls tunnel del mpls-tunnel0") == ""
    assert traffic("show mpls tunnel") == "No MPLS tunnels configured..."
    assert "mpls-tunnel0" not in traffic("show interface")


def labelled(traffic: Traffic, label: int, payload: int = 22) -> str:
    """The trace of a packet that comes with a label."""
    size = 46 + payload
    data = f"MPLS: 02:00:00:00:00:02 -> 02:fe:00:00:00:01 MPLS: label {label} UDP: 10.0.0.2 -> 10.9.0.1 UDP: 1 -> 2 incrementing {payload}"
    for line in (
        f"packet-generator new {{ name s limit 1 size {size}-{size} interface pg0 node ethernet-input data {{ {data} }} }}",
        "clear trace",
        "trace add pg-input 1",
        "packet-generator enable-stream s",
    ):
        assert traffic(line) == ""
    return traffic("show trace")


def test_traces(traffic: Traffic) -> None:
    for line in (
        "mpls table add 0",
        "set interface mpls pg0 enable",
        "ip route add 172.16.0.1/32 via 10.0.1.2 pg1 out-labels 33",
        "mpls local-label add 100 eos via 172.16.0.1 out-labels 200",
        "mpls local-label add 101 eos via 10.0.1.77 pg1 out-labels 201",
        "mpls local-label add 102 eos via 10.0.1.2 pg1 out-labels 202",
    ):
        assert traffic(line) == ""
    recursive = labelled(traffic, 100)
    assert re.search(r"mpls-label-imposition-pipe\n    mpls-header:\[200:254:0:eos\]\n", recursive)
    assert re.search(r": mpls-load-balance\n  MPLS: next \[6\], LB index \d+ hash 0x00000000\n", recursive)
    assert re.search(r"mpls-label-imposition-pipe\n    mpls-header:\[33:64:0:neos\]\n", recursive)
    assert re.search(r": mpls-adj-incomplete\n    next:1\n.*: ip4-arp\n", labelled(traffic, 101))
    assert traffic("set interface mtu mpls 100 pg1") == ""
    assert re.search(r": mpls-output\n .* flow hash: 0x00000000\n.*: mpls-frag\n  mtu:\d+ pkt-size:\d+", labelled(traffic, 102, 400))
    assert re.search(r"label 1 ttl 255 exp 0\n(.*\n){2}.*: mpls-punt\n  drop\n", labelled(traffic, 1))
