"""ip mroute: static multicast routes (VPP's vnet/ip/lookup.c)."""

from __future__ import annotations

from dataclasses import replace
from time import perf_counter

from vppsh.commands.context import CommandContext
from vppsh.commands.mfib_flags import read_entry_flags
from vppsh.commands.route_path import RoutePathArgument
from vppsh.engine.fib.fib import Fib
from vppsh.engine.fib.types import PathFlag, Protocol, RoutePath
from vppsh.engine.mfib.tables import Mfib, MfibTable
from vppsh.engine.mfib.types import NO_RPF_ID, EntryFlag, Group, InterfaceFlag, MfibSource
from vppsh.errors import CommandError
from vppsh.grammar.addresses import read_ip4, read_ip4_prefix, read_ip6, read_ip6_prefix
from vppsh.grammar.arguments import Args, Reader, keyed, keyword, line_input, one_of, options, read_with, signed
from vppsh.registry import command

MAX_COUNT = 1 << 20
"""More groups or senders in a row than this are a slip of the keyboard."""
DEFAULT_TABLE = 0
HALF = 1 << 64
READERS = ((Protocol.IP4, read_ip4, read_ip4_prefix), (Protocol.IP6, read_ip6, read_ip6_prefix))


def read_group(reader: Reader) -> Group | None:
    """`SENDER GROUP`, `GROUP/LENGTH` or `GROUP`."""
    start = reader.pos
    for protocol, read_address, _ in READERS:
        sender = read_address(reader)
        group = read_address(reader) if sender is not None else None
        if sender is not None and group is not None:
            return Group(protocol, group, protocol.bits, sender)
        reader.pos = start
    for protocol, _, read_prefix in READERS:
        prefix = read_prefix(reader)
        if prefix is not None:
            return Group(protocol, prefix.value, min(max(prefix.length, 0), protocol.bits))
    for protocol, read_address, _ in READERS:
        group = read_address(reader)
        if group is not None:
            return Group(protocol, group, protocol.bits)
    return None


def _read_local(reader: Reader) -> RoutePath | None:
    """The path of packets that are for us; of which protocol the group tells."""
    if not reader.word("via local Forward"):
        return None
    return RoutePath(Protocol.IP4, flags=PathFlag.LOCAL, multicast_flags=int(InterfaceFlag.FORWARD))


MROUTE = options(
    keyed("table", signed("table", 0)),
    one_of(keyword("del", "delete"), keyword("add", "delete", value=False)),
    keyed("rpf-id", signed("rpf_id", NO_RPF_ID)),
    keyed("scount", signed("scount", 1)),
    keyed("gcount", signed("gcount", 1)),
    read_with("groups", read_group, many=True, metavar="[<src-addr>] <grp-addr>[/<width>]"),
    read_with("routes", _read_local, many=True, first="v", metavar="via local Forward"),
    keyed("via", RoutePathArgument("routes", prefixes="groups")),
    read_with("flags", read_entry_flags, EntryFlag(0), first="SDCAEI", metavar="Signal|Connected|..."),
    error="parse error `%U'",
)


@command(
    "ip mroute",
    line_input(MROUTE),
    help="ip mroute [add|del] <dst-ip-addr>/<width> [table <table-id>] [rpf-id <ID>] [via <next-hop-ip-addr> [<interface>],",
)
def ip_mroute(ctx: CommandContext, args: Args) -> str | None:
    """Say where packets to a group may come in and where they go, or what else becomes of them."""
    group: Group = args.groups[-1] if args.groups else Group(Protocol.IP4, 0, 0)
    routes = tuple(replace(route, protocol=group.protocol) if route.flags & PathFlag.LOCAL else route for route in args.routes)
    fib_index = DEFAULT_TABLE
    if args.table >= 0:
        unicast = ctx.engine.get(Fib).tables(group.protocol).find(args.table)
        if unicast is None:
            raise CommandError(f"Nonexistent table id {args.table}")
        fib_index = unicast.index
    if not args.delete and not routes and not args.flags and args.rpf_id == NO_RPF_ID:
        raise CommandError("expected paths or flags.")
    if not 0 <= args.scount <= MAX_COUNT or not 0 <= args.gcount <= MAX_COUNT:
        raise CommandError(f"scount and gcount are {MAX_COUNT} at most")
    table = ctx.engine.get(Mfib).table(group.protocol, fib_index)
    begin = perf_counter()
    for _ in range(args.scount):
        for _ in range(args.gcount):
            _change(table, group, routes, args)
            group = _next_group(group)
        group = _next_sender(group)
    if args.scount <= 1 and args.gcount <= 1:
        return None
    return f"{args.scount * args.gcount / max(perf_counter() - begin, 1e-9):.6e} routes/sec"


def _change(table: MfibTable, group: Group, routes: tuple[RoutePath, ...], args: Args) -> None:
    entry = table.find(group)
    if args.delete and not routes:
        if entry is not None:
            entry.remove_source(MfibSource.CLI)
    elif args.flags or args.rpf_id != NO_RPF_ID:
        # Of a group that is not there yet, an RPF-ID says nothing.
        if entry is not None or args.flags:
            entry = table.find_or_create(group)
            entry.set_flags(MfibSource.CLI, args.flags, args.rpf_id)
    elif not args.delete:
        entry = table.find_or_create(group)
        entry.update_paths(MfibSource.CLI, routes)
    elif entry is not None:
        entry.remove_paths(MfibSource.CLI, routes)
    if entry is not None:
        table.remove_if_unused(entry)


def _next_group(group: Group) -> Group:
    """The group behind this one. As in VPP, IPv6 groups of a few hosts are counted in the upper half of the address."""
    if group.protocol is Protocol.IP4:
        return group._replace(group=group.group + (1 << (32 - group.length) % 32) & 0xFFFFFFFF)
    step = 1 << (128 - group.length) % 32
    upper, lower = divmod(group.group, HALF)
    if step < 64:
        upper = (upper + step) % HALF
    else:
        lower = (lower + step) % HALF
    return group._replace(group=upper * HALF + lower)


def _next_sender(group: Group) -> Group:
    upper, lower = divmod(group.source, HALF)
    if group.protocol is Protocol.IP4:
        return group._replace(source=group.source + 1 & 0xFFFFFFFF)
    return group._replace(source=upper * HALF + (lower + 1) % HALF)
