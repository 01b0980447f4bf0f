"""show ip4-sv-reassembly, show ip6-sv-reassembly, set ip reassembly extended (VPP's vnet/ip/reass, ip46_cli.c)."""

from __future__ import annotations

from vppsh.commands.context import CommandContext, structured
from vppsh.commands.ip_reassembly import LINE, format_key
from vppsh.engine.buffer_data import chain_of
from vppsh.engine.features.ip4.shallow_reassembly import Ip4ShallowReassemblies
from vppsh.engine.features.ip6.shallow_reassembly import Ip6ShallowReassemblies
from vppsh.engine.fib.types import Protocol
from vppsh.engine.reassembly.shallow import Shallow, ShallowReassemblies
from vppsh.grammar.arguments import Args, choice, flag, line_input, options
from vppsh.registry import command

TABLES: dict[Protocol, type[ShallowReassemblies]] = {Protocol.IP4: Ip4ShallowReassemblies, Protocol.IP6: Ip6ShallowReassemblies}


def _format_flow(ctx: CommandContext, protocol: Protocol, flow: Shallow) -> str:
    """A packet and the buffers that wait; for IPv4 VPP ends no line behind a buffer."""
    comma = "," if protocol is Protocol.IP6 else ""
    text = f"ID: {flow.id}, key: {format_key(protocol, flow.key)}{comma} trace_op_counter: {flow.operations}\n"
    cached = [index for first in flow.buffers for index in chain_of(ctx.engine.buffers, first)]
    end = "\n" if protocol is Protocol.IP6 else ", "
    return (text + "".join(f"  #{position:03}: bi: {index}{end}" for position, index in enumerate(cached))).removesuffix("\n")


def _show(ctx: CommandContext, protocol: Protocol, details: bool) -> list[str]:
    table = ctx.engine.get(TABLES[protocol])
    version, limits = protocol.text.upper(), table.limits
    lines = [LINE, f"{version} reassembly status", LINE]
    if details:
        lines += [_format_flow(ctx, protocol, flow) for flow in table]
    return [
        *lines,
        LINE,
        f"Current {version} reassemblies count: {len(table)}",
        f"Maximum configured concurrent shallow virtual {version} reassemblies per worker-thread: {limits.assemblies}",
        f"Maximum configured amount of fragments per shallow virtual {version} reassembly: {limits.fragments}",
        f"Maximum configured shallow virtual {version} reassembly timeout: {limits.timeout}ms",
        f"Maximum configured shallow virtual {version} reassembly expire walk interval: {limits.walk_interval}ms",
    ]


@command("show ip4-sv-reassembly", options(flag("details"), error=None), help="show ip4-sv-reassembly [details]")
def show_ip4_sv_reassembly(ctx: CommandContext, args: Args) -> str:
    """How many IPv4 packets' ports are remembered for their fragments, and within which limits."""
    return structured("\n".join(_show(ctx, Protocol.IP4, args.details)), {"count": len(ctx.engine.get(Ip4ShallowReassemblies))})


@command("show ip6-sv-reassembly", options(flag("details"), error=None), help="show ip6-sv-reassembly [details]")
def show_ip6_sv_reassembly(ctx: CommandContext, args: Args) -> str:
    """How many IPv6 packets' ports are remembered for their fragments, and within which limits; VPP counts no buffers."""
    lines = [*_show(ctx, Protocol.IP6, args.details), "Buffers in use: 0"]
    return structured("\n".join(lines), {"count": len(ctx.engine.get(Ip6ShallowReassemblies))})


@command(
    "set ip reassembly extended",
    line_input(
        options(flag("ip4"), flag("ip6"), choice("on", {"on": True, "off": False}, True), error="Unknown input `'"),
        empty_error="Missing parameters",
    ),
    help="set ip reassembly extended [ip4|ip6] [on|off]",
)
def set_ip_reassembly_extended(ctx: CommandContext, args: Args) -> None:
    """Hold fragments until the last one is there, too, as long as somebody asks for it."""
    for protocol, chosen in ((Protocol.IP4, args.ip4), (Protocol.IP6, args.ip6)):
        if chosen or not (args.ip4 or args.ip6):
            ctx.engine.get(TABLES[protocol]).extend(args.on)
