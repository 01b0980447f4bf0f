"""A WireGuard peer in plain Python, after the formulas of the paper (5.4), for tests to talk to.

It shares no code with vppsh but the ciphers of `cryptography`: keys, hashes and messages are spelt out as the paper does.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import struct

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

C0 = hashlib.blake2s(b"Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s").digest()
H0 = hashlib.blake2s(C0 + b"WireGuard v1 zx2c4 Jason@zx2c4.com").digest()


def hash_(*parts: bytes) -> bytes:
    """HASH of the paper."""
    return hashlib.blake2s(b"".join(parts)).digest()


def hmac_(key: bytes, data: bytes) -> bytes:
    """HMAC of the paper."""
    return hmac.new(key, data, hashlib.blake2s).digest()


def kdf(n: int, key: bytes, data: bytes) -> tuple[bytes, ...]:
    """KDF_n of the paper."""
    t0 = hmac_(key, data)
    t1 = hmac_(t0, b"\1")
    t2 = hmac_(t0, t1 + b"\2")
    t3 = hmac_(t0, t2 + b"\3")
    return (t1, t2, t3)[:n]


def aead(key: bytes, counter: int, plain: bytes, covered: bytes) -> bytes:
    """AEAD of the paper."""
    return ChaCha20Poly1305(key).encrypt(struct.pack("<IQ", 0, counter), plain, covered)


def unaead(key: bytes, counter: int, data: bytes, covered: bytes) -> bytes:
    """The way back; cryptography's InvalidTag if it is not authentic."""
    return ChaCha20Poly1305(key).decrypt(struct.pack("<IQ", 0, counter), data, covered)


def mac(key: bytes, data: bytes) -> bytes:
    """MAC of the paper."""
    return hashlib.blake2s(data, key=key, digest_size=16).digest()


def quarter(s: list[int], a: int, b: int, c: int, d: int) -> None:
    """A quarter round of ChaCha (RFC 8439, 2.1)."""
    for x, y, z, turn in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
        s[x] = s[x] + s[y] & 0xFFFFFFFF
        mixed = s[z] ^ s[x]
        s[z] = (mixed << turn | mixed >> 32 - turn) & 0xFFFFFFFF


def hchacha20(key: bytes, nonce: bytes) -> bytes:
    """HChaCha20 (draft-irtf-cfrg-xchacha, 2.2)."""
    s = list(struct.unpack("<16I", b"expand 32-byte k" + key + nonce))
    for _ in range(10):
        for column in range(4):
            quarter(s, column, column + 4, column + 8, column + 12)
        for column in range(4):
            quarter(s, column, 4 + (column + 1) % 4, 8 + (column + 2) % 4, 12 + (column + 3) % 4)
    return struct.pack("<8I", *s[:4], *s[12:])


