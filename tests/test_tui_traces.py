"""The monitor's traces: captures of a dataplane under traffic, what is listed of them, and that all is taken back."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import pytest
from monitors import SETUP, Monitor, Pilot, play, screen, until
from serving import serving
from textual import events
from textual.widgets import Input, Static

from vppsh.engine.tracing import FilterKind
from vppsh.session import Session
from vppsh.startup import make_session
from vppsh.targets.cli_socket import SocketTarget
from vppsh.traces.captures import read_capture
from vppsh.traces.jsonl import read_lines
from vppsh.traces.text import packets_of
from vppsh.traces.verdict import verdict
from vppsh.tui.screens.traces import TracesView
from vppsh.tui.traces import blocks, taken
from vppsh.tui.watching import watch_target
from vppsh.tui.widgets.capture import CaptureScreen

DROPPED = "dropped by ip4-lookup (null-node: blackholed packets)"


def traffic_session() -> Session:
    """A session whose dataplane forwards 300 packets a second and drops 60: enough to trace, and it leaves time for keys."""
    session = make_session()
    for line in SETUP.replace("rate 3000", "rate 300").replace("rate 500", "rate 60").splitlines():
        answer = session.execute(line)
        assert not answer.failed, answer.text
    return session


def view_of(monitor: Monitor) -> TracesView:
    assert isinstance(monitor.view, TracesView)
    return monitor.view


def shown(monitor: Monitor) -> list[dict[str, object]]:
    """The packets that are listed, values by column."""
    from vppsh.tui.traces import COLUMNS

    return [dict(zip([column.key for column in COLUMNS], row.values)) for row in view_of(monitor).list.table.rows]


def nothing_is_set(session: Session) -> bool:
    """Whether the dataplane traces nothing, by no filter."""
    tracer = session.engine.tracer
    node = session.engine.graph["pg-input"]
    return tracer.filter.kind is FilterKind.NONE and node.trace_limit == 0 and tracer.choose is None


async def keys(pilot: Pilot[None], *names: str) -> None:
    """Press keys. The pilot's own way waits for an idle processor after each, which a dataplane at work seldom leaves."""
    driver = pilot.app._driver
    assert driver is not None
    for name in names:
        key = events.Key(name, name if len(name) == 1 else None)
        key.set_sender(pilot.app)
        driver.send_message(key)
        await asyncio.sleep(0.05)


async def tab(pilot: Pilot[None], monitor: Monitor) -> None:
    """The tab of packets, once it knows where packets come in."""
    await keys(pilot, "5")
    await until(pilot, lambda: monitor.view.id == "traces" and "trace add pg-input 50" in monitor.view.lines())


async def form(pilot: Pilot[None], *names: str) -> None:
    """Keys that lead to the form of a capture."""
    await keys(pilot, *names)
    await until(pilot, lambda: isinstance(pilot.app.screen, CaptureScreen) and isinstance(pilot.app.screen.focused, Input))


async def type_filter(pilot: Pilot[None], monitor: Monitor, expression: str) -> None:
    """`/`, and an expression."""
    await keys(pilot, "slash")
    await until(pilot, lambda: view_of(monitor).bar.typing)
    view_of(monitor).bar.query_one(Input).value = expression
    await keys(pilot, "enter")
    await until(pilot, lambda: not view_of(monitor).bar.typing)


async def captured(pilot: Pilot[None], monitor: Monitor, packets: int) -> None:
    """Wait for a capture's end."""
    traced = view_of(monitor).traced
    await until(pilot, lambda: not traced.capturing.busy and len(traced.found.packets) == packets)
    await until(pilot, lambda: view_of(monitor).list.found is traced.found and bool(view_of(monitor).list.listing.ways))


async def capture(pilot: Pilot[None], monitor: Monitor, packets: int = 50) -> None:
    """The tab, a capture as it is offered, and its end."""
    await tab(pilot, monitor)
    await form(pilot, "n")
    await keys(pilot, "enter")
    await captured(pilot, monitor, packets)


