"""Big tables in the monitor: asked behind a gate, read where they were asked, filtered and sorted by columns."""

from __future__ import annotations

from dataclasses import dataclass, field

from vppsh.targets.base import Answer
from vppsh.tui.questions import VERSION, Gate, Question
from vppsh.tui.sampling import Sampler
from vppsh.tui.store import Store

BIG = Question("show big", len, every=60.0, gate=Gate("show big summary", int, 1000), clean=lambda text: text.replace("secret", "-"))


@dataclass
class Teller:
    """A target with a big table, and a clock."""

    entries: int = 10
    name: str = "fake"
    where: str = "nowhere"
    cluster: bool = False
    now: float = 100.0
    asked: list[str] = field(default_factory=list)

    def execute(self, line: str, timeout: float | None = None) -> Answer:
        self.asked.append(line)
        self.now += 2.0 if line == "show big" else 0.001
        return Answer({"show big": "secret" * self.entries, "show big summary": str(self.entries)}.get(line, ""))

    def interrupt(self) -> None:
        pass

    def close(self) -> None:
        pass


def sampler_of(target: Teller, *questions: Question, own: bool = False) -> Sampler:
    sampler = Sampler(target, 1.0, own=own, clock=lambda: target.now, wall=lambda: target.now)
    sampler.want(questions)
    return sampler


def run(sampler: Sampler, target: Teller, seconds: float) -> list[str]:
    """Let time pass; what was asked meanwhile."""
    target.asked.clear()
    end = target.now + seconds
    while sampler.next_at < end:
        target.now = max(target.now, sampler.next_at)
        sampler.sample()
    target.now = end
    return target.asked


def test_a_big_answer_is_asked_again_when_its_gate_tells_of_a_change() -> None:
    target = Teller()
    sampler = sampler_of(target, BIG)
    assert run(sampler, target, 10).count("show big") == 1
    asked = run(sampler, target, 300)
    assert (asked.count("show big"), asked.count("show big summary")) == (0, 5)
    target.entries = 11
    assert run(sampler, target, 70).count("show big") == 1
    sampler.hurry()
    assert run(sampler, target, 2).count("show big") == 1
    own = sampler_of(target, BIG, own=True)
    run(own, target, 5)
    assert run(own, target, 60).count("show big summary") == 3  # each took two seconds, a tenth of the time


def test_somebodys_vpp_is_not_made_to_print_a_huge_table_unless_it_was_asked_for() -> None:
    target = Teller(entries=1001)
    sampler = sampler_of(target, BIG)
    assert "show big" not in run(sampler, target, 200)
    sampler.hurry()
    assert run(sampler, target, 200).count("show big") == 1
    assert run(sampler_of(target, BIG, own=True), target, 20).count("show big") == 1


def test_a_long_answer_that_is_asked_for_seldom_does_not_hold_up_the_others() -> None:
    target = Teller()
    often = Question("show often", str)
    asked = run(sampler_of(target, VERSION, often, BIG), target, 60)
    assert asked.count("show big") == 1
    assert 56 <= asked.count("show often") <= 60


def test_what_is_asked_on_demand_waits_for_it() -> None:
    target = Teller()
    sampler = sampler_of(target, VERSION, Question("show sessions", str, on_demand=True))
    assert "show sessions" not in run(sampler, target, 30)
    sampler.hurry()
    assert run(sampler, target, 30).count("show sessions") == 1


def test_answers_are_cleaned_and_read_before_they_are_handed_on() -> None:
    target = Teller(entries=3)
    sample = sampler_of(target, BIG).sample()
    assert (sample.replies["show big"].text, sample.replies["show big"].value) == ("---", 3)
    store = Store("fake", "nowhere")
    store.feed(sample, [BIG])
    assert store.value(BIG) == 3
