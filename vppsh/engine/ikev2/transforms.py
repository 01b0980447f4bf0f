"""Transforms and proposals, what of them vppsh can do, and the choice among those of a peer (RFC 7296, 2.7 and 3.3).

VPP counterpart: ikev2_crypto_init and ikev2_select_proposal.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct
from msgspec.structs import replace

from vppsh.engine.ikev2 import groups
from vppsh.engine.ikev2.names import GMACS, NAMES_OF_TYPE, TYPE_NAMES, Encr, Integ, PrfId, ProtocolId, TransformType, name_of

KEY_LENGTH = 14
FIXED = 0x8000
"""In front of an attribute's type: a value of two bytes follows."""
AEAD_SALT = 4
ESN_YES, ESN_NO = 1, 0


class Transform(Struct, frozen=True):
    """A transform as it is on the wire.

    key_bits  its only attribute, 0 without one
    unknown   attributes that vppsh does not know, which make the transform one that it does not know
    """

    type: int
    id: int
    key_bits: int = 0
    unknown: bytes = b""


class Proposal(Struct, frozen=True):
    """Transforms of which one of each type is to be chosen; `spi` is 0 in IKE_SA_INIT."""

    number: int
    protocol: int
    spi: int = 0
    transforms: tuple[Transform, ...] = ()

    def first(self, kind: TransformType) -> Transform | None:
        """The first transform of a type."""
        return next((each for each in self.transforms if each.type == kind), None)


class EncrAlgorithm(Struct, frozen=True):
    """A cipher.

    key_bytes   without salt; `salt_bytes` of a packet's nonce come with the key
    block       what is encrypted is padded to a multiple of this in IKE messages
    icv_bytes   of its own check value
    """

    id: Encr
    key_bytes: int
    block: int = 16
    salt_bytes: int = 0
    icv_bytes: int = 0
    for_ike: bool = True

    @property
    def is_aead(self) -> bool:
        """Whether it authenticates, too."""
        return self.icv_bytes > 0

    @property
    def transforms(self) -> tuple[Transform, ...]:
        """As it is offered. VPP says how long a key of ChaCha20 is, and looks at the first only; others do not say it (RFC 7634)."""
        with_length = Transform(TransformType.ENCR, self.id, 8 * self.key_bytes)
        return (with_length, Transform(TransformType.ENCR, self.id)) if self.id is Encr.CHACHA20_POLY1305 else (with_length,)


class PrfAlgorithm(Struct, frozen=True):
    """A pseudo-random function: HMAC with a hash function, or AES-CMAC without one. Keys and results have `n_bytes`."""

    id: PrfId
    hash_name: str
    n_bytes: int


class IntegAlgorithm(Struct, frozen=True):
    """A check value, `icv_bytes` of HMAC with a hash function or of AES-CMAC without one; GMACs belong to ESP."""

    id: int
    hash_name: str
    key_bytes: int
    icv_bytes: int

    @property
    def is_gmac(self) -> bool:
        """Whether it is one that ESP uses instead of a cipher."""
        return self.id in GMACS


# In VPP's order of preference.
ENCRS = (
    EncrAlgorithm(Encr.NULL, 0, 1, for_ike=False),
    *(made for n in (32, 24, 16) for made in (EncrAlgorithm(Encr.AES_CBC, n), EncrAlgorithm(Encr.AES_CTR, n, 1, AEAD_SALT, for_ike=False))),
    *(EncrAlgorithm(Encr.AES_GCM_16, n, 16, AEAD_SALT, 16) for n in (32, 24, 16)),
    EncrAlgorithm(Encr.CHACHA20_POLY1305, 32, 1, AEAD_SALT, 16),
)
PRFS = (
    PrfAlgorithm(PrfId.HMAC_SHA2_256, "sha256", 32),
    PrfAlgorithm(PrfId.HMAC_SHA2_384, "sha384", 48),
    PrfAlgorithm(PrfId.HMAC_SHA2_512, "sha512", 64),
    PrfAlgorithm(PrfId.HMAC_SHA1, "sha1", 20),
    PrfAlgorithm(PrfId.AES128_CMAC, "", 16),
)
INTEGS = (
    IntegAlgorithm(12, "sha256", 32, 16),
    IntegAlgorithm(13, "sha384", 48, 24),
    IntegAlgorithm(14, "sha512", 64, 32),
    IntegAlgorithm(7, "sha1", 20, 20),
    IntegAlgorithm(2, "sha1", 20, 12),
    IntegAlgorithm(Integ.AES_CMAC_96, "", 16, 12),
    *(IntegAlgorithm(integ, "", n, 16) for integ, n in zip(GMACS, (16, 24, 32))),
)