class NoisePeer:
    """One end of one tunnel: begins handshakes or answers them, then encrypts and decrypts.

    Messages are the payload of UDP.
    """

    def __init__(self, private: bytes, psk: bytes = bytes(32)) -> None:
        self.private = X25519PrivateKey.from_private_bytes(private)
        self.public = self.private.public_key().public_bytes_raw()
        self.other = b""
        self.psk = psk
        self.number = int.from_bytes(os.urandom(4), "little")
        self.other_number = 0
        self.send_key = self.receive_key = b""
        self.sent = 0
        self.cookie = b""
        self.last_mac1 = b""

    def _dh(self, key: X25519PrivateKey, public: bytes) -> bytes:
        return key.exchange(X25519PublicKey.from_public_bytes(public))

    def with_macs(self, body: bytes) -> bytes:
        """A message with mac1 and mac2."""
        self.last_mac1 = mac(hash_(b"mac1----", self.other), body)
        body += self.last_mac1
        return body + (mac(self.cookie, body) if self.cookie else bytes(16))

    def initiation(self, tai64n: bytes) -> bytes:
        """The first message."""
        self._e = X25519PrivateKey.generate()
        e = self._e.public_key().public_bytes_raw()
        c, h = C0, hash_(H0, self.other)
        (c,) = kdf(1, c, e)
        h = hash_(h, e)
        c, k = kdf(2, c, self._dh(self._e, self.other))
        static = aead(k, 0, self.public, h)
        h = hash_(h, static)
        c, k = kdf(2, c, self._dh(self.private, self.other))
        when = aead(k, 0, tai64n, h)
        self._c, self._h = c, hash_(h, when)
        return self.with_macs(struct.pack("<II", 1, self.number) + e + static + when)

    def answer(self, message: bytes) -> bytes:
        """The second message, to a first one."""
        assert len(message) == 148
        assert message[:4] == b"\1\0\0\0"
        assert message[116:132] == mac(hash_(b"mac1----", self.public), message[:116])
        (self.other_number,) = struct.unpack_from("<I", message, 4)
        theirs = message[8:40]
        c, h = C0, hash_(H0, self.public)
        (c,) = kdf(1, c, theirs)
        h = hash_(h, theirs)
        c, k = kdf(2, c, self._dh(self.private, theirs))
        self.other = unaead(k, 0, message[40:88], h)
        h = hash_(h, message[40:88])
        c, k = kdf(2, c, self._dh(self.private, self.other))
        self.other_time = unaead(k, 0, message[88:116], h)
        h = hash_(h, message[88:116])
        mine = X25519PrivateKey.generate()
        e = mine.public_key().public_bytes_raw()
        (c,) = kdf(1, c, e)
        h = hash_(h, e)
        (c,) = kdf(1, c, self._dh(mine, theirs))
        (c,) = kdf(1, c, self._dh(mine, self.other))
        c, t, k = kdf(3, c, self.psk)
        h = hash_(h, t)
        empty = aead(k, 0, b"", h)
        self.receive_key, self.send_key = kdf(2, c, b"")
        self.sent = 0
        return self.with_macs(struct.pack("<III", 2, self.number, self.other_number) + e + empty)

    def finish(self, message: bytes) -> None:
        """Take the second message."""
        assert len(message) == 92
        assert message[:4] == b"\2\0\0\0"
        assert message[60:76] == mac(hash_(b"mac1----", self.public), message[:60])
        self.other_number, receiver = struct.unpack_from("<II", message, 4)
        assert receiver == self.number
        e = message[12:44]
        (c,) = kdf(1, self._c, e)
        h = hash_(self._h, e)
        (c,) = kdf(1, c, self._dh(self._e, e))
        (c,) = kdf(1, c, self._dh(self.private, e))
        c, t, k = kdf(3, c, self.psk)
        h = hash_(h, t)
        assert unaead(k, 0, message[44:60], h) == b""
        self.send_key, self.receive_key = kdf(2, c, b"")
        self.sent = 0

    def seal(self, plain: bytes, counter: int | None = None) -> bytes:
        """A data message, padded as the paper wants it."""
        if counter is None:
            counter, self.sent = self.sent, self.sent + 1
        padded = plain + bytes(-len(plain) % 16)
        return struct.pack("<IIQ", 4, self.other_number, counter) + aead(self.send_key, counter, padded, b"")

    def open(self, message: bytes) -> tuple[int, bytes]:
        """Number and contents of a data message."""
        kind, receiver, counter = struct.unpack_from("<IIQ", message)
        assert (kind, receiver) == (4, self.number)
        return counter, unaead(self.receive_key, counter, message[16:], b"")

    def take_cookie(self, message: bytes) -> None:
        """Take a cookie for the last message sent."""
        kind, receiver = struct.unpack_from("<II", message)
        assert (kind, receiver, len(message)) == (3, self.number, 64)
        key = hchacha20(hash_(b"cookie--", self.other), message[8:24])
        self.cookie = ChaCha20Poly1305(key).decrypt(bytes(4) + message[24:32], message[32:], self.last_mac1)

    def cookie_for(self, message: bytes) -> bytes:
        """A cookie for a handshake message to us, and what it is."""
        (number,) = struct.unpack_from("<I", message, 4)
        nonce, self.given = os.urandom(24), os.urandom(16)
        key = hchacha20(hash_(b"cookie--", self.public), nonce[:16])
        sealed = ChaCha20Poly1305(key).encrypt(bytes(4) + nonce[16:], self.given, message[-32:-16])
        return struct.pack("<II", 3, number) + nonce + sealed