def test_a_capture_says_what_it_will_send_lists_its_packets_and_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = traffic_session()

    async def script(pilot: Pilot[None], monitor: Monitor) -> None:
        await tab(pilot, monitor)
        await until(pilot, lambda: any("nothing was captured yet" in line for line in screen(pilot)))
        before = len(session.engine.tracer)
        await keys(pilot, "n")
        await until(pilot, lambda: any("trace add pg-input 50" in line for line in screen(pilot)))
        assert any("clear trace" in line for line in screen(pilot))
        assert len(session.engine.tracer) == before == 0  # nothing was sent yet
        await keys(pilot, "enter")
        await captured(pilot, monitor, 50)
        rows = shown(monitor)
        verdicts = Counter(row["verdict"] for row in rows)
        assert set(verdicts) == {"sent by pg1", DROPPED}
        assert {row["input"] for row in rows} == {"pg0"}
        assert {row["last_node"] for row in rows} == {"pg1-tx", "drop"}
        assert [row["number"] for row in rows] == list(range(1, 51))
        tones = {row.values[2]: row.tone for row in view_of(monitor).list.table.rows}
        assert tones == {"sent by pg1": "plain", DROPPED: "bad"}
        assert nothing_is_set(session)
        found = session.execute("show trace max 50")
        assert [verdict(packet).outcome for packet in packets_of(found.text)] == [
            verdict(packet).outcome for packet in view_of(monitor).traced.found.packets
        ]

    play(script, tmp_path, monkeypatch, session=session)


def test_filters_are_those_of_vppsh_trace_and_errors_stand_in_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def script(pilot: Pilot[None], monitor: Monitor) -> None:
        await capture(pilot, monitor)
        dropped = sum(row["verdict"] == DROPPED for row in shown(monitor))
        await keys(pilot, "slash", *"dropped")
        await until(pilot, lambda: len(shown(monitor)) == dropped)
        view_of(monitor).bar.query_one(Input).value = "dropped and hots"
        await until(pilot, lambda: any("column 13: unknown word `hots': did you mean `host'?" in line for line in screen(pilot)))
        assert len(shown(monitor)) == dropped  # what could be read last holds
        view_of(monitor).bar.query_one(Input).value = "dropped"
        await keys(pilot, "enter")
        await until(pilot, lambda: not view_of(monitor).bar.typing)
        await until(pilot, lambda: any(f"{dropped} with dropped" in line for line in screen(pilot)))
        await keys(pilot, "escape")
        await until(pilot, lambda: len(shown(monitor)) == 50)
        await keys(pilot, "slash", "up")
        await until(pilot, lambda: len(shown(monitor)) == dropped)
        await keys(pilot, "escape")
        await type_filter(pilot, monitor, "in pg0 and out pg1")
        await until(pilot, lambda: len(shown(monitor)) == 50 - dropped)

    play(script, tmp_path, monkeypatch, session=traffic_session())


def test_paths_are_counted_and_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def script(pilot: Pilot[None], monitor: Monitor) -> None:
        await capture(pilot, monitor)
        dropped = sum(row["verdict"] == DROPPED for row in shown(monitor))
        await keys(pilot, "g")
        ways = view_of(monitor).list.ways
        await until(pilot, lambda: ways.display and len(ways.rows) == 2)
        assert [row.values[0] for row in ways.rows] == [50 - dropped, dropped]
        assert sum(row.values[1] for row in ways.rows) == pytest.approx(1)
        assert ways.rows[1].values[3].endswith("ip4-lookup -> ip4-drop -> error-drop -> drop")
        await keys(pilot, "down", "enter")
        await until(pilot, lambda: len(shown(monitor)) == dropped)
        await until(pilot, lambda: any("path 2 of 2" in line for line in screen(pilot)))
        await keys(pilot, "escape")
        await until(pilot, lambda: ways.display)
        await keys(pilot, "e")
        await until(pilot, lambda: any(f"{dropped} packet" in line and DROPPED in line for line in screen(pilot)))
        await until(pilot, lambda: any("decided by  the route of 192.0.2.1 in FIB index 0" in line for line in screen(pilot)))
        await until(pilot, lambda: any("| 0.0.0.0/0 fib:0" in line for line in screen(pilot)))  # asked on the target
        await keys(pilot, "escape", "escape")
        await until(pilot, lambda: not ways.display)

    play(script, tmp_path, monkeypatch, (120, 50), traffic_session())


