"""Keys in answers, as far as VPP or who exported them did not mask them. Readers of answers pass them over; only replays want them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from vppsh.rebuilt.node import Node

_WIREGUARD = re.compile(r"^\[\d+\] (\S+) src:\S+ port:\d+ private-key:([A-Za-z0-9+/]{43}=) ", re.MULTILINE)
_SA = re.compile(r"^\s*\[\d+\] sa (\d+) \(0x[0-9a-f]+\) spi \d+ .*$", re.MULTILINE)
_KEY = re.compile(r"^\s+(crypto|integrity) alg \S+ key (?:0{8}: )?([0-9a-f]+)((?:\n\s+[0-9a-f]{8}: [0-9a-f]+)*)$", re.MULTILINE)
_MORE = re.compile(r"[0-9a-f]{8}: ([0-9a-f]+)")
_SALT = re.compile(r"^\s+salt (0x[0-9a-f]+)$", re.MULTILINE)


@dataclass(frozen=True)
class SaKeys:
    """The keys of a security association in hexadecimal, empty where they are masked or not there."""

    crypto: str = ""
    integrity: str = ""
    salt: str = "0x0"


def wireguard_keys(node: Node) -> dict[str, str]:
    """The private keys of interfaces that tell them."""
    return {name: key for text in node.texts("show wireguard interface") for name, key in _WIREGUARD.findall(text)}


def sa_keys(node: Node) -> dict[int, SaKeys]:
    """The keys of associations by their numbers."""
    found: dict[int, SaKeys] = {}
    for text in (*node.texts("show ipsec sa"), *node.texts("show ipsec all")):
        heads = list(_SA.finditer(text))
        for place, head in enumerate(heads):
            part = text[head.end() : heads[place + 1].start() if place + 1 < len(heads) else len(text)]
            keys = {which: key + "".join(_MORE.findall(more)) for which, key, more in _KEY.findall(part)}
            salt = _SALT.search(part)
            if keys or salt:
                found[int(head[1])] = SaKeys(keys.get("crypto", ""), keys.get("integrity", ""), salt[1] if salt else "0x0")
    return found
