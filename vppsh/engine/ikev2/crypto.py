"""What IKE does with keys: pseudo-random functions, encrypted messages, signatures (RFC 7296, 2.13 and 3.14; RFC 5282, 4615, 7634).

VPP counterpart: plugins/ikev2/ikev2_crypto.c. Unlike in the dataplane it is a message at a time.
"""

from __future__ import annotations

import hmac
import secrets
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.cmac import CMAC

from vppsh.engine.ikev2.names import Encr
from vppsh.engine.ikev2.transforms import EncrAlgorithm, IntegAlgorithm, PrfAlgorithm

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

KEY_PAD = b"Key Pad for IKEv2"
AES_BLOCK = 16
AEAD_IV = 8
MOST_ROUNDS = 255


class ForgedError(Exception):
    """A message that was not sealed with our keys, or was changed on its way."""


def aes_cmac(key: bytes, data: bytes) -> bytes:
    """The check value of AES with blocks in a chain."""
    mac = CMAC(algorithms.AES(key))
    mac.update(data)
    return mac.finalize()


def prf(algorithm: PrfAlgorithm, key: bytes, data: bytes) -> bytes:
    """Pseudo-random bytes, `algorithm.n_bytes` of them."""
    if algorithm.hash_name:
        return hmac.digest(key, data, algorithm.hash_name)
    if len(key) != algorithm.n_bytes:
        key = aes_cmac(bytes(algorithm.n_bytes), key)  # RFC 4615, 3
    return aes_cmac(key, data)


def prf_plus(algorithm: PrfAlgorithm, key: bytes, seed: bytes, length: int) -> bytes:
    """As many pseudo-random bytes as wanted, up to 255 rounds."""
    made, block = b"", b""
    for number in range(1, MOST_ROUNDS + 1):
        if len(made) >= length:
            return made[:length]
        block = prf(algorithm, key, block + seed + bytes((number,)))
        made += block
    raise ValueError(f"{length} bytes are more than the pseudo-random function has")


def psk_auth(algorithm: PrfAlgorithm, secret: bytes, octets: bytes) -> bytes:
    """What shows that the sender of `octets` knows the shared secret."""
    return prf(algorithm, prf(algorithm, secret, KEY_PAD), octets)


class Sealer(ABC):
    """Encrypts and authenticates what one side sends, or opens it on the other.

    block     plain bytes are padded to a multiple of this
    overhead  how many bytes there are besides those
    """

    block: int
    overhead: int

    def sealed_bytes(self, length: int) -> int:
        """How long so many bytes become."""
        return self.overhead + length + self.block - length % self.block

    @abstractmethod
    def seal(self, head: bytes, plain: bytes) -> bytes:
        """IV, encrypted bytes and check value; `head` is what stands before them in the message."""

    @abstractmethod
    def open(self, head: bytes, sealed: bytes) -> bytes:
        """What was sealed (ForgedError)."""


def sealer(encr: EncrAlgorithm, integ: IntegAlgorithm | None, key: bytes, integ_key: bytes) -> Sealer:
    """For an algorithm with its keys; that of a cipher which authenticates has the salt at its end."""
    if integ is None:
        return AeadSealer(encr, key)
    return CbcSealer(key, integ, integ_key)


def _unpad(plain: bytes) -> bytes:
    if not plain or plain[-1] >= len(plain):
        raise ForgedError
    return plain[: len(plain) - 1 - plain[-1]]


class AeadSealer(Sealer):
    """AES-GCM or ChaCha20-Poly1305."""

    def __init__(self, encr: EncrAlgorithm, key: bytes) -> None:
        secret, self._salt = key[: encr.key_bytes], key[encr.key_bytes :]
        self._cipher = ChaCha20Poly1305(secret) if encr.id is Encr.CHACHA20_POLY1305 else AESGCM(secret)
        self.block, self._icv_bytes = encr.block, encr.icv_bytes
        self.overhead = AEAD_IV + encr.icv_bytes

    def seal(self, head: bytes, plain: bytes) -> bytes:
        """The head is authenticated with it."""
        iv = secrets.token_bytes(AEAD_IV)
        return iv + self._cipher.encrypt(self._salt + iv, pad(plain, self.block), head)

    def open(self, head: bytes, sealed: bytes) -> bytes:
        """By key and check value."""
        if len(sealed) <= AEAD_IV + self._icv_bytes:
            raise ForgedError
        try:
            return _unpad(self._cipher.decrypt(self._salt + sealed[:AEAD_IV], sealed[AEAD_IV:], head))
        except InvalidTag as error:
            raise ForgedError from error


class CbcSealer(Sealer):
    """AES in a chain of blocks, then a check value over everything."""

    def __init__(self, key: bytes, integ: IntegAlgorithm, integ_key: bytes) -> None:
        self._key, self._integ, self._integ_key = key, integ, integ_key
        self.block = AES_BLOCK
        self.overhead = AES_BLOCK + integ.icv_bytes

    def _icv(self, data: bytes) -> bytes:
        algorithm = self._integ
        made = hmac.digest(self._integ_key, data, algorithm.hash_name) if algorithm.hash_name else aes_cmac(self._integ_key, data)
        return made[: algorithm.icv_bytes]

    def seal(self, head: bytes, plain: bytes) -> bytes:
        """Encrypt, then authenticate."""
        iv = secrets.token_bytes(AES_BLOCK)
        encryptor = Cipher(algorithms.AES(self._key), modes.CBC(iv)).encryptor()
        sealed = iv + encryptor.update(pad(plain, self.block)) + encryptor.finalize()
        return sealed + self._icv(head + sealed)

    def open(self, head: bytes, sealed: bytes) -> bytes:
        """Look at the check value, then decrypt."""
        body, icv = sealed[: -self._integ.icv_bytes], sealed[-self._integ.icv_bytes :]
        if len(body) < 2 * AES_BLOCK or len(body) % AES_BLOCK or not hmac.compare_digest(self._icv(head + body), icv):
            raise ForgedError
        decryptor = Cipher(algorithms.AES(self._key), modes.CBC(body[:AES_BLOCK])).decryptor()
        return _unpad(decryptor.update(body[AES_BLOCK:]) + decryptor.finalize())


def pad(plain: bytes, block: int) -> bytes:
    """Zeros up to a whole number of blocks, the last byte saying how many went before it."""
    missing = block - len(plain) % block
    return plain + bytes(missing - 1) + bytes((missing - 1,))


# Signatures: SHA-1 with RSA, what method 1 of RFC 7296 is.


def sign(key: RSAPrivateKey, octets: bytes) -> bytes:
    """The signature of a private key."""
    return key.sign(octets, PKCS1v15(), hashes.SHA1())


def verifies(key: RSAPublicKey, signature: bytes, octets: bytes) -> bool:
    """Whether a signature is that of the key's owner."""
    try:
        key.verify(signature, octets, PKCS1v15(), hashes.SHA1())
    except InvalidSignature:
        return False
    return True


def load_private_key(path: str) -> RSAPrivateKey | None:
    """The RSA key of a PEM file, None if there is none."""
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(Path(path).read_bytes(), None)
    except (OSError, ValueError, TypeError):
        return None
    return key if isinstance(key, RSAPrivateKey) else None


def load_certificate_key(path: str) -> RSAPublicKey | None:
    """The RSA key that the certificate of a PEM file is about, None if there is none."""
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.x509 import load_pem_x509_certificate

    try:
        key = load_pem_x509_certificate(Path(path).read_bytes()).public_key()
    except (OSError, ValueError, TypeError):
        return None
    return key if isinstance(key, RSAPublicKey) else None
