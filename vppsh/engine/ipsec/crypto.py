"""What an association does to the packets of a vector: encrypt and authenticate, by the `cryptography` package.

Packets lie in a matrix, one a row: the ESP header in column 0, then the IV, what is encrypted, and the check value behind it.
Block ciphers take whole vectors: a key stream or chained blocks are single blocks to encrypt, and those of all packets are
handed over together (blocks.py). What the package does for one message only (AES-GCM, ChaCha20-Poly1305, HMAC) is called once
per packet.
"""

from __future__ import annotations

import enum
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from operator import length_hint

import numpy as np
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.hmac import HMAC
from numpy.typing import NDArray

from vppsh.engine.ipsec.algorithms import CHACHA20_POLY1305, NO_INTEGRITY, Cipher, Integrity, Mode
from vppsh.engine.ipsec.blocks import Chain, KeyStream, chacha20_key_stream, ecb
from vppsh.engine.ipsec.matrix import LONG, Columns, InPlace, Matrix, Places, items, put, replace, strings

ESP_BYTES = 8
SALT_BYTES = 4
NONCE_BYTES = 12
IV = np.dtype(">u8")
NONCE = np.dtype([("salt", ">u4"), ("iv", IV)])
HASHES: dict[str, Callable[[], hashes.HashAlgorithm]] = {
    "md5": hashes.MD5, "sha1": hashes.SHA1, "sha256": hashes.SHA256, "sha384": hashes.SHA384, "sha512": hashes.SHA512,
}  # fmt: skip

Numbers = NDArray[np.uint32]
Verdicts = NDArray[np.uint8]


class Verdict(enum.IntEnum):
    """What became of a packet that was to be decrypted."""

    GOOD = 0
    DECRYPTION_FAILED = 1
    INTEGRITY_FAILED = 2


class Transform(ABC):
    """The cipher and the check value of an association, with its keys.

    iv_bytes, icv_bytes  what a packet carries of each
    """

    def __init__(self, cipher: Cipher, integrity: Integrity) -> None:
        self.iv_bytes = cipher.iv_bytes
        self.icv_bytes = cipher.icv_bytes or integrity.icv_bytes

    @property
    def ahead(self) -> int:
        """What lies before the bytes that are encrypted."""
        return ESP_BYTES + self.iv_bytes

    @abstractmethod
    def seal(self, packets: Matrix, lengths: Columns, high: Numbers | None, ivs: NDArray[np.uint64]) -> None:
        """Write IVs (each made from a number that never comes again), encrypt `lengths` bytes of each packet, write check values.

        high  the upper halves of extended sequence numbers
        """

    @abstractmethod
    def open(self, packets: Matrix, lengths: Columns, high: Numbers | None) -> Verdicts:
        """Verify and decrypt; `lengths` are those of what is encrypted."""


class NullTransform(Transform):
    """Neither encryption nor authentication (RFC 2410): what an IPsec interface may ask for."""

    def seal(self, packets: Matrix, lengths: Columns, high: Numbers | None, ivs: NDArray[np.uint64]) -> None:
        """Nothing to do."""

    def open(self, packets: Matrix, lengths: Columns, high: Numbers | None) -> Verdicts:
        """Everything is good."""
        return np.zeros(len(packets), np.uint8)


