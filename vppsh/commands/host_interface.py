"""create, delete, set host-interface (VPP's plugins/af_packet/cli.c)."""

from __future__ import annotations

from vppsh.commands.context import CommandContext
from vppsh.engine.features.host_interface.hosts import USUAL_RX, USUAL_TX, HostConfig, HostInterface, HostInterfaces
from vppsh.engine.host.packet_ring import RingSize
from vppsh.errors import CommandError
from vppsh.grammar.arguments import Args, choice, flag, interface, keyed, line_input, mac, options, string, unsigned
from vppsh.registry import command

NO_NAME = "missing host interface name"
QUOTED = "unknown input '%U'"
NOT_ONE = "not an af_packet interface"


@command(
    "create host-interface",
    line_input(
        options(
            keyed("name", string("name")),
            keyed("rx-size", unsigned("rx_size")),
            keyed("tx-size", unsigned("tx_size")),
            keyed("rx-per-block", unsigned("rx_frames")),
            keyed("tx-per-block", unsigned("tx_frames")),
            keyed("num-rx-queues", unsigned("rx_queues")),
            keyed("num-tx-queues", unsigned("tx_queues")),
            flag("qdisc-bypass-disable", "no_bypass"),
            flag("mode ip", "ip"),
            flag("v2"),
            keyed("hw-addr", mac("mac")),
        )
    ),
    help="create host-interface [v2] name <ifname> [num-rx-queues <n>] [num-tx-queues <n>] [hw-addr <mac-addr>] [mode ip] "
    "[qdisc-bypass-disable]",
)
def create(ctx: CommandContext, args: Args) -> str:
    """Attach to a link of the host and say the name of the interface."""
    if args.name is None:
        raise CommandError(NO_NAME)
    config = HostConfig(
        args.name, args.mac, args.ip, not args.no_bypass,
        RingSize(args.rx_size or USUAL_RX.frame, args.rx_frames or USUAL_RX.frames),
        RingSize(args.tx_size or USUAL_TX.frame, args.tx_frames or USUAL_TX.frames),
    )  # fmt: skip
    return ctx.engine.get(HostInterfaces).create(config).interface.name


def _named(ctx: CommandContext, args: Args) -> HostInterface:
    """The host interface that was named."""
    host = None if args.interface is None else ctx.engine.get(HostInterfaces).of(ctx.engine.interfaces[args.interface])
    if host is None:
        raise CommandError(NOT_ONE)
    return host


@command(
    "set host-interface qdisc-bypass",
    line_input(options(interface(), choice("on", {"enable": True, "disable": False}, default=False), error=QUOTED)),
    help="set host-interface qdisc-bypass <host-if-name> <enable|disable>",
)
def set_qdisc_bypass(ctx: CommandContext, args: Args) -> None:
    """Send past the host's traffic control, or through it."""
    _named(ctx, args).set_bypass(args.on)


@command("delete host-interface", line_input(options(keyed("name", string("name")))), help="delete host-interface name <ifname>")
def delete(ctx: CommandContext, args: Args) -> None:
    """Let a link of the host go."""
    if args.name is None:
        raise CommandError(NO_NAME)
    ctx.engine.get(HostInterfaces).delete(args.name)
