"""Messages of ours: sealed, numbered, and put on their way."""

from __future__ import annotations

import numpy as np

from vppsh.engine.buffer_data import make_packet
from vppsh.engine.buffers import BufferFlag
from vppsh.engine.engine import Engine
from vppsh.engine.fib.types import Protocol
from vppsh.engine.frame import Frame
from vppsh.engine.ikev2.message import NON_ESP_MARKER, Header, sealed_message
from vppsh.engine.ikev2.names import Exchange, Flag, Kind
from vppsh.engine.ikev2.payloads import Chain, build
from vppsh.engine.ikev2.sa import IkeSa
from vppsh.engine.ikev2.state import Datagram
from vppsh.engine.wire import ip4, ip6, ip_protocol, udp
from vppsh.engine.wire.checksum import checksum

TTL = 255
Body = tuple[Kind, bytes]


def _seal(sa: IkeSa, header: Header, chain: Chain) -> bytes:
    sealers = sa.sealers
    assert sealers is not None, "an SA that has keys"
    return sealed_message(header, chain, sealers[0])


def request(sa: IkeSa, exchange: Exchange, *payloads: Body) -> bytes:
    """Our next request."""
    flags = Flag.INITIATOR if sa.is_initiator else 0
    header = Header(sa.ispi, sa.rspi, exchange, flags, sa.next_id)
    sa.next_id += 1
    return _seal(sa, header, build(*payloads))


def respond(sa: IkeSa, header: Header, *payloads: Body) -> bytes:
    """The answer to a request of the peer, kept in case that it comes again."""
    flags = Flag.RESPONSE | (Flag.INITIATOR if sa.is_initiator else 0)
    answer = Header(sa.ispi, sa.rspi, header.exchange, flags, header.message_id)
    sa.last_response = _seal(sa, answer, build(*payloads))
    return sa.last_response


def to_peer(sa: IkeSa, data: bytes, sw_if_index: int | None = None) -> Datagram:
    """A message to the peer of an SA, in the table of an interface, that of the SA unless told otherwise."""
    interface = sa.sw_if_index if sw_if_index is None else sw_if_index
    return Datagram(sa.family, sa.local, sa.remote, sa.local_port, sa.peer_port, data, sa.marked, interface)


def ip_packet(datagram: Datagram, like: bytes = b"") -> bytes:
    """A message in UDP and IP; other fields of the IP header are those of the packet `like`, that it answers."""
    payload = NON_ESP_MARKER + datagram.data if datagram.marked else datagram.data
    length = udp.HEADER.itemsize + len(payload)
    segment = np.zeros(1, udp.HEADER)
    segment["src_port"], segment["dst_port"], segment["length"] = datagram.src_port, datagram.dst_port, length
    if datagram.family is Protocol.IP4:
        header = np.zeros(1, ip4.HEADER)
        header["ttl"], header["protocol"] = TTL, ip_protocol.UDP
        if like:
            header[0] = np.frombuffer(like, ip4.HEADER, 1)[0]
        header["version_and_length"] = ip4.VERSION_AND_LENGTH_NO_OPTIONS
        header["length"], header["checksum"] = ip4.HEADER.itemsize + length, 0
        header["src"], header["dst"] = datagram.src, datagram.dst
        header["checksum"] = checksum(header.tobytes())
        return header.tobytes() + segment.tobytes() + payload
    first, hop_limit = (like[:4], like[7]) if like else ((6 << 28).to_bytes(4, "big"), TTL)
    head = first + length.to_bytes(2, "big") + bytes((ip_protocol.UDP, hop_limit))
    head += datagram.src.to_bytes(16, "big") + datagram.dst.to_bytes(16, "big")
    # IPv6 knows no datagram without a checksum (RFC 8200, 8.1).
    summed = checksum(segment.tobytes() + payload, ip6.pseudo_header(head, ip_protocol.UDP, length))
    segment["checksum"] = udp.transmitted(np.array([summed], np.uint16))
    return head + segment.tobytes() + payload


def send(engine: Engine, datagram: Datagram) -> None:
    """Send a message of our own accord; silent when there is no buffer for it, it will be asked for again."""
    buffers = engine.buffers
    index = make_packet(buffers, ip_packet(datagram))
    if index is None:
        return
    rows = np.array([index], np.int32)
    buffers.flags[rows] |= np.uint32(BufferFlag.LOCALLY_ORIGINATED)
    buffers.rx_sw_if_index[rows] = datagram.sw_if_index
    node = engine.graph[f"{datagram.family.text}-lookup"]
    engine.dispatcher.send(node, Frame(rows, 1, offset=0, rx=datagram.sw_if_index))
