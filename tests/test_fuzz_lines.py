"""Lines of the recipes and the documentation, edited: typed, run from files, completed, while packets go through what they configured."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from fuzz import Batch, Router
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lines import CATALOG, KINDS, PASSED_OVER, TOO_MUCH, WORDS, Edit, corpus, edited, random_edits
from malformed import Maker

from vppsh.engine.clock import FakeClock
from vppsh.engine.engine import Engine
from vppsh.session import Session

LINES = corpus()
FROM_LINES = st.sampled_from(sorted({word for line in LINES for word in line.split()}))
EDITS = st.lists(st.builds(Edit, st.sampled_from(KINDS), st.integers(0, 500), st.one_of(st.sampled_from(WORDS), FROM_LINES)), max_size=4)
EDITED = st.builds(edited, st.sampled_from(LINES), EDITS)
slow = settings(
    max_examples=70, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module", autouse=True)
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Commands that write files write them there."""
    folder = tmp_path_factory.mktemp("lines")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        yield folder


def fresh() -> Session:
    return Session(Engine(CATALOG, clock=FakeClock(), random=np.random.default_rng(1)))


def settle(session: Session) -> None:
    """Let streams of whatever limit run for a while, then end them; all buffers are back."""
    for _ in range(3):
        session.engine.step()
    session.execute("packet-generator disable-stream")
    session.engine.run_for(25)
    assert session.engine.buffers.free == session.engine.buffers.count


@slow
@given(st.lists(EDITED, min_size=1, max_size=12), st.integers(0, 200))
def test_edited_lines_are_answered(lines: list[str], cursor: int) -> None:
    session = fresh()
    for line in lines:
        answer = session.execute(line)
        assert answer.fault is None, line
        assert not answer.text or answer.text.endswith("\n")
        session.help(line)
        session.spans(line)
        session.complete(line, min(cursor, len(line)))
        session.engine.step()
    settle(session)


@slow
@given(st.lists(st.one_of(EDITED, st.text(max_size=20)), max_size=12), st.sampled_from(["\n", "\\\n", "\r\n", " ", "\n# "]))
@pytest.mark.parametrize("command", ["exec", "%source"])
def test_files_of_edited_lines_are_executed(tmp_path: Path, command: str, lines: list[str], between: str) -> None:
    path = tmp_path / "lines"
    wanted = (line for line in lines if not PASSED_OVER.match(line))
    path.write_text(between.join(wanted), encoding="utf-8", errors="surrogateescape", newline="")
    session = fresh()
    answer = session.execute(f"{command} {path}")
    assert answer.fault is None, answer
    assert "internal error" not in answer.aside + answer.text
    settle(session)


@pytest.mark.parametrize("seed", range(3))
def test_packets_survive_what_edited_lines_configure(seed: int) -> None:
    """Some hundred lines into the fuzz router, with malformed packets between them."""
    rng = random.Random(seed)
    router, packets = Router(seed), Maker(rng).stream("ethernet")
    for _ in range(150):
        line = edited(rng.choice(LINES), random_edits(rng, LINES))
        try:
            router.type(line)
            router.throw(Batch("ethernet-input", tuple(islice(packets, 20)), traced=rng.choice((0, 0, 5))))
        except Exception as error:
            error.add_note(f"seed {seed}: after {line!r}")
            raise
    router.type("packet-generator disable-stream")
    router.settle()


def test_the_lines_are_worth_editing() -> None:
    """They are many, of many commands, and most of them are accepted where they belong."""
    assert len(LINES) > 250
    commands = {spec.path for spec in CATALOG.commands}
    assert len({path for path in commands if any(line.startswith(path) for line in LINES)}) > 40
    router = Router(1)
    accepted = [not router.session.execute(line).failed for line in LINES]
    assert sum(accepted) > 0.5 * len(accepted)


@pytest.mark.parametrize("line", ["exec x", "%save x", " quit", "show version > x", "ip route add count 1000000 10.0.0.0/8 via drop"])
def test_lines_that_must_not_be_typed_are_not(line: str) -> None:
    assert PASSED_OVER.match(line) or TOO_MUCH.search(line)
    assert edited("show version", [Edit("cut", 0, ""), Edit("more", 0, line)]) in ("show version", f" {line}")


WAYS: dict[str, Callable[[str], str]] = {
    "delete": lambda line: "b c", "insert": lambda line: "X a b c", "replace": lambda line: "X b c", "double": lambda line: "a a b c",
    "swap": lambda line: "c b a", "shorten": lambda line: "a b c", "cut": lambda line: "", "character": lambda line: "X b c",
    "number": lambda line: "a b c", "more": lambda line: "a b c X",
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_an_edit_does_what_it_says(kind: str) -> None:
    assert Edit(kind, 0, "X").apply("a b c") == WAYS[kind]("a b c")
