"""MPLS labels as they are typed: a number, or the name of a reserved one (unformat_mpls_unicast_label in VPP's vnet/mpls/mpls.c)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from vppsh.engine.fib.types import Label
from vppsh.grammar.arguments import Reader

LABELS: Mapping[str, int] = MappingProxyType(
    {
        "ip4-explicit-null": 0,
        "ipv6-explicit-null": 2,
        "router-alert": 1,
        "implicit-null": 3,
        "e-nul": 0,
        "v6enl": 2,
        "r-alt": 1,
        "i-nul": 3,
    }
)
"""In the order in which VPP tries them."""


def read_label(reader: Reader) -> int | None:
    """One label."""
    for name, number in LABELS.items():
        if reader.word(name):
            return number
    typed = reader.signed()
    return None if typed is None else typed & 0xFFFFFFFF


def read_labels(reader: Reader) -> tuple[Label, ...]:
    """As many labels as there are, to be imposed with the first one outermost."""
    labels: list[Label] = []
    while not reader.finished() and (label := read_label(reader)) is not None:
        labels.append(Label(label))
    return tuple(labels)
