"""Layer 3 proxy objects: packets to a container's address are taken in for an interface (vnet/dpo/l3_proxy_dpo.c, ip_container_proxy.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .dpo import Dpo, Dpos, DpoType
from .fib import Fib
from .load_balance import LoadBalances
from .rows import Rows
from .types import NO_INTERFACE, EntryFlag, Prefix, Source

if TYPE_CHECKING:
    from vppsh.engine.engine import Engine

    from .table import FibTable


class L3Proxies(Rows):
    """The proxies of an engine, one object per IP version and interface.

    sw_if_index  the interface
    """

    sw_if_index: NDArray[np.int32]

    def __init__(self, engine: Engine) -> None:
        super().__init__({"sw_if_index": ("i4", NO_INTERFACE)})
        self._engine = engine
        self._fib = engine.get(Fib)
        self._rows: dict[tuple[int, int], int] = {}
        dpos = engine.get(Dpos)
        dpos.register(DpoType.L3_PROXY, self._format)
        dpos.register_urpf(DpoType.L3_PROXY, lambda row: int(self.sw_if_index[row]))

    def add(self, prefix: Prefix, sw_if_index: int) -> None:
        """Take in what is sent to an address, in the table of the interface."""
        key = (int(prefix.protocol), sw_if_index)
        if key not in self._rows:
            row = self._rows[key] = self._allocate()
            self.sw_if_index[row] = sw_if_index
        dpo = Dpo(int(DpoType.L3_PROXY), int(prefix.protocol), self._rows[key])
        self._table(prefix, sw_if_index).special_add(prefix, Source.PROXY, EntryFlag.EXCLUSIVE, dpo)

    def remove(self, prefix: Prefix, sw_if_index: int) -> None:
        """No longer take in what is sent to an address."""
        self._table(prefix, sw_if_index).special_remove(prefix, Source.PROXY)

    def is_set(self, prefix: Prefix, sw_if_index: int) -> bool:
        """Whether packets to an address are taken in for this interface."""
        entry = self._table(prefix, sw_if_index).find(prefix)
        if entry is None or entry.load_balance < 0:
            return False
        bucket = self._engine.get(LoadBalances).buckets(entry.load_balance)[0]
        return bucket.type == DpoType.L3_PROXY and int(self.sw_if_index[bucket.index]) == sw_if_index

    def _table(self, prefix: Prefix, sw_if_index: int) -> FibTable:
        tables = self._fib.tables(prefix.protocol)
        return tables[tables.index_of_interface(sw_if_index)]

    def _format(self, index: int, indent: int) -> str:
        interfaces, sw_if_index = self._engine.interfaces, int(self.sw_if_index[index])
        return f"dpo-l3_proxy: {interfaces[sw_if_index].name if sw_if_index in interfaces else 'DELETED'}"
