"""l2-patch: everything that a device receives leaves by another one, unseen (vnet/l2/l2_patch.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from msgspec import Struct

from vppsh.engine.context import Context, Nexts
from vppsh.engine.frame import Frame
from vppsh.engine.interfaces import Change, Interface, Interfaces
from vppsh.errors import CommandError
from vppsh.registry import error, feature, node

if TYPE_CHECKING:
    from vppsh.engine.engine import Engine

DROP = 0
PATCHED, DROPPED = range(2)
ERRORS = tuple(error(text, text) for text in ("L2 patch packets", "L2 patch misconfigured drops"))
NOBODY = -1


class Patches:
    """Which device is patched to which: by sw_if_index of the receiving one, in their order."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._patches: dict[int, Interface] = {}
        engine.get(Interfaces).subscribe(self._changed)

    def find(self, sw_if_index: int) -> Interface | None:
        """Where a device's packets leave."""
        return self._patches.get(sw_if_index)

    @property
    def all(self) -> list[tuple[int, Interface]]:
        """Receiving sw_if_index and sending device of every patch."""
        return sorted(self._patches.items(), key=lambda item: item[0])

    def add(self, receiver: Interface, sender: Interface) -> None:
        """Patch one device to another (CommandError if one is a sub-interface)."""
        self._check(receiver, sender)
        self._patches[receiver.sw_if_index] = sender
        self._engine.arcs.enable("device-input", "l2-patch", receiver.sw_if_index)

    def remove(self, receiver: Interface, sender: Interface) -> None:
        """Take a patch away (CommandError if one is a sub-interface)."""
        self._check(receiver, sender)
        self._engine.arcs.enable("device-input", "l2-patch", receiver.sw_if_index, False)
        self._patches.pop(receiver.sw_if_index, None)

    def _check(self, receiver: Interface, sender: Interface) -> None:
        for interface, role in ((receiver, "rx"), (sender, "tx")):
            if not interface.is_hardware:
                raise CommandError(f"{role} interface not a physical port")

    def _changed(self, change: Change, interface: Interface) -> None:
        if change is Change.DELETED:
            self._patches.pop(interface.sw_if_index, None)
            for receiver in [index for index, sender in self._patches.items() if sender is interface]:
                self.remove(self._engine.interfaces[receiver], interface)


class PatchTrace(Struct, frozen=True):
    """Where the packet came in, and where it leaves."""

    received: int
    sent: int


def format_patch_trace(view: Any, record: PatchTrace) -> str:
    """`L2_PATCH: rx 1 tx 2`."""
    return f"L2_PATCH: rx {record.received} tx {record.sent}"


@node("l2-patch", nexts=("error-drop",), errors=ERRORS, trace=format_patch_trace)
def l2_patch(ctx: Context, frame: Frame) -> Nexts:
    """To the output of the device at the other end."""
    buffers, patches, graph = ctx.buffers, ctx.get(Patches), ctx.engine.graph
    rows = frame.indices(buffers)
    received = buffers.rx_sw_if_index[rows]
    nexts = np.full(frame.n, DROP, np.int32)
    sent = np.full(frame.n, NOBODY, np.int32)
    for index in set(received.tolist()):
        sender = patches.find(index)
        if sender is not None:
            chosen = received == index
            sent[chosen] = sender.sw_if_index
            nexts[chosen] = graph.add_next(ctx.node, sender.hardware.output)
    buffers.tx_sw_if_index[rows] = sent
    buffers.error[rows[sent == NOBODY]] = ctx.error_base + DROPPED
    ctx.count(PATCHED, int(np.count_nonzero(sent != NOBODY)))
    for position, index in ctx.traced(frame):
        ctx.trace(index, PatchTrace(int(received[position]), int(sent[position])))
    return nexts


ON_INPUT = feature("device-input", "l2-patch", before=("ethernet-input",))
