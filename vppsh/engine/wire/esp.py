"""Encapsulating security payload (RFC 4303). VPP: vnet/ipsec/esp.h; it shows nothing of what is behind the IP header."""

from __future__ import annotations

import numpy as np

HEADER = np.dtype([("spi", ">u4"), ("sequence", ">u4")])
FOOTER = np.dtype([("pad_length", "u1"), ("next_header", "u1")])