class AeadTransform(Transform):
    """AES-GCM (RFC 4106), ChaCha20-Poly1305 (RFC 7634), and AES-GMAC (RFC 4543), which covers the IV and encrypts nothing."""

    def __init__(self, cipher: Cipher, key: bytes, salt: int) -> None:
        super().__init__(cipher, NO_INTEGRITY)
        chacha = cipher is CHACHA20_POLY1305
        primitive = ChaCha20Poly1305(key) if chacha else AESGCM(key)
        self._encrypt, self._decrypt = primitive.encrypt, primitive.decrypt
        # Newer versions of cryptography write to a place that they are given.
        self._encrypt_into, self._decrypt_into = getattr(primitive, "encrypt_into", None), getattr(primitive, "decrypt_into", None)
        self._places = Places()
        self._salt = salt
        self._only_checks = cipher.mode is Mode.GMAC
        self._key_stream = partial(chacha20_key_stream, key) if chacha else KeyStream(ecb(cipher, key), first=2).make

    def seal(self, packets: Matrix, lengths: Columns, high: Numbers | None, ivs: NDArray[np.uint64]) -> None:
        items(packets, ESP_BYTES, IV)[:] = ivs
        nonces, encrypt, icv_bytes = self._nonces(ivs), self._encrypt, self.icv_bytes
        if self._only_checks:
            covered = self._covered_by_gmac(packets, lengths, high)
            put(packets, self.ahead + lengths, icv_bytes, [encrypt(nonce, b"", each) for nonce, each in zip(nonces, covered)])
            return
        covered, places = self._covered(packets, high), self._places_of(packets, lengths, LONG)
        if places is not None and self._encrypt_into is not None:
            _run(map(self._encrypt_into, nonces, places.plain, covered, places.sealed))
            return
        replace(
            packets, self.ahead, lengths, lengths + icv_bytes,
            lambda part, plain: map(encrypt, nonces[part], plain, covered[part]),
        )  # fmt: skip

    def open(self, packets: Matrix, lengths: Columns, high: Numbers | None) -> Verdicts:
        nonces = self._nonces(items(packets, ESP_BYTES, IV))
        verdicts = np.zeros(len(packets), np.uint8)
        if self._only_checks:
            sealed, covered = strings(packets, self.ahead + lengths, self.icv_bytes), self._covered_by_gmac(packets, lengths, high)
            for position, (nonce, value, each) in enumerate(zip(nonces, sealed, covered)):
                try:
                    self._decrypt(nonce, value, each)
                except InvalidTag:
                    verdicts[position] = Verdict.DECRYPTION_FAILED
            return verdicts
        covered, places = self._covered(packets, high), self._places_of(packets, lengths, 1)
        if places is not None and self._decrypt_into is not None:
            left = iter(nonces)
            calls = map(self._decrypt_into, left, places.sealed, covered, places.plain)
            while True:
                try:
                    _run(calls)
                    return verdicts
                except InvalidTag:  # go on behind the one that is not authentic
                    verdicts[len(verdicts) - length_hint(left) - 1] = Verdict.DECRYPTION_FAILED

        def open_(part: slice, sealed: list[bytes]) -> Iterable[bytes]:
            try:
                return list(map(self._decrypt, nonces[part], sealed, covered[part]))
            except InvalidTag:
                return self._open_each(nonces[part], sealed, covered[part], verdicts[part])

        replace(packets, self.ahead, lengths + self.icv_bytes, lengths, open_)
        return verdicts

    def _places_of(self, packets: Matrix, lengths: Columns, least: int) -> InPlace | None:
        """Where packets are encrypted and decrypted in their place: OpenSSL reads and writes the same bytes."""
        if not isinstance(lengths, int) or lengths < least or self._encrypt_into is None:
            return None
        return self._places.of(packets, self.ahead, lengths, self.icv_bytes)

    def _open_each(self, nonces: list[bytes], sealed: list[bytes], covered: list[bytes], verdicts: Verdicts) -> list[bytes]:
        """One by one: some are not authentic. As in VPP these are decrypted in their place, too: traces of drops show that."""
        opened = []
        for position, (nonce, data, each) in enumerate(zip(nonces, sealed, covered)):
            try:
                opened.append(self._decrypt(nonce, data, each))
            except InvalidTag:
                verdicts[position] = Verdict.DECRYPTION_FAILED
                cut = np.frombuffer(data, np.uint8)[: -self.icv_bytes]
                stream = self._key_stream(np.frombuffer(nonce, np.uint8)[None, :], len(cut))[0]
                opened.append((cut ^ stream).tobytes())
        return opened

    def _nonces(self, ivs: NDArray[np.unsignedinteger]) -> list[bytes]:
        nonces = np.empty(len(ivs), NONCE)
        nonces["salt"], nonces["iv"] = self._salt, ivs
        found: list[bytes] = nonces.view(f"V{NONCE_BYTES}").tolist()
        return found

    def _covered(self, packets: Matrix, high: Numbers | None) -> list[bytes]:
        """What is authenticated besides: the ESP header, with the whole sequence number."""
        if high is None:
            return strings(packets, 0, ESP_BYTES)
        return strings(_with_high(packets[:, :ESP_BYTES], high), 0, ESP_BYTES + 4)

    def _covered_by_gmac(self, packets: Matrix, lengths: Columns, high: Numbers | None) -> list[bytes]:
        bodies = strings(packets, ESP_BYTES, lengths + self.iv_bytes)
        return [head + body for head, body in zip(self._covered(packets, high), bodies)]


