"""A packet socket with rings in shared memory (packet(7), Linux's Documentation/networking/packet_mmap.rst, TPACKET_V2).

The slots of a ring are of one size, so that a whole burst is seen as arrays: a column of statuses, a matrix of bytes. A
virtio-net header of 10 bytes lies in front of every packet.
"""

from __future__ import annotations

import fcntl
import mmap
import socket
import struct

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from vppsh.engine.offload import VNET_HEADER

SOL_PACKET, ETH_P_ALL = 263, 3
PACKET_RX_RING, PACKET_VERSION, PACKET_TX_RING, PACKET_LOSS, PACKET_VNET_HDR, PACKET_QDISC_BYPASS, PACKET_IGNORE_OUTGOING = (
    5, 10, 13, 14, 15, 20, 23,
)  # fmt: skip
TPACKET_V2 = 1
REQUEST = struct.Struct("=IIII")
USER, VLAN_VALID, TPID_VALID = 0x1, 0x10, 0x40
AVAILABLE, SEND_REQUEST = 0x0, 0x1
HEADER = np.dtype(
    [
        ("status", "u4"), ("len", "u4"), ("snaplen", "u4"), ("mac", "u2"), ("net", "u2"), ("sec", "u4"), ("nsec", "u4"),
        ("vlan_tci", "u2"), ("vlan_tpid", "u2"), ("padding", "u4"),
    ]
)  # fmt: skip
VNET_BYTES = VNET_HEADER.itemsize
TX_DATA = HEADER.itemsize + VNET_BYTES
SIOCGIFFLAGS, SIOCSIFFLAGS = 0x8913, 0x8914
IFREQ = struct.Struct("=16sh22x")
IFF_UP = 1


class RingSize(Struct, frozen=True):
    """Bytes of a slot, and how many slots; together whole pages."""

    frame: int
    frames: int

    @property
    def bytes(self) -> int:
        """Of the whole ring."""
        return self.frame * self.frames


class Ring:
    """One ring: its slots as arrays.

    headers  HEADER (n,), bytes  uint8 (n, frame): both are the memory that the kernel sees
    next     the slot that comes next
    """

    def __init__(self, memory: mmap.mmap, offset: int, size: RingSize) -> None:
        self.size = size
        self.headers: NDArray[np.void] = np.ndarray((size.frames,), HEADER, memory, offset, (size.frame,))
        self.bytes: NDArray[np.uint8] = np.ndarray((size.frames, size.frame), np.uint8, memory, offset)
        self.status: NDArray[np.uint32] = self.headers["status"]
        self.next = 0

    def run(self, most: int, *, owned: bool) -> slice:
        """The next slots side by side, `most` at most: those that the kernel has filled, or those that it has emptied."""
        status = self.status[self.next : self.next + most]
        ours = (status & np.uint32(USER)) != 0 if owned else status == AVAILABLE
        n = len(ours) if ours.all() else int(ours.argmin())
        return slice(self.next, self.next + n)

    def advance(self, slots: slice, status: int) -> None:
        """Give slots to the kernel."""
        self.status[slots] = status
        self.next = slots.stop % self.size.frames

    def vnet_headers(self, slots: slice, at: int) -> NDArray[np.void]:
        """The virtio-net headers of received packets that all begin `at` bytes into their slots; a copy."""
        columns = self.bytes[slots, at - VNET_BYTES : at]
        return columns.copy().view(VNET_HEADER)[:, 0]


class PacketSocket:
    """A socket bound to a link of the host, with a ring for each direction (OSError if that cannot be)."""

    def __init__(self, name: str, rx: RingSize, tx: RingSize, *, bypass_qdisc: bool) -> None:
        self.index = socket.if_nametoindex(name)
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK, 0)
        try:
            options = self._socket.setsockopt
            options(SOL_PACKET, PACKET_VERSION, TPACKET_V2)
            options(SOL_PACKET, PACKET_LOSS, 1)
            options(SOL_PACKET, PACKET_VNET_HDR, 1)
            options(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
            self.bypass_qdisc(bypass_qdisc)
            for option, size in ((PACKET_RX_RING, rx), (PACKET_TX_RING, tx)):
                options(SOL_PACKET, option, REQUEST.pack(size.bytes, 1, size.frame, size.frames))
            memory = mmap.mmap(self._socket.fileno(), rx.bytes + tx.bytes, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE)
            self.rx, self.tx = Ring(memory, 0, rx), Ring(memory, rx.bytes, tx)
            # Bound last: no packet of another link may get into the ring.
            self._socket.bind((name, ETH_P_ALL))
        except OSError:
            self._socket.close()
            raise

    def fileno(self) -> int:
        """The descriptor that can be read while the kernel has filled slots."""
        return self._socket.fileno()

    def send(self) -> None:
        """Have the kernel send what is in the ring (OSError)."""
        self._socket.send(b"", socket.MSG_DONTWAIT)

    def error(self) -> int:
        """The errno that the kernel has noted, which is then forgotten; 0 if there is none."""
        return self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)

    def bypass_qdisc(self, on: bool) -> None:
        """Send past the host's traffic control, or through it."""
        self._socket.setsockopt(SOL_PACKET, PACKET_QDISC_BYPASS, int(on))

    def close(self) -> None:
        """Stop; the rings go when nobody looks at them any more."""
        self._socket.close()


def switch_on(name: str) -> None:
    """Bring a link up if it is not (OSError)."""
    request = IFREQ.pack(name.encode(errors="surrogateescape"), 0)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as any_socket:
        flags = IFREQ.unpack(fcntl.ioctl(any_socket, SIOCGIFFLAGS, request))[1]
        if not flags & IFF_UP:
            fcntl.ioctl(any_socket, SIOCSIFFLAGS, IFREQ.pack(name.encode(errors="surrogateescape"), flags | IFF_UP))
