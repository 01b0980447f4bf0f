"""MACs of handshake messages, and cookies, by which a peer under load makes others prove where they are (5.4.4, 5.4.7 of the paper).

VPP counterpart: plugins/wireguard/wireguard_cookie.c. XChaCha20-Poly1305 is that of draft-irtf-cfrg-xchacha.
"""

from __future__ import annotations

import enum
import os
from dataclasses import dataclass
from hashlib import blake2s

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20
from msgspec import Struct

from vppsh.engine.fib.types import Protocol
from vppsh.engine.wire.wireguard import MAC_BYTES, MACS_BYTES, CookieReply
from vppsh.engine.wireguard.keys import KEY_BYTES

NONCE_BYTES = 24
SECRET_MAX_AGE = 120.0
LATENCY = 5.0
NANOSECONDS = 10**9
COST = NANOSECONDS // 20
MOST_TOKENS = 5 * COST
IDLE_SECONDS = 1.0
MOST_ADDRESSES = 8 << 13
_SIGMA = b"expand 32-byte k"


def mac(key: bytes, data: bytes) -> bytes:
    """Keyed BLAKE2s of 16 bytes."""
    return blake2s(data, key=key, digest_size=MAC_BYTES).digest()


def label_key(label: bytes, public: bytes) -> bytes:
    """The key for one purpose that everybody knows who knows a public key."""
    return blake2s(label + public).digest()


def xchacha20_poly1305(key: bytes, nonce: bytes) -> tuple[ChaCha20Poly1305, bytes]:
    """The cipher with a nonce of 24 bytes, as the ordinary one: the cipher of a derived key, and the nonce left for it."""
    return ChaCha20Poly1305(_hchacha20(key, nonce[:16])), bytes(4) + nonce[16:]


def _hchacha20(key: bytes, nonce: bytes) -> bytes:
    """HChaCha20: a block of ChaCha20 has the initial state added to what HChaCha20 takes from it; take that off again."""
    block = Cipher(ChaCha20(key, nonce), None).encryptor().update(bytes(64))
    words = zip(_words(block[:16] + block[48:]), _words(_SIGMA + nonce))
    return b"".join((word - added & 0xFFFFFFFF).to_bytes(4, "little") for word, added in words)


def _words(data: bytes) -> list[int]:
    return [int.from_bytes(data[at : at + 4], "little") for at in range(0, len(data), 4)]


class Source(Struct, frozen=True):
    """Where a message comes from: a cookie is good for one such place."""

    protocol: Protocol
    address: int
    port: int

    @property
    def key(self) -> bytes:
        """The bytes that a cookie covers; the port in the host's order, as in VPP."""
        return self.address.to_bytes(self.protocol.bits // 8, "big") + self.port.to_bytes(2, "little")

    @property
    def limited_by(self) -> int:
        """By what the rate is limited: an IPv4 address, or what VPP makes of the upper half of an IPv6 one."""
        return self.address if self.protocol is Protocol.IP4 else self.address >> 96 ^ self.address >> 64 & 0xFFFFFFFF


class CookieMaker:
    """Our side of messages to one peer: appends MACs, and knows the peer's cookie."""

    def __init__(self, public: bytes) -> None:
        self._mac1_key = label_key(b"mac1----", public)
        self._cookie_key = label_key(b"cookie--", public)
        self._cookie = b""
        self._received = 0.0
        self._last_mac1: bytes | None = None

    def with_macs(self, body: bytes, now: float) -> bytes:
        """A message with both MACs, the second one zeros without a cookie."""
        mac1 = self._last_mac1 = mac(self._mac1_key, body)
        fresh = self._cookie and self._received + SECRET_MAX_AGE - LATENCY >= now
        return body + mac1 + (mac(self._cookie, body + mac1) if fresh else bytes(MAC_BYTES))

    def accept(self, reply: CookieReply, now: float) -> bool:
        """Take a cookie; only one for the last message."""
        if self._last_mac1 is None:
            return False
        cipher, nonce = xchacha20_poly1305(self._cookie_key, reply.nonce)
        try:
            self._cookie = cipher.decrypt(nonce, reply.cookie, self._last_mac1)
        except InvalidTag:
            return False
        self._received, self._last_mac1 = now, None
        return True


class MacState(enum.Enum):
    """What the MACs of a message are worth."""

    INVALID = "invalid"
    NO_COOKIE = "no cookie"
    COOKIE = "cookie"
    RATE_LIMITED = "rate limited"


class CookieChecker:
    """Our side of messages from anybody to the owner of a public key."""

    def __init__(self, public: bytes) -> None:
        self.mac1_key = label_key(b"mac1----", public)
        self._cookie_key = label_key(b"cookie--", public)
        self._secret = b""
        self._secret_made = 0.0
        self._limits = {Protocol.IP4: RateLimit(), Protocol.IP6: RateLimit()}

    def check(self, message: bytes, source: Source, now: float, *, busy: bool) -> MacState:
        """What a message's MACs are worth; under load (`busy`) a cookie is looked for, too."""
        body, mac1, mac2 = message[:-MACS_BYTES], message[-MACS_BYTES:-MAC_BYTES], message[-MAC_BYTES:]
        if mac(self.mac1_key, body) != mac1:
            return MacState.INVALID
        if not busy or mac(self._cookie_of(source, now), body + mac1) != mac2:
            return MacState.NO_COOKIE
        return MacState.COOKIE if self._limits[source.protocol].allow(source.limited_by, now) else MacState.RATE_LIMITED

    def reply(self, message: bytes, source: Source, receiver: int, now: float) -> CookieReply:
        """The cookie for the sender of a message, so that nobody else can read it."""
        nonce = os.urandom(NONCE_BYTES)
        cipher, rest = xchacha20_poly1305(self._cookie_key, nonce)
        sealed = cipher.encrypt(rest, self._cookie_of(source, now), message[-MACS_BYTES:-MAC_BYTES])
        return CookieReply(receiver, nonce, sealed)

    def _cookie_of(self, source: Source, now: float) -> bytes:
        if not self._secret or self._secret_made + SECRET_MAX_AGE < now:
            # Whoever could guess this could make cookies for any address.
            self._secret, self._secret_made = os.urandom(KEY_BYTES), now
        return mac(self._secret, source.key)


@dataclass
class Tokens:
    """What an address may still spend (in nanoseconds), and as of when."""

    left: int
    since: float


class RateLimit:
    """Twenty handshakes a second from an address, five at once."""

    def __init__(self) -> None:
        self._addresses: dict[int, Tokens] = {}
        self._last_cleaned = 0.0

    def allow(self, address: int, now: float) -> bool:
        """Whether one more may come."""
        known = self._addresses.get(address)
        if known is None:
            self._clean(now)
            if len(self._addresses) >= MOST_ADDRESSES:
                return False
            known = self._addresses[address] = Tokens(MOST_TOKENS, now)
        known.left = min(MOST_TOKENS, known.left + int((now - known.since) * NANOSECONDS))
        known.since = now
        if known.left < COST:
            return False
        known.left -= COST
        return True

    def _clean(self, now: float) -> None:
        if self._last_cleaned + IDLE_SECONDS < now:
            self._last_cleaned = now
            self._addresses = {address: each for address, each in self._addresses.items() if each.since + IDLE_SECONDS >= now}
