"""The tab of tables: routes, neighbours, tunnels, SAs, policies and services, as the target has them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from canned import Canned
from hypothesis import given, settings
from hypothesis import strategies as st
from monitors import Monitor, Pilot, Script, play, screen, until
from textual.geometry import Offset

from vppsh.session import Session
from vppsh.startup import make_session
from vppsh.tui.grid import Order, Row, arranged
from vppsh.tui.networks import narrowest, network_of, networks_in
from vppsh.tui.plain import print_tab
from vppsh.tui.report import all_tables
from vppsh.tui.screens.tables import TablesView
from vppsh.tui.tables.forwarding import read_forwarding
from vppsh.tui.watching import watch_session, watch_target

KEY, SALT = "4a506a794f574265564551694d653768", "0x1a2b3c4d"
LOCAL, REMOTE = "local-ip-range 10.0.0.0 - 10.0.0.255", "remote-ip-range 10.9.0.0 - 10.9.255.255"
SETUP = f"""\
create packet-generator interface pg0 hw-addr 02:fe:00:00:00:01
create packet-generator interface pg1 hw-addr 02:fe:00:00:00:02
set interface state pg0 up
set interface state pg1 up
set interface ip address pg0 10.0.0.1/24
set interface ip address pg1 192.168.1.1/24
set interface ip address pg1 2001:db8::1/64
ip neighbor pg1 192.168.1.2 02:00:00:00:01:02
ip neighbor pg1 2001:db8::2 02:00:00:00:01:03
create ipip tunnel src 192.168.1.1 dst 192.168.1.2
set interface state ipip0 up
set interface unnumbered ipip0 use pg1
ipsec sa add 10 spi 1001 esp crypto-alg aes-gcm-128 crypto-key {KEY} salt {SALT}
ipsec sa add 20 spi 2001 inbound use-anti-replay esp crypto-alg aes-gcm-128 crypto-key {KEY} salt {SALT}
ipsec tunnel protect ipip0 sa-in 20 sa-out 10
create vxlan tunnel src 192.168.1.1 dst 192.168.1.3 vni 13
ip route add 10.2.0.0/16 via ipip0
ip route add 10.2.4.0/24 via 192.168.1.2 pg1
ip route add 10.3.0.0/16 via 192.168.1.7 pg1
ip table add 7
ip route add 10.2.0.0/16 table 7 via 192.168.1.2 pg1
ipsec spd add 1
ipsec policy add spd 1 priority 10 outbound action protect sa 10 {LOCAL} {REMOTE}
"""
TRAFFIC = """\
packet-generator new { name good rate 3000 size 60-60 interface pg0 node ip4-input data { UDP: 10.0.0.2 -> 10.2.1.2 incrementing 40 } }
packet-generator enable-stream
"""
SERVICES = """\
[0] 10.96.0.30;80 UDP lb:default fhc:0x9f(default)
0.0.0.0;0->11.0.0.2;8080
  fib-entry:24
  [@0]: dpo-load-balance: [proto:ip4 index:26 buckets:1 uRPF:28 to:[0:0]]
        [0] [@5]: ipv4 via 0.0.0.0 pg2: mtu:9000 next:6 flags:[features ]
 via:
  [@2]: dpo-load-balance: [proto:ip4 index:27 buckets:1 uRPF:-1 to:[0:0]]
    [0] [@18]: dpo-load-balance: [proto:ip4 index:26 buckets:1 uRPF:28 to:[0:0]]
[1] 10.96.0.31;80 UDP lb:default fhc:0x9f(default)
 via:
  [@2]: dpo-load-balance: [proto:ip4 index:21 buckets:0 uRPF:-1 to:[0:0]]
