"""set urpf, set urpf-accept (VPP's plugins/urpf)."""

from __future__ import annotations

from vppsh.commands.context import CommandContext
from vppsh.engine.features.urpf import Mode, Side, Urpf
from vppsh.engine.fib.fib import Fib
from vppsh.engine.fib.types import EntryFlag, Prefix, Protocol, Source
from vppsh.errors import CommandError
from vppsh.grammar.arguments import Args, choice, flag, interface, ip_prefix, keyed, keyword, line_input, one_of, options, signed
from vppsh.registry import command

PARSE_ERROR = "parse error `%U'"
FAMILIES = {name: protocol for protocol in (Protocol.IP4, Protocol.IP6) for name in (protocol.text, protocol.fib_name)}
SYNTAX = "set urpf [ip4|ip6] [rx|tx] [off|strict|loose] <INTERFACE> [table <table>]"


@command(
    "set urpf",
    line_input(
        options(
            interface(),
            choice("mode", {mode.value: mode for mode in Mode}, Mode.STRICT),
            keyed("table", signed("table")),
            choice("protocol", FAMILIES, Protocol.IP4),
            choice("side", {side.value: side for side in Side}, Side.RX),
            error=PARSE_ERROR,
        )
    ),
    help=SYNTAX,
)
def set_urpf(ctx: CommandContext, args: Args) -> None:
    """Check where the sources of an interface's packets are reached."""
    if args.interface is None:
        raise CommandError(ctx.input.error_text("unknown interface `%U'"))
    fib_index = None
    if args.table is not None:
        table = ctx.engine.get(Fib).tables(args.protocol).find(args.table)
        if table is None:
            raise CommandError("unknown table id")
        fib_index = table.index
    ctx.engine.get(Urpf).configure(args.protocol, args.side, args.interface, args.mode, fib_index)


@command(
    "set urpf-accept",
    line_input(
        options(
            keyed("table", signed("table", 0)), one_of(flag("del", "delete"), keyword("add", "delete", value=False)), ip_prefix("prefix"),
            error=PARSE_ERROR,
        )
    ),
    help="set urpf-accept [table <table-id>] [add|del] <PREFIX>",
)  # fmt: skip
def set_urpf_accept(ctx: CommandContext, args: Args) -> None:
    """Let sources within a prefix pass loose checks, though nobody can reach them."""
    if args.prefix is None:
        raise CommandError(ctx.input.error_text(PARSE_ERROR))
    protocol = Protocol.IP6 if args.prefix.version == 6 else Protocol.IP4
    table = ctx.engine.get(Fib).tables(protocol).find(args.table)
    if table is None:
        raise CommandError(f"Nonexistent table id {args.table}")
    prefix = Prefix(protocol, args.prefix.value, min(args.prefix.length, protocol.bits))
    if args.delete:
        table.special_remove(prefix, Source.URPF_EXEMPT)
    else:
        table.special_add(prefix, Source.URPF_EXEMPT, EntryFlag.DROP)
