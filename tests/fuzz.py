"""Fuzzing the dataplane: malformed packets by the million into every node of a configured router.

    python tests/fuzz.py --packets 1000000 [--seed N] [--node NAME] [--out FOLDER]
    python tests/fuzz.py --case FILE

Packets of `malformed.py` go through the router of `data/fuzz-router.vpp`, whose configuration changes now and then, while `books.py`
keeps the books. A batch that fails is cut down to as few and as short packets as still fail, and written to a file that `--case`
runs again.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TypeVar

import numpy as np
from books import Books, UnbalancedError
from lines import CATALOG, corpus, edited, random_edits
from malformed import Maker

from vppsh.engine.buffers import DATA_SIZE, HEADROOM, BufferFlag
from vppsh.engine.clock import FakeClock
from vppsh.engine.engine import Engine
from vppsh.engine.features.pg.fill import buffers_needed, place
from vppsh.engine.features.pg.streams import Streams
from vppsh.engine.frame import Frame
from vppsh.engine.pg.replay import Batch as Packets
from vppsh.engine.pg.replay import recording
from vppsh.engine.pg.stream import StreamSpec
from vppsh.registry import NodeKind
from vppsh.session import Session

DATA = Path(__file__).resolve().parent / "data"
T = TypeVar("T")
BATCH = 256
ROUND = 16
"""Batches between two changes of the configuration."""
LIFETIME = 20 * ROUND
"""Batches after which a new router takes over."""
SETTLING = 25.0
"""Seconds after which nobody waits for a fragment any more."""

# What packets begin with at nodes whose names begin so; at any other with an Ethernet header.
STARTS = {
    "ip4": "ip4", "ip6": "ip6", "mpls": "mpls", "arp": "arp", "llc": "llc", "snap": "llc", "osi": "llc", "icmp6": "icmp6", "igmp": "ip4",
    "ip4-icmp": "icmp4", "ip6-icmp": "icmp6", "lookup-ip4": "ip4", "lookup-ip6": "ip6", "lookup-mpls": "mpls", "ipip": "ip4",
    "interface-rx-dpo-ip4": "ip4", "interface-rx-dpo-ip6": "ip6", "tcp-mss": "ip4", "adj-midchain": "ip4", "esp4": "ip4", "esp6": "ip6",
    "esp-mpls": "mpls", "ah4": "ip4", "ah6": "ip6", "ipsec4": "ip4", "ipsec6": "ip6", "gre4": "ip4", "gre6": "ip6",
}  # fmt: skip
BEFORE_ETHERNET = ("ethernet", "l2", "error", "drop", "punt", "device", "pg")
# Rows are of tables that some other node may have meant; those of large tables are far beyond the end of small ones.
METADATA = (
    ("adj_index", 64), ("adj_index_rx", 64), ("flow_hash", 1 << 20), ("feature_pos", 8), ("l4_hdr_offset", 60), ("fib_index", 4),
    ("sad_index", 64), ("protect_index", 64),
)  # fmt: skip
BEYOND = 1 << 17
MARKS = (BufferFlag.LOCALLY_ORIGINATED, BufferFlag.IS_NATED, BufferFlag.L4_CHECKSUM_COMPUTED, BufferFlag.L4_CHECKSUM_CORRECT)


def lines_of(name: str) -> list[str]:
    """The lines of a file, without comments."""
    return [line for line in (DATA / name).read_text().splitlines() if line and not line.startswith("#")]


@dataclass(frozen=True)
class Batch:
    """Packets that enter together.

    node     where
    direct   as if another node had sent them, with metadata made up from `seed`; else by a stream
    rx, tx   names of interfaces; tx may be empty
    traced   how many of them are traced
    """

    node: str
    packets: tuple[bytes, ...]
    direct: bool = False
    rx: str = "pg0"
    tx: str = ""
    traced: int = 0
    seed: int = 0

    def text(self) -> str:
        """Lines that say all there is to say."""
        head = f"node {self.node}\ndirect {int(self.direct)}\nrx {self.rx}\ntx {self.tx}\ntraced {self.traced}\nseed {self.seed}\n"
        return head + "".join(f"packet {packet.hex()}\n" for packet in self.packets)

    @classmethod
    def of_fields(cls, fields: Sequence[tuple[str, str, str]]) -> Batch:
        """What such a file says, each line as its name, a blank and its value."""
        said = {name: value for name, _, value in fields if name != "packet"}
        packets = tuple(bytes.fromhex(value) for name, _, value in fields if name == "packet")
        return cls(said["node"], packets, said["direct"] == "1", said["rx"], said["tx"], int(said["traced"]), int(said["seed"]))


class Router:
    """A configured engine that batches are thrown at."""

    def __init__(self, seed: int) -> None:
        self.engine = Engine(CATALOG, clock=FakeClock(), random=np.random.default_rng(seed))
        self.session = Session(self.engine)
        self.books = Books(self.engine)
        for line in lines_of("fuzz-router.vpp"):
            self.type(line, may_fail=False)

    def type(self, line: str, *, may_fail: bool = True) -> None:
        """Execute a line; no line is ever a fault."""
        answer = self.session.execute(line)
        if answer.fault is not None:
            raise answer.fault
        if answer.failed and not may_fail:
            raise AssertionError(f"{line}: {answer.text}")
        self.engine.run_until_idle()

    def throw(self, batch: Batch) -> None:
        """Let a batch through; raises what goes wrong."""
        engine = self.engine
        if batch.node not in engine.graph or not batch.packets:
            return
        if batch.traced:
            engine.tracer.limit(engine.graph["pg-input"], batch.traced)
        lengths = np.array([len(packet) for packet in batch.packets], np.int64)
        raw = np.frombuffer(b"".join(batch.packets) + bytes(8), np.uint8)
        packets = Packets(raw, np.cumsum(lengths) - lengths, lengths)
        if batch.direct:
            self._send(batch, packets)
        else:
            self._stream(batch, packets)
        engine.run_until_idle()
        if batch.traced:
            self.type(f"show trace max {batch.traced}")
            self.type("show trace paths")
            self.type("clear trace")
        self.books.check_pool(settled=False)

    def _stream(self, batch: Batch, packets: Packets) -> None:
        interfaces, streams = self.engine.interfaces, self.engine.get(Streams)
        rx, tx = interfaces.find(batch.rx), interfaces.find(batch.tx) if batch.tx else None
        if rx is not None:
            source = recording(packets.raw, packets.offsets, packets.lengths, packets.lengths, "fuzz")
            to = None if tx is None else tx.sw_if_index
            spec = StreamSpec(source, batch.node, "fuzz", limit=len(packets), source=0, rx=rx.sw_if_index, tx=to)
            streams.enable(streams.add(spec), True)

    def _send(self, batch: Batch, packets: Packets) -> None:
        engine, buffers = self.engine, self.engine.buffers
        if buffers_needed(packets.lengths, DATA_SIZE) > buffers.free:
            raise UnbalancedError(f"{buffers.free} buffers are left, too few for a batch")
        rng, n = np.random.default_rng(batch.seed), len(packets)
        rows = buffers.indices[place(packets, buffers, DATA_SIZE)].copy()
        rng.shuffle(rows)
        known = np.array([interface.sw_if_index for interface in engine.interfaces], np.int32)
        buffers.rx_sw_if_index[rows] = rng.choice(known, n)
        if rng.random() < 0.3:
            buffers.tx_sw_if_index[rows] = rng.choice([-1, *known.tolist()], n)
        if not batch.node.startswith(BEFORE_ETHERNET) and not batch.node.endswith(("-output", "-tx")):
            self._behind_ethernet(rows, rng)
        for name, most in METADATA:
            if rng.random() < 0.5:
                getattr(buffers, name)[rows] = rng.integers(0, most, n)
        for name in ("adj_index", "adj_index_rx", "sad_index", "protect_index"):
            if rng.random() < 0.1:
                getattr(buffers, name)[rows] = np.where(rng.random(n) < 0.5, rng.integers(0, BEYOND, n), -1)
        for mark in MARKS:
            buffers.flags[rows] |= np.where(rng.random(n) < 0.1, np.uint32(mark), np.uint32(0))
        engine.dispatcher.send(engine.graph[batch.node], Frame(rows, n))

    def _behind_ethernet(self, rows: np.ndarray, rng: np.random.Generator) -> None:
        """Let packets begin where Ethernet headers, with tags or not, would have ended."""
        buffers = self.engine.buffers
        for row, by in zip(rows.tolist(), rng.choice([0, 14, 14, 18, 22], len(rows)).tolist()):
            buffers.data[row, HEADROOM + by :] = buffers.data[row, HEADROOM : buffers.data.shape[1] - by].copy()
            buffers.current_data[row] = buffers.l3_hdr_offset[row] = by
            buffers.current_length[row] = min(int(buffers.current_length[row]), DATA_SIZE - by)
        buffers.flags[rows] |= np.uint32(BufferFlag.L2_HDR_OFFSET_VALID | BufferFlag.L3_HDR_OFFSET_VALID)

    def settle(self) -> None:
        """Let all that waits run out, then look whether anything is missing."""
        self.engine.run_for(SETTLING)
        self.books.check_pool(settled=True)


def kind_of(node: str) -> str:
    """What packets begin with at a node."""
    return next((STARTS[start] for start in sorted(STARTS, key=len, reverse=True) if node.startswith(start)), "ethernet")


class Fuzzer:
    """Makes batches for routers and throws them, as many as wanted.

    thrown  packets so far
    lines   that were typed into this router, after its own
    last    the batch that was thrown last
    """

    def __init__(self, seed: int, nodes: Sequence[str] = (), *, changes: bool = True) -> None:
        self.seed = seed
        self.thrown = 0
        self.books: list[Books] = []
        self._rng = random.Random(seed)
        self._maker = Maker(self._rng)
        self._streams: dict[str, Iterator[bytes]] = {}
        self._changes = [*lines_of("fuzz-changes.vpp")] if changes else []
        self._others = corpus() if changes else []
        self._only = tuple(nodes)
        self.renew()

    def renew(self) -> None:
        """Go on with a new router."""
        self.router = Router(self.seed)
        self.books.append(self.router.books)
        self.lines: list[str] = []
        self.last = Batch("", ())
        self._interfaces = [interface.name for interface in self.router.engine.interfaces]

    @property
    def nodes(self) -> tuple[str, ...]:
        """The nodes that packets may enter at."""
        return self._only or tuple(node.name for node in self.router.engine.graph if node.kind is NodeKind.INTERNAL)

    def batch(self, node: str | None = None, size: int = BATCH) -> Batch:
        """The next batch: half of all packets enter as a device's do, the others at any node."""
        rng = self._rng
        if node is None:
            node = rng.choice(("ethernet-input", "ethernet-input", "ethernet-input", "ip4-input", "ip6-input"))
            node = node if rng.random() < 0.5 and (not self._only or node in self._only) else rng.choice(self.nodes)
        kind = kind_of(node) if rng.random() < 0.9 else "any"
        packets = tuple(islice(self._streams.setdefault(kind, self._maker.stream(kind)), size))
        direct = rng.random() < 0.4
        rx, tx = rng.choice(("pg0", "pg0", "pg0", *self._interfaces)), rng.choice(("", "", "", "", *self._interfaces))
        return Batch(node, packets, direct, rx, tx, 0 if direct or rng.random() < 0.9 else 20, rng.getrandbits(32))

    def change(self) -> str:
        """A line that changes the configuration: one that is known to, any line with edits, or any feature on any interface."""
        rng = self._rng
        chance = rng.random()
        if chance < 0.4:
            return rng.choice(self._changes)
        if chance < 0.8:
            return edited(rng.choice(self._others), random_edits(rng, self._others))
        feature = rng.choice(CATALOG.features)
        line = f"set interface feature {rng.choice(self._interfaces)} {feature.node} arc {feature.arc}"
        return line if rng.random() < 0.5 else f"{line} disable"

    def run(self, packets: int) -> None:
        """Throw so many packets; raises what goes wrong, with `last` and behind `lines`."""
        rounds = 0
        while self.thrown < packets:
            self.last = self.batch()
            self.router.throw(self.last)
            self.thrown += len(self.last.packets)
            rounds += 1
            if rounds % ROUND:
                continue
            for _ in range(self._rng.choice((1, 1, 2, 5)) if self._changes else 0):
                self.lines.append(self.change())
                self.router.type(self.lines[-1])
            self.router.settle()
            if rounds % LIFETIME == 0:
                self.renew()
        self.router.settle()


