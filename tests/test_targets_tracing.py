"""Captures of traces as transactions: what is sent, in which order, and that it is taken back whatever happens."""

from __future__ import annotations

import threading

import pytest

from vppsh.errors import CommandError, TargetError, UsageError
from vppsh.session import Session
from vppsh.startup import make_session
from vppsh.targets.base import Answer
from vppsh.targets.tracing import TraceCapture, TracePlan

FUNCTIONS = (
    "(*) name:vnet_is_packet_traced description: classifier based filter priority: 50\nname:bpf_trace_filter description: x priority: 10\n"
)


class Vpp:
    """Answers lines as told, and remembers them; `lost` are the lines at which it cannot be reached, as often as told."""

    def __init__(self, answers: dict[str, Answer] | None = None, lost: dict[str, int] | None = None) -> None:
        self.lines: list[str] = []
        self.answers = {"show trace filter function": Answer(FUNCTIONS), "show bpf trace filter": Answer("bpf trace filter is not set\n")}
        self.answers |= answers or {}
        self.lost = lost or {}

    def execute(self, line: str) -> Answer:
        self.lines.append(line)
        if self.lost.get(line, 0) > 0:
            self.lost[line] -= 1
            raise TargetError("gone")
        return self.answers.get(line, Answer(""))


def run(vpp: Vpp, plan: TracePlan) -> tuple[TraceCapture, list[str]]:
    """A capture that is told to end at once."""
    stop, told = threading.Event(), list[str]()
    stop.set()
    capture = TraceCapture(vpp.execute, plan)
    capture.run(stop, told.append)
    return capture, told


def test_a_plain_capture_sends_four_lines_and_takes_back_what_it_set() -> None:
    vpp = Vpp({"show trace max 50": Answer("Packet 1\n\n")})
    capture, told = run(vpp, TracePlan(("dpdk-input",)))
    assert vpp.lines == ["clear trace", "trace filter none", "trace add dpdk-input 50", "show trace max 50", "trace filter none"]
    assert (told, capture.left) == (["Packet 1\n\n"], [])


def test_an_expression_is_set_used_and_taken_back() -> None:
    vpp = Vpp()
    run(vpp, TracePlan(("virtio-input", "af-packet-input"), 20, "udp and dst port 53", "error-drop"))
    assert vpp.lines == [
        "show trace filter function",
        "show bpf trace filter",
        "set bpf trace filter {{udp and dst port 53}}",
        "set trace filter function bpf_trace_filter",
        "clear trace",
        "trace filter include error-drop 20",
        "trace add virtio-input 4000 filter",
        "trace add af-packet-input 4000 filter",
        "show trace max 40",
        "trace filter none",
        "trace add virtio-input 0",
        "trace add af-packet-input 0",
        "set trace filter function vnet_is_packet_traced",
        "set bpf trace filter del",
    ]


@pytest.mark.parametrize(
    ("line", "text", "words"),
    [
        ("show bpf trace filter", "(000) ldh [12]\n", "not by us"),
        ("show trace filter function", "(*) name:vnet_is_packet_traced description: x priority: 50\n", "no bpf_trace_filter plugin"),
    ],
)
def test_somebody_elses_filter_and_a_vpp_that_cannot_filter_are_left_alone(line: str, text: str, words: str) -> None:
    vpp = Vpp({line: Answer(text)})
    with pytest.raises(CommandError, match=words):
        run(vpp, TracePlan(("dpdk-input",), expression="udp"))
    assert all(each.startswith("show ") for each in vpp.lines)


def test_a_line_that_is_refused_ends_the_capture_and_all_is_taken_back() -> None:
    vpp = Vpp({"trace add nothing 50": Answer("trace add: expected NODE COUNT, got `nothing 50'\n", failed=True)})
    with pytest.raises(CommandError, match="trace add nothing 50: trace add: expected NODE COUNT"):
        run(vpp, TracePlan(("nothing",)))
    assert vpp.lines[-2:] == ["trace add nothing 50", "trace filter none"]


