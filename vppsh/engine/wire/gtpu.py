"""GTP-U, the user plane of mobile networks (3GPP TS 29.281), with the PDU session container (TS 38.415). VPP: plugins/gtpu/gtpu.h."""

from __future__ import annotations

import numpy as np

HEADER = np.dtype([("flags", "u1"), ("type", "u1"), ("length", ">u2"), ("teid", ">u4")])
MANDATORY_BYTES = HEADER.itemsize
OPTIONAL_BYTES = 4
EXTENSION_LENGTH_AT = 12
EXTENSION_UNIT = 4

VERSION_1, PROTOCOL_TYPE = 1 << 5, 1 << 4
FIXED_MASK = 0xF8
"""Version, protocol type and the reserved bit: what a header must have right."""
FIXED = VERSION_1 | PROTOCOL_TYPE
FLAG_EXTENSION = 1 << 2
OPTIONAL_MASK = 0x07
"""Extension, sequence number, N-PDU number: with any of them the optional fields are there."""
G_PDU = 255
PDU_SESSION_CONTAINER = 133
MAX_QFI = 31
PORT = 2152


def header(teid: int, qfi: int | None = None) -> bytes:
    """The header of user packets, its length still zero; with a QoS flow, that in a PDU session container."""
    flags, extension = FIXED, b""
    if qfi is not None:
        flags |= FLAG_EXTENSION
        extension = bytes((0, 0, 0, PDU_SESSION_CONTAINER, 1, 0, qfi, 0))
    return bytes((flags, G_PDU, 0, 0)) + teid.to_bytes(4, "big") + extension
