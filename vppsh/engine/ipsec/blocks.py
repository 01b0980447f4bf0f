"""Block ciphers over whole vectors: every block of every packet in one call.

A key stream (CTR) is encrypted counters; chained blocks (CBC) decrypt independently of each other, and encrypt one after the
other in a packet but side by side in a vector. So all there is to ask of `cryptography` are single blocks (ECB).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher as BlockCipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES, ChaCha20
from cryptography.hazmat.primitives.ciphers.modes import ECB
from numpy.typing import NDArray

from vppsh.engine.ipsec.algorithms import DES_CBC, TRIPLE_DES_CBC, Cipher
from vppsh.engine.ipsec.matrix import Columns, Matrix, largest, within

AES_BLOCK, DES_BLOCK = 16, 8


class SingleBlocks:
    """A block cipher with one key, applied to arrays whose last axis is a block."""

    def __init__(self, primitive: BlockCipher[ECB], block: int) -> None:
        self.block = block
        self._encrypt: Callable[[bytes], bytes] = primitive.encryptor().update
        self._decrypt: Callable[[bytes], bytes] = primitive.decryptor().update

    def encrypt(self, blocks: Matrix) -> Matrix:
        """Encrypt every block."""
        return np.frombuffer(self._encrypt(blocks.tobytes()), np.uint8).reshape(blocks.shape)

    def decrypt(self, blocks: Matrix) -> Matrix:
        """Decrypt every block."""
        return np.frombuffer(self._decrypt(blocks.tobytes()), np.uint8).reshape(blocks.shape)


def ecb(cipher: Cipher, key: bytes) -> SingleBlocks:
    """The block cipher below an algorithm."""
    if cipher not in (DES_CBC, TRIPLE_DES_CBC):
        return SingleBlocks(BlockCipher(AES(key), ECB()), AES_BLOCK)
    try:  # where cryptography has it since version 43
        from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
    except ImportError:
        from cryptography.hazmat.primitives.ciphers.algorithms import TripleDES
    # DES is triple DES with one key three times. VPP takes seven bytes; the last one of a key is then zero.
    whole = (key + b"\0") * 3 if cipher is DES_CBC else key
    return SingleBlocks(BlockCipher(TripleDES(whole), ECB()), DES_BLOCK)


class KeyStream:
    """Counter mode (RFC 3686): blocks of nonce and counter, encrypted."""

    def __init__(self, blocks: SingleBlocks, first: int) -> None:
        self._blocks = blocks
        self._first = first

    def make(self, nonces: Matrix, length: int) -> Matrix:
        """`length` bytes of key stream for every nonce."""
        n, count = len(nonces), -(-length // AES_BLOCK)
        counters = np.empty((n, count, AES_BLOCK), np.uint8)
        counters[:, :, : nonces.shape[1]] = nonces[:, None, :]
        numbers = np.arange(self._first, self._first + count, dtype=">u4")
        counters[:, :, nonces.shape[1] :] = numbers.view(np.uint8).reshape(count, numbers.itemsize)
        return self._blocks.encrypt(counters).reshape(n, count * AES_BLOCK)[:, :length]

    def apply(self, rows: Matrix, at: int, lengths: Columns, nonces: Matrix) -> None:
        """Encrypt or decrypt `lengths` bytes from column `at` of every row."""
        longest = largest(lengths)
        stream = self.make(nonces, longest)
        if not isinstance(lengths, int):
            stream = stream * within(stream, 0, lengths)
        rows[:, at : at + longest] ^= stream


def chacha20_key_stream(key: bytes, nonces: Matrix, length: int) -> Matrix:
    """`length` bytes of the key stream that ChaCha20-Poly1305 encrypts with (RFC 8439, 2.8), for every nonce."""
    streams = []
    for nonce in nonces:
        first = (1).to_bytes(4, "little") + nonce.tobytes()
        streams.append(BlockCipher(ChaCha20(key, first), None).encryptor().update(bytes(length)))
    return np.frombuffer(b"".join(streams), np.uint8).reshape(len(nonces), length)


class Chain:
    """Cipher block chaining (RFC 3602, 2451): the block before the first one is the IV."""

    def __init__(self, blocks: SingleBlocks) -> None:
        self._blocks = blocks
        self.block = blocks.block

    def unpredictable(self, numbers: NDArray[np.uint64]) -> Matrix:
        """IVs that nobody foresees, from numbers that do not come again: encrypted, as VPP makes them."""
        blocks = np.zeros((len(numbers), self.block), np.uint8)
        blocks[:, :8] = numbers.view(np.uint8).reshape(-1, 8)
        return self._blocks.encrypt(blocks)

    def encrypt(self, rows: Matrix, at: int, lengths: Columns) -> None:
        """Encrypt `lengths` bytes (whole blocks) behind the IV in column `at` of every row."""
        size = self.block
        last = rows[:, at : at + size].copy()
        for number in range(largest(lengths) // size):
            begin = at + (number + 1) * size
            chosen: slice | NDArray[np.intp] = slice(None) if isinstance(lengths, int) else np.flatnonzero(lengths > number * size)
            last[chosen] = self._blocks.encrypt(rows[chosen, begin : begin + size] ^ last[chosen])
            rows[chosen, begin : begin + size] = last[chosen]

    def decrypt(self, rows: Matrix, at: int, lengths: Columns, chosen: NDArray[np.bool_]) -> None:
        """Decrypt `lengths` bytes behind the IV in column `at` of the rows that a mask chooses."""
        size = self.block
        count = largest(lengths) // size
        width = (count + 1) * size
        chained = rows[:, at : at + width].copy()
        plain = self._blocks.decrypt(chained[:, size:].reshape(len(rows), count, size)).reshape(len(rows), count * size)
        plain = plain ^ chained[:, : count * size]
        if not isinstance(lengths, int) or not chosen.all():
            plain = np.where(within(plain, 0, np.where(chosen, lengths, 0)), plain, chained[:, size:])
        rows[:, at + size : at + width] = plain