def test_what_a_lost_target_keeps_is_remembered_and_taken_back_later() -> None:
    vpp = Vpp(lost={"show trace max 50": 1, "trace filter none": 0, "set trace filter function vnet_is_packet_traced": 3})
    capture = TraceCapture(vpp.execute, TracePlan(("dpdk-input",), expression="udp"))
    stop = threading.Event()
    stop.set()
    with pytest.raises(TargetError):
        capture.run(stop, lambda text: None)
    assert capture.left == ["set trace filter function vnet_is_packet_traced", "set bpf trace filter del"]
    capture.take_back()
    assert capture.left == []
    assert vpp.lines[-2:] == ["set trace filter function vnet_is_packet_traced", "set bpf trace filter del"]


def test_a_capture_ends_when_its_packets_are_there() -> None:
    plan = TracePlan(("pg-input",), 2)
    vpp = Vpp({plan.show: Answer("Packet 1\n\nPacket 2\n")})
    told: list[str] = []
    capture = TraceCapture(vpp.execute, plan)
    capture.run(threading.Event(), told.append, first_look=0.01)  # nobody tells it to end
    assert len(told) == 1


class Key:
    """A lock that tells what is done with it; somebody else may have it."""

    def __init__(self, told: list[str], taken: bool = False) -> None:
        self.told, self.taken = told, taken

    def take(self, operation: str, *, filtered: bool) -> None:
        if self.taken:
            raise CommandError("a capture is running: pcap by somebody")
        self.told.append(f"take {operation} {filtered}")

    def release(self) -> None:
        self.told.append("release")


def test_a_lock_is_held_as_long_as_something_is_set() -> None:
    vpp = Vpp(lost={"trace filter none": 0})
    capture = TraceCapture(vpp.execute, TracePlan(("dpdk-input",)), Key(vpp.lines))
    capture.begin()
    vpp.lost["trace filter none"] = 1
    with pytest.raises(TargetError):
        capture.take_back()
    assert capture.left == ["trace filter none", "the lock is released"]
    assert "release" not in vpp.lines
    capture.take_back()
    assert (vpp.lines[0], vpp.lines[-2:]) == ("take trace False", ["trace filter none", "release"])


def test_nothing_is_sent_while_somebody_else_captures() -> None:
    vpp = Vpp()
    with pytest.raises(CommandError, match="pcap by somebody"):
        TraceCapture(vpp.execute, TracePlan(("dpdk-input",)), Key(vpp.lines, taken=True)).run(threading.Event(), lambda text: None)
    assert vpp.lines == ["release"]  # which gives back only what was taken


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        (TracePlan(()), "which input node"),
        (TracePlan(("dpdk-input 50; quit",)), "no name of a node"),
        (TracePlan(("dpdk-input",), 0), "expected 1 to 10000"),
        (TracePlan(("dpdk-input",), 10_001), "expected 1 to 10000"),
        (TracePlan(("dpdk-input",), expression="udp}} quit {{"), "no braces"),
        (TracePlan(("dpdk-input",), visits="a b"), "no name of a node"),
        (TracePlan(("dpdk-input",), seconds=0), "more than 0"),
    ],
)
def test_what_vpp_would_misunderstand_is_not_sent(plan: TracePlan, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        TraceCapture(Vpp().execute, plan)


def test_every_line_is_one_that_the_dataplane_takes() -> None:
    session: Session = make_session()
    plan = TracePlan(("pg-input",), 5, "udp and dst port 53", "error-drop")
    for line in (*plan.begin, plan.show, *plan.end("vnet_is_packet_traced")):
        answer = session.execute(line)
        assert not answer.failed, (line, answer.text)
    tracer = session.engine.tracer
    assert tracer.filter.node is None
    assert tracer.choose is None
