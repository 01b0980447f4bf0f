"""l2-input: the first node of packets that are not routed; it says which features they go through.

Counterpart of vnet/l2/l2_input_node.c and feat_bitmap.c.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from vppsh.engine.context import Context, Nexts
from vppsh.engine.features.ethernet.ethertypes import BRIDGED
from vppsh.engine.features.l2 import features
from vppsh.engine.features.l2.features import NextFeatures, format_input_features
from vppsh.engine.features.l2.modes import NO_PEER, L2Interfaces
from vppsh.engine.frame import Frame
from vppsh.engine.wire.text import format_ethernet_address
from vppsh.registry import column, demux, error, node, table

L2_FEATURES = column("l2_features", "u4")
L2_INTERFACES = table(L2Interfaces)
NOT_ROUTED = demux("ethernet-input", BRIDGED, "l2-input")

DROP = 0
PACKETS = 0
ERRORS = tuple(error(text, text) for text in ("L2 input packets", "L2 input drops"))
NO_FORWARDING, NOT_IMPLEMENTED = range(2)
BITMAP_DROP_ERRORS = tuple(error(text, text) for text in ("L2 feature forwarding disabled", "L2 feature not implemented"))
ADDRESS_BYTES = 12


@dataclass(frozen=True, slots=True)
class InputTrace:
    """The addresses of a packet, the interface that it came in by, the features it goes through."""

    addresses: bytes
    sw_if_index: int
    features: int


def format_input_trace(view: Any, record: InputTrace) -> str:
    """VPP's `l2-input: sw_if_index 1 dst ... src ... [l2-output ]`."""
    destination, source = format_ethernet_address(record.addresses[:6]), format_ethernet_address(record.addresses[6:])
    chosen = format_input_features(record.features, verbose=False)
    return f"l2-input: sw_if_index {record.sw_if_index} dst {destination} src {source} [{chosen}]"


@node("l2-input", nexts=("error-drop",), errors=ERRORS, trace=format_input_trace)
def l2_input(ctx: Context, frame: Frame) -> Nexts:
    """To the first feature of the receive interface; of a cross-connect with its peer as the way out."""
    buffers, interfaces = ctx.buffers, ctx.get(L2Interfaces)
    rows = frame.indices(buffers)
    received = buffers.rx_sw_if_index[rows]
    peers = interfaces.peer[received]
    connected = peers != NO_PEER
    bits = interfaces.input_features[received]
    buffers.l2_features[rows[connected]] = bits[connected]
    buffers.tx_sw_if_index[rows[connected]] = peers[connected]
    nexts = ctx.get(NextFeatures).after(ctx, np.where(bits == 0, np.uint32(features.DROP), bits))
    nexts[~connected] = DROP
    ctx.count(PACKETS, frame.n)
    for position, index in ctx.traced(frame):
        noted = int(buffers.l2_features[index])
        ctx.trace(index, InputTrace(buffers.peek(index, ADDRESS_BYTES), int(received[position]), noted))
    return nexts


@dataclass(frozen=True, slots=True)
class DropTrace:
    """The features of a packet that none of them forwarded."""

    features: int


def format_drop_trace(view: Any, record: DropTrace) -> str:
    """`feat_bitmap_drop: feature bitmap 0x00000001`."""
    return f"feat_bitmap_drop: feature bitmap 0x{record.features:08x}"


@node("feature-bitmap-drop", nexts=("error-drop",), errors=BITMAP_DROP_ERRORS, trace=format_drop_trace)
def feature_bitmap_drop(ctx: Context, frame: Frame) -> Nexts:
    """Where packets end that have no feature left."""
    buffers = ctx.buffers
    for _, index in ctx.traced(frame):
        ctx.trace(index, DropTrace(int(buffers.l2_features[index])))
    last = buffers.l2_features[frame.rows] == features.DROP
    buffers.error[frame.rows] = ctx.error_base + np.where(last, NO_FORWARDING, NOT_IMPLEMENTED)
    return DROP
