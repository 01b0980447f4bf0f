"""Who feeds whom: how many packets a second go from node to node of the graph.

VPP counts what a node hands to each of its next nodes, but tells so for one node at a time (`show node`), for the main thread only, and
its workers stand still meanwhile. Where those counts are read with every sample, rates between nodes are VPP's own. Elsewhere they are
worked out: what nodes take in and where they may send it says much, what they sent so far says the rest.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import inf

import numpy as np
from numpy.typing import NDArray

from vppsh.answers.node_graph import NodeGraph, NodeLinks, read_graphviz, read_node
from vppsh.answers.runtime import Runtime
from vppsh.traces.fields import Role, role_of
from vppsh.tui.numbers import short
from vppsh.tui.questions import RUNTIME, Question
from vppsh.tui.store import Store

# `show runtime` cuts names at this length.
CUT = 30
# A node is shown until it did not move for so many samples.
KEPT = 10
# Nodes that a picture can have, and those between which rates are worked out; the busiest are taken.
MOST = 80
MOST_JOINED = 500
# Nodes that a VPP is asked about one by one.
MOST_ASKED = 60
ONCE = 86400.0
ROUNDS = 200
# A link for which less is worked out than this share of what its source sends and its target takes carries nothing, most likely.
NEGLIGIBLE = 0.02
# How likely it is that a node sends where it never sent, or that one sends at all that packets usually leave the graph by.
UNLIKELY = 1e-6
ENDS = (Role.TRANSMIT, Role.DROP, Role.PUNT)
# How links are marked whose rates are worked out.
ABOUT = "~"

LINKS = Question("show vlib graphviz", read_graphviz, every=inf)


def _sent(value: NodeLinks) -> Mapping[Hashable, float]:
    return {target[:CUT]: count for target, count in value.nexts}


def sent_by(node: str) -> Question:
    """What a node sent where; not mp-safe, so that somebody's VPP is asked once."""
    return Question(f"show node {node}", read_node, _sent, every=ONCE)


def question_of(store: Store, name: str) -> Question:
    """What a node sent where, by a name that may have been cut."""
    graph: NodeGraph | None = store.value(LINKS)
    if len(name) < CUT or graph is None or name in graph.nexts:
        return sent_by(name)
    return sent_by(next((each for each in graph.nexts if each.startswith(name)), name))


@dataclass(frozen=True)
class Load:
    """What a node does now, on all threads: packets a second, packets a call, its share of what all nodes spend."""

    name: str
    rate: float
    per_call: float
    share: float


@dataclass(frozen=True)
class Link:
    """Packets a second from one node to another; `counted` by VPP, or else worked out."""

    source: str
    target: str
    rate: float
    counted: bool


@dataclass(frozen=True)
class Flow:
    """Nodes that move, the busiest first, and the links between them; `omitted` nodes move as well."""

    loads: tuple[Load, ...] = ()
    links: tuple[Link, ...] = ()
    omitted: int = 0

    def into(self, node: str) -> list[Link]:
        """Who feeds a node, the most first."""
        return sorted((link for link in self.links if link.target == node), key=lambda link: -link.rate)

    def out_of(self, node: str) -> list[Link]:
        """Whom a node feeds, the most first."""
        return sorted((link for link in self.links if link.source == node), key=lambda link: -link.rate)


def loads(store: Store) -> list[Load]:
    """The nodes that handled packets lately, the busiest first."""
    runtime: Runtime | None = store.value(RUNTIME)
    if runtime is None:
        return []
    track = store.track(RUNTIME)
    keys = [(thread.name, node.name) for thread in runtime.threads for node in thread.nodes if node.vectors]
    clocks = [node.clocks for thread in runtime.threads for node in thread.nodes if node.vectors]
    lately = track.histories([(*key, "vectors") for key in keys], KEPT)
    if not lately.size:
        return []
    moving = lately.max(axis=1).tolist()
    sums: dict[str, list[float]] = {}
    for (thread, name), each, moved, now in zip(keys, clocks, moving, lately[:, -1].tolist()):
        if moved:
            total = sums.setdefault(name, [0.0, 0.0, 0.0])
            for at, value in enumerate((now, track.rate((thread, name, "calls")), each * now)):
                total[at] += value
    spent = sum(cost for _, _, cost in sums.values()) or 1.0
    found = [Load(name, rate, rate / calls if calls else 0.0, cost / spent) for name, (rate, calls, cost) in sums.items()]
    return sorted(found, key=lambda load: (-load.rate, load.name))


def flow_of(store: Store) -> Flow:
    """All nodes that move, and the links between the busiest of them, as they are known now."""
    found = loads(store)
    joined = found[:MOST_JOINED]
    return Flow(tuple(found), tuple(_links(store, joined, _nexts(store, [load.name for load in joined]))))


