"""Label and disposition objects: what MPLS does to a packet between a load-balance and the adjacency it leaves by.

VPP counterpart: vnet/dpo/mpls_label_dpo.c, mpls_disposition.c; RFC 3032, pipe and uniform modes RFC 3443. Both are
stacked on another object, which they hold, and hand packets on to its node.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vppsh.engine.wire.mpls import DEFAULT_TTL, format_mpls_header

from .dpo import DROPS, NO_MTU, Dpo, Dpos, DpoType, Held
from .rows import Column, Rows
from .types import Label, Protocol

if TYPE_CHECKING:
    from vppsh.engine.engine import Engine

MAX_LABELS = 12
ENTRY_BYTES = 4
HEADER_BYTES = MAX_LABELS * ENTRY_BYTES


class Stacked(Rows):
    """Objects that are stacked on others.

    next_slot   slot of the other's node in the node of the object
    next_index  index of the other
    """

    next_slot: NDArray[np.int32]
    next_index: NDArray[np.int32]

    def __init__(self, engine: Engine, columns: dict[str, Column]) -> None:
        super().__init__({"next_slot": ("i4", 0), "next_index": ("i4", 0), **columns})
        self._engine = engine
        self._dpos = engine.get(Dpos)
        self._parents: dict[int, Held] = {}

    def destroy(self, dpo: Dpo) -> None:
        """Free an object, and let go of the one below it."""
        parent = self._parents.pop(dpo.index)
        if parent.release is not None:
            parent.release()
        self._release(dpo.index)

    def _stack(self, row: int, kind: int, protocol: Protocol, parent: Held) -> Dpo:
        """Put a new object on another; what it is called from now on."""
        dpo = Dpo(kind, int(protocol), row)
        self._parents[row] = parent
        self.next_index[row] = parent.dpo.index
        if self._dpos.has_node(kind, protocol):
            target = self._dpos.node(parent.dpo.type, Protocol(parent.dpo.protocol))
            self.next_slot[row] = self._engine.graph.next_by_name(self._dpos.node(kind, protocol), target)
        return dpo

    def _format_parent(self, row: int, indent: int) -> str:
        parent = self._dpos.format_at(self._parents[row].dpo, indent + 2, int(self.next_slot[row]), indent)
        return f"\n{' ' * indent}{parent}"


class LabelFlag(enum.IntFlag):
    """How labels are imposed."""

    NO_IP_TTL_DECREMENT = 1 << 0
    UNIFORM = 1 << 1


# The spelling is VPP's.
LABEL_FLAG_NAMES = ("no-ip-tll-decr", "uniform-mode")
LABEL_NODES = {
    LabelFlag.NO_IP_TTL_DECREMENT: ("{0}-mpls-label-imposition-pipe-no-ip-ttl-decr", (Protocol.IP4, Protocol.IP6)),
    LabelFlag.UNIFORM: ("{0}-mpls-label-imposition-uniform", (Protocol.IP4, Protocol.IP6, Protocol.MPLS)),
    LabelFlag.UNIFORM | LabelFlag.NO_IP_TTL_DECREMENT: (
        "{0}-mpls-label-imposition-uniform-no-ip-ttl-decr", (Protocol.IP4, Protocol.IP6)),
}  # fmt: skip
"""Nodes of the types besides the plain one."""


def stack_entries(labels: Sequence[Label], end_of_stack: int) -> list[int]:
    """The stack entries of labels, outermost first; a TTL of 0 stands for the default."""
    last = len(labels) - 1
    return [
        (label.value & 0xFFFFF) << 12 | label.exp << 9 | (end_of_stack if position == last else 0) << 8 | (label.ttl or DEFAULT_TTL)
        for position, label in enumerate(labels)
    ]


class MplsLabels(Stacked):
    """Label objects: labels to impose.

    header_bytes  bytes of the stack entries, at the beginning of the row in `headers`
    headers       (n, HEADER_BYTES) the stack entries as they go on the wire
    """

    header_bytes: NDArray[np.int32]

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine, {"header_bytes": ("i4", 0)})
        self.headers: NDArray[np.uint8] = np.zeros((self.capacity, HEADER_BYTES), np.uint8)
        self._views: dict[int, NDArray[np.void]] = {}
        self._flags: dict[int, int] = {}
        self._types = {0: int(DpoType.MPLS_LABEL)}
        self._dpos.register(DpoType.MPLS_LABEL, self._format)
        self._dpos.register_mtu(DpoType.MPLS_LABEL, self._mtu)
        for flags, (pattern, protocols) in LABEL_NODES.items():
            nodes = {each: pattern.format(each.text).removeprefix("mpls-") for each in protocols}
            self._types[int(flags)] = self._dpos.new_type("mpls-label", nodes, self._format)
            self._dpos.register_mtu(self._types[int(flags)], self._mtu)

    def create(self, labels: Sequence[Label], end_of_stack: int, protocol: Protocol, flags: int, parent: Held) -> Dpo:
        """An object that imposes labels on packets of a protocol; the innermost says whether as a pipe or uniformly."""
        row = self._allocate()
        if protocol not in (Protocol.IP4, Protocol.IP6):
            flags &= ~LabelFlag.NO_IP_TTL_DECREMENT
        if len(labels) > MAX_LABELS:
            if parent.release is not None:
                parent.release()
            labels, parent = (), Held(DROPS[protocol])
        elif labels[-1].uniform:
            flags |= LabelFlag.UNIFORM
        header = b"".join(entry.to_bytes(ENTRY_BYTES, "big") for entry in stack_entries(labels, end_of_stack))
        self.headers[row, : len(header)] = np.frombuffer(header, np.uint8)
        self.header_bytes[row] = len(header)
        self._flags[row] = flags
        return self._stack(row, self._types[int(flags)], protocol, parent)

    def header_view(self, length: int) -> NDArray[np.void]:
        """The stack entries of every object, one item of `length` bytes each."""
        view = self._views.get(length)
        if view is None or len(view) != len(self.headers):
            view = np.ndarray((len(self.headers),), np.dtype((np.void, length)), self.headers.data, 0, (HEADER_BYTES,))
            self._views[length] = view
        return view

    def _mtu(self, row: int) -> int:
        """What is left beside the labels."""
        return (self._dpos.mtu(self._parents[row].dpo) - int(self.header_bytes[row])) & NO_MTU

    def _grow(self) -> None:
        super()._grow()
        bigger = np.zeros((self.capacity, HEADER_BYTES), np.uint8)
        bigger[: len(self.headers)] = self.headers
        self.headers = bigger

    def _format(self, row: int, indent: int) -> str:
        if self.is_free(row):
            return f"mpls-label[???,{row}]:"
        flags = "".join(f"{name}," for bit, name in enumerate(LABEL_FLAG_NAMES) if self._flags[row] >> bit & 1)
        entries = self.headers[row, : self.header_bytes[row]].view(">u4").tolist()
        return f"mpls-label[{flags}@{row}]:{''.join(map(format_mpls_header, entries))}{self._format_parent(row, indent)}"


class MplsDispositions(Stacked):
    """Disposition objects: the last label is off, what was below it is looked at.

    rpf_id    for the reverse path check of multicast packets, -1 for none
    """

    rpf_id: NDArray[np.int32]

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine, {"rpf_id": ("i4", -1)})
        self._shown: dict[int, tuple[Protocol, bool]] = {}
        self._dpos.register(DpoType.MPLS_DISPOSITION_PIPE, self._format)
        self._dpos.register(DpoType.MPLS_DISPOSITION_UNIFORM, self._format)

    def create(self, payload: Protocol, rpf_id: int, uniform: bool, parent: Held) -> Dpo:
        """An object for packets of a protocol; `uniform`: they take over the label's TTL and class."""
        row = self._allocate()
        self.rpf_id[row] = rpf_id
        self._shown[row] = (payload, uniform)
        kind = DpoType.MPLS_DISPOSITION_UNIFORM if uniform else DpoType.MPLS_DISPOSITION_PIPE
        return self._stack(row, int(kind), payload, parent)

    def _format(self, row: int, indent: int) -> str:
        if self.is_free(row):
            return f"mpls-disposition:[{row}]:[deleted]"
        payload, uniform = self._shown[row]
        rpf_id = f"rpf-id:{self.rpf_id[row]} " if self.rpf_id[row] else ""
        mode = "uniform" if uniform else "pipe"
        return f"mpls-disposition:[{row}]:[{rpf_id}{payload.text}, {mode}]{self._format_parent(row, indent)}"
