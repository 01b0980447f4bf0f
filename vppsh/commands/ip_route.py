"""ip route: static routes (VPP's vnet/ip/lookup.c)."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter

from vppsh.commands.context import CommandContext
from vppsh.commands.route_path import ROUTE_PATHS
from vppsh.engine.fib.dpo import DROPS, PUNTS, Dpo
from vppsh.engine.fib.fib import Fib
from vppsh.engine.fib.special import NullAction, null_dpo
from vppsh.engine.fib.table import FibTable
from vppsh.engine.fib.types import EntryFlag, Prefix, Protocol, RoutePath, Source
from vppsh.errors import CommandError
from vppsh.grammar.arguments import (
    Args,
    IpPrefix,
    Reader,
    floating,
    ip4_prefix,
    ip6_prefix,
    keyed,
    keyword,
    line_input,
    one_of,
    options,
    read_with,
    signed,
)
from vppsh.registry import command

MAX_COUNT = 1 << 24
"""More prefixes in a row than this are a slip of the keyboard."""
SpecialDpo = Callable[[Protocol], Dpo]
SPECIALS: dict[str, SpecialDpo] = {
    "drop": lambda protocol: DROPS[protocol],
    "punt": lambda protocol: PUNTS[protocol],
    "null-send-unreach": lambda protocol: null_dpo(protocol, NullAction.UNREACHABLE),
    "null-send-prohibit": lambda protocol: null_dpo(protocol, NullAction.PROHIBIT),
    "null": lambda protocol: null_dpo(protocol, NullAction.DISCARD),
}
"""What can stand after `via` besides a path: the packet meets just that object."""


def _read_special(reader: Reader) -> SpecialDpo | None:
    return next((dpo for word, dpo in SPECIALS.items() if reader.word(word)), None)


ROUTE = options(
    keyed("table", signed("table", 0)),
    keyed("count", floating("count", 1.0)),
    ip4_prefix("prefixes", many=True),
    ip6_prefix("prefixes", many=True),
    keyed("via", ROUTE_PATHS),
    keyed("via", read_with("specials", _read_special, many=True, first="dpn", metavar="|".join(SPECIALS))),
    one_of(keyword("del", "delete"), keyword("add", "delete", False)),
    error="parse error `%U'",
)


@command(
    "ip route",
    line_input(ROUTE),
    help="ip route [add|del] [count <n>] <dst-ip-addr>/<width> [table <table-id>] via [next-hop-address] [next-hop-interface] "
    "[next-hop-table <value>] [weight <value>] [preference <value>] [ip4-lookup-in-table <value>] [ip6-lookup-in-table <value>] "
    "[mpls-lookup-in-table <value>] [via-label <label>] [out-labels <label> ...] "
    "[resolve-via-host] [resolve-via-attached] [rx-ip4|rx-ip6 <interface>] [drop] [local] | "
    "[drop|punt|null|null-send-unreach|null-send-prohibit]",
)
def ip_route(ctx: CommandContext, args: Args) -> str | None:
    """Add or delete routes: to one prefix or `count` prefixes in a row, over one path or several."""
    prefixes: tuple[IpPrefix, ...] = args.prefixes
    if not prefixes:
        raise CommandError("expected ip4/ip6 destination address/length.")
    if not args.delete and not args.routes and not args.specials:
        raise CommandError("expected paths.")
    if not args.count <= MAX_COUNT:
        raise CommandError(f"count {args.count:g} is more than {MAX_COUNT}")
    first = Protocol.IP6 if prefixes[0].version == 6 else Protocol.IP4
    table = ctx.engine.get(Fib).tables(first).find(args.table & 0xFFFFFFFF)
    if table is None:
        raise CommandError(f"Nonexistent table id {args.table}")
    out: list[str] = []
    for prefix in prefixes:
        protocol = Protocol.IP6 if prefix.version == 6 else Protocol.IP4
        if protocol is not first:
            table = ctx.engine.get(Fib).tables(protocol)[table.index]
        wanted = Prefix(protocol, prefix.value, prefix.length)
        if args.delete and not args.routes:
            if 0 <= wanted.length <= protocol.bits:
                table.delete(wanted, Source.CLI)
        elif not args.delete and len(args.specials) == 1:
            _check_length(wanted)
            table.special_add(wanted, Source.CLI, EntryFlag.EXCLUSIVE, args.specials[0](protocol))
        elif args.specials:
            raise CommandError("Load-balancing over multiple special adjacencies is unsupported", output="".join(out))
        else:
            out += _change(table, wanted, args.routes, int(args.count), delete=args.delete)
    return "".join(out) or None


def _check_length(prefix: Prefix) -> None:
    if not 0 <= prefix.length <= prefix.protocol.bits:
        raise CommandError(f"Invalid prefix len: {prefix.length & 0xFFFF}")


def _change(table: FibTable, prefix: Prefix, routes: tuple[RoutePath, ...], count: int, *, delete: bool) -> list[str]:
    """Add or delete paths of `count` prefixes; what VPP says about it."""
    begin = perf_counter()
    bits = prefix.protocol.bits
    if not 0 <= prefix.length <= bits:
        return [f"Invalid prefix len: {prefix.length & 0xFFFF}\n"] * max(count, 0)
    change = table.path_remove if delete else _adding(table)
    step, size = 1 << bits - prefix.length, 1 << bits
    if count == 1:
        change(prefix, Source.CLI, routes)
        return []
    for number in range(count):
        change(prefix._replace(address=(prefix.address + number * step) % size), Source.CLI, routes)
    rate = count / max(perf_counter() - begin, 1e-9)
    return [f"{rate:.6e} routes/sec\n"] if count > 1 else []


def _adding(table: FibTable) -> Callable[[Prefix, Source, tuple[RoutePath, ...]], None]:
    def add(prefix: Prefix, source: Source, routes: tuple[RoutePath, ...]) -> None:
        table.path_add(prefix, source, EntryFlag.NONE, routes)

    return add
