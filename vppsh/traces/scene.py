"""What a trace says of a packet at the moment that its fate was decided: addresses, table, adjacency, SA ..., by name.

The names are those that vppsh/knowledge/deciding.toml asks for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from vppsh.traces.fields import Role, role_of
from vppsh.traces.headers import Header, Value
from vppsh.traces.model import Packet, Step
from vppsh.traces.verdict import Ending, Outcome

IP6_HEADER_BYTES = 40
MAC = re.compile(r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}", re.ASCII)
# An adjacency as its index is followed by in traces: link, next hop, interface, MTU.
ADJACENCY = re.compile(r"(?P<via>\w+ .*?via \S+ (?P<interface>\S+)): mtu:(?P<mtu>\d{1,9})", re.ASCII)
# What steps and headers call otherwise than people do, or than other nodes do.
RENAMED: Mapping[str, str] = MappingProxyType({"right checksum": "right_checksum", "id": "ident"})
NO_POLICY = -1
L2_ADDRESSES = ("source", "destination")
# Where a packet that left was sent its way.
STEERING = ("ip4-lookup", "ip6-lookup", "mpls-lookup", "l2-fwd", "l2-flood", "ip4-mfib-forward-lookup", "ip6-mfib-forward-lookup")


def deciding_step(packet: Packet, ending: Ending) -> int:
    """The position of the step at which a packet's fate was decided: for one that left, where it was told which way."""
    steps = packet.steps
    if not steps:
        return 0
    last = min(ending.step, len(steps) - 1)
    if ending.outcome is Outcome.SENT:
        return next((at for at in range(last, -1, -1) if steps[at].node in STEERING), last)
    if ending.outcome in (Outcome.REFUSED, Outcome.ANSWERED):
        role = Role.ERROR if ending.outcome is Outcome.REFUSED else Role.ANSWER
        last = next((at for at in range(last + 1) if role_of(steps[at].node) is role), last)
    at = next((at for at in range(last, -1, -1) if steps[at].node == ending.node), last)
    # A node that makes ICMP errors or hands out packets was told to by the one before.
    while at > 0 and (role_of(steps[at].node) is Role.ERROR or steps[at].node == "punt-dispatch"):
        at -= 1
    return at


def scene(packet: Packet, position: int) -> dict[str, Value]:
    """Everything that the steps up to a position say, by name; what came later counts.

    destination, source, ttl, length, bytes, protocol, version ... are those of the outermost IP header there,
    source_mac, destination_mac and vlan those of the frame, interface is where the packet came in.
    """
    found: dict[str, Value] = {}
    steps = packet.steps[: position + 1]
    for step in steps:
        _values(step, found)
        _headers(step.fields.headers, found)
    interface = _received_by(packet, steps)
    if interface is not None:
        found["interface"] = interface
    else:
        found.pop("interface", None)
    node = steps[-1].node.removesuffix("-deleted") if steps else ""
    if node.endswith("-output"):
        found["output"] = found["interface"] = node.removesuffix("-output")
    if found.get("policy") == NO_POLICY:
        found["policy"] = "none"
    found["ip"], found["ip4"] = ("ip6", "ip6") if found.get("version") == 6 else ("ip", "ip4")
    return found


def _values(step: Step, found: dict[str, Value]) -> None:
    """What the templates of a node read."""
    for name, value in step.fields.values.items():
        if name in L2_ADDRESSES:
            if MAC.fullmatch(str(value)):
                found[f"{name}_mac"] = value
        elif name in ("source_port", "destination_port"):
            continue
        else:
            found[name] = value
    values = step.fields.values
    if step.node.startswith("acl-plugin-"):
        for name in ("source", "destination", "source_port", "destination_port"):
            if name in values:
                found[f"acl_{name}"] = values[name]
    if step.node.startswith("l2-") and "sw_if_index" in values:
        found["port_index"] = values["sw_if_index"]
    match = ADJACENCY.search(str(values.get("description", "")))
    if match is not None:
        found.update({"via": match["via"], "mtu": int(match["mtu"])})


def _headers(headers: Iterable[Header], found: dict[str, Value]) -> None:
    """The outermost header of each kind in one step; a transport's header belongs to the first IP header."""
    seen: set[str] = set()
    for header in headers:
        kind = "ip" if header.name in ("ip4", "ip6") else "transport" if header.name in ("udp", "tcp") else header.name
        if kind in seen or ("icmp" in seen and kind == "transport"):
            continue
        seen.add(kind)
        values = {RENAMED.get(name, name): value for name, value in header.values.items()}
        match header:
            case Header("ethernet", source, destination):
                found.update({"source_mac": str(source), "destination_mac": str(destination)})
                found.update({name: value for name, value in values.items() if name == "vlan"})
            case Header("arp", source, destination):
                found.update({"opcode": str(values.get("opcode", "?")), "arp_mac": str(values.get("sender mac", "?"))})
                found.update({"arp_source": str(source), "arp_destination": str(destination)})
            case Header("ip4" | "ip6", source, destination):
                version = 6 if header.name == "ip6" else 4
                found.update(values)
                found.update({"source": str(source), "destination": str(destination), "version": version})
                length = values.get("length")
                if isinstance(length, int):
                    found["bytes"] = length + (IP6_HEADER_BYTES if version == 6 else 0)
            case Header("udp" | "tcp", source, destination) if source is not None and destination is not None:
                found.update({"source_port": source, "destination_port": destination})
            case Header("icmp"):
                found["icmp"] = values.get("type", "?")
            case Header("esp"):
                found.update(values)
            case Header("mpls"):
                found["label"] = values.get("label", "?")
            case _:
                pass


def _received_by(packet: Packet, before: list[Step]) -> str | None:
    """The name of the interface that a packet came in by, where the trace has it."""
    for step in packet.steps:
        named = step.fields.values.get("rx_interface")
        if named is not None:
            return str(named)
    first = before[0].fields.values if before else {}
    if "interface" in first:
        return str(first["interface"])
    index = next((step.fields.values["sw_if_index"] for step in before[:2] if "sw_if_index" in step.fields.values), None)
    return _names(packet.steps).get(index) if index is not None else None


def _names(steps: Iterable[Step]) -> dict[Value, str]:
    """Names of interfaces by index, as far as the packet's way out names them."""
    found: dict[Value, str] = {}
    for step in steps:
        match = ADJACENCY.search(str(step.fields.values.get("description", "")))
        if match is not None and "tx_sw_if_index" in step.fields.values:
            found[step.fields.values["tx_sw_if_index"]] = match["interface"]
    return found
