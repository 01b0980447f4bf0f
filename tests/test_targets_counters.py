"""A VPP whose counters are read from its stats segment: the same answers, and what VPP is still asked."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

import pytest
from segments import Segment, handed_out
from serving import serving

from vppsh.answers.errors import ErrorCounter, read_errors
from vppsh.answers.interfaces import read_interfaces
from vppsh.errors import TargetError
from vppsh.targets.base import Answer
from vppsh.targets.cli_socket import SocketTarget
from vppsh.targets.counters import SOURCE, CounterTarget
from vppsh.targets.stats_segment import StatsError
from vppsh.tui.questions import ERRORS, INTERFACES
from vppsh.tui.sampling import Sampler

SETUP = """\
create packet-generator interface pg0 hw-addr 02:fe:00:00:00:01
create loopback interface
create sub-interfaces loop0 10
set interface state pg0 up
set interface ip address pg0 10.0.0.1/24
packet-generator new { name lost limit 7 size 60-60 interface pg0 node ip4-input data { UDP: 10.0.0.2 -> 192.0.2.1 incrementing 40 } }
packet-generator new { name bad limit 3 size 60-60 interface pg0 node ip4-input data { UDP: 1.0.0.2 -> 1.1.1.1 checksum 1 incrementing 9 } }
"""
HEAD = "   Count                  Node                              Reason               Severity  Index\nThread 0 (vpp_main):\n"


@dataclass
class Cli:
    """A CLI that answers what a test says, instead of a socket."""

    where: str
    name: str = "vpp"
    process: int = field(default_factory=os.getpid)
    errors: str = ""
    interfaces: str = ""
    gone: bool = False
    asked: list[str] = field(default_factory=list)

    def check(self) -> str:
        if self.gone:
            raise TargetError("nobody listens")
        return ""

    def connect(self) -> None:
        self.check()

    def execute(self, line: str, timeout: float | None = None) -> Answer:
        self.check()
        self.asked.append(line)
        return Answer({"show errors verbose": HEAD + self.errors + "Total:\n", "show interface": self.interfaces}.get(line, f"{line}\n"))

    def close(self) -> None:
        self.gone = True


@dataclass
class Setting:
    """A segment at a socket, a CLI beside it, and a clock."""

    segment: Segment
    cli: Cli
    target: CounterTarget
    now: list[float]

    def errors(self) -> list[tuple[str, str, int]]:
        """What `show errors` answers."""
        answer = self.target.execute("show errors")
        assert answer.source == SOURCE
        found = read_errors(answer.text)
        assert not found.odd
        return [(each.node, each.reason, each.count) for each in found.counters]


@pytest.fixture
def setting(tmp_path: Path) -> Iterator[Setting]:
    segment, cli, now = Segment(1 << 20), Cli(str(tmp_path / "cli.sock")), [100.0]
    segment.simple("/node/errors", [0, 5, 0, 0], [0, 2, 0, 0])
    for index, name in enumerate(("null-node/blackholed packets", "ip4-input/bad_csum", "ip4-input/ttl", "arp-reply/other"), 0):
        segment.symlink(f"/err/{name}", "/node/errors", index)
    cli.errors = line(7, "ip4-input", "bad ip4 checksum", "error", 1)
    target = CounterTarget(cast("SocketTarget", cli), clock=lambda: now[0])
    with handed_out(tmp_path / "stats.sock", segment):
        target.connect()
        yield Setting(segment, cli, target, now)
        target.close()
    segment.close()


def line(count: int, node: str, reason: str, severity: str, index: int) -> str:
    """A line of `show errors verbose`."""
    return f"{count:>10}{node:^35}{reason:^35}{severity:^10}{index:^6}\n"


def test_counters_are_those_of_the_segment_and_words_are_asked_for_once(setting: Setting) -> None:
    assert setting.errors() == [("ip4-input", "bad ip4 checksum", 7)]
    setting.segment.count("/node/errors", 1, 1, 12)
    for _ in range(50):
        setting.now[0] += 1
        assert setting.errors() == [("ip4-input", "bad ip4 checksum", 17)]
    assert setting.cli.asked == ["show errors verbose"]


def test_a_counter_that_moves_for_the_first_time_is_asked_for_soon_and_not_too_often(setting: Setting) -> None:
    setting.errors()
    setting.segment.count("/node/errors", 0, 2, 4)
    setting.cli.errors += line(4, "ip4-input", "ttl expired", "error", 2)
    assert setting.errors() == [("ip4-input", "bad ip4 checksum", 7)]
    setting.now[0] += 5
    assert setting.errors() == [("ip4-input", "bad ip4 checksum", 7), ("ip4-input", "ttl expired", 4)]
    assert setting.cli.asked == ["show errors verbose"] * 2


def test_what_was_cleared_before_does_not_count(setting: Setting) -> None:
    """The segment keeps on counting over `clear errors`."""
    setting.cli.errors = line(2, "ip4-input", "bad ip4 checksum", "error", 1)
    setting.segment.count("/node/errors", 0, 3, 40)
    assert setting.errors() == [("ip4-input", "bad ip4 checksum", 2)]
    setting.segment.count("/node/errors", 0, 1, 6)
    assert setting.errors() == [("ip4-input", "bad ip4 checksum", 3)]
    setting.segment.count("/node/errors", 0, 3, 41)
    setting.cli.errors += line(1, "arp-reply", "other", "info", 3)
    setting.now[0] += 5
    assert setting.errors() == [("ip4-input", "bad ip4 checksum", 3), ("arp-reply", "other", 1)]
    setting.target.execute("clear errors")
    setting.cli.errors = ""
    assert setting.errors() == []


def test_an_index_that_goes_to_another_node_is_asked_for_again(setting: Setting) -> None:
    setting.errors()
    setting.segment.remove("/err/ip4-input/bad_csum")
    setting.segment.symlink("/err/loop7-tx/down", "/node/errors", 1)
    setting.cli.errors = line(7, "loop7-tx", "interface is down", "error", 1)
    setting.now[0] += 5
    assert setting.errors() == [("loop7-tx", "interface is down", 7)]


def test_a_vpp_that_tells_no_indices_is_asked(setting: Setting) -> None:
    setting.cli.errors = f"{7:>10}{'ip4-input':^40}{'bad ip4 checksum':^20}\n"
    answer = setting.target.execute("show errors")
    assert answer.source == ""
    assert answer.text == "show errors\n"
    assert answer.aside == f"vpp: {setting.cli.where}: VPP does not tell the indices of its error counters; the CLI is asked instead\n"
    assert setting.target.execute("show errors").aside == ""


def test_a_segment_that_breaks_is_told_of_once_and_found_again(setting: Setting) -> None:
    assert setting.target.spared("show errors")
    assert not setting.target.spared("show interface")
    setting.errors()
    before = bytes(setting.segment.memory[:40])
    setting.segment.memory[:40] = bytes(40)
    answer = setting.target.execute("show errors")
    assert answer.text == "show errors\n"
    assert answer.aside.endswith("version 0 of the stats segment is not known, only 2; the CLI is asked instead\n")
    assert not setting.target.spared("show errors")
    setting.now[0] += 11
    assert setting.target.execute("show errors").aside == ""
    setting.segment.memory[:40] = before
    setting.now[0] += 11
    answer = setting.target.execute("show errors")
    assert answer.source == SOURCE
    assert answer.aside == "vpp: counters are read from the stats segment again\n"


def test_the_segment_of_a_vpp_that_was_restarted_is_not_read_on(setting: Setting) -> None:
    setting.errors()
    setting.cli.process += 1
    answer = setting.target.execute("show errors")
    assert answer.text == "show errors\n"
    assert "the stats segment of another process" in answer.aside
    setting.cli.process -= 1
    setting.now[0] += 11
    assert setting.errors() == [("ip4-input", "bad ip4 checksum", 7)]
    setting.cli.gone = True
    with pytest.raises(TargetError, match="nobody listens"):
        setting.target.execute("show errors")


def test_a_stats_socket_that_is_named_must_be_there(setting: Setting, tmp_path: Path) -> None:
    with pytest.raises(StatsError, match="No such file"):
        CounterTarget(cast("SocketTarget", setting.cli), str(tmp_path / "none")).connect()
    nowhere = CounterTarget(cast("SocketTarget", replace(setting.cli, where="/nowhere/cli.sock")))
    nowhere.connect()
    assert nowhere.execute("show errors") == Answer("show errors\n")


def test_other_lines_go_to_the_cli(setting: Setting) -> None:
    for each in ("show runtime", "show errors verbose 2", "show interface pg0", ""):
        setting.target.execute(each)
    assert setting.cli.asked == ["show runtime", "show errors verbose 2", "show interface pg0", ""]


def test_samples_are_taken_from_the_segment_as_often_as_wanted(setting: Setting) -> None:
    """`show errors` is asked of a live VPP every five seconds; the segment is read each time. What it has not is asked as ever."""
    sampler = Sampler(setting.target, 1.0, spared=setting.target.spared, clock=lambda: setting.now[0], wall=lambda: setting.now[0])
    sampler.want((ERRORS, INTERFACES))
    sources = []
    for _ in range(10):
        setting.now[0] = sampler.next_at
        sources.append({each: reply.source for each, reply in sampler.sample().replies.items()})
    assert [each["show errors"] for each in sources] == [SOURCE] * 10
    assert [each["show interface"] for each in sources] == [""] * 10
    assert setting.cli.asked.count("show errors verbose") == 1
    assert "show errors" not in setting.cli.asked


def test_answers_are_those_of_the_cli(tmp_path: Path) -> None:
    """A dataplane with a stats socket: every line is what the CLI says, also after interfaces come, go and change."""
    with serving(tmp_path / "cli.sock", tmp_path / "stats.sock"):
        now = [100.0]
        plain = SocketTarget(str(tmp_path / "cli.sock"))
        target = CounterTarget(SocketTarget(str(tmp_path / "cli.sock")), clock=lambda: now[0])
        for each in SETUP.splitlines():
            assert not plain.execute(each).failed, each
        for change in (
            "enable-stream lost",
            "enable-stream bad",
            "create loopback interface",
            "clear interfaces",
            "delete loopback interface intfc loop1",
        ):
            plain.execute(f"packet-generator {change}" if "stream" in change else change)
            expected = plain.execute("show interface").text
            now[0] += 0.1
            # Counters are published a few times a second.
            assert eventually(lambda: target.execute("show interface"), Answer(expected, source=SOURCE))
            assert not read_interfaces(expected).odd
        now[0] += 10
        errors = sorted(read_errors(plain.execute("show errors").text).counters, key=key)
        assert [each.count for each in errors] == [3, 7]
        assert eventually(lambda: sorted(read_errors(target.execute("show errors").text).counters, key=key), errors)
        assert target.execute("show errors").source == SOURCE
        plain.execute("set interface state pg0 down")
        now[0] += 10
        assert target.execute("show interface").text == plain.execute("show interface").text
        plain.close()
        target.close()


def eventually(see: Callable[[], object], expected: object) -> bool:
    """Whether something is seen within some seconds."""
    end = time.monotonic() + 10
    while (seen := see()) != expected:
        assert time.monotonic() < end, f"{seen}\n{expected}"
        time.sleep(0.02)
    return True


def key(counter: ErrorCounter) -> tuple[str, str]:
    return counter.node, counter.reason
