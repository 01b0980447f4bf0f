"""What IPv4 and IPv6 headers share: protocol numbers, DSCP and ECN (RFC 790 and successors, 2474, 3168).

VPP: vnet/ip/protocols.def, ip_packet.h, format.c. The names are VPP's, which differ from IANA's here and there.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

IP6_HOP_BY_HOP_OPTIONS = 0
ICMP = 1
IGMP = 2
IP_IN_IP = 4
TCP = 6
UDP = 17
IPV6 = 41
IPV6_ROUTE = 43
IPV6_FRAGMENTATION = 44
GRE = 47
MPLS_IN_IP = 137
IPSEC_ESP = 50
IPSEC_AH = 51
ICMP6 = 58
IP6_DESTINATION_OPTIONS = 60
VRRP = 112
SCTP = 132
MOBILITY = 135
HIP = 139
SHIM6 = 140

PROTOCOL_NAMES: Mapping[int, str] = MappingProxyType(
    {
        0: "IP6_HOP_BY_HOP_OPTIONS",
        1: "ICMP",
        2: "IGMP",
        3: "GGP",
        4: "IP_IN_IP",
        5: "ST",
        6: "TCP",
        7: "CBT",
        8: "EGP",
        9: "IGP",
        10: "BBN_RCC_MON",
        11: "NVP_II",
        12: "PUP",
        13: "ARGUS",
        14: "EMCON",
        15: "XNET",
        16: "CHAOS",
        17: "UDP",
        18: "MUX",
        19: "DCN_MEAS",
        20: "HMP",
        21: "PRM",
        22: "XNS_IDP",
        23: "TRUNK_1",
        24: "TRUNK_2",
        25: "LEAF_1",
        26: "LEAF_2",
        27: "RDP",
        28: "IRTP",
        29: "ISO_TP4",
        30: "NETBLT",
        31: "MFE_NSP",
        32: "MERIT_INP",
        33: "SEP",
        34: "3PC",
        35: "IDPR",
        36: "XTP",
        37: "DDP",
        38: "IDPR_CMTP",
        39: "TP",
        40: "IL",
        41: "IPV6",
        42: "SDRP",
        43: "IPV6_ROUTE",
        44: "IPV6_FRAGMENTATION",
        45: "IDRP",
        46: "RSVP",
        47: "GRE",
        48: "MHRP",
        49: "BNA",
        50: "IPSEC_ESP",
        51: "IPSEC_AH",
        52: "I_NLSP",
        53: "SWIPE",
        54: "NARP",
        55: "MOBILE",
        56: "TLSP",
        57: "SKIP",
        58: "ICMP6",
        59: "IP6_NONXT",
        60: "IP6_DESTINATION_OPTIONS",
        62: "CFTP",
        64: "SAT_EXPAK",
        65: "KRYPTOLAN",
        66: "RVD",
        67: "IPPC",
        69: "SAT_MON",
        70: "VISA",
        71: "IPCV",
        72: "CPNX",
        73: "CPHB",
        74: "WSN",
        75: "PVP",
        76: "BR_SAT_MON",
        77: "SUN_ND",
        78: "WB_MON",
        79: "WB_EXPAK",
        80: "ISO_IP",
        81: "VMTP",
        82: "SECURE_VMTP",
        83: "VINES",
        84: "TTP",
        85: "NSFNET_IGP",
        86: "DGP",
        87: "TCF",
        88: "EIGRP",
        89: "OSPF",
        90: "SPRITE_RPC",
        91: "LARP",
        92: "MTP",
        93: "AX",
        94: "IPIP",
        95: "MICP",
        96: "SCC_SP",
        97: "ETHERIP",
        98: "ENCAP",
        100: "GMTP",
        101: "IFMP",
        102: "PNNI",
        103: "PIM",
        104: "ARIS",
        105: "SCPS",
        106: "QNX",
        107: "A",
        108: "IPCOMP",
        109: "SNP",
        110: "COMPAQ_PEER",
        111: "IPX_IN_IP",
        112: "VRRP",
        113: "PGM",
        115: "L2TP",
        116: "DDX",
        117: "IATP",
        118: "STP",
        119: "SRP",
        120: "UTI",
        121: "SMP",
        122: "SM",
        123: "PTP",
        124: "ISIS",
        125: "FIRE",
        126: "CRTP",
        127: "CRUDP",
        128: "SSCOPMCE",
        129: "IPLT",
        130: "SPS",
        131: "PIPE",
        132: "SCTP",
        133: "FC",
        134: "RSVP_E2E_IGNORE",
        135: "MOBILITY",
        136: "UDP_LITE",
        137: "MPLS_IN_IP",
        138: "MANET",
        139: "HIP",
        140: "SHIM6",
        141: "WESP",
        142: "ROHC",
        143: "IP6_ETHERNET",
        253: "EXP1",
        254: "EXP2",
        255: "RESERVED",
    }
)
PROTOCOL_NUMBERS: Mapping[str, int] = MappingProxyType({name: number for number, name in PROTOCOL_NAMES.items()})

DSCP_NAMES: Mapping[int, str] = MappingProxyType(
    {
        0: "CS0",
        8: "CS1",
        10: "AF11",
        12: "AF12",
        14: "AF13",
        16: "CS2",
        18: "AF21",
        20: "AF22",
        22: "AF23",
        24: "CS3",
        26: "AF31",
        28: "AF32",
        30: "AF33",
        32: "CS4",
        34: "AF41",
        36: "AF42",
        38: "AF43",
        40: "CS5",
        46: "EF",
        48: "CS6",
        50: "CS7",
    }
)
ECN_NAMES = ("NON_ECN", "ECT_0", "ECT_1", "CE")


def format_ip_protocol(protocol: int) -> str:
    """VPP's name of an IP protocol."""
    return PROTOCOL_NAMES.get(protocol, f"unknown {protocol}")


def format_ip_dscp(dscp: int) -> str:
    """The name of a differentiated services code point (RFC 2474); VPP knows CS7 as 50."""
    return DSCP_NAMES.get(dscp, "unknown")


def format_ip_ecn(ecn: int) -> str:
    """The name of an explicit congestion notification value (RFC 3168)."""
    return ECN_NAMES[ecn & 3]
