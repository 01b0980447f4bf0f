"""The host interfaces of an engine: attached to links of the host, watched while they are up, given up when the link goes.

Counterpart of VPP's plugins/af_packet/af_packet.c, with rings of TPACKET_V2.
"""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from msgspec import Struct

from vppsh.engine.descriptors import Descriptors
from vppsh.engine.features.host_interface.output import TX_ERRORS, format_tx_trace, host_tx
from vppsh.engine.host import ethtool, netlink
from vppsh.engine.host.packet_ring import PacketSocket, RingSize, switch_on
from vppsh.engine.interfaces import ETHERNET, Change, DeviceClass, HardwareClass, Interface, Interfaces
from vppsh.engine.rx_queues import INTERRUPT, POLLING, RxQueue, RxQueues
from vppsh.errors import CommandError

if TYPE_CHECKING:
    from vppsh.engine.engine import Engine

LOG = logging.getLogger(__name__)

INPUT_NODE = "af-packet-input"
# A TCP segment that the host has not cut up yet fits into a slot of what is received; sent are packets.
USUAL_RX = RingSize(2048 * 33, 1024)
USUAL_TX = RingSize(2048 * 5, 1024)


class HostConfig(Struct, frozen=True):
    """What a host interface is to be like.

    ip            bare IP packets, no Ethernet
    bypass_qdisc  what is sent passes by the host's traffic control
    """

    name: str
    mac: bytes | None = None
    ip: bool = False
    bypass_qdisc: bool = True
    rx: RingSize = USUAL_RX
    tx: RingSize = USUAL_TX


@dataclass(eq=False)
class HostInterface:
    """A host interface.

    offloads    what the link took off the processor when this was made
    bypass      whether what is sent passes by the host's traffic control
    gone        the host has deleted the link
    """

    config: HostConfig
    socket: PacketSocket
    offloads: tuple[str, ...]
    bypass: bool
    interface: Interface = field(init=False)
    gone: bool = False

    def set_bypass(self, on: bool) -> None:
        """Send past the host's traffic control, or through it; a kernel that cannot leaves it as it is."""
        try:
            self.socket.bypass_qdisc(on)
        except OSError as error:
            LOG.warning("%s: qdisc bypass: %s", self.interface.name, error)
        self.bypass = on


def _format_device(interface: Interface) -> str:
    """What `show hardware-interfaces` says below the address."""
    host: HostInterface = interface.hardware.device
    rx, tx = host.socket.rx, host.socket.tx
    lines = ["Linux PACKET socket interface v2", "FEATURES:"]
    lines += ["  qdisc-bpass-enabled"] if host.bypass else []
    lines += ["  cksum-gso-enabled", "Host Interface Offload:", "  creation time:", *(f"   {words}" for words in host.offloads)]
    lines += ["  now:", *(f"   {words}" for words in ethtool.offloads(host.config.name))]
    lines += ["RX Queue 0:", f"  block size:{rx.size.bytes} nr:1  frame size:{rx.size.frame} nr:{rx.size.frames} next frame:{rx.next}"]
    free = int((tx.status == 0).sum())
    asked = int((tx.status & 1 != 0).sum())
    sending = int((tx.status & 3 == 2).sum())
    lines += ["TX Queue 0:", f"  block size:{tx.size.bytes} nr:1  frame size:{tx.size.frame} nr:{tx.size.frames} next frame:{tx.next}"]
    total = tx.size.frames
    lines.append(f"  available:{free} request:{asked} sending:{sending} wrong:{total - free - asked - sending} total:{total}")
    return "\n  ".join(lines)


def _set_max_frame(interface: Interface, mtu: int) -> None:
    """The link gets the MTU."""
    host: HostInterface = interface.hardware.device
    try:
        netlink.set_mtu(host.socket.index, mtu)
    except CommandError as error:
        raise CommandError(f"netlink error: {error}") from error


HOST_DEVICE = DeviceClass(
    "af-packet", host_tx, tx_trace=format_tx_trace, tx_errors=TX_ERRORS, format_device=_format_device, link_follows_admin=False,
    set_max_frame=_set_max_frame,
)  # fmt: skip
HOST_IP = HardwareClass("af-packet-ip-device", point_to_point=True)


