"""set interface tcp-mss-clamp, show interface tcp-mss-clamp (VPP's plugins/mss_clamp)."""

from __future__ import annotations

from vppsh.commands.context import CommandContext
from vppsh.engine.features.mss_clamp import UNSET, Clamp, Direction, MssClamps
from vppsh.engine.fib.types import Protocol
from vppsh.errors import CommandError
from vppsh.grammar.arguments import Args, choice, interface, keyed, options, signed
from vppsh.registry import command

DIRECTIONS = {"disable": Direction.NONE, "enable": Direction.BOTH, "rx": Direction.RX, "tx": Direction.TX}
SIDES = {Direction.BOTH: "", Direction.RX: " [RX]", Direction.TX: " [TX]"}
VERSIONS = (Protocol.IP4, Protocol.IP6)


@command(
    "set interface tcp-mss-clamp",
    options(
        keyed("ip4", choice("ip4", DIRECTIONS)), keyed("ip6", choice("ip6", DIRECTIONS)),
        keyed("ip4-mss", signed("ip4_mss")), keyed("ip6-mss", signed("ip6_mss")), interface(), error=None,
    ),
    help="set interface tcp-mss-clamp <interface-name> ip4 [enable|disable|rx|tx] ip4-mss <size> ip6 [enable|disable|rx|tx] ip6-mss <size>",
)  # fmt: skip
def set_tcp_mss_clamp(ctx: CommandContext, args: Args) -> None:
    """Lower what TCP's SYN segments offer, by IP version and direction."""
    if args.interface is None:
        raise CommandError("Please specify an interface")
    if args.ip4 is None or args.ip6 is None:
        raise CommandError("Please specify the MSS clamping direction for ip4 and ip6")
    wanted = {Protocol.IP4: Clamp(args.ip4, args.ip4_mss), Protocol.IP6: Clamp(args.ip6, args.ip6_mss)}
    for protocol, clamp in wanted.items():
        if clamp.direction and clamp.mss is None:
            raise CommandError(f"Please specify the Max Segment Size for {protocol.text}")
        if clamp.direction and not 0 <= clamp.mss < UNSET:
            raise CommandError("Invalid Max Segment Size")
    clamps = ctx.engine.get(MssClamps)
    for protocol, clamp in wanted.items():
        clamps.set(protocol, args.interface, clamp if clamp.direction else Clamp())


@command(
    "show interface tcp-mss-clamp", options(interface(), error=None), help="show interface tcp-mss-clamp [interface-name]",
    long_help="show TCP MSS clamping configurations",
)  # fmt: skip
def show_tcp_mss_clamp(ctx: CommandContext, args: Args) -> str:
    """What one interface clamps, or all that clamp anything."""
    clamps = ctx.engine.get(MssClamps)
    chosen = clamps.interfaces() if args.interface is None else [args.interface]
    lines = []
    for sw_if_index in chosen:
        texts = " ".join(f"{protocol.text}: {_text(clamps.of(protocol, sw_if_index))}" for protocol in VERSIONS)
        lines.append(f"{ctx.engine.interfaces[sw_if_index].name}: {texts}")
    return "\n".join(lines)


def _text(clamp: Clamp) -> str:
    return f"{clamp.mss}{SIDES[clamp.direction]}" if clamp.direction else "disabled"
