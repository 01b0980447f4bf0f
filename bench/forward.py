"""Forwarding inside one engine, alternated with the yardstick: the process that the forwarding cases start.

usage: python -m bench.forward [--shape SHAPE] --vector N [--routes N] [--interfaces N]      prints JSON
"""

from __future__ import annotations

import argparse
import gc
import json
import resource
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from bench import yardstick
from vppsh.engine.engine import Engine
from vppsh.engine.wire.pcapwriter import PcapWriter
from vppsh.session import Session
from vppsh.startup import GC_THRESHOLDS

PACKETS, ROUNDS, NEIGHBOURS = 400_000, 9, 8
LARGEST = 4096
FIRST_ROUTE = 10 << 8 | 64  # 10.64.0.0/24
PAIRS = 20_000
PORTS = """create packet-generator interface pg0 hw-addr 02:fe:00:00:00:01
create packet-generator interface pg1 hw-addr 02:fe:00:00:00:02
set interface state pg0 up
set interface state pg1 up"""
STREAM = (
    "packet-generator new {{ name s limit {packets} size 64-64 interface pg0 node ethernet-input maxframe {vector} data {{ "
    "IP4: 02:00:00:00:00:02 -> 02:fe:00:00:00:01 UDP: 10.0.0.2 -> {destination} UDP: 1234 -> 4321 incrementing 22 }} }}"
)

# Headers of the packet in a tunnel: UDP from 172.16.0.2:1234 to 10.64.0.1:4321, 22 bytes.
INNER = "45000032000000004011c468ac1000020a40000104d210e1001e0000"

BRIDGE = """create bridge-domain 13
set interface l2 bridge {port} 13
set interface l2 bridge vxlan_tunnel0 13 1"""
# VXLAN's header with network 13, and the Ethernet header of the frame in it.
VXLAN = "0800000000000d00{dst}{src}0800"


def configuration(vector: int, routes: int, interfaces: int) -> Iterator[str]:
    """CLI lines of a router whose routes lead to eight neighbours on each transmitting interface."""
    for number in range(interfaces + 1):
        yield f"create packet-generator interface pg{number} hw-addr 02:fe:00:00:00:{number + 1:02x}"
        yield f"set interface state pg{number} up"
        yield f"set interface ip address pg{number} 10.0.{number}.1/24"
    for number in range(1, interfaces + 1):
        for neighbour in range(NEIGHBOURS):
            yield f"ip neighbor pg{number} 10.0.{number}.{2 + neighbour} 02:00:00:00:{number:02x}:{neighbour:02x}"
    for index in range(routes):
        upper = (FIRST_ROUTE << 8) + index
        number, neighbour = 1 + index % interfaces, 2 + index // interfaces % NEIGHBOURS
        yield f"ip route add {upper >> 16}.{upper >> 8 & 255}.{upper & 255}.0/24 via 10.0.{number}.{neighbour} pg{number}"
    last = (FIRST_ROUTE << 8) + routes - 1
    destination = "10.64.0.1" if routes == 1 else f"10.64.0.0+{last >> 16}.{last >> 8 & 255}.{last & 255}.255"
    yield STREAM.format(packets=PACKETS, vector=vector, destination=destination)


def ip6_configuration(vector: int) -> Iterator[str]:
    """CLI lines of an IPv6 router; its packets are of 64 bytes, Ethernet included."""
    yield from PORTS.splitlines()
    yield from ("set interface ip address pg0 2001:db8::1/64", "set interface ip address pg1 2001:db8:1::1/64")
    yield from ("ip neighbor pg1 2001:db8:1::2 02:00:00:00:01:02", "ip route add 2001:db8:64::/48 via 2001:db8:1::2 pg1")
    yield (
        f"packet-generator new {{ name s limit {PACKETS} size 64-64 interface pg0 node ethernet-input maxframe {vector} data {{ "
        "IP6: 02:00:00:00:00:02 -> 02:fe:00:00:00:01 UDP: 2001:db8::2 -> 2001:db8:64::5 UDP: 1234 -> 4321 incrementing 2 } }"
    )


