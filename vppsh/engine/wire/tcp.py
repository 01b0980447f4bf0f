"""Transmission control protocol (RFC 9293; options RFC 7323, 2018). VPP: vnet/tcp/tcp_packet.h, tcp_format.c.

VPP's text reads mss, window scale and sack-permitted of segments with SYN only, and so never shows SACK blocks.
Differs from VPP: window scale and timestamp values are shown, where VPP prints the low half of a pointer
(wrong arguments in its format). The echoed timestamp is left out by both.
"""

from __future__ import annotations

import numpy as np
from msgspec import Struct

from vppsh.engine.wire import ip_protocol
from vppsh.engine.wire.layers import Carrier, Layer
from vppsh.engine.wire.text import new_line

HEADER = np.dtype(
    [
        ("src_port", ">u2"),
        ("dst_port", ">u2"),
        ("seq", ">u4"),
        ("ack", ">u4"),
        ("data_offset", "u1"),
        ("flags", "u1"),
        ("window", ">u2"),
        ("checksum", ">u2"),
        ("urgent", ">u2"),
    ]
)

FLAG_NAMES = ("FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR")
FIN, SYN, RST, PSH, ACK, URG, ECE, CWR = (1 << bit for bit in range(len(FLAG_NAMES)))

OPTION_END = 0
OPTION_NOOP = 1
OPTION_MSS = 2
OPTION_WINDOW_SCALE = 3
OPTION_SACK_PERMITTED = 4
OPTION_TIMESTAMP = 8
MAX_WINDOW_SCALE = 14


class SynOptions(Struct, frozen=True):
    """The options of a segment with SYN that VPP shows; None when absent."""

    mss: int | None = None
    window_scale: int | None = None
    timestamp: int | None = None
    sack_permitted: bool = False


class BrokenOptionsError(ValueError):
    """The option list does not add up: a length below two or past the end."""


def parse_options(options: bytes, *, syn: bool) -> SynOptions:
    """Read an option list as VPP does: all of it is walked, only a SYN's options are kept."""
    kept: dict[str, int | bool] = {}
    at = 0
    while at < len(options) and options[at] != OPTION_END:
        kind = options[at]
        if kind == OPTION_NOOP:
            at += 1
            continue
        length = options[at + 1] if at + 1 < len(options) else 0
        if not 2 <= length <= len(options) - at:
            raise BrokenOptionsError
        value = int.from_bytes(options[at + 2 : at + min(length, 6)], "big")
        if kind == OPTION_MSS and length == 4:
            kept["mss"] = value
        elif kind == OPTION_WINDOW_SCALE and length == 3:
            kept["window_scale"] = min(value, MAX_WINDOW_SCALE)
        elif kind == OPTION_TIMESTAMP:
            # Even of a wrong length it counts as present.
            kept["timestamp"] = value if length == 10 else kept.get("timestamp", 0)
        elif kind == OPTION_SACK_PERMITTED and length == 2:
            kept["sack_permitted"] = True
        at += length
    return SynOptions(**kept) if syn else SynOptions()  # type: ignore[arg-type]  # the keys are the fields


def format_tcp_flags(flags: int) -> str:
    """The flags in hex and by name, lowest bit first."""
    return f"0x{flags:02x}" + "".join(f" {name}" for bit, name in enumerate(FLAG_NAMES) if flags >> bit & 1)


def format_tcp_options(options: SynOptions, indent: int) -> str:
    """`options:` and a line with them, or nothing when there are none."""
    shown = []
    if options.mss is not None:
        shown.append(f"mss {options.mss}")
    if options.window_scale is not None:
        shown.append(f"window scale {options.window_scale}")
    if options.timestamp is not None:
        shown.append(f"timestamp {options.timestamp}, echo/reflected timestamp")
    if options.sack_permitted:
        shown.append("sack permitted")
    return f"options:{new_line(indent + 2)}{', '.join(shown)}" if shown else ""


def format_tcp_header(data: bytes, indent: int = 0) -> str:
    """Ports, sequence numbers, flags, window and options, a line each; the last line is empty without options."""
    if len(data) < HEADER.itemsize:
        return "TCP header truncated"
    length, line = (data[12] >> 4) * 4, new_line(indent + 2)
    text = f"TCP: {int.from_bytes(data[0:2], 'big')} -> {int.from_bytes(data[2:4], 'big')}"
    text += f"{line}seq. 0x{int.from_bytes(data[4:8], 'big'):08x} ack 0x{int.from_bytes(data[8:12], 'big'):08x}"
    text += f"{line}flags {format_tcp_flags(data[13])}, tcp header: {length} bytes"
    text += f"{line}window {int.from_bytes(data[14:16], 'big')}, checksum 0x{int.from_bytes(data[16:18], 'big'):04x}{line}"
    if length > len(data):
        return text + "options: truncated"
    try:
        options = parse_options(data[HEADER.itemsize : length], syn=bool(data[13] & SYN))
    except BrokenOptionsError:
        return text + "options: parsing failed"
    return text + format_tcp_options(options, indent + 2)


LAYERS = (Layer(Carrier.IP_PROTOCOL, ip_protocol.TCP, format_tcp_header),)