def find_encr(number: int, key_bits: int) -> EncrAlgorithm | None:
    """The cipher of a number with keys of a length."""
    return next((each for each in ENCRS if each.id == number and each.key_bytes == key_bits // 8), None)


def find_cipher(transform: Transform) -> EncrAlgorithm | None:
    """The cipher that a transform says."""
    return next((each for each in ENCRS if transform in each.transforms), None)


def find_integ(number: int) -> IntegAlgorithm | None:
    """The integrity algorithm of a number."""
    return next((each for each in INTEGS if each.id == number), None)


def is_supported(transform: Transform) -> bool:
    """Whether vppsh can do what a transform says."""
    if transform.unknown:
        return False
    match transform.type:
        case TransformType.ENCR:
            return find_cipher(transform) is not None
        case TransformType.PRF:
            return any(each.id == transform.id for each in PRFS)
        case TransformType.INTEG:
            return find_integ(transform.id) is not None
        case TransformType.DH:
            return groups.group(transform.id) is not None
        case TransformType.ESN:
            return transform.id in (ESN_NO, ESN_YES)
    return False


class Suite(Struct, frozen=True):
    """What both sides agreed on: one proposal with one transform of a type, and what these stand for."""

    proposal: Proposal

    @property
    def encr(self) -> EncrAlgorithm | None:
        """The cipher."""
        found = self.proposal.first(TransformType.ENCR)
        return None if found is None else find_cipher(found)

    @property
    def prf(self) -> PrfAlgorithm | None:
        """The pseudo-random function."""
        found = self.proposal.first(TransformType.PRF)
        return None if found is None else next((each for each in PRFS if each.id == found.id), None)

    @property
    def integ(self) -> IntegAlgorithm | None:
        """The integrity algorithm, None beside a cipher that authenticates."""
        found = self.proposal.first(TransformType.INTEG)
        return None if found is None else find_integ(found.id)

    @property
    def dh(self) -> int:
        """The number of the group, 0 for none."""
        found = self.proposal.first(TransformType.DH)
        return 0 if found is None else found.id

    @property
    def extended(self) -> bool:
        """Whether ESP has sequence numbers of 64 bits."""
        found = self.proposal.first(TransformType.ESN)
        return found is not None and found.id == ESN_YES

    def format(self, kind: TransformType) -> str:
        """`encr:aes-cbc-256`; nothing for a type that is not there. VPP tells the key length of AES-CBC only."""
        found = self.proposal.first(kind)
        if found is None or not is_supported(found):
            return ""
        length = f"-{found.key_bits}" if kind is TransformType.ENCR and found.id == Encr.AES_CBC else ""
        return f"{TYPE_NAMES[kind]}:{name_of(NAMES_OF_TYPE[kind], found.id)}{length}"


MANDATORY = {
    ProtocolId.IKE: {TransformType.ENCR, TransformType.PRF, TransformType.DH},
    ProtocolId.ESP: {TransformType.ENCR, TransformType.ESN},
}
OPTIONAL = {ProtocolId.IKE: {TransformType.INTEG}, ProtocolId.ESP: {TransformType.INTEG, TransformType.DH}}


def _fits_ike(transform: Transform) -> bool:
    if transform.type == TransformType.ENCR:
        encr = find_cipher(transform)
        return encr is not None and encr.for_ike
    return transform.type != TransformType.INTEG or transform.id not in GMACS


def select(offered: Iterable[Proposal], protocol: ProtocolId, spi: int, *, with_group: bool = True) -> Proposal | None:
    """The first proposal of which vppsh can do a transform of each type that is needed, with those and our `spi`; None if none.

    Of each type the peer's first transform counts that is supported, as in VPP. Without `with_group` no group is chosen: there is no
    key exchange.
    """
    for proposal in offered:
        if proposal.protocol != protocol:
            continue
        chosen: dict[int, Transform] = {}
        for transform in proposal.transforms:
            # Integrity NONE and group NONE say that there is to be none.
            is_none = not transform.id and transform.type in (TransformType.INTEG, TransformType.DH)
            if is_none or (transform.type == TransformType.DH and not with_group):
                continue
            if transform.type not in chosen and is_supported(transform) and (protocol is not ProtocolId.IKE or _fits_ike(transform)):
                chosen[transform.type] = transform
        if set(chosen) >= MANDATORY[protocol] and set(chosen) <= MANDATORY[protocol] | OPTIONAL[protocol] and _protects(chosen):
            return replace(proposal, spi=spi, transforms=tuple(chosen.values()))
    return None


def proposal_of(offered: Iterable[Proposal], chosen: Proposal) -> Proposal:
    """Of which proposal a choice is: the first with its number, protocol and transforms."""
    return next(
        each for each in offered
        if (each.number, each.protocol) == (chosen.number, chosen.protocol) and set(chosen.transforms) <= set(each.transforms)
    )  # fmt: skip


def _protects(chosen: dict[int, Transform]) -> bool:
    """Whether all is authenticated, once: by the cipher, which makes another algorithm superfluous, or by an algorithm of its own."""
    encr = find_cipher(chosen[TransformType.ENCR])
    if encr is not None and encr.is_aead:
        chosen.pop(TransformType.INTEG, None)
        return True
    integ = find_integ(chosen[TransformType.INTEG].id) if TransformType.INTEG in chosen else None
    return encr is not None and integ is not None and (encr.id is Encr.NULL or not integ.is_gmac)


def is_among(chosen: Proposal, offered: Proposal) -> bool:
    """Whether a peer's choice is one of what it was offered: a transform of each type that is needed, and nothing left unprotected."""
    by_type = {each.type: each for each in chosen.transforms}
    protocol = ProtocolId(offered.protocol)
    return (
        (chosen.protocol, chosen.number) == (offered.protocol, offered.number)
        and len(by_type) == len(chosen.transforms)
        and set(chosen.transforms) <= set(offered.transforms)
        and set(by_type) >= MANDATORY[protocol]
        and _protects(by_type)
    )
