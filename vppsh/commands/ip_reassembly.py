"""show ip4-full-reassembly, show ip6-full-reassembly, set interface reassembly (VPP's vnet/ip/reass, ip46_cli.c)."""

from __future__ import annotations

from typing import Any

from vppsh.commands.context import CommandContext, structured
from vppsh.engine.features.ip4.full_reassembly import Ip4Reassemblies
from vppsh.engine.features.ip6.full_reassembly import Ip6Reassemblies
from vppsh.engine.fib.types import Protocol, format_address
from vppsh.engine.reassembly.assembly import Assembly
from vppsh.engine.reassembly.table import Reassemblies
from vppsh.grammar.arguments import Args, choice, flag, interface, line_input, options, sequence
from vppsh.registry import command

LINE = "-" * 21
FEATURES = {
    Protocol.IP4: ("ip4-unicast", "ip4-full-reassembly-feature"),
    Protocol.IP6: ("ip6-unicast", "ip6-full-reassembly-feature"),
}
WHICH = {"on": tuple(FEATURES), "off": (), "ip4": (Protocol.IP4,), "ip6": (Protocol.IP6,)}


def format_key(protocol: Protocol, key: Any, name: str = "fib_index") -> str:
    """A packet's key: that of IPv6 lies differently in memory from what VPP takes for table, identification and protocol."""
    fib_index, source, destination, number, *of = key
    addresses = f"src: {format_address(protocol, source)}, dst: {format_address(protocol, destination)}"
    if protocol is Protocol.IP4:
        return f"{name}: {fib_index}, {addresses}, frag_id: {number}, proto: {of[0]}"
    table, swapped = (fib_index & 0xFFFF).to_bytes(2, "little"), int.from_bytes(number.to_bytes(4, "little"), "big")
    return f"{name}: {swapped}, {addresses}, frag_id: {int.from_bytes(table, 'big')}, proto: 0"


def _format_assembly(protocol: Protocol, assembly: Assembly) -> str:
    """A packet and its first fragment: VPP follows the buffers of that one, not the fragments."""
    name = "xx_id" if protocol is Protocol.IP6 else "fib_index"
    lines = [f"ID: {assembly.id}, key: {format_key(protocol, assembly.key, name)}"]
    lines.append(
        f"  first_bi: {assembly.first_index}, data_len: {assembly.data_length}, "
        f"last_packet_octet: {assembly.last_octet}, trace_op_counter: {assembly.operations}"
    )
    lines += [
        f"  #000: range: [{piece.range_first}, {piece.range_last}], bi: {piece.index}, off: {piece.offset}, "
        f"len: {piece.length}, fragment[{piece.first}, {piece.last}]"
        for piece in assembly.pieces[:1]
    ]
    return "\n".join(lines)


def _show(table: Reassemblies[Assembly], protocol: Protocol, details: bool, current: str) -> list[str]:
    version, limits = f"IP{6 if protocol is Protocol.IP6 else 4}", table.limits
    lines = [LINE, f"{version} reassembly status", LINE]
    if details:
        lines += [_format_assembly(protocol, assembly) for assembly in table]
    return [
        *lines,
        LINE,
        f"Current {current} reassemblies count: {len(table)}",
        f"Maximum configured concurrent full {version} reassemblies per worker-thread: {limits.assemblies}",
        f"Maximum configured amount of fragments per full {version} reassembly: {limits.fragments}",
        f"Maximum configured full {version} reassembly timeout: {limits.timeout}ms",
        f"Maximum configured full {version} reassembly expire walk interval: {limits.walk_interval}ms",
    ]


@command("show ip4-full-reassembly", options(flag("details"), error=None), help="show ip4-full-reassembly [details]")
def show_ip4_full_reassembly(ctx: CommandContext, args: Args) -> str:
    """How many IPv4 packets are being put together, and within which limits."""
    table = ctx.engine.get(Ip4Reassemblies)
    return structured("\n".join(_show(table, Protocol.IP4, args.details, "full IP4")), {"count": len(table)})


@command("show ip6-full-reassembly", options(flag("details"), error=None), help="show ip6-full-reassembly [details]")
def show_ip6_full_reassembly(ctx: CommandContext, args: Args) -> str:
    """How many IPv6 packets are being put together, and within which limits; VPP does not count the buffers."""
    table = ctx.engine.get(Ip6Reassemblies)
    lines = [*_show(table, Protocol.IP6, args.details, "IP6"), "Buffers in use: 0"]
    return structured("\n".join(lines), {"count": len(table)})


@command(
    "set interface reassembly",
    line_input(sequence(interface().or_error("Invalid interface name"), choice("which", WHICH).or_error("Unknown input `%U'"))),
    help="set interface reassembly <interface-name> [on|off|ip4|ip6]",
)
def set_interface_reassembly(ctx: CommandContext, args: Args) -> None:
    """Put fragments together that an interface receives."""
    for protocol, (arc, feature) in FEATURES.items():
        ctx.engine.arcs.enable(arc, feature, args.interface, protocol in args.which)
