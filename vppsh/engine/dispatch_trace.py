"""`pcap dispatch trace`: every packet before every node, with the buffer's metadata and the trace so far, in a pcap file.

Counterpart of plugins/dispatch-trace. A record of the file (link type 280) holds

    major version 1, minor version 0, number of texts, protocol hint of the node   one byte each
    buffer index                                                                   four bytes
    node name, buffer metadata, opaque words, second opaque words, trace           texts that end in 0; a trace if there is one
    the packet

and never more than 16,384 bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from vppsh.engine.buffers import BufferFlag, BufferPool
from vppsh.engine.frame import Frame
from vppsh.engine.packet_filters import PacketFilters
from vppsh.engine.trace_text import format_trace
from vppsh.engine.tracing import TraceFilter
from vppsh.engine.wire.pcapwriter import PcapWriter
from vppsh.errors import OutputFileError

if TYPE_CHECKING:
    from vppsh.engine.engine import Engine
    from vppsh.engine.graph import Node

LINK_VPP = 280
VERSION = (1, 0)
MAX_RECORD = 16384
HINT_NONE, HINT_IP4 = 0, 2
WORD = 0xFFFFFFFF
Record = tuple[int, bytes, int]
"""Time, data as far as they are kept, length before that."""
FLAG_NAMES = (
    (BufferFlag.L4_CHECKSUM_COMPUTED, "l4-cksum-computed"), (BufferFlag.L4_CHECKSUM_CORRECT, "l4-cksum-correct"),
    (BufferFlag.VLAN_2_DEEP, "vlan-2-deep"), (BufferFlag.VLAN_1_DEEP, "vlan-1-deep"), (BufferFlag.SPAN_CLONE, "span-clone"),
    (BufferFlag.LOOP_COUNTER_VALID, "loop-counter-valid"), (BufferFlag.LOCALLY_ORIGINATED, "local"), (BufferFlag.IS_IP4, "ip4"),
    (BufferFlag.IS_IP6, "ip6"), (BufferFlag.OFFLOAD, "offload"), (BufferFlag.IS_NATED, "natted"),
    (BufferFlag.L2_HDR_OFFSET_VALID, "l2_hdr_offset_valid"), (BufferFlag.L3_HDR_OFFSET_VALID, "l3_hdr_offset_valid"),
    (BufferFlag.L4_HDR_OFFSET_VALID, "l4_hdr_offset_valid"), (BufferFlag.FLOW_REPORT, "flow-report"), (BufferFlag.IS_DVR, "dvr"),
    (BufferFlag.QOS_DATA_VALID, "qos-data-valid"), (BufferFlag.GSO, "gso"),
)  # fmt: skip


@dataclass
class DispatchTraceSpec:
    """What to capture: how many packets, into which file, and whether only those that the filter accepts.

    post_mortem  path of a file that is written when a node fails; what is captured is then of one round of the main loop, the last
    """

    limit: int
    path: str
    filter: bool = False
    post_mortem: str | None = None
    nodes: list[Node] = field(default_factory=list)


class DispatchTrace:
    """The dispatch trace of an engine; `spec` is None while there is none."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.spec: DispatchTraceSpec | None = None
        self.records: list[Record] = []
        self._round = 0

    def start(self, spec: DispatchTraceSpec) -> None:
        """Begin a capture. Packets come in once a node's traces are asked for (`watch`)."""
        self.spec = spec
        self.records = []
        if spec.post_mortem is not None:
            self._engine.fault_capture = self._failed

    def watch(self, node: Node, count: int) -> None:
        """Trace packets of an input node and capture all frames from now on."""
        engine = self._engine
        node.trace_limit += count
        engine.tracer.enabled = True
        engine.dispatch_capture = self._dispatched
        if self.spec is not None:
            self.spec.nodes.append(node)

    def stop(self) -> int:
        """End the capture and write the file, unless it is empty; how many packets were captured.

        Raises OutputFileError when the file cannot be written.
        """
        spec, records = self.spec, self.records
        self.spec, self.records = None, []
        self._engine.dispatch_capture = self._engine.fault_capture = None
        self._engine.tracer.filter = TraceFilter()
        if spec is not None and records:
            _write(spec.path, records)
        return len(records)

    def _dispatched(self, node: Node, frame: Frame) -> None:
        spec, engine = self.spec, self._engine
        if spec is not None and spec.post_mortem is not None and self._round != engine.dispatcher.loops:
            self._round = engine.dispatcher.loops
            self.records.clear()
        if spec is None or len(self.records) >= spec.limit:
            return
        accepts = engine.get(PacketFilters).pcap.accepts
        # The file's times are those of the engine's clock, as VPP's are.
        time = int(engine.clock.now() * 1e9)
        for index in frame.indices(engine.buffers).tolist():
            if len(self.records) >= spec.limit:
                return
            if not spec.filter or accepts(engine, index, None):
                record = self._record(node, index)
                self.records.append((time, record[:MAX_RECORD], len(record)))

    def _failed(self, error: Exception) -> None:
        """A node has failed, mostly on what was captured last."""
        if self.spec is None or self.spec.post_mortem is None or not self.records:
            return
        try:
            _write(self.spec.post_mortem, self.records)
        except OutputFileError as failure:
            error.add_note(f"The packets that led to this could not be written: {failure}")

    def _record(self, node: Node, index: int) -> bytes:
        buffers = self._engine.buffers
        texts = [node.name, metadata_text(buffers, index), opaque_text(buffers, index), opaque2_text(buffers, index)]
        trace = self._engine.tracer.find(int(buffers.trace[index])) if buffers.trace[index] >= 0 else None
        if trace is not None:
            texts.append(format_trace(self._engine, trace))
        hint = HINT_IP4 if node.name == "ip4-input" else HINT_NONE
        head = bytes((*VERSION, len(texts), hint)) + index.to_bytes(4, "big")
        return head + b"".join(text.encode() + b"\0" for text in texts) + buffers.packet(index)


