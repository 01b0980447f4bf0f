"""IPv4 forwarding inside one engine, alternated with the yardstick: the process that the case `forward` starts.

usage: python -m bench.forward --vector N --routes N [--interfaces N]      prints JSON
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator

from bench import yardstick
from vppsh.engine.engine import Engine
from vppsh.session import Session

PACKETS, ROUNDS, NEIGHBOURS = 400_000, 9, 8
LARGEST = 4096
FIRST_ROUTE = 10 << 8 | 64  # 10.64.0.0/24
STREAM = (
    "packet-generator new {{ name s limit {packets} size 64-64 interface pg0 node ethernet-input maxframe {vector} data {{ "
    "IP4: 02:00:00:00:00:02 -> 02:fe:00:00:00:01 UDP: 10.0.0.2 -> {destination} UDP: 1234 -> 4321 incrementing 22 }} }}"
)


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


def transmitted(engine: Engine) -> int:
    """Packets that went through the tx nodes of the packet generator's interfaces."""
    return sum(int(node.vectors) for node in engine.graph if node.name.startswith("pg") and node.name.endswith("-tx"))


def measure(vector: int, routes: int, interfaces: int) -> dict[str, object]:
    """The best round of the engine and of the yardstick, taken in turns."""
    engine = Engine(vector_size=vector)
    session = Session(engine)
    for line in configuration(vector, routes, interfaces):
        answer = session.execute(line)
        if answer.failed:
            raise SystemExit(f"{line}\n{answer.text}")
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
        if transmitted(engine) - sent != PACKETS:
            raise SystemExit(f"{transmitted(engine) - sent} of {PACKETS} packets were transmitted")
        mpps = PACKETS / seconds / 1e6
        if mpps > best:
            best, costs = mpps, []
            for node in engine.graph:
                clocks, vectors = (now - then for now, then in zip((node.clocks, node.vectors), before[node.name]))
                if vectors:
                    costs.append({"node": node.name, "nanoseconds": clocks / vectors, "part": vectors / PACKETS})
    return {"mpps": best, "yardstick": beside, "yardstick_largest": beside_largest, "costs": costs}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.forward", description="IPv4 forwarding, one configuration; prints JSON.")
    parser.add_argument("--vector", type=int, default=256)
    parser.add_argument("--routes", type=int, default=1)
    parser.add_argument("--interfaces", type=int, default=1, help="how many interfaces transmit")
    options = parser.parse_args()
    json.dump(measure(options.vector, options.routes, options.interfaces), sys.stdout)


if __name__ == "__main__":
    main()
