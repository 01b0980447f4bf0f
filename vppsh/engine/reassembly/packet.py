"""Put the fragments of a packet together: their payloads one after the other, in the buffers in which they came."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vppsh.engine.buffer_data import chain_of, write_chain
from vppsh.engine.buffers import BufferPool, Indices
from vppsh.engine.frame import Frame

from .assembly import Piece

# Instead of a buffer that leaves: the fragment is kept.
KEPT = -1


def join(buffers: BufferPool, header: bytes, pieces: list[Piece]) -> int:
    """Write a header and what is used of every fragment; the first buffer, which is that of the first fragment."""
    payload = []
    for piece in pieces:
        start = piece.header + piece.offset
        payload.append(buffers.packet(piece.index, start + piece.length)[start:])
    write_chain(buffers, [index for piece in pieces for index in chain_of(buffers, piece.index)], header + b"".join(payload))
    return pieces[0].index


def become(buffers: BufferPool, frame: Frame, rows: Indices) -> None:
    """Let a frame consist of other buffers."""
    frame.rows, frame.n = rows, len(rows)
    frame.offset = frame.rx = None
    frame.traced = frame.traced or bool((buffers.trace[rows] >= 0).any())


def leave(buffers: BufferPool, frame: Frame, leaving: Indices, nexts: NDArray[np.int32]) -> NDArray[np.int32]:
    """Let a frame consist of the buffers that leave; their nexts, without those of fragments that are kept."""
    stays = leaving != KEPT
    become(buffers, frame, leaving[stays])
    return nexts[stays]
