"""EtherTypes: the numbers that the dataplane switches on and the names that VPP prints (IEEE 802 numbers).

VPP: vnet/ethernet/types.def. Values below 0x600 are LLC lengths and have no name.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

IP4 = 0x0800
ARP = 0x0806
VLAN = 0x8100
IP6 = 0x86DD
MPLS = 0x8847
LLC_ENCAP = 0x8870
DOT1AD = 0x88A8
DOT1AH = 0x88E7
VLAN_9100 = 0x9100
VLAN_9200 = 0x9200

NAMES: Mapping[int, str] = MappingProxyType(
    {
        0x0600: "XNS_IDP",
        0x0800: "IP4",
        0x0806: "ARP",
        0x0BAD: "VINES_IP",
        0x0BAE: "VINES_LOOPBACK",
        0x0BAF: "VINES_ECHO",
        0x1984: "TRAIN",
        0x2000: "CDP",
        0x2001: "CGMP",
        0x2007: "SRP_CONTROL",
        0x2452: "CENTRINO_PROMISC",
        0x6000: "DECNET",
        0x6001: "DECNET_DUMP_LOAD",
        0x6002: "DECNET_REMOTE_CONSOLE",
        0x6003: "DECNET_ROUTE",
        0x6004: "DEC_LAT",
        0x6005: "DEC_DIAGNOSTIC",
        0x6006: "DEC_CUSTOMER",
        0x6007: "DEC_SCA",
        0x6558: "TRANSPARENT_BRIDGING",
        0x6559: "RAW_FRAME_RELAY",
        0x8035: "REVERSE_ARP",
        0x8038: "DEC_LAN_BRIDGE",
        0x803D: "DEC_ETHERNET_ENCRYPTION",
        0x803F: "DEC_LAN_TRAFFIC_MONITOR",
        0x8041: "DEC_LAST",
        0x809B: "APPLETALK",
        0x80D5: "IBM_SNA",
        0x80F3: "APPLETALK_AARP",
        0x80FF: "WELLFLEET_COMPRESSION",
        0x8100: "VLAN",
        0x8137: "IPX",
        0x814C: "SNMP",
        0x81FD: "CABLETRON_ISMP",
        0x81FF: "CABLETRON_ISMP_TBFLOOD",
        0x86DD: "IP6",
        0x86DF: "ATOMIC",
        0x876B: "TCP_IP_COMPRESSION",
        0x876C: "IP_AUTONOMOUS_SYSTEMS",
        0x876D: "SECURE_DATA",
        0x8808: "MAC_CONTROL",
        0x8809: "SLOW_PROTOCOLS",
        0x880B: "PPP",
        0x8847: "MPLS",
        0x8848: "MPLS_UPSTREAM_ASSIGNED",
        0x8863: "PPPOE_DISCOVERY",
        0x8864: "PPPOE_SESSION",
        0x886D: "INTEL_ANS",
        0x886F: "MICROSOFT_NLB_HEARTBEAT",
        0x8870: "LLC_ENCAP",
        0x8881: "CDMA_2000",
        0x888E: "802_1X_AUTHENTICATION",
        0x8892: "PROFINET",
        0x889A: "HYPERSCSI",
        0x88A2: "AOE",
        0x88A8: "DOT1AD",
        0x88AE: "BRDWALK",
        0x88B7: "802_OUI_EXTENDED",
        0x88C7: "802_11I_PRE_AUTHENTICATION",
        0x88CC: "802_1_LLDP",
        0x88E5: "802_1_AE_MACSEC",
        0x88E7: "DOT1AH",
        0x894F: "NSH",
        0x9000: "LOOPBACK",
        0x9021: "RTNET_MAC",
        0x9022: "RTNET_CONFIG",
        0x9100: "VLAN_9100",
        0x9200: "VLAN_9200",
        0x9999: "PGLAN",
        0xE23B: "802_1_AEDK_PRIVACY_PROTECTION",
        0xFEFE: "SRP_ISIS",
        0xFFFF: "RESERVED",
    }
)
# LLC_LENGTH can be typed; when printed its number reads XNS_IDP.
NUMBERS: Mapping[str, int] = MappingProxyType({"LLC_LENGTH": 0x0600} | {name: number for number, name in NAMES.items()})


def format_ethernet_type(number: int) -> str:
    """VPP's name of an ethertype, or its four hex digits."""
    return NAMES.get(number, f"0x{number:04x}")
