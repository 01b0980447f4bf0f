"""Key agreement: Diffie-Hellman over primes and over elliptic curves (RFC 2409, 3526, 5114, 5903).

VPP counterpart: ikev2_generate_dh and ikev2_complete_dh in plugins/ikev2/ikev2_crypto.c. Elliptic curves are those of the
`cryptography` package, which is to lose what it has of primes.
"""

from __future__ import annotations

import secrets
from abc import ABC, abstractmethod
from functools import cache

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec

PI_TERM = 130
"""A prime of RFC 2409 or 3526 has the first bits of pi in its middle, `bits - PI_TERM` of them, and ones at both ends."""
OFFSETS = {768: 149686, 1024: 129093, 1536: 741804, 2048: 124476, 3072: 1690314, 4096: 240904, 6144: 929484, 8192: 4743158}
GENERATOR = 2
EXPONENT_BITS = 640
"""Of a private key: twice as many as the largest prime is strong (RFC 3526, 8)."""

# RFC 5114: (prime, generator).
PRIME_1024_160 = (
    "b10b8f96a080e01dde92de5eae5d54ec52c99fbcfb06a3c69a6a9dca52d23b616073e28675a23d189838ef1e2ee652c013ecb4aea906112324975c3cd49b83bf"
    "accbdd7d90c4bd7098488e9c219a73724effd6fae5644738faa31a4ff55bccc0a151af5f0dc8b4bd45bf37df365c1a65e68cfda76d4da708df1fb2bc2e4a4371"
)
GENERATOR_1024_160 = (
    "a4d1cbd5c3fd34126765a442efb99905f8104dd258ac507fd6406cff14266d31266fea1e5c41564b777e690f5504f213160217b4b01b886a5e91547f9e2749f4"
    "d7fbd7d3b9a92ee1909d0d2263f80a76a6a24c087a091f531dbf0a0169b6a28ad662a4d18e73afa32d779d5918d08bc8858f4dcef97c2a24855e6eeb22b3b2e5"
)
PRIME_2048_224 = (
    "ad107e1e9123a9d0d660faa79559c51fa20d64e5683b9fd1b54b1597b61d0a75e6fa141df95a56dbaf9a3c407ba1df15eb3d688a309c180e1de6b85a1274a0a6"
    "6d3f8152ad6ac2129037c9edefda4df8d91e8fef55b7394b7ad5b7d0b6c12207c9f98d11ed34dbf6c6ba0b2c8bbc27be6a00e0a0b9c49708b3bf8a3170918836"
    "81286130bc8985db1602e714415d9330278273c7de31efdc7310f7121fd5a07415987d9adc0a486dcdf93acc44328387315d75e198c641a480cd86a1b9e587e8"
    "be60e69cc928b2b9c52172e413042e9b23f10b0e16e79763c9b53dcf4ba80a29e3fb73c16b8e75b97ef363e2ffa31f71cf9de5384e71b81c0ac4dffe0c10e64f"
)
GENERATOR_2048_224 = (
    "ac4032ef4f2d9ae39df30b5c8ffdac506cdebe7b89998caf74866a08cfe4ffe3a6824a4e10b9a6f0dd921f01a70c4afaab739d7700c29f52c57db17c620a8652"
    "be5e9001a8d66ad7c17669101999024af4d027275ac1348bb8a762d0521bc98ae247150422ea1ed409939d54da7460cdb5f6c6b250717cbef180eb34118e98d1"
    "19529a45d6f834566e3025e316a330efbb77a86f0c1ab15b051ae3d428c8f8acb70a8137150b8eeb10e183edd19963ddd9e263e4770589ef6aa21e7f5f2ff381"
    "b539cce3409d13cd566afbb48d6c019181e1bcfe94b30269edfe72fe9b6aa4bd7b5a0f1c71cfff4c19c418e1f6ec017981bc087f2a7065b384b890d3191f2bfa"
)
PRIME_2048_256 = (
    "87a8e61db4b6663cffbbd19c651959998ceef608660dd0f25d2ceed4435e3b00e00df8f1d61957d4faf7df4561b2aa3016c3d91134096faa3bf4296d830e9a7c"
    "209e0c6497517abd5a8a9d306bcf67ed91f9e6725b4758c022e0b1ef4275bf7b6c5bfc11d45f9088b941f54eb1e59bb8bc39a0bf12307f5c4fdb70c581b23f76"
    "b63acae1caa6b7902d52526735488a0ef13c6d9a51bfa4ab3ad8347796524d8ef6a167b5a41825d967e144e5140564251ccacb83e6b486f6b3ca3f7971506026"
    "c0b857f689962856ded4010abd0be621c3a3960a54e710c375f26375d7014103a4b54330c198af126116d2276e11715f693877fad7ef09cadb094ae91e1a1597"
)
GENERATOR_2048_256 = (
    "3fb32c9b73134d0b2e77506660edbd484ca7b18f21ef205407f4793a1a0ba12510dbc15077be463fff4fed4aac0bb555be3a6c1b0c6b47b1bc3773bf7e8c6f62"
    "901228f8c28cbb18a55ae31341000a650196f931c77a57f2ddf463e5e9ec144b777de62aaab8a8628ac376d282d6ed3864e67982428ebc831d14348f6f2f9193"
    "b5045af2767164e1dfc967c1fb3f2e55a4bd1bffe83b9c80d052b985d182ea0adb2a3b7313d3fe14c8484b1e052588b9b7d2bbd2df016199ecd06e1557cd0915"
    "b3353bbb64e0ec377fd028370df92b52c7891428cdc67eb6184b523d1db246c32f63078490f00ef8d647d148d47954515e2327cfef98c582664b4c0f6cc41659"
)


