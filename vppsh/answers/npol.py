"""`show npol interfaces` and `show npol policies verbose` (VPP's npol_format.c)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_INTERFACE = re.compile(r"\[(\S+) sw_if_index=(\d+) (inverted)?(?: addr=(\S+?))?(?: addr6=(\S+?))?\]")
_DEFAULTS = re.compile(r"([rt])x-policy-default:(\d+) [rt]x-profile-default:(\d+)")
_POLICY = re.compile(r"\[policy#(\d+)\](?: rx-rules:\d+ tx-rules:\d+)?")
_RULE = re.compile(r"([rt]x):(?:\[rule#(\d+);(\w+)\]\[(.*)\]|(deleted rule))")
# What npol.api calls npol_policy_default; pass goes on to the profiles.
_ACTIONS = {"0": "allow", "1": "deny", "2": "pass"}


@dataclass(frozen=True)
class Rule:
    """One rule: for which way, what it does, and with which packets ("proto==TCP,dst==80"); a deleted rule has no number."""

    way: str
    index: int | None
    action: str
    match: str


@dataclass
class NetworkPolicy:
    """One policy and its rules; a policy that was deleted while interfaces name it has no number."""

    index: int | None
    rules: list[Rule] = field(default_factory=list)


@dataclass
class PolicedInterface:
    """What is enforced on an interface.

    policies  by way ("rx", "tx"); "profiles" are asked for both when no policy decided
    defaults  by way: what becomes of packets on which no policy decided, and no profile
    """

    name: str
    sw_if_index: int
    inverted: bool
    addresses: tuple[str, ...]
    policies: dict[str, list[NetworkPolicy]] = field(default_factory=dict)
    defaults: dict[str, tuple[str, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class PolicedInterfaces:
    """The interfaces in VPP's order, and the lines that were not understood."""

    interfaces: tuple[PolicedInterface, ...]
    odd: tuple[str, ...] = ()


@dataclass(frozen=True)
class NetworkPolicies:
    """The policies in VPP's order, and the lines that were not understood."""

    policies: tuple[NetworkPolicy, ...]
    odd: tuple[str, ...] = ()


def read_policed_interfaces(text: str) -> PolicedInterfaces:
    """The interfaces of an answer to `show npol interfaces`."""
    found: list[PolicedInterface] = []
    odd: list[str] = []
    into: list[NetworkPolicy] = []
    for line in text.splitlines():
        stripped = line.strip()
        if not stripped or stripped == "Interfaces with policies configured:":
            continue
        if match := _INTERFACE.fullmatch(stripped):
            addresses = tuple(address for address in (match[4], match[5]) if address)
            found.append(PolicedInterface(match[1], int(match[2]), match[3] is not None, addresses))
        elif not found:
            odd.append(line)
        elif stripped in ("rx:", "tx:", "profiles:"):
            into = found[-1].policies.setdefault(stripped[:-1], [])
        elif match := _DEFAULTS.fullmatch(stripped):
            found[-1].defaults[f"{match[1]}x"] = _default(match[2]), _default(match[3])
        elif not _take(into, stripped):
            odd.append(line)
    return PolicedInterfaces(tuple(found), tuple(odd))


def read_network_policies(text: str) -> NetworkPolicies:
    """The policies of an answer to `show npol policies`, with their rules when it was `verbose`."""
    found: list[NetworkPolicy] = []
    odd = [line for line in text.splitlines() if line.strip() and not _take(found, line.strip())]
    return NetworkPolicies(tuple(found), tuple(odd))


def _default(number: str) -> str:
    return _ACTIONS.get(number, number)


def _take(policies: list[NetworkPolicy], line: str) -> bool:
    """A policy, or a rule of the last one; whether it was understood."""
    if match := _POLICY.fullmatch(line):
        policies.append(NetworkPolicy(int(match[1])))
    elif line == "deleted policy":
        policies.append(NetworkPolicy(None))
    elif policies and (match := _RULE.fullmatch(line)):
        index = None if match[2] is None else int(match[2])
        policies[-1].rules.append(Rule(match[1], index, match[3] or "deleted", (match[4] or "").rstrip(",")))
    else:
        return False
    return True
