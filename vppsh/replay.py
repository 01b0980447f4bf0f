"""`vppsh replay`: the packets of a capture file go through a dataplane, and a summary says what became of them.

Traces are replayed too, and compared (recheck.py).
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from vppsh import recheck
from vppsh.engine.buffers import HEADROOM, STRIDE
from vppsh.engine.features.pg.interfaces import Mode, PgInterface, PgInterfaces
from vppsh.engine.features.pg.streams import Streams
from vppsh.engine.interfaces import UP, Interface
from vppsh.engine.pg.replay import recording
from vppsh.engine.pg.stream import StreamSpec
from vppsh.engine.tally import Reason, Result, Sink, Tally
from vppsh.engine.wire.pcapfile import PcapFile
from vppsh.engine.wire.pcaprecords import Packets
from vppsh.engine.wire.pcapwriter import PcapWriter
from vppsh.errors import CommandError, ExitStatus, InputFileError, UsageError
from vppsh.progress import Progress
from vppsh.rebuilt.configure import configure
from vppsh.startup import make_session

if TYPE_CHECKING:
    from vppsh.engine.engine import Engine
    from vppsh.engine.frame import Frame
    from vppsh.engine.graph import Node
    from vppsh.session import Session

ETHERNET, RAW_LINUX, RAW, IP4, IP6 = 1, 12, 101, 228, 229
LINK_TYPES = (ETHERNET, RAW, RAW_LINUX, IP4, IP6)
STREAM = "replay"
INPUT = "pg-input"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `vppsh replay`."""
    parser.description = (
        "Run the packets of a capture through a fresh dataplane, as fast as it takes them, and say what became of them. "
        "Packets are Ethernet frames or bare IP packets. A packet trace is replayed too (see docs/trace.md): its packets enter where they "
        "did, and their ways are compared with the recorded ones. The dataplane is configured by lines, or by what the node answered to "
        "show commands: files with its answers, or an archive of `vppsh kube export`."
    )
    parser.add_argument("file", metavar="FILE", nargs="?", help="a pcap or pcapng file, or a packet trace")
    parser.add_argument(
        "--config", metavar="CONFIG", nargs="+", action="extend", default=[],
        help="files with lines (interfaces, routes ...), or files, folders or archives with answers to show commands",
    )  # fmt: skip
    parser.add_argument("--node", metavar="NODE", help="which node of an archive")
    parser.add_argument("--print-config", action="store_true", help="print the lines that answers were made into, and replay nothing")
    parser.add_argument("--interface", metavar="IF", help="where the packets come in (default: the first packet-generator interface)")
    parser.add_argument("--trace", metavar="N", type=int, default=0, help="trace the first N packets and print what they met")
    parser.add_argument("--out", metavar="OUT.pcap", help="write the packets that leave to this file")
    parser.add_argument("--vector-size", type=int, metavar="N", default=4096, help="how many packets a vector may grow to (default 4096)")


def main(options: argparse.Namespace) -> int:
    """Replay a file; the exit status."""
    if options.trace < 0:
        raise UsageError(f"--trace {options.trace}: must not be negative")
    if options.print_config:
        return _print_config(options)
    if options.file is None and len(options.config) > 1:
        # `--config CONFIG FILE`: an option that takes several words takes the last one too.
        options.file = options.config.pop()
    if options.file is None:
        raise UsageError("which FILE?")
    packets = recheck.traced_packets(options.file)
    if packets:
        return recheck.main(options, packets)
    source = PcapFile(options.file)
    session = make_session(options.vector_size)
    configured = configure(session, options.config, options.node)
    if configured.status is not ExitStatus.OK:
        return configured.status
    status = _replay(session, source, options)
    sys.stdout.write(configured.text)
    return status


def _print_config(options: argparse.Namespace) -> int:
    """Print what answers are made into: those of the file, where it is all that is given."""
    if not options.config and options.file is None:
        raise UsageError("--print-config: which answers? Give them with --config")
    session = make_session(options.vector_size)
    configured = configure(session, options.config or [options.file], options.node)
    if configured.recipe is None:
        raise UsageError("--print-config: no file given with --config has answers to show commands")
    sys.stdout.write(configured.recipe.text)
    return configured.status


def _replay(session: Session, source: PcapFile, options: argparse.Namespace) -> int:
    engine = session.engine
    packets = source.packets(LINK_TYPES)
    if not len(packets):
        raise InputFileError(f"{source.path}: there are no packets in it")
    interface = _interface(engine, options.interface)
    spec = _stream(engine, source, packets, interface)
    stream = engine.get(Streams).add(spec)
    out = PcapWriter(options.out) if options.out else None
    tally = Tally(engine, None if out is None else _writer(engine, out))
    if options.trace:
        engine.tracer.limit(engine.graph[INPUT], options.trace)
    held = engine.buffers.free
    start = time.perf_counter()
    engine.get(Streams).enable(stream, True)
    try:
        _run(engine, lambda: stream.sent, len(packets), source.path.name)
    finally:
        engine.get(Streams).enable(stream, False)
        result = tally.close()
        if out is not None:
            out.close()
    seconds = time.perf_counter() - start
    if options.trace:
        sys.stdout.write(session.execute(f"show trace max {options.trace}").text + "\n")
    report = _summary(f"{source.path} into {interface.name}", stream.sent, result, held - engine.buffers.free, seconds)
    sys.stdout.write(report)
    if out is not None:
        sys.stdout.write(f"{out.packets} packets written to {out.path}\n")
    if source.cut_off:
        sys.stderr.write(f"vppsh: {source.cut_off}\n")
    if stream.sent < len(packets):
        sys.stderr.write(f"vppsh: stopped after {stream.sent} of {len(packets)} packets\n")
        return ExitStatus.FAILED
    return ExitStatus.OK


