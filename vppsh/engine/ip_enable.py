"""On which interfaces IPv4 and IPv6 are enabled: by an address, by borrowing one, or by command.

Counterpart of ip4_sw_interface_enable_disable and its IPv6 twin. Each of these counts as one; while the
count is zero, packets that come in go to ip4-not-enabled or ip6-not-enabled, which drop them.
"""

from __future__ import annotations

from collections.abc import Callable

from vppsh.engine.engine import Engine
from vppsh.engine.fib.types import Protocol
from vppsh.engine.interfaces import Change, Interface

Listener = Callable[[Protocol, int, bool], None]
"""`(protocol, sw_if_index, enabled)`"""

PROTOCOLS = (Protocol.IP4, Protocol.IP6)


class IpEnable:
    """The counts of an engine's interfaces."""

    def __init__(self, engine: Engine) -> None:
        self._arcs = engine.arcs
        self._interfaces = engine.interfaces
        self._counts: dict[tuple[Protocol, int], int] = {}
        self._listeners: list[Listener] = []
        self._interfaces.subscribe(self._interface_changed)

    def subscribe(self, listener: Listener) -> None:
        """Call `listener` whenever a protocol is enabled or disabled on an interface, and for what is enabled now."""
        for protocol, sw_if_index in self._counts:
            listener(protocol, sw_if_index, True)
        self._listeners.append(listener)

    def is_enabled(self, protocol: Protocol, sw_if_index: int) -> bool:
        """Whether packets of a protocol are accepted on an interface."""
        return (protocol, sw_if_index) in self._counts

    def enable(self, protocol: Protocol, sw_if_index: int) -> None:
        """One reason more to accept packets."""
        key = (protocol, sw_if_index)
        self._counts[key] = self._counts.get(key, 0) + 1
        if self._counts[key] == 1:
            self._turn(protocol, sw_if_index, True)

    def disable(self, protocol: Protocol, sw_if_index: int) -> None:
        """One reason less."""
        left = self._counts.get((protocol, sw_if_index), 0) - 1
        if left > 0:
            self._counts[protocol, sw_if_index] = left
        elif not left:
            del self._counts[protocol, sw_if_index]
            self._turn(protocol, sw_if_index, False)

    def admit(self, protocol: Protocol, sw_if_index: int) -> None:
        """Let packets in, without enabling what else comes with a protocol (VPP's `enable ip4 interface`)."""
        self._refuse(protocol, sw_if_index, False)

    def _turn(self, protocol: Protocol, sw_if_index: int, enabled: bool) -> None:
        self._refuse(protocol, sw_if_index, not enabled)
        self._interfaces[sw_if_index].hardware.l3_count += 1 if enabled else -1
        for listener in self._listeners:
            listener(protocol, sw_if_index, enabled)

    def _refuse(self, protocol: Protocol, sw_if_index: int, refused: bool) -> None:
        for cast in ("unicast", "multicast"):
            self._arcs.enable(f"{protocol.text}-{cast}", f"{protocol.text}-not-enabled", sw_if_index, refused)

    def _interface_changed(self, change: Change, interface: Interface) -> None:
        for protocol in PROTOCOLS:
            if change is Change.ADDED:
                self._refuse(protocol, interface.sw_if_index, True)
            elif change is Change.DELETED and self._counts.pop((protocol, interface.sw_if_index), 0):
                self._turn(protocol, interface.sw_if_index, False)
