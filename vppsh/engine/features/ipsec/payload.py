"""ESP around payloads in a matrix: header, padding and footer, numbers, encryption (RFC 4303, 2)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vppsh.engine.ipsec.crypto import Transform
from vppsh.engine.ipsec.matrix import Columns, Matrix, items
from vppsh.engine.ipsec.sa import Sa
from vppsh.engine.wire import esp

FOOTER_BYTES = esp.FOOTER.itemsize
PADDING = np.arange(1, 256, dtype=np.uint8)
UPPER = np.uint64(32)
LOW = np.uint64(0xFFFFFFFF)


def padded(sa: Sa, lengths: Columns) -> Columns:
    """The lengths of payloads with padding and footer, which are encrypted."""
    alignment = sa.alignment
    return -(-(lengths + FOOTER_BYTES) // alignment) * alignment


def seal(sa: Sa, transform: Transform, packets: Matrix, lengths: Columns, next_headers: NDArray[np.uint8], first: int) -> None:
    """Make ESP of payloads that begin in column `transform.ahead`; numbers count up from `first`.

    next_headers  one each, or a single one
    """
    n = len(packets)
    numbers = np.arange(n, dtype=np.uint64) + np.uint64(first)
    header = items(packets, 0, esp.HEADER)
    header["spi"], header["sequence"] = sa.spi, numbers & LOW
    whole = padded(sa, lengths)
    _pad(packets, transform.ahead, lengths, whole, next_headers)
    high = (numbers >> UPPER).astype(np.uint32) if sa.extended else None
    transform.seal(packets, whole, high, numbers + np.uint64(sa.iv_base))


def _pad(packets: Matrix, ahead: int, lengths: Columns, whole: Columns, next_headers: NDArray[np.uint8]) -> None:
    """Padding that counts from 1, its length, the next header."""
    if isinstance(lengths, int) and isinstance(whole, int):
        pads = whole - lengths - FOOTER_BYTES
        packets[:, ahead + lengths : ahead + lengths + pads] = PADDING[:pads]
        packets[:, ahead + whole - 2] = pads
        packets[:, ahead + whole - 1] = next_headers
        return
    rows = np.arange(len(packets))
    lengths = np.broadcast_to(lengths, len(packets))
    each = np.broadcast_to(whole, len(packets)) - lengths - FOOTER_BYTES
    for number in range(int(each.max())):
        some = rows[each > number]
        packets[some, ahead + lengths[some] + number] = number + 1
    packets[rows, ahead + whole - 2] = each
    packets[rows, ahead + whole - 1] = next_headers
