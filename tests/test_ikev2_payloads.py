"""Payloads and messages: what is built is read back, what is broken is refused and nothing else, scapy reads the same."""

from __future__ import annotations

import hashlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.contrib.ikev2 import IKEv2, IKEv2_SA

from vppsh.engine.ikev2 import groups
from vppsh.engine.ikev2.crypto import ForgedError, aes_cmac, pad, prf, prf_plus, sealer
from vppsh.engine.ikev2.message import HEADER, Header, nat_hash, open_message, plain_message, sealed_message
from vppsh.engine.ikev2.names import Exchange, Kind, Notice, PrfId, ProtocolId, TransformType
from vppsh.engine.ikev2.payloads import (
    Auth,
    CriticalPayloadError,
    Delete,
    Identity,
    MalformedError,
    Notify,
    Payloads,
    Selector,
    auth_body,
    build,
    delete_body,
    id_body,
    ke_body,
    notify_body,
    parse,
    sa_body,
    split,
    ts_body,
)
from vppsh.engine.ikev2.transforms import (
    ENCRS,
    INTEGS,
    PRFS,
    EncrAlgorithm,
    IntegAlgorithm,
    PrfAlgorithm,
    Proposal,
    Suite,
    Transform,
    is_among,
    select,
)

octets = st.integers(0, 255)
words = st.integers(0, 0xFFFF)
some_bytes = st.binary(max_size=60)
transforms = st.builds(Transform, octets, words, st.sampled_from((0, 0, 128, 256)))
esp_proposals = st.builds(
    Proposal, octets, st.just(ProtocolId.ESP), st.integers(0, 0xFFFFFFFF), st.lists(transforms, max_size=6).map(tuple)
)  # fmt: skip
ike_proposals = st.builds(Proposal, octets, st.just(ProtocolId.IKE), st.just(0), st.lists(transforms, max_size=6).map(tuple))
selectors = st.one_of(
    st.builds(Selector, st.just(4), octets, words, words, st.integers(0, (1 << 32) - 1), st.integers(0, (1 << 32) - 1)),
    st.builds(Selector, st.just(6), octets, words, words, st.integers(0, (1 << 128) - 1), st.integers(0, (1 << 128) - 1)),
)
notices = words.filter(lambda kind: kind not in (Notice.NAT_DETECTION_SOURCE_IP, Notice.NAT_DETECTION_DESTINATION_IP))
notifies = st.builds(Notify, notices, some_bytes, octets, st.integers(0, 0xFFFFFFFF))
deletes = st.one_of(
    st.just(Delete(ProtocolId.IKE)), st.lists(st.integers(0, 0xFFFFFFFF), min_size=1, max_size=5).map(lambda spis: Delete(3, tuple(spis)))
)


@given(
    st.lists(st.one_of(esp_proposals, ike_proposals), min_size=1, max_size=4), st.builds(Identity, octets, some_bytes),
    st.builds(Auth, octets, some_bytes), st.lists(notifies, max_size=3), st.lists(deletes, max_size=2),
    st.lists(selectors, max_size=4), st.binary(min_size=16, max_size=256), st.tuples(words, some_bytes), some_bytes,
)  # fmt: skip
def test_what_is_built_is_read_back(
    proposals: list[Proposal], identity: Identity, auth: Auth, said: list[Notify], gone: list[Delete], ts: list[Selector],
    nonce: bytes, public: tuple[int, bytes], behind: bytes,
) -> None:  # fmt: skip
    chain = build(
        sa_body(proposals), (Kind.NONCE, nonce), ke_body(*public), id_body(Kind.IDI, identity), id_body(Kind.IDR, identity),
        auth_body(auth), ts_body(Kind.TSI, ts), ts_body(Kind.TSR, ts), *map(notify_body, said), *map(delete_body, gone),
    )  # fmt: skip
    found = parse(chain.first, chain.data + behind)
    assert found.proposals == tuple(proposals)
    assert (found.nonce, found.id_i, found.id_r, found.auth) == (nonce, identity, identity, auth)
    assert (found.ts_i, found.ts_r) == (tuple(ts), tuple(ts))
    assert (found.notifies, found.deletes) == (said, gone)
    assert found.key_exchange is not None
    assert (found.key_exchange.group, found.key_exchange.data) == public


