"""A tap or tun device of the host: /dev/net/tun (Linux's Documentation/networking/tuntap.rst).

Every packet is read and written with a virtio-net header of 12 bytes in front of it.
"""

from __future__ import annotations

import fcntl
import os
import socket
import struct
import weakref
from dataclasses import dataclass, field

from vppsh.errors import CommandError

DEVICE = "/dev/net/tun"
TUNSETIFF, TUNSETPERSIST, TUNGETFEATURES, TUNSETOFFLOAD = 0x400454CA, 0x400454CB, 0x800454CF, 0x400454D0
TUNGETIFF, TUNSETSNDBUF, TUNSETVNETHDRSZ = 0x800454D2, 0x400454D4, 0x400454D8
IFF_TUN, IFF_TAP, IFF_PERSIST, IFF_NO_PI, IFF_VNET_HDR = 0x1, 0x2, 0x800, 0x1000, 0x4000
NAMES = {
    TUNSETIFF: "TUNSETIFF", TUNSETPERSIST: "TUNSETPERSIST", TUNGETFEATURES: "TUNGETFEATURES", TUNSETOFFLOAD: "TUNSETOFFLOAD",
    TUNGETIFF: "TUNGETIFF", TUNSETSNDBUF: "TUNSETSNDBUF", TUNSETVNETHDRSZ: "TUNSETVNETHDRSZ",
}  # fmt: skip
IFREQ = struct.Struct("16sH22x")
LONGEST_NAME = 15
HEADER_BYTES = 12
OFFLOAD_CHECKSUM, OFFLOAD_TCP = 0x1, 0x2 | 0x4
SNDBUF = (1 << 31) - 1


def _ioctl(descriptor: int, request: int, argument: bytes | int) -> bytes:
    try:
        answer = fcntl.ioctl(descriptor, request, argument)
    except OSError as error:
        raise CommandError(f"ioctl({NAMES[request]}): {error.strerror}") from error
    return answer if isinstance(answer, bytes) else b""


def _no_name(name: str) -> bool:
    return not name or len(os.fsencode(name)) > LONGEST_NAME or "/" in name or "\0" in name


@dataclass(eq=False)
class TunDevice:
    """One open device, made in the namespace of the thread; it is gone when this is closed, unless it persists.

    name   what the host calls it
    index  its number there
    """

    descriptor: int
    name: str
    index: int
    _close: weakref.finalize[[int], TunDevice] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """See to it that the descriptor is closed at last."""
        self._close = weakref.finalize(self, os.close, self.descriptor)

    @classmethod
    def open(cls, name: str | None, *, tun: bool, offload: int, persist: bool, attach: bool) -> TunDevice:
        """Make or attach to a device; without a name the host finds one (CommandError in VPP's words)."""
        if name is not None and _no_name(name):
            raise CommandError(f"host-if-name '{name}': an interface of the host has a name of 1 to {LONGEST_NAME} characters without '/'")
        try:
            descriptor = os.open(DEVICE, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise CommandError(f"open '{DEVICE}': {error.strerror}") from error
        try:
            if not struct.unpack("=I", _ioctl(descriptor, TUNGETFEATURES, bytes(4)))[0] & IFF_VNET_HDR:
                raise CommandError("vhost-net backend not available")
            flags = IFF_NO_PI | IFF_VNET_HDR | (IFF_TUN if tun else IFF_TAP)
            given = _ioctl(descriptor, TUNSETIFF, IFREQ.pack(os.fsencode(name or ""), flags))
            actual = os.fsdecode(IFREQ.unpack(given)[0].rstrip(b"\0"))
            if attach:
                _ioctl(descriptor, TUNSETPERSIST, 0)
            if persist:
                _ioctl(descriptor, TUNSETPERSIST, 1)
                if not IFREQ.unpack(_ioctl(descriptor, TUNGETIFF, bytes(IFREQ.size)))[1] & IFF_PERSIST:
                    raise CommandError("persistence not supported")
            _ioctl(descriptor, TUNSETVNETHDRSZ, struct.pack("=i", HEADER_BYTES))
            _ioctl(descriptor, TUNSETSNDBUF, struct.pack("=i", SNDBUF - tun))
            _ioctl(descriptor, TUNSETOFFLOAD, offload)
            return cls(descriptor, actual, socket.if_nametoindex(actual))
        except (CommandError, OSError):
            os.close(descriptor)
            raise

    def release(self) -> None:
        """Let the device go; if it was to persist, the host keeps it."""
        self._close()

    def close(self) -> None:
        """Let the device go, from the host too even if it was to persist."""
        if self._close.alive:
            try:
                _ioctl(self.descriptor, TUNSETPERSIST, 0)
            except CommandError:
                self.index = 0  # gone from the host already: there is nothing that could persist
        self._close()
