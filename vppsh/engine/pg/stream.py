"""What a stream was told to be: a value, checked, that commands make and change.

Counterpart of the parameters of pg_stream_t and of validate_stream in VPP's pg/cli.c.
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from vppsh.engine.pg.edit import EditKind
from vppsh.engine.pg.generator import Sizes
from vppsh.engine.pg.layout import MAX_PACKET_BYTES, Template
from vppsh.engine.pg.replay import Recording
from vppsh.errors import CommandError

BUFFER_BYTES = 2048


class StreamSpec(Struct, frozen=True):
    """The definition of a stream.

    packets        what is sent: packets made from a template, or those of a recording
    node           the graph node that gets them
    name           None: the stream is named after its place
    limit          stop after so many; 0 never
    rate           packets per second; 0 as fast as possible
    size_kind      None when no size was given: packets then are as long as their data
    buffer_bytes   bytes per buffer of packets that do not fit into one
    max_frame      packets per frame at most
    source         number of the packet-generator interface that the stream belongs to
    rx, tx         sw_if_index that packets seem to come from, and go to
    """

    packets: Template | Recording
    node: str
    name: str | None = None
    limit: int = 0
    rate: float = 0.0
    min_size: int = 64
    max_size: int = 64
    size_kind: EditKind | None = None
    buffer_bytes: int = BUFFER_BYTES
    max_frame: int | None = None
    source: int = -1
    rx: int | None = None
    tx: int | None = None

    def check(self) -> None:
        """Refuse what cannot be sent, with VPP's words where it has some."""
        if self.max_size < self.min_size:
            raise CommandError("max-size < min-size")
        header_bytes = self.packets.header_bytes if isinstance(self.packets, Template) else 0
        if self.min_size < header_bytes:
            raise CommandError(f"min-size < total header size {header_bytes}")
        if self.buffer_bytes == 0:
            raise CommandError("buffer-size must be positive")
        if self.rate < 0:
            raise CommandError("negative rate")
        check_size(self.max_size)
        if self.min_size == 0:
            raise CommandError("min-size must be positive")

    def settled(self) -> StreamSpec:
        """The definition as the stream keeps it: sizes that are one size are fixed, and without any the data decides."""
        if self.size_kind in (EditKind.INCREMENT, EditKind.RANDOM):
            return replace(self, size_kind=EditKind.FIXED) if self.min_size == self.max_size else self
        if self.size_kind is None and isinstance(self.packets, Template):
            length = len(self.packets.data)
            return replace(self, size_kind=EditKind.FIXED, min_size=length, max_size=length)
        return replace(self, size_kind=EditKind.FIXED)

    @property
    def sizes(self) -> Sizes:
        """How long its packets are."""
        return Sizes(self.min_size, self.max_size, self.size_kind or EditKind.FIXED)


def check_size(size: int) -> None:
    """Refuse packets longer than any can be."""
    if size > MAX_PACKET_BYTES:
        raise CommandError(f"max-size > {MAX_PACKET_BYTES}")
