"""`show ipip tunnel`, `... gre ...`, `... vxlan ...`, `... vxlan-gpe ...`, `... geneve ...`, `... gtpu ...`, `show wireguard peer`.

Each plugin of VPP prints its tunnels in words of its own; what they have in common has a name here, the rest is kept by VPP's.
Keys are passed over: no value has them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

_HEAD = re.compile(r"\[(\d+)\] (.*?)\s*")
_NONE = re.compile(r"No \S+ tunnels configured\.+")
_FLAGS = re.compile(r"flags \[([^]]*)\]|flow-index -?\d+ \[[^]]*\]")
# A word and its value.
_PAIRS = {
    "instance": "instance", "src": "source", "lcl": "source", "dst": "destination", "rmt": "destination", "vni": "vni",
    "teid": "teid", "tteid": "tteid", "table-ID": "table", "encap-vrf-id": "table", "fib-idx": "fib_index", "sw-if-idx": "sw_if_index",
    "payload": "payload", "key": "key", "session": "session", "dscp": "dscp", "ip6-pfx": "ip6_prefix", "src_port": "source_port",
    "dst_port": "port", "lcl_port": "source_port", "rmt_port": "port", "encap-dpo-idx": "encap_dpo", "mcast-sw-if-idx": "multicast",
    "l2-adj-idx": "l2_adjacency", "l3-mode": "l3_mode", "qfi": "qfi", "forwarding": "forwarding", "decap-next-index": "decap_next",
}  # fmt: skip
_PEER = re.compile(
    r"\[(\d+)\] endpoint:\[(\S+):(\d+)->(\S+):(\d+)\] (\S+) keep-alive:(\d+) flags: (-?\d+), api-clients count: \d+(?:\s.*)?"
)
_PUBLIC = re.compile(r"public key:\s*(\S+) [0-9a-f]+")


@dataclass
class Tunnel:
    """One tunnel.

    kind    the protocol, as VPP's command calls it: "ipip", "vxlan-gpe"
    values  what VPP tells of it: "source", "destination", "vni", "sw_if_index" ... as texts
    words   what it tells without a value: "p2mp", "decap-next-l2", flags
    """

    kind: str
    index: int
    values: dict[str, str] = field(default_factory=dict)
    words: tuple[str, ...] = ()


@dataclass(frozen=True)
class Tunnels:
    """The tunnels in VPP's order, and the lines that were not understood."""

    tunnels: tuple[Tunnel, ...]
    odd: tuple[str, ...] = ()


def read_tunnels(kind: str, text: str) -> Tunnels:
    """The tunnels of an answer to `show KIND tunnel`."""
    found: list[Tunnel] = []
    odd: list[str] = []
    for line in text.splitlines():
        if not line.strip() or _NONE.fullmatch(line.strip()):
            continue
        head = _HEAD.fullmatch(line)
        if head is None:
            odd.append(line)
            continue
        values: dict[str, str] = {}
        words = [word for flags in _FLAGS.findall(head[2]) for word in flags.split() if word != "none"]
        rest = _FLAGS.sub(" ", head[2]).split()
        while rest:
            word = rest.pop(0)
            name = _PAIRS.get(word)
            if name is not None and rest:
                values[name] = rest.pop(0)
            else:
                words.append(word)
        if "source" in values and "sw_if_index" in values:
            found.append(Tunnel(kind, int(head[1]), values, tuple(words)))
        else:
            odd.append(line)
    return Tunnels(tuple(found), tuple(odd))


def tunnel_reader(kind: str) -> Callable[[str], Tunnels]:
    """The reader of answers to `show KIND tunnel`."""
    return partial(read_tunnels, kind)


@dataclass
class Peer:
    """One peer of a WireGuard interface; `flags` is VPP's number, of which 1 means dead and 2 established."""

    index: int
    interface: str
    source: str
    source_port: int
    destination: str
    port: int
    keep_alive: int
    flags: int
    public_key: str = ""
    allowed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Peers:
    """The peers in VPP's order, and the lines that were not understood."""

    peers: tuple[Peer, ...]
    odd: tuple[str, ...] = ()


def read_peers(text: str) -> Peers:
    """The peers of an answer to `show wireguard peer`; a pre-shared key is passed over, and is not told as odd either."""
    found: list[Peer] = []
    odd: list[str] = []
    for line in text.splitlines():
        stripped = line.strip()
        if not stripped:
            continue
        if match := _PEER.fullmatch(stripped):
            index, source, source_port, destination, port, interface, keep_alive, flags = match.groups()
            found.append(Peer(int(index), interface, source, int(source_port), destination, int(port), int(keep_alive), int(flags)))
        elif found and stripped.startswith("allowed-ips:"):
            found[-1].allowed = tuple(stripped.split()[1:])
        elif found and (match := _PUBLIC.fullmatch(stripped)):
            found[-1].public_key = match[1]
        elif not (found and stripped.startswith(("adj:", "pre-shared key:"))):
            odd.append(line)
    return Peers(tuple(found), tuple(odd))
