"""Recordings of the monitor: what is written, what of it can be read again, and what is known at a time of one."""

from __future__ import annotations

import gzip
import json
import os
import random
import resource
import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from vppsh.errors import InputFileError, OutputFileError, UsageError
from vppsh.tui import packed
from vppsh.tui.packed import LineFile
from vppsh.tui.questions import ERRORS, INTERFACES, RUNTIME, VERSION, Question
from vppsh.tui.recorded import Playback, state_at
from vppsh.tui.recording import FileRecorder, RecordedWhileFed
from vppsh.tui.recording_file import Recording, is_recording
from vppsh.tui.sampling import Reply, Sample
from vppsh.tui.store import Store

Open = Callable[[Path], Recording]
HEAD = "              Name               Idx    State  MTU (L3/IP4/IP6/MPLS)     Counter          Count     \n"


def interfaces(packets: int) -> str:
    return f"{HEAD}{'pg0':<33}1      up          9000/0/0/0     {'rx packets':<20}{packets:>16}\n"


def sample(number: int, **replies: str) -> Sample:
    """The sample of a second, a thousand packets a second; every fifth has errors."""
    answers = {"show interface": interfaces(1000 * number)}
    if number % 5 == 0:
        answers["show errors"] = (
            f"   Count                  Node              Reason               Severity \n{7 * number:>10}{'null-node':>30}"
        )
        answers["show errors"] += f"{'blackholed packets':>40}{'error':>10}\n"
    if number == 0:
        answers["show version"] = "vpp v26.10 built by somebody\n"
    return Sample(100.0 + number, 1.7e9 + number, {line: Reply(text, 0.01) for line, text in answers.items()})


@pytest.fixture
def opened() -> Iterator[Open]:
    """Opens recordings, and closes them in the end."""
    with ExitStack() as stack:
        yield lambda path: stack.enter_context(closing(Recording(path)))


def recorded(path: Path, samples: int, **options: bool) -> Path:
    recorder = FileRecorder(str(path), [("vpp", "/run/vpp/cli.sock")], 1.0, **options)
    for number in range(samples):
        recorder.write("vpp", sample(number))
    recorder.close()
    assert not recorder.fault
    return path


@pytest.mark.parametrize("name", ["monitor.jsonl", "monitor.jsonl.gz"])
def test_what_was_recorded_is_what_is_read(tmp_path: Path, name: str, opened: Open) -> None:
    path = recorded(tmp_path / name, 12)
    assert path.read_bytes().startswith(b"\x1f\x8b") == name.endswith(".gz")
    assert path.stat().st_mode & 0o777 == 0o600
    recording = opened(path)
    assert (recording.targets, recording.where, recording.interval, recording.notices) == (["vpp"], {"vpp": "/run/vpp/cli.sock"}, 1.0, [])
    for number, entry in enumerate(recording.of("vpp")):
        read = Sample(entry.at, entry.taken, {line: recording.reply(kept) for line, kept in entry.replies.items()}, entry.lost)
        assert read == sample(number)


def test_a_text_that_is_repeated_is_written_once(tmp_path: Path) -> None:
    path = tmp_path / "same"
    recorder = FileRecorder(str(path), [("vpp", "")], 1.0)
    for at in range(3):
        recorder.write("vpp", Sample(float(at), float(at), {"show interface": Reply(interfaces(5), 0.01)}))
    recorder.close()
    assert [next(iter(json.loads(line))) for line in path.read_text().splitlines()] == ["vppsh", "text", "at", "at", "at"]


