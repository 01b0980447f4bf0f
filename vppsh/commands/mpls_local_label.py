"""mpls local-label: what is done with packets that come with a label (VPP's vnet/mpls/mpls.c)."""

from __future__ import annotations

from vppsh.commands.context import CommandContext
from vppsh.commands.route_path import LABEL_PATHS
from vppsh.engine.fib import local_label
from vppsh.engine.fib.fib import Fib
from vppsh.engine.fib.types import EntryFlag, Prefix, Protocol, RoutePath, Source
from vppsh.errors import CommandError
from vppsh.grammar.arguments import Args, ip4_prefix, ip6_prefix, keyed, keyword, line_input, one_of, options, signed
from vppsh.registry import command

LABELS = 1 << 20
LOCAL_LABEL = options(
    keyed("table", signed("table", 0)),
    one_of(keyword("del", "delete"), keyword("add", "delete", False)),
    one_of(keyword("eos", "end_of_stack", 1, 0), keyword("non-eos", "end_of_stack", 0, 0)),
    ip4_prefix("prefix"),
    ip6_prefix("prefix"),
    keyed("via", LABEL_PATHS),
    signed("label"),
    error="unknown input: %U",
)


@command(
    "mpls local-label",
    line_input(LOCAL_LABEL),
    help="mpls local-label [add|del] <label-value> [eos|non-eos] [table <table-id>] via [next-hop-address] [next-hop-interface] "
    "[next-hop-table <value>] [weight <value>] [preference <value>] [ip4-lookup-in-table <value>] [ip6-lookup-in-table <value>] "
    "[mpls-lookup-in-table <value>] [resolve-via-host] [resolve-via-attached] [rx-ip4|rx-ip6 <interface>] "
    "[out-labels <value value value>] | mpls local-label [add|del] <label-value> <ip-prefix>",
)
def mpls_local_label(ctx: CommandContext, args: Args) -> None:
    """Swap or pop a label, or forward what comes with it as an IP prefix is forwarded."""
    if args.label is None:
        raise CommandError("local-label required:")
    if not 0 <= args.label < LABELS:
        raise CommandError(f"label {args.label} is not between 0 and {LABELS - 1}")
    if args.prefix is not None:
        _bind(ctx, args)
        return
    if not args.routes:
        raise CommandError("no paths")
    routes: tuple[RoutePath, ...] = args.routes
    table = ctx.engine.get(Fib).mpls.find(args.table & 0xFFFFFFFF)
    if table is None:
        raise CommandError(f"MPLS table-id {args.table} does not exist")
    prefix = Prefix.of_label(args.label, args.end_of_stack, routes[0].protocol)
    if args.delete:
        table.path_remove(prefix, Source.CLI, routes)
    else:
        table.path_add(prefix, Source.CLI, EntryFlag.NONE, routes)


def _bind(ctx: CommandContext, args: Args) -> None:
    """Give an IP prefix the label, or take it away."""
    protocol = Protocol.IP6 if args.prefix.version == 6 else Protocol.IP4
    table = ctx.engine.get(Fib).tables(protocol).find(args.table & 0xFFFFFFFF)
    if table is None:
        raise CommandError(f"{protocol.fib_name} table-id {args.table} does not exist")
    if not 0 <= args.prefix.length <= protocol.bits:
        raise CommandError(f"Invalid prefix len: {args.prefix.length & 0xFFFF}")
    change = local_label.unbind if args.delete else local_label.bind
    change(table, Prefix(protocol, args.prefix.value, args.prefix.length), args.label)
