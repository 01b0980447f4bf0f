"""l2-input: the first node of packets that are not routed; it says which features they go through.

Counterpart of vnet/l2/l2_input_node.c and feat_bitmap.c.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from vppsh.engine.buffers import BufferPool
from vppsh.engine.context import Context, Nexts
from vppsh.engine.features.ethernet.ethertypes import BRIDGED, as_loaded
from vppsh.engine.features.l2 import features
from vppsh.engine.features.l2.features import ALL_BITS, NextFeatures, format_input_features
from vppsh.engine.features.l2.modes import FROM_BVI, NO_PEER, L2Interfaces
from vppsh.engine.frame import Frame
from vppsh.engine.uniform import common
from vppsh.engine.wire import arp, ethertype, icmp6, ip6, ip_protocol
from vppsh.engine.wire.text import format_ethernet_address
from vppsh.registry import column, demux, error, node, table

L2_FEATURES = column("l2_features", "u4")
BD_INDEX = column("l2_bd_index", "u4")
# What is learned is stamped with these: flush counts of domain and interface; whether the domain forgets.
FIB_SEQUENCE = column("l2_fib_sequence", "u4")
MAC_AGE = column("l2_mac_age", "u4")
SHG = column("l2_shg", "u4")
L2_INTERFACES = table(L2Interfaces)
NOT_ROUTED = demux("ethernet-input", BRIDGED, "l2-input")

DROP = 0
PACKETS = 0
ERRORS = tuple(error(text, text) for text in ("L2 input packets", "L2 input drops"))
NO_FORWARDING, NOT_IMPLEMENTED = range(2)
BITMAP_DROP_ERRORS = tuple(error(text, text) for text in ("L2 feature forwarding disabled", "L2 feature not implemented"))
ADDRESS_BYTES = 12
BYTE, WORD2 = np.dtype("u1"), np.dtype("<u2")
# In an IPv6 header, in an ARP message.
PROTOCOL_AT, OPCODE_AT = 6, 6
ARP, IP6 = as_loaded(ethertype.ARP), as_loaded(ethertype.IP6)
# What a packet for a group does not go through, and what only some of those do.
NOT_FOR_GROUPS = features.FWD | features.UU_FLOOD | features.UU_FWD
FOR_SOME_GROUPS = features.ARP_UFWD | features.ARP_TERM


class InputTrace(Struct, frozen=True):
    """The addresses of a packet, the interface that it came in by, the features it goes through."""

    addresses: bytes
    sw_if_index: int
    features: int


def format_input_trace(view: Any, record: InputTrace) -> str:
    """VPP's `l2-input: sw_if_index 1 dst ... src ... [l2-output ]`."""
    destination, source = format_ethernet_address(record.addresses[:6]), format_ethernet_address(record.addresses[6:])
    chosen = format_input_features(record.features, verbose=False)
    return f"l2-input: sw_if_index {record.sw_if_index} dst {destination} src {source} [{chosen}]"


