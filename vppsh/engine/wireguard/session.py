"""What is agreed upon with one peer: the keys in use, those of before, those to come, and the handshake that is going on.

VPP counterpart: noise_remote_t in plugins/wireguard/wireguard_noise.c; the paper's 6.1 and 6.2 for the times.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from vppsh.engine.wire.wireguard import Response
from vppsh.engine.wireguard import noise
from vppsh.engine.wireguard.aead import DataKey
from vppsh.engine.wireguard.keys import Secret
from vppsh.engine.wireguard.noise import Handshake, NoiseError, State
from vppsh.engine.wireguard.window import REJECT_AFTER_MESSAGES, CounterWindow

REKEY_AFTER_MESSAGES = 1 << 60
REKEY_AFTER_TIME = 120
REKEY_AFTER_TIME_RECEIVING = 165
REJECT_AFTER_TIME = 180
INITIATION_INTERVAL = 0.02


def expired(begun: float | None, seconds: float, now: float) -> bool:
    """Whether something that begun then, or never, is older than that."""
    return begun is None or begun + seconds < now


@dataclass(eq=False)
class Keypair:
    """The keys of a session.

    initiator      whether we began the handshake
    local, remote  the numbers that messages to us, and to the peer, carry
    begun          when it was made, in seconds of the engine's clock
    sent           how many messages were sent
    """

    initiator: bool
    local: int
    remote: int
    send: DataKey
    receive: DataKey
    begun: float
    sent: int = 0
    window: CounterWindow = field(default_factory=CounterWindow)

    def usable(self, now: float) -> bool:
        """Whether messages may still be sent or received by it."""
        return self.begun + REJECT_AFTER_TIME >= now and not self.window.exhausted

    def take_counters(self, count: int) -> tuple[int, int]:
        """The first of `count` new numbers, and how many of them may be used."""
        first = self.sent
        self.sent += count
        return first, max(0, min(count, REJECT_AFTER_MESSAGES + 1 - first))

    def wears_out(self, now: float) -> bool:
        """Whether it is time to begin a new handshake, as messages are sent."""
        return self.sent > REKEY_AFTER_MESSAGES or (self.initiator and self.begun + REKEY_AFTER_TIME < now)


class Session:
    """The keypairs of one peer, and a handshake with it.

    public, psk    the peer's keys
    static_shared  of both static keys; None when there is no such secret
    next           of a handshake that the peer has yet to confirm, by a message of data
    timestamp      that of the last initiation accepted
    """

    def __init__(self, us: Secret, public: bytes, psk: bytes, forget: Callable[[int], None]) -> None:
        self._us = us
        self._forget = forget
        self.public = public
        self.psk = psk
        self.static_shared = us.shared_with(public)
        self.current: Keypair | None = None
        self.previous: Keypair | None = None
        self.next: Keypair | None = None
        self.handshake = Handshake()
        self.timestamp = bytes(noise.TIMESTAMP_BYTES)
        self._last_initiation: float | None = None

    def find(self, local: int) -> Keypair | None:
        """The keypair whose messages carry a number."""
        return next((pair for pair in (self.current, self.previous, self.next) if pair is not None and pair.local == local), None)

    # The handshake.

    def begin(self, handshake: Handshake) -> None:
        """A handshake in the place of the one there was."""
        if self.handshake.local:
            self._forget(self.handshake.local)
        self.handshake = handshake

    def is_fresh(self, when: bytes, now: float, with_cookie: bool) -> bool:
        """Whether an authentic initiation is neither old nor one of too many; then it counts."""
        if when <= self.timestamp:
            return False
        self.timestamp = when
        if not with_cookie and not expired(self._last_initiation, INITIATION_INTERVAL, now):
            return False
        self._last_initiation = now
        return True

    def consume_response(self, message: Response) -> None:
        """Take the answer to our initiation (NoiseError)."""
        noise.consume_response(self.handshake, self._us, self.psk, message)

    def establish(self, now: float) -> None:
        """Make the keypair of a handshake that is complete on our side (NoiseError)."""
        done = self.handshake
        if done.state not in (State.CONSUMED_RESPONSE, State.CREATED_RESPONSE):
            raise NoiseError("the handshake is not complete")
        initiator = done.state is State.CONSUMED_RESPONSE
        send, receive = noise.transport_keys(done)
        made = Keypair(initiator, done.local, done.remote, DataKey(send), DataKey(receive), now)
        self.handshake = Handshake()
        if initiator:
            if self.next is not None:
                self._drop(self.current, self.previous)
                self.previous, self.next = self.next, None
            else:
                self._drop(self.previous)
                self.previous = self.current
            self.current = made
        else:
            self._drop(self.next, self.previous)
            self.previous, self.next = None, made

    def confirm(self) -> None:
        """The peer has used the next keypair: so it has the keys."""
        self._drop(self.previous)
        self.previous, self.current, self.next = self.current, self.next, None

    def clear(self) -> None:
        """Forget all keys, and the handshake."""
        self.begin(Handshake())
        self._drop(self.next, self.current, self.previous)
        self.next = self.current = self.previous = None

    def _drop(self, *pairs: Keypair | None) -> None:
        for pair in pairs:
            if pair is not None:
                self._forget(pair.local)
