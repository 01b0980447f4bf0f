"""`vppsh replay` of a trace: its packets go through a dataplane once more, and the ways are compared step by step.

The dataplane is configured by the user; where it and the recorded VPP part is where the configuration, or the model, differs.
"""

from __future__ import annotations

import argparse
import pathlib
import sys
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from vppsh.engine.features.pg.interfaces import PgInterfaces
from vppsh.errors import CommandError, ExitStatus, UsageError
from vppsh.progress import Progress
from vppsh.rebuilt.configure import Configured, configure
from vppsh.startup import make_session
from vppsh.traces.dispatch import LINK_VPP
from vppsh.traces.groups import Path, plural
from vppsh.traces.model import Packet, Step
from vppsh.traces.rebuild import LONGEST, rebuild
from vppsh.traces.settle import settled
from vppsh.traces.source import TraceFile
from vppsh.traces.text import packets_of
from vppsh.traces.verdict import verdict

if TYPE_CHECKING:
    from vppsh.session import Session

# Nodes that bring packets in, and where those of devices go.
INPUTS = ("-input", "-rx")
FIRST_BEHIND = "ethernet-input"
# One node under two names: a device that has checked the checksum saves ip4-input the work.
SAME = {"ip4-input-no-checksum": "ip4-input"}
STREAM = "recheck"
BY_LINES = Configured()


def is_file(name: str) -> bool:
    """Whether it is a regular file: what comes out of a pipe can be read once only."""
    try:
        return pathlib.Path(name).is_file()
    except (OSError, ValueError):
        return False


def traced_packets(name: str) -> list[Packet]:
    """The packets of a trace or dispatch trace; none for a capture of packets, and for what holds no trace."""
    if not is_file(name):
        return []
    with TraceFile(name) as file:
        begin = file.begin
        if file.is_capture and LINK_VPP not in (int.from_bytes(begin[20:22], "little"), int.from_bytes(begin[22:24], "big")):
            return []
        return list(file.packets())


@dataclass(frozen=True, slots=True)
class Difference:
    """Where two ways part: behind which node, and what came next in the recorded one and here; empty where one has ended."""

    behind: str
    recorded: str
    here: str


@dataclass(slots=True)
class Report:
    """What became of a trace's packets in the dataplane."""

    packets: int = 0
    agree: int = 0
    differ: Counter[Difference] = field(default_factory=Counter)
    examples: dict[Difference, int | None] = field(default_factory=dict)
    left_out: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)

    @property
    def text(self) -> str:
        """The report."""
        lines = [f"{plural(self.packets, 'packet')} replayed", f"  {'agree':<9}{self.agree:>8}"]
        for each, count in self.differ.most_common():
            number = self.examples[each]
            example = f" (packet {number})" if number is not None else ""
            where = f"behind {each.behind}: recorded {each.recorded or '(end)'}, here {each.here or '(end)'}"
            lines.append(f"  {'differ':<9}{count:>8}  {where}{example}")
        lines += [f"  {'left out':<9}{count:>8}  {reason}" for reason, count in self.left_out.most_common()]
        lines += [f"  not modelled: {node}, met by {plural(count, 'packet')}" for node, count in self.unknown.most_common()]
        return "\n".join(lines) + "\n"


def main(options: argparse.Namespace, packets: list[Packet]) -> int:
    """Replay a trace; the exit status says whether all packets went the recorded way. Raises UsageError for options of captures."""
    for name, given in (("--trace", options.trace), ("--out", options.out)):
        if given:
            raise UsageError(f"{options.file} is a trace, whose ways are compared: {name} goes with a capture")
    session = make_session(options.vector_size)
    configured = configure(session, options.config, options.node)
    if configured.status is not ExitStatus.OK:
        return configured.status
    report = Report()
    with Progress(options.file, len(packets)) as progress:
        for done, packet in enumerate(packets, 1):
            recheck(session, packet, report, options.interface, configured)
            progress.update(done)
    sys.stdout.write(report.text + configured.text)
    return ExitStatus.OK if report.agree == report.packets and not report.left_out else ExitStatus.FAILED


def recheck(session: Session, packet: Packet, report: Report, interface: str | None = None, configured: Configured = BY_LINES) -> None:
    """Send one packet where it entered, and compare its ways; `configured` tells the interfaces of the node by their numbers."""
    graph = {node.name for node in session.engine.graph}
    own = {each.name for each in session.engine.interfaces}
    recorded = packet.path
    for node in dict.fromkeys(recorded):
        if _plain(node, own) not in graph and not node.endswith(("-output", "-tx", *INPUTS)):
            report.unknown[node] += 1
    entered = _entered(packet)
    if entered is None:
        report.left_out["the trace has no headers where the packet entered"] += 1
        return
    at, node, data = entered
    if node not in graph:
        report.left_out[f"it entered at {node}, which is not modelled"] += 1
        return
    report.packets += 1
    here = _send(session, node, data, interface or _received_by(session, packet, configured))
    difference = compare_paths([_plain(each, own) for each in recorded[at:]], [_plain(each, own) for each in here])
    if difference is None:
        report.agree += 1
    else:
        report.differ[difference] += 1
        report.examples.setdefault(difference, packet.number)