@given(octets, st.binary(max_size=200))
def test_any_bytes(first: int, data: bytes) -> None:
    """Read or refused; nothing else comes of them."""
    try:
        found = parse(first, data)
    except (MalformedError, CriticalPayloadError):
        return
    assert isinstance(found, Payloads)
    assert len(found.notifies) + len(found.deletes) <= len(list(split(first, data)))


@given(st.data(), st.lists(esp_proposals, min_size=1, max_size=3), st.lists(selectors, min_size=1, max_size=3))
def test_changed_bytes(data: st.DataObject, proposals: list[Proposal], ts: list[Selector]) -> None:
    chain = build(sa_body(proposals), (Kind.NONCE, bytes(32)), ts_body(Kind.TSI, ts), notify_body(Notify(Notice.REKEY_SA, b"", 3, 7)))
    changed = bytearray(chain.data)
    for at in data.draw(st.lists(st.integers(0, len(changed) - 1), max_size=4)):
        changed[at] = data.draw(octets)
    cut = bytes(changed[: data.draw(st.integers(0, len(changed)))])
    try:
        parse(chain.first, cut)
    except (MalformedError, CriticalPayloadError):
        return


@given(st.lists(ike_proposals, min_size=1, max_size=3))
def test_scapy_reads_proposals(proposals: list[Proposal]) -> None:
    message = plain_message(Header(1, 0, Exchange.IKE_SA_INIT, 8, 0), build(sa_body(proposals)))
    read, found = IKEv2(message)[IKEv2_SA].prop, []
    while read is not None and read.name == "IKEv2 Proposal":
        step, listed = read.trans if read.trans_nb else None, []
        while step is not None and step.name == "IKEv2 Transform":
            listed.append((step.transform_type, step.transform_id, step.key_length or 0))
            step = step.payload
        found.append((read.proposal, listed))
        read = read.payload
    assert found == [(each.number, [(one.type, one.id, one.key_bits) for one in each.transforms]) for each in proposals]


def test_vectors_of_functions() -> None:
    """RFC 4231, test 2; RFC 4493, example 2; RFC 4615, tests 1 to 3; RFC 2202, test 1."""
    by_id = {each.id: each for each in PRFS}
    sha256 = prf(by_id[PrfId.HMAC_SHA2_256], b"Jefe", b"what do ya want for nothing?")
    assert sha256.hex() == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    assert prf(by_id[PrfId.HMAC_SHA1], b"\x0b" * 20, b"Hi There").hex() == "b617318655057264e28bc0b6fb378c8ef146be00"
    key, message = bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c"), bytes.fromhex("6bc1bee22e409f96e93d7e117393172a")
    assert aes_cmac(key, message).hex() == "070a16b46b4d4144f79bdd9dd04a287c"
    cmac, said = by_id[PrfId.AES128_CMAC], bytes(range(20))
    for length, wanted in (
        (18, "84a348a4a45d235babfffc0d2b4da09a"),
        (16, "980ae87b5f4c9c5214f5b6a8455e4c2d"),
        (10, "290d9e112edb09ee141fcf64c0b72f3d"),
    ):
        long_key = bytes(range(16)) + bytes.fromhex("edcb")
        assert prf(cmac, long_key[:length], said).hex() == wanted


@pytest.mark.parametrize("algorithm", PRFS, ids=lambda each: each.id.name)
def test_more_pseudo_random_bytes(algorithm: PrfAlgorithm) -> None:
    """RFC 7296, 2.13, by the letter."""
    key, seed, blocks = bytes(range(algorithm.n_bytes)), b"seed", [b""]
    for number in range(1, 8):
        blocks.append(prf(algorithm, key, blocks[-1] + seed + bytes((number,))))
    whole = b"".join(blocks)
    for length in (0, 1, algorithm.n_bytes, algorithm.n_bytes + 1, 7 * algorithm.n_bytes):
        assert prf_plus(algorithm, key, seed, length) == whole[:length]
    with pytest.raises(ValueError, match="more than"):
        prf_plus(algorithm, key, seed, 256 * algorithm.n_bytes)


SEALS = [
    *((encr, None) for encr in ENCRS if encr.is_aead),
    *((encr, integ) for encr in ENCRS if encr.for_ike and not encr.is_aead for integ in INTEGS if not integ.is_gmac),
]


