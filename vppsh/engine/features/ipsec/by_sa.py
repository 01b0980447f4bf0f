"""Packets of a frame, by their association: mostly there is one."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from vppsh.engine.context import Context
from vppsh.engine.frame import Frame
from vppsh.engine.uniform import common

Slots = int | NDArray[np.int32]
Handle = Callable[[Context, Frame, int], Slots]
"""`(ctx, frame, index of the association of all its packets) -> next slot of all or each`."""


def by_association(ctx: Context, frame: Frame, indices: NDArray[np.int32], handle: Handle) -> Slots:
    """Let the packets of each association be handled together, in the order in which associations appear."""
    one = common(indices)
    if one is not None:
        return handle(ctx, frame, one)
    nexts = np.empty(frame.n, np.int32)
    left = np.arange(frame.n)
    while len(left):
        index = int(indices[left[0]])
        mine = indices[left] == index
        part = frame.pick(ctx.buffers, left[mine])
        nexts[left[mine]] = handle(ctx, part, index)
        left = left[~mine]
    frame.offset = None
    return nexts
