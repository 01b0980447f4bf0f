"""Feature bits of layer 2: a packet carries those that are still to be done, the highest bit first.

Counterpart of vnet/l2/feat_bitmap.h and the lists in l2_input.h and l2_output.h. Bits keep their places in
VPP, whose order is the order in which features run. A bit whose node vppsh does not have leads to
feature-bitmap-drop, as in VPP without the plugin.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vppsh.engine.context import Context

if TYPE_CHECKING:
    from vppsh.engine.engine import Engine

DROP_NODE = "feature-bitmap-drop"
INPUT_FEATURES = (
    ("DROP", DROP_NODE), ("XCONNECT", "l2-output"), ("FLOOD", "l2-flood"), ("ARP_UFWD", "l2-uu-fwd"), ("ARP_TERM", "arp-term-l2bd"),
    ("UU_FLOOD", "l2-flood"), ("UU_FWD", "l2-uu-fwd"), ("FWD", "l2-fwd"), ("RW", "l2-rw"), ("LEARN", "l2-learn"),
    ("SRV6", "sr-pl-rewrite-encaps-l2"), ("VTR", "l2-input-vtr"), ("L2_IP_QOS_RECORD", "l2-ip-qos-record"), ("VPATH", "vpath-input-l2"),
    ("ACL", "l2-input-acl"), ("POLICER", "l2-policer-input"), ("POLICER_CLAS", "l2-policer-classify"),
    ("INPUT_FEAT_ARC", "l2-input-feat-arc"), ("INPUT_CLASSIFY", "l2-input-classify"), ("SPAN", "span-l2-input"),
)  # fmt: skip
(
    DROP, XCONNECT, FLOOD, ARP_UFWD, ARP_TERM, UU_FLOOD, UU_FWD, FWD, RW, LEARN, SRV6, VTR, QOS_RECORD, VPATH, ACL, POLICER,
    POLICER_CLASSIFY, FEATURE_ARC, CLASSIFY, SPAN,
) = (1 << bit for bit in range(len(INPUT_FEATURES)))  # fmt: skip

OUTPUT_FEATURES = (
    ("OUTPUT", "interface-output"), ("SPAN", "span-l2-output"), ("CFM", DROP_NODE), ("QOS", DROP_NODE), ("ACL", "l2-output-acl"),
    ("L2PT", DROP_NODE), ("EFP_FILTER", "l2-efp-filter"), ("IPIW", DROP_NODE), ("STP_BLOCKED", DROP_NODE), ("LINESTATUS_DOWN", DROP_NODE),
    ("OUTPUT_CLASSIFY", "l2-output-classify"), ("OUTPUT_FEAT_ARC", "l2-output-feat-arc"), ("POLICER", "l2-policer-output"),
    ("XCRW", "l2-xcrw"),
)  # fmt: skip
(
    OUTPUT, SPAN_OUT, CFM_OUT, QOS_OUT, ACL_OUT, L2PT_OUT, EFP_FILTER_OUT, IPIW_OUT, STP_BLOCKED_OUT, LINE_DOWN_OUT, CLASSIFY_OUT,
    FEATURE_ARC_OUT, POLICER_OUT, XCONNECT_REWRITE_OUT,
) = (1 << bit for bit in range(len(OUTPUT_FEATURES)))  # fmt: skip

ALL_BITS = 0xFFFFFFFF
NONE_CONFIGURED = "  none configured"
Features = tuple[tuple[str, str], ...]


def format_input_features(bits: int, verbose: bool) -> str:
    """The features in the order in which they run: node names, or a line for each; the final drop is none."""
    return _format(bits, bits & ~DROP, INPUT_FEATURES, verbose)


def format_output_features(bits: int, verbose: bool) -> str:
    """The same for output."""
    return _format(bits, bits, OUTPUT_FEATURES, verbose)


def _format(bits: int, shown: int, features: Features, verbose: bool) -> str:
    if not bits:
        return NONE_CONFIGURED
    chosen = [features[bit] for bit in reversed(range(len(features))) if shown >> bit & 1]
    return "".join(f"{name:>17} ({node})\n" if verbose else f"{node} " for name, node in chosen)


class NextFeatures:
    """The slots of the nodes that do features, for each node that hands on by feature bits."""

    features: Features = INPUT_FEATURES

    def __init__(self, engine: Engine) -> None:
        self._graph = engine.graph
        self._slots: dict[str, NDArray[np.int32]] = {}

    def after(self, ctx: Context, bits: NDArray[np.uint32]) -> NDArray[np.int32]:
        """The slot of each packet's highest bit; there is always one."""
        # frexp gives the number of bits up to the highest one.
        _, lengths = np.frexp(bits.astype(np.float64))
        nexts: NDArray[np.int32] = self._of(ctx)[lengths - 1]
        return nexts

    def after_all(self, ctx: Context, bits: int) -> int:
        """The slot for packets that all have the same bits."""
        return int(self._of(ctx)[bits.bit_length() - 1])

    def _of(self, ctx: Context) -> NDArray[np.int32]:
        slots = self._slots.get(ctx.node.name)
        if slots is None:
            slots = np.full(32, self._graph.next_by_name(ctx.node.name, DROP_NODE), np.int32)
            for bit, (_, node) in enumerate(self.features):
                if node in self._graph:
                    slots[bit] = self._graph.next_by_name(ctx.node.name, node)
            self._slots[ctx.node.name] = slots
        return slots


class NextOutputFeatures(NextFeatures):
    """The same for output."""

    features = OUTPUT_FEATURES
