"""What the monitor asks and keeps: rates, baselines, histories; gentle asking; a target that is lost and comes back."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vppsh.errors import CommandError, TargetError
from vppsh.targets.base import Answer
from vppsh.tui.history import Track
from vppsh.tui.numbers import bits, duration, plot, short, sparkline
from vppsh.tui.questions import ERRORS, INTERFACES, VERSION
from vppsh.tui.sampling import Sampler
from vppsh.tui.store import Store


@dataclass
class Fake:
    """A target, and the time that its answers take."""

    name: str = "fake"
    where: str = "nowhere"
    cluster: bool = False
    now: float = 100.0
    takes: float = 0.001
    gone: bool = False
    refuses: str = ""
    asked: list[str] = field(default_factory=list)

    def execute(self, line: str, timeout: float | None = None) -> Answer:
        if self.gone:
            raise TargetError("nobody listens")
        if line == self.refuses:
            raise CommandError("unknown input")
        self.asked.append(line)
        self.now += self.takes
        return Answer("vpp v1 built by me\n" if line == "show version" else "")

    def interrupt(self) -> None:
        pass

    def close(self) -> None:
        pass


def run(sampler: Sampler, fake: Fake, seconds: float) -> int:
    """Let time pass; how many samples were taken."""
    end, samples = fake.now + seconds, 0
    while sampler.next_at < end:
        fake.now = max(fake.now, sampler.next_at)
        sampler.sample()
        samples += 1
    fake.now = end
    return samples


def sampler_of(fake: Fake, *, own: bool = False) -> Sampler:
    return Sampler(fake, 1.0, own=own, clock=lambda: fake.now, wall=lambda: fake.now)


def test_only_what_is_wanted_is_asked_and_what_stops_workers_rarely() -> None:
    fake = Fake()
    sampler = sampler_of(fake)
    sampler.want((VERSION, INTERFACES))
    run(sampler, fake, 60)
    assert fake.asked.count("show version") == 1
    assert 59 <= fake.asked.count("show interface") <= 61
    assert "show errors" not in fake.asked
    sampler.want((VERSION, INTERFACES, ERRORS))
    run(sampler, fake, 60)
    assert 12 <= fake.asked.count("show errors") <= 13
    own = sampler_of(fake, own=True)
    own.want((ERRORS,))
    fake.asked.clear()
    run(own, fake, 60)
    assert 59 <= len(fake.asked) <= 61


def test_a_slow_target_is_asked_less_often_and_a_quick_one_again() -> None:
    fake = Fake(takes=0.5)
    sampler = sampler_of(fake)
    sampler.want((INTERFACES,))
    assert run(sampler, fake, 100) <= 22
    assert sampler.interval == pytest.approx(5.0)
    fake.takes = 0.001
    run(sampler, fake, 30)
    assert sampler.interval == 1.0


def test_a_lost_target_is_tried_again_and_goes_on() -> None:
    fake = Fake(gone=True)
    sampler, store = sampler_of(fake), Store("fake", "nowhere")
    sampler.want((VERSION,))
    store.feed(sampler.sample(), (VERSION,))
    assert store.lost == "nobody listens"
    assert run(sampler, fake, 100) < 20
    fake.gone = False
    fake.now = sampler.next_at
    store.feed(sampler.sample(), (VERSION,))
    assert (store.lost, store.value(VERSION)) == ("", "v1")


def test_a_line_that_is_refused_is_not_asked_again_until_wanted() -> None:
    fake = Fake(refuses="show errors")
    sampler, store = sampler_of(fake), Store("fake", "nowhere")
    sampler.want((ERRORS, VERSION))
    store.feed(sampler.sample(), (ERRORS, VERSION))
    known = store.known(ERRORS)
    assert known is not None
    assert known.failed
    assert known.text == "unknown input\n"
    assert store.value(VERSION) == "v1"
    run(sampler, fake, 60)
    fake.refuses = ""
    run(sampler, fake, 10)
    assert "show errors" not in fake.asked
    sampler.hurry()
    sampler.sample()
    assert "show errors" in fake.asked


@given(st.lists(st.tuples(st.floats(0.1, 10), st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 10**9))), min_size=2, max_size=30))
def test_rates_and_baselines_agree_with_the_same_in_plain_python(readings: list[tuple[float, dict[str, int]]]) -> None:
    track, at = Track(slots=8), 0.0
    total = dict.fromkeys("abcdef", 0)
    history: dict[str, list[float]] = {key: [] for key in total}
    before: dict[str, int] = {}
    for number, (step, counters) in enumerate(readings):
        at += step
        track.feed(at, counters)
        if number:
            for key in total:
                value, last = counters.get(key, 0), before.get(key, 0)
                new = value if value < last else value - last
                total[key] += new
                history[key].append(new / step)
        before = counters
    for key in total:
        assert track.since(key) == pytest.approx(total[key])
        assert track.value(key) == before.get(key, 0)
        assert track.rate(key) == pytest.approx(history[key][-1], rel=1e-6)
        assert np.allclose(track.history(key, 5), history[key][-5:], rtol=1e-6)
    track.rebase()
    assert all(track.since(key) == 0 for key in total)


def test_many_counters_fit_after_few() -> None:
    track = Track(slots=4)
    track.feed(1.0, {"first": 1})
    track.feed(2.0, {number: number for number in range(1000)})
    track.feed(3.0, {number: 3 * number for number in range(1000)})
    assert track.rate(999) == 2 * 999
    assert track.history(5, 10).tolist() == [5, 10]
    assert track.histories([5, "never seen", 7], 10).tolist() == [[5, 10], [0, 0], [7, 14]]
    assert track.since("first") == 0


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, ""), (0.5, "0.50"), (1, "1"), (999, "999"), (999.6, "1k"), (12345, "12.3k"), (1e6, "1M"), (999_999_999, "1G"), (2.5e15, "2.5P")],
)
def test_numbers_are_short(number: float, text: str) -> None:
    assert short(number) == text
    assert len(short(number, "b/s")) <= 9


def test_durations_bits_and_bars() -> None:
    assert [duration(each) for each in (0, 9.94, 59.9, 61, 3600 * 2 + 300, 86400 * 3 + 4 * 3600)] == [
        "0.0s",
        "9.9s",
        "59s",
        "1m01s",
        "2h05m",
        "3d04h",
    ]
    assert bits(125) == "1kb/s"
    assert sparkline([0, 1, 8], 5) == "   ▂█"
    assert plot([0, 4, 8], 3, 2) == ["  █", " ██"]


def test_totals_are_the_sums_of_histories_also_when_counters_come_later() -> None:
    track = Track(slots=4)
    for second in range(9):
        counters = {f"c{number}": float(second * number) for number in range(100 * second)}
        track.feed(float(second), counters)
        keys = [*counters, "never there"]
        assert np.allclose(track.total(keys, 3), sum((track.history(key, 3) for key in keys), start=np.zeros(min(second, 3))))
