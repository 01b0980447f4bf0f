"""Tunnels: 64-byte packets go into them and come out of them; each rate beside the yardstick's."""

from __future__ import annotations

from bench.case import Bench, Figure, NodeCost, Outcome, Target, case
from bench.cases.routing import LARGE, SMALL, beside, measured

MANY, FLOWS = 64, 60_000
# At the best vector.
ENOUGH = Target(0.35, at_least=True)


@case("tunnels", "IPIP tunnels, 64-byte packets", order=16)
def tunnels(bench: Bench) -> Outcome:
    figures: list[Figure] = []
    costs: dict[str, tuple[NodeCost, ...]] = {}
    for shape, name in (("ipip", "into a tunnel"), ("ipip-decap", "out of a tunnel")):
        for vector, target in ((SMALL, None), (LARGE, ENOUGH)):
            found = measured(bench, shape, vector)
            figures.append(beside(f"{name}, vector {vector:,}", found, target, largest=vector == LARGE))
            costs[f"{name} / {vector:,}"] = tuple(NodeCost(**cost) for cost in found["costs"])
    figures += [
        beside(f"into {MANY} tunnels, random destinations, vector {vector:,}", measured(bench, "ipip", vector, MANY))
        for vector in (SMALL, LARGE)
    ]
    return Outcome(tuple(figures), costs)


@case("vxlan", "VXLAN in a bridge domain, 64-byte frames", order=17)
def vxlan(bench: Bench) -> Outcome:
    figures: list[Figure] = []
    costs: dict[str, tuple[NodeCost, ...]] = {}
    for shape, name in (("vxlan", "into a tunnel"), ("vxlan-decap", "out of a tunnel")):
        for vector, target in ((SMALL, None), (LARGE, ENOUGH)):
            found = measured(bench, shape, vector)
            figures.append(beside(f"{name}, vector {vector:,}", found, target, largest=vector == LARGE))
            costs[f"{name} / {vector:,}"] = tuple(NodeCost(**cost) for cost in found["costs"])
        figures += [
            beside(f"{name}, {FLOWS:,} flows, vector {vector:,}", measured(bench, shape, vector, FLOWS)) for vector in (SMALL, LARGE)
        ]
    return Outcome(tuple(figures), costs)
