"""Interface commands as they are typed: answers in VPP's columns and words, and what they change."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import numpy as np
import pytest

from vppsh.commands.features import ARCS
from vppsh.engine.clock import FakeClock
from vppsh.engine.engine import Engine
from vppsh.engine.features.ethernet.ports import Ports
from vppsh.session import Session

Type = Callable[[str], str]


@pytest.fixture
def session() -> Session:
    return Session(Engine(clock=FakeClock(), random=np.random.default_rng(1)))


@pytest.fixture
def typed(session: Session) -> Type:
    """Type a line, let the dataplane run, give the answer without blanks at the ends of its lines."""

    def type_line(line: str) -> str:
        answer = session.execute(line)
        assert answer.fault is None
        session.engine.run_until_idle()
        return "\n".join(text.rstrip() for text in answer.text.splitlines()).rstrip("\n")

    return type_line


def names(answer: str) -> list[str]:
    return [line.split()[0] for line in answer.splitlines()[1:] if not line.startswith(" ")]


def test_a_freed_index_serves_again_last_in_first_out(typed: Type, session: Session) -> None:
    for _ in range(4):
        typed("create loopback interface")
    typed("delete loopback interface intfc loop1")
    typed("delete loopback interface intfc loop3")
    assert typed("create loopback interface instance 9") == "loop9"
    assert typed("create loopback interface") == "loop1"
    assert [session.engine.interfaces.find(name).sw_if_index for name in ("loop9", "loop1")] == [4, 2]  # type: ignore[union-attr]


def test_nodes_of_a_deleted_interface_serve_the_next_of_its_kind(typed: Type, session: Session) -> None:
    typed("create loopback interface")
    typed("create packet-generator interface pg0 hw-addr 02:fe:00:00:00:01")
    graph = session.engine.graph
    loop, pg = graph["loop0-output"].index, graph["pg0-output"].index
    typed("delete loopback interface intfc loop0")
    typed("delete packet-generator interface pg0")
    assert graph.find("loop0-output") is None
    typed("create packet-generator interface pg5 hw-addr 02:fe:00:00:00:05")
    typed("create loopback interface instance 7")
    assert (graph["pg5-output"].index, graph["loop7-output"].index) == (pg, loop)


def test_names_are_listed_in_the_order_of_vpps_sort(typed: Type) -> None:
    for instance in (2, 10, 1, 100, 11):
        typed(f"create loopback interface instance {instance}")
    assert names(typed("show interface")) == ["local0", "loop100", "loop10", "loop11", "loop1", "loop2"]
    typed("delete loopback interface intfc loop10")
    assert names(typed("show interface")) == ["local0", "loop100", "loop11", "loop1", "loop2"]
    # Interfaces that are named come as named, except hardware.
    assert names(typed("show interface loop11 loop2")) == ["loop11", "loop2"]
    assert names(typed("show hardware-interfaces brief loop2 loop11")) == ["loop11", "loop2"]


def test_columns_hold_counters_of_any_length(typed: Type, session: Session) -> None:
    typed("create loopback interface")
    interfaces = session.engine.interfaces
    interfaces.rx.add(1, 3, 1 << 40)
    interfaces.drops.add(1, 7)
    assert typed("show interface loop0").splitlines()[1:] == [
        "loop0                             1     down         9000/0/0/0     rx packets                     3",
        " " * 68 + "rx bytes           1099511627776",
        " " * 68 + "drops                          7",
    ]
    assert json.loads(typed("show interface loop0 | json"))[0]["counters"] == {"rx packets": 3, "rx bytes": 1 << 40, "drops": 7}
    typed("clear interfaces")
    assert len(typed("show interface loop0").splitlines()) == 2


@pytest.mark.parametrize(
    ("line", "state"),
    [("punt", "down/punt"), ("enable", "down"), ("down", "down"), ("up", "up")],
)
def test_state_and_punt_are_one_set_of_flags(typed: Type, line: str, state: str) -> None:
    typed("create loopback interface")
    typed("set interface state loop0 up")
    typed(f"set interface state loop0 {line}")
    assert typed("show interface loop0").splitlines()[1].split()[2] == state


def test_a_sub_interface_follows_its_parent(typed: Type) -> None:
    typed("create loopback interface")
    assert typed("create sub-interfaces loop0 5") == "loop0.5"
    assert typed("set interface state loop0.5 up") == "set interface state: super-interface loop0 must be up"
    typed("set interface state loop0 up")
    assert typed("set interface state loop0.5 punt") == "set interface state: super-interface loop0 must be down/punt"
    assert typed("set interface state loop0.5 up") == ""
    typed("set interface state loop0 down")
    assert typed("show interface loop0.5").splitlines()[1].split()[2] == "up"
    assert typed("set interface state loop0.5 down") == ""


def test_the_link_follows_the_state_but_not_that_of_local0(typed: Type) -> None:
    typed("create loopback interface")
    typed("set interface state loop0 up")
    typed("set interface state local0 up")
    links = {line.split()[0]: line.split()[2] for line in typed("show hardware-interfaces brief").splitlines()[1:] if line[0] != " "}
    assert links == {"local0": "down", "loop0": "up"}


def test_renaming_moves_names_nodes_and_sub_interfaces(typed: Type, session: Session) -> None:
    typed("create loopback interface")
    typed("create loopback interface")
    typed("create sub-interfaces loop0 9")
    typed("set interface name loop0 uplink")
    assert session.engine.graph.find("uplink-tx") is not None
    assert session.engine.graph.find("loop0-tx") is None
    assert typed("show interface tag uplink.9") == "uplink.9: (none)"
    # A name may be given twice; the newcomer is found by it, and takes it along when it goes.
    typed("set interface name loop1 uplink")
    assert names(typed("show interface")) == ["local0", "uplink", "uplink", "uplink.9"]
    assert typed("show interface uplink").splitlines()[1].split()[1] == "2"
    typed("set interface name uplink loop1")
    assert typed("show interface uplink") == "show interface: unknown input `uplink'"
    assert typed("create loopback interface") == "loop2"
    typed("delete loopback interface intfc loop1")
    assert typed("create loopback interface") == "loop1"


def test_ranges_of_sub_interfaces_skip_those_there_are(typed: Type) -> None:
    typed("create loopback interface")
    typed("create sub-interfaces loop0 11")
    assert typed("create sub-interfaces loop0 10-12") == "loop0.10\nloop0.12"
    assert typed("create sub-interfaces loop0 1-100000").startswith("create sub-interfaces: expected ID or ID MIN-MAX")
    assert typed("create sub-interfaces loop0 foo") == "create sub-interfaces: expected ID or ID MIN-MAX, got ` foo'"


def test_what_was_made_before_an_error_is_said(typed: Type) -> None:
    typed("create loopback interface")
    typed("create sub-interfaces loop0 50 dot1q 21 exact-match")
    assert typed("create sub-interfaces loop0 20-22") == "loop0.20\ncreate sub-interfaces: vlan is already in use"


SEE_FEATURES = "See 'show features verbose' for valid feature/arc combinations."


@pytest.mark.parametrize(
    ("path", "arguments", "message"),
    [
        ("set interface mtu", "1500 loop0", "Unsupported (underlying driver doesn't support changing Max Frame Size)"),
        ("set interface mtu", "1500 local0", "not supported"),
        ("set interface mtu", "1500 loop0.7", "unknown input `1500 loop0.7'"),
        ("set interface mac address", "loop0.7 02:fe:00:00:00:01", "mac address change is not supported for interface index 0"),
        ("set interface promiscuous", "off local0", "unknown input `off local0'"),
        ("set interface promiscuous", "on local0", "not supported"),
        ("set interface rx-placement", "loop0 queue 3 main", "unknown queue 3 on interface loop0"),
        ("set interface rx-placement", "loop0 worker 1", "please specify valid worker thread or main"),
        ("set interface tx-queue", "loop0 queue 0 threads 0-2", "please specify valid thread(s) - last thread index 2"),
        ("set interface rss queues", "loop0", "please specify the valid rss queues"),
        ("set interface tx-hash", "loop0 hash-name none", "please specify valid hash name"),
        ("set interface tx-hash", "loop0", "hash-name is required"),
        ("set interface feature", "loop0 x arc arp", f"Feature (x) not registered to arc (arp)... {SEE_FEATURES}"),
        ("set interface feature", "loop0 x arc nsh-output", f"Feature (x) not registered to arc (nsh-output)... {SEE_FEATURES}"),
        ("set interface feature", "loop0 x arc y", "Unknown arc name (y)..."),
        ("set interface feature", "loop0 x", "parse error `loop0 x'"),
        ("set interface feature", "disable", "Both feature name and arc required..."),
        ("show interface", "77", "unknown interface index `77'"),
        ("show interface", "tag", "Interface not specified..."),
        ("show hardware-interfaces", "77", "unknown interface index `77'"),
    ],
)
def test_words_of_refusal(typed: Type, path: str, arguments: str, message: str) -> None:
    typed("create loopback interface")
    typed("create sub-interfaces loop0 7")
    assert typed(f"{path} {arguments}") == f"{path}: {message}"


def test_what_looks_like_a_sub_interface_of_nothing_is_passed_over(typed: Type) -> None:
    typed("create loopback interface")
    assert typed("show interface nosuch.5 loop0 tag") == "loop0: (none)"


def test_the_longest_frame_may_be_set_to_what_it_is(typed: Type) -> None:
    typed("create loopback interface")
    assert typed("set interface mtu 9000 loop0") == ""


def test_tx_hash_is_kept_per_interface(typed: Type) -> None:
    typed("create loopback interface")
    typed("create loopback interface")
    typed("set interface tx-hash loop1 hash-name crc32c-5tuple")
    assert typed("show interface tx-hash loop0").startswith("[name: hash-eth-l34 ")
    assert typed("show interface tx-hash loop1").startswith("[name: crc32c-5tuple ")


def test_secondary_addresses_are_listed_and_answered_to(typed: Type, session: Session) -> None:
    typed("create loopback interface mac 02:fe:00:00:00:01")
    for line in ("02:fe:00:00:00:55 add", "02:fe:00:00:00:56 add", "02:fe:00:00:00:55 add", "02:fe:00:00:00:56 del"):
        assert typed(f"set interface secondary-mac-address loop0 {line}") == ""
    assert typed("show interface secondary-mac-address loop0") == "loop0 (dn):\n  02:fe:00:00:00:55"
    assert len(session.engine.get(Ports)[1].secondary) == 1


def test_features_are_listed_in_order_as_often_as_enabled(typed: Type) -> None:
    typed("create loopback interface")
    shown = typed("show interface features loop0")
    assert [line[:-1] for line in shown.splitlines() if line.endswith(":")] == [*ARCS, "l2-input", "l2-output"]
    typed("set interface feature loop0 ip4-not-enabled arc ip4-unicast")
    assert "ip4-unicast:\n  ip4-not-enabled\n  ip4-not-enabled\n\n" in typed("show interface features loop0")
    for _ in range(3):
        typed("set interface feature loop0 ip4-not-enabled arc ip4-unicast disable")
    assert "ip4-unicast:\n  none configured\n\n" in typed("show interface features loop0")
    verbose = typed("show interface features loop0 verbose")
    assert "  [end] arp-" not in verbose
    assert re.search(r"ip4-multicast:\n  \[ \d\] ip4-not-enabled\n  \[end\] ip4-mfib-forward-lookup\n", verbose)


def test_a_loopback_receives_what_it_is_sent(typed: Type, session: Session) -> None:
    typed("create loopback interface mac 02:fe:00:00:00:01")
    typed("create packet-generator interface pg0 hw-addr 02:fe:00:00:00:02")
    for line in ("state loop0 up", "state pg0 up", "ip address loop0 10.0.0.1/24", "ip address pg0 10.0.1.1/24"):
        typed(f"set interface {line}")
    typed("ip neighbor loop0 10.0.0.2 02:fe:00:00:00:01")
    typed("ip neighbor pg0 10.0.1.2 02:00:00:00:00:02")
    typed(
        "packet-generator new { name s limit 1 size 64-64 interface pg0 node ethernet-input data "
        "{ IP4: 02:00:00:00:00:02 -> 02:fe:00:00:00:02 UDP: 10.0.1.2 -> 10.0.0.2 UDP: 1 -> 2 incrementing 22 } }"
    )
    typed("trace add pg-input 1")
    typed("packet-generator enable-stream s")
    nodes = [line.split()[1] for line in typed("show trace").splitlines() if line[:2] == "00"]
    assert nodes[5:8] == ["loop0-output", "ethernet-input", "ip4-input"]
    # Counted when it is sent, and again by the device: as VPP does.
    assert session.engine.interfaces.tx.packets[1] >= 2
