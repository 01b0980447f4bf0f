"""Tokens of filter expressions: the longest match counts, and among equal ones an address before a word."""

from __future__ import annotations

import re

from msgspec import Struct

from vppsh.engine.bpf.errors import BpfError

WORD_LIMIT = 1 << 32

PROTOCOLS = frozenset((
    "ip", "ip6", "arp", "rarp", "tcp", "udp", "sctp", "icmp", "icmp6", "igmp", "igrp", "pim", "vrrp", "carp", "ah", "esp", "decnet",
    "lat", "sca", "moprc", "mopdl",
))  # fmt: skip
LINK = frozenset(("link", "ether", "ppp", "slip", "fddi", "tr", "wlan"))
OTHER_KEYWORDS = frozenset((
    "dst", "src", "host", "net", "mask", "port", "portrange", "proto", "less", "greater", "byte", "broadcast", "multicast", "vlan",
    "mpls", "len",
))  # fmt: skip
SYNONYMS = {"and": "&&", "or": "||", "not": "!", "==": "=", "length": "len", **dict.fromkeys(LINK, "link")}
# Words of libpcap that have no meaning here, or that nobody needs of a trace filter.
UNSUPPORTED = frozenset((
    "atalk", "aarp", "iso", "esis", "es-is", "isis", "is-is", "l1", "l2", "iih", "lsp", "snp", "csnp", "psnp", "clnp", "stp", "ipx",
    "netbeui", "radio", "protochain", "gateway", "type", "subtype", "direction", "dir", "address1", "addr1", "address2", "addr2",
    "address3", "addr3", "address4", "addr4", "ra", "ta", "inbound", "outbound", "ifindex", "pppoed", "pppoes", "geneve", "vxlan", "lane",
    "llc", "metac", "bcc", "oam", "oamf4", "oamf4ec", "oamf4sc", "sc", "ilmic", "vpi", "vci", "connectmsg", "metaconnect", "on", "ifname",
    "rset", "ruleset", "rnr", "rulenum", "srnr", "subrulenum", "reason", "action", "fisu", "lssu", "lsu", "msu", "hfisu", "hlssu", "hmsu",
    "sio", "opc", "dpc", "sls", "hsio", "hopc", "hdpc", "hsls",
))  # fmt: skip
CONSTANTS = {
    "icmptype": 0, "icmpcode": 1, "icmp-echoreply": 0, "icmp-unreach": 3, "icmp-sourcequench": 4, "icmp-redirect": 5, "icmp-echo": 8,
    "icmp-routeradvert": 9, "icmp-routersolicit": 10, "icmp-timxceed": 11, "icmp-paramprob": 12, "icmp-tstamp": 13,
    "icmp-tstampreply": 14, "icmp-ireq": 15, "icmp-ireqreply": 16, "icmp-maskreq": 17, "icmp-maskreply": 18,
    "icmp6type": 0, "icmp6code": 1, "icmp6-destinationunreach": 1, "icmp6-packettoobig": 2, "icmp6-timeexceeded": 3,
    "icmp6-parameterproblem": 4, "icmp6-echo": 128, "icmp6-echoreply": 129, "icmp6-multicastlistenerquery": 130,
    "icmp6-multicastlistenerreportv1": 131, "icmp6-multicastlistenerdone": 132, "icmp6-routersolicit": 133,
    "icmp6-routeradvert": 134, "icmp6-neighborsolicit": 135, "icmp6-neighboradvert": 136, "icmp6-redirect": 137,
    "icmp6-routerrenum": 138, "icmp6-nodeinformationquery": 139, "icmp6-nodeinformationresponse": 140,
    "icmp6-ineighbordiscoverysolicit": 141, "icmp6-ineighbordiscoveryadvert": 142, "icmp6-multicastlistenerreportv2": 143,
    "icmp6-homeagentdiscoveryrequest": 144, "icmp6-homeagentdiscoveryreply": 145, "icmp6-mobileprefixsolicit": 146,
    "icmp6-mobileprefixadvert": 147, "icmp6-certpathsolicit": 148, "icmp6-certpathadvert": 149, "icmp6-multicastrouteradvert": 151,
    "icmp6-multicastroutersolicit": 152, "icmp6-multicastrouterterm": 153,
    "tcpflags": 13, "tcp-fin": 1, "tcp-syn": 2, "tcp-rst": 4, "tcp-push": 8, "tcp-ack": 16, "tcp-urg": 32, "tcp-ece": 64, "tcp-cwr": 128,
}  # fmt: skip

