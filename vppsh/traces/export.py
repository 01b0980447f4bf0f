"""Traces to pcapng: the bytes that there are, the way and the verdict as comments, the interfaces by their names."""

from __future__ import annotations

from collections.abc import Iterable
from typing import BinaryIO

from vppsh.traces.model import Packet
from vppsh.traces.pcapng import PcapngWriter
from vppsh.traces.rebuild import Bytes, packet_bytes
from vppsh.traces.verdict import verdict

REBUILT = "headers rebuilt from the trace's text, payload is zeros"


def write_pcapng(packets: Iterable[Packet], stream: BinaryIO) -> tuple[int, int]:
    """Write packets to a stream; how many were written, and how many had nothing to write."""
    writer = PcapngWriter(stream)
    left_out = 0
    for packet in packets:
        found = packet_bytes(packet)
        if found is None:
            left_out += 1
            continue
        time = round((packet.start or 0.0) * 1e6) * 1000
        writer.add(
            found.data,
            time,
            link_type=found.link_type,
            interface=interface_of(packet),
            length=found.length,
            comment=_comment(packet, found),
        )
    return writer.packets, left_out


def _comment(packet: Packet, found: Bytes) -> str:
    path = " -> ".join(packet.path)
    how = REBUILT if found.rebuilt else f"bytes as at {found.node}"
    name = f"packet {packet.number}" if packet.number is not None else "packet"
    return f"{name} of {packet.source or 'a trace'}: {verdict(packet)}\n{path}\n{how}"


def interface_of(packet: Packet) -> str:
    """Where a packet came in, as far as its trace names it; else the node that brought it in."""
    for step in packet.steps:
        values = step.fields.values
        if "rx_interface" in values:
            return str(values["rx_interface"])
        if "interface" in values and not step.node.endswith(("-output", "-tx")):
            return str(values["interface"])
    return packet.steps[0].node if packet.steps else ""