def test_secrets_are_masked(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    recorder = FileRecorder(str(path), [("vpp", "")], 1.0)
    recorder.write(
        "vpp", Sample(0.0, 0.0, {"show ipsec sa 0": Reply("crypto alg aes-gcm-128 key 4a506a794f574265564551694d653768\n", 0.0)})
    )
    recorder.close()
    assert "4a506a79" not in path.read_text()
    assert "<masked:" in path.read_text()


def test_a_file_is_not_replaced_without_being_told(tmp_path: Path, opened: Open) -> None:
    path = tmp_path / "notes"
    path.write_text("mine")
    with pytest.raises(UsageError, match="is there already; --force replaces it"):
        recorded(path, 1)
    assert path.read_text() == "mine"
    assert len(opened(recorded(path, 3, force=True)).entries) == 3
    with pytest.raises(OutputFileError, match="No such file or directory"):
        recorded(tmp_path / "nowhere" / "file", 1)


def test_a_full_disk_ends_the_recording_and_is_told_once(tmp_path: Path, opened: Open) -> None:
    path, said = tmp_path / "full", ""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    recorder = FileRecorder(str(path), [("vpp", "")], 1.0)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
        for number in range(20):
            said += recorder.write("vpp", sample(number))
        recorder.close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert said == f"recording stopped: {path}: File too large\n"
    assert recorder.state() == "RECORDING STOPPED"
    recording = opened(path)  # what there was room for
    assert 1 <= len(recording.entries) < 20
    assert recording.notices == ["full was cut off: its last line is not whole"]


@pytest.mark.parametrize(("name", "why"), [("cut", "its last line is not whole"), ("cut.gz", "it was not ended")])
def test_a_recording_that_was_cut_off_opens_with_a_notice(tmp_path: Path, name: str, why: str, opened: Open) -> None:
    path = recorded(tmp_path / name, 30)
    os.truncate(path, path.stat().st_size - 30)
    recording = opened(path)
    assert len(recording.entries) == 29 if name == "cut" else len(recording.entries) >= 25
    assert recording.notices == [f"{name} was cut off: {why}"]


def test_a_recording_that_is_not_ended_can_be_read_up_to_the_last_sample(tmp_path: Path, opened: Open) -> None:
    recorder = FileRecorder(str(tmp_path / "open.gz"), [("vpp", "")], 1.0)
    for number in range(9):
        recorder.write("vpp", sample(number))
    assert len(opened(tmp_path / "open.gz").entries) == 9
    recorder.close()


def test_what_is_neither_socket_nor_recording_is_told(tmp_path: Path) -> None:
    assert is_recording(recorded(tmp_path / "good", 2))
    assert not is_recording(tmp_path / "none")
    for name, content in (("text", b"interfaces\n"), ("empty", b""), ("packed", gzip.compress(b"[1]\n")), ("damaged", b"\x1f\x8bnonsense")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UsageError, match=f"{name} is neither a CLI socket nor a recording"):
            is_recording(tmp_path / name)
    with pytest.raises(UsageError, match="neither"):
        is_recording(tmp_path)
    (tmp_path / "newer").write_text('{"vppsh":"recording","version":2}\n')
    with pytest.raises(InputFileError, match="a recording of version 2; this vppsh reads version 1"):
        Recording(tmp_path / "newer")


def test_lines_that_are_not_understood_are_left_out_and_counted(tmp_path: Path, opened: Open) -> None:
    path = recorded(tmp_path / "odd", 4)
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:3], "nonsense", '{"at":"never"}', '{"at":1e999,"taken":0,"target":"vpp"}', *lines[3:]]) + "\n")
    recording = opened(path)
    assert (len(recording.entries), recording.notices) == (4, ["3 lines of odd are not understood and left out"])


def test_any_line_of_a_compressed_file_is_read_without_those_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed, "STRIDE", 1 << 16)
    chance = random.Random(7)
    lines = [bytes(chance.choices(b"abcdef ", k=chance.randrange(20_000))) for _ in range(120)]
    data = b"".join(line + b"\n" for line in lines)
    for number, content in enumerate((data, gzip.compress(data), gzip.compress(data[:500_001]) + gzip.compress(data[500_001:]))):
        path = tmp_path / str(number)
        path.write_bytes(content)
        with closing(LineFile(path)) as file:
            found = list(file.lines())
            assert ([line for _, line in found], file.cut) == (lines, "")
            chance.shuffle(found)
            assert all(file.line_at(begun) == line for begun, line in found)


def lived(questions: tuple[Question, ...], samples: range) -> Store:
    """What a monitor knows that was there all the time."""
    store = Store("vpp", "")
    for number in samples:
        store.feed(sample(number), questions)
    return store


