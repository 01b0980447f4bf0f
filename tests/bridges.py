"""A bridge in plain Python, frame by frame, that the dataplane's is compared with; and the ports to compare it on."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from vppsh.engine.engine import Engine
from vppsh.engine.features.l2.bridge_domains import BridgeDomain, BridgeDomains
from vppsh.engine.features.l2.modes import L2Interfaces
from vppsh.engine.interfaces import ETHERNET, UP, DeviceClass, Interface

DEVICE = DeviceClass("test", lambda engine, interface: lambda ctx, frame: ctx.buffers.free_packets(frame))
AT_ONCE = 4


@dataclass
class Station:
    """What the twin knows of an address: its port, whether it was configured, whether it may not move."""

    port: int
    provisioned: bool = False
    static: bool = False


@dataclass
class Bridge:
    """The scalar twin: learns and forwards one packet after the other."""

    ports: list[int]
    groups: dict[int, int] = field(default_factory=dict)
    stations: dict[bytes, Station] = field(default_factory=dict)
    learned: int = 0

    def learn(self, packets: list[tuple[int, bytes]]) -> list[bool]:
        """Look at the sources of a frame; which packets may go on. Four packets are looked up before any of them teaches."""
        passed = []
        n = len(packets)
        one_by_one = next(left for left in range(n, -1, -AT_ONCE) if left <= 2 * AT_ONCE)
        starts = [*range(0, n - one_by_one, AT_ONCE), *range(n - one_by_one, n)]
        for start, stop in zip(starts, [*starts[1:], n], strict=True):
            before = {packet[6:12]: self.stations.get(packet[6:12]) for _, packet in packets[start:stop]}
            for port, packet in packets[start:stop]:
                known = before[packet[6:12]]
                moved = known is not None and known.port != port
                passed.append(not (moved and known is not None and known.static))
                if known is None or (moved and not known.static):
                    self.learned += known is None or known.provisioned
                    self.stations[packet[6:12]] = Station(port)
        return passed

    def forward(self, port: int, packet: bytes) -> list[int]:
        """The ports that a packet leaves by, in the order of VPP's copies."""
        known = None if packet[0] & 1 else self.stations.get(packet[:6])
        group = self.groups.get(port, 0)
        if known is not None:
            same_group = group and group == self.groups.get(known.port, 0)
            return [] if known.port == port or same_group else [known.port]
        return [other for other in reversed(self.ports) if other != port and not (group and group == self.groups.get(other, 0))]


def bridge(engine: Engine, n_ports: int, bd_id: int = 1, groups: tuple[int, ...] = ()) -> tuple[BridgeDomain, list[Interface]]:
    """A bridge domain with ports that are up, in these split-horizon groups."""
    domain = engine.get(BridgeDomains).find_or_add(bd_id)
    made = []
    for number in range(n_ports):
        port = engine.interfaces.add_hardware(f"port{bd_id}-{number}", DEVICE, ETHERNET, mac=bytes(6))
        engine.interfaces.set_state(port, UP)
        engine.get(L2Interfaces).set_bridge(port, domain, shg=groups[number] if number < len(groups) else 0)
        made.append(port)
    return domain, made


def random_frame(rng: random.Random, ports: list[int], n_stations: int, size: int) -> list[tuple[int, bytes]]:
    """Packets between few stations, which move; some are for groups."""
    stations = [bytes([2, 0, 0, 0, number >> 8, number & 0xFF]) for number in range(n_stations)]
    destinations = [*stations, bytes.fromhex("ffffffffffff"), bytes.fromhex("01005e010101")]
    return [
        (rng.choice(ports), rng.choice(destinations) + rng.choice(stations) + b"\x08\x00" + rng.randbytes(46)) for _ in range(size)
    ]  # fmt: skip
