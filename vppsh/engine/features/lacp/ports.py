"""The ports of an engine that speak LACP: the members of bonds whose mode is that.

Counterpart of VPP's plugins/lacp/lacp.c.
"""

from __future__ import annotations

import enum
import logging
from collections.abc import Iterator
from math import inf
from typing import TYPE_CHECKING

import numpy as np

from vppsh.engine.buffer_data import make_packet
from vppsh.engine.features.bond.bonds import Bonds, Member, MemberChange, Mode
from vppsh.engine.features.ethernet.ethertypes import Ethertypes
from vppsh.engine.features.lacp.machines import Machines, Mux, Ptx, Rx, Verdict
from vppsh.engine.frame import Frame
from vppsh.engine.wire.lacp import ETHERTYPE, MULTICAST, Pdu, PortInfo, State
from vppsh.registry import NodeKind, NodeSpec

if TYPE_CHECKING:
    from vppsh.engine.context import Context
    from vppsh.engine.engine import Engine

LOG = logging.getLogger(__name__)

SYSTEM_PRIORITY, PORT_PRIORITY = 0xFFFF, 0xFF
SHORT_TIMEOUT, LONG_TIMEOUT = 3, 90
UNKNOWN_SYSTEM = bytes(6)
PERIOD = 0.2
INPUT_NODE, PROCESS = "lacp-input", "lacp-process"


class Port:
    """One port: what is known of both ends, the states of its machines, its timers (None: not running) and counts.

    actor_admin, partner_admin  both ends as they are taken to be before anything is heard
    heard                       the PDU that is being looked at
    moved                       the other end was seen at another port
    ntt                         there is something to tell the other end
    """

    def __init__(self, engine: Engine, member: Member, number: int) -> None:
        self._engine = engine
        self.member = member
        self.timeout = LONG_TIMEOUT if member.long_timeout else SHORT_TIMEOUT
        key = member.bond.interface.sw_if_index
        state = State.AGGREGATION | (State(0) if member.long_timeout else State.TIMEOUT) | (State(0) if member.passive else State.ACTIVITY)
        self.actor_admin = PortInfo(SYSTEM_PRIORITY, member.bond.interface.mac, key, PORT_PRIORITY, number, state)
        self.partner_admin = PortInfo(SYSTEM_PRIORITY, UNKNOWN_SYSTEM, key, PORT_PRIORITY, number)
        self.machines = Machines(self)
        self.rx, self.mux, self.ptx = Rx.INITIALIZE, Mux.DETACHED, Ptx.NO_PERIODIC
        self.received = self.bad = self.sent = self.markers = self.bad_markers = 0
        self.last_data = b""
        self.debug = False
        self._forget()

    def reset(self) -> None:
        """Forget what was heard, and begin."""
        self._forget()
        self.machines.begin()

    def _forget(self) -> None:
        self.wait_while: float | None = None
        self.current_while: float | None = None
        self.periodic: float | None = None
        self.last_sent: float | None = None
        self.last_received: float | None = None
        self.last_marker_received: float | None = None
        self.last_marker_sent: float | None = None
        self.loopback = self.ready = self.ready_n = self.moved = self.ntt = self.selected = False
        self.heard: Pdu | None = None
        self.actor, self.partner = self.actor_admin, self.partner_admin

    @property
    def enabled(self) -> bool:
        """Whether packets can go in and out."""
        interface = self.member.interface
        return interface.admin_up and interface.hardware.link_up

    @property
    def now(self) -> float:
        """Seconds on the engine's clock."""
        return self._engine.clock.now()

    def after(self, seconds: float) -> float:
        """When so much time will have passed."""
        return self.now + seconds

    def expired(self, timer: float | None) -> bool:
        """Whether a timer ran, and its time has come."""
        return timer is not None and self.now >= timer

    @property
    def siblings(self) -> list[Port]:
        """All ports of the bond."""
        ports = self._engine.get(LacpPorts)
        return [port for port in ports if port.member.bond is self.member.bond]

    @property
    def first_active(self) -> Port | None:
        """The port of the bond's first active member."""
        active = self.member.bond.active
        return self._engine.get(LacpPorts).find(active[0].interface.sw_if_index) if active else None

    def has_moved(self, pdu: Pdu) -> bool:
        """Whether the other end is known from a port that is disabled now."""
        return any(
            other is not self and other.rx is Rx.PORT_DISABLED and other.partner.system == pdu.partner.system
            and other.partner.port_number == pdu.partner.port_number
            for other in self._engine.get(LacpPorts)
        )  # fmt: skip

    def note(self, machine: str, event: enum.Enum, before: enum.Enum, after: enum.Enum) -> None:
        """Log an event of a state machine, if somebody wants to know."""
        if self.debug or self._engine.get(LacpPorts).debug:
            LOG.info("%s-%s: %s, %s->%s", self.member.interface.name, machine, event.value, before.value, after.value)

    def set_active(self, active: bool) -> None:
        """Let the member carry traffic, or not."""
        bonds = self._engine.get(Bonds)
        if active:
            bonds.activate(self.member)
        else:
            bonds.deactivate(self.member)

    def take(self, pdu: Pdu | None, data: bytes) -> Verdict:
        """A PDU has come; one that says again what has led to traffic is not looked at."""
        self.received += 1
        settled = State.SYNCHRONIZATION | State.COLLECTING | State.DISTRIBUTING
        if data == self.last_data and self.actor.state & settled == settled:
            self.current_while = self.after(self.timeout)
            return Verdict.CACHE_HIT
        self.last_data = data
        return Verdict.BAD_TLV if pdu is None else self.machines.received(pdu)

    def send(self) -> None:
        """Send a PDU."""
        if self.transmit(Pdu(self.actor, self.partner).packed()):
            self.last_sent = self.now
            self.sent += 1

    def transmit(self, payload: bytes) -> bool:
        """Send an Ethernet frame of the slow protocols; False when there is no buffer."""
        engine, interface = self._engine, self.member.interface
        index = make_packet(engine.buffers, MULTICAST + interface.mac + ETHERTYPE.to_bytes(2, "big") + payload)
        if index is None:
            return False
        engine.buffers.tx_sw_if_index[index] = interface.sw_if_index
        engine.dispatcher.send(interface.hardware.output, Frame(np.array([index], np.int32), 1, offset=0))
        return True


