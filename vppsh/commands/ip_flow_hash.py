"""set ip flow-hash, set ip6 flow-hash (VPP's vnet/ip/ip4_forward.c, ip6_forward.c)."""

from __future__ import annotations

from vppsh.commands.context import CommandContext
from vppsh.engine.fib.fib import Fib
from vppsh.engine.fib.text import FLOW_HASH_NAMES
from vppsh.engine.fib.types import Protocol
from vppsh.errors import CommandError
from vppsh.grammar.arguments import Args, Reader, keyed, options, read_with, signed
from vppsh.registry import command


def _read_part(reader: Reader) -> int | None:
    return next((int(part) for part, name in FLOW_HASH_NAMES.items() if reader.word(name)), None)


FLOW_HASH = options(
    keyed("table", signed("table")),
    read_with("parts", _read_part, many=True, metavar="|".join(FLOW_HASH_NAMES.values())),
    error=None,
)
SYNTAX = "[table <table-id>] [src] [dst] [sport] [dport] [proto] [reverse] [symmetric]"


def _set(ctx: CommandContext, protocol: Protocol, args: Args) -> bool:
    """Set what goes into the hash; whether there is such a table."""
    if args.table is None and not args.parts:
        raise CommandError(ctx.input.error_text("unknown input `%U'"))
    config = 0
    for part in args.parts:
        config |= part
    table = ctx.engine.get(Fib).tables(protocol).find((args.table or 0) & 0xFFFFFFFF)
    if table is not None:
        table.set_flow_hash(config)
    return table is not None


@command("set ip flow-hash", FLOW_HASH, help=f"set ip flow-hash {SYNTAX} [gtpv1teid]")
def set_ip_flow_hash(ctx: CommandContext, args: Args) -> None:
    """Choose what spreads IPv4 flows of a table over equal paths."""
    if not _set(ctx, Protocol.IP4, args):
        raise CommandError(f"no such FIB table {args.table}")


@command("set ip6 flow-hash", FLOW_HASH, help=f"set ip6 flow-hash {SYNTAX} [flowlabel]")
def set_ip6_flow_hash(ctx: CommandContext, args: Args) -> None:
    """Choose what spreads IPv6 flows of a table over equal paths; as in VPP, a table that is missing is no error."""
    _set(ctx, Protocol.IP6, args)