def failure(lines: Sequence[str], batch: Batch, seed: int) -> Exception | None:
    """What goes wrong when lines are typed into a fresh router, and then it gets a batch."""
    router = Router(seed)
    try:
        for line in lines:
            router.type(line)
        router.throw(batch)
        router.settle()
    except Exception as error:  # noqa: BLE001  # whatever it is, it is what is looked for
        return error
    return None


def fewest(things: tuple[T, ...], still: Callable[[tuple[T, ...]], bool]) -> tuple[T, ...]:
    """As few of some things as it still is so with: parts are left out, large ones first."""
    size = len(things)
    while size:
        parts = (things[:start] + things[start + size :] for start in range(0, len(things), size))
        smaller = next((part for part in parts if still(part)), None)
        things, size = (things, size // 2) if smaller is None else (smaller, min(size, len(smaller)))
    return things


def reduced(lines: Sequence[str], batch: Batch, seed: int, error: Exception, tries: int = 120) -> tuple[Sequence[str], Batch]:
    """As few lines and as few and short packets as still fail in the same way, as far as some tries go."""

    def same(lines: Sequence[str], batch: Batch) -> bool:
        nonlocal tries
        tries -= 1
        found = failure(lines, batch, seed) if tries >= 0 else None
        return type(found) is type(error) and place_of(found) == place_of(error)

    kept = fewest(batch.packets, lambda packets: same(lines, replace(batch, packets=packets)))
    batch = replace(batch, packets=kept)
    lines = fewest(tuple(lines), lambda few: same(few, batch))
    while any(batch.packets) and len(batch.packets) <= 4:
        shorter = replace(batch, packets=tuple(packet[: len(packet) // 2] for packet in batch.packets))
        if not same(lines, shorter):
            break
        batch = shorter
    return lines, batch


def place_of(error: BaseException | None) -> tuple[str, int] | None:
    """Where an exception was raised."""
    frames = traceback.extract_tb(error.__traceback__) if error is not None else []
    return (frames[-1].filename, frames[-1].lineno or 0) if frames else None


def write_case(fuzzer: Fuzzer, error: Exception, folder: Path) -> Path:
    """Cut what failed down, and write it to a file."""
    lines, batch = fuzzer.lines, fuzzer.last
    found = failure(lines, batch, fuzzer.seed)
    if found is None:
        note = "# This alone does not fail: it takes the packets before it, too (same seed).\n"
    else:
        note = ""
        lines, batch = reduced(lines, batch, fuzzer.seed, found)
    path = folder / f"fuzz-{fuzzer.seed}.case"
    said = "".join(f"line {line}\n" for line in lines).encode(errors="surrogateescape")
    head = f"# {type(error).__name__}: {error}\n{note}router {fuzzer.seed}\n".encode(errors="surrogateescape")
    path.write_bytes(head + said + batch.text().encode())
    return path


def run_case(path: Path) -> None:
    """Do what a file says; raises what goes wrong."""
    text = path.read_bytes().decode(errors="surrogateescape")
    fields = [line.partition(" ") for line in text.split("\n") if line and not line.startswith("#")]
    router = Router(next(int(value) for name, _, value in fields if name == "router"))
    for _, _, line in (field for field in fields if field[0] == "line"):
        router.type(line)
    router.throw(Batch.of_fields(fields))
    router.settle()


def report(all_books: Sequence[Books], thrown: int, seconds: float) -> str:
    """What became of the packets."""
    visited, sent, ended = (sum((getattr(books, name) for books in all_books), Counter()) for name in ("visited", "sent", "ended"))
    lines = [f"{thrown} packets in {seconds:.1f} s, {len(visited)} nodes visited; every buffer is back", "", "sent"]
    lines += [f"{n:>10}  {name}" for name, n in sent.most_common()]
    lines += ["", "ended inside"]
    lines += [f"{n:>10}  {end:<10}{owner}: {text}" for (end, owner, text), n in ended.most_common()]
    return "\n".join(lines)


def main() -> int:
    """The command line; exit status 1 when something was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--packets", type=int, default=100_000, metavar="N")
    parser.add_argument("--seed", type=int, default=None, metavar="N", help="default: another one each time; it is printed")
    parser.add_argument("--node", action="append", default=[], metavar="NAME", help="let packets enter here only; may be repeated")
    parser.add_argument("--out", type=Path, default=Path(), metavar="FOLDER", help="where a case that fails is written")
    parser.add_argument("--case", type=Path, metavar="FILE", help="run a case that was written")
    options = parser.parse_args()
    if options.case is not None:
        run_case(options.case)
        return 0
    seed = random.SystemRandom().getrandbits(32) if options.seed is None else options.seed
    print(f"seed {seed}", flush=True)
    fuzzer, start = Fuzzer(seed, options.node), time.perf_counter()
    try:
        fuzzer.run(options.packets)
    except Exception as error:  # noqa: BLE001  # the same
        traceback.print_exc()
        print(f"after {fuzzer.thrown} packets, with {len(fuzzer.last.packets)} into {fuzzer.last.node}", flush=True)
        print(f"written to {write_case(fuzzer, error, options.out)}")
        return 1
    print(report(fuzzer.books, fuzzer.thrown, time.perf_counter() - start))
    return 0


if __name__ == "__main__":
    sys.exit(main())
