"""`vppsh serve --stats`: counters in shared memory, as clients of VPP's stats segment look for them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from serving import serving, serving_process

from vppsh.errors import OutputFileError
from vppsh.serve.segment import Contents, Segment
from vppsh.serve.server import Server
from vppsh.startup import make_session
from vppsh.targets.cli_socket import SocketTarget
from vppsh.targets.stats_segment import StatsError, StatsSegment, connect

SETUP = """\
create packet-generator interface pg0
create sub-interfaces pg0 10
set interface state pg0 up
packet-generator new { name lost limit 7 size 60-60 interface pg0 node ip4-input data { UDP: 10.0.0.2 -> 192.0.2.1 incrementing 40 } }
packet-generator enable-stream
"""
COUNTS = st.dictionaries(st.from_regex(r"/[a-z]{1,20}", fullmatch=True), st.lists(st.integers(0, 2**64 - 1), max_size=40), max_size=5)


def until(see: Callable[[], object], expected: object) -> None:
    """Counters are published a few times a second."""
    end = time.monotonic() + 10
    while (seen := see()) != expected:
        assert time.monotonic() < end, f"{seen} is not {expected}"
        time.sleep(0.02)


@given(COUNTS, COUNTS, st.lists(st.text(st.characters(codec="ascii", exclude_characters="\0"), max_size=90), max_size=20))
def test_what_is_written_is_what_is_read(simple: dict[str, list[int]], combined: dict[str, list[int]], texts: list[str]) -> None:
    combined = {f"/two{name}": counts for name, counts in combined.items()}
    segment = Segment()
    links = [(f"{name}/{index}", name, index) for name, counts in simple.items() for index in range(len(counts))]
    sizes = ({name: len(counts) for name, counts in each.items()} for each in (simple, combined))
    segment.lay_out(Contents(("/sys/a",), ("/sys/b",), *sizes, {"/names": texts}, links))
    read = StatsSegment(os.dup(segment.descriptor), "here")
    for name, counts in simple.items():
        assert read.read(lambda seen, name=name: seen.simple(name).tolist()) == [0] * len(counts)
        segment.counters[name][:] = counts
        assert read.read(lambda seen, name=name: seen.simple(name).tolist()) == counts
        assert read.read(lambda seen, name=name: seen.parts(name)) == {index: f"{name}/{index}" for index in range(len(counts))}
    for name, counts in combined.items():
        segment.counters[name][:, 1] = counts
        assert read.read(lambda seen, name=name: seen.combined(name).tolist()) == [[0, count] for count in counts]
    segment.counters["/sys/b"][...] = 5
    assert read.read(lambda seen: (seen.number("/sys/a"), seen.number("/sys/b"), seen.names("/names"))) == (0, 5, texts)
    segment.lay_out(Contents(gauges=("/sys/c",)))
    assert read.read(lambda seen: ("/sys/b" in seen, seen.number("/sys/c"))) == (False, 0)
    read.close()
    segment.close()


def test_too_much_is_refused() -> None:
    segment = Segment()
    with pytest.raises(ValueError, match="more counters than 256 MB hold"):
        segment.lay_out(Contents(simple={"/many": 1 << 26}))
    segment.close()


def test_counters_of_a_dataplane(tmp_path: Path) -> None:
    with serving(tmp_path / "cli.sock", tmp_path / "stats.sock") as server:
        cli = SocketTarget(str(tmp_path / "cli.sock"))
        for line in SETUP.splitlines():
            assert not cli.execute(line).failed, line
        read = connect(str(tmp_path / "stats.sock"))
        assert read.process == os.getpid()
        assert read.read(lambda seen: seen.names("/if/names")) == ["local0", "pg0", "pg0.10", "pg-1"]
        until(lambda: read.read(lambda seen: seen.combined("/if/rx")[1].tolist()), [7, 420])
        until(lambda: read.read(lambda seen: int(seen.simple("/if/drops")[1])), 7)
        paths = read.read(lambda seen: seen.parts("/node/errors"))
        assert paths[0] == "/err/null-node/blackholed packets"
        until(lambda: read.read(lambda seen: {paths[at]: int(seen.simple("/node/errors")[at]) for at in (0,)}), {paths[0]: 7})
        assert read.read(lambda seen: seen.parts("/if/rx")[2]) == "/interfaces/pg0.10/rx"
        node = server._engine.graph["ip4-input"]
        assert read.read(lambda seen: seen.names("/sys/node/names")[node.index]) == "ip4-input"
        assert read.read(lambda seen: seen.parts("/sys/node/vectors")[node.index]) == "/nodes/ip4-input/vectors"
        until(lambda: read.read(lambda seen: int(seen.simple("/sys/node/vectors")[node.index])), node.vectors)
        assert node.vectors == 7
        beat = read.read(lambda seen: seen.number("/sys/heartbeat"))
        until(lambda: read.read(lambda seen: seen.number("/sys/heartbeat") > beat), True)
        cli.execute("create loopback interface")
        until(lambda: read.read(lambda seen: seen.names("/if/names")), ["local0", "pg0", "pg0.10", "pg-1", "loop0"])
        until(lambda: read.read(lambda seen: seen.combined("/if/rx")[1].tolist()), [7, 420])
        cli.execute("delete loopback interface intfc loop0")
        until(lambda: read.read(lambda seen: "/interfaces/loop0/rx" in seen), False)
        read.close()
        cli.close()
    assert not (tmp_path / "stats.sock").exists()


def test_nothing_is_copied_for_nobody(tmp_path: Path) -> None:
    with serving(tmp_path / "cli.sock", tmp_path / "stats.sock") as server:
        SocketTarget(str(tmp_path / "cli.sock")).close()
        assert server._stats is not None
        assert server._stats._segment is None


def test_places_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for place, fault in ((tmp_path / "file", "exists and is not a socket"), (tmp_path / "none" / "s", "No such file")):
        with pytest.raises(OutputFileError, match=fault):
            Server(make_session(), str(tmp_path / "cli.sock"), stats=str(place))
        assert not (tmp_path / "cli.sock").exists()
    with serving(tmp_path / "cli.sock", tmp_path / "stats.sock"), pytest.raises(OutputFileError, match="somebody listens there already"):
        Server(make_session(), str(tmp_path / "other.sock"), stats=str(tmp_path / "stats.sock"))


def test_the_command(tmp_path: Path) -> None:
    with serving_process(tmp_path / "cli.sock", "--stats", str(tmp_path / "stats.sock")) as process:
        read = connect(str(tmp_path / "stats.sock"))
        assert read.process == process.pid
        assert read.read(lambda seen: seen.names("/if/names")) == ["local0"]
    assert read.read(lambda seen: seen.names("/if/names")) == ["local0"]
    read.close()
    with pytest.raises(StatsError):
        connect(str(tmp_path / "stats.sock"))
