"""The dataplane beside the input, Ctrl-C, and the history of lines."""

from __future__ import annotations

import inspect
import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from vppsh.prompt.dataplane import IDLE, Dataplane
from vppsh.prompt.history import LineHistory, history_file, open_history
from vppsh.prompt.interrupt import breakable, in_a_round, interruptible
from vppsh.prompt.rates import RateMeter, short_rate
from vppsh.session import Session, Terminal
from vppsh.startup import make_session

NEVER_ENDS = "packet-generator new { name s node pg0-output interface pg0 rate 1e4 data { hex 0x000102030405060708090a0b0c0d } }"


# -- the dataplane beside the input


@pytest.fixture
def running() -> Iterator[Session]:
    """A session with an endless stream."""
    session = make_session()
    for line in ("create packet-generator interface pg0", NEVER_ENDS, "packet-generator enable-stream s"):
        assert not session.execute(line).failed
    return session


def test_packets_flow_in_slices(running: Session) -> None:
    dataplane = Dataplane(running.engine, print)
    start = time.perf_counter()
    while dataplane.packets < 300 and time.perf_counter() - start < 5:
        pause = dataplane.run_slice()
        assert 0 <= pause < 0.1  # the stream wants to be looked after
        time.sleep(pause)
    assert dataplane.packets >= 300
    assert [stream.name for stream in dataplane.running()] == ["s"]
    assert [stream.name for stream in dataplane.stop_streams()] == ["s"]
    assert dataplane.running() == []
    dataplane.run_slice()
    assert dataplane.run_slice() > 0.1


def test_an_idle_dataplane_leaves_the_processor_alone() -> None:
    dataplane = Dataplane(make_session().engine, print)
    spent = time.process_time()
    until = time.perf_counter() + 1.0
    while time.perf_counter() < until:
        time.sleep(dataplane.run_slice())
    assert time.process_time() - spent < 0.1


def test_a_line_settles_but_not_for_ever(running: Session) -> None:
    dataplane = Dataplane(running.engine, print)
    running.execute("packet-generator configure s limit 40000")
    start = time.perf_counter()
    dataplane.settle()
    assert time.perf_counter() - start < 1.0
    assert dataplane.running()


def test_input_ends_the_wait(running: Session) -> None:
    read, write = os.pipe()
    os.write(write, b"x")
    Dataplane(running.engine, print).wait_for(read)
    os.close(read)
    os.close(write)


@pytest.mark.parametrize("name", ["pg-input", "pg0-output"])
def test_a_fault_stops_the_dataplane_until_the_next_line(running: Session, name: str) -> None:
    told: list[str] = []
    dataplane = Dataplane(running.engine, told.append)
    node = running.engine.graph[name]
    works, node.function = node.function, lambda *given: 1 / 0
    while dataplane.broken is None:
        dataplane.run_slice()
    node.function = works
    before = dataplane.packets
    assert dataplane.run_slice() == IDLE
    assert dataplane.packets == before
    dataplane.settle()
    assert isinstance(dataplane.broken, ZeroDivisionError)
    assert len(told) == 1
    assert told[0].startswith("internal error in ")
    assert told[0].endswith("ZeroDivisionError: division by zero\n")
    dataplane.mend()
    start = time.perf_counter()
    while dataplane.packets == before and time.perf_counter() - start < 5:
        dataplane.run_slice()
    assert dataplane.broken is None
    assert dataplane.packets > before


def test_rates() -> None:
    meter = RateMeter(100)
    time.sleep(0.45)
    assert 150 < meter.update(200) < 250
    assert meter.update(10_000) == meter.rate  # too soon to tell
    assert [short_rate(rate) for rate in (0, 7.1234, 999.7, 251_400, 3.2e6, 5e9)] == ["0 ", "7.12 ", "1 k", "251 k", "3.2 M", "5 G"]


# -- Ctrl-C


def test_an_interrupt_first_asks_then_breaks_off() -> None:
    session = make_session()
    start = time.perf_counter()

    def stubborn() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        while time.perf_counter() - start < 10:
            pass

    with breakable():
        with interruptible(session):
            os.kill(os.getpid(), signal.SIGINT)
            assert session.interrupted
            assert session.engine.interrupted
        with pytest.raises(KeyboardInterrupt), interruptible(session):
            stubborn()
    assert time.perf_counter() - start < 5
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0


def test_a_round_of_the_dataplane_is_never_broken_off() -> None:
    session = make_session()
    rounds: list[bool] = []

    def slow(ctx: object) -> int:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.1)
        rounds.append(in_a_round(inspect.currentframe()))
        return 0

    node = session.engine.graph["pg-input"]
    node.function, node.polling = slow, True

    def run() -> None:
        session.engine.step()
        time.sleep(5)

    with breakable(), pytest.raises(KeyboardInterrupt):
        run()
    assert rounds == [True]


def test_signals_are_as_before() -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGALRM)
    with breakable(), interruptible(make_session()):
        assert signal.getsignal(signal.SIGINT) is not before[0]
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGALRM)) == before


# -- history


def test_the_history_is_the_users_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    history = open_history(Terminal(history=True))
    for line in ("one", "two {\n three }", "create ipsec sa integ-key 0011", "four"):
        history.append_string(line)
    assert history.get_strings()[-2:] == ["create ipsec sa integ-key 0011", "four"]
    again = LineHistory(history_file(), Terminal(history=False))
    again.append_string("not kept")
    assert list(again.load_history_strings()) == ["four", "two {\n three }", "one"]
    history.append_string("pasted one\n\npasted { two\n }\n")
    assert list(again.load_history_strings())[:2] == ["pasted { two\n }", "pasted one"]
    assert history_file().parent.stat().st_mode & 0o777 == 0o700


def test_a_history_that_cannot_be_kept_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "state").write_text("a file where a folder should be")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    open_history(Terminal(history=True)).append_string("one")
    full = LineHistory(Path("/dev/full"), Terminal(history=True))
    full.append_string("one")
    assert full.get_strings() == ["one"]
    assert list(LineHistory(tmp_path, Terminal()).load_history_strings()) == []


def test_a_long_history_is_shortened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    file = history_file()
    file.parent.mkdir()
    file.write_bytes(b"\xff junk\n" + b"".join(b"\n# time\n+line %d\n" % number for number in range(150_000)))
    history = open_history(Terminal(history=True))
    assert file.stat().st_size < 1 << 20
    lines = list(history.load_history_strings())
    assert lines[:2] == ["line 149999", "line 149998"]
    assert all(re.fullmatch(r"line \d+", line) for line in lines)
