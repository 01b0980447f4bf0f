"""The taps of an engine: made, watched while they are up, and given up when the host takes them away.

Counterpart of VPP's plugins/tap/tap.c, but without vhost: packets are read and written by system calls.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from vppsh.engine.descriptors import Descriptors
from vppsh.engine.features.tap.output import TX_ERRORS, format_tx_trace, tap_tx
from vppsh.engine.host import netlink
from vppsh.engine.host.namespaces import inside
from vppsh.engine.host.tun import OFFLOAD_CHECKSUM, OFFLOAD_TCP, TunDevice
from vppsh.engine.interfaces import DOWN, ETHERNET, Change, DeviceClass, HardwareClass, Interface, Interfaces
from vppsh.engine.rx_queues import RxQueue, RxQueues
from vppsh.errors import CommandError

if TYPE_CHECKING:
    from vppsh.engine.engine import Engine

MAX_INSTANCE = 8192
MAX_RING = 32768
DEFAULT_RING = 256
TUN_MTU = 1500
LONGEST_PACKET = 1 << 16
INPUT_NODE = "tap-input"


class HostAddress(Struct, frozen=True):
    """An address that the host's end gets: 4 or 16 bytes, and the length of its prefix."""

    address: bytes
    length: int


class TapConfig(Struct, frozen=True):
    """What a tap is to be like; what is None is found by the host, or at random.

    tun        bare IP packets, no Ethernet
    host_ns    where the host's end is made
    gateways   default routes that the host's namespace gets
    gso        the host hands over TCP segments uncut; checksum_offload: checksums incomplete
    coalesce   asked for, and shown
    persist    the host's end outlives the dataplane; attach: it is there already
    """

    number: int | None = None
    name: str | None = None
    tun: bool = False
    mac: bytes | None = None
    host_name: str | None = None
    host_ns: str | None = None
    host_mac: bytes | None = None
    host_bridge: str | None = None
    host_mtu: int = 0
    addresses: tuple[HostAddress, ...] = ()
    gateways: tuple[bytes, ...] = ()
    rx_ring: int = 0
    tx_ring: int = 0
    persist: bool = False
    attach: bool = False
    gso: bool = False
    checksum_offload: bool = False
    coalesce: bool = False

    @property
    def offload(self) -> int:
        """What the host may leave undone: checksums, and cutting up TCP segments."""
        return OFFLOAD_CHECKSUM | OFFLOAD_TCP if self.gso else OFFLOAD_CHECKSUM if self.checksum_offload else 0


@dataclass(eq=False)
class Tap:
    """A tap or tun interface.

    config      what was asked for, with what was found filled in
    instance    VPP's device instance
    gone        the host has deleted its end
    rx, tx      packets read and written
    """

    config: TapConfig
    instance: int
    device: TunDevice
    interface: Interface = field(init=False)
    gone: bool = False
    rx: int = 0
    tx: int = 0


def _format_device(interface: Interface) -> str:
    """What `show hardware-interfaces` says below the address."""
    tap: Tap = interface.hardware.device
    queues = (("RX", tap.rx), ("TX", tap.tx))
    lines = ["VIRTIO interface", f"     instance {tap.instance}"]
    for direction, packets in queues:
        lines += [f"       {direction} QUEUE : Total Packets", f"       {0:8} : {packets}"]
    return "\n".join(lines)


def _set_max_frame(interface: Interface, mtu: int) -> None:
    """As in VPP, the host's end keeps its MTU."""


TAP_DEVICE = DeviceClass(
    "tap", tap_tx, tx_trace=format_tx_trace, tx_errors=TX_ERRORS, format_device=_format_device, link_follows_admin=False,
    set_max_frame=_set_max_frame,
)  # fmt: skip
TUN = HardwareClass("tun", point_to_point=True)


