"""Multicast routes by command: what is added, found, shown and taken away again."""

from __future__ import annotations

import ipaddress
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vppsh.engine.clock import FakeClock
from vppsh.engine.engine import Engine
from vppsh.engine.fib.types import Protocol
from vppsh.engine.hash_order import hash_of_number, hash_order
from vppsh.engine.mfib.tables import Mfib
from vppsh.engine.mfib.types import EntryFlag, InterfaceFlag, MfibSource
from vppsh.registry import discover
from vppsh.session import Session

CATALOG = discover()
HEAD = "ipv4-VRF:0, fib_index:0 flags:none\n"
LOOPS = ("loop0", "loop1", "loop2")


@pytest.fixture
def session() -> Session:
    """A session with three links."""
    session = Session(Engine(CATALOG, clock=FakeClock(), random=np.random.default_rng(1)))
    for name in LOOPS:
        number = LOOPS.index(name)
        for line in (
            "create loopback interface",
            f"set interface state {name} up",
            f"set interface ip address {name} 10.0.{number}.1/24",
            f"set interface ip address {name} 2001:db8:{number}::1/64",
        ):
            session.execute(line)
    return session


def run(session: Session, line: str) -> str:
    """What a line answers."""
    return session.execute(line).text


def interfaces(text: str) -> dict[str, str]:
    """Flags by interface, of one entry as it is shown."""
    return dict(re.findall(r"^   (\S+): (\S+)$", text, re.MULTILINE))


@given(st.lists(st.integers(0, 2**64 - 1), unique=True, max_size=200))
def test_hashes_are_walked_bucket_by_bucket(numbers: list[int]) -> None:
    buckets: list[list[int]] = [[] for _ in range(64)]
    for count, number in enumerate(numbers, 1):
        buckets[hash_of_number(number) % len(buckets)].append(number)
        if 4 * (count + 1) > 3 * len(buckets):
            walked = [each for bucket in buckets for each in bucket]
            buckets = [[] for _ in range(2 * len(buckets))]
            for each in walked:
                buckets[hash_of_number(each) % len(buckets)].append(each)
    walked = [each for bucket in buckets for each in bucket]
    ordered = hash_order(numbers)
    assert sorted(ordered) == sorted(walked)
    assert [hash_of_number(each) % len(buckets) for each in ordered] == [hash_of_number(each) % len(buckets) for each in walked]


@pytest.mark.parametrize("order", [[2, 3, 1], [33, 31, 32], [41, 38, 42]])
def test_hashes_are_walked_as_vpp_was_seen_to(order: list[int]) -> None:
    assert hash_order(sorted(order)) == order


def test_paths_of_an_interface_add_up(session: Session) -> None:
    assert run(session, "ip mroute add 239.1.1.1 via loop0 Accept via loop0 Forward via loop1 F") == ""
    assert interfaces(run(session, "show ip mfib 239.1.1.1")) == {"loop0": "Accept,Forward,", "loop1": "Forward,"}
    run(session, "ip mroute add 239.1.1.1 via loop1 Accept Negate-Signal")
    assert interfaces(run(session, "show ip mfib 239.1.1.1"))["loop1"] == "Negate-Signal,Accept,"
    run(session, "ip mroute del 239.1.1.1 via loop0 Accept")
    assert interfaces(run(session, "show ip mfib 239.1.1.1")) == {"loop1": "Negate-Signal,Accept,"}
    run(session, "ip mroute del 239.1.1.1 via loop1")
    assert "(*, 0.0.0.0/0):  flags:Drop," in run(session, "show ip mfib 239.1.1.1")


def test_a_path_may_be_for_us_or_lead_to_a_neighbor(session: Session) -> None:
    run(session, "ip mroute add 239.1.1.1 via local Forward via 10.0.1.2 loop1 Forward via loop2 Forward")
    text = run(session, "show ip mfib 239.1.1.1")
    assert "buckets:3 flags:[has-local ]" in text
    assert re.findall(r"    \[\d] \[@\d]: (\S+)", text) == ["dpo-receive", "arp-ipv4:", "ipv4-mcast:"]
    run(session, "set interface state loop2 down")
    assert "buckets:2 " in run(session, "show ip mfib 239.1.1.1")


def test_flags_and_rpf_ids(session: Session) -> None:
    assert run(session, "ip mroute add 239.1.1.1 rpf-id 7") == ""
    assert "(*, 0.0.0.0/0)" in run(session, "show ip mfib 239.1.1.1"), "of a group that is not there, an RPF-ID says nothing"
    run(session, "ip mroute add 239.1.1.1 via loop0 Accept")
    run(session, "ip mroute add 239.1.1.1 AA rpf-id 7")
    text = run(session, "show ip mfib 239.1.1.1")
    assert "(*, 239.1.1.1/32):  flags:Accept-all-itf,\n" in text
    assert "  RPF-ID:7\n" in text
    entry = session.engine.get(Mfib).table(Protocol.IP4, 0).lookup(0xEF010101)
    assert entry.accept_flags(1) == InterfaceFlag(0), "no packet has that ID"
    assert entry.accepts(1)
    entry.set_flags(MfibSource.CLI, EntryFlag(0))
    assert entry.accept_flags(1) == InterfaceFlag.ACCEPT
    assert run(session, "show mfib route flags").splitlines()[3] == "AA = Accept-all-itf"
    assert run(session, "show mfib itf flags").splitlines()[-1] == "DP = Don't-Preserve"


