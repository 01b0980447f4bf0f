"""The handshake, Noise_IKpsk2 over Curve25519, ChaCha20-Poly1305 and BLAKE2s: what its messages hold and what is made of them.

"WireGuard: Next Generation Kernel Network Tunnel", 5.4; the Noise Protocol Framework, 7.5. VPP counterpart:
plugins/wireguard/wireguard_noise.c.

    <- s
    -> e, es, s, ss, {timestamp}
    <- e, ee, se, psk, {}
"""

from __future__ import annotations

import enum
import hmac
from dataclasses import dataclass
from hashlib import blake2s

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from msgspec import Struct

from vppsh.engine.wire.wireguard import Initiation, Response
from vppsh.engine.wireguard.keys import KEY_BYTES, Secret

CONSTRUCTION = b"Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s"
IDENTIFIER = b"WireGuard v1 zx2c4 Jason@zx2c4.com"
NO_PSK = bytes(KEY_BYTES)
TIMESTAMP_BYTES = 12
TAI64_EPOCH = 0x400000000000000A
NANOSECONDS = 10**9
# Timestamps tell the time only roughly, so that nothing can be learned from their last digits.
COARSE = ~((1 << 24) - 1)
FIRST_NONCE = bytes(12)


class NoiseError(Exception):
    """A message that cannot be made, or is not what it should be."""


class State(enum.IntEnum):
    """How far a handshake has come."""

    NONE = 0
    CREATED_INITIATION = 1
    CONSUMED_INITIATION = 2
    CREATED_RESPONSE = 3
    CONSUMED_RESPONSE = 4


def kdf(key: bytes, material: bytes, count: int) -> list[bytes]:
    """HKDF (RFC 5869) with HMAC-BLAKE2s: `count` keys of 32 bytes."""
    secret = hmac.digest(key, material, blake2s)
    keys, last = [], b""
    for number in range(1, count + 1):
        last = hmac.digest(secret, last + bytes((number,)), blake2s)
        keys.append(last)
    return keys


class Transcript:
    """What both sides have agreed upon so far: the chaining key, and the hash of everything said (Noise's SymmetricState).

    It begins with the static key of whoever answers.
    """

    def __init__(self, responder: bytes) -> None:
        self.chain = blake2s(CONSTRUCTION).digest()
        self.hash = blake2s(self.chain + IDENTIFIER).digest()
        self._aead = ChaCha20Poly1305(bytes(KEY_BYTES))
        self.mix_hash(responder)

    def copy(self) -> Transcript:
        """Another one, to go on with on trial."""
        other = Transcript.__new__(Transcript)
        other.chain, other.hash, other._aead = self.chain, self.hash, self._aead
        return other

    def mix_hash(self, data: bytes) -> None:
        """Something that was said."""
        self.hash = blake2s(self.hash + data).digest()

    def mix_ephemeral(self, public: bytes) -> None:
        """An ephemeral key that was said."""
        self.mix_hash(public)
        (self.chain,) = kdf(self.chain, public, 1)

    def mix_key(self, shared: bytes | None) -> None:
        """A secret that both sides know now."""
        if shared is None:
            raise NoiseError("the other side's key gives no shared secret")
        self.chain, key = kdf(self.chain, shared, 2)
        self._aead = ChaCha20Poly1305(key)

    def mix_psk(self, psk: bytes) -> None:
        """The secret that both sides knew beforehand."""
        self.chain, said, key = kdf(self.chain, psk, 3)
        self.mix_hash(said)
        self._aead = ChaCha20Poly1305(key)

    def seal(self, plain: bytes) -> bytes:
        """Encrypt what only the other side shall read."""
        data = self._aead.encrypt(FIRST_NONCE, plain, self.hash)
        self.mix_hash(data)
        return data

    def open(self, data: bytes) -> bytes:
        """What the other side encrypted (NoiseError if it was not that side)."""
        try:
            plain = self._aead.decrypt(FIRST_NONCE, data, self.hash)
        except InvalidTag:
            raise NoiseError("not authentic") from None
        self.mix_hash(data)
        return plain


