"""The MPLS tables: labels, the load-balance of each, and the labels that every table knows.

VPP counterpart: vnet/fib/mpls_fib.c; reserved labels of RFC 3032, 2.1. A key is a label with the bottom-of-stack bit
below it, 21 bits in all, and a look-up one gather from an array of that many slots.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .dpo import DROPS, PUNTS, Dpo
from .load_balance import NextHop
from .table import FibTable
from .tables import FibTables
from .types import EntryFlag, Prefix, Protocol, Source

if TYPE_CHECKING:
    from .fib import Fib

KEYS = 1 << 21
IP4_EXPLICIT_NULL, ROUTER_ALERT, IP6_EXPLICIT_NULL = range(3)
EXPLICIT_NULLS = ((IP4_EXPLICIT_NULL, Protocol.IP4), (IP6_EXPLICIT_NULL, Protocol.IP6))
NON_EOS, EOS = range(2)


class MplsTables(FibTables):
    """The MPLS tables. There is none before it is asked for; an interface that MPLS is enabled on uses table 0."""

    protocol = Protocol.MPLS

    def __init__(self, fib: Fib) -> None:
        super().__init__(fib)
        self._drop = -1
        # Slots are counted from the load-balance that drops: memory that was never written means that one.
        self._slots: dict[int, NDArray[np.int32]] = {}
        self._lookups: dict[int, list[Dpo]] = {}

    def lookup(self, fib_index: int | NDArray[np.int32], keys: NDArray[np.integer]) -> NDArray[np.int32]:
        """Load-balances of labels with their bottom-of-stack bits, in one table or in a table each; drop where there is no table."""
        found: NDArray[np.int32]
        if isinstance(fib_index, int):
            slots = self._slots.get(fib_index)
            if slots is None:
                return np.full(len(keys), max(self._drop, 0), np.int32)
            found = slots.take(keys) + np.int32(self._drop)
            return found
        found = np.zeros(len(keys), np.int32)
        for index in np.unique(fib_index).tolist():
            mine = fib_index == index
            found[mine] = self.lookup(index, keys[mine])
        return found

    def forwarding_update(self, table: FibTable, prefix: Prefix, load_balance: int) -> None:
        self._slots[table.index][prefix.address] = load_balance - self._drop

    def forwarding_remove(self, table: FibTable, prefix: Prefix) -> None:
        self._slots[table.index][prefix.address] = 0

    def _load_specials(self, table: FibTable) -> None:
        if self._drop < 0:
            self._drop = self.fib.load_balances.create(Protocol.MPLS)
            self.fib.load_balances.update(self._drop, [NextHop(DROPS[Protocol.MPLS], 1)])
        self._slots[table.index] = np.zeros(KEYS, np.int32)
        for end_of_stack in (NON_EOS, EOS):
            prefix = Prefix.of_label(ROUTER_ALERT, end_of_stack)
            table.special_add(prefix, Source.SPECIAL, EntryFlag.EXCLUSIVE, PUNTS[Protocol.MPLS])
        lookups = self._lookups[table.index] = []
        for label, payload in EXPLICIT_NULLS:
            for end_of_stack, protocol in ((EOS, payload), (NON_EOS, Protocol.MPLS)):
                dpo = self.fib.lookups.create_for_interface(protocol)
                lookups.append(dpo)
                table.special_add(Prefix.of_label(label, end_of_stack, protocol), Source.SPECIAL, EntryFlag.EXCLUSIVE, dpo)

    def _flush_specials(self, table: FibTable) -> None:
        for label in (ROUTER_ALERT, IP6_EXPLICIT_NULL, IP4_EXPLICIT_NULL):
            for end_of_stack in (NON_EOS, EOS):
                table.special_remove(Prefix.of_label(label, end_of_stack), Source.SPECIAL)
        for dpo in self._lookups.pop(table.index):
            self.fib.lookups.destroy(dpo)
        del self._slots[table.index]
