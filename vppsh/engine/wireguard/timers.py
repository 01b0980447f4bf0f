"""The timers of peers: what runs, and when it ends (VPP's plugins/wireguard/wireguard_timer.c).

Times are counted in ticks of 10 ms. A timer that runs is not begun again; when it ends one looks whether it was right to end.
"""

from __future__ import annotations

import heapq
from math import inf
from typing import TYPE_CHECKING

from vppsh.engine.wireguard.peer import REKEY_TIMEOUT, Peer, Timer
from vppsh.engine.wireguard.session import REJECT_AFTER_TIME

if TYPE_CHECKING:
    from vppsh.engine.engine import Engine

TICK = 0.01
HZ = 100
JITTER = HZ // 3
KEEPALIVE_TIMEOUT = 10
ROUNDING = HZ // 2
KEY_ZEROING_TICKS = REJECT_AFTER_TIME * 3 * HZ
PROCESS = "wg-timer-manager"


class Timers:
    """The timers of an engine's peers.

    busy  the process is at work: it looks at the timers itself before it sleeps
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._heap: list[tuple[float, int, Peer, Timer]] = []
        self._run = 0
        self.busy = False

    @property
    def _now(self) -> float:
        return self._engine.clock.now()

    def _jitter(self) -> int:
        return int(self._engine.random.integers(JITTER))

    def start(self, peer: Peer, timer: Timer, ticks: int) -> None:
        """Let a timer end in so many ticks, unless it runs; one more tick, so that it never ends too early."""
        if timer in peer.running:
            return
        self._run += 1
        peer.running[timer] = self._run
        entry = (self._now + (ticks + 1) * TICK, self._run, peer, timer)
        heapq.heappush(self._heap, entry)
        if self._heap[0] is entry and not self.busy:
            self._engine.dispatcher.signal(self._engine.graph[PROCESS], True)

    def stop(self, peer: Peer, *timers: Timer) -> None:
        """Let timers, or all of a peer, never end."""
        for timer in timers or tuple(Timer):
            peer.running.pop(timer, None)

    def take_ended(self) -> list[tuple[Peer, Timer]]:
        """Those that have ended; they run no longer."""
        ended = []
        while self._heap and self._heap[0][0] <= self._now:
            _, run, peer, timer = heapq.heappop(self._heap)
            if peer.running.get(timer) == run:
                del peer.running[timer]
                ended.append((peer, timer))
        return ended

    def next_wait(self) -> float:
        """Seconds until the next one ends."""
        return max(0.0, self._heap[0][0] - self._now) if self._heap else inf

    def ticks_left(self, since: float, ticks: int) -> int:
        """How much is left of so many ticks since a moment; half a second is nothing."""
        left = int((since - self._now) * HZ) + ticks
        return left if left > ROUNDING else 0

    # What happens to a peer.

    def authentic_sent(self, peer: Peer) -> None:
        """An authentic message was sent."""
        peer.activity.sent = self._now
        self._traversal(peer)

    def authentic_received(self, peer: Peer) -> None:
        """An authentic message has come."""
        peer.activity.received = self._now
        self._traversal(peer)

    def _traversal(self, peer: Peer) -> None:
        if peer.keepalive:
            self.start(peer, Timer.PERSISTENT_KEEPALIVE, peer.keepalive * HZ)

    def data_sent(self, peer: Peer) -> None:
        """Data was sent: if the peer says nothing for long, a new handshake is due."""
        peer.activity.new_handshake_ticks = (KEEPALIVE_TIMEOUT + REKEY_TIMEOUT) * HZ + self._jitter()
        self.start(peer, Timer.NEW_HANDSHAKE, peer.activity.new_handshake_ticks)

    def data_received(self, peer: Peer) -> None:
        """Data has come: if we say nothing for long, a keepalive is due."""
        if Timer.SEND_KEEPALIVE in peer.running:
            peer.activity.another_keepalive = True
        else:
            self.start(peer, Timer.SEND_KEEPALIVE, KEEPALIVE_TIMEOUT * HZ)

    def handshake_initiated(self, peer: Peer) -> None:
        """An initiation is being sent."""
        peer.activity.rehandshake_begun = self._now
        peer.activity.rehandshake_ticks = REKEY_TIMEOUT * HZ + self._jitter()
        self.start(peer, Timer.RETRANSMIT_HANDSHAKE, peer.activity.rehandshake_ticks)

    def handshake_complete(self, peer: Peer) -> None:
        """The peer has answered an initiation, or used the keys of one of its own."""
        peer.activity.rehandshake_begun = None
        peer.activity.attempts = 0

    def session_derived(self, peer: Peer) -> None:
        """There are new keys."""
        peer.activity.derived = self._now
        self.start(peer, Timer.KEY_ZEROING, KEY_ZEROING_TICKS)

    def first_handshake(self, peer: Peer) -> None:
        """Begin a handshake soon."""
        peer.activity.new_handshake_ticks = self._jitter() + 1
        self.start(peer, Timer.NEW_HANDSHAKE, peer.activity.new_handshake_ticks)
