"""arp-term-l2bd: a bridge domain answers for its stations, so that questions need not be flooded (vnet/l2/l2_arp_term.c).

Answers ARP requests (RFC 826) and neighbour solicitations (RFC 4861) for the addresses that were configured with
`set bridge-domain arp entry`. Such packets are few: they are handled one by one.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from msgspec import Struct

from vppsh.engine.buffers import HEADROOM, BufferFlag
from vppsh.engine.context import Context, Nexts
from vppsh.engine.features.icmp6.errors import NEIGHBOR_ADVERTISEMENTS_TX
from vppsh.engine.features.l2 import features
from vppsh.engine.features.l2.bridge_domains import BridgeDomain, BridgeDomains
from vppsh.engine.features.l2.features import NextFeatures
from vppsh.engine.features.l2.modes import L2Interfaces
from vppsh.engine.frame import Frame
from vppsh.engine.wire import arp, ethertype, icmp6, ip6, ip_protocol
from vppsh.engine.wire.checksum import checksum
from vppsh.registry import error, node

L2_OUTPUT, DROP = range(2)
ERROR_TEXTS = (
    ("replies_sent", "ARP replies sent"),
    ("l2_type_not_ethernet", "L2 type not ethernet"),
    ("l3_type_not_ip4", "L3 type not IP4"),
    ("l3_src_address_not_local", "IP4 source address not local to subnet"),
    ("l3_dst_address_not_local", "IP4 destination address not local to subnet"),
    ("l3_dst_address_unset", "IP4 destination address is unset"),
    ("l3_src_address_is_local", "IP4 source address matches local interface"),
    ("l3_src_address_learned", "ARP request IP4 source address learned"),
    ("replies_received", "ARP replies received"),
    ("opcode_not_request", "ARP opcode not request"),
    ("proxy_arp_replies_sent", "Proxy ARP replies sent"),
    ("l2_address_mismatch", "ARP hw addr does not match L2 frame src addr"),
    ("gratuitous_arp", "ARP probe or announcement dropped"),
    ("interface_no_table", "Interface is not mapped to an IP table"),
    ("interface_not_ip_enabled", "Interface is not IP enabled"),
    ("unnumbered_mismatch", "RX interface is unnumbered to different subnet"),
)
# VPP gives these counters no names of their own: their texts serve as names.
ERRORS = tuple(error(text, text) for _, text in ERROR_TEXTS)
NAMES = [name for name, _ in ERROR_TEXTS]
REPLIES_SENT, L2_TYPE, L3_TYPE = (NAMES.index(name) for name in ("replies_sent", "l2_type_not_ethernet", "l3_type_not_ip4"))
SOURCE, MISMATCH, GRATUITOUS = (NAMES.index(name) for name in ("l3_src_address_not_local", "l2_address_mismatch", "gratuitous_arp"))

TRACED_BYTES = 64
ARP_BYTES = arp.HEADER.itemsize
OPCODE_AT = 6
VRRP_PREFIX = bytes.fromhex("00005e0001")
IP6_BYTES = ip6.HEADER.itemsize
SOLICITATION_BYTES = icmp6.NEIGHBOR.itemsize
OPTION_BYTES = 8
HOP_LIMIT = 255
NOT_TERM = features.ALL_BITS & ~features.ARP_TERM


class TermTrace(Struct, frozen=True):
    """The first bytes behind the Ethernet header."""

    data: bytes


def format_term_trace(view: Any, record: TermTrace) -> str:
    """The ARP message, or the IPv6 packet: the first byte tells them apart."""
    if record.data[0] == 0:
        return arp.format_ethernet_arp_header(record.data, 2)
    return ip6.format_ip6_header(record.data, 2)


class Message(Struct, frozen=True):
    """An ARP message, addresses of IPv4 as numbers."""

    hardware: int
    protocol: int
    opcode: int
    sender_mac: bytes
    sender: int
    target: int

    @classmethod
    def read(cls, data: bytes) -> Message:
        """From the first bytes behind the Ethernet header."""
        fields = np.frombuffer(data[:ARP_BYTES], arp.HEADER)[0]
        return cls(
            int(fields["hardware_type"]), int(fields["protocol_type"]), int(fields["opcode"]), fields["sender_mac"].tobytes(),
            int(fields["sender_ip4"]), int(fields["target_ip4"]),
        )  # fmt: skip

    def fault(self, source_mac: bytes) -> int | None:
        """The error that the message is dropped with, if there is something wrong with it."""
        fault = None
        if self.hardware != arp.HARDWARE_ETHERNET:
            fault = L2_TYPE
        if self.protocol != ethertype.IP4:
            fault = L3_TYPE
        if fault is None:
            if (self.sender_mac != source_mac or self.sender_mac[0] & 1) and not self.sender_mac.startswith(VRRP_PREFIX):
                fault = MISMATCH
            elif self.sender >> 28 == 0xE:
                fault = SOURCE
        return GRATUITOUS if fault is not None and self.sender in (0, self.target) else fault


@node("arp-term-l2bd", nexts=("l2-output", "error-drop"), errors=ERRORS, trace=format_term_trace)
def arp_term_l2bd(ctx: Context, frame: Frame) -> Nexts:
    """Answer what can be answered, drop what is wrong, let the rest go on."""
    buffers = ctx.buffers
    rows = frame.indices(buffers)
    nexts = np.full(frame.n, -1, np.int32)
    for position, index in enumerate(rows.tolist()):
        # A packet from a port of a split-horizon group comes from another domain, which answers for its own.
        if buffers.l2_shg[index] or buffers.flags[index] & BufferFlag.LOCALLY_ORIGINATED:
            continue
        nexts[position] = _terminate(ctx, index)
    # An answer to a BVI came in by no port.
    frame.rx = None
    onward = rows[nexts < 0]
    if len(onward):
        bits = buffers.l2_features[onward] & np.uint32(NOT_TERM)
        buffers.l2_features[onward] = bits
        nexts[nexts < 0] = ctx.get(NextFeatures).after(ctx, bits)
    return nexts


def _terminate(ctx: Context, index: int) -> int:
    """The slot of one packet; negative: on to the next feature."""
    buffers = ctx.buffers
    behind = int(buffers.l2_len[index])
    data = buffers.peek(index, max(TRACED_BYTES, IP6_BYTES + SOLICITATION_BYTES + OPTION_BYTES), behind)
    kind = int.from_bytes(buffers.peek(index, 2, behind - 2), "big")
    source_mac = buffers.peek(index, 6, 6)
    domain = ctx.get(BridgeDomains)[int(buffers.l2_bd_index[index])]
    message = Message.read(data)
    if kind == ethertype.ARP and message.opcode in (arp.REQUEST, arp.REPLY):
        _trace(ctx, index, data)
        fault = message.fault(source_mac)
        if fault is not None:
            buffers.error[index] = ctx.error_base + fault
            return DROP
        mac = domain.macs.get(message.target)
        if mac is None or message.sender == message.target:
            return -1
        ctx.count(REPLIES_SENT)
        answer = _arp_reply(data, message, mac)
        return _answer(ctx, index, mac, source_mac, answer)
    if kind == ethertype.IP6 and data[6] == ip_protocol.ICMP6 and any(data[8:24]):
        if data[IP6_BYTES] not in (icmp6.NEIGHBOR_SOLICITATION, icmp6.NEIGHBOR_ADVERTISEMENT):
            return -1
        _trace(ctx, index, data)
        mac = _solicited(domain, data)
        length = min(int(buffers.current_length[index]) - behind, IP6_BYTES + int.from_bytes(data[4:6], "big"))
        if mac is not None and length >= IP6_BYTES + SOLICITATION_BYTES + OPTION_BYTES:
            _count_advertisement(ctx)
            return _answer(ctx, index, mac, source_mac, _advertisement(buffers.peek(index, length, behind), mac))
    return -1


def _trace(ctx: Context, index: int, data: bytes) -> None:
    if ctx.buffers.trace[index] >= 0:
        ctx.trace(index, TermTrace(data[:TRACED_BYTES]))


def _arp_reply(data: bytes, message: Message, mac: bytes) -> bytes:
    """The request as the reply to it."""
    addresses = (mac, message.target.to_bytes(4, "big"), message.sender_mac, message.sender.to_bytes(4, "big"))
    return data[:OPCODE_AT] + arp.REPLY.to_bytes(2, "big") + b"".join(addresses)


def _solicited(domain: BridgeDomain, data: bytes) -> bytes | None:
    """The address of the station that a solicitation with its sender's address asks for."""
    option = data[IP6_BYTES + SOLICITATION_BYTES :]
    if data[IP6_BYTES] != icmp6.NEIGHBOR_SOLICITATION or tuple(option[:2]) != (icmp6.SOURCE_LINK_LAYER_ADDRESS, 1):
        return None
    target = data[IP6_BYTES + 8 : IP6_BYTES + SOLICITATION_BYTES]
    return domain.macs6.get(int.from_bytes(target, "big"))


