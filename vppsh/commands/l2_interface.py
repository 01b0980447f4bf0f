"""set interface l2 bridge, xconnect, tag-rewrite, learn, forward, flood; set interface l3; show mode (VPP's vnet/l2)."""

from __future__ import annotations

from vppsh.commands.context import CommandContext
from vppsh.engine.features.l2 import features
from vppsh.engine.features.l2.backbone import BackboneRewrite, BackboneTags
from vppsh.engine.features.l2.bridge_domains import MAX_ID, BridgeDomains
from vppsh.engine.features.l2.modes import L2Interfaces, Mode, PortType
from vppsh.engine.features.l2.tag_rewrite import Operation, TagRewrite, Tags
from vppsh.errors import CommandError
from vppsh.grammar.arguments import Args, Argument, flag, interface, keyed, keyword, mac, one_of, optional, options, sequence, signed
from vppsh.registry import command

NAMED = interface().or_error("unknown interface `%U'")


@command(
    "set interface l2 xconnect",
    sequence(NAMED, interface("peer").or_error("unknown peer interface `%U'")),
    help="set interface l2 xconnect <interface> <peer interface>",
)
def set_xconnect(ctx: CommandContext, args: Args) -> None:
    """Send everything that one interface receives to another."""
    interfaces = ctx.engine.interfaces
    ctx.engine.get(L2Interfaces).set_xconnect(interfaces[args.interface], interfaces[args.peer])


@command(
    "set interface l2 bridge",
    sequence(
        NAMED, signed("bd_id").or_error("expected bridge domain ID `%U'"), optional(keyword("bvi", "bvi")),
        optional(keyword("uu-fwd", "uu_forward")), optional(signed("shg", 0)),
    ),
    help="set interface l2 bridge <interface> <bridge-domain-id> [bvi|uu-fwd] [shg]",
)  # fmt: skip
def set_bridge(ctx: CommandContext, args: Args) -> None:
    """Make an interface a port of a bridge domain, which comes into being with its first port."""
    if args.bd_id & features.ALL_BITS > MAX_ID:
        raise CommandError("bridge domain ID exceed 16M limit")
    port = PortType.UU_FORWARD if args.uu_forward else PortType.BVI if args.bvi else PortType.NORMAL
    domain = ctx.engine.get(BridgeDomains).find_or_add(args.bd_id)
    ctx.engine.get(L2Interfaces).set_bridge(ctx.engine.interfaces[args.interface], domain, port, args.shg & 0xFF)


def _switch(ctx: CommandContext, args: Args, feature: int) -> None:
    ctx.engine.get(L2Interfaces).switch_input(ctx.engine.interfaces[args.interface], feature, not args.disable)


SWITCH = sequence(NAMED, optional(flag("disable")))


@command("set interface l2 learn", SWITCH, help="set interface l2 learn <interface> [disable]")
def set_learn(ctx: CommandContext, args: Args) -> None:
    """Let a port learn, or not."""
    _switch(ctx, args, features.LEARN)


@command("set interface l2 forward", SWITCH, help="set interface l2 forward <interface> [disable]")
def set_forward(ctx: CommandContext, args: Args) -> None:
    """Let a cross-connect forward, or not: VPP switches that, also where it means the ports of bridge domains."""
    _switch(ctx, args, features.XCONNECT)


@command("set interface l2 flood", SWITCH, help="set interface l2 flood <interface> [disable]")
def set_flood(ctx: CommandContext, args: Args) -> None:
    """Let what a port receives be flooded, or not."""
    _switch(ctx, args, features.FLOOD)


@command("set interface l3", NAMED, help="set interface l3 <interface>")
def set_l3(ctx: CommandContext, args: Args) -> None:
    """Let an interface route again."""
    ctx.engine.get(L2Interfaces).set_l3(ctx.engine.interfaces[args.interface])


def _tagged(words: str, operation: Operation, dot1q: bool) -> Argument:
    """`WORDS dot1q|dot1ad TAG [TAG]`."""
    ids = (signed("first"), signed("second"))[: operation.pushes]
    literal = f"{words} {'dot1q' if dot1q else 'dot1ad'}"
    return sequence(keyword(literal, "asked", (operation, dot1q), None), *ids)


