"""ip route, ip table, ip neighbor and their listings: what is accepted, what is refused in which words."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vppsh.engine.engine import Engine
from vppsh.session import Session

SETUP = (
    "create loopback interface",
    "create loopback interface",
    "set interface ip address loop0 10.0.0.1/24",
    "set interface ip address loop1 10.0.1.1/24",
    "set interface state loop0 up",
    "set interface state loop1 up",
)


@pytest.fixture(scope="module")
def engine() -> Engine:
    session = Session(Engine())
    for line in SETUP:
        assert not session.execute(line).failed, line
    return session.engine


@pytest.fixture
def session(engine: Engine) -> Session:
    return Session(engine)


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("ip route", ""),
        ("ip route add", "ip route: expected ip4/ip6 destination address/length.\n"),
        ("ip route add 1.2.3.0/24", "ip route: expected paths.\n"),
        ("ip route add 1.2.3.0 via 10.0.1.2", "ip route: parse error `1.2.3.0 via 10.0.1.2'\n"),
        ("ip route add 1.2.3.0/33 via 10.0.1.2", "Invalid prefix len: 33\n"),
        ("ip route add 1.2.3.0/24 via loop7", "ip route: parse error `via loop7'\n"),
        ("ip route add 1.2.3.0/24 table 5 via 10.0.1.2", "ip route: Nonexistent table id 5\n"),
        ("ip route add 1.2.3.0/24 via ip4-lookup-in-table 5", "ip route: parse error `via ip4-lookup-in-table 5'\n"),
        ("ip route add 1.2.3.0/24 via lookup in table 77", "ip route: parse error `via lookup in table 77'\n"),
        ("ip route add 1.2.3.0/24 via 10.0.1.2 weight heavy", "ip route: parse error `via 10.0.1.2 weight heavy'\n"),
        ("ip route add 1.2.3.0/24 via null via null",
         "ip route: Load-balancing over multiple special adjacencies is unsupported\n"),
        ("ip route add count 1e18 1.2.3.0/24 via loop0", "ip route: count 1e+18 is more than 16777216\n"),
        ("ip table add 0", "ip table: Can't change the default table\n"),
        ("ip table del", "ip table: No table id\n"),
        ("show ip table 30", "show ip table: Couldn't find table with table_id 30\n"),
        ("set ip neighbor loop0 10.0.0.9", "set ip neighbor: specify interface, IP address and MAC: `loop0 10.0.0.9'\n"),
        ("set ip flow-hash", "set ip flow-hash: unknown input `'\n"),
        ("set ip flow-hash table 3 src", "set ip flow-hash: no such FIB table 3\n"),
        ("show adj 999", "adjacency 999 invalid\n"),
        ("show load-balance 99999", "no such load-balance:99999\n"),
        ("adjacency counters", "adjacency counters: specify 'enable' or 'disable'\n"),
    ],
)  # fmt: skip
def test_words_of_errors(session: Session, line: str, answer: str) -> None:
    assert session.execute(line).text == answer


def test_paths_as_typed(session: Session) -> None:
    """Every way to say a path is shown as what it means."""
    lines = {
        "20.1.0.0/16 via 10.0.1.2 loop1": "attached-nexthop",
        "20.2.0.0/16 via loop1": "attached: ",
        "20.3.0.0/16 via 10.0.1.2": "recursive",
        "20.4.0.0/16 via ip4-lookup-in-table 0": "deag",
        "20.5.0.0/16 via lookup in table 0 src-lookup": "src-address,unicast lookup in ipv4-VRF:0",
        "20.6.0.0/16 via drop": "special:  cfg-flags:drop,",
        "20.7.0.0/16 via local": "receive",
        "20.8.0.0/16 via punt": "dpo-punt",
        "20.9.0.0/16 via rx-ip4 loop1": "loop1-rx-dpo: ip4",
        "20.10.0.0/16 via 10.0.1.2 resolve-via-attached": "cfg-flags:resolve-attached,",
        "20.11.0.0/16 via null-send-prohibit": "ip4-null action:send-prohibited",
        "20.12.0.7/32 via loop1": "20.12.0.7 loop1",
        "20.13.0.0/16 via 10.0.1.2 loop1 weight 3 preference 2": "weight=3 pref=2",
    }
    for route, meaning in lines.items():
        answer = session.execute(f"ip route add {route}")
        assert not answer.failed, route
        shown = session.execute(f"show ip fib {route.split()[0]}").text
        assert shown.splitlines()[1].startswith(route.split()[0]), route
        assert meaning in shown, shown
        assert not session.execute(f"ip route del {route.split()[0]}").failed


def test_routes_in_a_row(session: Session) -> None:
    assert "routes/sec" in session.execute("ip route add count 300 30.0.0.0/24 via 10.0.1.2 loop1").text
    assert session.execute("show ip fib 30.1.43.9").text.splitlines()[1].startswith("30.1.43.0/24")
    assert session.execute("show ip fib 30.1.44.9").text.splitlines()[1].startswith("0.0.0.0/0")
    session.execute("ip route del count 300 30.0.0.0/24 via 10.0.1.2 loop1")
    assert session.execute("show ip fib 30.1.43.9").text.splitlines()[1].startswith("0.0.0.0/0")


WORDS = ["add", "del", "table", "count", "via", "1.2.3.0/24", "2001:db8::/32", "10.0.0.2", "2001:db8::1", "loop0", "weight", "preference",
         "0", "3", "next-hop-table", "lookup in table", "ip4-lookup-in-table", "resolve-via-host", "drop", "local", "null", "punt",
         "rx-ip4", "ip6", "src-lookup", "{", "}", "/", "-1", "99999999999999999999"]  # fmt: skip


COMMANDS = ["ip route", "set ip neighbor", "show ip fib", "show ip6 fib", "ip table", "show adj"]


@settings(max_examples=150)
@given(st.sampled_from(COMMANDS), st.lists(st.sampled_from(WORDS), max_size=9))
def test_no_words_break_the_engine(engine: Engine, command: str, words: list[str]) -> None:
    session = Session(engine)
    session.execute(" ".join([command, *words]))
    assert session.execute("show ip fib summary").text.startswith("ipv4-VRF:0")
