"""Which header follows which: what a header file declares, and how a text goes on with the next header.

VPP keeps these in `ip_protocol_info_t.format_header` and in the `format_buffer` of the node that an
ethertype goes to. A header file leaves a LAYERS tuple; the files of this package are looked through once.
"""

from __future__ import annotations

import enum
import functools
import importlib
import pkgutil
from collections.abc import Callable, Mapping
from types import MappingProxyType

from msgspec import Struct

FormatHeader = Callable[[bytes, int], str]


class Carrier(enum.Enum):
    """The field that tells what comes next."""

    ETHERTYPE = "ethertype"
    IP_PROTOCOL = "ip protocol"


class Layer(Struct, frozen=True):
    """`format` makes the text of the header that follows when the carrier's field is `number`."""

    carrier: Carrier
    number: int
    format: FormatHeader


@functools.cache
def formats(carrier: Carrier) -> Mapping[int, FormatHeader]:
    """The format functions of all header files, by number."""
    package = importlib.import_module(__package__)
    found = {}
    for module in pkgutil.iter_modules(package.__path__, f"{__package__}."):
        for layer in getattr(importlib.import_module(module.name), "LAYERS", ()):
            if layer.carrier is carrier:
                found[layer.number] = layer.format
    return MappingProxyType(found)


def format_next(carrier: Carrier, number: int, data: bytes, indent: int) -> str:
    """The next header's text on a line of its own, or nothing when VPP prints none for it."""
    format_header = formats(carrier).get(number)
    return f"\n{' ' * indent}{format_header(data, indent)}" if format_header else ""
