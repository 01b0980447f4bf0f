"""Curve25519 keys (RFC 7748), and their text. VPP counterpart: plugins/wireguard/wireguard_key.c."""

from __future__ import annotations

import base64
import binascii

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

KEY_BYTES = 32
TEXT_LENGTH = 44


class Secret:
    """A private key, with the public one that belongs to it.

    private, public  32 bytes each
    """

    def __init__(self, private: bytes) -> None:
        self.private = private
        self._key = X25519PrivateKey.from_private_bytes(private)
        self.public = self._key.public_key().public_bytes_raw()

    @classmethod
    def generate(cls) -> Secret:
        """A new key. It comes from the operating system: what the engine is given as randomness need not be secret."""
        return cls(X25519PrivateKey.generate().private_bytes_raw())

    def shared_with(self, public: bytes) -> bytes | None:
        """The secret shared with the owner of a public key; None for a key with which everybody has the same one."""
        try:
            return self._key.exchange(X25519PublicKey.from_public_bytes(public))
        except ValueError:
            return None


def key_of_text(text: str) -> bytes | None:
    """The key that 44 characters of base64 stand for; None when they stand for none. What follows them does not count."""
    try:
        data = base64.b64decode(text[:TEXT_LENGTH].encode("ascii", "replace").replace(b"=", b"A"), validate=True)
    except binascii.Error:
        return None
    return data[:KEY_BYTES] if len(text) >= TEXT_LENGTH else None


def text_of_key(key: bytes) -> str:
    """A key in base64."""
    return base64.b64encode(key).decode()
