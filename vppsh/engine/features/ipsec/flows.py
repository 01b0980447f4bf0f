"""What policies look at, taken out of packets a frame at a time."""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from vppsh.engine.buffers import BufferPool
from vppsh.engine.fib.types import Protocol
from vppsh.engine.frame import Frame
from vppsh.engine.ipsec.match import Flows, Words
from vppsh.engine.wire import ah, esp, ip4, ip6, ip_protocol, udp

PORTS = np.dtype([("src", ">u2"), ("dst", ">u2")])
IKE_PORT, NAT_TRAVERSAL_PORT = 500, 4500
NONE, ESP, AH = range(3)


def _addresses(header: NDArray[np.void], field: str, family: Protocol) -> Words:
    if family is Protocol.IP6:
        return header[field].astype(np.uint64)
    found = np.zeros((len(header), 2), np.uint64)
    found[:, 1] = header[field]
    return found


def outbound_flows(buffers: BufferPool, frame: Frame, family: Protocol) -> tuple[Flows, NDArray[np.int64], NDArray[np.int32]]:
    """Flows of packets that leave, how long the packets are, and where their IP headers begin.

    What lies behind the IP header is read as ports, whatever it is; policies ask only for those of TCP, UDP and SCTP.
    """
    starts = buffers.save_rewrite_length[frame.rows].copy()
    at = buffers.addresses(frame) + starts
    dtype = ip6.HEADER if family is Protocol.IP6 else ip4.HEADER
    header = buffers.bytes_at(dtype)[at]
    if family is Protocol.IP6:
        sizes, lengths = np.full(frame.n, dtype.itemsize), header["payload_length"].astype(np.int64) + dtype.itemsize
    else:
        sizes, lengths = ip4.header_bytes(header["version_and_length"]).astype(np.int64), header["length"].astype(np.int64)
    ports = buffers.bytes_at(PORTS)[at + sizes]
    flows = Flows(_addresses(header, "src", family), _addresses(header, "dst", family), header["protocol"], ports["src"], ports["dst"])
    return flows, lengths, starts


class Arriving(Struct, frozen=True):
    """Packets that come in, as policies see them; `local` is where they go.

    protocol  of the IP header; `kind` is NONE, ESP (in UDP, too) or AH
    at        where ESP or AH begins, behind current data
    spi, number  of it; all ones where it is cut off before they end
    whole     whether it is not
    in_udp, without_checksum  ESP in UDP; whether that has no checksum
    length    what a policy counts: IPv4 the whole packet, IPv6 without the header
    """

    flows: Flows
    protocol: NDArray[np.uint8]
    kind: NDArray[np.uint8]
    at: NDArray[np.int64]
    spi: NDArray[np.uint32]
    number: NDArray[np.uint32]
    whole: NDArray[np.bool_]
    in_udp: NDArray[np.bool_]
    without_checksum: NDArray[np.bool_]
    length: NDArray[np.int64]


def arriving(buffers: BufferPool, frame: Frame, family: Protocol) -> Arriving:
    """What packets are, seen from their IP headers, where current data is."""
    dtype = ip6.HEADER if family is Protocol.IP6 else ip4.HEADER
    header, start = buffers.load(frame, dtype), buffers.addresses(frame)
    sizes = np.full(frame.n, dtype.itemsize) if family is Protocol.IP6 else ip4.header_bytes(header["version_and_length"]).astype(np.int64)
    protocol = header["protocol"]
    datagram = buffers.bytes_at(udp.HEADER)[start + sizes]
    to_us = (datagram["dst_port"] == IKE_PORT) | (datagram["dst_port"] == NAT_TRAVERSAL_PORT)
    in_udp = (protocol == ip_protocol.UDP) & to_us
    kind = np.where(in_udp | (protocol == ip_protocol.IPSEC_ESP), ESP, np.where(protocol == ip_protocol.IPSEC_AH, AH, NONE))
    at = sizes + np.where(in_udp, udp.HEADER.itemsize, 0)
    payload, authentication = buffers.bytes_at(esp.HEADER)[start + at], buffers.bytes_at(ah.HEADER)[start + at]
    is_ah = kind == AH
    spi = np.where(is_ah, authentication["spi"], payload["spi"]).astype(np.uint32)
    number = np.where(is_ah, authentication["sequence"], payload["sequence"]).astype(np.uint32)
    size = np.where(is_ah, ah.HEADER.itemsize, esp.HEADER.itemsize)
    whole = buffers.current_length[frame.rows] >= at + size
    flows = Flows(_addresses(header, "dst", family), _addresses(header, "src", family), spi=spi)
    length = header["payload_length" if family is Protocol.IP6 else "length"].astype(np.int64)
    return Arriving(flows, protocol, kind.astype(np.uint8), at, spi, number, whole, in_udp, datagram["checksum"] == 0, length)
