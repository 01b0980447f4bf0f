"""Captures as traces: each packet a trace of one step, with its headers as VPP prints them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

from vppsh.traces.captures import Record
from vppsh.traces.model import Packet, Step

LINK_ETHERNET = 1
LINKS_OF_IP = (12, 101, 228, 229)
# What VPP writes behind a packet that it dropped, where the buffer has room (pcap trace drop): node and error counter.
REASON = re.compile(rb"([A-Za-z][\w./-]*: [ -~]{2,128})\Z")
SHOWN = 96


def read_packets(records: Iterable[Record], source: str = "") -> Iterator[Packet]:
    """The packets of a capture. A reason behind a dropped packet becomes a step of the node drop."""
    for number, record in enumerate(records, 1):
        data, reason = _without_reason(record)
        stamp = f"{record.time // 1_000_000_000}.{record.time // 1000 % 1_000_000:06}"
        steps = [Step(stamp, record.interface or "wire", header_text(record.link_type, data[:SHOWN]), data)]
        if reason:
            steps.append(Step(stamp, "drop", f"  {reason}"))
        yield Packet(
            steps,
            number,
            head=f"Packet {number}\n",
            tail="\n\n",
            source=source,
            origin="capture",
            length=record.length - len(record.data) + len(data),
        )


@lru_cache(maxsize=4096)
def header_text(link_type: int, data: bytes) -> str:
    """The headers at the begin of some bytes as VPP prints them, from column 2 on."""
    # The formatters come with numpy, which reading a text does not need.
    from vppsh.engine.wire.ethernet import format_ethernet_header_with_length
    from vppsh.engine.wire.ip4 import format_ip4_header
    from vppsh.engine.wire.ip6 import format_ip6_header

    if link_type == LINK_ETHERNET:
        return f"  {format_ethernet_header_with_length(data, 2)}"
    if link_type in LINKS_OF_IP and data:
        return f"  {format_ip4_header(data, 2) if data[0] >> 4 == 4 else format_ip6_header(data, 2)}"
    return f"  link type {link_type}"


def _without_reason(record: Record) -> tuple[bytes, str]:
    """A packet's bytes, and the reason that VPP wrote behind them; the IP header's length says where the packet ends."""
    data = record.data
    if record.link_type != LINK_ETHERNET or len(data) < 34 or not data[-1:].isalnum():
        return data, ""
    end = _end_of_packet(data)
    match = REASON.search(data, max(len(data) - 192, min(end or 0, len(data))))
    if match is None:
        return data, ""
    return data[: match.start()], match[1].decode()


def _end_of_packet(data: bytes) -> int | None:
    """Where the IP packet in a frame ends; None when there is none."""
    at = 12
    kind = int.from_bytes(data[at : at + 2], "big")
    while kind in (0x8100, 0x88A8):
        at += 4
        kind = int.from_bytes(data[at : at + 2], "big")
    at += 2
    if kind == 0x0800 and len(data) >= at + 4:
        return at + int.from_bytes(data[at + 2 : at + 4], "big")
    if kind == 0x86DD and len(data) >= at + 6:
        return at + 40 + int.from_bytes(data[at + 4 : at + 6], "big")
    return at + 28 if kind == 0x0806 else None