def compare_paths(recorded: list[str], here: list[str]) -> Difference | None:
    """Where two ways part first; None when they do not.

    The same nodes in another order are the same way: steps of copies and of ICMP errors come in between as vectors happen to be handled.
    """
    if Counter(recorded) == Counter(here):
        return None
    behind = "the start"
    for position in range(max(len(recorded), len(here))):
        one = recorded[position] if position < len(recorded) else ""
        other = here[position] if position < len(here) else ""
        if one != other:
            return Difference(behind, one, other)
        behind = one
    return None


def _plain(node: str, own: set[str]) -> str:
    """A node's name without what differs between two machines: the names of interfaces that are not here, checked checksums."""
    for suffix in ("-output", "-tx"):
        if node.endswith(suffix) and "-" not in node.removesuffix(suffix) and node.removesuffix(suffix) not in own:
            return f"INTERFACE{suffix}"
    return SAME.get(node, node)


def _entered(packet: Packet) -> tuple[int, str, bytes] | None:
    """Where in its way a packet entered the graph, at which node, and its bytes there."""
    path = packet.path
    at = 1 if len(path) > 1 and path[0].endswith(INPUTS) and path[0] not in ("ethernet-input", "ip4-input", "ip6-input") else 0
    if at < len(path) and packet.steps[at].data:
        return at, path[at], packet.steps[at].data
    for step in packet.steps[: at + 1]:
        headers = step.fields.headers
        if headers:
            try:
                data = rebuild(headers)
            except (ValueError, OverflowError):
                return None
            node = path[at] if at < len(path) else FIRST_BEHIND
            return (at, SAME.get(node, node), _completed(packet, step, data)) if data else None
    return None


def _completed(packet: Packet, step: Step, data: bytes) -> bytes:
    """Rebuilt headers with a payload: as long as the packet was, with the checksum that it had, unless that was found wrong."""
    if "checksum" not in verdict(packet).ending.reason:
        data = settled(data, _ip_offset(step.fields.headers[0].name, data))
    length = step.fields.values.get("bytes")
    return data[:length].ljust(length, b"\0") if isinstance(length, int) and 0 < length < LONGEST else data


def _ip_offset(first: str, data: bytes) -> int:
    """Where the IP header begins: behind an Ethernet header and its tags, or at once."""
    at = 0
    if first == "ethernet":
        at = 14
        while data[at - 2 : at] in (b"\x81\x00", b"\x88\xa8"):
            at += 4
    return at


def _received_by(session: Session, packet: Packet, configured: Configured) -> str:
    """The interface that a packet came by, as far as the first steps tell; else the first generator's. Raises CommandError for none."""
    engine = session.engine
    for step in packet.steps[:2]:
        values = step.fields.values
        index, device = values.get("sw_if_index"), values.get("hw_if_index")
        told = [values.get("interface")]
        if configured.node is None:
            told += [each.name for each in engine.interfaces if each.sw_if_index == index]
        else:
            told += [configured.by_index.get(index) if isinstance(index, int) else None]
            told += [configured.by_device.get(device) if isinstance(device, int) else None]
        for name in told:
            if isinstance(name, str) and engine.interfaces.find(name) is not None:
                return name
    generators = engine.get(PgInterfaces)
    known = [each.name for each in engine.interfaces if generators.of(each) is not None]
    if not known:
        raise CommandError("the dataplane has no packet-generator interface: create one in the file given with --config")
    return known[0]


def _send(session: Session, node: str, data: bytes, interface: str) -> Path:
    """Send a packet, and the way that it took behind pg-input."""
    stream = f"name {STREAM} limit 1 size {len(data)}-{len(data)} interface {interface} node {node} data {{ hex 0x{data.hex()} }}"
    for line in ("clear trace", "trace add pg-input 1", f"packet-generator new {{ {stream} }}", f"packet-generator enable-stream {STREAM}"):
        answer = session.execute(line)
        if answer.failed:
            raise CommandError(f"{line[:60]}: {answer.text.rstrip()}")
        session.engine.run_until_idle()
    shown = packets_of(session.execute("show trace max 1").text)
    session.execute(f"packet-generator delete {STREAM}")
    return shown[0].path[1:] if shown else ()
