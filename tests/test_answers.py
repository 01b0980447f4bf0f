"""Readers of VPP's answers: the recordings, VPP's layout, names that fill their column, odd lines."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vppsh.answers.errors import ErrorCounter, read_errors
from vppsh.answers.interfaces import Interface, read_interfaces
from vppsh.answers.runtime import read_runtime
from vppsh.answers.version import read_version

RECORDINGS = Path(__file__).resolve().parents[2] / "shared" / "conformance" / "scenarios"
READERS: dict[str, Callable[[str], Any]] = {
    "show interface": read_interfaces,
    "show errors": read_errors,
    "show runtime": read_runtime,
    "show runtime verbose": read_runtime,
    "show runtime summary": read_runtime,
}
NAMES = st.from_regex(r"[A-Za-z][A-Za-z0-9/._-]{0,50}", fullmatch=True)
COUNTS = st.integers(1, 10**13)


def recorded() -> Iterator[tuple[str, str, str]]:
    """Each recorded answer that a reader is for: where, the line, the answer."""
    for path in sorted(RECORDINGS.glob("*/*.txt")):
        for part in re.split(r"^vpp# ", path.read_text(errors="replace"), flags=re.MULTILINE)[1:]:
            line, _, text = part.partition("\n")
            if line.strip() in READERS and text.strip():
                yield path.name, line.strip(), text


@pytest.mark.skipif(not RECORDINGS.exists(), reason="no recordings of VPP beside the checkout")
def test_every_recorded_answer_is_understood_to_the_last_line() -> None:
    answers = list(recorded())
    assert {line for _, line, _ in answers} >= {"show interface", "show errors"}
    odd = [(name, line, found) for name, line, text in answers if (found := READERS[line](text).odd) and "unknown" not in text]
    assert not odd


def centred(text: str, width: int) -> str:
    """VPP's `%=Ns`."""
    left = (width - len(text)) // 2
    return f"{' ' * left}{text}".ljust(width)


@given(st.lists(st.tuples(NAMES, st.integers(0, 9999), st.sampled_from(["up", "down", "error"]), st.dictionaries(
    st.sampled_from(["rx packets", "rx bytes", "tx packets", "drops", "ip4", "rx-no-buf"]), COUNTS)), max_size=5))  # fmt: skip
def test_interfaces_are_read_as_they_were_printed(given_interfaces: list[tuple[str, int, str, dict[str, int]]]) -> None:
    lines = ["              Name               Idx    State  MTU (L3/IP4/IP6/MPLS)     Counter          Count     "]
    for name, index, state, counters in given_interfaces:
        head = f"{name:<32}{centred(str(index), 5)}{centred(state, 10)}{centred('9000/0/0/0', 21)}"
        first, *rest = [f"{counter:<16}{count:>16}" for counter, count in counters.items()] or [""]
        lines += [head + first, *(" " * 68 + each for each in rest)]
    read = read_interfaces("\n".join(lines) + "\n")
    # Nothing parts a name that fills its column from an index of four digits.
    if all(len(name) < 32 or (index < 1000 and not name[-1].isdigit()) for name, index, _, _ in given_interfaces):
        expected = tuple(Interface(name, index, state, "9000/0/0/0", counters) for name, index, state, counters in given_interfaces)
        assert read.interfaces == expected
        assert not read.odd


@given(st.text())
def test_no_text_makes_a_reader_fail(text: str) -> None:
    for reader in (read_interfaces, read_errors, read_runtime, read_version):
        reader(text)


def test_a_punted_interface_is_up() -> None:
    text = f"{'tap0':<32}{centred('7', 5)}{centred('up/punt', 10)}{centred('1500/0/0/0', 21)}rx packets                    26\n"
    (interface,) = read_interfaces(text).interfaces
    assert interface == Interface("tap0", 7, "up/punt", "1500/0/0/0", {"rx packets": 26})
    assert interface.up


def test_errors_of_several_threads_are_added_up_and_old_versions_read() -> None:
    text = (
        "   Count                  Node                              Reason               Severity \n"
        "         3             null-node                      blackholed packets           error  \n"
        "         4             null-node                      blackholed packets           error  \n"
        "        11           ethernet-input                    l3 mac mismatch\n"
        "no such line\n"
    )
    read = read_errors(text)
    assert read.counters == (
        ErrorCounter("null-node", "blackholed packets", "error", 7),
        ErrorCounter("ethernet-input", "l3 mac mismatch", "", 11),
    )
    assert read.odd == ("no such line",)


def test_runtime_of_workers_and_names_that_touch_their_state() -> None:
    name = "a-node-with-quite-a-long-name-in-it"
    text = (
        "Thread 0 vpp_main (lcore 1)\n"
        "Time 12.5, 10.000000 sec internal node vector rate 0.00 loops/sec 812.20\n"
        "  vector rates in 1.0000e0, out 2.0000e0, drop 0.0000e0, punt 0.0000e0\n"
        "             Name                 State         Calls          Vectors        Suspends      Packet-Clocks   Vectors/Call  \n"
        f"{name}interrupt wait               5               6               0          2.65e3            1.20\n"
        "ip4-neighbor-age-process        any wait                 1               0               1          8.31e2            0.00\n"
        "    events pending, \n"
        "---------------\n"
        "Thread 1 vpp_wk_0 (lcore 2)\n"
        "Time 12.5, 10.000000 sec internal node vector rate 255.90 loops/sec 4e4\n"
        "  vector rates in 1.0000e7, out 1.0000e7, drop 0.0000e0, punt 0.0000e0\n"
        "dpdk-input                       polling             10000         2559000               0          5.01e1          255.90\n"
    )
    read = read_runtime(text)
    assert not read.odd
    main, worker = read.threads
    assert (main.name, worker.name, worker.vector_rate, worker.loops) == ("vpp_main", "vpp_wk_0", 255.9, 4e4)
    assert [(node.name, node.state, node.vectors) for node in main.nodes] == [
        (name, "interrupt wait", 6),
        ("ip4-neighbor-age-process", "any wait", 0),
    ]
    assert worker.nodes[0].per_call == 255.9


def test_the_version_is_told_from_who_built_it() -> None:
    assert read_version("vpp v26.10-rc0~12-gabc built by root on host at 2026-11-01\n") == "v26.10-rc0~12-gabc"
    assert read_version("something else\n") == "something else"