@pytest.mark.parametrize(("encr", "integ"), SEALS, ids=lambda each: "" if each is None else f"{each.id}-{each.key_bytes}")
def test_seals(encr: EncrAlgorithm, integ: IntegAlgorithm | None) -> None:
    """Opened with the same keys only, and as it was sealed only."""
    key = hashlib.shake_128(b"k").digest(encr.key_bytes + encr.salt_bytes)
    integ_key = b"" if integ is None else hashlib.shake_128(b"i").digest(integ.key_bytes)
    made, other = sealer(encr, integ, key, integ_key), sealer(encr, integ, key[::-1], integ_key[::-1])
    header = Header(1, 2, Exchange.INFORMATIONAL, 8, 3)
    for length in (0, 1, 11, 12, 13, 40):
        message = sealed_message(header, build(notify_body(Notify(40000, bytes(length)))), made)
        read = Header.read(message)
        assert read is not None
        assert read.length == len(message)
        assert open_message(read, message, made).notifies == [Notify(40000, bytes(length))]
        with pytest.raises(ForgedError):
            open_message(read, message, other)
        for at in (0, 20, 30, 35, len(message) // 2, len(message) - 1):
            forged = message[:at] + bytes((message[at] ^ 0x40,)) + message[at + 1 :]
            changed = Header.read(forged)
            assert changed is not None
            with pytest.raises((ForgedError, MalformedError, CriticalPayloadError)):
                open_message(changed, forged, made)
        for short in range(HEADER.size, len(message)):
            with pytest.raises((ForgedError, MalformedError)):
                open_message(read, message[:short], made)


def test_padding() -> None:
    for block in (1, 16):
        for length in range(40):
            padded = pad(b"x" * length, block)
            assert len(padded) % block == 0
            assert len(padded) - length <= block
            assert padded[: len(padded) - 1 - padded[-1]] == b"x" * length


@pytest.mark.parametrize("number", groups.NUMBERS)
def test_groups(number: int) -> None:
    found = groups.group(number)
    assert found is not None
    ours, theirs = found.start(), found.start()
    assert ours.public != theirs.public
    assert len(ours.public) == found.public_bytes
    assert ours.shared(theirs.public) == theirs.shared(ours.public)
    for bad in (b"", bytes(found.public_bytes), b"\xff" * found.public_bytes, theirs.public[:-1], theirs.public + b"\0"):
        with pytest.raises(groups.BadPublicValueError):
            ours.shared(bad)
    one = bytes(found.public_bytes - 1) + b"\1"
    with pytest.raises(groups.BadPublicValueError):
        ours.shared(one)


@pytest.mark.parametrize("bits", sorted(groups.OFFSETS))
def test_primes_are_probably_prime(bits: int) -> None:
    """Both it and half of it (RFC 3526: safe primes); Fermat's test for small bases, which the formula could hardly pass by chance."""
    prime = groups.modp_prime(bits)
    assert prime.bit_length() == bits
    if bits <= 4096:
        assert pow(3, prime - 1, prime) == 1
        assert pow(3, (prime - 1) // 2 - 1, (prime - 1) // 2) == 1


def test_no_group_that_there_is_not() -> None:
    assert [groups.group(number) for number in (0, 3, 13, 26, 31, 65535)] == [None] * 6


AES_CBC, SHA1, PRF_256, MODP = Transform(1, 12, 256), Transform(3, 2), Transform(2, 5), Transform(4, 14)
GCM, ESN, NO_ESN = Transform(1, 20, 256), Transform(5, 1), Transform(5, 0)


def ike(*found: Transform, number: int = 1) -> Proposal:
    return Proposal(number, ProtocolId.IKE, 0, found)


def esp(*found: Transform, number: int = 1) -> Proposal:
    return Proposal(number, ProtocolId.ESP, 99, found)


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        ([ike(AES_CBC, SHA1, PRF_256, MODP)], ike(AES_CBC, SHA1, PRF_256, MODP)),
        ([ike(Transform(1, 3), AES_CBC, SHA1, PRF_256, MODP)], ike(AES_CBC, SHA1, PRF_256, MODP)),
        ([ike(Transform(1, 12, 192), AES_CBC, SHA1, PRF_256, MODP)], ike(Transform(1, 12, 192), SHA1, PRF_256, MODP)),
        ([ike(AES_CBC, PRF_256, MODP), ike(GCM, PRF_256, MODP, number=2)], ike(GCM, PRF_256, MODP, number=2)),
        ([ike(GCM, SHA1, PRF_256, MODP)], ike(GCM, PRF_256, MODP)),
        ([ike(GCM, Transform(3, 0), PRF_256, MODP)], ike(GCM, PRF_256, MODP)),
        ([ike(Transform(1, 11, 0), SHA1, PRF_256, MODP)], None),
        ([ike(Transform(1, 13, 256), SHA1, PRF_256, MODP)], None),
        ([ike(AES_CBC, Transform(3, 9), PRF_256, MODP)], None),
        ([ike(AES_CBC, SHA1, PRF_256)], None),
        ([ike(AES_CBC, SHA1, PRF_256, Transform(4, 0))], None),
        ([ike(Transform(1, 12, 256, b"\0\1"), SHA1, PRF_256, MODP)], None),
        ([ike(AES_CBC, SHA1, PRF_256, MODP, Transform(6, 1))], ike(AES_CBC, SHA1, PRF_256, MODP)),
        ([esp(GCM, ESN)], None),
        ([], None),
    ],
)
def test_choice_for_ike(offered: list[Proposal], chosen: Proposal | None) -> None:
    assert select(offered, ProtocolId.IKE, 0) == chosen


