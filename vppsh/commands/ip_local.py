"""show ip local, show ip6 local, show ip6 hbh, enable ip4 interface (VPP's vnet/ip/ip4_forward.c, ip46_cli.c)."""

from __future__ import annotations

from vppsh.commands.context import CommandContext, structured
from vppsh.engine.features.ip4.local import LocalProtocols
from vppsh.engine.features.ip6.local import LocalProtocols as Ip6LocalProtocols
from vppsh.engine.features.ip6.local_hop_by_hop import LocalHopByHop
from vppsh.engine.fib.types import Protocol
from vppsh.engine.ip_enable import IpEnable
from vppsh.engine.wire.ip_protocol import format_ip_protocol
from vppsh.grammar.arguments import Args, interface
from vppsh.registry import command


@command("show ip local", help="show ip local")
def show_ip_local(ctx: CommandContext, args: Args) -> str:
    """Which node handles which protocol of packets for us."""
    handlers = [(format_ip_protocol(protocol), node) for protocol, node in ctx.engine.get(LocalProtocols).handlers()]
    text = "\n".join(["Protocols handled by ip4_local", *(f"{name}: {node}" for name, node in handlers)])
    return structured(text, dict(handlers))


@command("show ip6 local", help="show ip6 local")
def show_ip6_local(ctx: CommandContext, args: Args) -> str:
    """The same for IPv6; as in VPP by number."""
    handlers = ctx.engine.get(Ip6LocalProtocols).handlers()
    text = "\n".join(["Protocols handled by ip6_local", *(f"{number}: {node}" for number, node in handlers)])
    return structured(text, {str(number): node for number, node in handlers})


@command("show ip6 hbh", help="show ip6 hbh")
def show_ip6_hbh(ctx: CommandContext, args: Args) -> str:
    """Which node handles what follows the hop-by-hop options of packets for us."""
    handlers = ctx.engine.get(LocalHopByHop).handlers()
    text = "\n".join(["Proto Node Name", *(f"[{number:3}] {node}" for number, node in handlers)])
    return structured(text, {str(number): node for number, node in handlers})


@command("enable ip4 interface", interface().or_error("unknown interface\n'"), help="enable ip4 interface <interface>")
def enable_ip4_interface(ctx: CommandContext, args: Args) -> None:
    """Accept IPv4 packets on an interface without an address."""
    ctx.engine.get(IpEnable).admit(Protocol.IP4, args.interface)
