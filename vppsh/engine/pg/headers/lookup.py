"""Which header is typed where: the declarations of the header files, by node, ethertype and protocol."""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass, field

from msgspec import Struct

from vppsh.engine.pg.layout import Draft
from vppsh.grammar.reader import END, Reader

ReadHeader = Callable[[Reader, Draft], bool]
"""Reads a header and all that follows it into the draft; False, and nothing added, when it does not parse."""


class Header(Struct, frozen=True):
    """Where packet data may hold a header.

    nodes          graph nodes whose packets begin with it
    ethertypes     EtherTypes behind which it comes
    ip_protocols   IP protocols behind which it comes
    gre_protocols  GRE payload types behind which it comes
    """

    read: ReadHeader
    nodes: tuple[str, ...] = ()
    ethertypes: tuple[int, ...] = ()
    ip_protocols: tuple[int, ...] = ()
    gre_protocols: tuple[int, ...] = ()


@dataclass
class Index:
    """The header files' declarations, turned round."""

    node: dict[str, ReadHeader] = field(default_factory=dict)
    ethertype: dict[int, ReadHeader] = field(default_factory=dict)
    ip_protocol: dict[int, ReadHeader] = field(default_factory=dict)
    gre_protocol: dict[int, ReadHeader] = field(default_factory=dict)


@functools.cache
def index() -> Index:
    """All headers; the files of this package are looked through once."""
    found = Index()
    package = importlib.import_module(__package__)
    for module in pkgutil.iter_modules(package.__path__, f"{__package__}."):
        for header in getattr(importlib.import_module(module.name), "HEADERS", ()):
            for node in header.nodes:
                found.node[node] = header.read
            for number in header.ethertypes:
                found.ethertype[number] = header.read
            for number in header.ip_protocols:
                found.ip_protocol[number] = header.read
            for number in header.gre_protocols:
                found.gre_protocol[number] = header.read
    return found


def attempt(read: ReadHeader | None, reader: Reader, draft: Draft) -> bool:
    """Try a header (unformat_user): a failure goes back, unless the input was read to its end."""
    if read is None:
        return False
    start = reader.pos
    if read(reader, draft):
        return True
    if reader.pos != END:
        reader.pos = start
    return False
