"""classify filter, show classify filter: what traces and captures with `filter` choose (VPP's vnet_classify.c)."""

from __future__ import annotations

from vppsh.commands.classify_mask import Mask, mask
from vppsh.commands.classify_match import match
from vppsh.commands.context import CommandContext
from vppsh.engine.classify import VECTOR, ClassifyFailure, ClassifySession, ClassifyTable, ClassifyTables
from vppsh.engine.packet_filters import PCAP, PacketFilters
from vppsh.errors import CommandError
from vppsh.grammar.arguments import Args, flag, interface, keyed, level, line_input, optional, options, sequence, signed
from vppsh.grammar.values import pattern
from vppsh.registry import command

DEFAULT_BUCKETS = 8
DEFAULT_MEMORY = 128 << 10
UNITS = {"": 0, "k": 10, "m": 20, "g": 30}
COLUMN = 30


@command(
    "classify filter",
    line_input(
        sequence(
            options(
                flag("del", "delete"),
                level("pcap"),
                flag("trace"),
                interface(),
                keyed("buckets", signed("buckets", DEFAULT_BUCKETS)),
                keyed("mask", mask("mask")),
                keyed("memory-size", pattern("memory", r"(\d+)([kKmMgG]?)", lambda found: int(found[1]) << UNITS[found[2].lower()],
                                             DEFAULT_MEMORY)),
                error=None,
            ),
            optional(keyed("match", match("match"))),
        )
    ),
    help="classify filter <intfc> | pcap mask <mask-value> match <match-value>\n"
    "  | trace mask <mask-value> match <match-value> [del]\n"
    "    [buckets <nn>] [memory-size <n>]",
)  # fmt: skip
def classify_filter(ctx: CommandContext, args: Args) -> None:
    """Add a table (unless one has the same mask) and a session to the filter of traces, captures or an interface."""
    sw_if_index = PCAP if args.pcap and args.interface is None else args.interface
    if args.interface == 0:
        raise CommandError("Local interface not supported...")
    if not args.delete and args.mask is None:
        raise CommandError("Mask required")
    if sw_if_index is None and not args.trace:
        raise CommandError("Must specify trace, pcap or interface...")
    if args.trace and args.pcap:
        raise CommandError("Packet trace and pcap are mutually exclusive...")
    if args.trace and sw_if_index is not None:
        raise CommandError("Packet trace filter is per-system")
    filters = ctx.engine.get(PacketFilters)
    if args.delete:
        _set_chain(filters, sw_if_index, None)
        return
    head = filters.trace_chain if sw_if_index is None else filters.chain(sw_if_index)
    tables = ctx.engine.get(ClassifyTables)
    table = _same(tables, head, args.mask)
    if table is None:
        try:
            table = tables.add(args.mask.data, args.mask.skip, args.buckets, args.memory, head)
        except ClassifyFailure as failure:
            raise CommandError(f"vnet_classify_add_del_table returned {failure.error}") from failure
        _set_chain(filters, sw_if_index, tables.by_specificity(table.index))
    if args.match is not None:
        wanted = args.match.ljust((table.skip + table.match) * VECTOR, b"\0")
        table.add(ClassifySession(table.key_of(wanted), opaque=0))


def _same(tables: ClassifyTables, head: int | None, wanted: Mask) -> ClassifyTable | None:
    """The table of a chain that has a mask."""
    return next((table for table in tables.chain(head) if (table.skip, table.mask) == (wanted.skip, wanted.data)), None)


def _set_chain(filters: PacketFilters, sw_if_index: int | None, table: int | None) -> None:
    if sw_if_index is None:
        filters.set_trace_chain(table)
    else:
        filters.set_chain(sw_if_index, table)


@command("show classify filter", optional(level("verbose")), help="show classify filter [verbose [nn]]")
def show_classify_filter(ctx: CommandContext, args: Args) -> str:
    """The first table, or (verbose) all tables, of each filter."""
    filters = ctx.engine.get(PacketFilters)
    tables = ctx.engine.get(ClassifyTables)
    users = [("packet tracer:", filters.trace_chain)]
    for sw_if_index, head in enumerate(filters.chains):
        interface_name = ctx.engine.interfaces[sw_if_index].name if sw_if_index in ctx.engine.interfaces else "DELETED"
        users.append(("pcap rx/tx/drop:" if sw_if_index == PCAP else f"{interface_name}:", head))
    lines = [f"{'Filter Used By':<{COLUMN}} Table(s)", f"{'--------------':<{COLUMN}} --------"]
    for user, head in users:
        if args.verbose:
            shown = " ".join(str(table.index) for table in tables.chain(head)) or "none"
            lines.append(f"{user:<{COLUMN}} table(s) {shown}")
        else:
            lines.append(f"{user:<{COLUMN}} first table {'none' if head is None else head}")
    return "\n".join(lines)
