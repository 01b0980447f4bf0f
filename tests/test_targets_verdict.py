"""Whether a line failed, told from VPP's answer alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from vppsh.grammar.scripts import run_lines
from vppsh.startup import make_session
from vppsh.targets.verdict import error_at, refused

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("frob", "unknown input `frob'\n"),
        ("show frob", "show: unknown input `frob'\n"),
        ("sh int nope", "show interface: unknown input `nope'\n"),
        ("set int state nope up", "set interface state: unknown interface `nope up'\n"),
        ("set { interface { state nope up } }", "set interface state: unknown interface `nope up'\n"),
        ("show version set int state nope up", "vpp v26\nset interface state: unknown interface `nope up'\n"),
        ("ip route add 1.1.1.1", "ip route: expected paths.\nmore\n"),
        ("$(verb) int nope", "show interface: unknown input `nope'\n"),
        ("create ipip tunnel", "create ipip tunnel: mandatory argument (source) missing\n"),
    ],
)
def test_refused(line: str, answer: str) -> None:
    assert refused(line, answer)


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("show version", "vpp v26.10-rc0 built by me\n"),
        ("show version", ""),
        ("show log", "2026/11/23 notice cli: show interface: unknown input `x'\n"),
        ("show interface", "show ip fib: unknown input\n"),
        ("show node ip4-input", "node ip4-input, type internal\n  unknown input `\n"),
    ],
)
def test_went_well(line: str, answer: str) -> None:
    assert not refused(line, answer)


def test_where_the_error_begins() -> None:
    text = "vpp v26\nshow: unknown input `x'\n"
    assert error_at("show version show x", text) == len("vpp v26\n")
    assert error_at("show x", "line\n" * 100_000 + "show: unknown input `x'\n") == 500_000


@pytest.mark.parametrize("recipe", sorted((ROOT / "recipes").glob("*.vpp")), ids=lambda path: path.stem)
def test_agrees_with_what_the_engine_knows(recipe: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine knows whether a line failed. Each line of a recipe, then the same with a word too many or its last one missing."""
    monkeypatch.chdir(ROOT)
    session = make_session()
    failures = 0
    for line in run_lines(recipe.read_text().split("\n"), recipe.name):
        if line.text.startswith("%"):
            continue
        for text in (line.text, f"{line.text} frobnicate", line.text.rpartition(" ")[0]):
            answer = session.execute(text)
            assert refused(text, answer.text) == answer.failed, (text, answer)
            failures += answer.failed
    assert failures
