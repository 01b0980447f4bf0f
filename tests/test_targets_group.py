"""Several targets at once: who is meant, what is told once, what differs, and lines that must not be sent."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass, field

import pytest
from shells import shell

from vppsh.attached import Attached
from vppsh.errors import CommandError, TargetError, UsageError
from vppsh.targets.base import Answer
from vppsh.targets.changes import ChangeDetector
from vppsh.targets.connection import ConnectionLostError
from vppsh.targets.fanout import ask_all
from vppsh.targets.group import Targets
from vppsh.targets.policy import Policy


@dataclass
class Fake:
    """A target with prepared answers."""

    name: str
    answers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    error: TargetError | None = None
    cluster: bool = False
    where: str = "nowhere"

    def __post_init__(self) -> None:
        self.heard: list[str] = []
        self.woken = threading.Event()

    def execute(self, line: str, timeout: float | None = None) -> Answer:
        self.heard.append(line)
        self.woken.wait(self.delay)
        if self.error is not None:
            raise self.error
        text = self.answers.get(line, f"unknown input `{line}'\n")
        return Answer(text, failed=text.startswith("unknown input"))

    def interrupt(self) -> None:
        self.woken.set()

    def close(self) -> None:
        self.heard.append("closed")


def attached(*targets: Fake, policy: Policy | None = None) -> Attached:
    made = Attached(targets[0], policy=policy)
    for target in targets[1:]:
        made.targets.add(target)
    return made


def test_selecting() -> None:
    targets = Targets(Fake("node-1"))
    for name in ("node-2", "other"):
        targets.add(Fake(name))
    assert [target.name for target in targets.select("all")] == ["node-1", "node-2", "other"]
    assert [target.name for target in targets.select("other,node-*,node-1")] == ["other", "node-1", "node-2"]
    with pytest.raises(UsageError, match="no target node-3; did you mean node-2"):
        targets.select("node-3,other")
    with pytest.raises(UsageError, match="no target zzz; there are node-1, node-2, other"):
        targets.get("zzz")
    with pytest.raises(UsageError, match="there is a target other already"):
        targets.add(Fake("other"))
    for name in ("", "a,b", "all", "a b", "x*"):
        with pytest.raises(UsageError, match="cannot be the name"):
            targets.add(Fake(name))
    with pytest.raises(UsageError, match="is the current target"):
        targets.remove(targets.current)


def test_equal_answers_are_told_once() -> None:
    one, two = Fake("a", {"v": "v1\n"}), Fake("b", {"v": "v2\nmore\n"})
    made = attached(one, two, Fake("c", {"v": "v1\n"}), Fake("d", {"v": ""}))
    answer = made.execute("@all v")
    assert answer.text == "== a, c (2 of 4)\nv1\n== b (1 of 4)\nv2\nmore\n== d (1 of 4)\n(no output)\n"
    assert not answer.failed
    assert made.execute("@b v").text == "v2\nmore\n"
    assert made.execute("v").text == "v1\n"


def test_partial_failures_are_told_and_counted() -> None:
    made = attached(Fake("a", {"v": "v1\n"}), Fake("b"), Fake("c", error=ConnectionLostError("c: gone", "half\n")))
    answer = made.execute("@a,b v")
    assert answer.text == "== a (1 of 2)\nv1\n== b (1 of 2)\nunknown input `v'\n"
    assert (answer.failed, answer.unreachable) == (True, False)
    answer = made.execute("@all v")
    assert answer.text == "== a (1 of 3)\nv1\n== b (1 of 3)\nunknown input `v'\n== c (1 of 3)\nhalf\nc: gone\n"
    assert (answer.failed, answer.unreachable) == (True, True)
    answer = made.execute("@c v")
    assert answer.text == "half\nc: gone\n"


def test_differences() -> None:
    answers = {"v": "one\ntwo\nthree\n"}
    made = attached(Fake("a", answers), Fake("b", answers), Fake("c", {"v": "one\n2\nthree\n"}), Fake("d", answers))
    assert made.execute("@all v | diff").text == "--- a, b, d\n+++ c\n@@ -1,3 +1,3 @@\n one\n-two\n+2\n three\n"
    assert made.execute("@a,b v | diff").text == "== a, b answer the same\n"
    assert made.execute("@all v | grep o | diff").text == "--- a, b, d\n+++ c\n@@ -1,2 +1 @@\n one\n-two\n"
    assert made.execute("v | diff @c").text.splitlines()[:2] == ["--- a", "+++ c"]
    assert "compares targets" in made.execute("v | diff").text
    assert "must be the last filter" in made.execute("@all v | diff | json").text


def test_pipes_behind_several(tmp_path) -> None:
    made = attached(Fake("a", {"v": "x1\ny\n"}), Fake("b", {"v": "x2\ny\n"}))
    assert made.execute("@all v | grep x").text == "== a (1 of 2)\nx1\n== b (1 of 2)\nx2\n"
    assert made.execute("@all v | grep y").text == "== a, b (2 of 2)\ny\n"
    found = json.loads(made.execute("@all v | json").text)
    assert [(entry["target"], entry["failed"], entry["text"]) for entry in found] == [("a", False, "x1\ny\n"), ("b", False, "x2\ny\n")]
    assert made.execute(f"@all v > {tmp_path}/out").text == ""
    assert (tmp_path / "out").read_text().startswith("== a")


def test_all_are_asked_at_once() -> None:
    """Fifty targets that need 0.3 s each."""
    targets = [Fake(f"n{number}", {"v": "v1\n"}, delay=0.3) for number in range(50)]
    start = time.monotonic()
    outcomes = ask_all(targets, "v", 10.0)
    assert time.monotonic() - start < 2.0
    assert [outcome.name for outcome in outcomes] == [target.name for target in targets]


def test_one_that_hangs_does_not_hold_the_others() -> None:
    slow = Fake("slow", {"v": "late\n"}, delay=30.0)
    outcomes = ask_all([Fake("quick", {"v": "v1\n"}), slow], "v", -1.9)
    assert [(outcome.answer.text, outcome.error) for outcome in outcomes] == [("v1\n", ""), ("", "no answer within -1.9 s")]
    assert slow.woken.is_set()


def test_an_engine_and_others() -> None:
    """The session's own dataplane is a target among others."""
    session = shell()
    session.targets.add(Fake("vpp", {"echo one": "one\n", "show version": "vpp v1\n"}))
    assert session.execute("@all echo one").text == "== embedded, vpp (2 of 2)\none\n"
    assert session.execute("echo one | diff @vpp").text == "== embedded, vpp answer the same\n"
    assert session.execute("%target").text == "* embedded  the dataplane of this process\n  vpp       nowhere\n"
    found = json.loads(session.execute("@embedded show version | json").text)
    assert found[0]["data"]["version"] == "v26.10-rc0"
    session.execute("%target vpp")
    assert session.execute("show version").text == "vpp v1\n"
    assert session.execute("@embedded echo two").text == "two\n"
    assert session.execute("%target nope").failed
    assert session.execute("%target embedded").text == ""
    assert session.execute("%detach vpp").text == ""
    assert session.execute("%target").text == "* embedded  the dataplane of this process\n"


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("@nobody v", "no target nobody; there is a"),
        ("@a", "the line is missing"),
        ("@a %target", "only lines of VPP's"),
        ("@a quit", "is for this shell"),
        ("%sleep 1", "no dataplane here"),
        ("%attach x /no/such", "no such socket"),
        ("%nonsense", "the shell has no such command"),
    ],
)
def test_lines_that_make_no_sense(line: str, error: str) -> None:
    answer = attached(Fake("a")).execute(line)
    assert answer.failed
    assert error in answer.text


