"""Handshake messages and cookies, one by one as they come to wg4-input and wg6-input (wg_handshake_process in wireguard_input.c)."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from msgspec import Struct

from vppsh.engine.wire.wireguard import COOKIE_BYTES, INITIATION_BYTES, RESPONSE_BYTES, CookieReply, Initiation, MessageType, Response
from vppsh.engine.wireguard import noise
from vppsh.engine.wireguard.cookie import MacState, Source
from vppsh.engine.wireguard.interfaces import Wireguard, WireguardInterface
from vppsh.engine.wireguard.noise import NoiseError
from vppsh.engine.wireguard.numbers import SessionNumbers
from vppsh.engine.wireguard.peer import Peer, Place
from vppsh.engine.wireguard.send import Sender
from vppsh.engine.wireguard.timers import Timers
from vppsh.registry import error

if TYPE_CHECKING:
    from vppsh.engine.engine import Engine

TYPE_BYTES = 4

ERRORS = (
    error("none", "No error"),
    error("handshake_mac", "Invalid MAC handshake"),
    error("handshake_ratelimited", "Handshake ratelimited"),
    error("peer", "Peer error"),
    error("interface", "Interface error"),
    error("decryption", "Failed during decryption"),
    error("keepalive_send", "Failed while sending Keepalive"),
    error("handshake_send", "Failed while sending Handshake"),
    error("handshake_receive", "Failed while receiving Handshake"),
    error("cookie_decryption", "Failed during Cookie decryption"),
    error("cookie_send", "Failed during sending Cookie"),
    error("no_buffers", "No buffers"),
    error("undefined", "Undefined error"),
    error("crypto_engine_error", "crypto engine error (packet dropped)"),
)


class InputError(enum.IntEnum):
    """Positions in ERRORS."""

    NONE = 0
    HANDSHAKE_MAC = 1
    HANDSHAKE_RATELIMITED = 2
    PEER = 3
    INTERFACE = 4
    DECRYPTION = 5
    KEEPALIVE_SEND = 6
    HANDSHAKE_SEND = 7
    HANDSHAKE_RECEIVE = 8
    COOKIE_DECRYPTION = 9
    COOKIE_SEND = 10
    NO_BUFFERS = 11


class Arrived(Struct, frozen=True):
    """A message that is not data.

    port       at which it came in
    fib_index  the table of the interface that it came in by
    """

    message: bytes
    source: Source
    port: int
    fib_index: int


class Judged(Struct, frozen=True):
    """A message whose MACs are right: whose it is, what of it counts, and what its second MAC is worth."""

    owner: WireguardInterface
    message: bytes
    state: MacState
    busy: bool


class Handshakes:
    """Deals with the handshake messages that come to an engine.

    Messages that are accepted but have a side effect that fails are counted at `counted`, which the caller empties.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._wireguard = engine.get(Wireguard)
        self._numbers = engine.get(SessionNumbers)
        self._timers = engine.get(Timers)
        self._sender = engine.get(Sender)
        self.counted: list[InputError] = []

    def receive(self, arrived: Arrived) -> InputError:
        """Do what a message asks for; NONE if it was right. What ends too early has no MAC, and so a wrong one."""
        kind = int.from_bytes(arrived.message[:TYPE_BYTES].ljust(TYPE_BYTES, b"\0"), "little")
        if kind == MessageType.COOKIE:
            return self._receive_cookie(arrived)
        length = INITIATION_BYTES if kind == MessageType.INITIATION else RESPONSE_BYTES
        listening = self._wireguard.at_port(arrived.port)
        if not listening:
            return InputError.INTERFACE
        judged = self._judge(arrived, length, listening)
        if judged is None:
            return InputError.HANDSHAKE_MAC
        if judged.state is MacState.RATE_LIMITED:
            return InputError.HANDSHAKE_RATELIMITED
        wanted = judged.busy and judged.state is MacState.NO_COOKIE
        if kind == MessageType.INITIATION:
            initiation = Initiation.unpack(judged.message)
            return self._send_cookie(arrived, judged, initiation.sender) if wanted else self._initiation(arrived, judged, initiation)
        if kind == MessageType.RESPONSE:
            response = Response.unpack(judged.message)
            return self._send_cookie(arrived, judged, response.sender) if wanted else self._response(arrived, response)
        return InputError.HANDSHAKE_RECEIVE

    def _judge(self, arrived: Arrived, length: int, listening: list[WireguardInterface]) -> Judged | None:
        """Find the interface that a message is for, by its first MAC."""
        message, now = arrived.message[:length], self._engine.clock.now()
        for owner in listening:
            busy = owner.load.is_high(len(owner.peers), now)
            state = owner.checker.check(message, arrived.source, now, busy=busy) if len(message) == length else MacState.INVALID
            if state is not MacState.INVALID:
                return Judged(owner, message, state, busy)
            owner.load.handshakes -= 1
        return None

    def _receive_cookie(self, arrived: Arrived) -> InputError:
        if len(arrived.message) < COOKIE_BYTES:
            return InputError.PEER
        reply = CookieReply.unpack(arrived.message)
        peer = self._numbers.find(reply.receiver)
        if peer is None:
            return InputError.PEER
        return InputError.NONE if peer.cookies.accept(reply, self._engine.clock.now()) else InputError.COOKIE_DECRYPTION

    def _send_cookie(self, arrived: Arrived, judged: Judged, receiver: int) -> InputError:
        sent = self._sender.cookie(judged.owner, judged.message, receiver, arrived.source, arrived.fib_index)
        return InputError.NONE if sent else InputError.COOKIE_SEND

    def _initiation(self, arrived: Arrived, judged: Judged, message: Initiation) -> InputError:
        now = self._engine.clock.now()
        try:
            opened = noise.open_initiation(judged.owner.secret, message)
            peer = self._wireguard.find_peer(opened.public)
            if peer is None:
                return InputError.PEER
            when, handshake = noise.consume_initiation(opened, peer.session.static_shared)
        except NoiseError:
            return InputError.PEER
        if not peer.session.is_fresh(when, now, judged.state is MacState.COOKIE):
            return InputError.PEER
        peer.session.begin(handshake)
        self._wireguard.move_peer(peer, Place(arrived.source.address, arrived.source.port))
        if not self._sender.response(peer):
            self.counted.append(InputError.HANDSHAKE_SEND)
        self._timers.authentic_received(peer)
        return InputError.NONE

    def _response(self, arrived: Arrived, message: Response) -> InputError:
        peer = self._numbers.find(message.receiver)
        if peer is None:
            return InputError.PEER
        try:
            peer.session.consume_response(message)
        except NoiseError:
            return InputError.PEER
        self._wireguard.move_peer(peer, Place(arrived.source.address, arrived.source.port))
        self._begin_session(peer)
        self._timers.authentic_received(peer)
        return InputError.NONE

    def _begin_session(self, peer: Peer) -> None:
        """Our initiation was answered: the first message by the new keys tells the peer that we have them, too."""
        peer.session.establish(self._engine.clock.now())
        self._timers.session_derived(peer)
        self._timers.handshake_complete(peer)
        if self._sender.keepalive(peer):
            peer.established = True
        else:
            self.counted.append(InputError.KEEPALIVE_SEND)