class Taps:
    """The taps of an engine, by id, and by the descriptors that they are read from.

    memory    all packet data; overflow takes what of a packet does not fit into one buffer
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._interfaces = engine.get(Interfaces)
        self._descriptors = engine.get(Descriptors)
        self.memory = engine.buffers.memory
        self.overflow = bytearray(LONGEST_PACKET)
        self._taps: dict[int, Tap] = {}
        self._by_descriptor: dict[int, Tap] = {}
        self._instances: list[Tap | None] = []
        self._interfaces.subscribe(self._changed)

    def __iter__(self) -> Iterator[Tap]:
        """In the order of their instances."""
        return (tap for tap in self._instances if tap is not None)

    def read_from(self, descriptor: int) -> Tap:
        """The tap that a descriptor belongs to."""
        return self._by_descriptor[descriptor]

    def of(self, interface: Interface) -> Tap | None:
        """The tap that an interface is (or is on)."""
        device = interface.hardware.device
        return device if isinstance(device, Tap) else None

    def create(self, config: TapConfig) -> Tap:
        """Make both ends of a tap (CommandError, and nothing is left)."""
        config = self._complete(config)
        with inside(config.host_ns):
            device = TunDevice.open(config.host_name, tun=config.tun, offload=config.offload, persist=config.persist, attach=config.attach)
            try:
                _set_up(device, config)
            except CommandError:
                device.close()
                raise
        config = replace(config, host_name=device.name)
        instance = self._instances.index(None) if None in self._instances else len(self._instances)
        tap = Tap(config, instance, device)
        self._install(tap)
        return tap

    def delete(self, tap: Tap) -> None:
        """Take both ends of a tap away."""
        self._interfaces.set_state(tap.interface, DOWN)
        self._engine.get(RxQueues).remove(tap.interface)
        self._interfaces.delete(tap.interface)
        assert tap.config.number is not None
        del self._taps[tap.config.number]
        del self._by_descriptor[tap.device.descriptor]
        self._instances[tap.instance] = None
        tap.device.close()

    def lose(self, tap: Tap) -> None:
        """The host has deleted its end: nothing will come from it any more, nor go there."""
        self._descriptors.ignore(tap.device.descriptor)
        tap.gone = True
        self._interfaces.set_link(tap.interface, False)

    def _complete(self, config: TapConfig) -> TapConfig:
        """Refuse what cannot be, and choose what was left open."""
        number = config.number
        if number is None:
            number = next(free for free in range(MAX_INSTANCE + 2) if free not in self._taps)
        if number in self._taps:
            raise CommandError("interface already exists")
        if number > MAX_INSTANCE:
            raise CommandError("cannot find free interface id")
        if config.attach and config.host_name is None:
            raise CommandError("host_if_name is not provided")
        for size in (config.rx_ring, config.tx_ring):
            if size & (size - 1):
                raise CommandError("ring size must be power of 2")
            if size > MAX_RING:
                raise CommandError("ring size must be 32768 or lower")
        random = self._engine.random
        return replace(
            config, number=number, mac=config.mac or b"\x02\xfe" + random.bytes(4),
            host_mac=config.host_mac or b"\x02\xfe" + random.bytes(4), rx_ring=config.rx_ring or DEFAULT_RING,
            tx_ring=config.tx_ring or DEFAULT_RING,
        )  # fmt: skip

    def _install(self, tap: Tap) -> None:
        config = tap.config
        assert config.number is not None
        assert config.mac is not None
        name = config.name or f"{'tun' if config.tun else 'tap'}{config.number}"
        if config.tun:
            mtu = config.host_mtu or TUN_MTU
            tap.interface = self._interfaces.add_hardware(name, TAP_DEVICE, TUN, mtu=mtu, device=tap, link_up=True)
        else:
            tap.interface = self._interfaces.add_hardware(name, TAP_DEVICE, ETHERNET, mac=config.mac, device=tap, link_up=True)
        queues = self._engine.get(RxQueues)
        queues.add(RxQueue(tap.interface, INPUT_NODE, queues.default_mode))
        self._taps[config.number] = tap
        self._by_descriptor[tap.device.descriptor] = tap
        if tap.instance == len(self._instances):
            self._instances.append(tap)
        else:
            self._instances[tap.instance] = tap

    def _changed(self, change: Change, interface: Interface) -> None:
        """Read from a tap while it is up; what comes in meanwhile waits in the host."""
        tap = self.of(interface)
        if change is not Change.ADMIN or tap is None or not interface.is_hardware or tap.gone:
            return
        if interface.admin_up:
            self._descriptors.watch(tap.device.descriptor, self._engine.graph[INPUT_NODE])
            self._interfaces.set_link(interface, True)
        else:
            self._descriptors.ignore(tap.device.descriptor)


def _set_up(device: TunDevice, config: TapConfig) -> None:
    """Give the host's end what was asked for, and switch it on; in its namespace."""
    if not config.tun:
        assert config.host_mac is not None
        netlink.set_address(device.index, config.host_mac)
        if config.host_bridge is not None:
            netlink.set_master(device.index, config.host_bridge)
    for given in config.addresses:
        netlink.add_address(device.index, given.address, given.length)
    netlink.set_state(device.index, True)
    for gateway in config.gateways:
        netlink.add_default_route(gateway)
    if config.host_mtu:
        netlink.set_mtu(device.index, config.host_mtu)
