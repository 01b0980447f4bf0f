"""The columns in which VPP lists interfaces, and the lines of their counters (vnet/interface_format.c)."""

from __future__ import annotations

from collections.abc import Iterator

from vppsh.engine.counters import CombinedCounter, SimpleCounter
from vppsh.engine.interfaces import Interface, Interfaces

COUNTERS_COLUMN = 68


def centered(text: str, width: int) -> str:
    """The text in the middle of `width` columns; an odd space goes to its left (format's `%=`)."""
    spare = max(width - len(text), 0)
    return " " * (spare - spare // 2) + text + " " * (spare // 2)


def combined_counters(interfaces: Interfaces) -> tuple[tuple[str, CombinedCounter], ...]:
    """Counters of packets and bytes by the names that VPP shows, in its order."""
    return (("rx", interfaces.rx), ("tx", interfaces.tx))


def simple_counters(interfaces: Interfaces) -> tuple[tuple[str, SimpleCounter], ...]:
    """Counters of packets by the names that VPP shows, in its order."""
    return (
        ("drops", interfaces.drops), ("punt", interfaces.punts), ("ip4", interfaces.ip4), ("ip6", interfaces.ip6),
        ("rx-no-buf", interfaces.rx_no_buffer), ("rx-miss", interfaces.rx_miss), ("rx-error", interfaces.rx_error),
        ("tx-error", interfaces.tx_error), ("mpls", interfaces.mpls),
    )  # fmt: skip


def counts(interfaces: Interfaces, interface: Interface) -> Iterator[tuple[str, int]]:
    """What was counted for an interface: (name, count), those that are not zero."""
    index = interface.sw_if_index
    for name, both in combined_counters(interfaces):
        if both.packets[index]:
            yield f"{name} packets", int(both.packets[index])
            yield f"{name} bytes", int(both.bytes[index])
    for name, counter in simple_counters(interfaces):
        if counter.value[index]:
            yield name, int(counter.value[index])


def format_interface_header() -> str:
    """The head of `show interface`."""
    columns = (("Name", 32), ("Idx", 5), ("State", 10), ("MTU (L3/IP4/IP6/MPLS)", 21), ("Counter", 16), ("Count", 16))
    return "".join(centered(text, width) for text, width in columns)


def format_interface(interfaces: Interfaces, interface: Interface) -> str:
    """An interface in `show interface`: a line, and more below it for its counters."""
    # MTUs are printed signed, as they may be typed.
    mtu = "/".join(str(value - (value >> 31 << 32)) for value in interface.mtu)
    line = f"{interface.name:<32}{centered(str(interface.sw_if_index), 5)}{centered(str(interface.state), 10)}{centered(mtu, 21)}"
    return line + ("\n" + " " * COUNTERS_COLUMN).join(f"{name:<16}{count:>16}" for name, count in counts(interfaces, interface))


def format_hardware_header() -> str:
    """The head of `show hardware-interfaces`."""
    return f"{centered('Name', 32)}{centered('Idx', 6)}{centered('Link', 8)}Hardware"


def format_hardware(interface: Interface, verbose: bool, queues: list[str]) -> str:
    """A hardware interface in `show hardware-interfaces`, with lines about its queues."""
    hardware = interface.hardware
    link = "up" if hardware.link_up else "down"
    lines = [
        f"{interface.name:<32}{centered(str(hardware.hw_if_index), 6)}{centered(link, 8)}{hardware.device_name}",
        "  Link speed: unknown",
        *queues,
    ]
    if verbose:
        kind = hardware.hardware_class
        lines.append(f"  {kind.name} address {hardware.mac.hex(':')}" if kind.ethernet else f"  {kind.name}")
        if hardware.device_class.format_device is not None:
            lines.append(f"  {hardware.device_class.format_device(interface)}")
    return "\n".join(lines)