def ecmp_configuration(vector: int) -> Iterator[str]:
    """CLI lines of a router whose one route has eight equal paths; flows differ in their source port."""
    yield from PORTS.splitlines()
    yield from ("set interface ip address pg0 10.0.0.1/24", "set interface ip address pg1 10.0.1.1/24")
    for path in range(NEIGHBOURS):
        yield f"ip neighbor pg1 10.0.1.{2 + path} 02:00:00:00:01:{path:02x}"
        yield f"ip route add 10.64.0.0/16 via 10.0.1.{2 + path} pg1"
    yield (
        f"packet-generator new {{ name s limit {PACKETS} size 64-64 interface pg0 node ethernet-input maxframe {vector} data {{ "
        "IP4: 02:00:00:00:00:02 -> 02:fe:00:00:00:01 UDP: 10.0.0.2 -> 10.64.0.1 UDP: 1024-65535 -> 4321 incrementing 22 } }"
    )


def ipip_configuration(vector: int, tunnels: int) -> Iterator[str]:
    """CLI lines of a router whose packets go into tunnels, one for each of so many prefixes."""
    yield from PORTS.splitlines()
    yield from ("set interface ip address pg0 10.0.0.1/24", "set interface ip address pg1 10.0.1.1/24")
    yield from ("ip neighbor pg1 10.0.1.2 02:00:00:00:01:02", "ip route add 192.0.2.0/24 via 10.0.1.2 pg1")
    for number in range(tunnels):
        yield f"create ipip tunnel src 10.0.1.1 dst 192.0.2.{number}"
        yield f"set interface state ipip{number} up"
        yield f"set interface unnumbered ipip{number} use pg1"
        yield f"ip route add 10.64.{number}.0/24 via ipip{number}"
    destination = "10.64.0.1" if tunnels == 1 else f"10.64.0.0+10.64.{tunnels - 1}.255"
    yield STREAM.format(packets=PACKETS, vector=vector, destination=destination)


def ipip_decap_configuration(vector: int) -> Iterator[str]:
    """CLI lines of a router that takes packets out of a tunnel and sends them on; they are of 64 bytes then."""
    yield from PORTS.splitlines()
    yield from ("set interface ip address pg0 10.0.0.1/24", "set interface ip address pg1 10.0.1.1/24")
    yield from ("ip neighbor pg1 10.0.1.2 02:00:00:00:01:02", "ip route add 10.64.0.0/16 via 10.0.1.2 pg1")
    yield from ("create ipip tunnel src 10.0.0.1 dst 10.0.0.2", "set interface state ipip0 up", "set interface unnumbered ipip0 use pg0")
    yield (
        f"packet-generator new {{ name s limit {PACKETS} size 84-84 interface pg0 node ethernet-input maxframe {vector} data {{ "
        f"IP4: 02:00:00:00:00:02 -> 02:fe:00:00:00:01 IP_IN_IP: 10.0.0.2 -> 10.0.0.1 hex 0x{INNER} incrementing 22 }} }}"
    )


def vxlan_configuration(vector: int, flows: int) -> Iterator[str]:
    """CLI lines of a bridge that sends the frames of a port into a VXLAN tunnel, one flow or many; the far end's address is learned."""
    yield from PORTS.splitlines()
    yield from ("set interface ip address pg1 10.0.1.1/24", "ip neighbor pg1 10.0.1.2 02:00:00:00:01:02")
    yield "create vxlan tunnel src 10.0.1.1 dst 10.0.1.2 vni 13"
    yield from BRIDGE.format(port="pg0").splitlines()
    yield (
        "packet-generator new { name first limit 1 size 114-114 interface pg1 node ethernet-input data { "
        "IP4: 02:00:00:00:01:02 -> 02:fe:00:00:00:02 UDP: 10.0.1.2 -> 10.0.1.1 UDP: 1024 -> 4789 checksum 0 "
        f"hex 0x{VXLAN.format(dst='020000000002', src='020000000003')}{INNER} incrementing 22 }} }}"
    )
    yield "packet-generator enable-stream first"
    yield (
        f"packet-generator new {{ name s limit {PACKETS} size 64-64 interface pg0 node ethernet-input maxframe {vector} data {{ "
        f"IP4: 02:00:00:00:00:02 -> 02:00:00:00:00:03 UDP: 172.16.0.2 -> 10.64.0.1 UDP: {_ports(flows)} -> 4321 incrementing 22 }} }}"
    )


