"""The monitor's screens, on a dataplane of this process under traffic."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from monitors import Monitor, Pilot, play, screen, until
from textual.widgets import Input

from vppsh.tui.screens.grid_view import GridView


def view_of(monitor: Monitor) -> GridView:
    assert isinstance(monitor.view, GridView)
    return monitor.view


def rows_of(monitor: Monitor) -> dict[object, dict[str, object]]:
    """The rows in sight by their keys, values by column."""
    view = view_of(monitor)
    return {row.key: dict(zip([column.key for column in view.report.columns], row.values)) for row in view.table.rows}


async def save_as(pilot: Pilot[None], path: Path) -> None:
    """`x`, and a name."""
    await pilot.press("x")
    pilot.app.screen.query_one(Input).value = str(path)
    await pilot.press("enter")


def test_rates_of_interfaces_are_those_of_the_streams(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def script(pilot: Pilot[None], monitor: Monitor) -> None:
        await pilot.press("2")
        await until(pilot, lambda: monitor.store.samples >= 3)
        await pilot.press("0")  # from here on
        track = monitor.store.track(view_of(monitor).questions[0])
        begun = track.based_at
        await until(pilot, lambda: monitor.store.at - begun >= 3)
        seconds = monitor.store.at - begun
        assert track.since(("pg1", "tx packets")) / seconds == pytest.approx(3000, rel=0.05)
        assert track.since(("pg0", "drops")) / seconds == pytest.approx(500, rel=0.05)
        mean = track.history(("pg1", "tx packets"), 14).mean()
        assert mean == pytest.approx(3000, rel=0.05)
        row = rows_of(monitor)["pg1"]
        assert row["tx_packets_rate"] == track.rate(("pg1", "tx packets"))
        assert row["tx_bits_rate"] == pytest.approx(8 * 74 * row["tx_packets_rate"])  # type: ignore[operator]  # numbers both

    play(script, tmp_path, monkeypatch)


def test_the_overview_tells_what_moves_and_leads_to_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def script(pilot: Pilot[None], monitor: Monitor) -> None:
        await until(pilot, lambda: any("blackholed packets" in line for line in screen(pilot)))
        shown = "\n".join(screen(pilot))
        assert "3 of 4 interfaces up" in shown
        assert "vpp_main: vector rate" in shown
        assert "embedded the dataplane of this process" in shown
        await pilot.press("tab", "enter")
        await until(pilot, lambda: monitor.view.id == "errors")
        assert view_of(monitor).opened == ("null-node", "blackholed packets")
        await until(pilot, lambda: any("null-node: blackholed packets" in line for line in screen(pilot)))

    play(script, tmp_path, monkeypatch)


def test_filter_sort_and_detail_of_interfaces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def script(pilot: Pilot[None], monitor: Monitor) -> None:
        await pilot.press("2")
        await until(pilot, lambda: len(rows_of(monitor)) == 4)
        assert list(rows_of(monitor)) == ["local0", "pg-1", "pg0", "pg1"]
        await pilot.press("slash", *"pg1")
        await until(pilot, lambda: list(rows_of(monitor)) == ["pg1"])
        await pilot.press("enter", "enter")
        await until(pilot, lambda: any("tx bytes" in line for line in screen(pilot)))
        await pilot.press("escape", "escape")
        await until(pilot, lambda: len(rows_of(monitor)) == 4)
        await pilot.press("s")
        assert list(rows_of(monitor)) == ["pg-1", "pg1", "pg0", "local0"]  # by index, from the largest
        await pilot.press("S")
        assert list(rows_of(monitor)) == ["local0", "pg0", "pg1", "pg-1"]
        await pilot.click(view_of(monitor).table, offset=(2, 0))
        # The first click on another title sorts names from the smallest.
        await until(pilot, lambda: list(rows_of(monitor)) == ["local0", "pg-1", "pg0", "pg1"])

    play(script, tmp_path, monkeypatch)


def test_a_paused_view_stands_still_and_takes_up_what_waited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def script(pilot: Pilot[None], monitor: Monitor) -> None:
        await pilot.press("2")
        await until(pilot, lambda: monitor.store.samples >= 3)
        await pilot.press("space")
        samples, rows = monitor.store.samples, rows_of(monitor)
        await until(pilot, lambda: int("".join(re.findall(r"PAUSED, (\d+) samples wait", screen(pilot)[0])) or 0) >= 3)
        assert (monitor.store.samples, rows_of(monitor)) == (samples, rows)
        await pilot.press("space")
        assert monitor.store.samples >= samples + 3
        assert rows_of(monitor)["pg1"]["history"] != rows["pg1"]["history"]

    play(script, tmp_path, monkeypatch)


def test_errors_show_what_moved_and_all_when_wanted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from monitors import traffic_session

    session = traffic_session()
    data = "data { UDP: 10.0.0.2 -> 10.0.1.2 checksum 0x1 UDP: 1 -> 2 incrementing 32 }"
    for line in (
        f"packet-generator new {{ name once limit 3 size 60-60 interface pg0 node ip4-input {data} }}",
        "packet-generator enable-stream once",
        "%sleep 0.1",
    ):
        answer = session.execute(line)
        assert not answer.failed, answer.text

    async def script(pilot: Pilot[None], monitor: Monitor) -> None:
        await pilot.press("4")
        await until(pilot, lambda: ("null-node", "blackholed packets") in rows_of(monitor))
        assert ("ip4-input", "bad ip4 checksum") not in rows_of(monitor)
        await pilot.press("a")
        still = rows_of(monitor)["ip4-input", "bad ip4 checksum"]
        assert (still["count"], still["since_baseline"], still["kind"]) == (3, 0, "drop")
        row = rows_of(monitor)["null-node", "blackholed packets"]
        assert row["meaning"] == "dropped without a stated reason"

    play(script, tmp_path, monkeypatch, session=session)


def test_nodes_show_who_handles_packets_and_what_that_costs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def script(pilot: Pilot[None], monitor: Monitor) -> None:
        await pilot.press("3")
        await until(pilot, lambda: monitor.store.track(view_of(monitor).questions[0]).readings >= 4)
        rows = rows_of(monitor)
        lookup = rows["vpp_main", "ip4-lookup"]
        assert lookup["vectors_rate"] == pytest.approx(3500, rel=0.4)  # one interval of 0.2 s; the means are tested above
        assert sum(row["share"] for row in rows.values()) == pytest.approx(1.0)  # type: ignore[misc]  # numbers all
        assert lookup["vectors_per_call"] == pytest.approx(lookup["vectors_rate"] / lookup["calls_rate"])  # type: ignore[operator]
        assert ("vpp_main", "ip6-lookup") not in rows
        monitor.view.drill(("vpp_main", "ip4-lookup"))
        await until(pilot, lambda: any("packets a call, highest" in line for line in screen(pilot)))
        assert monitor.view.lines() == ["show runtime ip4-lookup", "show node ip4-lookup"]

    play(script, tmp_path, monkeypatch)


def test_views_are_saved_as_text_json_and_svg_and_the_line_behind_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def script(pilot: Pilot[None], monitor: Monitor) -> None:
        await pilot.press("2")
        await until(pilot, lambda: monitor.store.samples >= 3)
        for ending in ("txt", "json", "svg"):
            await save_as(pilot, tmp_path / f"view.{ending}")
        interfaces = json.loads((tmp_path / "view.json").read_text())
        assert [each["name"] for each in interfaces] == ["local0", "pg-1", "pg0", "pg1"]
        assert interfaces[3]["tx_packets_rate"] > 0
        assert (tmp_path / "view.txt").read_text().splitlines()[4].startswith("pg1 ")
        assert (tmp_path / "view.svg").read_text().startswith("<svg")
        await save_as(pilot, Path("/no/such/place.txt"))
        await until(pilot, lambda: any("No such file or directory" in line for line in screen(pilot)))
        await pilot.press("end", "enter", "y")
        assert monitor.clipboard == "show interface pg1\nshow hardware-interfaces pg1"

    play(script, tmp_path, monkeypatch)


def test_help_is_made_from_the_bindings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def script(pilot: Pilot[None], monitor: Monitor) -> None:
        await pilot.press("4", "question_mark")
        await until(pilot, lambda: any("Only counters that moved since the baseline" in line for line in screen(pilot)))
        shown = "\n".join(screen(pilot))
        for key, word in (("/", "Filter"), ("enter", "More"), ("space", "Pause"), ("x", "Save")):
            assert any(key in line and word in line for line in screen(pilot)), shown
        await pilot.press("escape")
        await until(pilot, lambda: not pilot.app.screen.is_modal)

    play(script, tmp_path, monkeypatch, size=(120, 60))


def test_the_layout_is_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def change(pilot: Pilot[None], monitor: Monitor) -> None:
        await pilot.press("2", "s", "t")

    async def find(pilot: Pilot[None], monitor: Monitor) -> None:
        assert monitor.theme == "vppsh-light"
        await pilot.press("2")
        assert view_of(monitor).order.column == 1

    play(change, tmp_path, monkeypatch)
    play(find, tmp_path, monkeypatch)
    (tmp_path / "vppsh" / "tui.json").write_text('{"theme": 3, "views": [1]}')

    async def start(pilot: Pilot[None], monitor: Monitor) -> None:
        assert monitor.theme == "vppsh-dark"

    play(start, tmp_path, monkeypatch)
