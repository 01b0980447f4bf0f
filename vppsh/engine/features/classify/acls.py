"""Classifier tables as access lists: which table an interface's packets are looked up in (vnet/classify/in_out_acl.c)."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vppsh.engine.classify import ClassifyError, ClassifyFailure, ClassifyTables
from vppsh.engine.classify_lookup import NO_TABLE
from vppsh.engine.features.l2 import features
from vppsh.engine.features.l2.modes import L2Interfaces
from vppsh.engine.interfaces import Change, Interface, Interfaces

if TYPE_CHECKING:
    from vppsh.engine.engine import Engine


class Kind(enum.Enum):
    """Which packets a table is for."""

    IP4 = "ip4"
    IP6 = "ip6"
    L2 = "l2"


class InOutAcls:
    """The access lists of all interfaces."""

    def __init__(self, engine: Engine) -> None:
        self._arcs = engine.arcs
        self._l2 = engine.get(L2Interfaces)
        self._tables = engine.get(ClassifyTables)
        self._columns: dict[tuple[Kind, bool], NDArray[np.int32]] = {}
        engine.get(Interfaces).subscribe(self._changed)

    def of(self, kind: Kind, output: bool) -> NDArray[np.int32]:
        """The first table of each interface, NO_TABLE for none; an empty array when none was ever set."""
        return self._columns.get((kind, output), np.zeros(0, np.int32))

    def first(self, kind: Kind, output: bool, sw_if_index: NDArray[np.int32]) -> NDArray[np.int32]:
        """The first table of each packet, by its interface."""
        column = self.of(kind, output)
        if not len(column):
            return np.full(len(sw_if_index), NO_TABLE, np.int32)
        return np.where(sw_if_index < len(column), column[np.minimum(sw_if_index, len(column) - 1)], NO_TABLE).astype(np.int32)

    def set(self, interface: Interface, kind: Kind, output: bool, table: int, on: bool) -> None:
        """Let an interface use a table, or no longer (ClassifyFailure); who has one keeps it, as in VPP."""
        if self._tables.find(table) is None:
            raise ClassifyFailure(ClassifyError.NO_SUCH_TABLE)
        index = interface.sw_if_index
        column = self.of(kind, output)
        if index >= len(column):
            column = np.concatenate((column, np.full(index + 1 - len(column), NO_TABLE, np.int32)))
            self._columns[kind, output] = column
        if on and column[index] != NO_TABLE:
            return
        if not on and column[index] != table:
            raise ClassifyFailure(ClassifyError.NO_SUCH_TABLE)
        column[index] = table if on else NO_TABLE
        self._switch(interface, kind, output, on)

    def _switch(self, interface: Interface, kind: Kind, output: bool, on: bool) -> None:
        if kind is not Kind.L2:
            arc, node = ("output", "outacl") if output else ("unicast", "inacl")
            self._arcs.enable(f"{kind.value}-{arc}", f"{kind.value}-{node}", interface.sw_if_index, on)
        elif output:
            self._l2.switch_output(interface, features.ACL_OUT, on)
        else:
            self._l2.switch_input(interface, features.ACL, on)

    def _changed(self, change: Change, interface: Interface) -> None:
        """An interface that goes takes its tables with it."""
        if change is Change.DELETED:
            for column in self._columns.values():
                if interface.sw_if_index < len(column):
                    column[interface.sw_if_index] = NO_TABLE
