"""l2 rewrite entry, set interface l2 rewrite, set bridge-domain rewrite, show l2 rewrite (VPP's vnet/l2/l2_rw.c)."""

from __future__ import annotations

from vppsh.commands.context import CommandContext
from vppsh.engine.classify import VECTOR
from vppsh.engine.classify_lookup import NO_TABLE
from vppsh.engine.classify_text import format_bytes
from vppsh.engine.features.classify.l2_rewrite import NO_ENTRY, L2Rewrites, RewriteConfig
from vppsh.engine.features.l2 import features
from vppsh.engine.features.l2.bridge_domains import BridgeDomains
from vppsh.errors import CommandError
from vppsh.grammar.arguments import Args, flag, hex_string, interface, keyed, optional, options, sequence, signed
from vppsh.registry import command


@command(
    "l2 rewrite entry",
    options(
        keyed("index", signed("index")), keyed("mask", hex_string("mask")), keyed("value", hex_string("value")),
        keyed("skip", signed("skip", 0)), flag("del", "delete"),
        error=None,
    ),
    help="l2 rewrite entry [index <index>] [mask <hex-mask>] [value <hex-value>] [skip <n_bytes>] [del]",
)  # fmt: skip
def l2_rewrite_entry(ctx: CommandContext, args: Args) -> None:
    """Bytes to write into packets; also to take an entry away VPP wants its bytes."""
    if not args.mask or not args.value:
        raise CommandError("Unspecified mask or value")
    if len(args.mask) != len(args.value):
        raise CommandError("Mask and value lengths must be identical")
    rewrites = ctx.engine.get(L2Rewrites)
    if args.delete:
        # Without an index VPP makes an entry and takes it away.
        done = args.index is None or rewrites.remove(args.index)
    else:
        done = rewrites.add(args.mask, args.value, args.skip, args.index)
    if not done:
        raise CommandError("Could not add entry")


@command(
    "set interface l2 rewrite",
    sequence(
        optional(interface()),
        options(keyed("table", signed("table", NO_TABLE)), keyed("miss-index", signed("miss", NO_ENTRY)), error=None),
    ),
    help="set interface l2 rewrite <interface> [table <table index>] [miss-index <entry-index>]",
)
def set_interface_rewrite(ctx: CommandContext, args: Args) -> None:
    """Rewrite what an interface receives, by a classifier table; without one no longer."""
    if args.interface is None:
        raise CommandError("You must specify an interface 'iface <interface>'")
    ctx.engine.get(L2Rewrites).configure(ctx.engine.interfaces[args.interface], RewriteConfig(args.table, args.miss))


@command(
    "set bridge-domain rewrite",
    sequence(signed("index").or_error("You must specify a bridge domain"), optional(flag("disable"))),
    help="set bridge-domain rewrite <bridge-domain> [disable]",
)
def set_bridge_domain_rewrite(ctx: CommandContext, args: Args) -> None:
    """Let a domain's ports rewrite, or not; as in VPP the domain is named by its index."""
    domains = ctx.engine.get(BridgeDomains)
    if not 0 <= args.index < len(domains):
        raise CommandError(f"No such bridge domain index {args.index}")
    domains.switch(domains[args.index], features.RW, not args.disable)


@command("show l2 rewrite interfaces", help="show l2 rewrite interfaces")
def show_rewrite_interfaces(ctx: CommandContext, args: Args) -> str:
    """The interfaces that were ever told to rewrite."""
    configs = ctx.engine.get(L2Rewrites).configs
    lines = [f"sw_if_index:{index} table-index:{configs[index].table} miss-index:{configs[index].miss}" for index in sorted(configs)]
    return "\n".join(lines) or "No interface is currently using l2 rewrite"


@command("show l2 rewrite entries", help="show l2 rewrite entries")
def show_rewrite_entries(ctx: CommandContext, args: Args) -> str:
    """The bytes of each entry, and how often they were written."""
    entries = ctx.engine.get(L2Rewrites).entries
    lines = []
    for index in sorted(entries):
        entry = entries[index]
        lines.append(f"{index} -  mask:{format_bytes(entry.mask, 0)} value:{format_bytes(entry.value, 0)}")
        lines.append(f"      hits:{entry.hits} skip_bytes:{entry.skip * VECTOR}")
    return "\n".join(lines) or "No entries"
