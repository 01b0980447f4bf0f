"""Malformed packets into every node of a configured router: no exception, and every packet is accounted for (`fuzz.py` for long runs)."""

from __future__ import annotations

import random

import numpy as np
import pytest
from books import Books, UnbalancedError
from fuzz import BATCH, Batch, Fuzzer, Router, failure, kind_of, reduced
from graphs import engine_with, fill, sink
from malformed import Maker

from vppsh.engine.context import Context
from vppsh.engine.frame import Frame
from vppsh.registry import Catalog, NodeKind, discover, node

CATALOG: Catalog = discover()
INTERNAL = sorted(spec.name for spec in CATALOG.nodes if spec.kind is NodeKind.INTERNAL)
OF_INTERFACES = ("pg0-output", "pg0-tx", "pg4-tx", "pg5-output", "loop0-output", "loop0-tx", "loop1-tx", "local0-output", "local0-tx")
SEEDS = (20_261, 20_262)


@pytest.mark.parametrize("seed", SEEDS)
def test_malformed_packets_anywhere_while_the_configuration_changes(seed: int) -> None:
    fuzzer = Fuzzer(seed)
    fuzzer.run(40_000)
    assert len(fuzzer.router.books.visited) > 60
    assert fuzzer.router.books.sent["pg1-tx"]


@pytest.fixture(scope="module")
def fuzzer() -> Fuzzer:
    """A router whose configuration stays as it is."""
    return Fuzzer(1, changes=False)


@pytest.mark.parametrize("name", [*INTERNAL, *OF_INTERFACES])
def test_no_node_leaks(fuzzer: Fuzzer, name: str) -> None:
    """Junk put directly before a node: what streams bring, and what other nodes might send."""
    for _ in range(2):
        fuzzer.router.throw(fuzzer.batch(name, size=64))
    fuzzer.router.settle()


KINDS = ("ethernet", "ip4", "ip6", "mpls", "arp", "llc", "icmp4", "icmp6")


@pytest.mark.parametrize("kind", KINDS)
def test_every_truncation_of_every_header(fuzzer: Fuzzer, kind: str) -> None:
    """Good packets cut after each of their first 120 bytes, into the node that takes them, and framed."""
    maker = Maker(random.Random(f"truncated {kind}"))
    entries = {"icmp4": "ip4-input", "icmp6": "ip6-input"}
    ethertypes = {"ip4": 0x0800, "ip6": 0x86DD, "mpls": 0x8847, "arp": 0x0806, "icmp4": 0x0800, "icmp6": 0x86DD}
    for _ in range(6):
        packet = maker.builders[kind]()
        cuts = tuple(packet[:length] for length in range(min(len(packet), 120) + 1))
        fuzzer.router.throw(Batch(entries.get(kind, f"{kind}-input"), cuts, traced=len(cuts)))
        if kind in ethertypes:
            frames = tuple(maker.ethernet(ethertypes[kind], cut) for cut in cuts)
            fuzzer.router.throw(Batch("ethernet-input", frames))
    fuzzer.router.settle()


def test_a_flood_of_fragments_stays_within_its_limits() -> None:
    """First fragments of ever other packets: what is more than the limits allow is dropped and counted, and in time all of it."""
    router, maker = Router(5), Maker(random.Random(5))
    wanted = 3000
    for version, make, ethertype in ((4, maker.fragments4, 0x0800), (6, maker.fragments6, 0x86DD)):
        several = (fragments for fragments in iter(make, None) if len(fragments) > 1)
        flood = [maker.ethernet(ethertype, next(several)[0]) for _ in range(wanted)]
        held = []
        for start in range(0, wanted, BATCH):
            router.throw(Batch("ethernet-input", tuple(flood[start : start + BATCH])))
            held.append(router.engine.buffers.count - router.engine.buffers.free)
        assert 0 < max(held) < router.engine.buffers.count // 2, version
        router.settle()
    refused = {text for _, node, text in router.books.ended if "reassembly" in node}
    assert "drops due to concurrent reassemblies limit" in refused, refused


@pytest.mark.parametrize("completed", [False, True])
@pytest.mark.parametrize("version", [4, 6])
def test_fragments_outlive_the_interface_that_they_came_in_by(version: int, completed: bool) -> None:
    router, maker = Router(6), Maker(random.Random(6))
    for line in ("set interface reassembly pg0.10 on", "set interface reassembly pg0 on"):
        router.type(line, may_fail=False)
    whole = maker.fragments4 if version == 4 else maker.fragments6
    several = [fragments for fragments in (whole() for _ in range(100)) if len(fragments) == 2]
    tag, ethertype = bytes.fromhex("8100000a"), bytes.fromhex("0800" if version == 4 else "86dd")
    macs = bytes.fromhex("02fe00000001020000000002")
    router.throw(Batch("ethernet-input", tuple(macs + tag + ethertype + fragments[0] for fragments in several)))
    held = router.engine.buffers.count - router.engine.buffers.free
    assert held > len(several) // 2
    router.type("delete sub-interface pg0.10", may_fail=False)
    if completed:
        router.throw(Batch("ethernet-input", tuple(macs + ethertype + fragments[1] for fragments in several)))
        assert router.engine.buffers.count - router.engine.buffers.free < held
    router.settle()


