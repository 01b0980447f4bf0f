"""What a memif interface is, and how its device shows."""

from __future__ import annotations

import enum
import socket
from dataclasses import dataclass, field

from msgspec import Struct

from vppsh.engine.features.memif.output import TX_ERRORS, memif_tx
from vppsh.engine.features.memif.rings import Queue, Region
from vppsh.engine.interfaces import DeviceClass, HardwareClass, Interface


class Mode(enum.IntEnum):
    """What packets begin with."""

    ETHERNET = 0
    IP = 1


class MemifConfig(Struct, frozen=True):
    """What a memif is to be like; rx and tx queues as this side sees them."""

    number: int = 0
    socket_id: int = 0
    master: bool = False
    mode: Mode = Mode.ETHERNET
    secret: str = ""
    log2_ring: int = 10
    buffer_size: int = 2048
    rx_queues: int = 1
    tx_queues: int = 1
    mac: bytes | None = None


@dataclass(eq=False)
class SocketFile:
    """A place where masters and slaves meet; `listener` while a master is there."""

    number: int
    path: str
    listener: socket.socket | None = None
    users: list[Memif] = field(default_factory=list)


@dataclass(eq=False)
class Memif:
    """A memif interface.

    s2m_rings, m2s_rings, buffer_size  what is in use; zero before anybody was met
    connection                         the socket to the other side, while there is one
    connected                          packets can flow
    """

    config: MemifConfig
    instance: int
    file: SocketFile
    interface: Interface = field(init=False)
    connection: socket.socket | None = None
    connected: bool = False
    s2m_rings: int = 0
    m2s_rings: int = 0
    buffer_size: int = 0
    regions: list[Region] = field(default_factory=list)
    rx: list[Queue] = field(default_factory=list)
    tx: list[Queue] = field(default_factory=list)
    remote_name: str = ""
    remote_interface: str = ""
    local_reason: str = ""
    remote_reason: str = ""


def _format_device(interface: Interface) -> str:
    """What `show hardware-interfaces` says below the address; VPP names the rings as if it were always the master."""
    memif: Memif = interface.hardware.device
    lines = ["MEMIF interface", f"     instance {memif.instance}"]
    for number, queue in enumerate(memif.tx):
        lines += [f"       master-to-slave ring {number}", f"         packets sent: {queue.packets}"]
        lines += [f"         no tx slot: {queue.full}", f"         max no tx slot: {queue.most_full}"]
    for number, queue in enumerate(memif.rx):
        lines += [f"       slave-to-master ring {number}", f"         packets received: {queue.packets}"]
    return "\n".join(lines)


def _set_max_frame(interface: Interface, mtu: int) -> None:
    """Nobody else needs to know: long packets take several buffers."""


MEMIF_DEVICE = DeviceClass(
    "memif", memif_tx, tx_errors=TX_ERRORS, format_device=_format_device, link_follows_admin=False, set_max_frame=_set_max_frame
)  # fmt: skip
MEMIF_IP = HardwareClass("memif-ip", point_to_point=True)