def test_entries_are_found_by_group_and_sender(session: Session) -> None:
    for group in ("239.1.1.1", "239.1.0.0/16", "10.0.0.2 239.1.1.1", "ff05::9", "ff05::/16", "2001:db8::2 ff05::9"):
        run(session, f"ip mroute add {group} via loop0 Accept")

    def found(line: str) -> str:
        return run(session, line).splitlines()[1].split(":  ")[0].removesuffix(": ")

    assert found("show ip mfib 10.0.0.2 239.1.1.1") == "(10.0.0.2, 239.1.1.1/32)"
    assert found("show ip mfib 10.0.0.3 239.1.1.1") == "(*, 239.1.1.1/32)"
    assert found("show ip mfib 239.1.1.1/31") == "(*, 239.1.0.0/16)"
    assert found("show ip mfib 239.1.2.3 table 0") == "(*, 239.1.0.0/16)"
    assert found("show ip6 mfib 2001:db8::2 ff05::9") == "(2001:db8::2, ff05::9/128)"
    assert found("show ip6 mfib 2001:db8::2 ff05::9 cover") == "(*, ff05::9/128)"
    assert found("show ip6 mfib ff05::9 cover") == "(*, ff05::/16)"
    assert run(session, "show ip mfib table 9") == run(session, "show ip6 mfib index 9") == ""
    counts = [tuple(map(int, line.split())) for line in run(session, "show ip mfib summary").splitlines()[2:]]
    assert counts == [(0, 1), (16, 1), (32, 3), (64, 1)]


def test_entries_are_listed_by_group(session: Session) -> None:
    for group in ("239.9.0.0/16", "239.2.2.2", "ff0e::1", "ff05::/16", "2001:db8::2 ff05::", "232.0.0.0/8"):
        run(session, f"ip mroute add {group} via loop0 Accept")
    listed = [line.split(", ")[1].split(")")[0] for line in run(session, "show ip mfib").splitlines() if line.startswith("(")]
    assert listed == ["0.0.0.0/0", "224.0.0.1/32", "224.0.0.2/32", "232.0.0.0/8", "239.2.2.2/32", "239.9.0.0/16"]
    listed6 = [line.split(", ")[1].split(")")[0] for line in run(session, "show ip6 mfib").splitlines() if line.startswith("(")]
    assert listed6 == sorted(listed6, key=lambda prefix: ipaddress.ip_network(prefix).network_address)
    indices = [int(line.split("@")[0]) for line in run(session, "show mfib entry").splitlines() if "@(" in line]
    assert indices == sorted(indices)
    assert len(indices) == len(listed) + len(listed6)
    assert run(session, f"show mfib entry {indices[-1]}").splitlines()[-1] == "children:"
    assert run(session, "show mfib entry 999") == "entry 999 invalid\n"
    assert run(session, "show mfib interface 999") == "itf 999 invalid\n"
    assert run(session, "show mfib interface 0") == "0@ loop0: Accept,\n"


def test_many_groups_and_senders_at_once(session: Session) -> None:
    answer = run(session, "ip mroute add 10.0.0.2 239.1.1.1 scount 3 gcount 2 via loop0 Accept")
    assert re.fullmatch(r"\d\.\d{6}e\+\d\d routes/sec\n", answer)
    heads = [line for line in run(session, "show ip mfib").splitlines() if line.startswith("(10.")]
    # Groups go on counting from sender to sender.
    expected = [f"(10.0.0.{2 + number // 2}, 239.1.1.{1 + number}/32)" for number in range(6)]
    assert [head.split("):")[0] + ")" for head in heads] == expected
    run(session, "ip mroute add ff05::1/100 gcount 2 via loop0 Accept")
    assert "(*, ff05::1000:0/100)" in run(session, "show ip6 mfib")
    run(session, "ip mroute add ff08::9 gcount 2 via loop0 Accept")
    assert "(*, ff08:0:0:1::9/128)" in run(session, "show ip6 mfib"), "VPP counts hosts in the upper half"


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("ip mroute add 239.1.1.1 via loop9 Accept", "ip mroute: parse error `via loop9 Accept'"),
        ("ip mroute add 239.1.1.1 via loop0 Backward", "ip mroute: parse error `via loop0 Backward'"),
        ("ip mroute add 239.1.1.1 table 9 via loop0 Accept", "ip mroute: Nonexistent table id 9"),
        ("ip mroute add 239.1.1.1", "ip mroute: expected paths or flags."),
        ("ip mroute add 239.1.1.1 gcount 9999999 via loop0 Accept", "ip mroute: scount and gcount are 1048576 at most"),
        ("ip mroute del 239.7.7.7", ""),
        ("ip mroute del 224.0.0.1", ""),
        ("ip mroute", ""),
    ],
)
def test_what_is_refused(session: Session, line: str, answer: str) -> None:
    before = run(session, "show ip mfib")
    assert run(session, line).rstrip("\n") == answer
    assert run(session, "show ip mfib") == before
