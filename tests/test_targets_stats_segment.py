"""The stats segment: what a reader finds in it, while it is changed, and when it is damaged."""

from __future__ import annotations

import os
import random
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from segments import BASE, HEADER, Segment, handed_out

from vppsh.targets import stats_segment
from vppsh.targets.stats_segment import Snapshot, StatsError, StatsSegment, beside, connect

COUNTS = st.lists(st.lists(st.integers(0, 2**62), max_size=12), max_size=4)


@pytest.fixture
def segment() -> Iterator[Segment]:
    made = Segment(1 << 20)
    yield made
    made.close()


def reader(segment: Segment) -> StatsSegment:
    return StatsSegment(os.dup(segment.descriptor), "here")


def filled(segment: Segment) -> Segment:
    """Something of each kind."""
    segment.simple("/node/errors", [0, 3, 0], [0, 4, 9, 1])
    segment.symlink("/err/ip4-input/bad checksum", "/node/errors", 1)
    segment.symlink("/err/TenGigabitEthernet1/0/0-tx/no space", "/node/errors", 3)
    segment.combined("/if/rx", [(1, 60), (2, 120)], [(0, 0), (5, 300)])
    segment.symlink("/interfaces/pg0/rx", "/if/rx", 1)
    segment.names("/if/names", ["local0", "", "pg0"])
    segment.gauge("/sys/vector_rate", 7)
    return segment


def everything(seen: Snapshot) -> tuple[object, ...]:
    return (
        seen.simple("/node/errors").tolist(),
        seen.parts("/node/errors"),
        seen.combined("/if/rx").tolist(),
        seen.names("/if/names"),
        seen.number("/sys/vector_rate"),
    )


EVERYTHING = (
    [0, 7, 9, 1],
    {1: "/err/ip4-input/bad checksum", 3: "/err/TenGigabitEthernet1/0/0-tx/no space"},
    [[1, 60], [7, 420]],
    ["local0", "", "pg0"],
    7,
)


def test_counters_names_and_gauges_are_read(segment: Segment) -> None:
    read = reader(filled(segment))
    assert read.read(everything) == EVERYTHING
    segment.gauge("/gone", 1)
    assert read.read(lambda seen: "/gone" in seen)
    segment.remove("/gone")
    assert not read.read(lambda seen: "/gone" in seen)
    with pytest.raises(StatsError, match="no /gone"):
        read.read(lambda seen: seen.number("/gone"))
    with pytest.raises(StatsError, match="/if/rx is of type 3 in the stats segment, not 2"):
        read.read(lambda seen: seen.simple("/if/rx"))
    read.close()


@given(COUNTS)
def test_threads_are_added_up_whatever_their_lengths(counts: list[list[int]]) -> None:
    segment = Segment(1 << 16)
    segment.simple("/counts", *counts)
    segment.combined("/pairs", *[[(count, 2 * count) for count in row] for row in counts])
    expected = [sum(row[at] for row in counts if at < len(row)) for at in range(max(map(len, counts), default=0))]
    read = reader(segment)
    assert read.read(lambda seen: seen.simple("/counts").tolist()) == expected
    assert read.read(lambda seen: seen.combined("/pairs").tolist()) == [[each, 2 * each % 2**64] for each in expected]
    read.close()
    segment.close()


def test_a_descriptor_comes_over_a_socket(segment: Segment, tmp_path: Path) -> None:
    with handed_out(tmp_path / "stats.sock", filled(segment)):
        read = connect(str(tmp_path / "stats.sock"))
        assert read.process == os.getpid()
        assert read.read(everything) == EVERYTHING
        segment.count("/if/rx", 1, 1, 1005, 60300)
        assert read.read(lambda seen: seen.combined("/if/rx")[1].tolist()) == [1007, 60420]
        read.close()


def answer(listener: socket.socket, descriptors: list[int]) -> None:
    """Send descriptors to the first who connects."""
    connection, _ = listener.accept()
    with connection:
        socket.send_fds(connection, [b"x"], descriptors) if descriptors else connection.send(b"x")


def test_a_socket_that_hands_out_nothing_else(tmp_path: Path, segment: Segment) -> None:
    with pytest.raises(StatsError, match="No such file"):
        connect(str(tmp_path / "none.sock"))
    with Path(os.devnull).open() as device:
        for given_away, fault in (([], "nobody hands out"), ([device.fileno()], "no memory")):
            with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
                path = tmp_path / fault.replace(" ", "-")
                listener.bind(str(path))
                listener.listen()
                thread = threading.Thread(target=answer, args=(listener, given_away))
                thread.start()
                with pytest.raises(StatsError, match=fault):
                    connect(str(path))
                thread.join(10)


