"""show, clear, set l2fib, l2fib add, del, flush-mac; test l2fib (VPP's vnet/l2/l2_fib.c)."""

from __future__ import annotations

from vppsh.commands.columns import center
from vppsh.commands.context import CommandContext, structured
from vppsh.engine.features.l2.bridge_domains import BridgeDomain, BridgeDomains
from vppsh.engine.features.l2.l2fib import FLAGS_SHIFT, NO_INTERFACE, Entry, EntryFlag, L2Fib, make_entry, make_key
from vppsh.engine.features.l2.learn import SECONDS_PER_MINUTE, TIMESTAMPS
from vppsh.engine.features.l2.modes import L2Interfaces
from vppsh.engine.wire.float_text import format_float
from vppsh.engine.wire.text import format_ethernet_address
from vppsh.errors import CommandError
from vppsh.grammar.arguments import Args, flag, interface, keyed, mac, one_of, optional, options, sequence, signed
from vppsh.registry import command

NAMED = interface().or_error("unknown interface `%U'")
HEAD = (
    ("Mac-Address", 19), ("BD-Idx", 7), ("If-Idx", 7), ("BSN-ISN", 8), ("Age(min)", 9), ("static", 7), ("filter", 7), ("bvi", 5),
    ("Interface-Name", 30),
)  # fmt: skip
# `test l2fib` adds to the default domain, for an interface of this index.
TEST_INTERFACE = 8
ALL_DOMAINS = 1 << 31


@command(
    "show l2fib",
    options(
        flag("raw"),
        flag("verbose"), flag("all", "verbose"), keyed("bd_index", signed("bd_index")), flag("learn"), flag("add"),
        keyed("bd_id", signed("bd_id")),
        error=None,
    ),
    help="show l2fib [all] | [bd_id <nn> | bd_index <nn>] [learn | add] | [raw]",
)  # fmt: skip
def show_l2fib(ctx: CommandContext, args: Args) -> str:
    """How many addresses are known; which, when asked for all or for some."""
    fib, domains = ctx.engine.get(L2Fib), ctx.engine.get(BridgeDomains)
    wanted = args.bd_index
    if args.bd_id is not None:
        domain = domains.find(args.bd_id)
        if domain is None:
            raise CommandError(f"bridge domain id {args.bd_id} doesn't exist")
        wanted = domain.index
    if args.raw:
        raise CommandError("raw is not supported: vppsh has no hash table of VPP's shape to show")
    if not len(fib):
        return structured("no l2fib entries", [])
    lines: list[str] = []
    shown: list[Entry] = []
    if args.verbose or args.learn or args.add or wanted is not None:
        provisioned = {(True, False): False, (False, True): True}.get((args.learn, args.add))
        shown = [
            entry
            for entry in fib.entries()
            if (wanted is None or wanted & ALL_DOMAINS or entry.bd_index == wanted)
            and provisioned in (None, bool(entry.flags & EntryFlag.AGE_NOT))
        ]
        lines = ["".join(center(title, width) for title, width in HEAD), *(_line(ctx, entry) for entry in shown)]
    lines.append(
        f"L2FIB total/learned entries: {len(fib)}/{domains.learn_count}  "
        f"Last scan time: {format_float(fib.scan_seconds, 4, 'e')}sec  Learn limit: {domains.learn_limit} "
    )
    return structured("\n".join(lines), [_as_data(entry) for entry in shown])


def _line(ctx: CommandContext, entry: Entry) -> str:
    def mark(bit: EntryFlag) -> str:
        return "*" if entry.flags & bit else "-"

    interfaces = ctx.engine.interfaces
    name = "N/A"
    if entry.sw_if_index >= 0:
        name = interfaces[entry.sw_if_index].name if entry.sw_if_index in interfaces else "Stale"
    sequences = f"{entry.sequence >> 8:3d}/{entry.sequence & 0xFF:<3d}"
    columns = (
        center(format_ethernet_address(entry.mac), 19), center(entry.bd_index, 7), center(entry.sw_if_index, 7), " ", sequences,
        center(_age(ctx, entry), 9), center(mark(EntryFlag.STATIC), 7), center(mark(EntryFlag.FILTER), 7), center(mark(EntryFlag.BVI), 5),
        center(name, 30),
    )  # fmt: skip
    return "".join(columns)