def _write(path: str, records: list[Record]) -> None:
    writer = PcapWriter(path, LINK_VPP)
    for time, data, length in records:
        writer.add(data, time, length)
    writer.close()


def metadata_text(buffers: BufferPool, index: int) -> str:
    """Flags, place and length of a buffer (format_buffer_metadata)."""
    flags = int(buffers.flags[index])
    names = "".join(f"{name} " for flag, name in FLAG_NAMES if flags & flag)
    following = int(buffers.next_buffer[index]) if flags & BufferFlag.NEXT_PRESENT else 0
    return (
        f"flags: {names}\n"
        f"current_data: {int(buffers.current_data[index])}, current_length: {int(buffers.current_length[index])}\n"
        f"current_config_index/punt_reason: {int(buffers.feature_pos[index])}, flow_id: 0, next_buffer: {following:x}\n"
        f"error: {int(buffers.error[index])}, ref_count: 1, buffer_pool_index: 0\n"
        f"trace_handle: 0x{int(buffers.trace[index]) & WORD:x}, len_not_first_buf: {int(buffers.total_length_rest[index])}\n"
    )


def opaque_text(buffers: BufferPool, index: int) -> str:
    """The words that the network layers keep with a packet, as far as vppsh has them (format_vnet_buffer_opaque)."""
    rx, tx = int(buffers.rx_sw_if_index[index]), int(buffers.tx_sw_if_index[index])
    l2, l3, l4 = (int(column[index]) for column in (buffers.l2_hdr_offset, buffers.l3_hdr_offset, buffers.l4_hdr_offset))
    adj_rx, adj_tx = int(buffers.adj_index_rx[index]), int(buffers.adj_index[index])
    flow_hash, fib, rewrite = int(buffers.flow_hash[index]), int(buffers.fib_index[index]), int(buffers.save_rewrite_length[index])
    words = (rx, tx, (l3 & 0xFFFF) << 16 | l2 & 0xFFFF, l4 & 0xFFFF, adj_rx, adj_tx, flow_hash, fib, rewrite, 0)
    raw = "".join(f"{word & WORD:08x} " for word in words)
    return (
        f"raw: {raw}\n"
        f"sw_if_index[VLIB_RX]: {rx}, sw_if_index[VLIB_TX]: {tx}\n"
        f"L2 offset {l2}, L3 offset {l3}, L4 offset {l4}, unused 0\n"
        "offload flags: none \n"
        f"ip.adj_index[VLIB_RX]: {adj_rx}, ip.adj_index[VLIB_TX]: {adj_tx}\n"
        f"ip.flow_hash: 0x{flow_hash:x}, ip.save_protocol: 0x{fib & WORD:x}, ip.fib_index: {fib}\n"
        f"ip.save_rewrite_length: {rewrite}, ip.rpf_id: 0\n"
        f"ip.icmp.type: {flow_hash & 0xFF} ip.icmp.code: {flow_hash >> 8 & 0xFF}, ip.icmp.data: 0x{fib & WORD:x}\n"
    )


def opaque2_text(buffers: BufferPool, index: int) -> str:
    """The second set of words (format_vnet_buffer_opaque2)."""
    loops = int(buffers.loop_counter[index]) if buffers.flags[index] & BufferFlag.LOOP_COUNTER_VALID else 0
    bits, source = int(buffers.qos_bits[index]), int(buffers.qos_source[index])
    return f"raw: {'00000000 ' * 14}\nqos.bits: {bits:x}, qos.source: {source:x}\nloop_counter: {loops}\ngso_size: 0, gso_l4_hdr_sz: 0\n"
