"""Echo requests of our own, and the replies to them (VPP's plugins/ping).

A run has an identifier of its own, by which the echo reply nodes know whose a reply is. The time when a
request was sent travels in its payload.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

from vppsh.engine.buffer_data import copy_packets, make_packet
from vppsh.engine.buffers import BufferFlag
from vppsh.engine.fib.fib import Fib
from vppsh.engine.fib.types import Prefix, Protocol
from vppsh.engine.frame import Frame
from vppsh.engine.source_address import of_interface
from vppsh.engine.wire import icmp4, icmp6, ip4, ip6, ip_protocol
from vppsh.engine.wire.checksum import checksum

if TYPE_CHECKING:
    from vppsh.engine.engine import Engine

TTL = 255
ECHO_BYTES = icmp4.ECHO.itemsize
TIME_BYTES = 8
NANOSECONDS = 1e9


class PingError(Exception):
    """Why a request could not be sent, in VPP's words."""


class Reply(Struct, frozen=True):
    """One reply: who sent it, its size as VPP tells it, and after how many seconds it came."""

    protocol: Protocol
    source: int
    length: int
    sequence: int
    ttl: int
    round_trip: float


@dataclass
class PingRun:
    """Requests with one identifier, and the replies that have come and were not read yet."""

    identifier: int
    replies: list[Reply] = field(default_factory=list)


class Ping:
    """The runs of an engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._fib = engine.get(Fib)
        self._runs: dict[int, PingRun] = {}

    def start(self) -> PingRun:
        """Begin a run, with an identifier that no other one has."""
        identifier = int(self._engine.random.integers(1 << 16))
        while identifier in self._runs:
            identifier = (identifier + 1) & 0xFFFF
        run = self._runs[identifier] = PingRun(identifier)
        return run

    def stop(self, run: PingRun) -> None:
        """End a run: replies that are late go to the host."""
        del self._runs[run.identifier]

    def find(self, identifier: int) -> PingRun | None:
        """The run of an identifier, if there is one."""
        return self._runs.get(identifier)

    def send(
        self, run: PingRun, protocol: Protocol, target: int, sequence: int, *, size: int, sw_if_index: int | None, table_id: int, burst: int
    ) -> int:
        """Send requests, by an interface or by the routes of a table; the address that they come from."""
        fib_index, sw_if_index = self._way(protocol, target, sw_if_index, table_id)
        source = of_interface(self._engine, protocol, sw_if_index, target)
        if source is None:
            raise PingError("no source address for egress interface")
        engine, buffers = self._engine, self._engine.buffers
        index = make_packet(buffers, self._request(run.identifier, protocol, source, target, sequence, size))
        if index is None:
            raise PingError("packet allocation failed")
        first = np.array([index], np.int32)
        rows = np.concatenate([copy_packets(buffers, np.repeat(first, burst - 1)), first])
        buffers.flags[rows] |= np.uint32(BufferFlag.LOCALLY_ORIGINATED)
        buffers.rx_sw_if_index[rows] = sw_if_index
        buffers.tx_sw_if_index[rows] = fib_index
        engine.dispatcher.send(engine.graph[f"{protocol.text}-lookup"], Frame(rows, len(rows), offset=0, rx=sw_if_index))
        if len(rows) < burst:
            raise PingError("could not allocate a new buffer")
        return source

    def answered(self, run: PingRun, protocol: Protocol, packet: bytes) -> None:
        """A reply to a run has come in."""
        if protocol is Protocol.IP4:
            at, source, ttl = ip4.header_bytes(packet[0]), packet[12:16], packet[8]
            # VPP counts the header twice.
            length = int.from_bytes(packet[2:4], "big") + at
        else:
            at, source, ttl = ip6.HEADER.itemsize, packet[8:24], packet[7]
            length = int.from_bytes(packet[4:6], "big")
        sent = int.from_bytes(packet[at + ECHO_BYTES : at + ECHO_BYTES + TIME_BYTES], "little") / NANOSECONDS
        sequence = int.from_bytes(packet[at + 6 : at + 8], "big")
        elapsed = self._engine.clock.now() - sent
        run.replies.append(Reply(protocol, int.from_bytes(source, "big"), length, sequence, ttl, elapsed))

    def _way(self, protocol: Protocol, target: int, sw_if_index: int | None, table_id: int) -> tuple[int, int]:
        """The table to look in, and the interface by which the target is reached."""
        tables = self._fib.tables(protocol)
        if sw_if_index is not None:
            return tables.index_of_interface(sw_if_index), sw_if_index
        table = tables.find(table_id)
        if table is None:
            raise PingError("no FIB table for lookup")
        resolving = table.lookup(Prefix(protocol, target, protocol.bits)).resolving_interface()
        if resolving < 0:
            raise PingError("no egress interface")
        return table.index, resolving

    def _request(self, identifier: int, protocol: Protocol, source: int, target: int, sequence: int, size: int) -> bytes:
        """The bytes of a request with `size` bytes of payload besides the time."""
        kind = icmp4.ECHO_REQUEST if protocol is Protocol.IP4 else icmp6.ECHO_REQUEST
        echo = np.zeros(1, icmp4.ECHO)
        echo["type"], echo["id"], echo["sequence"] = kind, identifier, sequence & 0xFFFF
        now = int(self._engine.clock.now() * NANOSECONDS)
        payload = now.to_bytes(TIME_BYTES, "little") + bytes(octet & 0xFF for octet in range(size))
        length = ECHO_BYTES + len(payload)
        if protocol is Protocol.IP4:
            echo["checksum"] = checksum(echo.tobytes() + payload)
            header = np.zeros(1, ip4.HEADER)
            header["version_and_length"] = ip4.VERSION_AND_LENGTH_NO_OPTIONS
            header["length"], header["ttl"], header["protocol"] = ip4.HEADER.itemsize + length, TTL, ip_protocol.ICMP
            header["src"], header["dst"] = source, target
            header["checksum"] = checksum(header.tobytes())
            return header.tobytes() + echo.tobytes() + payload
        start = (6 << 28).to_bytes(4, "big") + length.to_bytes(2, "big") + bytes((ip_protocol.ICMP6, TTL))
        head = start + source.to_bytes(16, "big") + target.to_bytes(16, "big")
        echo["checksum"] = checksum(echo.tobytes() + payload, ip6.pseudo_header(head, ip_protocol.ICMP6, length))
        return head + echo.tobytes() + payload
