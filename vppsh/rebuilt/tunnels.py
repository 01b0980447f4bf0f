"""Lines that make tunnels: ipip, GRE, VXLAN, WireGuard."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from types import MappingProxyType

from vppsh.answers.interfaces import Interface
from vppsh.answers.tunnels import Tunnel, read_peers, tunnel_reader
from vppsh.answers.wireguard import read_wireguard_interfaces
from vppsh.rebuilt.node import Node
from vppsh.rebuilt.recipe import Recipe, signed
from vppsh.rebuilt.secrets import wireguard_keys

FLAGS = ("encap-", "decap-")
NEEDED = MappingProxyType(
    {"ipip": frozenset[str](), "gre": frozenset(("instance",)), "vxlan": frozenset(("instance", "vni", "source_port", "port"))}
)
NUMBERS = ("table", "fib_index", "instance", "vni", "source_port", "port", "key", "session")


@dataclass(frozen=True)
class TunnelLine:
    """A line that makes a tunnel, and the name that its interface has then."""

    line: str
    name: str


def tunnel_lines(node: Node, recipe: Recipe) -> dict[str, TunnelLine]:
    """The lines of all tunnels by the names of their interfaces on the node."""
    by_index = {str(each.index): each for each in node.interfaces}
    found: dict[str, TunnelLine] = {}
    for kind, write in (("ipip", _ipip), ("gre", _gre), ("vxlan", _vxlan)):
        for value in node.values(f"show {kind} tunnel", tunnel_reader(kind)):
            for tunnel in value.tunnels:
                interface = by_index.get(tunnel.values.get("sw_if_index", ""))
                line = None if interface is None or not _is_whole(tunnel) else write(node, tunnel)
                if interface is None or line is None:
                    recipe.note(f"a tunnel is not rebuilt: {kind} from {tunnel.values['source']}")
                else:
                    _make_table(node, recipe, tunnel)
                    found[interface.name] = line
    found |= _wireguard(node, recipe)
    return found


def _is_whole(tunnel: Tunnel) -> bool:
    """Whether the line has all that it should: what people paste is sometimes damaged."""
    numbers = [tunnel.values[name] for name in NUMBERS if name in tunnel.values]
    far = "p2mp" in tunnel.words or "destination" in tunnel.values
    return far and NEEDED[tunnel.kind] <= tunnel.values.keys() and all(number.isdecimal() for number in numbers)


def _table(node: Node, tunnel: Tunnel) -> str:
    """The number of the table that the tunnel's packets are looked up in."""
    if "table" in tunnel.values:
        return str(signed(int(tunnel.values["table"])))
    family = 6 if ":" in tunnel.values["source"] else 4
    return str(signed(node.table_number(family, int(tunnel.values.get("fib_index", "0")))))


def _make_table(node: Node, recipe: Recipe, tunnel: Tunnel) -> None:
    """The line for a table that no other answer tells of."""
    family = 6 if ":" in tunnel.values["source"] else 4
    number = int(tunnel.values.get("table", "0"))
    if number and all((table.family, table.number) != (family, number) for table in node.tables.values()):
        line = f"{'ip6' if family == 6 else 'ip'} table add {signed(number)}"
        if line not in recipe.lines:
            recipe.add(line)


def _flags(tunnel: Tunnel) -> str:
    return "".join(f" flags {word}" for word in tunnel.words if word.startswith(FLAGS) and not word.startswith("decap-next"))


def _ipip(node: Node, tunnel: Tunnel) -> TunnelLine | None:
    values = tunnel.values
    if "instance" not in values:
        return None
    far = "p2mp" if "p2mp" in tunnel.words else f"dst {values['destination']}"
    line = f"create ipip tunnel src {values['source']} {far} instance {values['instance']} outer-table-id {_table(node, tunnel)}"
    return TunnelLine(line + _flags(tunnel), f"ipip{values['instance']}")


def _gre(node: Node, tunnel: Tunnel) -> TunnelLine:
    values = tunnel.values
    payload = {"TEB": " teb", "ERSPAN": f" erspan {values.get('session', '0')}"}.get(values.get("payload", ""), "")
    far = "multipoint" if "multi-point" in tunnel.words else f"dst {values['destination']}"
    key = f" key {values['key']}" if "key" in values else ""
    line = f"create gre tunnel src {values['source']} {far} instance {values['instance']} outer-table-id {_table(node, tunnel)}"
    return TunnelLine(f"{line}{payload}{key}{_flags(tunnel)}", f"gre{values['instance']}")


def _vxlan(node: Node, tunnel: Tunnel) -> TunnelLine | None:
    values = tunnel.values
    if "multicast" in values:
        return None
    ports = f"src_port {values['source_port']} dst_port {values['port']}"
    line = f"create vxlan tunnel src {values['source']} dst {values['destination']} vni {values['vni']} instance {values['instance']}"
    # Whoever has no bridge behind it hands packets on by their own header.
    routed = " l3" if "decap_next" in values else ""
    return TunnelLine(f"{line} encap-vrf-id {_table(node, tunnel)} {ports}{routed}", f"vxlan_tunnel{values['instance']}")


def _wireguard(node: Node, recipe: Recipe) -> dict[str, TunnelLine]:
    found: dict[str, TunnelLine] = {}
    keys = wireguard_keys(node)
    for value in node.values("show wireguard interface", read_wireguard_interfaces):
        for each in value.interfaces:
            number = each.name.removeprefix("wg")
            key = keys.get(each.name)
            if key is None:
                recipe.note(f"the key of {each.name} is masked: another one is made, and no packet of its peers can be decrypted")
            secret = f"private-key {key}" if key else "generate-key"
            instance = number if number.isdigit() else "0"
            line = f"wireguard create listen-port {each.port} {secret} src {each.source} instance {instance}"
            found[each.name] = TunnelLine(line, f"wg{instance}")
    return found


def peer_lines(node: Node, recipe: Recipe, interfaces: list[Interface]) -> Iterator[str]:
    """The peers of WireGuard interfaces; they have no session here, so that packets for them make a handshake at first."""
    known = {each.name for each in interfaces}
    for value in node.values("show wireguard peer", read_peers):
        for peer in value.peers:
            if peer.interface not in known or not peer.allowed or len(peer.public_key) != 44:
                recipe.note(f"a peer of {peer.interface} is not rebuilt: {peer.destination}")
                continue
            allowed = "".join(f" allowed-ip {prefix}" for prefix in peer.allowed)
            keep = f" persistent-keepalive {peer.keep_alive}" if peer.keep_alive else ""
            recipe.note(
                "peers of WireGuard have no session here: packets to them are held up by a handshake, those of theirs not decrypted"
            )
            yield (
                f"wireguard peer add {peer.interface} public-key {peer.public_key} endpoint {peer.destination}{allowed} "
                f"dst-port {peer.port}{keep}"
            )
