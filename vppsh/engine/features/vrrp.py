"""vrrp4-input and vrrp6-input: advertisements of virtual routers (RFC 5798, 7.1; VPP's plugins/vrrp/node.c).

An advertisement that is sound is one for a virtual router which this engine does not know: none can be configured.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from msgspec import Struct

from vppsh.engine.context import Context, Nexts
from vppsh.engine.frame import Frame
from vppsh.engine.wire import ip4, ip6, ip_protocol, vrrp
from vppsh.engine.wire.checksum import checksum
from vppsh.engine.wire.text import format_ip4_address, format_ip6_address
from vppsh.engine.wire.vrrp import format_vrrp_packet_hdr
from vppsh.registry import demux, error, info, node

DROP = 0
NEXTS = ("error-drop",)
ERRORS = (
    info("received", "VRRP packets processed"),
    error("bad_ttl", "VRRP advertisement TTL is not 255"),
    error("not_version_3", "VRRP version is not 3"),
    error("incomplete_pkt", "VRRP packet has wrong size"),
    error("bad_checksum", "VRRP checksum is invalid"),
    error("unknown_vr", "VRRP message does not match known VRs"),
    error("addr_mismatch", "VR addrs do not match configuration"),
)
BAD_TTL, NOT_VERSION_3, INCOMPLETE_PKT, BAD_CHECKSUM, UNKNOWN_VR = range(1, 6)

VRRP_OVER_IP4 = demux("ip4-local", ip_protocol.VRRP, "vrrp4-input")
VRRP_OVER_IP6 = demux("ip6-local", ip_protocol.VRRP, "vrrp6-input")


class Family(Struct, frozen=True):
    """Where the fields of an IP header are.

    header_bytes    behind which VPP looks for the advertisement, whatever options there are
    hop_limit       place of that field
    payload_length  what the header says follows it
    shown           how many addresses a trace has at most
    """

    version: int
    header_bytes: int
    hop_limit: int
    address_bytes: int
    payload_length: Callable[[bytes], int]
    pseudo_header: Callable[[bytes, int, int], bytes]
    format_address: Callable[[bytes], str]

    @property
    def shown(self) -> int:
        return 256 // self.address_bytes


IP4 = Family(
    4, ip4.HEADER.itemsize, 8, 4, lambda header: int.from_bytes(header[2:4], "big") - ip4.HEADER.itemsize, ip4.pseudo_header,
    format_ip4_address,
)  # fmt: skip
IP6 = Family(6, ip6.HEADER.itemsize, 7, 16, lambda header: int.from_bytes(header[4:6], "big"), ip6.pseudo_header, format_ip6_address)


class InputTrace(Struct, frozen=True):
    """Where an advertisement came in, its header, and as many addresses as were there."""

    family: Family
    sw_if_index: int
    header: bytes
    addresses: bytes


def format_input_trace(view: Any, record: InputTrace) -> str:
    """Interface, header, addresses: each on its line."""
    family, size = record.family, record.family.address_bytes
    wanted = vrrp.n_addresses(record.header)
    known = (record.addresses[at : at + size].ljust(size, b"\0") for at in range(0, min(wanted, family.shown) * size, size))
    lines = (
        f"VRRP: sw_if_index {record.sw_if_index} IPv{family.version}",
        f"    {format_vrrp_packet_hdr(record.header)}",
        "    addresses: " + "".join(f"{family.format_address(address)} " for address in known),
    )
    return "\n".join(lines) + ("..." if wanted > family.shown else "")


def _fault(packet: bytes, family: Family) -> int:
    """What is wrong with a packet; none is for a router of ours."""
    whole = packet.ljust(family.header_bytes + vrrp.HEADER_BYTES, b"\0")
    ip, message = whole[: family.header_bytes], whole[family.header_bytes :]
    if ip[family.hop_limit] != vrrp.HOP_LIMIT:
        return BAD_TTL
    if vrrp.version(message) != vrrp.VERSION:
        return NOT_VERSION_3
    if len(packet) < family.header_bytes + vrrp.HEADER_BYTES + vrrp.n_addresses(message) * family.address_bytes:
        return INCOMPLETE_PKT
    length = family.payload_length(ip)
    if not 0 <= length <= len(message) or checksum(message[:length], family.pseudo_header(ip, ip_protocol.VRRP, length)) != 0:
        return BAD_CHECKSUM
    return UNKNOWN_VR


def _input(ctx: Context, frame: Frame, family: Family) -> Nexts:
    buffers = ctx.buffers
    faults = [_fault(buffers.packet(index), family) for index in frame.indices(buffers).tolist()]
    buffers.error[frame.rows] = ctx.error_base + np.array(faults)
    buffers.advance(frame, family.header_bytes)
    for _, index in ctx.traced(frame):
        header, there = buffers.peek(index, vrrp.HEADER_BYTES), int(buffers.current_length[index]) - vrrp.HEADER_BYTES
        n = min(vrrp.n_addresses(header), family.shown, max(there, 0) // family.address_bytes)
        addresses = buffers.peek(index, n * family.address_bytes, vrrp.HEADER_BYTES)
        ctx.trace(index, InputTrace(family, int(buffers.rx_sw_if_index[index]), header, addresses))
    return DROP


@node("vrrp4-input", nexts=NEXTS, errors=ERRORS, trace=format_input_trace)
def vrrp4_input(ctx: Context, frame: Frame) -> Nexts:
    """Advertisements over IPv4."""
    return _input(ctx, frame, IP4)


@node("vrrp6-input", nexts=NEXTS, errors=ERRORS, trace=format_input_trace)
def vrrp6_input(ctx: Context, frame: Frame) -> Nexts:
    """Advertisements over IPv6."""
    return _input(ctx, frame, IP6)
