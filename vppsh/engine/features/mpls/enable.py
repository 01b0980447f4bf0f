"""On which interfaces MPLS is enabled: labelled packets that come in by others go to mpls-not-enabled.

Counterpart of vnet/mpls/interface.c.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vppsh.engine.fib.fib import Fib
from vppsh.engine.fib.types import Protocol, Source
from vppsh.engine.interfaces import Change, Interface
from vppsh.registry import table

if TYPE_CHECKING:
    from vppsh.engine.engine import Engine

DEFAULT_TABLE = 0


class MplsEnable:
    """How often MPLS was enabled on each interface. There is no MPLS in any before the default table exists."""

    def __init__(self, engine: Engine) -> None:
        self._arcs = engine.arcs
        self._engine = engine
        self._counts: dict[int, int] = {}
        engine.interfaces.subscribe(self._changed)

    def is_enabled(self, sw_if_index: int) -> bool:
        """Whether an interface is shown as one where MPLS is enabled."""
        return self._counts.get(sw_if_index, 0) > 0

    def set(self, interface: Interface, enabled: bool) -> bool:
        """One reason more, or less, to accept labelled packets; False when the default table does not exist."""
        tables = self._engine.get(Fib).mpls
        default = tables.find(DEFAULT_TABLE)
        if default is None:
            return False
        index = interface.sw_if_index
        # VPP counts in eight bits, and below zero: disabled once too often it says that MPLS is enabled.
        count = self._counts[index] = (self._counts.get(index, 0) + (1 if enabled else -1)) & 0xFF
        if count != int(enabled):
            return True
        if enabled:
            default.lock(Source.INTERFACE)
            tables.ensure_interface(index)
            tables.fib_index_of[index] = default.index
        else:
            tables[tables.index_of_interface(index)].unlock(Source.INTERFACE)
        self._refuse(index, not enabled)
        hardware = interface.hardware
        hardware.l3_count = max(0, hardware.l3_count + (1 if enabled else -1))
        return True

    def _refuse(self, sw_if_index: int, refused: bool) -> None:
        self._arcs.enable("mpls-input", "mpls-not-enabled", sw_if_index, refused)

    def _changed(self, change: Change, interface: Interface) -> None:
        index = interface.sw_if_index
        if change is Change.ADDED:
            self._engine.get(Fib).tables(Protocol.MPLS).ensure_interface(index)
            self._refuse(index, True)
        elif change is Change.DELETED and self._counts.pop(index, 0):
            tables = self._engine.get(Fib).mpls
            tables[tables.index_of_interface(index)].unlock(Source.INTERFACE)


MPLS_ENABLE = table(MplsEnable)
