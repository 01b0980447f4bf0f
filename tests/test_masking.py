"""Secrets are masked, equal ones alike, and nothing else is."""

from __future__ import annotations

import base64
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vppsh.targets.masking import MaskedStream, Masker

KEY = "4a506a794f574265564551694d653768"
BYTES = bytes(range(32))
B64, HEX = base64.b64encode(BYTES).decode(), BYTES.hex()
PUBLIC = base64.b64encode(bytes(range(1, 33))).decode()
MASK = re.compile(r"<masked:[0-9a-f]{8}>")

SECRETS = [
    (f"   crypto alg aes-gcm-128 key {KEY}\n   integrity alg none key [redacted]\n", KEY),
    (f"   integrity alg sha1-96 key {KEY}aabbccdd", KEY + "aabbccdd"),
    (f"  SK_d    {KEY}\n", KEY),
    (f"  SK_a  i:{KEY}\n        r:{HEX}\n", KEY),
    (f"  SK_a  i:{KEY}\n        r:{HEX}\n", HEX),
    ("profile pr1\n  auth-method shared-key-mic auth data my secret words\n  local id-type fqdn data vpp.home\n", "my secret words"),
    ("  auth-method shared-key-mic auth data 0x6d79207365637265", "6d79207365637265"),
    (f"[0] wg0 src:10.0.0.1 port:51820 private-key:{B64} {HEX} public-key:{PUBLIC} 01", B64),
    (f"[0] wg0 src:10.0.0.1 port:51820 private-key:{B64} {HEX} public-key:{PUBLIC} 01", HEX),
    (f"  pre-shared key:{B64} {HEX}\n  public key:{PUBLIC} 01\n", HEX),
    (f"ipsec sa add 1 spi 1 esp crypto-alg aes-cbc-128 crypto-key {KEY} integ-alg sha1-96 integ-key {KEY}ff", KEY + "ff"),
    (f"ipsec sa: unknown input `crypto-key {KEY}'", KEY),
    ("ikev2 profile set pr1 auth shared-key-mic string Vpp123\n", "Vpp123"),
    ("ikev2 profile set pr1 auth shared-key-mic hex 0xabba12\n", "abba12"),
    (f"wireguard create listen-port 51820 private-key {B64} src 10.0.0.1", B64),
    ("app ns add id one secret 1234 sw_if_index 1", "1234"),
    ("Authorization: Bearer abcdef0123456789.x-y\n", "abcdef0123456789.x-y"),
    ("token: eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJrdWJl.c2lnbmF0dXJl\n", "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJrdWJl.c2lnbmF0dXJl"),
    ("-----BEGIN RSA PRIVATE KEY-----\nMIIEow\nIBAAK=\n-----END RSA PRIVATE KEY-----\n", "MIIEow\nIBAAK="),
]
HARMLESS = [
    "   crypto alg aes-gcm-128 key [redacted]\n",
    "   integrity alg none key [redacted]",
    "[0] cnat-client:[10.0.0.1] tr:0 sess:1 locks:2 flags: 00\n",
    f"  public key:{PUBLIC} 0102\n",
    "key 0a0b0c0d0e0f10111213 value 12\n",
    "  auth-method rsa-sig auth data /etc/vpp/cert.pem\n",
    "00:00:01:123456: ip4-lookup\n  fib 0 dpo-idx 4 flow hash: 0x00000000\n  TCP: 10.0.0.1 -> 10.0.0.2\n",
    "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
    "passed: 100\n",
    "wireguard create listen-port <port> private-key <key> src <IP> [generate-key]\n",
    "wireguard peer add <wg_int> [preshared-key <psk_key>] public-key <pub_key_other>\n",
]


@pytest.mark.parametrize(("text", "secret"), SECRETS)
def test_masked(text: str, secret: str) -> None:
    masked = Masker().mask(text)
    assert secret not in masked
    assert MASK.search(masked)
    # Without its masks, the text is what it was without its secrets.
    parts = MASK.split(masked)
    position = 0
    for part in parts:
        found = text.find(part, position)
        assert found >= 0, part
        position = found + len(part)


@pytest.mark.parametrize("text", HARMLESS)
def test_left_alone(text: str) -> None:
    assert Masker().mask(text) == text


def test_equal_secrets_have_equal_masks_however_they_are_written() -> None:
    masker = Masker()
    masks = MASK.findall(masker.mask(f"private-key:{B64} {HEX} public-key:{PUBLIC}\ncrypto-key {HEX.upper()}\n"))
    assert len(masks) == 3
    assert len(set(masks)) == 1
    psk = MASK.findall(masker.mask("auth-method shared-key-mic auth data a long enough psk\n"))
    assert psk == MASK.findall(masker.mask(f"auth-method shared-key-mic auth data 0x{b'a long enough psk'.hex()}\n"))
    assert psk != MASK.findall(masker.mask("auth-method shared-key-mic auth data another long psk\n"))
    assert psk != MASK.findall(Masker().mask("auth-method shared-key-mic auth data a long enough psk\n"))


def test_what_was_a_secret_once_stays_one() -> None:
    masker = Masker()
    masker.mask(f"ipsec sa add 1 crypto-key {KEY}")
    assert KEY not in masker.mask(f"unknown input `{KEY} more'")
    assert masker.mask(masker.mask(f"crypto-key {KEY}")) == masker.mask(f"crypto-key {KEY}")


@given(st.data())
def test_pieces_are_masked_as_the_whole(data: st.DataObject) -> None:
    text = "".join(data.draw(st.lists(st.sampled_from([text for text, _ in SECRETS] + HARMLESS + ["ä\n", "\udcff", "-----BEGIN"]))))
    text = text.replace("-----BEGIN", "\n-----BEGIN")
    whole = text.encode("utf-8", "surrogateescape")
    cuts = sorted(data.draw(st.sets(st.integers(0, len(whole)), max_size=6)))
    masker = Masker()
    stream = MaskedStream(masker)
    given_out = b"".join(stream.feed(whole[start:end]) for start, end in zip([0, *cuts], [*cuts, len(whole)])) + stream.end()
    for text, secret in SECRETS:
        if len(secret) >= 8 and text.encode() in whole:
            assert secret.encode() not in given_out


@given(st.text())
def test_any_text_survives(text: str) -> None:
    masker = Masker()
    masked = masker.mask(text)
    assert masker.mask(masked) == masked
    if not MASK.search(masked):
        assert masked == text


def test_a_private_key_that_was_cut_off_is_masked() -> None:
    assert "MIIEow" not in Masker().mask("-----BEGIN PRIVATE KEY-----\nMIIEow\nIBAAK")
    stream = MaskedStream(Masker())
    shown = stream.feed(b"-----BEGIN PRIVATE KEY-----\nMIIEow\nIBAAK=\n-----END PRIV") + stream.end()
    assert b"MIIEow" not in shown
