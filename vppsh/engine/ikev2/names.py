"""The numbers of IKEv2 (RFC 7296, IANA's ikev2-parameters) and the words that VPP has for them (plugins/ikev2/ikev2.h).

Tables of words are in VPP's order, in which its reader tries them: a word that begins another one stands for both.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from types import MappingProxyType

PORT = 500
NAT_PORT = 4500
VERSION = 0x20


class Exchange(enum.IntEnum):
    """What a message is part of."""

    IKE_SA_INIT = 34
    IKE_AUTH = 35
    CREATE_CHILD_SA = 36
    INFORMATIONAL = 37


class Flag:
    """Of a message's header."""

    INITIATOR = 0x08
    RESPONSE = 0x20


class Kind(enum.IntEnum):
    """Of a payload."""

    NONE = 0
    SA = 33
    KE = 34
    IDI = 35
    IDR = 36
    AUTH = 39
    NONCE = 40
    NOTIFY = 41
    DELETE = 42
    VENDOR = 43
    TSI = 44
    TSR = 45
    SK = 46


class ProtocolId(enum.IntEnum):
    """What a proposal, a notification or a deletion is about."""

    NONE = 0
    IKE = 1
    AH = 2
    ESP = 3


class Notice(enum.IntEnum):
    """Notifications that vppsh sends or acts on."""

    UNSUPPORTED_CRITICAL_PAYLOAD = 1
    INVALID_SYNTAX = 7
    NO_PROPOSAL_CHOSEN = 14
    INVALID_KE_PAYLOAD = 17
    AUTHENTICATION_FAILED = 24
    TS_UNACCEPTABLE = 38
    TEMPORARY_FAILURE = 43
    CHILD_SA_NOT_FOUND = 44
    INITIAL_CONTACT = 16384
    NAT_DETECTION_SOURCE_IP = 16388
    NAT_DETECTION_DESTINATION_IP = 16389
    COOKIE = 16390
    REKEY_SA = 16393


class TransformType(enum.IntEnum):
    """What a transform is for."""

    ENCR = 1
    PRF = 2
    INTEG = 3
    DH = 4
    ESN = 5


class Encr(enum.IntEnum):
    """Ciphers that VPP supports."""

    NULL = 11
    AES_CBC = 12
    AES_CTR = 13
    AES_GCM_16 = 20
    CHACHA20_POLY1305 = 28


class Integ(enum.IntEnum):
    """Integrity algorithms that vppsh treats one by one."""

    NONE = 0
    AES_CMAC_96 = 8
    AES_128_GMAC = 9
    AES_192_GMAC = 10
    AES_256_GMAC = 11


class PrfId(enum.IntEnum):
    """Pseudo-random functions that VPP supports."""

    HMAC_SHA1 = 2
    HMAC_SHA2_256 = 5
    HMAC_SHA2_384 = 6
    HMAC_SHA2_512 = 7
    AES128_CMAC = 8


class AuthMethod(enum.IntEnum):
    """How a peer shows that it is who it says."""

    NONE = 0
    RSA_SIG = 1
    SHARED_KEY_MIC = 2


class IdType(enum.IntEnum):
    """What an identity may be made of."""

    NONE = 0
    IP4_ADDR = 1
    FQDN = 2
    RFC822 = 3
    IP6_ADDR = 5


class TsType(enum.IntEnum):
    """What a traffic selector's addresses are."""

    IP4_RANGE = 7
    IP6_RANGE = 8


GMACS = (Integ.AES_128_GMAC, Integ.AES_192_GMAC, Integ.AES_256_GMAC)

TYPE_NAMES = MappingProxyType({
    TransformType.ENCR: "encr", TransformType.PRF: "prf", TransformType.INTEG: "integ",
    TransformType.DH: "dh-group", TransformType.ESN: "esn",
})  # fmt: skip
ENCR_NAMES = MappingProxyType({
    1: "des-iv64", 2: "des", 3: "3des", 4: "rc5", 5: "idea", 6: "cast", 7: "blowfish", 8: "3idea", 9: "des-iv32", 11: "null",
    12: "aes-cbc", 13: "aes-ctr", 20: "aes-gcm-16", 28: "chacha20-poly1305",
})  # fmt: skip
PRF_NAMES = MappingProxyType({
    1: "hmac-md5", 2: "hmac-sha1", 3: "mac-tiger", 4: "aes128-xcbc", 5: "hmac-sha2-256", 6: "hmac-sha2-384", 7: "hmac-sha2-512",
    8: "aes128-cmac",
})  # fmt: skip
INTEG_NAMES = MappingProxyType({
    0: "none", 1: "md5-96", 2: "sha1-96", 3: "des-mac", 4: "kpdk-md5", 5: "aes-xcbc-96", 6: "md5-128", 7: "sha1-160", 8: "cmac-96",
    9: "aes-128-gmac", 10: "aes-192-gmac", 11: "aes-256-gmac", 12: "hmac-sha2-256-128", 13: "hmac-sha2-384-192",
    14: "hmac-sha2-512-256",
})  # fmt: skip
DH_NAMES = MappingProxyType({
    0: "none", 1: "modp-768", 2: "modp-1024", 5: "modp-1536", 14: "modp-2048", 15: "modp-3072", 16: "modp-4096", 17: "modp-6144",
    18: "modp-8192", 19: "ecp-256", 20: "ecp-384", 21: "ecp-521", 22: "modp-1024-160", 23: "modp-2048-224", 24: "modp-2048-256",
    25: "ecp-192",
})  # fmt: skip
ESN_NAMES = MappingProxyType({0: "no", 1: "yes"})
AUTH_NAMES = MappingProxyType({1: "rsa-sig", 2: "shared-key-mic"})
ID_NAMES = MappingProxyType({
    1: "ip4-addr", 2: "fqdn", 3: "rfc822", 5: "ip6-addr", 9: "der-asn1-dn", 10: "der-asn1-gn", 11: "key-id",
})  # fmt: skip
NAMES_OF_TYPE = MappingProxyType({
    TransformType.ENCR: ENCR_NAMES, TransformType.PRF: PRF_NAMES, TransformType.INTEG: INTEG_NAMES, TransformType.DH: DH_NAMES,
    TransformType.ESN: ESN_NAMES,
})  # fmt: skip


def name_of(names: Mapping[int, str], number: int) -> str:
    """VPP's word, or `unknown (7)`."""
    return names.get(number, f"unknown ({number})")