class BadPublicValueError(Exception):
    """What a peer sent is no public value of the group."""


class Agreement(ABC):
    """One side of an agreement.

    public  what the peer is told
    """

    public: bytes

    @abstractmethod
    def shared(self, peer: bytes) -> bytes:
        """The secret that both sides know, from what the peer told us (BadPublicValueError)."""


class Group(ABC):
    """A group; `public_bytes` is the length of its public values."""

    public_bytes: int

    @abstractmethod
    def start(self) -> Agreement:
        """A new private key."""


class ModpAgreement(Agreement):
    """Over a prime. Plain arithmetic: the time it takes depends on the private key, which is good enough for a laboratory."""

    def __init__(self, prime: int, generator: int, n_bytes: int) -> None:
        self._prime, self._bytes = prime, n_bytes
        self._exponent = secrets.randbits(EXPONENT_BITS) | 1 << EXPONENT_BITS - 1
        self.public = pow(generator, self._exponent, prime).to_bytes(n_bytes, "big")

    def shared(self, peer: bytes) -> bytes:
        """As long as the prime."""
        value = int.from_bytes(peer, "big")
        # 0, 1 and p - 1 would make a secret that everybody knows.
        if len(peer) != self._bytes or not 1 < value < self._prime - 1:
            raise BadPublicValueError
        return pow(value, self._exponent, self._prime).to_bytes(self._bytes, "big")


class Modp(Group):
    """Numbers modulo a prime."""

    def __init__(self, prime: int, generator: int) -> None:
        self._prime, self._generator = prime, generator
        self.public_bytes = -(-prime.bit_length() // 8)

    def start(self) -> ModpAgreement:
        """A new private key."""
        return ModpAgreement(self._prime, self._generator, self.public_bytes)


class EcpAgreement(Agreement):
    """Over an elliptic curve."""

    def __init__(self, curve: ec.EllipticCurve, coordinate_bytes: int) -> None:
        self._curve, self._bytes = curve, coordinate_bytes
        self._key = ec.generate_private_key(curve)
        point = self._key.public_key().public_numbers()
        self.public = point.x.to_bytes(coordinate_bytes, "big") + point.y.to_bytes(coordinate_bytes, "big")

    def shared(self, peer: bytes) -> bytes:
        """The first coordinate (RFC 5903, 7)."""
        if len(peer) != 2 * self._bytes:
            raise BadPublicValueError
        x, y = int.from_bytes(peer[: self._bytes], "big"), int.from_bytes(peer[self._bytes :], "big")
        try:
            point = ec.EllipticCurvePublicNumbers(x, y, self._curve).public_key()
        except ValueError as error:
            raise BadPublicValueError from error
        return self._key.exchange(ec.ECDH(), point)


class Ecp(Group):
    """Points of an elliptic curve: both coordinates, one behind the other."""

    def __init__(self, curve: ec.EllipticCurve) -> None:
        self._curve = curve
        self._coordinate_bytes = -(-curve.key_size // 8)
        self.public_bytes = 2 * self._coordinate_bytes

    def start(self) -> EcpAgreement:
        """A new private key."""
        return EcpAgreement(self._curve, self._coordinate_bytes)


def pi_bits(n: int) -> int:
    """The whole part of pi times 2^n (Machin's formula, in whole numbers)."""
    guard = 64
    one = 1 << (n + guard)

    def arctan_of_inverse(x: int) -> int:
        term = total = one // x
        divisor, sign, square = 3, -1, x * x
        while term:
            term //= square
            total += sign * (term // divisor)
            divisor, sign = divisor + 2, -sign
        return total

    return 4 * (4 * arctan_of_inverse(5) - arctan_of_inverse(239)) >> guard


def modp_prime(bits: int) -> int:
    """2^n - 2^(n-64) - 1 + 2^64 * (pi_bits(n - 130) + offset): the primes of RFC 2409 and 3526."""
    return (1 << bits) - (1 << bits - 64) - 1 + (pi_bits(bits - PI_TERM) + OFFSETS[bits] << 64)


CURVES: dict[int, type[ec.EllipticCurve]] = {19: ec.SECP256R1, 20: ec.SECP384R1, 21: ec.SECP521R1, 25: ec.SECP192R1}
MODP_BITS = {1: 768, 2: 1024, 5: 1536, 14: 2048, 15: 3072, 16: 4096, 17: 6144, 18: 8192}
MODP_RFC_5114 = {
    22: (PRIME_1024_160, GENERATOR_1024_160),
    23: (PRIME_2048_224, GENERATOR_2048_224),
    24: (PRIME_2048_256, GENERATOR_2048_256),
}
NUMBERS = (21, 20, 19, 25, 24, 23, 22, 18, 17, 16, 15, 14, 5, 2, 1)
"""Of the groups, in VPP's order of preference."""


@cache
def group(number: int) -> Group | None:
    """The group of a number, None of one that there is not (or that the crypto library refuses)."""
    if number in MODP_BITS:
        return Modp(modp_prime(MODP_BITS[number]), GENERATOR)
    if number in MODP_RFC_5114:
        prime, generator = MODP_RFC_5114[number]
        return Modp(int(prime, 16), int(generator, 16))
    if number not in CURVES:
        return None
    made = Ecp(CURVES[number]())
    try:
        made.start()
    except (UnsupportedAlgorithm, ValueError):
        return None
    return made
