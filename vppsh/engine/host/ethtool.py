"""What a link of the host can take off the processor (ethtool's ioctls, linux/ethtool.h)."""

from __future__ import annotations

import ctypes
import fcntl
import os
import socket
import struct

SIOCETHTOOL = 0x8946
IFREQ = struct.Struct("=16sQ16x")
GRXCSUM, GTXCSUM, GTSO, GGSO, GGRO = 0x14, 0x16, 0x1E, 0x23, 0x2B
OFFLOADS = (
    (GRXCSUM, "rx checksum"), (GTXCSUM, "tx checksum"), (GTSO, "tcp segmentation offload"), (GGSO, "generic segmentation offload"),
    (GGRO, "generic receive offload"),
)  # fmt: skip


def offloads(name: str) -> tuple[str, ...]:
    """What is switched on now, in VPP's words; nothing of a link that does not say."""
    found = []
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as any_socket:
        for command, words in OFFLOADS:
            value = ctypes.create_string_buffer(struct.pack("=II", command, 0), 8)
            try:
                fcntl.ioctl(any_socket, SIOCETHTOOL, IFREQ.pack(os.fsencode(name), ctypes.addressof(value)))
            except OSError:
                break
            if struct.unpack("=II", value.raw)[1]:
                found.append(words)
    return tuple(found)
