"""The nodes that note a received packet's priority, or give it one (vnet/qos/qos_record_node.c, qos_store_node.c)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from vppsh.engine.buffers import BufferFlag
from vppsh.engine.context import Context, Nexts
from vppsh.engine.features.l2 import features
from vppsh.engine.features.l2.features import NextFeatures
from vppsh.engine.features.qos.state import QosStores, Source
from vppsh.engine.frame import Frame
from vppsh.engine.wire import ethertype, ip6, mpls
from vppsh.registry import FeatureSpec, NodeSpec, feature, node

VALID = np.uint32(BufferFlag.QOS_DATA_VALID)
NOT_RECORD = np.uint32(features.ALL_BITS & ~features.QOS_RECORD)
BYTE, SHORT, WORD = np.dtype("u1"), np.dtype(">u2"), np.dtype(">u4")
TOS_AT, TAG_AT, ETHERTYPE_AT = 1, -4, -2
Bits = NDArray[np.integer]


class RecordTrace(Struct, frozen=True):
    """The priority."""

    bits: int


def format_record_trace(view: Any, record: RecordTrace) -> str:
    """`qos:184`."""
    return f"qos:{record.bits}"


def of_ip4(ctx: Context, frame: Frame) -> Bits:
    """The type of service."""
    return ctx.buffers.load(frame, BYTE, TOS_AT)


def of_ip6(ctx: Context, frame: Frame) -> Bits:
    """The traffic class."""
    return ip6.traffic_class(ctx.buffers.load(frame, WORD).astype(np.uint32))


def of_mpls(ctx: Context, frame: Frame) -> Bits:
    """The traffic class of the first label."""
    return mpls.exp(ctx.buffers.load(frame, WORD).astype(np.uint32))


def of_tag(ctx: Context, frame: Frame) -> Bits:
    """The upper four bits of the VLAN tag in front of the packet; as in VPP the drop eligible indicator is one of them."""
    return ctx.buffers.load(frame, BYTE, TAG_AT) >> 4


def of_interface(ctx: Context, frame: Frame) -> Bits:
    """What the interface was told to store."""
    return ctx.get(QosStores).by_interface.take(ctx.buffers.rx_sw_if_index[frame.rows], mode="clip")


def _recorder(name: str, drop: str, source: Source, bits_of: Callable[[Context, Frame], Bits]) -> NodeSpec:
    def record(ctx: Context, frame: Frame) -> Nexts:
        """Note each packet's priority."""
        buffers, rows = ctx.buffers, frame.rows
        bits = bits_of(ctx, frame)
        buffers.qos_bits[rows] = bits
        buffers.qos_source[rows] = source
        buffers.flags[rows] |= VALID
        for position, index in ctx.traced(frame):
            ctx.trace(index, RecordTrace(int(bits[position])))
        return ctx.engine.arcs.next(ctx, frame)

    return node(name, nexts=(drop,), trace=format_record_trace)(record)


@node("l2-ip-qos-record", nexts=("error-drop",), trace=format_record_trace)
def l2_ip_qos_record(ctx: Context, frame: Frame) -> Nexts:
    """Note the priority of IP and MPLS packets in bridged frames; as in VPP as if it came from a VLAN tag."""
    buffers = ctx.buffers
    rows = frame.indices(buffers)
    words = buffers.bytes_at(WORD)
    at = np.minimum(buffers.addresses(frame) + buffers.l2_len[rows], len(words) - 1)
    kinds = buffers.bytes_at(SHORT)[at + ETHERTYPE_AT]
    first = words[at].astype(np.uint32)
    known = {ethertype.IP4: first >> 16 & 0xFF, ethertype.IP6: ip6.traffic_class(first), ethertype.MPLS: mpls.exp(first)}
    recorded = np.zeros(frame.n, np.bool_)
    for kind, bits in known.items():
        those = kinds == kind
        recorded |= those
        buffers.qos_bits[rows[those]] = bits[those]
    buffers.qos_source[rows[recorded]] = Source.VLAN
    buffers.flags[rows[recorded]] |= VALID
    left = buffers.l2_features[rows] & NOT_RECORD
    buffers.l2_features[rows] = left
    for position, index in ctx.traced(frame):
        if recorded[position]:
            ctx.trace(index, RecordTrace(int(buffers.qos_bits[index])))
    return ctx.get(NextFeatures).after(ctx, left)


NODES = (
    _recorder("ip4-qos-record", "ip4-drop", Source.IP, of_ip4),
    _recorder("ip6-qos-record", "ip6-drop", Source.IP, of_ip6),
    _recorder("mpls-qos-record", "mpls-drop", Source.MPLS, of_mpls),
    *(_recorder(f"vlan-{proto}-qos-record", f"{proto}-drop", Source.VLAN, of_tag) for proto in ("ip4", "ip6", "mpls")),
    *(_recorder(f"{ip}-qos-store", f"{ip}-drop", Source.IP, of_interface) for ip in ("ip4", "ip6")),
)
IP_FEATURES: tuple[FeatureSpec, ...] = tuple(
    spec
    for ip in ("ip4", "ip6")
    for arc in (f"{ip}-unicast", f"{ip}-multicast")
    for spec in (
        feature(arc, f"{ip}-qos-record"),
        feature(arc, f"vlan-{ip}-qos-record", before=(f"{ip}-qos-record",)),
        feature(arc, f"{ip}-qos-store"),
    )
)
MPLS_FEATURES = (feature("mpls-input", "mpls-qos-record"), feature("mpls-input", "vlan-mpls-qos-record", before=("mpls-qos-record",)))
