"""Put the fragments of a packet together: their payloads one after the other, in the buffers in which they came."""

from __future__ import annotations

from vppsh.engine.buffer_data import chain_of, write_chain
from vppsh.engine.buffers import BufferPool

from .assembly import Piece


def join(buffers: BufferPool, header: bytes, pieces: list[Piece]) -> int:
    """Write a header and what is used of every fragment; the first buffer, which is that of the first fragment."""
    payload = []
    for piece in pieces:
        start = piece.header + piece.offset
        payload.append(buffers.packet(piece.index, start + piece.length)[start:])
    write_chain(buffers, [index for piece in pieces for index in chain_of(buffers, piece.index)], header + b"".join(payload))
    return pieces[0].index
