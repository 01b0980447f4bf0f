"""Packet data behind the headers: counting bytes, hex digits, or more headers behind a node's name.

Counterpart of unformat_pg_payload in VPP's pg/edit.c. The payload fills the packet up to its largest size, and is cut there.
"""

from __future__ import annotations

from vppsh.engine.pg.edit import Edit, EditKind, Field
from vppsh.engine.pg.headers.lookup import attempt, index
from vppsh.engine.pg.layout import MAX_PACKET_BYTES, Draft
from vppsh.grammar.reader import Reader


def read_payload(reader: Reader, draft: Draft) -> bool:
    """`incrementing N`, `hex 0xDIGITS`, or the name of a node and its header."""
    start = reader.pos
    if reader.word("incrementing") and (count := reader.signed()) is not None and 0 <= count <= MAX_PACKET_BYTES:
        _fill(draft, bytes(i & 0xFF for i in range(count)))
        return True
    reader.pos = start
    if reader.word("hex 0x") and (data := reader.hex_string()) is not None:
        _fill(draft, data)
        return True
    reader.pos = start
    node = reader.string()
    if node is not None and node in index().node:
        return attempt(index().node[node], reader, draft)
    reader.pos = start
    return False


def _fill(draft: Draft, data: bytes) -> None:
    length = max(draft.max_size - draft.n_bytes(), 0)
    # An empty payload still writes the zero byte at its place, as in VPP.
    field = Field(8 * (length - 1) if length else 0, 8 * length)
    draft.begin(length, Edit(field, EditKind.FIXED, data[:length].ljust(length, b"\0")))
