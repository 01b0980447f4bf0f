"""Messages on their way: sent and received with the descriptors that belong to them, and what a master takes from a slave."""

from __future__ import annotations

import os
import socket

from vppsh.engine.features.memif import messages
from vppsh.engine.features.memif.messages import MESSAGE_BYTES, Kind
from vppsh.engine.features.memif.model import Memif
from vppsh.engine.features.memif.rings import MemifError, Queue, Region

DESCRIPTORS_A_MESSAGE = 1


def address(path: str) -> str:
    """Where a socket is bound; abstract ones have no file."""
    for prefix in ("abstract:", "@"):
        if path.startswith(prefix):
            return "\0" + path.removeprefix(prefix)
    return path


def send(memif: Memif, message: bytes, descriptor: int | None = None) -> None:
    """Send a message to the other side, perhaps with a descriptor (MemifError)."""
    assert memif.connection is not None
    try:
        socket.send_fds(memif.connection, [message], [] if descriptor is None else [descriptor])
    except OSError as error:
        raise MemifError(f"sendmsg: {error.strerror}") from error


def receive(connection: socket.socket) -> tuple[bytes, list[int]]:
    """A message and the descriptors that came with it (MemifError)."""
    try:
        try:
            data, descriptors, _, _ = socket.recv_fds(connection, MESSAGE_BYTES, DESCRIPTORS_A_MESSAGE)
        except ConnectionResetError:
            # The other side left without having read all; what it said at last is behind the error.
            data, descriptors, _, _ = socket.recv_fds(connection, MESSAGE_BYTES, DESCRIPTORS_A_MESSAGE)
    except OSError as error:
        raise MemifError(f"recvmsg: {error.strerror}") from error
    if len(data) < MESSAGE_BYTES:
        for descriptor in descriptors:
            os.close(descriptor)
        raise MemifError("connection closed" if not data else "short message received")
    return data, descriptors


def take_region(memif: Memif, data: bytes, descriptor: int | None) -> None:
    """The slave brings memory (MemifError)."""
    index, size = messages.read_add_region(data)
    if descriptor is None:
        raise MemifError("missing memory region fd")
    region = Region(descriptor, size)
    if index != len(memif.regions):
        raise MemifError("unexpected region index")
    if index > messages.MOST_REGIONS:
        raise MemifError("too many regions")
    memif.regions.append(region)
    send(memif, messages.packed(Kind.ACK))


def take_ring(memif: Memif, data: bytes, descriptor: int | None) -> None:
    """The slave says where a ring is (MemifError)."""
    ring = messages.read_add_ring(data)
    if descriptor is None:
        raise MemifError("missing ring interrupt fd")
    queue = Queue(ring.s2m, ring.index, ring.region, ring.offset, ring.log2_size, descriptor)
    queues = memif.rx if ring.s2m else memif.tx
    if ring.private_header:
        raise MemifError("private headers not supported")
    if ring.index != len(queues):
        raise MemifError("unexpected ring index")
    if ring.index > messages.MOST_RINGS or ring.log2_size > messages.MOST_LOG2_RING:
        raise MemifError("too many rings")
    queues.append(queue)
    os.set_blocking(descriptor, False)
    memif.s2m_rings, memif.m2s_rings, memif.buffer_size = len(memif.rx), len(memif.tx), memif.config.buffer_size
    send(memif, messages.packed(Kind.ACK))