def test_a_packet_shows_its_way_its_headers_and_its_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def script(pilot: Pilot[None], monitor: Monitor) -> None:
        await capture(pilot, monitor)
        await type_filter(pilot, monitor, "sent")
        await until(pilot, lambda: {row["verdict"] for row in shown(monitor)} == {"sent by pg1"})
        count = len(shown(monitor))
        await keys(pilot, "home", "enter")
        await until(pilot, lambda: any(f"(1 of {count} listed)" in line for line in screen(pilot)))
        panel = view_of(monitor).list.panel
        await keys(pilot, "down", "down", "down")
        await until(pilot, lambda: any("tx_sw_if_index 2 dpo-idx" in line for line in screen(pilot)))  # the node's own words
        for text in ("bytes at ip4-rewrite", "0000  02 00 00 00 01 02 02 fe 00 00 00 02 08 00 45 00"):
            await until(pilot, lambda text=text: any(text in line for line in screen(pilot)))
        assert panel.position == 3
        await keys(pilot, "right")
        await until(pilot, lambda: any(f"(2 of {count} listed)" in line for line in screen(pilot)))
        await keys(pilot, "escape", "escape")
        await type_filter(pilot, monitor, "dropped")
        await until(pilot, lambda: {row["verdict"] for row in shown(monitor)} == {DROPPED})
        await keys(pilot, "home", "enter")
        await until(pilot, lambda: any("no bytes in this trace" in line for line in screen(pilot)))
        assert panel.packet is not None
        assert panel.packet.steps[panel.position].node == "ip4-lookup"  # where its fate was decided

    play(script, tmp_path, monkeypatch, (130, 40), traffic_session())


def test_packets_are_saved_as_text_json_and_pcapng(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def save(pilot: Pilot[None], path: Path) -> None:
        await keys(pilot, "x")
        await until(pilot, lambda: pilot.app.screen.is_modal and isinstance(pilot.app.screen.focused, Input))
        pilot.app.screen.query_one(Input).value = str(path)
        await keys(pilot, "enter")
        await until(pilot, lambda: f"saved as {path}" in str(pilot.app.query_one("#flash", Static).content))

    async def script(pilot: Pilot[None], monitor: Monitor) -> None:
        await capture(pilot, monitor)
        packets = view_of(monitor).traced.found.packets
        for ending in ("txt", "json", "pcapng", "svg"):
            await save(pilot, tmp_path / f"all.{ending}")
        text = (tmp_path / "all.txt").read_text()
        assert text.startswith("------------------- Start of thread 0 vpp_main")
        assert [packet.text for packet in packets_of(text)] == [packet.text for packet in packets]
        with (tmp_path / "all.json").open() as lines:
            assert [packet.path for packet in read_lines(lines, "x")] == [packet.path for packet in packets]
        with (tmp_path / "all.pcapng").open("rb") as stream:
            assert len(list(read_capture(stream, "x"))) == 50
        await keys(pilot, "home", "enter")
        await until(pilot, lambda: view_of(monitor).list.panel.display)
        await save(pilot, tmp_path / "one.txt")
        assert [packet.text for packet in packets_of((tmp_path / "one.txt").read_text())] == [packets[0].text]

    play(script, tmp_path, monkeypatch, session=traffic_session())


@pytest.mark.parametrize(
    ("way", "line", "expression", "verdicts"),
    [
        (["4", "p"], "trace filter include error-drop 50", 'reason "null-node: blackholed packets"', {DROPPED}),
        (["2", "slash", *"pg1", "enter", "p"], "trace filter none", "interface pg1", {"sent by pg1"}),
        (["3", "slash", *"ip4-rewrite", "enter", "p"], "trace filter include ip4-rewrite 50", "node ip4-rewrite", {"sent by pg1"}),
    ],
)
def test_one_key_leads_from_a_number_to_the_packets_behind_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: list[str], line: str, expression: str, verdicts: set[str]
) -> None:
    session = traffic_session()

    async def script(pilot: Pilot[None], monitor: Monitor) -> None:
        await keys(pilot, way[0])
        await until(pilot, lambda: monitor.store.samples >= 4)
        await form(pilot, *way[1:])
        await until(pilot, lambda: any(line in each for each in screen(pilot)))
        await until(pilot, lambda: any("trace add pg-input" in each for each in screen(pilot)))
        await keys(pilot, "enter")
        await captured(pilot, monitor, 50)
        await until(pilot, lambda: {row["verdict"] for row in shown(monitor)} == verdicts)
        assert view_of(monitor).list.choice.expression == expression
        assert nothing_is_set(session)

    play(script, tmp_path, monkeypatch, session=session)


