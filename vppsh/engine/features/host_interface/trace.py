"""What traces show of a slot of a packet ring (format_af_packet_input_trace and format_af_packet_tx_trace)."""

from __future__ import annotations

import numpy as np
from msgspec import Struct

from vppsh.engine.offload import VNET_HEADER
from vppsh.engine.wire.vlan import format_ethernet_vlan_tci

NO_VNET_HEADER = (0, 0, 0, 0, 0, 0)


class SlotTrace(Struct, frozen=True):
    """A slot's tpacket2_hdr, and the virtio-net header behind it: flags, GSO type, header length, GSO size, checksum start and offset."""

    status: int
    length: int
    snaplen: int
    mac: int
    net: int
    sec: int
    nsec: int
    vlan_tci: int
    vlan_tpid: int
    vnet: tuple[int, ...] = NO_VNET_HEADER

    @classmethod
    def of(cls, header: np.void, *, status: int | None = None, vnet: np.void | None = None) -> SlotTrace:
        """What is in a slot now."""
        values = {name: int(header[name]) for name in ("status", "len", "snaplen", "mac", "net", "sec", "nsec", "vlan_tci", "vlan_tpid")}
        length, own = values.pop("len"), values.pop("status")
        fields = NO_VNET_HEADER if vnet is None else tuple(int(vnet[name]) for name in VNET_HEADER.names or ())
        return cls(own if status is None else status, length, vnet=fields, **values)


def format_slot(slot: SlotTrace) -> str:
    """VPP's lines, a newline before each."""
    flags, gso_type, hdr_len, gso_size, csum_start, csum_offset = slot.vnet
    return (
        f"\n    tpacket2_hdr:\n      status 0x{slot.status:x} len {slot.length} snaplen {slot.snaplen} mac {slot.mac} net {slot.net}"
        f"\n      sec 0x{slot.sec:x} nsec 0x{slot.nsec:x} vlan {format_ethernet_vlan_tci(slot.vlan_tci)} vlan_tpid {slot.vlan_tpid}"
        f"\n    vnet-hdr:\n      flags 0x{flags:02x} gso_type 0x{gso_type:02x} hdr_len {hdr_len}"
        f"\n      gso_size {gso_size} csum_start {csum_start} csum_offset {csum_offset}"
    )
