"""lacp-input, which takes what the other end says (VPP's plugins/lacp/input.c)."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from vppsh.engine.context import Context, Nexts
from vppsh.engine.features.lacp.machines import Verdict
from vppsh.engine.features.lacp.ports import LacpPorts, Port
from vppsh.engine.frame import Frame
from vppsh.engine.interfaces import Interfaces
from vppsh.engine.wire import lacp
from vppsh.engine.wire.lacp import PortInfo
from vppsh.engine.wire.text import format_ethernet_address
from vppsh.registry import error, node, table

DROP = 0
ERRORS = (
    error("none", "good lacp packets -- consumed"),
    error("cache_hit", "good lacp packets -- cache hit"),
    error("unsupported", "unsupported slow protocol packets"),
    error("too_small", "bad lacp packets -- packet too small"),
    error("bad_tlv", "bad lacp packets -- bad TLV length"),
    error("bad_key", "Bad key"),
    error("loopback_port", "loopback port"),
    error("disabled", "lacp packets received on disabled interfaces"),
)
PORTS = table(LacpPorts)


class InputTrace(Struct, frozen=True):
    """The interface that a PDU came in by, and its bytes."""

    interfaces: Interfaces
    sw_if_index: int
    data: bytes


def format_input_trace(view: Any, record: InputTrace) -> str:
    """VPP's lines; those behind the first are not indented."""
    known, index, data = record.interfaces, record.sw_if_index, record.data
    lines = [f"{known[index].name if index in known else f'DELETED ({index})'}:", f"Length: {len(data)}"]
    if len(data) >= lacp.PDU_BYTES and data[0] == lacp.LACP:
        lines.append("  LACPv1" if data[1] == lacp.VERSION else f"  Subtype {data[0]}, Version {data[1]}")
        for name, at in (("Actor", 2), ("Partner", 2 + lacp.INFORMATION_BYTES)):
            lines += [f"  {name} Information TLV: length {data[at + 1]}", *_describe(lacp.read_info(data, at))]
    elif len(data) >= lacp.PDU_BYTES and data[0] == lacp.MARKER:
        lines.append("  Markerv1" if data[1] == lacp.VERSION else f"  Subtype {data[0]}, Version {data[1]}")
        lines += [
            f"  Marker Information TLV: type {data[2]}", f"  Marker Information TLV: length {data[3]}",
            f"  Requester port: {int.from_bytes(data[4:6], 'big')}", f"  Requester system: {format_ethernet_address(data[6:12])}",
            f"  Requester transaction ID: {int.from_bytes(data[12:16], 'big')}",
        ]  # fmt: skip
    for at in range(0, len(data), 16):
        row = data[at : at + 16]
        lines.append(f"  0x{at:04x}: " + "".join(f" {row[pair : pair + 2].hex()}" for pair in range(0, len(row), 2)))
    return "\n".join(lines)


def _describe(info: PortInfo) -> list[str]:
    lines = [
        f"    System {format_ethernet_address(info.system)}", f"    System priority {info.system_priority}", f"    Key {info.key}",
        f"    Port priority {info.port_priority}", f"    Port number {info.port_number}", f"    State 0x{info.state:x}",
    ]  # fmt: skip
    return lines + [f"      {name} ({bit})" for bit, name in enumerate(lacp.STATE_NAMES) if info.state >> bit & 1]


@node("lacp-input", nexts=("error-drop",), errors=ERRORS, trace=format_input_trace)
def lacp_input(ctx: Context, frame: Frame) -> Nexts:
    """Let each port hear what came for it; seldom more than one in a frame."""
    buffers = ctx.buffers
    for index in frame.indices(buffers).tolist():
        came_in_by = int(buffers.rx_sw_if_index[index])
        port = ctx.get(LacpPorts).find(came_in_by)
        data = buffers.packet(index)
        verdict = Verdict.DISABLED if port is None else _hear(port, data)
        buffers.error[index] = ctx.error_base + verdict
    for _, index in ctx.traced(frame):
        data = buffers.packet(index, lacp.PDU_BYTES)
        ctx.trace(index, InputTrace(ctx.engine.interfaces, int(buffers.rx_sw_if_index[index]), data))
    return DROP


def _hear(port: Port, data: bytes) -> Verdict:
    """One PDU of a port."""
    if data[:1] == bytes((lacp.MARKER,)):
        port.last_marker_received = port.now
        if len(data) < lacp.PDU_BYTES:
            port.bad_markers += 1
            return Verdict.TOO_SMALL
        port.markers += 1
        response = lacp.marker_response(data)
        if response is None:
            return Verdict.BAD_TLV
        if port.transmit(response):
            port.last_marker_sent = port.now
        return Verdict.NONE
    port.last_received = port.now
    if len(data) < lacp.PDU_BYTES:
        port.bad += 1
        return Verdict.TOO_SMALL
    if data[0] != lacp.LACP:
        port.received += 1
        return Verdict.UNSUPPORTED
    return port.take(lacp.read_pdu(data), data)
