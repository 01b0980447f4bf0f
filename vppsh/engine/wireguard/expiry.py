"""What is done when a timer of a peer ends (VPP's plugins/wireguard/wireguard_timer.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vppsh.engine.wireguard.peer import REKEY_TIMEOUT, Peer, Timer
from vppsh.engine.wireguard.send import Sender
from vppsh.engine.wireguard.timers import HZ, KEEPALIVE_TIMEOUT, KEY_ZEROING_TICKS, Timers

if TYPE_CHECKING:
    from vppsh.engine.engine import Engine

MOST_ATTEMPTS = 90 // REKEY_TIMEOUT


class Expiry:
    """Acts on timers that have ended."""

    def __init__(self, engine: Engine) -> None:
        self._timers = engine.get(Timers)
        self._sender = engine.get(Sender)
        self._actions = {
            Timer.RETRANSMIT_HANDSHAKE: self._retransmit_handshake,
            Timer.PERSISTENT_KEEPALIVE: self._persistent_keepalive,
            Timer.SEND_KEEPALIVE: self._send_keepalive,
            Timer.NEW_HANDSHAKE: self._new_handshake,
            Timer.KEY_ZEROING: self._zero_keys,
        }

    def run(self) -> float:
        """Deal with the timers that have ended; seconds until there is more to do."""
        self._timers.busy = True
        try:
            for peer, timer in self._timers.take_ended():
                if not peer.dead:
                    self._actions[timer](peer)
        finally:
            self._timers.busy = False
        return self._timers.next_wait()

    def _too_early(self, peer: Peer, timer: Timer, since: float, ticks: int) -> bool:
        """Whether there is a while left since something that came after the timer was started: then it runs on."""
        left = self._timers.ticks_left(since, ticks)
        if left:
            self._timers.start(peer, timer, left)
        return bool(left)

    def _retransmit_handshake(self, peer: Peer) -> None:
        activity = peer.activity
        begun = activity.rehandshake_begun
        if begun is None or self._too_early(peer, Timer.RETRANSMIT_HANDSHAKE, begun, activity.rehandshake_ticks):
            return
        if activity.attempts > MOST_ATTEMPTS:
            self._timers.stop(peer, Timer.SEND_KEEPALIVE)
            # What is left of a handshake that nobody answers goes, too.
            self._timers.start(peer, Timer.KEY_ZEROING, KEY_ZEROING_TICKS)
            return
        activity.attempts += 1
        self._sender.handshake(peer, retry=True)

    def _persistent_keepalive(self, peer: Peer) -> None:
        activity = peer.activity
        latest = max(activity.sent, activity.received)
        if peer.keepalive and not self._too_early(peer, Timer.PERSISTENT_KEEPALIVE, latest, peer.keepalive * HZ):
            self._sender.keepalive(peer)

    def _send_keepalive(self, peer: Peer) -> None:
        activity, ticks = peer.activity, KEEPALIVE_TIMEOUT * HZ
        if activity.sent >= activity.received or self._too_early(peer, Timer.SEND_KEEPALIVE, activity.received, ticks):
            return
        self._sender.keepalive(peer)
        if activity.another_keepalive:
            activity.another_keepalive = False
            self._timers.start(peer, Timer.SEND_KEEPALIVE, ticks)

    def _new_handshake(self, peer: Peer) -> None:
        activity = peer.activity
        if not self._too_early(peer, Timer.NEW_HANDSHAKE, activity.sent, activity.new_handshake_ticks):
            self._sender.handshake(peer)

    def _zero_keys(self, peer: Peer) -> None:
        if not self._too_early(peer, Timer.KEY_ZEROING, peer.activity.derived, KEY_ZEROING_TICKS):
            peer.session.clear()
