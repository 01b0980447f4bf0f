"""Which interfaces are protected by which SAs."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from vppsh.answers.ipsec import Protection, Sa, read_protections
from vppsh.tui.grid import Column, Row
from vppsh.tui.questions import Question
from vppsh.tui.report import Report
from vppsh.tui.store import Store

SELDOM = 60.0
PROTECTIONS = Question("show ipsec protect", read_protections, every=SELDOM)


def _numbers(sas: Sequence[Sa]) -> str:
    return ", ".join(f"SA {sa.id} spi {sa.spi}" for sa in sas)


class ProtectionTable(Report):
    """A protected interface each, or a peer of one."""

    name, title, position = "protect", "IPsec tunnel protection", 60
    questions = (PROTECTIONS,)
    empty = "no protected interfaces"
    help = "Interfaces whose packets are encrypted by one SA, and taken when one of some SAs decrypted them; the table sas has these."
    columns = (
        Column("Interface", "interface", 16),
        Column("Peer", "peer", 20),
        Column("Sends with", "sends", 30),
        Column("Takes", "takes", 0),
        Column("Flags", "flags", 12),
    )

    def rows(self, store: Store, everything: bool = False) -> Sequence[Row]:
        """A protection each."""
        known = store.value(PROTECTIONS)
        return [self._row(each) for each in known.protections] if known else []

    def _row(self, each: Protection) -> Row:
        values = (each.interface, each.peer, _numbers(each.sends), _numbers(each.takes), each.flags.replace("none", ""))
        return Row((each.interface, each.peer), values)

    def detail(self, store: Store, key: Hashable, width: int) -> list[str]:
        """The SAs, one a line."""
        known = store.value(PROTECTIONS)
        each = next((each for each in known.protections if (each.interface, each.peer) == key), None) if known else None
        if each is None:
            return [f"{key} is gone"]
        lines = [f"{each.interface} {each.peer}".strip()]
        for title, sas in (("sends with", each.sends), ("takes", each.takes)):
            lines += [f"{title:<12} SA {sa.id} index {sa.index} SPI {sa.spi} (0x{sa.spi:08x}) {' '.join(sa.flags)}" for sa in sas]
        return lines
