"""`packet-generator capture`: what an interface sends, written to a pcap file.

Counterpart of pg_capture and of the pcap part of pg_output in VPP's pg/cli.c and pg/output.c. The file is made when the
first packet is sent. What cannot be written ends the capture; the dataplane goes on, and the reason is told when
the capture is switched off.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from vppsh.engine.context import Context
    from vppsh.engine.frame import Frame

MAX_BYTES = 9216
LINKTYPE_ETHERNET = 1
LINKTYPE_RAW_IP = 12


class Capture:
    """One capture.

    left   packets still to be captured; None without end
    fault  why nothing more is written
    """

    def __init__(self, path: str, left: int | None, *, ethernet: bool) -> None:
        self.path = path
        self.left = left
        self.fault: OSError | None = None
        self._linktype = LINKTYPE_ETHERNET if ethernet else LINKTYPE_RAW_IP
        self._file: BinaryIO | None = None

    def write(self, ctx: Context, frame: Frame) -> None:
        """Append the packets of a frame, as far as they are wanted."""
        if self.fault is not None or self.left == 0:
            return
        chosen = frame.indices(ctx.buffers)[: self.left]
        seconds = ctx.engine.clock.epoch + ctx.now
        stamp = struct.pack("=II", int(seconds), int(seconds % 1 * 1e6))
        records = []
        for index in chosen.tolist():
            data = ctx.buffers.packet(index, MAX_BYTES)
            records.append(stamp + struct.pack("=II", len(data), int(ctx.buffers.packet_length(slice(index, index + 1))[0])) + data)
        try:
            if self._file is None:
                self._file = Path(self.path).open("wb")  # noqa: SIM115 - closed when the capture ends
                self._file.write(struct.pack("=IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 1 << 16, self._linktype))
            self._file.write(b"".join(records))
            self._file.flush()
        except OSError as error:
            self.fault = error
            self.close()
            return
        if self.left is not None:
            self.left -= len(records)
            if self.left == 0:
                self.close()

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            file, self._file = self._file, None
            try:
                file.close()
            except OSError as error:
                self.fault = self.fault or error
