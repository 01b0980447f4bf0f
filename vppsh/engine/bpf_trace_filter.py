"""The BPF filter of an engine: one expression for all traces and captures that ask for it.

Counterpart of plugins/bpf_trace_filter. The expression is compiled twice, for Ethernet and for packets
that begin with an IP header.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vppsh.engine.bpf.errors import BpfError
from vppsh.engine.buffers import BufferFlag, BufferPool

if TYPE_CHECKING:
    from vppsh.engine.bpf.program import Program
    from vppsh.engine.engine import Engine


class BpfTraceFilter:
    """The programs of the filter, None while it is not set."""

    def __init__(self, engine: Engine) -> None:
        self.program: Program | None = None
        self.raw: Program | None = None

    def set(self, expression: str, *, optimized: bool = True) -> None:
        """Compile and set an expression (BpfError when it cannot be; the old one is then gone, as in VPP)."""
        # Few sessions need the compiler, and start-up should not wait for it.
        from vppsh.engine.bpf.compiler import compile_filter
        from vppsh.engine.bpf.generate import LinkType

        self.program = None
        self.program = compile_filter(expression, optimized=optimized)
        try:
            self.raw = compile_filter(expression, LinkType.RAW, optimized=optimized)
        except BpfError:
            self.raw = None

    def unset(self) -> None:
        """Accept every packet again."""
        self.program = self.raw = None

    def accepts(self, buffers: BufferPool, index: int) -> bool:
        """Whether a packet passes; its first buffer is what counts."""
        program = self.program
        if program is None:
            return True
        flags = int(buffers.flags[index])
        current = int(buffers.current_data[index])
        if self.raw is not None and flags & BufferFlag.L3_HDR_OFFSET_VALID and current == int(buffers.l3_hdr_offset[index]):
            program = self.raw
        return program.accepts(buffers.peek(index, int(buffers.current_length[index])))
