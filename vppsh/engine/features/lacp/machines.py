"""The state machines of one port: receive, selection, mux, periodic and transmit (IEEE 802.1AX, 6.4.12 to 6.4.16).

Counterpart of the machines in VPP's plugins/lacp, whose tables these are: by state and event the action, if any, and the next state.
The state is taken first, then the action runs, which may bring about more events.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import TYPE_CHECKING

from vppsh.engine.wire.lacp import Pdu, State

if TYPE_CHECKING:
    from vppsh.engine.features.lacp.ports import Port

FAST_PERIOD, SLOW_PERIOD = 1, 30
AGGREGATE_WAIT = 2
MOST_OFTEN = 0.333
STEADY = State.SYNCHRONIZATION | State.COLLECTING | State.DISTRIBUTING
COMPARED = State.ACTIVITY | State.TIMEOUT | State.SYNCHRONIZATION | State.AGGREGATION


class Verdict(enum.IntEnum):
    """What became of a PDU: the error counters of lacp-input."""

    NONE = 0
    CACHE_HIT = 1
    UNSUPPORTED = 2
    TOO_SMALL = 3
    BAD_TLV = 4
    BAD_KEY = 5
    LOOPBACK_PORT = 6
    DISABLED = 7


class Rx(enum.Enum):
    """States of the receive machine."""

    INITIALIZE = "INITIALIZE"
    PORT_DISABLED = "PORT_DISABLED"
    EXPIRED = "EXPIRED"
    DEFAULTED = "DEFAULTED"
    CURRENT = "CURRENT"


class RxEvent(enum.Enum):
    """Events of the receive machine."""

    BEGIN = "begin"
    PORT_DISABLED = "port disabled"
    PORT_MOVED = "port moved"
    LACP_ENABLED = "lacp enabled"
    PDU_RECEIVED = "pdu received"
    TIMER_EXPIRED = "timer expired"


class Mux(enum.Enum):
    """States of the mux machine."""

    DETACHED = "DETACHED"
    WAITING = "WAITING"
    ATTACHED = "ATTACHED"
    COLLECTING_DISTRIBUTING = "COLLECTING_DISTRIBUTING"


class MuxEvent(enum.Enum):
    """Events of the mux machine."""

    BEGIN = "begin"
    SELECTED = "selected"
    UNSELECTED = "unselected"
    READY = "ready"
    SYNC = "sync"


class Ptx(enum.Enum):
    """States of the periodic machine."""

    NO_PERIODIC = "NO_PERIODIC"
    FAST_PERIODIC = "FAST_PERIODIC"
    SLOW_PERIODIC = "SLOW_PERIODIC"
    PERIODIC_TX = "PERIODIC_TX"


class PtxEvent(enum.Enum):
    """Events of the periodic machine."""

    NO_PERIODIC = "no periodic"
    LONG_TIMEOUT = "long timeout"
    TIMER_EXPIRED = "timer expired"
    SHORT_TIMEOUT = "short timeout"


class Machines:
    """The machines of a port."""

    def __init__(self, port: Port) -> None:
        self._port = port

    def begin(self) -> None:
        """Start all of them anew."""
        self.mux(MuxEvent.BEGIN)
        self.ptx(PtxEvent.NO_PERIODIC)
        self.rx(RxEvent.BEGIN)
        self.rx(RxEvent.LACP_ENABLED)

    def expire(self) -> None:
        """Look at the timers."""
        port = self._port
        if port.expired(port.current_while):
            self.rx(RxEvent.TIMER_EXPIRED)
        if port.expired(port.periodic):
            self.ptx(PtxEvent.TIMER_EXPIRED)
        if port.expired(port.wait_while):
            port.ready_n, port.wait_while = True, None
            self._select()

    def received(self, pdu: Pdu) -> Verdict:
        """A PDU has come."""
        self._port.heard = pdu
        verdict = self.rx(RxEvent.PDU_RECEIVED)
        self._port.heard = None
        return verdict

    # Receive.

    def rx(self, event: RxEvent) -> Verdict:
        """Something happens to the receive machine."""
        before = self._port.rx
        step = RX[before].get(event)
        if step is None:
            return Verdict.NONE
        self._port.rx, action = step
        self._port.note("RX", event, before, self._port.rx)
        return action(self)

    def _initialize(self) -> Verdict:
        port = self._port
        self._unselect()
        self._record_default()
        port.actor = port.actor.clearing(State.EXPIRED)
        port.moved = False
        if not port.enabled:
            self.rx(RxEvent.PORT_DISABLED)
        self.rx(RxEvent.BEGIN)
        return Verdict.NONE

    def _port_disabled(self) -> Verdict:
        port = self._port
        port.partner = port.partner.clearing(State.SYNCHRONIZATION)
        if port.moved:
            self.rx(RxEvent.PORT_MOVED)
        if port.enabled:
            self.rx(RxEvent.LACP_ENABLED)
        return Verdict.NONE

    def _expired(self) -> Verdict:
        port = self._port
        port.partner = port.partner.clearing(State.SYNCHRONIZATION).setting(State.TIMEOUT)
        self._short_timeout()
        too_late = port.expired(port.current_while)
        port.current_while = port.after(port.timeout)
        port.actor = port.actor.setting(State.EXPIRED)
        if too_late:
            self.rx(RxEvent.TIMER_EXPIRED)
        if port.heard is not None:
            self.rx(RxEvent.PDU_RECEIVED)
        return Verdict.NONE

    def _defaulted(self) -> Verdict:
        port = self._port
        port.current_while = None
        admin, partner = port.partner_admin, port.partner
        if admin.has(State.AGGREGATION) != partner.has(State.AGGREGATION) or admin.identity != partner.identity:
            self._unselect()
        self._record_default()
        port.actor = port.actor.clearing(State.EXPIRED)
        if port.heard is not None:
            self.rx(RxEvent.PDU_RECEIVED)
        return Verdict.NONE

    def _current(self) -> Verdict:
        port, pdu = self._port, self._port.heard
        assert pdu is not None
        if pdu.actor.has(State.AGGREGATION) != port.partner.has(State.AGGREGATION) or pdu.actor.identity != port.partner.identity:
            self._unselect()
        if pdu.partner.state & COMPARED != port.actor.state & COMPARED or pdu.partner.identity != port.actor.identity:
            port.ntt, port.periodic = True, port.after(0)
        self._record(pdu)
        port.current_while = port.after(port.timeout)
        port.actor = port.actor.clearing(State.EXPIRED)
        if port.has_moved(pdu):
            port.moved = True
            self.rx(RxEvent.PORT_MOVED)
        return self._select()

    def _record_default(self) -> None:
        """Take the other end to be what was set."""
        port = self._port
        port.partner = port.partner_admin
        port.actor = port.actor.setting(State.DEFAULTED)

    def _record(self, pdu: Pdu) -> None:
        """Take the other end to be what it says it is."""
        port = self._port
        if not port.partner.has(State.ACTIVITY) and pdu.actor.has(State.ACTIVITY):
            self._short_timeout()
        same = port.partner.identity == pdu.actor.identity
        agreed = port.actor.has(State.AGGREGATION) == pdu.partner.has(State.AGGREGATION)
        matches = (same and agreed) or not pdu.actor.has(State.AGGREGATION)
        port.partner = pdu.actor
        port.actor = port.actor.clearing(State.DEFAULTED)
        if not matches:
            port.partner = port.partner.clearing(State.SYNCHRONIZATION)

    # Selection.

    def _unselect(self) -> None:
        port = self._port
        port.selected = False
        staying = port.mux is Mux.COLLECTING_DISTRIBUTING and port.partner.has(State.SYNCHRONIZATION)
        if port.mux is not Mux.ATTACHED and not staying:
            self.mux(MuxEvent.UNSELECTED)

    def _select(self) -> Verdict:
        """Take the port for its bond, once all ports that wait are ready."""
        port = self._port
        if not any(other.actor.has(State.SYNCHRONIZATION) and not other.ready_n for other in port.siblings):
            for other in port.siblings:
                other.ready = True
                if other.selected:
                    other.machines.mux(MuxEvent.READY)
        if port.partner.system == port.actor.system and port.partner.key == port.actor.key:
            port.loopback = True
            port.actor = port.actor.clearing(State.AGGREGATION)
            return self._refuse(Verdict.LOOPBACK_PORT)
        first = port.first_active
        if first is not None and (first.partner.key, first.partner.system) != (port.partner.key, port.partner.system):
            return self._refuse(Verdict.BAD_KEY)
        port.selected = True
        waiting = port.mux is Mux.WAITING and not port.ready
        if not waiting and not (port.mux is Mux.ATTACHED and not port.partner.has(State.SYNCHRONIZATION)):
            self.mux(MuxEvent.SELECTED)
        return Verdict.NONE

    def _refuse(self, verdict: Verdict) -> Verdict:
        self._port.selected = False
        self.mux(MuxEvent.UNSELECTED)
        return verdict

    # Mux.

    def mux(self, event: MuxEvent) -> None:
        """Something happens to the mux machine."""
        port = self._port
        before = port.mux
        port.mux = MUX[before].get(event, before)
        port.note("MUX", event, before, port.mux)
        MUX_ACTIONS[port.mux](self)

    def _stop_traffic(self) -> None:
        port = self._port
        port.actor = port.actor.clearing(State.COLLECTING | State.DISTRIBUTING)
        port.set_active(False)
        port.ntt, port.periodic = True, port.after(0)

    def _detached(self) -> None:
        port = self._port
        port.actor = port.actor.clearing(State.SYNCHRONIZATION)
        port.ready = port.ready_n = False
        self._stop_traffic()
        if port.selected:
            self.mux(MuxEvent.SELECTED)

    def _waiting(self) -> None:
        port = self._port
        if port.wait_while is None:
            port.wait_while = port.after(AGGREGATE_WAIT)
        if port.selected and port.ready:
            self.mux(MuxEvent.READY)
        if not port.selected:
            self.mux(MuxEvent.UNSELECTED)

    def _attached(self) -> None:
        port = self._port
        port.actor = port.actor.setting(State.SYNCHRONIZATION)
        self._stop_traffic()
        if not port.selected:
            self.mux(MuxEvent.UNSELECTED)
        elif port.partner.has(State.SYNCHRONIZATION):
            self.mux(MuxEvent.SYNC)

    def _collecting_distributing(self) -> None:
        port = self._port
        port.actor = port.actor.setting(STEADY)
        port.set_active(True)
        port.ntt, port.periodic = True, port.after(0)
        if not port.selected or not port.partner.has(State.SYNCHRONIZATION):
            self.mux(MuxEvent.UNSELECTED)

    # Periodic transmission.

    def ptx(self, event: PtxEvent) -> None:
        """Something happens to the periodic machine."""
        port = self._port
        if port.ptx is Ptx.PERIODIC_TX and event in (PtxEvent.LONG_TIMEOUT, PtxEvent.SHORT_TIMEOUT):
            return
        before = port.ptx
        if event is not PtxEvent.TIMER_EXPIRED:
            port.ptx = PTX_NEXT[event]
        elif port.ptx is not Ptx.NO_PERIODIC:
            port.ptx = Ptx.PERIODIC_TX
        port.note("PTX", event, before, port.ptx)
        PTX_ACTIONS[port.ptx](self)

    def _short_timeout(self) -> None:
        if self._port.enabled and self._anybody_active():
            self.ptx(PtxEvent.SHORT_TIMEOUT)

    def _anybody_active(self) -> bool:
        return self._port.partner.has(State.ACTIVITY) or self._port.actor.has(State.ACTIVITY)

    def _no_periodic(self) -> None:
        self._port.periodic = None
        self._short_timeout()

    def _slow_periodic(self) -> None:
        port = self._port
        if not self._anybody_active():
            self.ptx(PtxEvent.NO_PERIODIC)
            return
        too_late = port.expired(port.periodic)
        self._schedule()
        if too_late or port.partner.has(State.TIMEOUT):
            self.ptx(PtxEvent.TIMER_EXPIRED)

    def _fast_periodic(self) -> None:
        port = self._port
        if not self._anybody_active():
            self.ptx(PtxEvent.NO_PERIODIC)
            return
        too_late = port.expired(port.periodic)
        port.periodic = port.after(FAST_PERIOD)
        if too_late:
            self.ptx(PtxEvent.TIMER_EXPIRED)
        if not port.partner.has(State.TIMEOUT):
            self.ptx(PtxEvent.LONG_TIMEOUT)

    def _periodic_tx(self) -> None:
        if not self._anybody_active():
            self.ptx(PtxEvent.NO_PERIODIC)
            return
        self._port.ntt = True
        self._transmit()
        # What follows leads from PERIODIC_TX to PERIODIC_TX, so that nothing is left to do.

    def _schedule(self) -> None:
        """When to send next: soon if the other end wants that, or while it has not been agreed to carry traffic."""
        port = self._port
        unsettled = port.actor.state & STEADY != STEADY and port.partner.has(State.AGGREGATION)
        port.periodic = port.after(FAST_PERIOD if port.partner.has(State.TIMEOUT) or unsettled else SLOW_PERIOD)

    def _transmit(self) -> None:
        """Send what is to be sent, at most three times in the fast period."""
        port = self._port
        if port.periodic is None or (port.last_sent is not None and port.now <= port.last_sent + MOST_OFTEN):
            return
        if port.ntt:
            if port.enabled:
                port.send()
            else:
                port.periodic = None
            self._schedule()
        port.ntt = False


RX: dict[Rx, dict[RxEvent, tuple[Rx, Callable[[Machines], Verdict]]]] = {
    Rx.INITIALIZE: dict.fromkeys((RxEvent.BEGIN, RxEvent.PORT_DISABLED, RxEvent.PORT_MOVED), (Rx.PORT_DISABLED, Machines._initialize)),
    Rx.PORT_DISABLED: {
        RxEvent.BEGIN: (Rx.PORT_DISABLED, Machines._port_disabled),
        RxEvent.PORT_DISABLED: (Rx.PORT_DISABLED, Machines._port_disabled),
        RxEvent.PORT_MOVED: (Rx.INITIALIZE, Machines._initialize),
        RxEvent.LACP_ENABLED: (Rx.EXPIRED, Machines._expired),
    },
    Rx.EXPIRED: {
        RxEvent.BEGIN: (Rx.INITIALIZE, Machines._initialize),
        RxEvent.PDU_RECEIVED: (Rx.CURRENT, Machines._current),
        RxEvent.TIMER_EXPIRED: (Rx.DEFAULTED, Machines._defaulted),
    },
    Rx.DEFAULTED: {
        RxEvent.BEGIN: (Rx.INITIALIZE, Machines._initialize),
        RxEvent.PDU_RECEIVED: (Rx.CURRENT, Machines._current),
        RxEvent.TIMER_EXPIRED: (Rx.DEFAULTED, Machines._defaulted),
    },
    Rx.CURRENT: {
        RxEvent.BEGIN: (Rx.INITIALIZE, Machines._initialize),
        RxEvent.PDU_RECEIVED: (Rx.CURRENT, Machines._current),
        RxEvent.TIMER_EXPIRED: (Rx.EXPIRED, Machines._expired),
    },
}
MUX: dict[Mux, dict[MuxEvent, Mux]] = {
    Mux.DETACHED: {MuxEvent.SELECTED: Mux.WAITING},
    Mux.WAITING: {MuxEvent.BEGIN: Mux.DETACHED, MuxEvent.UNSELECTED: Mux.DETACHED, MuxEvent.READY: Mux.ATTACHED},
    Mux.ATTACHED: {MuxEvent.BEGIN: Mux.DETACHED, MuxEvent.UNSELECTED: Mux.DETACHED, MuxEvent.SYNC: Mux.COLLECTING_DISTRIBUTING},
    Mux.COLLECTING_DISTRIBUTING: {MuxEvent.BEGIN: Mux.DETACHED, MuxEvent.UNSELECTED: Mux.ATTACHED},
}
MUX_ACTIONS: dict[Mux, Callable[[Machines], None]] = {
    Mux.DETACHED: Machines._detached,
    Mux.WAITING: Machines._waiting,
    Mux.ATTACHED: Machines._attached,
    Mux.COLLECTING_DISTRIBUTING: Machines._collecting_distributing,
}
PTX_NEXT = {
    PtxEvent.NO_PERIODIC: Ptx.NO_PERIODIC, PtxEvent.LONG_TIMEOUT: Ptx.SLOW_PERIODIC, PtxEvent.SHORT_TIMEOUT: Ptx.FAST_PERIODIC,
}  # fmt: skip
PTX_ACTIONS: dict[Ptx, Callable[[Machines], None]] = {
    Ptx.NO_PERIODIC: Machines._no_periodic,
    Ptx.FAST_PERIODIC: Machines._fast_periodic,
    Ptx.SLOW_PERIODIC: Machines._slow_periodic,
    Ptx.PERIODIC_TX: Machines._periodic_tx,
}
