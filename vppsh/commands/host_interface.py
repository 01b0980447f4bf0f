"""create, delete, set host-interface (VPP's plugins/af_packet/cli.c)."""

from __future__ import annotations

from vppsh.commands.context import CommandContext
from vppsh.engine.features.host_interface.hosts import USUAL_RING, HostConfig, HostInterfaces
from vppsh.engine.host.packet_ring import RingSize
from vppsh.errors import CommandError
from vppsh.grammar.arguments import Args, flag, keyed, line_input, mac, options, string, unsigned
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
        RingSize(args.rx_size or USUAL_RING.frame, args.rx_frames or USUAL_RING.frames),
        RingSize(args.tx_size or USUAL_RING.frame, args.tx_frames or USUAL_RING.frames),
    )  # fmt: skip
    return ctx.engine.get(HostInterfaces).create(config).interface.name


@command("delete host-interface", line_input(options(keyed("name", string("name")))), help="delete host-interface name <ifname>")
def delete(ctx: CommandContext, args: Args) -> None:
    """Let a link of the host go."""
    if args.name is None:
        raise CommandError(NO_NAME)
    ctx.engine.get(HostInterfaces).delete(args.name)
