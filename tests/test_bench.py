"""The benchmarks' own parts: the yardstick forwards rightly, and the table keeps the page's prose."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench import report, yardstick
from bench.case import Case, Figure, NodeCost, Outcome, Target, discover


def ones_complement(data: bytes) -> int:
    total = sum(int.from_bytes(data[at : at + 2]) for at in range(0, len(data), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


@pytest.mark.parametrize("n", [1, 7, 256])
def test_the_yardstick_forwards_as_a_router_must(n: int) -> None:
    random = np.random.default_rng(n)
    router, packets = yardstick.Router(random), yardstick.make_packets(n, random)
    before = packets.copy()
    order = router.forward(packets)
    adjacencies = []
    for old, new in zip(before, packets):
        header = bytes(new[14:34])
        assert ones_complement(header) == 0xFFFF
        assert header[8] == old[22] - 1
        assert bytes(new[26:]) == bytes(old[26:])
        destination = int.from_bytes(bytes(old[30:34]))
        ply = router.root[destination >> 16]
        adjacency = int(router.plies[-ply - 1, destination >> 8 & 255] if ply < 0 else ply)
        assert bytes(new[:14]) == bytes(router.rewrite[adjacency])
        adjacencies.append(adjacency)
    assert router.route_packets.tolist() == np.bincount(adjacencies, minlength=yardstick.ADJACENCIES).tolist()
    assert np.all(np.diff(router.tx[np.array(adjacencies)[order]]) >= 0)
    assert router.tx_packets.sum() == n


def test_the_yardstick_refuses_a_broken_packet() -> None:
    random = np.random.default_rng(3)
    packets = yardstick.make_packets(8, random)
    packets[5, 24] ^= 1
    with pytest.raises(ValueError, match="bad packet"):
        yardstick.Router(random).forward(packets)


def test_cases_are_found_each_once() -> None:
    names = [case.name for case in discover()]
    assert {"forward", "replay", "routes", "memory", "startup"} <= set(names)
    assert len(names) == len(set(names))


def test_targets_are_judged_by_the_share_where_there_is_one() -> None:
    fast = Figure("rate", 2.0, "Mpps", Target(0.4, at_least=True), yardstick=4.0, share=0.5)
    slow = Figure("rate", 2.0, "Mpps", Target(0.6, at_least=True), yardstick=4.0, share=0.5)
    late = Figure("start", 0.5, "s", Target(0.45))
    assert (fast.met, slow.met, late.met) == (True, False, False)


def test_the_table_is_rewritten_and_the_prose_stays(tmp_path: Path) -> None:
    page = tmp_path / "performance.md"
    page.write_text(f"before\n{report.BEGIN}\nold figures\n{report.END}\nafter\n")
    case = Case("c", "Some case", 1, lambda bench: Outcome(()), "bench.cases.c")
    figure = Figure("a rate", 1.234, "Mpps", Target(0.4, at_least=True), yardstick=2.0, share=0.617)
    outcome = Outcome((figure,), {"one": (NodeCost("ip4-input", 20.04, 1.0), NodeCost("ip4-lookup", 30.0, 0.5))})
    report.rewrite(page, report.text({case: outcome}, tmp_path))
    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith(f"{report.END}\nafter\n")
    assert "old figures" not in text
    assert "| a rate | 1.23 Mpps | 2 Mpps | 0.62 | ≥ 0.4 | yes |" in text
    assert "| **each packet** | **35.0** |" in text


def test_a_page_without_its_markers_is_left_alone(tmp_path: Path) -> None:
    page = tmp_path / "performance.md"
    page.write_text("prose\n")
    with pytest.raises(ValueError, match="bench:begin"):
        report.rewrite(page, "figures")
    assert page.read_text() == "prose\n"