"""
POLICED = """\
Interfaces with policies configured:
[pg1 sw_if_index=3  addr=11.0.0.1]
  rx:
   rx-policy-default:1 rx-profile-default:0
    [policy#0]
      rx:[rule#0;allow][dst==[ipset#0;prefix;11.0.0.0/26,10.96.0.0/12,],]
   tx-policy-default:0 tx-profile-default:0
"""
POLICIES = "[policy#0]\n  rx:[rule#0;allow][dst==[ipset#0;prefix;11.0.0.0/26,10.96.0.0/12,],]\n[policy#3]\n  tx:[rule#5;deny][]\n"
SESSIONS = "CNat Sessions: now:10.5\nHash table 'CNat Session DB'\n    8 active elements 8 active buckets\n"
SESSION = "UDP [11.0.0.1;40000 -> 10.96.0.30;80] => []\n  index:1 fib:1\n    last_seen:9 lifetime:30 ref:2\n"
PEER = (
    "[1] endpoint:[192.168.1.1:51820->192.168.1.3:51833] wg0 keep-alive:25 flags: 1, api-clients count: 0\n  adj: 4\n"
    "  pre-shared key:XWRrcnmAh46VnKOqsbi/xs3U2+Lp8Pf+BQwTGiEoLzY= 5d646b727980878e959ca3aab1b8bfc6cdd4dbe2e9f0f7fe050c131a21282f36\n"
    "  public key:q0qTuJpBofs8OaXan8eXaeiqVVrc6i0f6mjJiWVlYXw= ab4a93b89a41a1fb3c39a5da9fc79769e8aa555adcea2d1fea68c9896565617c\n"
    "  allowed-ips: 10.3.0.0/16\n"
)
NODE = {
    "show cnat translation": SERVICES,
    "show cnat session": SESSIONS,
    "show cnat session max 1000": SESSIONS + SESSION,
    "show npol interfaces": POLICED,
    "show npol policies verbose": POLICIES,
    "show wireguard peer": PEER,
}


def session_of(lines: str = SETUP) -> Session:
    session = make_session()
    for line in lines.splitlines():
        answer = session.execute(line)
        assert not answer.failed, (line, answer.text)
    return session


def tables_of(monitor: Monitor) -> TablesView:
    assert isinstance(monitor.view, TablesView)
    return monitor.view


def rows_of(monitor: Monitor) -> list[dict[str, object]]:
    """The rows in sight, values by column."""
    grid = tables_of(monitor).grid
    return [dict(zip((column.key for column in grid.report.columns), row.values)) for row in grid.table.rows]


async def open_table(pilot: Pilot[None], monitor: Monitor, name: str) -> None:
    """Go to a table, and wait for its rows."""
    monitor.go_to("tables", name)
    assert tables_of(monitor).grid.report.name == name
    await until(pilot, lambda: monitor.store.known(tables_of(monitor).questions[0]) is not None)


def watch_canned(script: Script, home: Path, monkeypatch: pytest.MonkeyPatch, answers: Mapping[str, str]) -> Canned:
    monkeypatch.setenv("XDG_STATE_HOME", str(home))
    target = Canned(answers)
    monitor = Monitor(watch_target(target, 0.2))

    async def run() -> None:
        async with monitor.run_test(size=(120, 36)) as pilot:
            await script(pilot, monitor)

    asyncio.run(run())
    return target


def test_routes_are_found_by_an_address_and_the_target_tells_of_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def script(pilot: Pilot[None], monitor: Monitor) -> None:
        await open_table(pilot, monitor, "fib4")
        await until(pilot, lambda: len(rows_of(monitor)) > 20)
        rows = {(row["prefix"], row["table"]): row for row in rows_of(monitor)}
        assert (rows["10.3.0.0/16", "0"]["kind"], rows["10.3.0.0/16", "0"]["via"]) == ("incomplete", "192.168.1.7 pg1")
        assert (rows["10.2.0.0/16", "0"]["via"], rows["10.2.0.0/16", "7"]["via"]) == ("ipip0", "192.168.1.2 pg1")
        await pilot.press("slash", *"10.2.4.7")
        await until(pilot, lambda: any("10.2.4.7" in line for line in screen(pilot)[-3:]))  # what is typed can be read
        assert [row["prefix"] for row in rows_of(monitor)] == ["10.2.4.0/24", "10.2.0.0/16", "10.2.0.0/16", "0.0.0.0/0", "0.0.0.0/0"]
        await pilot.press("enter", "enter")
        await until(pilot, lambda: any("path-list:[" in line for line in screen(pilot)))
        assert any("10.2.4.0/24 fib:0" in line for line in screen(pilot))
        assert tables_of(monitor).lines() == ["show ip fib index 0 10.2.4.0/24"]
        assert "path-list:[" in monitor.view.as_text()
        await pilot.press("escape", "escape")
        await until(pilot, lambda: len(rows_of(monitor)) > 20)
        assert json.loads(monitor.view.as_json())[0]["prefix"] == "0.0.0.0/0"

    play(script, tmp_path, monkeypatch, session=session_of())


def test_neighbours_tunnels_and_policies_are_those_of_the_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def script(pilot: Pilot[None], monitor: Monitor) -> None:
        await open_table(pilot, monitor, "neighbors")
        assert [(row["address"], row["mac"]) for row in rows_of(monitor)] == [
            ("192.168.1.2", "02:00:00:00:01:02"),
            ("2001:db8::2", "02:00:00:00:01:03"),
        ]
        await open_table(pilot, monitor, "tunnels")
        await until(pilot, lambda: len(rows_of(monitor)) == 2)
        ipip, vxlan = rows_of(monitor)
        assert (ipip["kind"], ipip["interface"], ipip["destination"]) == ("ipip", "ipip0", "192.168.1.2")
        assert (vxlan["kind"], vxlan["interface"], vxlan["of"]) == ("vxlan", "vxlan_tunnel0", "vni 13")
        await open_table(pilot, monitor, "protect")
        (row,) = rows_of(monitor)
        assert (row["interface"], row["sends"], row["takes"]) == ("ipip0", "SA 10 spi 1001", "SA 20 spi 2001")
        await open_table(pilot, monitor, "spd")
        (row,) = rows_of(monitor)
        assert (row["action"], row["local"], row["remote"], row["sa"]) == (
            "protect",
            "10.0.0.0 - 10.0.0.255",
            "10.9.0.0 - 10.9.255.255",
            "10",
        )
        await pilot.press("slash", *"10.9.7.7")
        assert len(rows_of(monitor)) == 1
        await pilot.press("backspace", "backspace")  # 10.9.7 is no address
        await until(pilot, lambda: not rows_of(monitor))

    play(script, tmp_path, monkeypatch, session=session_of())


def test_sas_show_their_sequence_and_rates_and_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    session = session_of(SETUP + TRAFFIC)

    async def script(pilot: Pilot[None], monitor: Monitor) -> None:
        await open_table(pilot, monitor, "sas")
        question = tables_of(monitor).questions[0]
        await until(pilot, lambda: monitor.store.track(question).readings >= 3)
        await pilot.press("0")
        track = monitor.store.track(question)
        begun = track.based_at
        await until(pilot, lambda: monitor.store.at - begun >= 2)
        assert track.since((10, "packets")) / (monitor.store.at - begun) == pytest.approx(3000, rel=0.05)
        out, into = rows_of(monitor)
        assert (out["spi"], out["way"], out["crypto"], out["sequence"]) == (1001, "out", "aes-gcm-128", out["packets"])
        assert (into["way"], into["window"], into["missing"]) == ("in", 64, 0)
        assert out["packets_rate"] == track.rate((10, "packets"))
        await pilot.press("down", "enter")
        await until(pilot, lambda: any("replay window of 64" in line for line in screen(pilot)))
        known = monitor.store.known(question)
        assert known is not None
        everything = "\n".join(screen(pilot)) + monitor.view.as_text() + monitor.view.as_json() + known.text
        assert KEY not in everything
        assert SALT not in everything
        await open_table(pilot, monitor, "tunnels")
        await until(pilot, lambda: any(row["tx_packets_rate"] for row in rows_of(monitor)))
        ipip = rows_of(monitor)[0]
        assert ipip["tx_packets_rate"] == monitor.store.track(tables_of(monitor).questions[-1]).rate(("ipip0", "tx packets"))

    play(script, tmp_path, monkeypatch, session=session)


def test_services_policies_sessions_and_peers_of_a_node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def script(pilot: Pilot[None], monitor: Monitor) -> None:
        await open_table(pilot, monitor, "services")
        good, bad = tables_of(monitor).grid.table.rows
        assert (good.values[:4], good.tone) == (("10.96.0.30:80", "UDP", 1, "11.0.0.2:8080"), "plain")
        assert (bad.values[2], bad.tone) == (0, "bad")
        await pilot.press("enter")
        await until(pilot, lambda: any("by ipv4 via 0.0.0.0 pg2" in line for line in screen(pilot)))
        await open_table(pilot, monitor, "sessions")
        await until(pilot, lambda: any("8 sessions; `r' asks for the first 1000" in line for line in screen(pilot)))
        await pilot.press("r")
        await until(pilot, lambda: len(rows_of(monitor)) == 1)
        assert (rows_of(monitor)[0]["source"], rows_of(monitor)[0]["left"]) == ("11.0.0.1:40000", 28.5)
        await open_table(pilot, monitor, "policies")
        assert [(row["interface"], row["way"], row["policy"], row["action"]) for row in rows_of(monitor)] == [
            ("", "tx", "3", "deny"),
            ("pg1", "rx", "0", "allow"),
            ("pg1", "rx", "default", "deny"),
            ("pg1", "tx", "default", "allow"),
        ]
        await pilot.press("slash", *"10.96.0.30")
        await until(pilot, lambda: [row["rule"] for row in rows_of(monitor)] == ["0"])
        await pilot.press("escape")
        await open_table(pilot, monitor, "tunnels")
        (peer,) = tables_of(monitor).grid.table.rows
        assert (peer.values[0], peer.values[4], peer.tone) == ("wireguard", "10.3.0.0/16", "bad")
        assert monitor.store.known(tables_of(monitor).questions[6]).text.count("XWRrcnmA") == 0  # type: ignore[union-attr]  # it is known
        await open_table(pilot, monitor, "fib6")
        await until(pilot, lambda: any("refused: show ip6: unknown input `fib'" in line for line in screen(pilot)))

    target = watch_canned(script, tmp_path, monkeypatch, NODE)
    assert target.asked.count("show cnat session max 1000") == 1
    assert not any(line.startswith("show ipsec sa ") and line != "show ipsec sa detail" for line in target.asked)


def test_a_click_and_keys_choose_a_table_which_is_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def script(pilot: Pilot[None], monitor: Monitor) -> None:
        await pilot.press(str(1 + [view.id for view in monitor.views].index("tables")), "right", "right", "left")
        assert tables_of(monitor).grid.report.name == "fib6"
        await pilot.click("Choice", offset=Offset(screen(pilot)[3].index("policies"), 0))
        await until(pilot, lambda: tables_of(monitor).grid.report.name == "policies")
        await pilot.press("s", "question_mark")
        await until(pilot, lambda: any("Network policies (policies)" in line for line in screen(pilot)))
        assert any("Next table" in line for line in screen(pilot))

    async def again(pilot: Pilot[None], monitor: Monitor) -> None:
        await pilot.press(str(1 + [view.id for view in monitor.views].index("tables")))
        assert tables_of(monitor).grid.report.name == "policies"
        assert tables_of(monitor).grid.order == Order(1)

    watch_canned(script, tmp_path, monkeypatch, NODE)
    watch_canned(again, tmp_path, monkeypatch, NODE)


def test_each_table_is_printed_without_a_screen(capsys: pytest.CaptureFixture[str]) -> None:
    session = session_of()
    for report in all_tables():
        assert print_tab(watch_session(session, 0.1), report.name, 1, as_json=False) == 0
        text = capsys.readouterr().out
        assert text.splitlines()[0].split()[0] == report.columns[0].title.split()[0]
        assert len(text.splitlines()) > 1 or report.name in ("mpls", "services", "sessions", "policies")
        assert KEY not in text


def route(prefix: str, via: str, packets: int = 0) -> str:
    balance = f"  [@0]: dpo-load-balance: [proto:ip4 index:9 buckets:1 uRPF:8 to:[{packets}:{60 * packets}]]"
    return f"{prefix}\n  unicast-ip4-chain\n{balance}\n    [0] [@5]: ipv4 via {via}: mtu:9000 next:3 flags:[] 02fe0000\n"


def head(name: str, index: int) -> str:
    return f"{name}, fib_index:{index}, flow hash:[src dst ] epoch:0 flags:none locks:[CLI:1, ]\n"


ROUTES = st.lists(
    st.tuples(
        st.builds(
            lambda address, length: f"{'.'.join(map(str, (address & (0xFFFFFFFF << (32 - length))).to_bytes(4, 'big')))}/{length}",
            st.integers(0, 2**32 - 1), st.integers(0, 32),
        ),
        st.sampled_from(["10.0.0.2 pg0", "10.0.1.3 pg1", "1.1.1.1 eth2"]),
        st.integers(0, 10**6),
    ),
    max_size=30, unique_by=lambda each: each[0],
)  # fmt: skip
WORDS = st.sampled_from(["", "1", "pg", "pg1 0", "10.0.0.2", "128.0.0.0/1", "1.1.1.1", "adjacency", "drop", "::1", "10.0.0.0/8 pg0", "PG1"])


@settings(deadline=None)
@given(ROUTES, ROUTES, WORDS, st.integers(0, 6), st.booleans())
def test_a_sheet_has_the_rows_that_a_list_has(
    first: list[tuple[str, str, int]], second: list[tuple[str, str, int]], words: str, column: int, descending: bool
) -> None:
    text = head("ipv4-VRF:0", 0) + "".join(route(*each) for each in first) + head("pod-pg1", 1) + "".join(route(*each) for each in second)
    sheet = read_forwarding(text, 4).sheet
    rows = list(sheet)
    assert [row.values[:6:2] for row in rows] == [(prefix, via, packets) for prefix, via, packets in (*first, *second)]
    order = Order(column, descending)
    shown = sheet.arranged(order, words)
    wanted = words.casefold().split()
    networks = [network for word in wanted if (network := network_of(word))]

    def kept(row: Row) -> bool:
        text = " ".join(row.texts).casefold()
        nets = [network_of(word) for word in wanted]
        return all(word in text or (net is not None and narrowest([row.values[0]], net) is not None) for word, net in zip(wanted, nets))

    assert {row.key for row in shown} == {row.key for row in rows if kept(row)}
    if networks:
        spans = [narrowest([row.values[0]], networks[0]) for row in shown]
        known = [span for span in spans if span is not None]
        assert known == sorted(known)
        assert spans[: len(known)] == known
    elif column:
        values = [row.values[column] for row in shown]
        assert values == sorted(values, reverse=descending)
    for number, row in enumerate(shown):
        assert shown.position(row.key) == number
    assert sheet.position((7, "1.2.3.4/32")) is None


def test_what_becomes_of_packets_is_told_in_a_few_words() -> None:
    several = (
        "10.4.0.0/16\n  unicast-ip4-chain\n  [@0]: dpo-load-balance: [proto:ip4 index:17 buckets:4 uRPF:8 to:[5:300]]\n"
        "    [0-2] [@5]: ipv4 via 10.0.0.2 pg0: mtu:9000 next:3 flags:[] 02fe\n"
        "    [3] [@5]: ipv4 via 10.0.1.2 pg1: mtu:9000 next:3 flags:[] 02fe\n"
    )
    labelled = (
        "10.7.0.0/16\n  unicast-ip4-chain\n  [@0]: dpo-load-balance: [proto:ip4 index:17 buckets:2 uRPF:8 to:[0:0]]\n"
        "    [0] [@6]: mpls-label[@2]:[200:64:0:neos][201:64:0:eos]\n"
        "        [@1]: mpls via 10.0.1.2 pg1: mtu:9000 next:2 flags:[] 02fe8847\n    [1] [@0]: dpo-drop ip4\n"
    )
    text = head("ipv4-VRF:0", 0) + several + "10.5.0.0/16\n  UNRESOLVED\n" + route("10.6.0.0/16", "0.0.0.0 ipip0", 9) + labelled
    rows = [row.values for row in read_forwarding(text, 4).sheet]
    assert rows[0] == ("10.4.0.0/16", "adjacency", "10.0.0.2 pg0 ×3, 10.0.1.2 pg1 ×1", 2, 5, 300, "0")
    assert rows[1][:4] == ("10.5.0.0/16", "unresolved", "", 0)
    assert rows[3][1:4] == ("adjacency+drop", "label 200 label 201 10.0.1.2 pg1", 2)
    assert rows[2][:5] == ("10.6.0.0/16", "adjacency", "ipip0", 1, 9)


def test_an_address_finds_prefixes_and_ranges_the_narrowest_first() -> None:
    texts = ["10.0.0.0/8", "any", "10.2.0.0 - 10.2.255.255", "10.2.3.4", "fd00::/8 10.3.0.0/16", "SA 10.2", "1.10.2.3.4"]
    rows = [Row(text, (text,)) for text in texts]
    assert [row.key for row in arranged(rows, Order(), "10.2.3.4")] == ["10.2.3.4", "10.2.0.0 - 10.2.255.255", "10.0.0.0/8", "1.10.2.3.4"]
    assert [row.key for row in arranged(rows, Order(), "10.3.0.0/16")] == ["fd00::/8 10.3.0.0/16", "10.0.0.0/8"]
    assert [row.key for row in arranged(rows, Order(), "fd12::1")] == ["fd00::/8 10.3.0.0/16"]
    assert [network.span for network in networks_in("02:fe:00:00:00:01 10.1.2.3;80 [fd00::/120]")] == [0, 255]


def test_very_many_routes_are_sorted_found_and_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    count = 50_000
    prefixes = [f"{16 + (number >> 16)}.{number >> 8 & 255}.{number & 255}.0/24" for number in range(count)]
    text = head("ipv4-VRF:0", 0) + "".join(route(prefix, f"10.0.{number % 7}.2 pg0", number % 5) for number, prefix in enumerate(prefixes))
    summary = head("ipv4-VRF:0", 0) + f"    Prefix length         Count     \n                  24 {count:>15}\n"
    saved = tmp_path / "routes.json"

    async def script(pilot: Pilot[None], monitor: Monitor) -> None:
        monitor.go_to("tables", "fib4")
        grid = tables_of(monitor).grid
        await until(pilot, lambda: any("50000 routes: VPP stops its workers" in line for line in screen(pilot)))
        assert "show ip fib" not in target.asked
        await pilot.press("r")
        await until(pilot, lambda: len(grid.table.rows) == count)
        await pilot.press("end")
        assert grid.table.key == (0, prefixes[-1])
        await pilot.press("s", "s", "S")
        assert grid.table.rows[0].values[2] == "10.0.6.2 pg0"
        assert grid.table.key == (0, prefixes[-1])  # the cursor stays with its route
        await pilot.press("slash", *"16.77.2.3")
        await until(pilot, lambda: [row.values[0] for row in grid.table.rows] == ["16.77.2.0/24"])
        await pilot.press("escape")
        await until(pilot, lambda: len(grid.table.rows) == count)
        await pilot.press("c")
        await until(pilot, lambda: any("too much for a clipboard" in line for line in screen(pilot)))
        monitor.save(str(saved))
        await until(pilot, lambda: any("saved as" in line for line in screen(pilot)))
        assert len(json.loads(saved.read_text())) == count

    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    target = Canned({"show ip fib": text, "show ip fib summary": summary})
    monitor = Monitor(watch_target(target, 0.2))

    async def run() -> None:
        async with monitor.run_test(size=(120, 36)) as pilot:
            await script(pilot, monitor)

    asyncio.run(run())