def test_an_expression_chooses_packets_on_the_target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    session = traffic_session()
    data = "data { IP4: 1.2.3 -> 02:fe:00:00:00:01 UDP: 10.0.0.2 -> 192.0.2.1 UDP: 5 -> 6 incrementing 18 }"
    stream = f"packet-generator new {{ name frames rate 60 size 60-60 interface pg0 node ethernet-input {data} }}"
    for line in (stream, "packet-generator enable-stream frames"):
        assert not session.execute(line).failed

    async def script(pilot: Pilot[None], monitor: Monitor) -> None:
        await tab(pilot, monitor)
        await form(pilot, "n")
        pilot.app.screen.query_one("#count", Input).value = "zero"
        await until(pilot, lambda: any("`zero' packets: expected 1 to 10000" in line for line in screen(pilot)))
        await keys(pilot, "enter", "tab")
        await until(pilot, lambda: pilot.app.focused is not None and pilot.app.focused.id == "count")
        assert isinstance(pilot.app.screen, CaptureScreen)  # nothing is sent while something is wrong
        pilot.app.screen.query_one("#count", Input).value = "7"
        pilot.app.screen.query_one("#expression", Input).value = "udp and dst port 6"
        await until(pilot, lambda: any("set bpf trace filter {{udp and dst port 6}}" in line for line in screen(pilot)))
        await keys(pilot, "enter")
        await captured(pilot, monitor, 7)
        assert {row["flow"] for row in shown(monitor)} == {"udp 10.0.0.2:5 -> 192.0.2.1:6"}
        assert nothing_is_set(session)
        assert session.execute("show bpf trace filter").text == "bpf trace filter is not set\n"
        assert "(*) name:vnet_is_packet_traced" in session.execute("show trace filter function").text
        await form(pilot, "n")
        pilot.app.screen.query_one("#expression", Input).value = "no such language"
        await keys(pilot, "enter")
        await until(pilot, lambda: any("Failed pcap_compile of no such language" in line for line in screen(pilot)))
        assert nothing_is_set(session)
        await keys(pilot, "b")  # what is in the buffer is still there
        await until(pilot, lambda: any("7 packets in the trace buffer" in line for line in screen(pilot)))

    play(script, tmp_path, monkeypatch, session=session)


@pytest.mark.parametrize("end", ["n", ""], ids=["ended", "left"])
def test_a_capture_that_is_ended_or_left_is_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: str) -> None:
    session = traffic_session()

    async def script(pilot: Pilot[None], monitor: Monitor) -> None:
        await tab(pilot, monitor)
        await form(pilot, "n")
        pilot.app.screen.query_one("#visits", Input).value = "ip6-lookup"  # where nothing comes by
        await keys(pilot, "enter")
        await until(pilot, lambda: session.engine.tracer.filter.kind is FilterKind.INCLUDE)
        await until(pilot, lambda: any("that come by ip6-lookup: 0 by now" in line for line in screen(pilot)))
        if end:  # else the monitor ends here
            await keys(pilot, end)
            await until(pilot, lambda: not view_of(monitor).traced.capturing.busy)

    play(script, tmp_path, monkeypatch, session=session)
    assert nothing_is_set(session)


def test_a_target_that_is_lost_meanwhile_is_left_as_it_was_when_it_is_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    path = tmp_path / "cli.sock"
    monitor = Monitor(watch_target(SocketTarget(str(path), patience=0.0), 0.2))

    async def run() -> None:
        async with monitor.run_test(size=(120, 30)) as pilot:
            with serving(path):
                await until(pilot, lambda: monitor.store.samples >= 2)
                await keys(pilot, "5")
                await until(pilot, lambda: monitor.view.id == "traces")
                await form(pilot, "n")
                pilot.app.screen.query_one("#inputs", Input).value = "pg-input"
                await keys(pilot, "enter")
                await until(pilot, lambda: view_of(monitor).traced.capturing.progress(0).startswith("capturing"))
                capturing = view_of(monitor).traced.capturing
                await until(pilot, lambda: capturing.started)
            await until(pilot, lambda: not capturing.busy)
            assert capturing.left == ("trace filter none",)
            told = "to be taken back when the target answers: trace filter none"
            await until(pilot, lambda: told in " ".join(" ".join(screen(pilot)).split()))
            with serving(path):
                await until(pilot, lambda: capturing.left == ())

    asyncio.run(run())


def test_ten_thousand_packets_are_listed_filtered_and_sorted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    session = traffic_session()
    for line in ("trace add pg-input 8", "%sleep 0.1"):
        session.execute(line)
    text = session.execute("show trace").text.replace("------------------- Start of thread 0 vpp_main -------------------\n", "")
    found = taken(blocks(text * 1250), "in a test", {1: "pg0"})
    assert len(found.rows) == 10_000

    async def script(pilot: Pilot[None], monitor: Monitor) -> None:
        await tab(pilot, monitor)
        view = view_of(monitor)
        view.traced.found = found
        view.show()
        await until(pilot, lambda: len(shown(monitor)) == 10_000)
        await keys(pilot, "end")
        await until(pilot, lambda: view.list.table.cursor == 9_999)
        await type_filter(pilot, monitor, "number 8")
        await until(pilot, lambda: len(shown(monitor)) == 1_250)

    play(script, tmp_path, monkeypatch, session=session)
