"""Address resolution protocol (RFC 826). VPP: vnet/ethernet/arp_packet.h, arp_packet.c."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from vppsh.engine.wire import ethertype
from vppsh.engine.wire.layers import Carrier, Layer
from vppsh.engine.wire.text import format_ethernet_address, format_hex_bytes, format_ip4_address, new_line, padded

HEADER = np.dtype(
    [
        ("hardware_type", ">u2"),
        ("protocol_type", ">u2"),
        ("hardware_length", "u1"),
        ("protocol_length", "u1"),
        ("opcode", ">u2"),
        ("sender_mac", "u1", (6,)),
        ("sender_ip4", ">u4"),
        ("target_mac", "u1", (6,)),
        ("target_ip4", ">u4"),
    ]
)
ADDRESSES_OFFSET = 8

HARDWARE_ETHERNET = 1
REQUEST = 1
REPLY = 2
HARDWARE_TYPE_NAMES: Mapping[int, str] = MappingProxyType(
    {
        0: "reserved",
        1: "ethernet",
        2: "experimental_ethernet",
        3: "ax_25",
        4: "proteon_pronet_token_ring",
        5: "chaos",
        6: "ieee_802",
        7: "arcnet",
        8: "hyperchannel",
        9: "lanstar",
        10: "autonet",
        11: "localtalk",
        12: "localnet",
        13: "ultra_link",
        14: "smds",
        15: "frame_relay",
        16: "atm",
        17: "hdlc",
        18: "fibre_channel",
        19: "atm19",
        20: "serial_line",
        21: "atm21",
        22: "mil_std_188_220",
        23: "metricom",
        24: "ieee_1394",
        25: "mapos",
        26: "twinaxial",
        27: "eui_64",
        28: "hiparp",
        29: "iso_7816_3",
        30: "arpsec",
        31: "ipsec_tunnel",
        32: "infiniband",
        33: "cai",
        34: "wiegand",
        35: "pure_ip",
        36: "hw_exp1",
        256: "hw_exp2",
    }
)
OPCODE_NAMES = (
    "reserved",
    "request",
    "reply",
    "reverse_request",
    "reverse_reply",
    "drarp_request",
    "drarp_reply",
    "drarp_error",
    "inarp_request",
    "inarp_reply",
    "arp_nak",
    "mars_request",
    "mars_multi",
    "mars_mserv",
    "mars_join",
    "mars_leave",
    "mars_nak",
    "mars_unserv",
    "mars_sjoin",
    "mars_sleave",
    "mars_grouplist_request",
    "mars_grouplist_reply",
    "mars_redirect_map",
    "mapos_unarp",
    "exp1",
    "exp2",
)


def format_ethernet_arp_opcode(opcode: int) -> str:
    """VPP's name of an operation."""
    return OPCODE_NAMES[opcode] if opcode < len(OPCODE_NAMES) else f"unknown 0x{opcode:x}"


def format_ethernet_arp_hardware_type(number: int) -> str:
    """VPP's name of a hardware address space."""
    return HARDWARE_TYPE_NAMES.get(number, f"unknown 0x{number:x}")


def format_ethernet_arp_header(data: bytes, indent: int = 0) -> str:
    """Operation and types, then sender and target on a second line."""
    if len(data) < HEADER.itemsize:
        return "ARP header truncated"
    hardware_type, protocol_type, opcode = (int.from_bytes(data[at : at + 2], "big") for at in (0, 2, 6))
    n2, n3 = data[4], data[5]
    text = (
        f"{format_ethernet_arp_opcode(opcode)}, type {format_ethernet_arp_hardware_type(hardware_type)}/"
        f"{ethertype.format_ethernet_type(protocol_type)}, address size {n2}/{n3}{new_line(indent)}"
    )
    if hardware_type == HARDWARE_ETHERNET and protocol_type == ethertype.IP4:
        # The two lengths are not asked: VPP takes the layout to be the usual one.
        sender, target = (f"{format_ethernet_address(data[at : at + 6])}/{format_ip4_address(data[at + 6 : at + 10])}" for at in (8, 18))
        return f"{text}{sender} -> {target}"
    addresses, at = padded(data[ADDRESSES_OFFSET:], 2 * (n2 + n3)), 0
    for length, separator in ((n2, "/"), (n3, " -> "), (n2, "/"), (n3, "")):
        # A long address is dumped over several lines from the column it begins in.
        text += format_hex_bytes(addresses[at : at + length], len(text) - text.rindex("\n") - 1) + separator
        at += length
    return text


LAYERS = (Layer(Carrier.ETHERTYPE, ethertype.ARP, format_ethernet_arp_header),)