def _age(ctx: CommandContext, entry: Entry) -> str:
    """Minutes since the address was heard, `-` in a domain that does not forget, `no` for what was configured."""
    if entry.flags & EntryFlag.AGE_NOT:
        return "no"
    if not ctx.engine.get(BridgeDomains)[entry.bd_index].mac_age:
        return "-"
    return str((int(ctx.engine.clock.now() // SECONDS_PER_MINUTE) - entry.timestamp) % TIMESTAMPS)


def _as_data(entry: Entry) -> dict[str, object]:
    """An entry for `| json`."""
    return {
        "mac": format_ethernet_address(entry.mac), "bd_index": entry.bd_index, "sw_if_index": entry.sw_if_index,
        "static": bool(entry.flags & EntryFlag.STATIC), "filter": bool(entry.flags & EntryFlag.FILTER),
        "bvi": bool(entry.flags & EntryFlag.BVI), "learned": not entry.flags & EntryFlag.AGE_NOT,
    }  # fmt: skip


@command("clear l2fib", help="clear l2fib")
def clear_l2fib(ctx: CommandContext, args: Args) -> None:
    """Forget every address, also those that were configured."""
    ctx.engine.get(L2Fib).clear()
    domains = ctx.engine.get(BridgeDomains)
    domains.learn_count = 0
    for index in range(len(domains)):
        domains[index].learn_count = 0


def _add(ctx: CommandContext, address: bytes, domain: BridgeDomain, sw_if_index: int, flags: EntryFlag) -> None:
    """Add an entry, or take the place of one."""
    key = make_key(address, domain.index)
    _uncount(ctx, domain, key)
    ctx.engine.get(L2Fib).update({key: make_entry(sw_if_index, flags | EntryFlag.AGE_NOT)})


def _uncount(ctx: CommandContext, domain: BridgeDomain, key: int) -> bool:
    """A learned entry goes, if there is one; whether there is any."""
    entry = ctx.engine.get(L2Fib).get(key)
    if entry is None:
        return False
    if not entry >> FLAGS_SHIFT & EntryFlag.AGE_NOT:
        domains = ctx.engine.get(BridgeDomains)
        domains.learn_count = max(0, domains.learn_count - 1)
        domain.learn_count = max(0, domain.learn_count - 1)
    return True


def _known(ctx: CommandContext, bd_id: int) -> BridgeDomain:
    domain = ctx.engine.get(BridgeDomains).find(bd_id)
    if domain is None:
        raise CommandError(f"bridge domain ID {bd_id} invalid")
    return domain


STATION = (mac("mac").or_error("expected mac address `%U'"), signed("bd_id").or_error("expected bridge domain ID `%U'"))


@command(
    "l2fib add",
    sequence(*STATION, optional(one_of(flag("filter"), sequence(interface(), optional(one_of(flag("static"), flag("bvi"))))))),
    help="l2fib add <mac> <bridge-domain-id> filter | <intf> [static | bvi]",
)
def l2fib_add(ctx: CommandContext, args: Args) -> None:
    """Say where a station is, or that frames from and to it are dropped."""
    domain = _known(ctx, args.bd_id)
    if args.filter:
        _add(ctx, args.mac, domain, NO_INTERFACE, EntryFlag.FILTER | EntryFlag.STATIC)
        return
    if args.interface is None:
        raise CommandError(ctx.input.error_text("unknown interface `%U'"))
    flags = EntryFlag.STATIC if args.static else EntryFlag.STATIC | EntryFlag.BVI if args.bvi else EntryFlag(0)
    _add(ctx, args.mac, domain, args.interface, flags)


@command("l2fib del", sequence(*STATION), help="l2fib del <mac> <bridge-domain-id> []")
def l2fib_del(ctx: CommandContext, args: Args) -> None:
    """Forget one station."""
    domain = _known(ctx, args.bd_id)
    key = make_key(args.mac, domain.index)
    if not _uncount(ctx, domain, key):
        raise CommandError("mac entry not found")
    ctx.engine.get(L2Fib).remove([key])


@command("l2fib flush-mac interface", NAMED, help="l2fib flush-mac interface <if-name>")
def flush_interface(ctx: CommandContext, args: Args) -> None:
    """Forget what was learned on an interface."""
    ctx.engine.get(L2Interfaces).flush(ctx.engine.interfaces[args.interface])


@command("l2fib flush-mac all", help="l2fib flush-mac all")
def flush_all(ctx: CommandContext, args: Args) -> None:
    """Forget everything that was learned."""
    ctx.engine.get(BridgeDomains).flush_all()


@command(
    "l2fib flush-mac bridge-domain",
    signed("bd_id").or_error("expecting bridge-domain id but got `%U'"),
    help="l2fib flush-mac bridge-domain <bd-id>",
)
def flush_domain(ctx: CommandContext, args: Args) -> None:
    """Forget what a domain has learned."""
    domain = ctx.engine.get(BridgeDomains).find(args.bd_id)
    if domain is None:
        raise CommandError(f"No such bridge domain {args.bd_id}")
    ctx.engine.get(BridgeDomains).flush(domain)


@command(
    "test l2fib",
    options(
        keyed("mac", mac("mac")), flag("add"), flag("del", "delete"), flag("check"), keyed("count", signed("count", 1)), error=None
    ),
    help="test l2fib [add|del|check] mac <base-addr> count <nn>",
)  # fmt: skip
def test_l2fib(ctx: CommandContext, args: Args) -> str | None:
    """Add, delete or look for neighbouring addresses of the default domain."""
    if args.mac is None:
        raise CommandError("mac not set")
    if not (args.add or args.delete or args.check):
        raise CommandError("noop: pick at least one of (add,del,check)")
    fib, first = ctx.engine.get(L2Fib), int.from_bytes(args.mac, "big")
    keys = [make_key((first + offset & (1 << 48) - 1).to_bytes(6, "big"), 0) for offset in range(args.count)]
    missing = None
    if args.add:
        fib.update({key: make_entry(TEST_INTERFACE, EntryFlag.AGE_NOT) for key in keys})
    if args.check:
        missing = next((offset for offset, key in enumerate(keys) if fib.get(key) is None), None)
    if args.delete:
        fib.remove(keys)
    return None if missing is None else f"key {format_ethernet_address((first + missing).to_bytes(6, 'big'))} AWOL"


@command(
    "set l2fib scan-delay", signed("delay").or_error("expecting delay but got `%U'"), help="set l2fib scan-delay <delay>"
)  # fmt: skip
def set_scan_delay(ctx: CommandContext, args: Args) -> None:
    """Forget what was learned: VPP does so when the delay of its events changes, which only clients of its API get."""
    ctx.engine.get(BridgeDomains).flush_all()