def _interface(engine: Engine, name: str | None) -> Interface:
    """Where packets come in: as told, else the first generator interface, else one made for it."""
    if name is not None:
        found = engine.interfaces.find(name)
        if found is None:
            raise CommandError(f"--interface: unknown interface `{name}'")
        return found
    generators = engine.get(PgInterfaces)
    for interface in engine.interfaces:
        if interface.is_hardware and generators.of(interface) is not None:
            return interface
    interface = generators.get_or_create(PgInterface(0, Mode.ETHERNET)).interface
    engine.interfaces.set_state(interface, UP)
    return interface


def _stream(engine: Engine, source: PcapFile, packets: Packets, interface: Interface) -> StreamSpec:
    """The capture as a stream that ends with its last packet."""
    raw = recording(
        source.data, packets.offset, packets.length.astype(np.int64), packets.original.astype(np.int64), str(source.path)
    )  # fmt: skip
    pg = engine.get(PgInterfaces).of(interface)
    node = _node(source, packets)
    return StreamSpec(
        raw, node, STREAM, limit=len(raw), source=-1 if pg is None else pg.number, rx=interface.sw_if_index,
    )  # fmt: skip


def _node(source: PcapFile, packets: Packets) -> str:
    """The node that packets of the file's link types begin at."""
    kinds = {interface.link_type for interface in source.interfaces}
    if kinds == {ETHERNET}:
        return "ethernet-input"
    if ETHERNET in kinds:
        raise InputFileError(f"{source.path}: has both Ethernet frames and bare IP packets")
    versions = set((source.data[packets.offset[packets.length > 0]] >> 4).tolist())
    if versions == {4}:
        return "ip4-input"
    if versions == {6}:
        return "ip6-input"
    raise InputFileError(f"{source.path}: bare IP packets must be all of version 4 or all of version 6")


def _writer(engine: Engine, out: PcapWriter) -> Sink:
    """What a tally calls with the packets that leave."""
    buffers = engine.buffers
    flat = buffers.data.reshape(-1)

    def write(node: Node, frame: Frame) -> None:
        now = np.int64((engine.clock.epoch + engine.clock.now()) * 1e9)
        rows = frame.indices(buffers)
        lengths = buffers.packet_length(rows)
        if (lengths == buffers.current_length[rows]).all():
            offsets = rows.astype(np.int64) * STRIDE + HEADROOM + buffers.current_data[rows]
            out.write(flat, offsets, np.maximum(lengths, 0), np.full(len(rows), now))
        else:
            for index in rows.tolist():
                out.add(buffers.packet(index), int(now))

    return write


def _run(engine: Engine, sent: Callable[[], int], total: int, name: str) -> None:
    """Let the dataplane run until it is idle, with a progress bar on a terminal; Ctrl-C stops it."""
    with Progress(name, total) as progress:
        try:
            while engine.dispatcher.busy:
                engine.step()
                progress.update(sent())
        except KeyboardInterrupt:
            engine.interrupt()


def _summary(what: str, n: int, result: Result, held: int, seconds: float) -> str:
    """The report: what came in, what left, what ended inside and why; both sides of the sum."""
    lines = [f"{n} packets from {what} in {seconds:.3f} s: {n / seconds / 1e3:.0f} kpps", ""]
    lines += [f"  {'in':<9}{n:>10}"]
    ended = result.packets_out + result.packets_dropped + result.packets_punted + held
    if ended > n:
        lines.append(f"  {'made here':<9}{ended - n:>10}  ARP, neighbour discovery, ICMP and copies")
    lines += [f"  {'out':<9}{sent.packets:>10}  {sent.interface}, {sent.bytes} bytes" for sent in result.sent]
    lines += _reasons("dropped", result.dropped) + _reasons("punted", result.punted)
    if held:
        lines.append(f"  {'held':<9}{held:>10}  waiting in the dataplane (fragments, for instance)")
    if ended < n:
        lines.append(f"  {'merged':<9}{n - ended:>10}  into other packets")
    return "\n".join(lines) + "\n"


def _reasons(verb: str, reasons: list[Reason]) -> list[str]:
    return [f"  {verb:<9}{reason.packets:>10}  {reason.node}: {reason.text}" for reason in reasons]