def test_a_pool_that_runs_dry_loses_packets_and_nothing_else() -> None:
    """With a handful of buffers left, everything that needs one more (errors, requests, pieces, copies) goes without."""
    fuzzer = Fuzzer(7, changes=False)
    pool = fuzzer.router.engine.buffers
    kept = pool.allocate_indices(pool.count - BATCH - 20)
    for name in (
        "ethernet-input",
        "ip4-input",
        "ip6-input",
        "ip4-rewrite",
        "ip4-replicate",
        "ip6-replicate",
        "ip4-frag",
        "ip6-icmp-error",
    ) * 4:
        fuzzer.router.throw(Batch(name, tuple(packet[:2000] for packet in fuzzer.batch(name, 200).packets)))
        fuzzer.router.engine.run_for(25)
    pool.release(kept)
    fuzzer.router.settle()


# The tools themselves.


def test_what_a_maker_makes_is_mostly_right() -> None:
    """Otherwise nothing would get past the first checks."""
    router, maker = Router(3), Maker(random.Random(3))
    for name in ("ip4-input", "ip6-input"):
        make = maker.ip4 if name == "ip4-input" else maker.ip6
        router.throw(Batch(name, tuple(make() for _ in range(200))))
        assert router.books.visited[name.replace("input", "lookup")] > 100
    router.settle()


@node("keeps", nexts=("sink",))
def keeps(ctx: Context, frame: Frame) -> None:
    """Neither hands on nor frees."""


@node("doubles", nexts=("sink",))
def doubles(ctx: Context, frame: Frame) -> int:
    """Hands on twice."""
    ctx.enqueue(0, frame.indices(ctx.buffers).copy())
    return 0


@node("frees", nexts=("sink",))
def frees(ctx: Context, frame: Frame) -> int:
    """Hands on what it has freed."""
    ctx.buffers.free_packets(frame)
    return 0


@node("moves", nexts=("sink",))
def moves(ctx: Context, frame: Frame) -> int:
    """Moves packets and does not say so."""
    ctx.buffers.current_data[frame.rows] += 4
    return 0


@pytest.mark.parametrize("faulty", ["keeps", "doubles", "frees", "moves"])
def test_the_books_show_every_fraud(faulty: str) -> None:
    engine = engine_with(keeps, doubles, frees, moves, sink("sink"))
    books = Books(engine)
    engine.dispatcher.send(engine.graph[faulty], fill(engine, [b"packet"] * 5))

    def run() -> None:
        engine.run_until_idle()
        books.check_pool(settled=True)

    with pytest.raises(UnbalancedError):
        run()


def test_the_books_show_what_is_lost() -> None:
    engine = engine_with()
    books = Books(engine)
    engine.buffers.allocate(3)
    books.check_pool(settled=False)
    with pytest.raises(UnbalancedError, match=r"3 buffers are lost, last seen in .*no node"):
        books.check_pool(settled=True)


def test_a_failing_batch_is_cut_down(monkeypatch: pytest.MonkeyPatch) -> None:
    """One packet of fifty, whose byte 20 makes a node fail after a line was typed: found, and nothing else is left."""
    original = Router.throw

    def fragile(router: Router, batch: Batch) -> None:
        typed = router.engine.interfaces.find("loop2") is not None
        if typed and any(packet[20:21] == b"\xee" for packet in batch.packets):
            raise ZeroDivisionError
        original(router, batch)

    monkeypatch.setattr(Router, "throw", fragile)
    packets = [bytes(40)] * 50
    packets[23] = bytes(20) + b"\xee" + bytes(19)
    batch, lines = Batch("ip4-input", tuple(packets)), ["show version", "create loopback interface", "show errors"]
    error = failure(lines, batch, 1)
    assert isinstance(error, ZeroDivisionError)
    lines, batch = reduced(lines, batch, 1, error)
    assert list(lines) == ["create loopback interface"]
    assert batch.packets == (packets[23],)
    assert Batch.of_fields([line.partition(" ") for line in batch.text().splitlines()]) == batch


def test_kinds_of_nodes() -> None:
    assert [kind_of(name) for name in ("ip4-lookup", "ip4-icmp-input", "ip6-icmp-error", "mpls-input", "pg0-tx", "ip6-rewrite")] == [
        "ip4",
        "icmp4",
        "icmp6",
        "mpls",
        "ethernet",
        "ip6",
    ]


def test_packets_of_a_seed_are_always_the_same() -> None:
    first, second = (Maker(random.Random(9)).stream("ethernet") for _ in range(2))
    assert all(next(first) == next(second) for _ in range(500))
    assert np.mean([len(next(first)) for _ in range(500)]) > 100
