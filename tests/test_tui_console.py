"""The monitor's Console: lines typed as at the prompt, on a dataplane of this process and on one behind a socket."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from monitors import SETUP, Monitor, Pilot, play, screen, until
from serving import serving
from terminals import SHELL, VPPSH, needs_tmux, tmux
from textual.widgets import Static

from vppsh.grammar.tree import CommandTree
from vppsh.registry import command
from vppsh.session import Session
from vppsh.startup import make_session
from vppsh.targets.cli_socket import SocketTarget
from vppsh.targets.policy import Policy
from vppsh.tui.console import MOST_LINES, some_at_a_time
from vppsh.tui.screens.console import ConsoleView
from vppsh.tui.watching import shell_of, watch_target
from vppsh.tui.widgets.confirm import ConfirmScreen
from vppsh.tui.widgets.transcript import Part


def idle_session() -> Session:
    """A session with two interfaces and no traffic, as the pilot waits after each key until the processor is idle."""
    session = make_session()
    for line in SETUP.splitlines()[:4]:
        assert not session.execute(line).failed
    return session


def console(monitor: Monitor) -> ConsoleView:
    assert isinstance(monitor.view, ConsoleView)
    return monitor.view


async def opened(pilot: Pilot[None], monitor: Monitor) -> ConsoleView:
    monitor.go_to("console")
    await until(pilot, lambda: console(monitor).field.has_focus)
    return console(monitor)


async def enter(pilot: Pilot[None], monitor: Monitor, line: str) -> list[str]:
    """Type a line, wait for its answer, and give that."""
    view = console(monitor)
    at = len(view.transcript.lines)
    view.field.value = line
    await pilot.press("enter")
    await until(pilot, lambda: len(view.transcript.lines) > at and not view.working)
    return list(view.transcript.lines[at + 1 :])


def test_lines_are_answered_as_at_the_prompt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def script(pilot: Pilot[None], monitor: Monitor) -> None:
        view = await opened(pilot, monitor)
        await pilot.press(*"show interface pg1", "enter")  # letters, blanks and digits that are keys of the monitor elsewhere
        await until(pilot, lambda: any(line.startswith("pg1 ") for line in view.transcript.lines))
        assert view.transcript.lines[0] == "vpp# show interface pg1"
        assert view.transcript.parts[0] is Part.TYPED
        assert monitor.view is view
        assert await enter(pilot, monitor, "show interface | grep '^pg' | count") == ["2"]
        answer = await enter(pilot, monitor, "show interface nonsense")
        assert answer == ["show interface: unknown input `nonsense'"]
        assert view.transcript.parts[-1] is Part.ERROR
        assert await enter(pilot, monitor, "set interface state pg1 down") == []
        assert not next(each for each in monitor.watched.shell.engine.interfaces if each.name == "pg1").admin_up  # type: ignore[union-attr]
        assert "the other tabs are one key away" in (await enter(pilot, monitor, "%tui"))[0]
        assert (await enter(pilot, monitor, "%help"))[0].startswith("vppsh ")
        exchanges = json.loads(view.as_json())
        assert [each["failed"] for each in exchanges[:4]] == [False, False, True, False]
        assert exchanges[1] == {"line": "vpp# show interface | grep '^pg' | count", "answer": ["2"], "failed": False}

    play(script, tmp_path, monkeypatch, session=idle_session())


def test_tab_help_history_and_the_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def script(pilot: Pilot[None], monitor: Monitor) -> None:
        view = await opened(pilot, monitor)
        await pilot.press(*"sho", "tab")
        await until(pilot, lambda: view.field.value == "show ")
        await pilot.press(*"interface pg", "tab")
        await until(pilot, lambda: [choice.text for choice in view.choices.choices] == ["pg0", "pg1"])
        assert any(line.startswith("pg1 ") for line in screen(pilot))
        await pilot.press("tab", "enter")
        assert view.field.value == "show interface pg1 "
        assert not view.choices.choices
        await pilot.press("question_mark")
        await until(pilot, lambda: "vpp# show interface pg1 ?" in view.transcript.lines)
        assert view.field.value == "show interface pg1 "
        await pilot.press("ctrl+c")
        assert view.field.value == ""
        await enter(pilot, monitor, "show version")
        await pilot.press(*"show i")
        await until(pilot, lambda: tuple(view.field.kinds("show i"))[:4] == ("command",) * 4)
        await pilot.press("up")
        assert view.field.value == "show version"
        await pilot.press("down")
        assert view.field.value == "show i"
        await pilot.press("escape", "2")
        assert monitor.view.id == "interfaces"
        await pilot.press("end", "enter", "o")
        await until(pilot, lambda: monitor.view.id == "console")
        assert view.field.value == "show interface pg1"
        await until(
            pilot, lambda: [choice.text for choice in view.choices.choices] == ["show interface pg1", "show hardware-interfaces pg1"]
        )
        await pilot.press("down", "enter")
        assert view.field.value == "show hardware-interfaces pg1 "
        await until(pilot, lambda: not view.choices.choices)
        assert (tmp_path / "vppsh" / "history").read_text().splitlines()[-1] == "+show version"

    play(script, tmp_path, monkeypatch, session=idle_session())


def test_ctrl_c_ends_the_line_and_not_the_monitor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def script(pilot: Pilot[None], monitor: Monitor) -> None:
        view = await opened(pilot, monitor)
        view.field.value = "%sleep 600"
        await pilot.press("enter")
        await until(pilot, lambda: any("Ctrl-C ends it" in line for line in screen(pilot)))
        await pilot.press("ctrl+c")
        await until(pilot, lambda: not view.working)
        assert monitor.is_running
        assert view.transcript.lines[0] == "vpp# %sleep 600"
        samples = monitor.store.samples
        monitor.go_to("interfaces")
        await until(pilot, lambda: monitor.store.samples > samples)

    play(script, tmp_path, monkeypatch, session=idle_session())


def test_several_lines_are_pasted_and_open_braces_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from textual.events import Paste

    async def script(pilot: Pilot[None], monitor: Monitor) -> None:
        view = await opened(pilot, monitor)
        view.field.post_message(Paste("create loopback interface\n# a comment\nshow interface loop0 | count\nshow ver"))
        await until(pilot, lambda: view.field.value == "show ver" and not view.working and len(view.transcript.lines) >= 4)
        assert view.transcript.lines[:4] == ["vpp# create loopback interface", "loop0", "vpp# show interface loop0 | count", "2"]
        await pilot.press("ctrl+c")
        view.field.value = "packet-generator new {"
        await pilot.press("enter")
        assert any(line.startswith("..>") for line in screen(pilot))
        assert await enter(pilot, monitor, "name more limit 1 node ip4-input data { hex 0x00 } }") == []

    play(script, tmp_path, monkeypatch, session=idle_session())


def test_a_long_answer_does_not_hold_the_screen_and_is_kept_up_to_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    session = idle_session()

    @command("lengthy")
    def lengthy(ctx: object, args: object) -> str:
        return "a line of a long answer with pg0 and 10.0.0.1 in it, and \x07 more than that to make it longer still\n" * 110_000

    session.tree = CommandTree([*session.engine.catalog.commands, lengthy])

    async def script(pilot: Pilot[None], monitor: Monitor) -> None:
        view = await opened(pilot, monitor)
        view.field.value = "lengthy"
        await pilot.press("enter")
        await until(pilot, lambda: len(view.transcript.lines) == MOST_LINES)
        assert view.transcript.lines[0].startswith("a line of")
        assert view.transcript.dropped == 2  # what was typed, and the note that 10,000 lines were not kept
        await until(pilot, lambda: any("^G more than that" in line for line in screen(pilot)))
        await pilot.press("pageup")
        assert not view.transcript.at_end
        await pilot.press("ctrl+home")
        assert view.transcript.scroll_offset.y == 0

    play(script, tmp_path, monkeypatch, session=session)


def attached(socket: Path, policy: Policy, script: Callable[[Pilot[None], Monitor], Awaitable[None]], *, cluster: bool = False) -> None:
    """The monitor on a target behind a socket."""
    target = SocketTarget(str(socket), "vpp")
    if cluster:
        target.cluster = True
    monitor = Monitor(watch_target(target, 0.2, shell_of(target, policy)))

    async def run() -> None:
        async with monitor.run_test(size=(100, 30)) as pilot:
            await script(pilot, monitor)

    with serving(socket):
        asyncio.run(run())


def test_the_policy_is_that_of_the_prompt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))

    async def refused(pilot: Pilot[None], monitor: Monitor) -> None:
        await opened(pilot, monitor)
        assert await enter(pilot, monitor, "create loopback interface") == ["read-only: `create loopback interface' may change something"]
        assert (await enter(pilot, monitor, "show version"))[0].startswith("vpp v26.10")

    async def masked(pilot: Pilot[None], monitor: Monitor) -> None:
        view = await opened(pilot, monitor)
        key = "00112233445566778899aabbccddeeff"
        await enter(pilot, monitor, f"ipsec sa add 1 spi 1 esp crypto-alg aes-cbc-128 crypto-key {key} integ-alg sha1-96 integ-key {key}")
        assert key not in view.as_text()

    async def asked(pilot: Pilot[None], monitor: Monitor) -> None:
        view = await opened(pilot, monitor)
        view.field.value = "create loopback interface"
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, ConfirmScreen))
        assert "changes vpp. Others work with it. Go on?" in str(pilot.app.screen.query_one(Static).render())
        await pilot.press("enter")
        await until(pilot, lambda: not view.working)
        assert view.transcript.lines[-1] == "not sent"
        view.field.value = "create loopback interface"
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, ConfirmScreen))
        await pilot.press("y")
        await until(pilot, lambda: not view.working)
        assert view.transcript.lines[-1] == "loop0"

    attached(tmp_path / "cli.sock", Policy(read_only=True), refused)
    attached(tmp_path / "cli.sock", Policy(), masked)
    attached(tmp_path / "cli.sock", Policy(), asked, cluster=True)


def test_leaving(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    session = idle_session()

    async def script(pilot: Pilot[None], monitor: Monitor) -> None:
        view = await opened(pilot, monitor)
        view.field.value = "quit"
        await pilot.press("enter")
        await until(pilot, lambda: not monitor.is_running)

    play(script, tmp_path, monkeypatch, session=session)
    assert not session.closed


@needs_tmux
def test_keys_of_a_real_terminal(tmp_path: Path) -> None:
    setup = tmp_path / "setup.vpp"
    setup.write_text(SETUP)
    with tmux(tmp_path / "home", columns=80, rows=24) as terminal:
        terminal.type(f"{VPPSH} tui --run {setup}", "Enter")
        console = re.search(r"(\d) Console", terminal.wait(r"null-node +blackholed pa[^$]*Quit"))
        assert console is not None
        terminal.type(console[1])
        terminal.wait(r"\nvpp# ?\nTab completes")
        terminal.type("%sleep 600", "Enter")
        terminal.wait(r"at work for \S+; Ctrl-C ends it")
        terminal.type("C-c")
        terminal.wait(r"\nvpp# ?\nTab completes")
        terminal.type("show int", "Tab", "pg1 | count", "Enter")
        terminal.wait(r"vpp# show interface pg1 \| count\n[1-9]")
        terminal.type("quit", "Enter")
        terminal.wait(SHELL)
        terminal.type("echo status $?", "Enter")
        terminal.wait(r"status 0\n")


def test_control_characters_and_colours_of_answers_are_harmless() -> None:
    text = "one\ttab\n\x1b[31mred\x1b[0m \x1b]0;title\x07\nlast"
    assert [line for lines in some_at_a_time(text) for line in lines] == ["one     tab", "red ^[]0;title^G", "last"]
    assert list(some_at_a_time("")) == []
