"""`packet-generator capture`: what an interface sends, written to a pcap file.

Counterpart of pg_capture and of the pcap part of pg_output in VPP's pg/cli.c and pg/output.c. The file is made when the
first packet is sent. What cannot be written ends the capture; the dataplane goes on, and the reason is told when
the capture is switched off.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vppsh.engine.buffers import BufferFlag
from vppsh.engine.wire.pcaprecords import LINK_ETHERNET
from vppsh.engine.wire.pcapwriter import PcapWriter
from vppsh.errors import OutputFileError

if TYPE_CHECKING:
    from vppsh.engine.context import Context
    from vppsh.engine.frame import Frame

MAX_BYTES = 9216
# What VPP writes for IP packets; 101 is more usual today.
LINK_IP = 12
BYTE = np.dtype("u1")


class Capture:
    """One capture.

    left   packets still to be captured; None without end
    fault  why nothing more is written
    """

    def __init__(self, path: str, left: int | None, *, ethernet: bool) -> None:
        self.path = path
        self.left = left
        self.fault: OutputFileError | None = None
        self._link_type = LINK_ETHERNET if ethernet else LINK_IP
        self._writer: PcapWriter | None = None

    def write(self, ctx: Context, frame: Frame) -> None:
        """Append the packets of a frame, as far as they are wanted."""
        if self.fault is not None or self.left == 0:
            return
        if self.left is not None and frame.n > self.left:
            frame = frame.pick(ctx.buffers, np.arange(self.left))
        try:
            if self._writer is None:
                self._writer = PcapWriter(self.path, self._link_type)
            self._append(self._writer, ctx, frame)
            self._writer.flush()
            if self.left is not None:
                self.left -= frame.n
                if self.left == 0:
                    self._writer.close()
        except OutputFileError as fault:
            self.fault = fault

    def _append(self, writer: PcapWriter, ctx: Context, frame: Frame) -> None:
        buffers, rows = ctx.buffers, frame.rows
        time = int((ctx.engine.clock.epoch + ctx.now) * 1e9)
        if (buffers.flags[rows] & BufferFlag.NEXT_PRESENT).any():
            for index, length in zip(frame.indices(buffers).tolist(), buffers.packet_length(rows).tolist(), strict=True):
                writer.add(buffers.packet(index, MAX_BYTES), time, length)
        else:
            # A packet cut off within headers that were taken off has less than nothing left.
            lengths = np.maximum(buffers.current_length[rows], 0)
            writer.write(buffers.bytes_at(BYTE), buffers.addresses(frame), lengths, np.full(frame.n, time))

    def close(self) -> None:
        """Close the file."""
        if self._writer is not None and self.fault is None:
            try:
                self._writer.close()
            except OutputFileError as fault:
                self.fault = fault
