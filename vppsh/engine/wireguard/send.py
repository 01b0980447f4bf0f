"""What is sent to peers besides data: handshake messages, keepalives, cookies (VPP's plugins/wireguard/wireguard_send.c).

These are packets of our own, looked up in the table of the peer's far end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vppsh.engine.buffer_data import make_packet
from vppsh.engine.fib.types import Protocol
from vppsh.engine.frame import Frame
from vppsh.engine.interfaces import LOCAL0
from vppsh.engine.wire import ip4, ip6, ip_protocol
from vppsh.engine.wire.checksum import checksum
from vppsh.engine.wire.wireguard import DATA, MessageType
from vppsh.engine.wireguard import noise
from vppsh.engine.wireguard.cookie import Source
from vppsh.engine.wireguard.interfaces import Wireguard, WireguardInterface
from vppsh.engine.wireguard.noise import NoiseError
from vppsh.engine.wireguard.numbers import SessionNumbers
from vppsh.engine.wireguard.peer import REKEY_TIMEOUT, UDP_BYTES, Peer, Place, outer_header
from vppsh.engine.wireguard.session import Keypair, expired
from vppsh.engine.wireguard.timers import Timers

if TYPE_CHECKING:
    from vppsh.engine.engine import Engine

LOOKUP = {Protocol.IP4: "ip4-lookup", Protocol.IP6: "ip6-lookup"}


class Sender:
    """Sends for the peers of an engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._wireguard = engine.get(Wireguard)
        self._timers = engine.get(Timers)
        self._numbers = engine.get(SessionNumbers)

    def handshake(self, peer: Peer, *, retry: bool = False) -> bool:
        """Send an initiation, unless one was sent a moment ago; False if that cannot be."""
        if not peer.header:
            return False
        now, activity = self._engine.clock.now(), peer.activity
        if not retry:
            activity.attempts = 0
        if not expired(activity.sent_handshake, REKEY_TIMEOUT, now) or peer.dead:
            return True
        session, number = peer.session, self._numbers.new(peer)
        try:
            message, begun = noise.create_initiation(
                peer.owner.secret, session.public, session.static_shared, number, self._engine.clock.epoch + now
            )
        except NoiseError:
            self._numbers.forget(number)
            return False
        session.begin(begun)
        self._timers.authentic_sent(peer)
        self._timers.handshake_initiated(peer)
        activity.sent_handshake = now
        return self._to_peer(peer, peer.cookies.with_macs(message.pack(), now))

    def response(self, peer: Peer) -> bool:
        """Answer the initiation that was consumed; False if that cannot be."""
        if not peer.header:
            return False
        now, session, number = self._engine.clock.now(), peer.session, self._numbers.new(peer)
        try:
            message = noise.create_response(session.handshake, session.public, session.psk, number)
            session.establish(now)
        except NoiseError:
            self._numbers.forget(number)
            return False
        self._timers.session_derived(peer)
        self._timers.authentic_sent(peer)
        return self._to_peer(peer, peer.cookies.with_macs(message.pack(), now))

    def keepalive(self, peer: Peer) -> bool:
        """Send data of no length, or an initiation if there are no keys for that; False if neither can be."""
        if not peer.header:
            return False
        keypair, now = peer.session.current, self._engine.clock.now()
        if keypair is None:
            self.handshake(peer)
            return True
        message = self._empty(keypair, now)
        if message is None:
            peer.established = False
            return False
        if keypair.wears_out(now):
            self.handshake(peer)
        sent = self._to_peer(peer, message)
        if sent:
            self._timers.authentic_sent(peer)
        return sent

    def cookie(self, owner: WireguardInterface, message: bytes, receiver: int, far: Source, fib_index: int) -> bool:
        """Answer a handshake message with a cookie; False if that cannot be."""
        reply = owner.checker.reply(message, far, receiver, self._engine.clock.now())
        header = outer_header(Place(owner.src, owner.port), Place(far.address, far.port))
        return bool(header) and self._send(far.protocol, header, reply.pack(), fib_index)

    @staticmethod
    def _empty(keypair: Keypair, now: float) -> bytes | None:
        """Data of no length, as far as the keys go."""
        if not keypair.usable(now):
            return None
        counter, granted = keypair.take_counters(1)
        if not granted:
            return None
        header = np.array([(MessageType.DATA, keypair.remote, counter)], DATA).tobytes()
        return header + keypair.send.seal_one(counter, b"")

    def _to_peer(self, peer: Peer, message: bytes) -> bool:
        fib_index = self._wireguard.fib_index(peer)
        return fib_index is not None and self._send(peer.far.protocol, peer.header, message, fib_index)

    def _send(self, protocol: Protocol, header: bytes, message: bytes, fib_index: int) -> bool:
        """Let a message find its way; False when there is no buffer for it."""
        buffers = self._engine.buffers
        index = make_packet(buffers, completed(protocol, header + message))
        if index is None:
            return False
        rows = np.array([index], np.int32)
        buffers.rx_sw_if_index[rows] = LOCAL0
        buffers.tx_sw_if_index[rows] = fib_index
        self._engine.dispatcher.send(self._engine.graph[LOOKUP[protocol]], Frame(rows, 1, offset=0, rx=LOCAL0))
        return True


def completed(protocol: Protocol, packet: bytes) -> bytes:
    """A packet whose lengths and checksums are those of the template, with right ones; UDP over IPv4 goes without checksum."""
    data = bytearray(packet)
    at = ip4.HEADER.itemsize if protocol is Protocol.IP4 else ip6.HEADER.itemsize
    length = len(data) - at
    data[at + 4 : at + 6] = length.to_bytes(2, "big")
    if protocol is Protocol.IP4:
        data[2:4], data[10:12] = len(data).to_bytes(2, "big"), bytes(2)
        data[10:12] = checksum(bytes(data[:at])).to_bytes(2, "big")
        return bytes(data)
    data[4:6] = length.to_bytes(2, "big")
    value = checksum(bytes(data[at:]), ip6.pseudo_header(bytes(data), ip_protocol.UDP, length)) or 0xFFFF
    data[at + 6 : at + UDP_BYTES] = value.to_bytes(2, "big")
    return bytes(data)