@dataclass
class Handshake:
    """A handshake with one peer.

    ephemeral         ours, as long as we need it
    theirs            the other side's
    local, remote     the numbers by which either side knows it
    """

    state: State = State.NONE
    transcript: Transcript | None = None
    ephemeral: Secret | None = None
    theirs: bytes = b""
    local: int = 0
    remote: int = 0


class Opened(Struct, frozen=True):
    """An initiation whose sender is known: what is still sealed, and the way to it."""

    transcript: Transcript
    public: bytes
    message: Initiation


def timestamp(unix_time: float) -> bytes:
    """A moment as TAI64N, coarsened."""
    seconds, nanoseconds = divmod(int(unix_time * NANOSECONDS), NANOSECONDS)
    return (TAI64_EPOCH + seconds).to_bytes(8, "big") + (nanoseconds & COARSE).to_bytes(4, "big")


def create_initiation(us: Secret, public: bytes, static_shared: bytes | None, local: int, unix_time: float) -> tuple[Initiation, Handshake]:
    """The first message to the owner of `public`, and the handshake that it begins."""
    transcript, ephemeral = Transcript(public), Secret.generate()
    transcript.mix_ephemeral(ephemeral.public)
    transcript.mix_key(ephemeral.shared_with(public))
    static = transcript.seal(us.public)
    transcript.mix_key(static_shared)
    message = Initiation(local, ephemeral.public, static, transcript.seal(timestamp(unix_time)))
    return message, Handshake(State.CREATED_INITIATION, transcript, ephemeral, local=local)


def open_initiation(us: Secret, message: Initiation) -> Opened:
    """Find out who sent an initiation."""
    transcript = Transcript(us.public)
    transcript.mix_ephemeral(message.ephemeral)
    transcript.mix_key(us.shared_with(message.ephemeral))
    return Opened(transcript, transcript.open(message.static), message)


def consume_initiation(opened: Opened, static_shared: bytes | None) -> tuple[bytes, Handshake]:
    """The timestamp of an initiation, which proves that its sender is who it says, and the handshake that it begins."""
    transcript, message = opened.transcript, opened.message
    transcript.mix_key(static_shared)
    when = transcript.open(message.timestamp)
    return when, Handshake(State.CONSUMED_INITIATION, transcript, theirs=message.ephemeral, remote=message.sender)


def create_response(handshake: Handshake, public: bytes, psk: bytes, local: int) -> Response:
    """The answer to an initiation that was consumed."""
    transcript, ephemeral = handshake.transcript, Secret.generate()
    if handshake.state is not State.CONSUMED_INITIATION or transcript is None:
        raise NoiseError("there is no initiation to answer")
    transcript.mix_ephemeral(ephemeral.public)
    transcript.mix_key(ephemeral.shared_with(handshake.theirs))
    transcript.mix_key(ephemeral.shared_with(public))
    transcript.mix_psk(psk)
    handshake.state, handshake.local = State.CREATED_RESPONSE, local
    return Response(local, handshake.remote, ephemeral.public, transcript.seal(b""))


def consume_response(handshake: Handshake, us: Secret, psk: bytes, message: Response) -> None:
    """Take an answer to our initiation; a wrong one leaves the handshake as it is (NoiseError)."""
    if handshake.state is not State.CREATED_INITIATION or handshake.local != message.receiver:
        raise NoiseError("there is no initiation that this answers")
    assert handshake.transcript is not None
    assert handshake.ephemeral is not None
    transcript = handshake.transcript.copy()
    transcript.mix_ephemeral(message.ephemeral)
    transcript.mix_key(handshake.ephemeral.shared_with(message.ephemeral))
    transcript.mix_key(us.shared_with(message.ephemeral))
    transcript.mix_psk(psk)
    transcript.open(message.empty)
    handshake.transcript, handshake.remote, handshake.state = transcript, message.sender, State.CONSUMED_RESPONSE


def transport_keys(handshake: Handshake) -> tuple[bytes, bytes]:
    """The keys to send and to receive by, of a handshake that both messages were said of."""
    assert handshake.transcript is not None
    first, second = kdf(handshake.transcript.chain, b"", 2)
    return (first, second) if handshake.state is State.CONSUMED_RESPONSE else (second, first)