def test_leaving_is_not_sent() -> None:
    target = Fake("a")
    made = attached(target)
    assert not made.execute("quit").failed
    assert made.closed
    assert not target.heard


CHANGES = [
    "set interface state loop0 up",
    "create loopback interface",
    "clear interfaces",
    "trace add pg-input 10",
    "ip route add 1.1.1.1/32 via drop",
    "exec /tmp/file",
    "define x y",
    "show $(x)",
    "s int state x up",
    "show version set interface state loop0 up",
    "show interface loop0 clear trace",
    "sh { version } create loopback interface",
    "show cli clear-hit",
    "show version restart",
    "show trace pcap trace on",
    "uncomment { clear trace }",
    "something new",
    "leak-check { show version }",
]
HARMLESS = [
    "",
    "show interface",
    "sh int addr",
    "show ip fib table 0 10.0.0.0/8 detail",
    "show trace max 100",
    "show node ip4-input",
    "show ipsec sa 0",
    "show cnat translation",
    "show errors verbose",
    "show plugins",
    "show bridge-domain 51 arp",
    "help set interface",
    "? ",
    "ping 10.0.0.1 repeat 3",
    "comment { clear trace }",
    "show hardware-interfaces loop0",
    "show interface host-eth0 features",
]


@pytest.mark.parametrize("line", CHANGES)
def test_lines_that_may_change_something(line: str) -> None:
    assert ChangeDetector().why(line)


