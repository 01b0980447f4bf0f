"""Data messages of a vector, sealed and opened in their buffers: ChaCha20-Poly1305 by number, with nothing besides (RFC 8439)."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import repeat
from operator import length_hint

import numpy as np
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from numpy.typing import NDArray

from vppsh.engine.ipsec.matrix import LONG, Columns, InPlace, Matrix, Places, replace
from vppsh.engine.wire.wireguard import TAG_BYTES
from vppsh.engine.wireguard.window import Counters

NONCE = np.dtype([("zeros", "<u4"), ("counter", "<u8")])


class DataKey:
    """The key of one direction. Packets lie in a matrix, one a row, from column 0 on."""

    def __init__(self, key: bytes) -> None:
        primitive = ChaCha20Poly1305(key)
        self._encrypt, self._decrypt = primitive.encrypt, primitive.decrypt
        # Newer versions of cryptography write to a place that they are given.
        self._encrypt_into, self._decrypt_into = getattr(primitive, "encrypt_into", None), getattr(primitive, "decrypt_into", None)
        self._places = Places()

    def seal_one(self, counter: int, plain: bytes) -> bytes:
        """One packet, encrypted."""
        return self._encrypt(_nonces(np.array([counter], np.uint64))[0], plain, None)

    def open_one(self, counter: int, sealed: bytes) -> bytes | None:
        """One packet, decrypted; None if it is not authentic."""
        try:
            return self._decrypt(_nonces(np.array([counter], np.uint64))[0], sealed, None)
        except InvalidTag:
            return None

    def seal(self, packets: Matrix, lengths: Columns, counters: Counters) -> None:
        """Encrypt `lengths` bytes of each packet; a tag is written behind them."""
        nonces, encrypt, places = _nonces(counters), self._encrypt, self._places_of(packets, lengths)
        if places is not None and self._encrypt_into is not None:
            _run(map(self._encrypt_into, nonces, places.plain, repeat(None), places.sealed))
            return
        replace(packets, 0, lengths, lengths + TAG_BYTES, lambda part, plain: map(encrypt, nonces[part], plain, repeat(None)))

    def open(self, packets: Matrix, lengths: Columns, counters: Counters) -> NDArray[np.bool_]:
        """Decrypt packets of `lengths` bytes and a tag; which are authentic. The bytes of the others are not worth anything."""
        nonces, places = _nonces(counters), self._places_of(packets, lengths)
        authentic = np.ones(len(packets), np.bool_)
        if places is not None and self._decrypt_into is not None:
            left = iter(nonces)
            calls = map(self._decrypt_into, left, places.sealed, repeat(None), places.plain)
            while True:
                try:
                    _run(calls)
                    return authentic
                except InvalidTag:  # go on behind the one that is not authentic
                    authentic[len(authentic) - length_hint(left) - 1] = False

        def open_(part: slice, sealed: list[bytes]) -> Iterable[bytes]:
            try:
                return list(map(self._decrypt, nonces[part], sealed, repeat(None)))
            except InvalidTag:
                return self._open_each(nonces[part], sealed, authentic[part])

        replace(packets, 0, lengths + TAG_BYTES, lengths, open_)
        return authentic

    def _places_of(self, packets: Matrix, lengths: Columns) -> InPlace | None:
        """Where long packets are encrypted and decrypted in their place."""
        if not isinstance(lengths, int) or lengths < LONG or self._encrypt_into is None:
            return None
        return self._places.of(packets, 0, lengths, TAG_BYTES)

    def _open_each(self, nonces: list[bytes], sealed: list[bytes], authentic: NDArray[np.bool_]) -> list[bytes]:
        """One by one: some are not authentic."""
        opened = []
        for position, (nonce, data) in enumerate(zip(nonces, sealed)):
            try:
                opened.append(self._decrypt(nonce, data, None))
            except InvalidTag:
                authentic[position] = False
                opened.append(data[:-TAG_BYTES])
        return opened


def _run(calls: Iterator[object]) -> None:
    """Make calls for what they do."""
    deque(calls, maxlen=0)


def _nonces(counters: Counters) -> list[bytes]:
    nonces = np.zeros(len(counters), NONCE)
    nonces["counter"] = counters
    found: list[bytes] = nonces.view(f"V{NONCE.itemsize}").tolist()
    return found