def test_where_it_is_told(tmp_path: Path) -> None:
    cli = str(tmp_path / "cli.sock")
    assert beside(cli, os.getpid()) == ""
    (tmp_path / "stats.sock").touch()
    assert beside(cli, os.getpid()) == str(tmp_path / "stats.sock")
    other, conf = tmp_path / "other.sock", tmp_path / "startup.conf"
    other.touch()
    conf.write_text(
        f"unix {{ nodaemon }}\n# statseg {{ socket-name /nowhere }}\nstatseg {{\n  size 64m # more\n  socket-name {other}\n}}\n"
    )
    script = tmp_path / "vpp.py"
    script.write_text("import os, sys; os.write(1, b'.'); sys.stdin.read()")
    inline = ["unix", "{", "nodaemon", "}", "statseg", "{", "socket-name", str(other), "}"]
    for words, found in (
        (["-c", str(conf)], other),
        (inline, other),
        (["-c", "/nowhere"], tmp_path / "stats.sock"),
        (["-c"], tmp_path / "stats.sock"),
    ):
        with subprocess.Popen([sys.executable, str(script), *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.read(1)
            assert beside(cli, process.pid) == str(found)
            process.communicate(b"")


def test_versions_that_are_not_known_are_refused(segment: Segment) -> None:
    HEADER.pack_into(segment.memory, 0, 1, BASE, 1, 0, 0)
    with pytest.raises(StatsError, match="version 1 of the stats segment is not known, only 2"):
        reader(segment)


def test_what_is_moved_meanwhile_is_read_again(segment: Segment, monkeypatch: pytest.MonkeyPatch) -> None:
    read = reader(filled(segment))
    seen_in: list[int] = []

    def collect(seen: Snapshot) -> list[int]:
        counts = seen.simple("/node/errors").tolist()
        if not seen_in:
            segment.simple("/node/errors", [5, 5])
        seen_in.append(seen.epoch)
        return counts

    assert read.read(collect) == [5, 5]
    assert len(seen_in) == 2
    monkeypatch.setattr(stats_segment, "PATIENCE", 0.02)
    with pytest.raises(StatsError, match="does not come to rest"):
        read.read(lambda seen: segment.gauge("/sys/vector_rate", seen.epoch))
    segment._head(in_progress=1)
    with pytest.raises(StatsError, match="does not come to rest"):
        read.read(everything)
    read.close()


def test_readings_are_whole_while_another_thread_moves_things(segment: Segment) -> None:
    """A writer lengthens two counters together; a reader never sees them of different lengths."""
    read, stop = reader(segment), threading.Event()
    segment.simple("/one", [0])
    segment.simple("/two", [0])

    def write() -> None:
        for length in range(1, 60):
            if stop.is_set():
                return
            with segment.changing():
                for name in ("/one", "/two"):
                    segment._put(name, stats_segment.Kind.SIMPLE, segment._pointers([segment._vector([bytes(8)] * length, 8, 64)]))
            time.sleep(0.001)

    thread = threading.Thread(target=write)
    thread.start()
    lengths = set()
    while thread.is_alive():
        one, two = read.read(lambda seen: (len(seen.simple("/one")), len(seen.simple("/two"))))
        assert one == two
        lengths.add(one)
    stop.set()
    thread.join(10)
    assert len(lengths) > 1
    read.close()


def judged(segment: Segment) -> None:
    """Whatever is in the memory: a reading, or a StatsError."""
    try:
        read = reader(segment)
    except StatsError:
        return
    try:
        read.read(everything)
    except StatsError:
        pass
    finally:
        read.close()


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 40))
def test_damaged_memory_is_an_error_never_a_crash(seed: int, places: int) -> None:
    chance, segment = random.Random(seed), filled(Segment(1 << 16))
    patience, stats_segment.PATIENCE = stats_segment.PATIENCE, 0.005
    try:
        used = segment._free
        for _ in range(places):
            at = chance.choice((chance.randrange(40), chance.randrange(4096, used)))
            segment.memory[at] = chance.randrange(256)
        if chance.random() < 0.7:
            struct.pack_into("=Q", segment.memory, 0, 2)
        judged(segment)
    finally:
        stats_segment.PATIENCE = patience
        segment.close()


@pytest.mark.parametrize("length", [0, 8, 39, 40, 4096, 4200, 6000, 65000])
def test_memory_that_is_made_shorter_under_the_reader(length: int) -> None:
    segment = filled(Segment(1 << 16))
    read = reader(segment)
    assert read.read(everything) == EVERYTHING
    segment.memory.close()
    os.ftruncate(segment.descriptor, length)
    if length < segment._free:
        with pytest.raises(StatsError, match="damaged"):
            read.read(everything)
    else:
        assert read.read(everything) == EVERYTHING
    read.close()
    segment.close()


@pytest.mark.parametrize("count", [5, 1 << 20, 0xFFFFFFFF])
def test_vectors_that_claim_too_much(segment: Segment, count: int) -> None:
    """A length that does not fit."""
    filled(segment)
    value = next(entry[1] for entry in segment._entries if entry[2] == "/node/errors") - BASE
    struct.pack_into("=I", segment.memory, value - 8, count)
    with pytest.raises(StatsError, match="damaged"):
        reader(segment).read(everything)


def test_many_threads_with_one_long_vector(segment: Segment) -> None:
    """Pointers that all lead to the same place would make us read for minutes."""
    row = segment._vector([bytes(8)] * 50_000, 8, 64)
    with segment.changing():
        segment._put("/node/errors", stats_segment.Kind.SIMPLE, segment._pointers([row] * 4000))
    with pytest.raises(StatsError, match="a vector of 50000 elements"):
        reader(segment).read(lambda seen: seen.simple("/node/errors"))
