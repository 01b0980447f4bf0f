"""VPP's own numbering of its graph nodes (`vpp_nodes.txt`): facts that listings and path IDs are made from."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType

from msgspec import Struct


class VppNode(Struct, frozen=True):
    """What is known of a node of VPP: its index, and whether its function has variants for CPU types."""

    index: int
    variants: bool


@cache
def vpp_nodes() -> Mapping[str, VppNode]:
    """VPP's nodes by name."""
    nodes = {}
    for line in Path(__file__).with_name("vpp_nodes.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            index, name, *variants = line.split()
            nodes[name] = VppNode(int(index), bool(variants))
    return MappingProxyType(nodes)