@pytest.mark.parametrize(
    ("offered", "with_group", "chosen"),
    [
        (esp(GCM, ESN, NO_ESN), False, (GCM, ESN)),
        (esp(GCM, NO_ESN, MODP), False, (GCM, NO_ESN)),
        (esp(GCM, NO_ESN, MODP), True, (GCM, NO_ESN, MODP)),
        (esp(AES_CBC, SHA1, NO_ESN), False, (AES_CBC, SHA1, NO_ESN)),
        (esp(AES_CBC, NO_ESN), False, None),
        (esp(AES_CBC, Transform(3, 11), NO_ESN), False, None),
        (esp(Transform(1, 11, 0), Transform(3, 11), NO_ESN), False, (Transform(1, 11, 0), Transform(3, 11), NO_ESN)),
        (esp(Transform(1, 28), NO_ESN), False, (Transform(1, 28), NO_ESN)),
        (esp(Transform(1, 28, 256), NO_ESN), False, (Transform(1, 28, 256), NO_ESN)),
        (esp(GCM), False, None),
    ],
)
def test_choice_for_esp(offered: Proposal, with_group: bool, chosen: tuple[Transform, ...] | None) -> None:
    found = select([offered], ProtocolId.ESP, 1234, with_group=with_group)
    assert (None if found is None else found.transforms) == chosen
    if found is not None:
        assert found.spi == 1234
        assert is_among(found, offered)


def test_a_choice_that_was_not_offered() -> None:
    offered = ike(AES_CBC, GCM, SHA1, PRF_256, MODP)
    assert is_among(ike(AES_CBC, SHA1, PRF_256, MODP), offered)
    for wrong in (
        ike(AES_CBC, GCM, SHA1, PRF_256, MODP), ike(AES_CBC, SHA1, PRF_256, Transform(4, 2)), ike(AES_CBC, SHA1, PRF_256),
        ike(Transform(1, 12, 128), SHA1, PRF_256, MODP), ike(AES_CBC, SHA1, PRF_256, MODP, number=2), esp(AES_CBC, SHA1, PRF_256, MODP),
        ike(),
    ):  # fmt: skip
        assert not is_among(wrong, offered), wrong


def test_an_association_without_check_value_is_never_agreed_on() -> None:
    """Taking the integrity algorithm away from what was offered is no choice."""
    offered = ike(AES_CBC, SHA1, PRF_256, MODP)
    assert not is_among(ike(AES_CBC, PRF_256, MODP), offered)
    assert not is_among(esp(AES_CBC, NO_ESN), esp(AES_CBC, SHA1, NO_ESN))
    assert not is_among(ike(AES_CBC, SHA1, PRF_256), offered)


def test_texts_of_transforms() -> None:
    suite = Suite(ike(AES_CBC, SHA1, PRF_256, MODP))
    texts = [suite.format(kind) for kind in TransformType]
    assert texts == ["encr:aes-cbc-256", "prf:hmac-sha2-256", "integ:sha1-96", "dh-group:modp-2048", ""]
    assert Suite(esp(GCM, ESN)).format(TransformType.ENCR) == "encr:aes-gcm-16"


def test_nat_hash() -> None:
    wanted = hashlib.sha1(struct.pack(">QQ4sH", 7, 8, bytes((10, 0, 0, 1)), 500)).digest()
    assert nat_hash(7, 8, bytes((10, 0, 0, 1)), 500) == wanted
