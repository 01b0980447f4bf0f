"""`show interface features IF` (VPP's vnet_interface_features_show)."""

from __future__ import annotations

import re
from dataclasses import dataclass

_HEAD = re.compile(r"Feature paths configured on (?P<name>.+)\.\.\.")
_ARC = re.compile(r"(?P<arc>[a-z0-9-]+):")
_FEATURE = re.compile(r"  (?P<name>[a-z0-9_-]+)(?: \[\S*\])?")
NONE = "  none configured"


@dataclass(frozen=True)
class Features:
    """The features enabled on an interface, by arc in VPP's order; arcs without any are left out. And lines not understood."""

    interface: str
    arcs: dict[str, tuple[str, ...]]
    odd: tuple[str, ...] = ()


def read_features(text: str) -> Features:
    """The features of an answer to `show interface features IF`; of the first interface, if there are several."""
    name, arc = "", ""
    arcs: dict[str, list[str]] = {}
    odd: list[str] = []
    for line in map(str.rstrip, text.splitlines()):
        if not line or line == NONE:
            continue
        if (match := _HEAD.fullmatch(line)) is not None:
            if name:
                break
            name = match["name"]
        elif (match := _ARC.fullmatch(line)) is not None:
            arc = match["arc"]
        elif arc and (match := _FEATURE.fullmatch(line)) is not None:
            arcs.setdefault(arc, []).append(match["name"])
        elif not line.startswith(("l2-input:", "l2-output:", "    ")):
            odd.append(line)
    return Features(name, {each: tuple(found) for each, found in arcs.items()}, tuple(odd))
