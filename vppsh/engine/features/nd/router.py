"""Router advertisements: what each link advertises, and when (RFC 4861, 6.2; vnet/ip6-nd/ip6_ra.c).

A link says nothing until an option of it is set. Then it advertises at once, a few times in short intervals,
and from then on at random ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from msgspec import Struct

from vppsh.engine.engine import Engine
from vppsh.engine.fib.rows import Pool
from vppsh.engine.interfaces import Interface
from vppsh.engine.ip6_link import Ip6Link, Ip6Links
from vppsh.engine.wire import icmp6

MAX_INTERVAL, MIN_INTERVAL = 200.0, 150.0
LIFETIME, MAX_LIFETIME = 600, 9000
HOP_LIMIT = 64
INITIAL_COUNT, INITIAL_INTERVAL = 3, 16
LEAST_INTERVAL = 3
DELAY_BETWEEN_ANSWERS = 3.0
VALID_LIFETIME, PREFERRED_LIFETIME = 2592000, 604800
DEPRECATED_VALID_LIFETIME = 7203
INFINITE = 0xFFFFFFFF
MTU_COLUMN = 2
ADVERTISEMENT_BYTES, PREFIX_BYTES = 16, 32

MANAGED, OTHER = 1 << 7, 1 << 6
ON_LINK, AUTONOMOUS = 1 << 7, 1 << 6


@dataclass
class AdvertisedPrefix:
    """A prefix that a link advertises.

    ages  whether its lifetimes run down in real time
    """

    address: int
    length: int
    valid: int = VALID_LIFETIME
    preferred: int = PREFERRED_LIFETIME
    enabled: bool = True
    on_link: bool = True
    autonomous: bool = True
    ages: bool = True
    valid_until: float = 0.0
    preferred_until: float = 0.0

    def option(self, now: float, ceasing: bool) -> bytes:
        """The prefix information option (RFC 4861, 4.6.2)."""
        if ceasing:
            valid, preferred = DEPRECATED_VALID_LIFETIME, 0
        elif self.ages:
            valid, preferred = int(max(self.valid_until - now, 0)), int(max(self.preferred_until - now, 0))
        else:
            valid, preferred = self.valid, self.preferred
        flags = self.on_link * ON_LINK | self.autonomous * AUTONOMOUS
        times = valid.to_bytes(4, "big") + preferred.to_bytes(4, "big")
        return bytes((icmp6.PREFIX_INFORMATION, 4, self.length, flags)) + times + bytes(4) + self.address.to_bytes(16, "big")


class RouterOptions(Struct, frozen=True):
    """What is to be changed of a link's advertisements; a flag that is set is switched (off, with `no`), None stays.

    no  go back to defaults instead
    """

    no: bool = False
    suppress: bool = False
    managed: bool = False
    other: bool = False
    no_link_layer: bool = False
    unicast: bool = False
    cease: bool = False
    lifetime: int | None = None
    initial_count: int = 0
    initial_interval: int = 0
    max_interval: int = 0
    min_interval: int = 0


@dataclass(eq=False)
class Router:
    """The advertisements of one link.

    link_mtu    that of the interface when IPv6 was enabled there
    initial     how many advertisements are still to come in short intervals
    next        when the next one is due
    answered    when a solicitation was answered last
    """

    link: Ip6Link
    link_mtu: int = 0
    sending: bool = False
    managed: bool = False
    other: bool = False
    link_layer: bool = True
    unicast: bool = False
    ceasing: bool = False
    max_interval: float = MAX_INTERVAL
    min_interval: float = MIN_INTERVAL
    lifetime: int = LIFETIME
    initial_count: int = INITIAL_COUNT
    initial_interval: int = INITIAL_INTERVAL
    initial: int = INITIAL_COUNT - 1
    next: float = 0.0
    answered: float = 0.0
    sent: int = 0
    solicited: int = 0
    dropped: int = 0
    prefixes: Pool = field(default_factory=Pool)
    by_address: dict[int, int] = field(default_factory=dict)

    def __iter__(self) -> Iterator[AdvertisedPrefix]:
        """The prefixes, in the order of their numbers."""
        return (prefix for prefix in self.prefixes.items if prefix is not None)

    def restart(self, now: float) -> None:
        """Something has changed: tell it soon."""
        self.initial = self.initial_count - 1
        self.next = now
        self.answered = 0.0

    def configure(self, options: RouterOptions, now: float) -> bool:
        """Change options; False, and nothing is changed but that advertising begins, when they contradict each other."""
        self.sending = True
        no = options.no
        least = 0.75 * options.max_interval if options.max_interval and not options.min_interval else options.min_interval
        maximum = (MAX_INTERVAL if no else options.max_interval) if options.max_interval else self.max_interval
        # As in VPP what is not typed is a whole number of seconds.
        minimum = int((MIN_INTERVAL if no else least) if least else self.min_interval)
        lifetime = (LIFETIME if no else options.lifetime) if options.lifetime is not None else self.lifetime
        lifetime = min(lifetime, MAX_LIFETIME)
        if lifetime and lifetime <= maximum:
            return False
        if minimum and not LEAST_INTERVAL <= minimum <= 0.75 * maximum:
            return False
        if options.initial_count > INITIAL_COUNT or options.initial_interval > INITIAL_INTERVAL:
            return False
        self.sending = no if options.suppress else self.sending
        self.managed = not no if options.managed else self.managed
        self.other = not no if options.other else self.other
        self.link_layer = no if options.no_link_layer else self.link_layer
        self.unicast = not no if options.unicast else self.unicast
        self.ceasing = not no if options.cease else self.ceasing
        self.min_interval, self.max_interval, self.lifetime = float(minimum), float(maximum), lifetime
        if options.initial_count:
            self.initial_count = INITIAL_COUNT if no else options.initial_count
        if options.initial_interval:
            self.initial_interval = INITIAL_INTERVAL if no else options.initial_interval
        if options.cease and no:
            self.sending = True
        self.restart(now)
        return True

    def add_prefix(self, wanted: AdvertisedPrefix, now: float) -> bool:
        """Advertise a prefix, or otherwise than before; False when it is advertised with another length."""
        index = self.by_address.get(wanted.address)
        if index is None:
            self.by_address[wanted.address] = self.prefixes.add(wanted)
        elif self.prefixes.items[index].length != wanted.length:
            return False
        else:
            # A prefix that was infinite once does not age any more.
            wanted.ages = wanted.ages and self.prefixes.items[index].ages
            self.prefixes.items[index] = wanted
        wanted.valid_until, wanted.preferred_until = now + wanted.valid, now + wanted.preferred
        self.restart(now)
        return True

    def remove_prefix(self, address: int, length: int, now: float) -> bool:
        """No longer advertise a prefix; False when it is not, or with another length."""
        index = self.by_address.get(address)
        if index is None or self.prefixes.items[index].length != length:
            return False
        del self.by_address[address]
        self.prefixes.remove(index)
        self.restart(now)
        return True

    def message(self, now: float) -> bytes:
        """An advertisement, its checksum still zero (RFC 4861, 4.2)."""
        flags = self.managed * MANAGED | self.other * OTHER
        data = bytes((icmp6.ROUTER_ADVERTISEMENT, 0, 0, 0, HOP_LIMIT, flags)) + self.lifetime.to_bytes(2, "big") + bytes(8)
        if self.link_layer:
            data += bytes((icmp6.SOURCE_LINK_LAYER_ADDRESS, 1)) + self.link.interface.mac
        if self.link_mtu:
            data += bytes((icmp6.MTU, 1, 0, 0)) + self.link_mtu.to_bytes(4, "big")
        for prefix in self:
            if prefix.enabled and (not prefix.ages or prefix.preferred_until > 0):
                data += prefix.option(now, self.ceasing)
        return data


class ReportedPrefix(Struct, frozen=True):
    """A prefix that another router advertises."""

    address: int
    length: int
    autonomous: bool
    valid: int
    preferred: int


class RouterReport(Struct, frozen=True):
    """What another router advertises."""

    interface: Interface
    router: int
    lifetime: int
    prefixes: tuple[ReportedPrefix, ...]


def read_advertisement(interface: Interface, router: int, message: bytes) -> RouterReport:
    """An advertisement that came in by an interface; what follows a malformed option is not looked at."""
    prefixes = []
    options = message[ADVERTISEMENT_BYTES:]
    while len(options) >= 2:
        kind, length = options[0], 8 * options[1]
        if not length or length > len(options):
            break
        option, options = options[:length], options[length:]
        if kind == icmp6.PREFIX_INFORMATION and length >= PREFIX_BYTES:
            valid, preferred = int.from_bytes(option[4:8], "big"), int.from_bytes(option[8:12], "big")
            address = int.from_bytes(option[16:32], "big")
            prefixes.append(ReportedPrefix(address, option[2], bool(option[3] & AUTONOMOUS), valid, preferred))
    return RouterReport(interface, router, int.from_bytes(message[6:8], "big"), tuple(prefixes))


class Routers:
    """The advertisements of an engine's Ethernet links.

    listeners  called with what other routers advertise
    """

    def __init__(self, engine: Engine) -> None:
        self.listeners: list[Callable[[RouterReport], None]] = []
        self._by_interface: dict[int, Router] = {}
        engine.get(Ip6Links).subscribe(self)

    def __iter__(self) -> Iterator[Router]:
        return iter(self._by_interface.values())

    def find(self, sw_if_index: int) -> Router | None:
        """The advertisements of an interface."""
        return self._by_interface.get(sw_if_index)

    def link_enabled(self, link: Ip6Link) -> None:
        """A link that could advertise."""
        if link.multicast is not None:
            mtu = link.interface.mtu[MTU_COLUMN] or link.interface.mtu[0]
            self._by_interface[link.interface.sw_if_index] = Router(link, mtu)

    def link_disabled(self, link: Ip6Link) -> None:
        """Nothing to advertise any more."""
        self._by_interface.pop(link.interface.sw_if_index, None)

    def address_changed(self, link: Ip6Link, address: int, length: int, added: bool) -> None:
        """Prefixes are advertised when somebody says so, not because there is an address."""

    def link_local_changed(self, link: Ip6Link) -> None:
        """Advertisements come from the new address from now on."""