def vxlan_decap_configuration(vector: int, flows: int) -> Iterator[str]:
    """CLI lines of a bridge that takes frames out of a VXLAN tunnel; they are of 64 bytes then, for an address that it has learned."""
    yield from PORTS.splitlines()
    yield from ("set interface ip address pg0 10.0.0.1/24", "ip neighbor pg0 10.0.0.2 02:00:00:00:00:02")
    yield "create vxlan tunnel src 10.0.0.1 dst 10.0.0.2 vni 13"
    yield from BRIDGE.format(port="pg1").splitlines()
    yield (
        "packet-generator new { name first limit 1 size 64-64 interface pg1 node ethernet-input data { "
        "IP4: 02:00:00:00:00:03 -> 02:00:00:00:00:02 UDP: 10.64.0.1 -> 172.16.0.2 UDP: 4321 -> 1234 incrementing 22 } }"
    )
    yield "packet-generator enable-stream first"
    yield (
        f"packet-generator new {{ name s limit {PACKETS} size 114-114 interface pg0 node ethernet-input maxframe {vector} data {{ "
        f"IP4: 02:00:00:00:00:02 -> 02:fe:00:00:00:01 UDP: 10.0.0.2 -> 10.0.0.1 UDP: {_ports(flows)} -> 4789 checksum 0 "
        f"hex 0x{VXLAN.format(dst='020000000003', src='020000000002')}{INNER} incrementing 22 }} }}"
    )


def _ports(flows: int) -> str:
    """The source ports of so many flows."""
    return "1234" if flows == 1 else f"1024-{1023 + flows}"


def reassembly_configuration(vector: int, capture: Path) -> Iterator[str]:
    """CLI lines of a router that puts together packets of 1,400 and 200 bytes of payload; they come one after the other."""
    fragments(capture)
    yield from PORTS.splitlines()
    yield from ("set interface ip address pg0 10.0.0.1/24", "set interface ip address pg1 10.0.1.1/24")
    yield from ("ip neighbor pg1 10.0.1.2 02:00:00:00:01:02", "ip route add 10.64.0.0/16 via 10.0.1.2 pg1")
    yield "set interface reassembly pg0 ip4 on"
    yield f"packet-generator new {{ name s limit {2 * PAIRS} pcap {capture} source pg0 node ethernet-input maxframe {vector} }}"