def test_at_any_time_of_a_recording_is_known_what_was_known_then(tmp_path: Path, opened: Open) -> None:
    recording = opened(recorded(tmp_path / "long.gz", 900))
    questions = (VERSION, INTERFACES, ERRORS)
    for number in (0, 1, 4, 17, 203, 899):
        was, now = lived(questions, range(number + 1)), state_at(Playback(recording, 100.0 + number), "vpp", questions)
        for question in questions:
            assert now.value(question) == was.value(question)
            assert now.known(question).at == was.known(question).at
        for question, key in ((INTERFACES, ("pg0", "rx packets")), (ERRORS, ("null-node", "blackholed packets"))):
            assert now.track(question).rate(key) == pytest.approx(was.track(question).rate(key))
            assert now.track(question).since(key) == was.track(question).since(key)
            length = min(number, 500) // (5 if question is ERRORS else 1)
            assert now.track(question).history(key, length).tolist() == was.track(question).history(key, length).tolist()


def test_what_a_recording_does_not_have_is_said(tmp_path: Path, opened: Open) -> None:
    path = tmp_path / "some"
    recorder = FileRecorder(str(path), [("vpp", "")], 1.0)
    for number in range(1, 8):
        recorder.write("vpp", sample(number))
    recorder.close()
    recording = opened(path)
    early, late = (state_at(Playback(recording, at), "vpp", (ERRORS, RUNTIME)) for at in (102.0, 107.0))
    assert early.refusals((ERRORS, RUNTIME)) == [
        "the recording has no answer to `show errors' before this time",
        "the recording has no answer to `show runtime'",
    ]
    assert late.refusals((ERRORS, RUNTIME)) == ["the recording has no answer to `show runtime'"]


def test_a_target_that_was_lost_is_lost_at_that_time(tmp_path: Path, opened: Open) -> None:
    recorder = FileRecorder(str(tmp_path / "lost"), [("vpp", "")], 1.0)
    for at, each in enumerate((sample(0), sample(1), Sample(102.0, 1.7e9 + 2, lost="connection refused"), sample(0), sample(1))):
        recorder.write("vpp", Sample(100.0 + at, each.taken, each.replies, each.lost))
    recorder.close()
    recording = opened(tmp_path / "lost")
    lost, back = (state_at(Playback(recording, at), "vpp", (INTERFACES,)) for at in (102.5, 104.0))
    assert (lost.lost, lost.lost_at, lost.value(INTERFACES).interfaces[0].counters["rx packets"]) == ("connection refused", 102.0, 1000)
    assert (back.lost, back.track(INTERFACES).rate(("pg0", "rx packets"))) == ("", 1000.0)


class OneSample:
    """A feed of one sample."""

    def __init__(self) -> None:
        self.wanted: list[Question] = []

    def start(self, deliver: Callable[[Sample], None]) -> None:
        deliver(sample(3))

    def want(self, questions: Iterable[Question]) -> None:
        self.wanted = list(questions)


class FullDisk:
    """A recorder that has no room."""

    def write(self, target: str, sample: Sample) -> str:
        return f"no room for {target}\n"


def test_what_every_tab_needs_is_asked_and_what_goes_wrong_is_told_beside_the_answers() -> None:
    feed, delivered = OneSample(), []
    recorded_feed = RecordedWhileFed(feed, "vpp", FullDisk())  # type: ignore[arg-type]  # no more of either is needed
    fib = Question("show ip fib", str)
    recorded_feed.want([fib, ERRORS])
    assert feed.wanted[:2] == [fib, ERRORS]
    assert {"show interface", "show runtime", "show version"} <= {question.line for question in feed.wanted}
    recorded_feed.start(delivered.append)
    assert [(each.replies, each.notices) for each in delivered] == [(sample(3).replies, "no room for vpp\n")]


def test_several_targets_in_one_file(tmp_path: Path, opened: Open) -> None:
    recorder = FileRecorder(str(tmp_path / "nodes"), [("node-1", "a"), ("node-2", "b")], 1.0)
    for number in range(4):
        for name, shift in (("node-1", 0.0), ("node-2", 0.1)):
            each = sample(number)
            recorder.write(name, Sample(each.at + shift, each.taken, each.replies))
    recorder.close()
    recording = opened(tmp_path / "nodes")
    assert recording.targets == ["node-1", "node-2"]
    assert [entry.at for entry in recording.of("node-2")] == pytest.approx([100.1, 101.1, 102.1, 103.1])
    playback = Playback(recording, 100.1)
    playback.step(True)
    assert playback.at == pytest.approx(101.0)
    playback.step(False)
    assert playback.at == pytest.approx(100.1)
