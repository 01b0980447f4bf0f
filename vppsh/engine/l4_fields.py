"""Ports and such of many packets, wherever in the packet they are: what tells flows of fragments apart.

Counterpart of ip4_get_port and ip6_get_port. The ports of ICMP echo are its identifier; those of an ICMP error
are the ones of the packet it tells of, the other way round. Two words per packet hold the result, as the buffer
columns `l4_ports` and `l4_first` do:

    ports   source port << 16 | destination port
    first   protocol | TCP flags or ICMP type << 8 | marks << 16
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vppsh.engine.buffers import BufferPool
from vppsh.engine.wire import icmp4, icmp6, ip4, ip6, ip6_extension, ip_protocol, tcp, udp

TRUNCATED, FRAGMENT, LATER_FRAGMENT = (1 << bit for bit in (16, 17, 18))

OCTET, PORTS = np.dtype("u1"), np.dtype(">u4")
TCP_FLAGS_AT, DATA_OFFSET_AT = 13, 12
ICMP_BYTES = icmp4.HEADER.itemsize
IDENTIFIER_AT = icmp4.ECHO.fields["id"][1] if icmp4.ECHO.fields else 4
QUOTED_AT = 2 * ICMP_BYTES
ERRORS4 = np.isin(np.arange(256), (3, 4, 5, 6, 11, 12))
ECHOES4 = np.isin(np.arange(256), (icmp4.ECHO_REQUEST, icmp4.ECHO_REPLY))
SHORTEST_ERROR4 = 2 * ip4.HEADER.itemsize + QUOTED_AT + 8
SHORTEST_ERROR6 = 64
ECHOES6 = (icmp6.ECHO_REQUEST, icmp6.ECHO_REPLY)

Words = NDArray[np.uint32]


class Fields:
    """Reads fields of packets that begin at byte addresses of the pool; beyond its end there is always the same byte."""

    def __init__(self, buffers: BufferPool, at: NDArray[np.int64]) -> None:
        self._buffers, self._at = buffers, at

    def read(self, dtype: np.dtype, offset: int | NDArray[np.integer]) -> NDArray[np.uint32]:
        """One item of each packet."""
        items = self._buffers.bytes_at(dtype)
        return items[np.minimum(self._at + offset, len(items) - 1)].astype(np.uint32)


def swapped(ports: Words) -> Words:
    """Ports of the other direction."""
    return ports << np.uint32(16) | ports >> np.uint32(16)


def twice(port: Words) -> Words:
    """One number as both ports."""
    return port << np.uint32(16) | port


def ip4_fields(buffers: BufferPool, at: NDArray[np.int64], *, whole: bool = True) -> tuple[Words, Words]:
    """Both words for packets whose IPv4 headers lie at these addresses; no ports behind options.

    None either if a `whole` packet is too short for the header behind the IPv4 header.
    """
    fields = Fields(buffers, at)
    header = buffers.bytes_at(ip4.HEADER)[at]
    size = ip4.header_bytes(header["version_and_length"]).astype(np.int64)
    protocol, length = header["protocol"].astype(np.uint32), header["length"].astype(np.int64)
    plain = header["version_and_length"] == ip4.VERSION_AND_LENGTH_NO_OPTIONS
    is_tcp, is_udp, is_icmp = (protocol == each for each in (ip_protocol.TCP, ip_protocol.UDP, ip_protocol.ICMP))
    needed = np.select((is_udp, is_icmp), (udp.HEADER.itemsize, ICMP_BYTES), 0)
    kind = np.zeros(len(at), np.uint32)
    if is_tcp.any():
        offset = (fields.read(OCTET, size + DATA_OFFSET_AT) >> 4).astype(np.int64) * 4
        needed = np.where(is_tcp, np.where(offset < tcp.HEADER.itemsize, length, offset), needed)
        kind = np.where(is_tcp, fields.read(OCTET, size + TCP_FLAGS_AT), kind)
    ports = np.where(plain & (is_tcp | is_udp), fields.read(PORTS, ip4.HEADER.itemsize), np.uint32(0))
    if is_icmp.any():
        kind = np.where(is_icmp, fields.read(OCTET, size), kind)
        ports = np.where(plain & is_icmp, _icmp4_ports(fields, kind, length), ports)
    truncated = (size + needed > length) & whole
    first = protocol | kind << np.uint32(8)
    return np.where(truncated, np.uint32(0), ports), np.where(truncated, protocol | np.uint32(TRUNCATED), first)


def _icmp4_ports(fields: Fields, kind: Words, length: NDArray[np.int64]) -> Words:
    message = ip4.HEADER.itemsize
    quoted = message + QUOTED_AT
    inner = quoted + ip4.HEADER.itemsize
    echo = twice(fields.read(np.dtype(">u2"), message + IDENTIFIER_AT))
    carried = fields.read(OCTET, quoted + 9)
    of_error = np.select(
        ((carried == ip_protocol.TCP) | (carried == ip_protocol.UDP), (carried == ip_protocol.ICMP) & ECHOES4[fields.read(OCTET, inner)]),
        (swapped(fields.read(PORTS, inner)), twice(fields.read(np.dtype(">u2"), inner + IDENTIFIER_AT))),
        np.uint32(0),
    )
    ports: Words = np.select((ECHOES4[kind], ERRORS4[kind] & (length >= SHORTEST_ERROR4)), (echo, of_error), np.uint32(0))
    return ports


def ip6_fields(buffers: BufferPool, at: NDArray[np.int64], lengths: NDArray[np.integer]) -> tuple[Words, Words, NDArray[np.bool_]]:
    """Both words for packets of which `lengths` bytes lie at these addresses, and whether there is all that they take."""
    fields, size = Fields(buffers, at), ip6.HEADER.itemsize
    protocol = buffers.bytes_at(ip6.HEADER)[at]["protocol"].astype(np.uint32)
    is_tcp, is_udp = protocol == ip_protocol.TCP, protocol == ip_protocol.UDP
    simple = (is_tcp & (lengths >= size + tcp.HEADER.itemsize)) | (is_udp & (lengths >= size + udp.HEADER.itemsize))
    payload = buffers.bytes_at(ip6.HEADER)[at]["payload_length"]
    simple &= payload >= np.where(is_tcp, tcp.HEADER.itemsize, udp.HEADER.itemsize)
    ports = fields.read(PORTS, size)
    first = protocol | np.where(is_tcp, fields.read(OCTET, size + TCP_FLAGS_AT) << np.uint32(8), np.uint32(0))
    known = simple.copy()
    for position in np.flatnonzero(~simple).tolist():
        start = int(at[position])
        found = ip6_fields_of(buffers.data.reshape(-1)[start : start + int(lengths[position])].tobytes())
        known[position] = found is not None
        ports[position], first[position] = found or (0, 0)
    return ports, first, known


def ip6_fields_of(packet: bytes) -> tuple[int, int] | None:
    """Both words for one packet; None when something is missing, or lies in another fragment."""
    upper = _ip6_upper(packet)
    if upper is None:
        return None
    protocol, at = upper
    rest = packet[at:]
    if protocol in (ip_protocol.TCP, ip_protocol.UDP):
        if len(rest) < (tcp.HEADER.itemsize if protocol == ip_protocol.TCP else udp.HEADER.itemsize):
            return None
        kind = rest[TCP_FLAGS_AT] if protocol == ip_protocol.TCP else 0
        return int.from_bytes(rest[:4], "big"), protocol | kind << 8
    if protocol != ip_protocol.ICMP6:
        return 0, protocol
    if len(rest) < ICMP_BYTES:
        return None
    kind, ports = rest[0], 0
    if kind in ECHOES6:
        ports = int.from_bytes(rest[IDENTIFIER_AT : IDENTIFIER_AT + 2], "big") * 0x10001
    elif icmp6.DESTINATION_UNREACHABLE <= kind <= icmp6.PARAMETER_PROBLEM and int.from_bytes(packet[4:6], "big") >= SHORTEST_ERROR6:
        quoted = rest[QUOTED_AT:]
        inner = _ip6_upper(quoted)
        if inner is None:
            return None
        carried = quoted[inner[1] :]
        if inner[0] in (ip_protocol.TCP, ip_protocol.UDP):
            ports = int.from_bytes(carried[2:4] + carried[:2], "big")
        elif inner[0] == ip_protocol.ICMP6 and carried[:1] and carried[0] in ECHOES6:
            ports = int.from_bytes(carried[IDENTIFIER_AT : IDENTIFIER_AT + 2], "big") * 0x10001
    return ports, protocol | kind << 8


def _ip6_upper(packet: bytes) -> tuple[int, int] | None:
    """The last header of a packet's chain and where it lies; None when it is not here."""
    if len(packet) < ip6.HEADER.itemsize:
        return None
    chain = ip6_extension.chain(packet)
    for protocol, at in chain:
        if protocol == ip_protocol.IPV6_FRAGMENTATION and int.from_bytes(packet[at + 2 : at + 4], "big") >> 3:
            return None
    return chain[-1] if chain else None