def of_port(buffers: BufferPool, frame: Frame, column: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """A column that l2-input filled: its only value when the packets came in by one port, else all of them."""
    rows = frame.rows
    if frame.rx is not None:
        rows = slice(rows.start, rows.start + 1) if isinstance(rows, slice) else rows[:1]
    values: NDArray[np.uint32] = column[rows]
    return values


@node("l2-input", nexts=("error-drop",), errors=ERRORS, trace=format_input_trace)
def l2_input(ctx: Context, frame: Frame) -> Nexts:
    """To the first feature of the receive interface; of a cross-connect with its peer as the way out."""
    buffers = ctx.buffers
    received = buffers.rx_sw_if_index[frame.rows]
    one = common(received) if frame.rx is None else frame.rx
    groups = buffers.load(frame, BYTE) & np.uint8(1)
    nexts: Nexts
    if one is not None and not groups.any():
        frame.rx = one
        nexts = _alike(ctx, frame, one)
    else:
        nexts = _each(ctx, frame, received.copy(), groups)
    ctx.count(PACKETS, frame.n)
    for _, index in ctx.traced(frame):
        noted = int(buffers.l2_features[index])
        ctx.trace(index, InputTrace(buffers.peek(index, ADDRESS_BYTES), int(buffers.rx_sw_if_index[index]), noted))
    return nexts


def _alike(ctx: Context, frame: Frame, received: int) -> int:
    """Packets of one interface, each for one station."""
    buffers, interfaces, rows = ctx.buffers, ctx.get(L2Interfaces), frame.rows
    bits = int(interfaces.input_features[received])
    if interfaces.bridged[received]:
        bits &= int(interfaces.domain_features[received])
        buffers.l2_bd_index[rows] = interfaces.bd_index[received]
        buffers.l2_fib_sequence[rows] = interfaces.bd_sequence[received] << 8 | interfaces.sequence[received]
        buffers.l2_mac_age[rows] = interfaces.mac_age[received]
        shg = interfaces.shg[received]
        buffers.l2_shg[rows] = np.where(buffers.tx_sw_if_index[rows] == FROM_BVI, 0, shg) if shg else 0
    elif interfaces.peer[received] != NO_PEER:
        buffers.tx_sw_if_index[rows] = interfaces.peer[received]
        buffers.l2_shg[rows] = 0
    else:
        return DROP
    buffers.l2_features[rows] = bits
    return ctx.get(NextFeatures).after_all(ctx, bits or features.DROP)


def _each(ctx: Context, frame: Frame, received: NDArray[np.int32], groups: NDArray[np.uint8]) -> NDArray[np.int32]:
    """Packets of several interfaces, or for groups."""
    buffers, interfaces = ctx.buffers, ctx.get(L2Interfaces)
    rows = frame.indices(buffers)
    bridged, peers = interfaces.bridged[received], interfaces.peer[received]
    bits = interfaces.input_features[received] & np.where(groups, np.uint32(ALL_BITS & ~NOT_FOR_GROUPS), np.uint32(ALL_BITS))
    bits &= np.where(bridged, interfaces.domain_features[received], np.uint32(ALL_BITS))
    shg = interfaces.shg[received]
    from_bvi = buffers.tx_sw_if_index[rows] == FROM_BVI
    shg[from_bvi & (groups == 0)] = 0
    special = np.flatnonzero((groups != 0) & ((bits & FOR_SOME_GROUPS != 0) | from_bvi & (shg != 0)))
    if len(special):
        asks, resolves, is_arp = _resolution(ctx, rows[special])
        bits[special[~is_arp]] &= np.uint32(ALL_BITS & ~features.ARP_UFWD)
        bits[special[~resolves]] &= np.uint32(ALL_BITS & ~features.ARP_TERM)
        # What a BVI asks for may be behind a port of its own group.
        shg[special[asks & from_bvi[special]]] = 0
    buffers.l2_shg[rows] = shg
    in_domain = rows[bridged]
    where = received[bridged]
    buffers.l2_bd_index[in_domain] = interfaces.bd_index[where]
    buffers.l2_fib_sequence[in_domain] = interfaces.bd_sequence[where] << 8 | interfaces.sequence[where]
    buffers.l2_mac_age[in_domain] = interfaces.mac_age[where]
    connected = ~bridged & (peers != NO_PEER)
    buffers.tx_sw_if_index[rows[connected]] = peers[connected]
    configured = bridged | connected
    buffers.l2_features[rows[configured]] = bits[configured]
    nexts = ctx.get(NextFeatures).after(ctx, np.where(bits == 0, np.uint32(features.DROP), bits))
    nexts[~configured] = DROP
    return nexts


def _resolution(ctx: Context, rows: NDArray[np.int32]) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]:
    """Which packets ask for an address, which are ARP or ICMPv6, which ARP."""
    buffers = ctx.buffers
    group = Frame(rows, len(rows))
    behind = buffers.addresses(group) + buffers.l2_len[rows]
    octets, words = buffers.bytes_at(BYTE), buffers.bytes_at(WORD2)
    kinds = words[behind - WORD2.itemsize]
    is_arp = kinds == ARP
    is_icmp6 = (kinds == IP6) & (octets[behind + PROTOCOL_AT] == ip_protocol.ICMP6)
    requests = is_arp & (words[behind + OPCODE_AT] == as_loaded(arp.REQUEST))
    solicits = is_icmp6 & (octets[behind + ip6.HEADER.itemsize] == icmp6.NEIGHBOR_SOLICITATION)
    return requests | solicits, is_arp | is_icmp6, is_arp


class DropTrace(Struct, frozen=True):
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
