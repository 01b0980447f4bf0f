"""`pcap trace`: received, sent and dropped packets, kept until the capture is switched off and then written to a pcap file.

Counterpart of vnet_pcap_dispatch_trace_configure in vnet/interface_cli.c and of the places that add packets:
ethernet-input, the output nodes, error-drop. A dropped packet is followed by the node and the name of the reason.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from vppsh.engine.buffers import DATA_SIZE, BufferFlag
from vppsh.engine.frame import Frame
from vppsh.engine.packet_filters import PCAP, PacketFilters
from vppsh.engine.wire.pcaprecords import LINK_ETHERNET
from vppsh.engine.wire.pcapwriter import PcapWriter

if TYPE_CHECKING:
    from vppsh.engine.engine import Engine

ANY = 0
"""local0 receives and sends nothing, so its number means every interface."""


class PcapTraceSpec(Struct, frozen=True):
    """What to capture.

    rx, tx, drop  received, sent, dropped packets
    limit         how many packets at most
    path          the file
    snap          how many bytes of a packet at most
    sw_if_index   only packets of this interface, unless it is `ANY`
    error         only packets dropped for this reason (an error index), unless it is None
    filter        only packets that the filter function for captures accepts
    """

    rx: bool
    tx: bool
    drop: bool
    limit: int
    path: str
    snap: int
    sw_if_index: int = ANY
    error: int | None = None
    filter: bool = False


class Captured(Struct, frozen=True):
    """A packet: when (nanoseconds since 1970), its first bytes, its whole length."""

    time: int
    data: bytes
    length: int


class PcapTrace:
    """The capture of an engine; `spec` is None while there is none."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._chain: int | None = None
        self.spec: PcapTraceSpec | None = None
        self.packets: list[Captured] = []

    def start(self, spec: PcapTraceSpec) -> None:
        """Begin to capture."""
        engine = self._engine
        filters = engine.get(PacketFilters)
        self.spec = spec
        self.packets = []
        self._chain = filters.chain(PCAP) if spec.filter else None
        engine.rx_capture = self.received if spec.rx else None
        engine.tx_capture = self._sent if spec.tx else None
        engine.drop_capture = self._dropped if spec.drop else None

    def stop(self) -> int:
        """End the capture and write the file, unless it is empty; how many packets were captured.

        Raises OutputFileError when the file cannot be written.
        """
        spec, packets = self.spec, self.packets
        self.spec, self.packets = None, []
        self._engine.rx_capture = self._engine.tx_capture = self._engine.drop_capture = None
        if spec is not None and packets:
            writer = PcapWriter(spec.path, LINK_ETHERNET)
            for packet in packets:
                writer.add(packet.data, packet.time, packet.length)
            writer.close()
        return len(packets)

    def received(self, frame: Frame) -> None:
        """Add packets that came in, by whichever way they were found."""
        spec = self.spec
        if spec is not None:
            for index in self._wanted(spec, frame, self._engine.buffers.rx_sw_if_index):
                self._add(spec, self._engine.buffers.packet(index))

    def _sent(self, frame: Frame, sw_if_index: int | None) -> None:
        """Packets in the output node of an interface, or (None) in interface-output, where those of sub-interfaces count."""
        spec = self.spec
        if spec is None:
            return
        buffers = self._engine.buffers
        if sw_if_index is None:
            subs = np.array([interface.sw_if_index for interface in self._engine.interfaces if not interface.is_hardware], np.int32)
            if spec.sw_if_index not in subs:
                return
            wanted = self._wanted(spec, frame, buffers.tx_sw_if_index)
        elif spec.sw_if_index in (ANY, sw_if_index):
            wanted = self._wanted(spec, frame, None)
        else:
            return
        for index in wanted:
            self._add(spec, buffers.packet(index))

    def _dropped(self, frame: Frame) -> None:
        spec = self.spec
        if spec is not None:
            for index in self._wanted(spec, frame, self._engine.buffers.rx_sw_if_index):
                self._add(spec, self._with_reason(index))

    def _wanted(self, spec: PcapTraceSpec, frame: Frame, interfaces: NDArray[np.int32] | None) -> list[int]:
        """The packets of a frame that are to be captured, as far as there is room for more."""
        room = spec.limit - len(self.packets)
        if room <= 0:
            return []
        buffers = self._engine.buffers
        rows = frame.indices(buffers)
        if interfaces is not None and spec.sw_if_index != ANY:
            rows = rows[interfaces[rows] == spec.sw_if_index]
        if spec.error is not None:
            rows = rows[buffers.error[rows] == spec.error]
        if not spec.filter:
            return rows[:room].tolist()
        accepts = self._engine.get(PacketFilters).pcap.accepts
        return [index for index in rows.tolist() if accepts(self._engine, index, self._chain)][:room]

    def _with_reason(self, index: int) -> bytes:
        """A dropped packet from its Ethernet header on, if it is known where that is, and why it was dropped."""
        buffers = self._engine.buffers
        current = int(buffers.current_data[index])
        begin = current
        if buffers.flags[index] & BufferFlag.L2_HDR_OFFSET_VALID:
            begin = min(current, int(buffers.l2_hdr_offset[index]))
        elif current > 0:
            begin = 0
        head = buffers.peek(index, current - begin, begin - current)
        last = index
        while buffers.flags[last] & BufferFlag.NEXT_PRESENT:
            last = int(buffers.next_buffer[last])
        node, spec = self._engine.errors.spec(int(buffers.error[index]))
        reason = f"{node}: {spec.name}".encode()
        end = int(buffers.current_data[last]) + int(buffers.current_length[last])
        # VPP writes the reason behind the packet, where the buffer has room for it.
        return head + buffers.packet(index) + (reason if end < DATA_SIZE - len(reason) else b"")

    def _add(self, spec: PcapTraceSpec, packet: bytes) -> None:
        clock = self._engine.clock
        self.packets.append(Captured(int((clock.epoch + clock.now()) * 1e9), packet[: spec.snap], len(packet)))
