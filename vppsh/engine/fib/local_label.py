"""Local labels of IP prefixes: labelled packets are forwarded as the prefix's own are.

VPP counterpart: vnet/fib/fib_entry_src_mpls.c. The source adds nothing to the IP entry itself; it binds two entries of
the default MPLS table (for the bottom of the stack, and for further labels below) to the entry's other chains.
"""

from __future__ import annotations

from . import path_list
from .behaviour import Behaviour
from .dpo import DROPS, Dpo
from .entry import Entry
from .entry_source import EntrySource
from .mpls_tables import EOS, NON_EOS
from .table import FibTable
from .types import Chain, EntryFlag, PathListFlag, Prefix, Source

NO_LABEL = 0x100000
CHAINS = {NON_EOS: Chain.MPLS_NON_EOS, EOS: Chain.MPLS_EOS}


class LabelledSource(EntrySource):
    """The source's state: which label the prefix has."""

    __slots__ = ("label",)

    label: int

    def __init__(self, source: Source, behaviour: Behaviour, flags: int) -> None:
        super().__init__(source, behaviour, flags)
        self.label = NO_LABEL


class LocalLabel(Behaviour):
    """Entries that have a local label."""

    name = "mpls"
    source_type = LabelledSource

    def add(self, entry: Entry, known: EntrySource, flags: int, dpo: Dpo | None) -> None:
        protocol = entry.prefix.protocol
        known.path_list = path_list.create_special(entry.table.fib, protocol, PathListFlag.DROP, DROPS[protocol])

    def format(self, entry: Entry, known: EntrySource) -> str:
        return f" local-label:{known.label}" if isinstance(known, LabelledSource) else ""


def bind(table: FibTable, prefix: Prefix, label: int) -> None:
    """Give a prefix a local label, in place of the one it may have."""
    entry = table.find(prefix)
    if entry is None or entry.find(Source.MPLS) is None:
        entry = table.special_add(prefix, Source.MPLS, EntryFlag.NONE)
    known = entry.find(Source.MPLS)
    assert isinstance(known, LabelledSource)
    tables = table.fib.mpls
    if known.label == NO_LABEL:
        labels = tables.find_or_create(0, Source.MPLS)
    else:
        labels = tables[0]
        if known.label != label:
            _remove(labels, known.label)
    known.label = label
    for end_of_stack, chain in CHAINS.items():
        bound = Prefix.of_label(label, end_of_stack, prefix.protocol)
        labels.special_add(bound, Source.SPECIAL, EntryFlag.EXCLUSIVE, entry.forwarding(chain))


def unbind(table: FibTable, prefix: Prefix, label: int) -> None:
    """Take a prefix's local label away."""
    entry = table.find(prefix)
    known = entry.find(Source.MPLS) if entry is not None else None
    if not isinstance(known, LabelledSource) or known.label != label:
        return
    labels = table.fib.mpls[0]
    _remove(labels, label)
    labels.unlock(Source.MPLS)
    known.label = NO_LABEL
    table.special_remove(prefix, Source.MPLS)


def _remove(labels: FibTable, label: int) -> None:
    for end_of_stack in CHAINS:
        labels.special_remove(Prefix.of_label(label, end_of_stack), Source.SPECIAL)