@pytest.mark.parametrize("line", HARMLESS)
def test_lines_that_change_nothing(line: str) -> None:
    assert not ChangeDetector().why(line)


def test_read_only() -> None:
    target = Fake("a", {"show version": "v1\n"})
    made = attached(target, policy=Policy(read_only=True))
    assert made.execute("show version").text == "v1\n"
    answer = made.execute("set int state x up")
    assert answer.failed
    assert answer.text == "read-only: `set int state' may change something\n"
    assert made.execute("@all set int state x up").failed
    assert target.heard == ["show version"]


def test_a_cluster_is_asked_for_once() -> None:
    questions: list[str] = []
    replies = [False, True]

    def confirm(question: str) -> bool:
        questions.append(question)
        return replies.pop(0)

    node, local = Fake("node-1", {"clear trace": ""}, cluster=True), Fake("here", {"clear trace": ""})
    made = attached(node, local, policy=Policy(confirm=confirm))
    assert not made.execute("@here clear trace").failed
    assert made.execute("clear trace").text == "not sent\n"
    assert not node.heard
    assert not made.execute("clear trace").failed
    assert not made.execute("@all clear trace").failed
    assert len(questions) == 2
    assert "changes node-1" in questions[0]


def test_secrets_of_targets_are_masked_before_the_pipe() -> None:
    key = "00112233445566778899aabbccddeeff"
    answers = {"show ipsec sa 0": f"   crypto alg aes-gcm-128 key {key}\n"}
    made = attached(Fake("a", answers), Fake("b", answers), Fake("c", {"show ipsec sa 0": f"   crypto alg aes-gcm-128 key {key[::-1]}\n"}))
    assert key not in made.execute("show ipsec sa 0").text
    assert made.execute(f"show ipsec sa 0 | grep {key}").text == ""
    assert "== a, b (2 of 3)" in made.execute("@all show ipsec sa 0").text
    assert key in attached(Fake("a", answers), policy=Policy(masker=None)).execute("show ipsec sa 0").text


def test_the_rules_are_for_targets_only() -> None:
    """What a session's own engine does is its own business."""
    session = shell()
    session.policy = Policy(read_only=True)
    assert not session.execute("echo crypto-key 00112233445566778899aabbccddeeff").failed
    assert "0011" in session.execute("echo crypto-key 00112233445566778899aabbccddeeff").text
    with pytest.raises(CommandError):
        session.policy.check("clear trace", Fake("a"))