class HmacTransform(Transform):
    """A block cipher in CBC or CTR mode or none at all, and HMAC (RFC 2104, 4868) over all of it, or nothing."""

    def __init__(self, cipher: Cipher, key: bytes, salt: int, integrity: Integrity, integrity_key: bytes) -> None:
        super().__init__(cipher, integrity)
        self._chain = Chain(ecb(cipher, key)) if cipher.mode is Mode.CBC else None
        self._stream = KeyStream(ecb(cipher, key), first=1) if cipher.mode is Mode.CTR else None
        self._salt = np.frombuffer(salt.to_bytes(SALT_BYTES, "big"), np.uint8)
        self._hmac = Hmac(integrity, integrity_key) if integrity is not NO_INTEGRITY else None

    def seal(self, packets: Matrix, lengths: Columns, high: Numbers | None, ivs: NDArray[np.uint64]) -> None:
        if self._chain is not None:
            packets[:, ESP_BYTES : self.ahead] = self._chain.unpredictable(ivs)
            self._chain.encrypt(packets, ESP_BYTES, lengths)
        elif self._stream is not None:
            items(packets, ESP_BYTES, IV)[:] = ivs
            self._apply_stream(packets, lengths, self._stream)
        if self._hmac is not None:
            put(packets, self.ahead + lengths, self.icv_bytes, self._hmac.values(packets, self.ahead + lengths, high))

    def open(self, packets: Matrix, lengths: Columns, high: Numbers | None) -> Verdicts:
        verdicts = np.zeros(len(packets), np.uint8)
        if self._hmac is not None:
            found = strings(packets, self.ahead + lengths, self.icv_bytes)
            same = [one == other for one, other in zip(found, self._hmac.values(packets, self.ahead + lengths, high))]
            verdicts[~np.array(same)] = Verdict.INTEGRITY_FAILED
        good = verdicts == Verdict.GOOD
        if self._chain is not None:
            verdicts[good & (lengths % self._chain.block != 0)] = Verdict.DECRYPTION_FAILED
            self._chain.decrypt(packets, ESP_BYTES, lengths, verdicts == Verdict.GOOD)
        elif self._stream is not None:
            self._apply_stream(packets, lengths if good.all() else np.where(good, lengths, 0), self._stream)
        return verdicts

    def _apply_stream(self, packets: Matrix, lengths: Columns, stream: KeyStream) -> None:
        nonces = np.empty((len(packets), NONCE_BYTES), np.uint8)
        nonces[:, :SALT_BYTES] = self._salt
        nonces[:, SALT_BYTES:] = packets[:, ESP_BYTES : self.ahead]
        stream.apply(packets, self.ahead, lengths, nonces)


class Hmac:
    """HMAC with one key, cut to the length of the check value."""

    def __init__(self, integrity: Integrity, key: bytes) -> None:
        self._keyed = HMAC(key, HASHES[integrity.hash_name]())
        self._icv_bytes = integrity.icv_bytes

    def value(self, data: bytes) -> bytes:
        """The check value of one message."""
        each = self._keyed.copy()
        each.update(data)
        return each.finalize()[: self._icv_bytes]

    def values(self, packets: Matrix, lengths: Columns, high: Numbers | None) -> list[bytes]:
        """The check values of the first `lengths` bytes of packets, and of the upper halves of their numbers."""
        covered = strings(packets, 0, lengths)
        if high is not None:
            covered = [data + upper for data, upper in zip(covered, strings(_octets(high), 0, 4))]
        return [self.value(data) for data in covered]


def _run(calls: Iterator[object]) -> None:
    """Make calls for what they do."""
    deque(calls, maxlen=0)


def _octets(numbers: Numbers) -> Matrix:
    return numbers.astype(">u4").view(np.uint8).reshape(-1, 4)


def _with_high(headers: Matrix, high: Numbers) -> Matrix:
    """SPI, upper half, lower half."""
    return np.concatenate((headers[:, :4], _octets(high), headers[:, 4:]), axis=1)


def make_transform(cipher: Cipher, key: bytes, salt: int, integrity: Integrity, integrity_key: bytes) -> Transform | None:
    """The transform of an association; None when its cipher has no key to work with."""
    if cipher.key_bytes and len(key) != cipher.key_bytes:
        return None
    if cipher.mode is Mode.NONE and integrity is NO_INTEGRITY:
        return NullTransform(cipher, integrity)
    if cipher.authenticates:
        return AeadTransform(cipher, key, salt)
    return HmacTransform(cipher, key, salt, integrity, integrity_key)