_N = r"(?:0[xX][0-9A-Fa-f]+|[0-9]+)"
_BYTE = "[0-9A-Fa-f]{1,2}"
_GROUPS = "(?:[0-9A-Fa-f]{1,4}:){0,7}:?(?::?[0-9A-Fa-f]{1,4}){0,7}"
_PATTERNS = (
    ("mac", re.compile("|".join((*(f"(?:{_BYTE}{re.escape(mark)}){{5}}{_BYTE}" for mark in ":-."), r"[0-9A-Fa-f]{4}(?:\.[0-9A-Fa-f]{4}){2}",
                                 "[0-9A-Fa-f]{12}")))),
    ("number", re.compile(_N)),
    ("address4", re.compile(rf"{_N}(?:\.{_N}){{1,3}}")),
    ("address6", re.compile(rf"(?=[0-9A-Fa-f:]*:[0-9A-Fa-f]*:){_GROUPS}:?(?:(?<=:){_N}(?:\.{_N}){{3}})?")),
    ("word", re.compile(r"[A-Za-z0-9](?:[-_.A-Za-z0-9]*[.A-Za-z0-9])?")),
    ("escaped", re.compile(r"\\[^ !()\n\t]+")),
    ("operator", re.compile(r"&&|\|\||>=|<=|!=|==|<<|>>|[-+*/%:\[\]!<>()&|^=]")),
)  # fmt: skip
_BLANK = re.compile(r"[ \r\n\t]*")


class Token(Struct, frozen=True):
    """A token; the kind of a keyword or operator is its text, other kinds are number, address4, address6, mac, name."""

    kind: str
    text: str
    value: int = 0


def tokens(text: str) -> list[Token]:
    """The tokens of an expression, an `end` behind them."""
    found: list[Token] = []
    pos = _BLANK.match(text).end()  # type: ignore[union-attr]  # it matches the empty text
    while pos < len(text):
        matches = [(kind, match[0]) for kind, pattern in _PATTERNS if (match := pattern.match(text, pos)) and match[0]]
        if not matches:
            raise BpfError(f"illegal token: {text[pos]}")
        kind, lexeme = max(matches, key=lambda each: len(each[1]))
        found.append(_token(kind, lexeme))
        pos = _BLANK.match(text, pos + len(lexeme)).end()  # type: ignore[union-attr]  # it matches the empty text
    return [*found, Token("end", "")]


def _token(kind: str, text: str) -> Token:
    if kind == "number":
        return Token(kind, text, number(text))
    if kind == "escaped":
        return Token("name", text[1:])
    if kind == "operator":
        return Token(SYNONYMS.get(text, text), text)
    if kind == "word":
        if text in CONSTANTS:
            return Token("number", text, CONSTANTS[text])
        if text in UNSUPPORTED:
            raise BpfError(f"vppsh's filters do not have `{text}'", ours=True)
        if text in SYNONYMS or text in PROTOCOLS or text in OTHER_KEYWORDS:
            return Token(SYNONYMS.get(text, text), text)
        return Token("name", text)
    return Token(kind, text)


def number(text: str) -> int:
    """A number as C writes it: decimal, 0x hexadecimal, 0 octal."""
    try:
        value = int(text, 16 if text[:2] in ("0x", "0X") else 8 if len(text) > 1 and text[0] == "0" else 10)
    except ValueError as error:
        raise BpfError(f"number {text} contains non-octal digit") from error
    if value >= WORD_LIMIT:
        raise BpfError(f"number {text} overflows 32 bits")
    return value
