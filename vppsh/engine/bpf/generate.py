"""Blocks of BPF instructions from a filter expression, as libpcap's code generator makes them.

What a test loads depends on what came before it in the expression: after `vlan`, the type and the
payload lie four bytes later, after `mpls` the payload does. So the generator keeps offsets and walks the
expression from left to right.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from functools import reduce

from vppsh.engine.bpf import instructions as op
from vppsh.engine.bpf.addresses import ethertype_number, ip4_bits, ip6_address, mac_bytes, protocol_number
from vppsh.engine.bpf.arithmetic import ArithmeticGenerator
from vppsh.engine.bpf.errors import BpfError
from vppsh.engine.bpf.expression import (
    And,
    ByteTest,
    Cast,
    Direction,
    Expression,
    Ip4Text,
    Ip6Text,
    Longer,
    MacText,
    Name,
    Not,
    Number,
    Or,
    Primitive,
    Protocol,
    Qualifiers,
    Relation,
    Subject,
    Tagged,
    Type,
)
from vppsh.engine.bpf.instructions import WORD, Block, Condition, Statement, both, close, either, negated
from vppsh.engine.bpf.parse import parse
from vppsh.engine.bpf.ports import PortGenerator

IP4, IP6, ARP, RARP, MPLS = 0x0800, 0x86DD, 0x0806, 0x8035, 0x8847
VLAN_TYPES = (0x8100, 0x88A8, 0x9100)
MAX_LENGTH_FIELD = 1500
LINK_TYPES = {
    "ip": IP4, "ip6": IP6, "arp": ARP, "rarp": RARP, "decnet": 0x6003, "lat": 0x6004, "sca": 0x6007, "moprc": 0x6002, "mopdl": 0x6001,
}  # fmt: skip
# Protocols over IP, and the version that they are looked for in (None: both).
OVER_IP = {
    "tcp": (6, None), "udp": (17, None), "sctp": (132, None), "icmp": (1, "ip"), "icmp6": (58, "ip6"), "igmp": (2, "ip"),
    "igrp": (9, "ip"), "pim": (103, None), "vrrp": (112, "ip"), "carp": (112, "ip"), "ah": (51, None), "esp": (50, None),
}  # fmt: skip
FRAGMENT_HEADER = 44
FRAGMENT_OFFSET = 0x1FFF
IP6_BYTES = 40
BROADCAST = b"\xff" * 6
SNAP_LENGTH = 65535


class LinkType(enum.Enum):
    """What packets begin with."""

    ETHERNET = 1
    RAW = 12


class Generator:
    """Generates the blocks of one expression.

    payload  where the packet of the network layer begins (after MPLS labels, that of the labels: `network` goes on from there)
    """

    def __init__(self, link: LinkType) -> None:
        self.link = link
        self.type_at = 12
        self.payload = 14 if link is LinkType.ETHERNET else 0
        self.network = 0
        self.labels = 0
        self.arithmetic = ArithmeticGenerator(self)
        self._ports = PortGenerator(self)

    @property
    def network_at(self) -> int:
        """Where the header of the network layer begins."""
        return self.payload + self.network

    def condition(self, expression: Expression) -> Condition:
        """The blocks of an expression."""
        match expression:
            case And() | Or():
                return self._joined(expression)
            case Not(inner):
                return negated(self.condition(inner))
            case Protocol(name):
                return self.protocol(name)
            case Primitive(qualifiers, subject):
                return self._primitive(qualifiers, subject)
            case Relation():
                return self.arithmetic.relation(expression)
            case Cast(kind, protocol):
                return self._broadcast(protocol) if kind == "broadcast" else self._multicast(protocol)
            case Longer(length, shorter):
                test = self.test(op.JGT if shorter else op.JGE, length, [Statement(op.LD | op.LEN)])
                return negated(test) if shorter else test
            case ByteTest(at, operator, value):
                return self._byte(at, operator, value)
            case Tagged("vlan", number):
                return self._vlan(number)
            case Tagged(_, number):
                return self._mpls(number)

    def _joined(self, expression: And | Or) -> Condition:
        """A chain of `and` and `or`, which leans to the left."""
        chain: list[tuple[Callable[[Condition, Condition], Condition], Expression]] = []
        first: Expression = expression
        while isinstance(first, And | Or):
            chain.append((both if isinstance(first, And) else either, first.right))
            first = first.left
        result = self.condition(first)
        for join, right in reversed(chain):
            result = join(result, self.condition(right))
        return result

    # Tests.

    @staticmethod
    def test(jump: int, k: int, statements: list[Statement], *, against_x: bool = False) -> Condition:
        """A block that ends in a test."""
        return Condition.of(Block(statements, Statement(op.JMP | jump | (op.X if against_x else op.K), k & WORD)))

    def compare(self, at: int, size: int, value: int, mask: int = WORD, jump: int = op.JEQ) -> Condition:
        """Compare what lies at an offset."""
        statements = [Statement(op.LD | op.ABS | size, at & WORD)]
        if mask != WORD:
            statements.append(Statement(op.ALU | op.AND | op.K, mask))
        return self.test(jump, value, statements)

    def bytes_equal(self, at: int, value: bytes) -> Condition:
        """Compare bytes, the last four first."""
        parts = []
        end = len(value)
        for size, code in ((4, op.W), (2, op.H), (1, op.B)):
            while end >= size:
                parts.append(self.compare(at + end - size, code, int.from_bytes(value[end - size : end], "big")))
                end -= size
        return reduce(both, parts)

    def never(self) -> Condition:
        """False for every packet."""
        return self.test(op.JEQ, 0, [Statement(op.LD | op.IMM, 1)])

    # Protocols.

    def link_type(self, number: int) -> Condition:
        """Whether the link layer (or the last label) carries a protocol."""
        if self.labels:
            if number not in (IP4, IP6):
                raise BpfError("unsupported protocol over mpls")
            bottom = self.compare(self.network_at - 2, op.B, 1, 1)
            return both(bottom, self.compare(self.network_at, op.B, 0x40 if number == IP4 else 0x60, 0xF0))
        if self.link is LinkType.RAW:
            if number in (IP4, IP6):
                return self.compare(0, op.B, 0x40 if number == IP4 else 0x60, 0xF0)
            return self.never()
        if number <= MAX_LENGTH_FIELD:
            return both(negated(self.compare(self.type_at, op.H, MAX_LENGTH_FIELD, jump=op.JGT)),
                        self.compare(self.type_at + 2, op.B, number))  # fmt: skip
        return self.compare(self.type_at, op.H, number)

    def protocol(self, name: str) -> Condition:
        """`udp`, `arp` and so on."""
        if name in LINK_TYPES:
            return self.link_type(LINK_TYPES[name])
        if name == "link":
            raise BpfError("link layer applied in wrong context")
        return self._ip_protocol(*OVER_IP[name])

    def _ip_protocol(self, number: int, version: str | None) -> Condition:
        if version is None:
            return either(self._ip_protocol(number, "ip"), self._ip_protocol(number, "ip6"))
        if version == "ip":
            carries_ip = self.link_type(IP4)
            return both(carries_ip, self.compare(self.network_at + 9, op.B, number))
        carries_ip = self.link_type(IP6)
        behind_fragment = both(self.compare(self.network_at + 6, op.B, FRAGMENT_HEADER),
                               self.compare(self.network_at + IP6_BYTES, op.B, number))  # fmt: skip
        return both(carries_ip, either(self.compare(self.network_at + 6, op.B, number), behind_fragment))

    def not_a_later_fragment(self) -> Condition:
        """The IPv4 packet is whole or a first fragment."""
        return negated(self.compare(self.network_at + 6, op.H, FRAGMENT_OFFSET, jump=op.JSET))

    # Names and numbers.

    def _primitive(self, qualifiers: Qualifiers, subject: Subject) -> Condition:
        kind = qualifiers.type
        if kind is Type.PROTO:
            return self._proto(qualifiers, subject)
        if kind in (Type.PORT, Type.PORTRANGE):
            return self._ports.condition(qualifiers, subject)
        if isinstance(subject, MacText):
            if kind is Type.NET or qualifiers.protocol != "link":
                raise BpfError("ethernet address used in non-ether expression")
            return self._mac(mac_bytes(subject.text), qualifiers.direction)
        if isinstance(subject, Ip6Text):
            if subject.length != 128 and kind is not Type.NET:
                raise BpfError("Mask syntax for networks only")
            if qualifiers.protocol not in (None, "ip6"):
                raise BpfError(f"'{qualifiers.protocol}' modifier applied to ip6 host")
            return self._host6(*ip6_address(subject.text, subject.length), qualifiers.direction)
        if isinstance(subject, Name):
            raise BpfError(f"vppsh does not look up the name `{subject.text}'", ours=True)
        if qualifiers.protocol == "link":
            raise BpfError("illegal link layer address")
        return self._host(*self._address(subject, kind), qualifiers.protocol, qualifiers.direction)

    @staticmethod
    def _address(subject: Number | Ip4Text, kind: Type | None) -> tuple[int, int]:
        """Address and mask of what was typed."""
        if isinstance(subject, Number):
            value, mask = subject.value, WORD
            while kind is Type.NET and value and not value & 0xFF000000:
                value, mask = value << 8, mask << 8 & WORD
            return value, mask
        value, bits = ip4_bits(subject.text)
        value <<= 32 - bits
        if subject.length is None and subject.mask is None:
            return value, WORD << (32 - bits) & WORD
        if kind is not Type.NET:
            raise BpfError("Mask syntax for networks only")
        if subject.mask is not None:
            mask, mask_bits = ip4_bits(subject.mask)
            mask <<= 32 - mask_bits
        else:
            length = subject.length or 0
            if length > 32:
                raise BpfError("mask length must be <= 32")
            mask = WORD << (32 - length) & WORD
        if value & ~mask:
            raise BpfError(f'non-network bits set in "{subject.text}"')
        return value, mask

    def directed(self, direction: Direction | None, make: Callable[[bool], Condition]) -> Condition:
        """A test of the source (`make(True)`), of the destination, of one of them or of both."""
        match direction:
            case Direction.SOURCE:
                return make(True)
            case Direction.DESTINATION:
                return make(False)
            case Direction.BOTH:
                return both(make(True), make(False))
            case _:
                return either(make(True), make(False))

    def _host(self, address: int, mask: int, protocol: str | None, direction: Direction | None) -> Condition:
        if protocol is None:
            found = self._host(address, mask, "ip", direction)
            if not self.labels:
                for other in ("arp", "rarp"):
                    found = either(found, self._host(address, mask, other, direction))
            return found
        if protocol not in ("ip", "arp", "rarp"):
            raise BpfError(f"'{protocol}' modifier applied to host")
        source, destination = (12, 16) if protocol == "ip" else (14, 24)

        def make(is_source: bool) -> Condition:
            carried = self.link_type(LINK_TYPES[protocol])
            return both(carried, self.compare(self.network_at + (source if is_source else destination), op.W, address, mask))

        return self.directed(direction, make)

    def _host6(self, address: bytes, mask: bytes, direction: Direction | None) -> Condition:
        def make(is_source: bool) -> Condition:
            at = self.network_at + (8 if is_source else 24)
            words = [
                self.compare(at + word, op.W, int.from_bytes(address[word : word + 4], "big"), int.from_bytes(mask[word : word + 4], "big"))
                for word in (0, 4, 8, 12)
            ]
            return both(self.link_type(IP6), reduce(both, words))

        return self.directed(direction, make)

    def _mac(self, address: bytes, direction: Direction | None) -> Condition:
        if self.link is not LinkType.ETHERNET:
            raise BpfError("ethernet addresses supported only on ethernet/FDDI/token ring/802.11/ATM LANE/Fibre Channel")
        return self.directed(direction, lambda is_source: self.bytes_equal(6 if is_source else 0, address))

    def _proto(self, qualifiers: Qualifiers, subject: Subject) -> Condition:
        protocol = qualifiers.protocol
        if isinstance(subject, Number):
            number = subject.value
        elif isinstance(subject, Name):
            number = ethertype_number(subject.text) if protocol == "link" else protocol_number(subject.text)
        else:
            raise BpfError("'proto' qualifier applied to address")
        if protocol == "link":
            return self.link_type(number)
        if protocol not in (None, "ip", "ip6"):
            raise BpfError(f"'{protocol} proto' is bogus")
        return self._ip_protocol(number, protocol)

    # The rest.

    def _broadcast(self, protocol: str | None) -> Condition:
        if protocol == "ip":
            raise BpfError("netmask not known, so 'ip broadcast' not supported")
        if protocol not in (None, "link"):
            raise BpfError("only link-layer/IP broadcast filters supported")
        if self.link is not LinkType.ETHERNET:
            raise BpfError("not a broadcast link")
        return self.bytes_equal(0, BROADCAST)

    def _multicast(self, protocol: str | None) -> Condition:
        if protocol == "ip":
            return both(self.link_type(IP4), self.compare(self.network_at + 16, op.B, 224, jump=op.JGE))
        if protocol == "ip6":
            return both(self.link_type(IP6), self.compare(self.network_at + 24, op.B, 255))
        if protocol not in (None, "link") or self.link is not LinkType.ETHERNET:
            raise BpfError("link-layer multicast filters supported only on ethernet")
        return self.compare(0, op.B, 1, jump=op.JSET)

    def _byte(self, at: int, operator: str, value: int) -> Condition:
        if operator == "=":
            return self.compare(at, op.B, value)
        if operator == ">":
            return self.compare(at, op.B, value, jump=op.JGT)
        if operator == "<":
            return negated(self.compare(at, op.B, value, jump=op.JGE))
        # libpcap forgets to load the byte here.
        code = op.OR if operator == "|" else op.AND
        return negated(self.test(op.JEQ, 0, [Statement(op.ALU | code | op.K, value)]))

    def _vlan(self, number: int | None) -> Condition:
        if self.labels:
            raise BpfError("no VLAN match after MPLS")
        if self.link is not LinkType.ETHERNET:
            raise BpfError("no VLAN support for Raw IP")
        found = reduce(either, [self.link_type(tag) for tag in VLAN_TYPES])
        if number is not None:
            if number > 0xFFF:
                raise BpfError(f"VLAN tag {number} greater than maximum 4095")
            found = both(found, self.compare(self.payload, op.H, number, 0x0FFF))
        self.payload += 4
        self.type_at += 4
        return found

    def _mpls(self, number: int | None) -> Condition:
        if self.labels:
            found = self.compare(self.network_at - 2, op.B, 0, 1)
        elif self.link is LinkType.ETHERNET:
            found = self.link_type(MPLS)
        else:
            raise BpfError("no MPLS support for Raw IP")
        if number is not None:
            if number > 0xFFFFF:
                raise BpfError(f"MPLS label {number} greater than maximum 1048575")
            found = both(found, self.compare(self.network_at, op.W, number << 12, 0xFFFFF000))
        self.network += 4
        self.labels += 1
        return found


def generate(text: str, link: LinkType) -> Block:
    """The first block of the program of an expression, not optimized; it returns 65535 or 0."""
    expression = parse(text)
    accept = Block([], Statement(op.RET | op.K, SNAP_LENGTH))
    if expression is None:
        return accept
    condition = Generator(link).condition(expression)
    close(condition.when_true, accept)
    close(condition.when_false, Block([], Statement(op.RET | op.K, 0)))
    return condition.head
