"""show ip local, enable ip4 interface (VPP's vnet/ip/ip4_forward.c, ip46_cli.c)."""

from __future__ import annotations

from vppsh.commands.context import CommandContext, structured
from vppsh.engine.features.ip4.local import LocalProtocols
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


@command("enable ip4 interface", interface().or_error("unknown interface\n'"), help="enable ip4 interface <interface>")
def enable_ip4_interface(ctx: CommandContext, args: Args) -> None:
    """Accept IPv4 packets on an interface without an address."""
    ctx.engine.get(IpEnable).admit(Protocol.IP4, args.interface)