def _advertisement(packet: bytes, mac: bytes) -> bytes:
    """The solicitation as the advertisement that answers it."""
    target = packet[IP6_BYTES + 8 : IP6_BYTES + SOLICITATION_BYTES]
    header = packet[:7] + bytes((HOP_LIMIT,)) + target + packet[8:24]
    flags = icmp6.FLAG_SOLICITED | icmp6.FLAG_OVERRIDE
    body = bytes((icmp6.NEIGHBOR_ADVERTISEMENT, packet[IP6_BYTES + 1], 0, 0)) + flags.to_bytes(4, "big") + target
    body += bytes((icmp6.TARGET_LINK_LAYER_ADDRESS, 1)) + mac + packet[IP6_BYTES + SOLICITATION_BYTES + OPTION_BYTES :]
    summed = checksum(body, ip6.pseudo_header(header, ip_protocol.ICMP6, len(body)))
    return header + body[:2] + summed.to_bytes(2, "big") + body[4:]


def _count_advertisement(ctx: Context) -> None:
    counter = ctx.engine.graph["ip6-icmp-input"].error_base + NEIGHBOR_ADVERTISEMENTS_TX
    ctx.engine.errors.counts[counter] += 1


def _answer(ctx: Context, index: int, mac: bytes, asker: bytes, answer: bytes) -> int:
    """Write an answer over the question, and send it back; the slot, negative for a BVI, which has to be found."""
    buffers = ctx.buffers
    start = HEADROOM + int(buffers.current_data[index])
    buffers.data[index, start : start + 12] = np.frombuffer(asker + mac, np.uint8)
    behind = start + int(buffers.l2_len[index])
    buffers.data[index, behind : behind + len(answer)] = np.frombuffer(answer, np.uint8)
    received = int(buffers.rx_sw_if_index[index])
    if ctx.get(L2Interfaces).is_bvi[received]:
        buffers.l2_features[index] |= np.uint32(features.FWD)
        buffers.rx_sw_if_index[index] = 0
        return -1
    buffers.tx_sw_if_index[index] = received
    return L2_OUTPUT