def fragments(path: Path) -> None:
    """A capture of pairs of fragments, each pair with an identifier of its own."""
    sizes, offsets = (1400, 200), (0, 1400)
    packets = []
    for size, offset in zip(sizes, offsets, strict=True):
        some = np.zeros((PAIRS, 34 + size), np.uint8)
        some[:, :34] = np.frombuffer(
            bytes.fromhex("02fe00000001 020000000002 0800 4500 0000 0000 0000 4011 0000 0a000002 0a400001"), np.uint8
        )
        some[:, 16:18] = np.frombuffer((20 + size).to_bytes(2, "big"), np.uint8)
        some[:, 18:20] = np.arange(PAIRS).astype(">u2").view(np.uint8).reshape(-1, 2)
        some[:, 20:22] = np.frombuffer((offset // 8 | (0 if offset else 0x2000)).to_bytes(2, "big"), np.uint8)
        total = some[:, 14:34].view(">u2").sum(axis=1, dtype=np.uint32)
        some[:, 24:26] = (~(total % 0xFFFF) & 0xFFFF).astype(">u2").view(np.uint8).reshape(-1, 2)
        packets.append(some)
    both = np.concatenate([some.reshape(PAIRS, -1) for some in packets], axis=1)
    lengths = np.tile([34 + size for size in sizes], PAIRS)
    writer = PcapWriter(path)
    writer.write(both.reshape(-1), np.cumsum(lengths) - lengths, lengths, np.zeros(2 * PAIRS, np.int64))
    writer.close()


def transmitted(engine: Engine) -> int:
    """Packets that went through the tx nodes of the packet generator's interfaces."""
    return sum(int(node.vectors) for node in engine.graph if node.name.startswith("pg") and node.name.endswith("-tx"))


def measure(vector: int, lines: Iterable[str], packets: int = PACKETS) -> dict[str, object]:
    """The best round of the engine and of the yardstick, taken in turns; `packets` are to be transmitted in each."""
    engine = Engine(vector_size=vector)
    session = Session(engine)
    start = time.process_time()
    for line in lines:
        answer = session.execute(line)
        if answer.failed:
            raise SystemExit(f"{line}\n{answer.text}")
    configured = time.process_time() - start
    best = beside = beside_largest = 0.0
    costs: list[dict[str, object]] = []
    for _ in range(ROUNDS):
        beside = max(beside, yardstick.mpps(vector, runs=1))
        beside_largest = beside if vector == LARGEST else max(beside_largest, yardstick.mpps(LARGEST, runs=1))
        before = {node.name: (node.clocks, node.vectors) for node in engine.graph}
        sent = transmitted(engine)
        session.execute("packet-generator enable-stream s")
        start = time.process_time()
        engine.run_until_idle()
        seconds = time.process_time() - start
        # An IPv6 interface sends reports of its own besides.
        if not packets <= transmitted(engine) - sent < packets + 10:
            raise SystemExit(f"{transmitted(engine) - sent} of {packets} packets were transmitted")
        mpps = packets / seconds / 1e6
        if mpps > best:
            best, costs = mpps, []
            for node in engine.graph:
                clocks, vectors = (now - then for now, then in zip((node.clocks, node.vectors), before[node.name]))
                if vectors:
                    costs.append({"node": node.name, "nanoseconds": clocks / vectors, "part": vectors / packets})
    resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "mpps": best, "yardstick": beside, "yardstick_largest": beside_largest, "costs": costs,
        "configured": configured, "resident": resident,
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.forward", description="Forwarding, one configuration; prints JSON.")
    parser.add_argument(
        "--shape", choices=("ip4", "ip6", "ecmp", "reassembly", "ipip", "ipip-decap", "vxlan", "vxlan-decap"), default="ip4"
    )
    parser.add_argument("--vector", type=int, default=256)
    parser.add_argument("--routes", type=int, default=1, help="how many routes there are, or tunnels, or flows in one")
    parser.add_argument("--interfaces", type=int, default=1, help="how many interfaces transmit")
    options = parser.parse_args()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    with tempfile.TemporaryDirectory() as folder:
        packets = PACKETS
        match options.shape:
            case "ip6":
                lines = ip6_configuration(options.vector)
            case "ecmp":
                lines = ecmp_configuration(options.vector)
            case "reassembly":
                lines, packets = reassembly_configuration(options.vector, Path(folder, "fragments.pcap")), PAIRS
            case "ipip":
                lines = ipip_configuration(options.vector, options.routes)
            case "ipip-decap":
                lines = ipip_decap_configuration(options.vector)
            case "vxlan":
                lines = vxlan_configuration(options.vector, options.routes)
            case "vxlan-decap":
                lines = vxlan_decap_configuration(options.vector, options.routes)
            case _:
                lines = configuration(options.vector, options.routes, options.interfaces)
        json.dump(measure(options.vector, lines, packets), sys.stdout)


if __name__ == "__main__":
    main()
