"""ESP around payloads in a matrix: header, padding and footer, numbers, encryption (RFC 4303, 2)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vppsh.engine.ipsec.crypto import ESP_BYTES, Transform
from vppsh.engine.ipsec.matrix import Lengths, Matrix
from vppsh.engine.ipsec.sa import Sa
from vppsh.engine.uniform import common
from vppsh.engine.wire import esp

FOOTER_BYTES = esp.FOOTER.itemsize
PADDING = np.arange(1, 256, dtype=np.uint8)
UPPER = np.uint64(32)
LOW = np.uint64(0xFFFFFFFF)


def padded(sa: Sa, lengths: Lengths) -> Lengths:
    """The lengths of payloads with padding and footer, which are encrypted."""
    alignment = sa.alignment
    found: Lengths = -(-(lengths + FOOTER_BYTES) // alignment) * alignment
    return found


def seal(sa: Sa, transform: Transform, packets: Matrix, lengths: Lengths, next_headers: NDArray[np.uint8], first: int) -> None:
    """Make ESP of payloads that begin in column `transform.ahead`; numbers count up from `first`."""
    n = len(packets)
    numbers = np.arange(n, dtype=np.uint64) + np.uint64(first)
    header = np.empty(n, esp.HEADER)
    header["spi"], header["sequence"] = sa.spi, numbers & LOW
    packets[:, :ESP_BYTES] = header.view(np.uint8).reshape(n, ESP_BYTES)
    whole = padded(sa, lengths)
    _pad(packets, transform.ahead, lengths, whole, next_headers)
    high = (numbers >> UPPER).astype(np.uint32) if sa.extended else None
    transform.seal(packets, whole, high, numbers + np.uint64(sa.iv_base))


def _pad(packets: Matrix, ahead: int, lengths: Lengths, whole: Lengths, next_headers: NDArray[np.uint8]) -> None:
    """Padding that counts from 1, its length, the next header."""
    length, end = common(lengths), common(whole)
    if length is not None and end is not None:
        pads = end - length - FOOTER_BYTES
        packets[:, ahead + length : ahead + length + pads] = PADDING[:pads]
        packets[:, ahead + end - 2] = pads
        packets[:, ahead + end - 1] = next_headers
        return
    rows, each = np.arange(len(packets)), whole - lengths - FOOTER_BYTES
    for number in range(int(each.max())):
        some = rows[each > number]
        packets[some, ahead + lengths[some] + number] = number + 1
    packets[rows, ahead + whole - 2] = each
    packets[rows, ahead + whole - 1] = next_headers
