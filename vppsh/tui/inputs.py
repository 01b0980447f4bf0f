"""Where packets come in: the nodes of a target that can be traced from, by what it runs and by its interfaces' names."""

from __future__ import annotations

import re
from collections.abc import Iterable

from vppsh.answers.interfaces import Interface, Interfaces
from vppsh.answers.runtime import Runtime
from vppsh.tui.questions import INTERFACES, RUNTIME
from vppsh.tui.store import Store

INPUT = re.compile(r".+-(?:input|rx)|session-queue")
# Nodes that are called like inputs or polled like them, and bring no packets that VPP would trace.
NO_INPUT = frozenset(("unix-epoll-input", "statseg-input", "punt-socket-rx"))
POLLED = ("polling", "interrupt wait", "interrupt wa")
# By the begin of an interface's name, the nodes that may bring its packets; names of nodes changed with VPP's versions.
DRIVERS = (
    ("pg", ("pg-input",)),
    ("tap", ("tap-input", "virtio-input")),
    ("tun", ("tap-input", "virtio-input")),
    ("virtio-", ("virtio-input",)),
    ("host-", ("af-packet-input",)),
    ("memif", ("memif-input",)),
    ("VirtualEthernet", ("vhost-user-input",)),
    ("vmxnet3-", ("vmxnet3-input",)),
    ("rdma-", ("rdma-input",)),
    ("avf-", ("avf-input",)),
    ("netmap-", ("netmap-input",)),
)
# The names that DPDK's interfaces have: TenGigabitEthernet0/8/0, VirtualFunctionEthernet0/9/0.
DPDK = re.compile(r"[A-Z]\w*Ethernet\w+(?:/\w+)+")


def input_nodes(store: Store) -> list[str]:
    """The target's input nodes, as far as it is known: the busiest first, then those that only its interfaces tell of."""
    runtime: Runtime | None = store.value(RUNTIME)
    known: Interfaces | None = store.value(INTERFACES)
    packets: dict[str, int] = {}
    for thread in runtime.threads if runtime else ():
        for node in thread.nodes:
            if node.state in POLLED and INPUT.fullmatch(node.name) and node.name not in NO_INPUT:
                packets[node.name] = packets.get(node.name, 0) + node.vectors
    running = sorted(packets, key=lambda name: -packets[name])
    up = [each for each in known.interfaces if each.up] if known else []
    return list(dict.fromkeys([*running, *(found for each in up if (found := input_of(each, running)))]))


def input_of(interface: Interface, running: Iterable[str]) -> str:
    """The node that brings an interface's packets: of several that may, one that runs; empty when the name tells nothing."""
    name = interface.name.split(".")[0]
    found = next((nodes for begin, nodes in DRIVERS if name.startswith(begin)), ("dpdk-input",) if DPDK.fullmatch(name) else ())
    return next((node for node in found if node in running), found[-1] if found else "")


def busy_inputs(store: Store) -> list[str]:
    """The input nodes that brought packets; all, when none did."""
    runtime: Runtime | None = store.value(RUNTIME)
    busy = {node.name for thread in runtime.threads for node in thread.nodes if node.vectors} if runtime else set()
    nodes = input_nodes(store)
    return [node for node in nodes if node in busy] or nodes