class HostInterfaces:
    """The host interfaces of an engine, by the names of their links and by the descriptors that they are read from."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._interfaces = engine.get(Interfaces)
        self._descriptors = engine.get(Descriptors)
        self._hosts: dict[str, HostInterface] = {}
        self._by_descriptor: dict[int, HostInterface] = {}
        self._interfaces.subscribe(self._changed)

    def __iter__(self) -> Iterator[HostInterface]:
        """In the order in which they were made."""
        yield from self._hosts.values()

    def read_from(self, descriptor: int) -> HostInterface:
        """The host interface that a descriptor belongs to."""
        return self._by_descriptor[descriptor]

    def of(self, interface: Interface) -> HostInterface | None:
        """The host interface that an interface is (or is on)."""
        device = interface.hardware.device
        return device if isinstance(device, HostInterface) else None

    def create(self, config: HostConfig) -> HostInterface:
        """Attach to a link (CommandError in VPP's words); one that is attached already stays as it is."""
        known = self._hosts.get(config.name)
        if known is not None:
            return known
        try:
            if not netlink.link_index(config.name):
                raise CommandError("Invalid interface name")
            switch_on(config.name)
            found = ethtool.offloads(config.name)
            link = PacketSocket(config.name, config.rx, config.tx, bypass_qdisc=config.bypass_qdisc)
        except OSError as error:
            raise CommandError(f"{error.strerror} (errno {error.errno})") from error
        host = HostInterface(config, link, found, config.bypass_qdisc)
        name = f"host-{config.name}"
        if config.ip:
            host.interface = self._interfaces.add_hardware(name, HOST_DEVICE, HOST_IP, mtu=0, device=host, link_up=True)
        else:
            mac = config.mac or b"\x02\xfe" + self._engine.random.bytes(4)
            host.interface = self._interfaces.add_hardware(name, HOST_DEVICE, ETHERNET, mac=mac, device=host, link_up=True)
        self._engine.get(RxQueues).add(RxQueue(host.interface, INPUT_NODE, INTERRUPT, modes=(POLLING, INTERRUPT)))
        self._hosts[config.name] = host
        self._by_descriptor[link.fileno()] = host
        return host

    def delete(self, name: str) -> None:
        """Let a link go; one that is not attached is no error, as in VPP."""
        host = self._hosts.pop(name, None)
        if host is None:
            return
        self._descriptors.ignore(host.socket.fileno())
        self._interfaces.set_link(host.interface, False)
        del self._by_descriptor[host.socket.fileno()]
        self._engine.get(RxQueues).remove(host.interface)
        self._interfaces.delete(host.interface)
        host.socket.close()

    def check(self, host: HostInterface) -> None:
        """The socket has noted an error: has the link gone, or is it only switched off?"""
        if host.socket.error() and netlink.link_index(host.config.name) != host.socket.index:
            self._lose(host)

    def _lose(self, host: HostInterface) -> None:
        self._descriptors.ignore(host.socket.fileno())
        host.gone = True
        self._interfaces.set_link(host.interface, False)

    def _tell(self, host: HostInterface, tell: Callable[[], None]) -> None:
        """Have something done to the link. As in VPP the interface does not depend on it, but what went wrong is logged."""
        try:
            tell()
        except netlink.NetlinkError as error:
            LOG.warning("%s: %s", host.interface.name, error)
            if error.number == errno.ENODEV:
                self._lose(host)

    def _changed(self, change: Change, interface: Interface) -> None:
        """What is done to the interface is done to the link; it is read while it is up."""
        host = self.of(interface)
        if host is None or not interface.is_hardware or host.gone:
            return
        if change is Change.ADMIN:
            if interface.admin_up:
                self._descriptors.watch(host.socket.fileno(), self._engine.graph[INPUT_NODE])
            else:
                self._descriptors.ignore(host.socket.fileno())
            self._tell(host, lambda: netlink.set_state(host.socket.index, interface.admin_up))
            if interface.admin_up and not host.gone:
                self._interfaces.set_link(interface, True)
        elif change is Change.MAC and not host.config.ip:
            self._tell(host, lambda: netlink.set_address(host.socket.index, interface.mac))
