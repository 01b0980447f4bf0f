"""Duplicate address detection: is a new address somebody else's already? (RFC 4862, 5.4; vnet/ip6-nd/ip6_dad.c)

Off until it is switched on. As in VPP an address on trial is used nevertheless, and one that turns out to be
somebody else's stays configured.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import inf

from vppsh.engine.context import Context
from vppsh.engine.engine import Engine
from vppsh.engine.features.nd.message import dad_solicitation, solicited_node
from vppsh.engine.features.nd.request import send_out
from vppsh.engine.fib.rows import Pool
from vppsh.engine.ip6_link import Ip6Link, Ip6Links
from vppsh.registry import process, table

PROCESS = "ip6-dad-process"
LOOPBACK = 1
MULTICAST = 0xFF
LINK_LOCAL_LENGTH = 128


@dataclass(eq=False)
class Trial:
    """An address on trial.

    count  how many solicitations were sent, of `transmits`
    next   when the next one is due, or the trial is over
    """

    link: Ip6Link
    address: int
    length: int
    transmits: int
    delay: float
    next: float
    count: int = 0


class DuplicateDetection:
    """The trials of an engine, and how they are done.

    transmits  how often an address is asked for
    delay      seconds between that, and to the end
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._trials = Pool()
        self.enabled = False
        self.transmits = 1
        self.delay = 1.0
        engine.get(Ip6Links).subscribe(self)

    def __iter__(self) -> Iterator[Trial]:
        """In the order of their numbers."""
        return (trial for trial in self._trials.items if trial is not None)

    def enable(self, enabled: bool) -> None:
        """Try the addresses that are added from now on, or stop all trials."""
        self.enabled = enabled
        if not enabled:
            self._trials = Pool()

    def conflict(self, sw_if_index: int, address: int) -> None:
        """Somebody uses an address; if it is on trial, that is over."""
        self._stop(lambda trial: trial.link.interface.sw_if_index == sw_if_index and trial.address == address)

    def run(self) -> float:
        """Send what is due, end trials; seconds to the next look."""
        now = self._engine.clock.now()
        for index, trial in enumerate(self._trials.items):
            if trial is None or now < trial.next:
                continue
            if trial.count == trial.transmits:
                self._trials.remove(index)
                continue
            send_out(self._engine, trial.link.interface, solicited_node(trial.address), dad_solicitation(trial.address))
            trial.count += 1
            trial.next = now + trial.delay
        return min((trial.next - now for trial in self), default=inf)

    def link_enabled(self, link: Ip6Link) -> None:
        """Its addresses will be told of one by one."""

    def link_disabled(self, link: Ip6Link) -> None:
        """Stop the trials on a link."""
        self._stop(lambda trial: trial.link is link)

    def address_changed(self, link: Ip6Link, address: int, length: int, added: bool) -> None:
        """Try a new address; stop when it goes."""
        if added:
            self._start(link, address, length)
        else:
            self.conflict(link.interface.sw_if_index, address)

    def link_local_changed(self, link: Ip6Link) -> None:
        """Try a link-local address that was chosen by hand; one made from a MAC address is taken to be unique."""
        self._start(link, link.address, LINK_LOCAL_LENGTH)

    def _start(self, link: Ip6Link, address: int, length: int) -> None:
        known = any(trial.link is link and trial.address == address for trial in self)
        if not self.enabled or address == LOOPBACK or address >> 120 == MULTICAST or known:
            return
        self._trials.add(Trial(link, address, length, self.transmits, self.delay, self._engine.clock.now()))
        self._engine.dispatcher.signal(self._engine.graph[PROCESS], True)

    def _stop(self, ends: Callable[[Trial], bool]) -> None:
        for index, trial in enumerate(self._trials.items):
            if trial is not None and ends(trial):
                self._trials.remove(index)


DUPLICATE_DETECTION = table(DuplicateDetection)


@process(PROCESS)
def ip6_dad_process(ctx: Context) -> Iterator[float]:
    """Sleep until a trial needs something."""
    wait = inf
    while True:
        yield wait
        wait = ctx.get(DuplicateDetection).run()
