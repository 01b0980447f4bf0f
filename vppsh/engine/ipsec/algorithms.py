"""The algorithms of security associations: VPP's names, key lengths, and which go together.

VPP counterpart: the lists in vnet/ipsec/ipsec_sa.h and the map in ipsec_sa.c. RFC 2404, 2405, 2451, 3602, 3686, 4106, 4543,
4868, 7634.
"""

from __future__ import annotations

import enum
from types import MappingProxyType

from msgspec import Struct


class Mode(enum.Enum):
    """How a cipher is used: not at all, by chained blocks, as a key stream, with its own check value, for a check value only."""

    NONE = "none"
    CBC = "cbc"
    CTR = "ctr"
    AEAD = "aead"
    GMAC = "gmac"


class Cipher(Struct, frozen=True):
    """An encryption algorithm.

    key_bytes   length of its key
    iv_bytes    what each packet carries of the initialization vector
    block       what is encrypted is padded to a multiple of this
    icv_bytes   length of its own check value
    """

    name: str
    mode: Mode = Mode.NONE
    key_bytes: int = 0
    iv_bytes: int = 0
    block: int = 1
    icv_bytes: int = 0

    def __str__(self) -> str:
        return self.name

    @property
    def authenticates(self) -> bool:
        """Whether it has a check value of its own, and takes no integrity algorithm beside it."""
        return self.icv_bytes > 0


class Integrity(Struct, frozen=True):
    """An integrity algorithm: HMAC with a hash function, cut to `icv_bytes`."""

    name: str
    hash_name: str = ""
    icv_bytes: int = 0

    def __str__(self) -> str:
        return self.name


NO_CIPHER = Cipher("none")
NO_INTEGRITY = Integrity("none")
DES_CBC = Cipher("des-cbc", Mode.CBC, 7, 8, 8)
TRIPLE_DES_CBC = Cipher("3des-cbc", Mode.CBC, 24, 8, 8)
CHACHA20_POLY1305 = Cipher("chacha20-poly1305", Mode.AEAD, 32, 8, 1, 16)
MD5_96 = Integrity("md5-96", "md5", 12)

_AES_BITS = (128, 192, 256)
# In VPP's order, in which its reader tries the names.
CIPHERS = (
    NO_CIPHER,
    *(Cipher(f"aes-cbc-{bits}", Mode.CBC, bits // 8, 16, 16) for bits in _AES_BITS),
    *(Cipher(f"aes-ctr-{bits}", Mode.CTR, bits // 8, 8) for bits in _AES_BITS),
    *(Cipher(f"aes-gcm-{bits}", Mode.AEAD, bits // 8, 8, 1, 16) for bits in _AES_BITS),
    DES_CBC,
    TRIPLE_DES_CBC,
    CHACHA20_POLY1305,
    *(Cipher(f"aes-null-gmac-{bits}", Mode.GMAC, bits // 8, 8, 1, 16) for bits in _AES_BITS),
)
INTEGRITIES = (
    NO_INTEGRITY,
    MD5_96,
    Integrity("sha1-96", "sha1", 12),
    Integrity("sha-256-96", "sha256", 12),
    Integrity("sha-256-128", "sha256", 16),
    Integrity("sha-384-192", "sha384", 24),
    Integrity("sha-512-256", "sha512", 32),
)
CIPHER_BY_NAME = MappingProxyType({cipher.name: cipher for cipher in CIPHERS})
INTEGRITY_BY_NAME = MappingProxyType({integrity.name: integrity for integrity in INTEGRITIES})


def go_together(cipher: Cipher, integrity: Integrity) -> bool:
    """Whether VPP has the pair: a check value of the cipher's own or an HMAC, not both; no HMAC for DES; no MD5 beside a key stream."""
    if integrity is NO_INTEGRITY:
        return True
    if cipher.authenticates or cipher is DES_CBC:
        return False
    return not (cipher.mode is Mode.CTR and integrity is MD5_96)
