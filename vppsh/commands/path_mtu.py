"""set ip pmtu, show ip pmtu (VPP's vnet/ip/ip_path_mtu.c).

VPP sets path MTUs by its API only (ip_path_mtu_update): `set ip pmtu` is vppsh's own.
"""

from __future__ import annotations

from vppsh.commands.context import CommandContext, structured
from vppsh.engine.fib.fib import Fib
from vppsh.engine.fib.types import Protocol
from vppsh.engine.path_mtu import PathMtu, PathMtus
from vppsh.errors import CommandError
from vppsh.grammar.arguments import Args, ip_address, keyed, keyword, line_input, one_of, options, signed, unsigned
from vppsh.registry import command

HIGHEST = 0xFFFE


@command(
    "set ip pmtu",
    line_input(
        options(
            keyed("table", unsigned("table", 0)),
            ip_address("peer"),
            one_of(keyword("del", "delete"), unsigned("mtu")),
            error="parse error `%U'",
        )
    ),
    help="set ip pmtu <ip-address> <mtu>|del [table <table-id>]",
)
def set_path_mtu(ctx: CommandContext, args: Args) -> None:
    """Say how long packets to a peer may be, or forget it."""
    if args.peer is None:
        raise CommandError("expected the address of a peer")
    if not args.delete and (args.mtu is None or not 0 < args.mtu <= HIGHEST):
        raise CommandError(f"expected an MTU between 1 and {HIGHEST}, or del")
    protocol = Protocol.IP6 if args.peer.version == 6 else Protocol.IP4
    table = ctx.engine.get(Fib).tables(protocol).find(args.table)
    if table is None:
        raise CommandError(f"no {protocol.text} table {args.table}")
    ctx.engine.get(PathMtus).set(table, protocol, args.peer.value, 0 if args.delete else args.mtu)


def _record(known: PathMtu) -> dict[str, object]:
    return {
        "index": known.index, "table": known.table.table_id, "peer": str(known.peer), "configured": known.configured,
        "operational": known.operational, "attached": known.attached,
    }  # fmt: skip


@command("show ip pmtu", options(signed("index"), error=None), help="show ip path MTU")
def show_path_mtu(ctx: CommandContext, args: Args) -> str:
    """All peers whose path MTU is set, or the one of that number."""
    known = ctx.engine.get(PathMtus)
    if args.index is None:
        return structured("\n".join(map(str, known)), [_record(each) for each in known])
    one = known.find(args.index)
    return f"entry {args.index} invalid" if one is None else structured(str(one), [_record(one)])
