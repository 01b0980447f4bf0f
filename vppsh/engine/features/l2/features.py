"""Feature bits of layer 2: a packet carries those that are still to be done, the highest bit first.

Counterpart of vnet/l2/feat_bitmap.h and the lists in l2_input.h and l2_output.h. Bits keep their places in
VPP, whose order is the order in which features run; only those that vppsh has are ever set.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vppsh.engine.context import Context

if TYPE_CHECKING:
    from vppsh.engine.engine import Engine

DROP_BIT, XCONNECT_BIT, VTR_BIT = 0, 1, 11
DROP, XCONNECT, VTR = 1 << DROP_BIT, 1 << XCONNECT_BIT, 1 << VTR_BIT
INPUT_FEATURES = {DROP_BIT: ("DROP", "feature-bitmap-drop"), XCONNECT_BIT: ("XCONNECT", "l2-output"), VTR_BIT: ("VTR", "l2-input-vtr")}

OUTPUT_BIT = 0
OUTPUT = 1 << OUTPUT_BIT
OUTPUT_FEATURES = {OUTPUT_BIT: ("OUTPUT", "interface-output")}

NONE_CONFIGURED = "  none configured"


def format_input_features(bits: int, verbose: bool) -> str:
    """The features in the order in which they run: node names, or a line for each; the final drop is none."""
    return _format(bits, bits & ~DROP, INPUT_FEATURES, verbose)


def format_output_features(bits: int, verbose: bool) -> str:
    """The same for output."""
    return _format(bits, bits, OUTPUT_FEATURES, verbose)


def _format(bits: int, shown: int, features: dict[int, tuple[str, str]], verbose: bool) -> str:
    if not bits:
        return NONE_CONFIGURED
    chosen = [features[bit] for bit in sorted(features, reverse=True) if shown >> bit & 1]
    return "".join(f"{name:>17} ({node})\n" if verbose else f"{node} " for name, node in chosen)


class NextFeatures:
    """The slots of the nodes that do input features, for each node that hands on by feature bits."""

    def __init__(self, engine: Engine) -> None:
        self._graph = engine.graph
        self._slots: dict[str, NDArray[np.int32]] = {}

    def after(self, ctx: Context, bits: NDArray[np.uint32]) -> NDArray[np.int32]:
        """The slots of the highest bits; there is always one."""
        slots = self._slots.get(ctx.node.name)
        if slots is None:
            slots = np.full(32, -1, np.int32)
            for bit, (_, node) in INPUT_FEATURES.items():
                if node != ctx.node.name:
                    slots[bit] = self._graph.next_by_name(ctx.node.name, node)
            self._slots[ctx.node.name] = slots
        # frexp gives the number of bits up to the highest one.
        _, lengths = np.frexp(bits.astype(np.float64))
        nexts: NDArray[np.int32] = slots[lengths - 1]
        return nexts