REWRITES = (
    ("push", Operation.PUSH_2), ("push", Operation.PUSH_1), ("translate 1-1", Operation.TRANSLATE_1_1),
    ("translate 2-1", Operation.TRANSLATE_2_1), ("translate 2-2", Operation.TRANSLATE_2_2), ("translate 1-2", Operation.TRANSLATE_1_2),
)  # fmt: skip
EXPECTED = (
    "expecting [disable | pop 1 | pop 2 | push {dot1q|dot1ah} <tag> [<tag>]\n"
    " | translate {1|2}-{1|2} {dot1q|dot1ah} <tag> [<tag>]] but got `%U'"
)


@command(
    "set interface l2 tag-rewrite",
    sequence(
        NAMED,
        one_of(
            keyword("disable"),
            keyword("pop 1", "asked", (Operation.POP_1, False), None),
            keyword("pop 2", "asked", (Operation.POP_2, False), None),
            *(_tagged(words, operation, dot1q) for words, operation in REWRITES for dot1q in (True, False)),
        ).or_error(EXPECTED),
    ),
    help="set interface l2 tag-rewrite <interface> [disable | pop {1|2} | push {dot1q|dot1ad} <tag> <tag>]",
)
def set_tag_rewrite(ctx: CommandContext, args: Args) -> None:
    """Rewrite the tags of what an interface receives, and undo that in what it sends."""
    rewrite = None
    if args.asked is not None:
        operation, dot1q = args.asked
        rewrite = TagRewrite(operation, Tags(dot1q, (args.first, args.second)[: operation.pushes]))
    ctx.engine.get(L2Interfaces).set_rewrite(ctx.engine.interfaces[args.interface], rewrite)


EXPECTED_BACKBONE = (
    "expecting [disable | pop | push | translate_pbb_stag <outer_tag>\n"
    "dmac <address> smac <address> s_id <nn> [b_vlanid <nn>]]"
)  # fmt: skip


@command(
    "set interface l2 pbb-tag-rewrite",
    options(
        interface(), keyword("disable"), keyword("pop", "pop"), keyword("push", "push"),
        sequence(keyword("translate_pbb_stag", "translate"), signed("outer_tag")),
        keyed("dmac", mac("dst")), keyed("smac", mac("src")), keyed("b_vlanid", signed("vlan", 0)), keyed("s_id", signed("service")),
        error=EXPECTED_BACKBONE,
    ),
    help="set interface l2 pbb-tag-rewrite <interface> [disable | pop | push | translate_pbb_stag <outer_tag> dmac <address> "
    "smac <address> s_id <nn> [b_vlanid <nn>]]",
)  # fmt: skip
def set_backbone_rewrite(ctx: CommandContext, args: Args) -> None:
    """Take the header of a provider backbone bridge off what an interface receives, or put one on; the opposite for what it sends."""
    if (args.push or args.translate) and (args.dst is None or args.src is None or args.service is None):
        raise CommandError("expecting dmac <address> smac <address> s_id <nn> [b_vlanid <nn>]")
    if args.interface is None:
        raise CommandError("pbb tag rewrite is not compatible with interface")
    rewrite = None
    if args.pop or args.push or args.translate:
        tags = BackboneTags(args.dst, args.src, args.vlan, args.service, blank=False) if args.push else BackboneTags()
        rewrite = BackboneRewrite(args.pop, args.push, tags)
    ctx.engine.get(L2Interfaces).set_backbone(ctx.engine.interfaces[args.interface], rewrite)


@command("set interface l2 efp-filter", SWITCH, help="set interface l2 efp-filter <interface> [disable]")
def set_efp_filter(ctx: CommandContext, args: Args) -> None:
    """Let a frame leave by a sub-interface only with that one's tags, or with any."""
    interface = ctx.engine.interfaces[args.interface]
    ctx.engine.get(L2Interfaces).switch_output(interface, features.EFP_FILTER_OUT, not args.disable)


@command("show mode", options(interface("chosen", many=True)), help="show mode [<if-name1> <if-name2> ...]")
def show_mode(ctx: CommandContext, args: Args) -> str:
    """Who takes the packets of interfaces: those that were named, or all by index."""
    interfaces, modes = ctx.engine.interfaces, ctx.engine.get(L2Interfaces)
    lines = []
    for one in [interfaces[index] for index in args.chosen] or interfaces:
        config = modes.of(one)
        if config.mode is Mode.BRIDGE and config.domain is not None:
            bvi = " bvi" if modes.is_bvi[one.sw_if_index] else ""
            what = f"bd_id {config.domain.bd_id}{bvi} shg {config.shg}"
        else:
            what = config.peer.name if config.peer is not None else " "
        lines.append(f"{config.mode.value} {one.name} {what}")
    return "\n".join(lines)