class LacpPorts:
    """The ports of an engine, by sw_if_index; `debug` logs the events of all of them."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._ports: dict[int, Port] = {}
        self.debug = False
        engine.get(Bonds).subscribe(self._changed)

    def __iter__(self) -> Iterator[Port]:
        """In the order in which they were added."""
        yield from self._ports.values()

    def __len__(self) -> int:
        return len(self._ports)

    def find(self, sw_if_index: int) -> Port | None:
        """The port of an interface, if it speaks LACP."""
        return self._ports.get(sw_if_index)

    def _changed(self, change: MemberChange, member: Member) -> None:
        if member.bond.mode is not Mode.LACP:
            return
        index = member.interface.sw_if_index
        if change is MemberChange.ADDED:
            self._engine.get(Ethertypes).take(self._engine.graph, ETHERTYPE, INPUT_NODE)
            used = {port.actor_admin.port_number for port in self if port.member.bond is member.bond}
            number = next(number for number in range(1, len(used) + 2) if number not in used)
            self._ports[index] = Port(self._engine, member, number)
            self._ports[index].reset()
            self._wake()
        elif change is MemberChange.REMOVED:
            self._ports.pop(index, None)
        elif (port := self._ports[index]) and not port.enabled:
            port.reset()

    def _wake(self) -> None:
        """Have the process look at timers; as in VPP there is none before the first port."""
        graph, dispatcher = self._engine.graph, self._engine.dispatcher
        if PROCESS not in graph:
            dispatcher.begin(graph.add_node(NodeSpec(PROCESS, keep_time, NodeKind.PROCESS)))
        elif len(self._ports) == 1:
            dispatcher.signal(graph[PROCESS], True)


def keep_time(ctx: Context) -> Iterator[float]:
    """lacp-process: looks at the timers of all ports that are up, five times a second while there are ports."""
    while True:
        ports = ctx.get(LacpPorts)
        for port in list(ports):
            if port.enabled:
                port.machines.expire()
        yield PERIOD if len(ports) else inf