def chosen(flow: Flow, words: str) -> Flow:
    """The nodes that have the words in their names and those next to them, as many as a picture can have."""
    found, wanted = flow.loads, words.casefold().split()
    if wanted:
        named = {load.name for load in found if all(word in load.name.casefold() for word in wanted)}
        ends = [(link.source, link.target) for link in flow.links]
        beside = {end for edge in ends if not named.isdisjoint(edge) for end in edge}
        found = tuple(load for load in found if load.name in named or load.name in beside)
    shown = found[:MOST]
    names = {load.name for load in shown}
    links = tuple(link for link in flow.links if link.source in names and link.target in names)
    return Flow(shown, links, len(found) - len(shown))


def _nexts(store: Store, names: Sequence[str]) -> dict[str, dict[str, None]]:
    """The moving nodes that each moving node may send to."""
    graph: NodeGraph | None = store.value(LINKS)
    moving = set(names)
    known = {source[:CUT]: targets for source, targets in graph.nexts.items()} if graph else {}
    nexts: dict[str, dict[str, None]] = {}
    for name in names:
        links: NodeLinks | None = store.value(question_of(store, name))
        targets = [target for target, _ in links.nexts] if links else known.get(name, ())
        nexts[name] = {target[:CUT]: None for target in targets if target[:CUT] in moving and target[:CUT] != name}
    return nexts


def _links(store: Store, found: Sequence[Load], nexts: Mapping[str, Iterable[str]]) -> list[Link]:
    rates = {load.name: load.rate for load in found}
    at = store.known(RUNTIME)
    links: list[Link] = []
    open_: list[tuple[str, str, float]] = []
    ends: set[str] = set()
    for source in rates:
        question = question_of(store, source)
        asked, track = store.known(question), store.track(question)
        if asked is not None and at is not None and asked.at == at.at and track.readings > 1:
            links += [Link(source, target, track.rate(target), True) for target in nexts[source] if target in rates]
            continue
        total = sum(track.value(target) for target in nexts[source])
        if track.readings or role_of(source) in ENDS:
            ends.add(source)
        alike = UNLIKELY if source in ends else 1.0
        open_ += [(source, target, track.value(target) / total if total else alike) for target in nexts[source] if target in rates]
    taken = dict.fromkeys(rates, 0.0)
    for link in links:
        taken[link.target] += link.rate
    left = {target: max(rate - taken[target], 0.0) for target, rate in rates.items()}
    links += shared(open_, rates, left, ends)
    return [link for link in links if link.rate > 0]


def shared(
    links: Sequence[tuple[str, str, float]], sent: Mapping[str, float], taken: Mapping[str, float], ends: Collection[str] = ()
) -> list[Link]:
    """Rates of links (source, target, how likely) such that each node sends and takes what it does, as far as that can be had.

    Iterative proportional fitting: rates are scaled to what sources send and to what targets take by turns. For the nodes of `ends`,
    which may keep packets, what they send is an upper bound.
    """
    if not links:
        return []
    names = {name: number for number, name in enumerate(sent)}
    source = np.array([names[link[0]] for link in links])
    target = np.array([names[link[1]] for link in links])
    out = np.array([sent[name] for name in names])
    into = np.array([taken[name] for name in names])
    most = np.array([1.0 if name in ends else np.inf for name in names])
    # What was never sent so far may be sent now, but that is the last thing to think of.
    rate = np.maximum(np.array([link[2] for link in links]), UNLIKELY) * out[source]

    def fit(end: NDArray[np.intp], wanted: NDArray[np.float64], most: NDArray[np.float64] | float = np.inf) -> None:
        total = np.bincount(end, rate, minlength=len(names))
        rate[:] *= np.minimum(np.divide(wanted, total, out=np.zeros_like(total), where=total > 0), most)[end]

    for _ in range(ROUNDS):
        fit(source, out, most)
        fit(target, into)
    rate[rate < NEGLIGIBLE * np.minimum(out[source], into[target])] = 0.0
    fit(target, into)
    return [Link(each[0], each[1], value, False) for each, value in zip(links, rate.tolist())]


def wanted(store: Store, moving: Sequence[Load]) -> tuple[Question, ...]:
    """What a picture needs beside `show runtime`: nodes are asked one by one only where their answers count all threads."""
    runtime: Runtime | None = store.value(RUNTIME)
    if runtime is None or len(runtime.threads) > 1:
        return (LINKS,)
    return (LINKS, *(question_of(store, load.name) for load in moving[:MOST_ASKED]))


def links_as_json(flow: Flow) -> str:
    """The links as a JSON list of objects."""
    names = ("source", "target", "rate", "counted")
    return json.dumps([{name: getattr(link, name) for name in names} for link in flow.links], indent=2) + "\n"


def describe(store: Store, node: str, width: int) -> list[str]:
    """Who feeds a node and whom it feeds, in lines; none while nobody asked for that."""
    if store.value(LINKS) is None:
        return []
    flow, lines = flow_of(store), list[str]()
    for title, links, end in (("fed by", flow.into(node), "source"), ("feeds", flow.out_of(node), "target")):
        for number, link in enumerate(links):
            rate = f"{'' if link.counted else ABOUT}{short(link.rate)}/s"
            lines.append(f"{title if not number else '':<8}{getattr(link, end):<32}{rate:>10}"[:width])
    return lines
