"""The text of entries and tables, as `show ip fib` and its kin print it.

VPP counterpart: format_fib_entry (vnet/fib/fib_entry.c), ip4_show_fib, ip6_show_fib.
"""

from __future__ import annotations

from vppsh.engine.adjacency_types import format_children
from vppsh.engine.interface_format import centered

from .entry import Entry
from .extension import format_extensions
from .flow_hash import FlowHashConfig
from .table import FibTable
from .types import ENTRY_FLAG_NAMES, SOURCE_FLAG_NAMES, Protocol, SourceFlag, flag_names

FLOW_HASH_NAMES = {
    FlowHashConfig.SRC_ADDR: "src",
    FlowHashConfig.DST_ADDR: "dst",
    FlowHashConfig.SRC_PORT: "sport",
    FlowHashConfig.DST_PORT: "dport",
    FlowHashConfig.PROTO: "proto",
    FlowHashConfig.REVERSE_SRC_DST: "reverse",
    FlowHashConfig.SYMMETRIC: "symmetric",
    FlowHashConfig.FLOW_LABEL: "flowlabel",
    FlowHashConfig.GTPV1_TEID: "gtpv1teid",
}


def format_flow_hash(config: int) -> str:
    """What goes into a flow hash."""
    return "".join(f"{name} " for bit, name in FLOW_HASH_NAMES.items() if config & bit)


def format_table_head(table: FibTable) -> str:
    """The line above a table's entries."""
    return (
        f"{table.name}, fib_index:{table.index}, flow hash:[{format_flow_hash(table.flow_hash)}] "
        f"epoch:{table.epoch} flags:{table.flag_text} locks:[{format_locks(table)}]"
    )


def format_locks(table: FibTable) -> str:
    """Who keeps a table."""
    return "".join(f"{source.text}:{count}, " for source, count in sorted(table.locks.items(), key=lambda lock: lock[0].number))


def format_entry(entry: Entry) -> str:
    """An entry in brief: its prefix and what it contributes."""
    return f"{entry.prefix}\n{_format_forwarding(entry)}"


def format_entry_detail(entry: Entry, *, all_of_it: bool = False) -> str:
    """An entry with its sources and paths, and (`all_of_it`) with its dependents."""
    text = f"{entry.prefix} fib:{entry.table.index} index:{entry.index} locks:{entry.locks + len(entry.children)}"
    for known in entry.sources:
        if not known.state & SourceFlag.ADDED:
            continue
        text += f"\n  {known.source.text} refs:{known.refs}"
        if known.flags:
            text += f" entry-flags:{flag_names(known.flags, ENTRY_FLAG_NAMES)}"
        if known.state:
            text += f" src-flags:{flag_names(known.state, SOURCE_FLAG_NAMES)}"
        text += known.behaviour.format(entry, known) + "\n"
        if known.path_list is not None:
            text += known.path_list.format(4)
        text += format_extensions(known.extensions)
    text += f"\n forwarding: {_format_forwarding(entry)}"
    if not all_of_it or entry.load_balance < 0:
        return text
    children = format_children(entry.children)
    return f"{text}\n Delegates:\n{_format_delegates(entry)} Children:{children}"


def format_counts(table: FibTable) -> str:
    """How many entries of each length a table has."""
    head = f"{centered('Prefix length', 20)}{centered('Count', 16)}"
    lengths = sorted((length, len(entries)) for length, entries in table.by_length.items())
    if table.protocol is Protocol.IP6:
        return "\n".join([head, *(f"{centered(str(length), 20)}{centered(str(count), 16)}" for length, count in reversed(lengths))])
    return "\n".join([head, *(f"{length:20}{count:16}" for length, count in lengths)])


def _format_delegates(entry: Entry) -> str:
    lines = [
        f"  {chain.text}-chain\n  [@0]: {entry.table.fib.load_balances.format(row, 2)}\n"
        for chain, row in sorted((entry.chains or {}).items())
    ]
    if entry.covered:
        lines.append(f"  covered:[{''.join(f'{{entry:{each.index}}}' for each in reversed(list(entry.covered)))}]\n")
    tracker = entry.table.fib.trackers.of(entry)
    if tracker is not None:
        lines.append(f"  {tracker.format()}\n")
    return "".join(lines)


def _format_forwarding(entry: Entry) -> str:
    if entry.load_balance < 0:
        return "  UNRESOLVED"
    balance = entry.table.fib.load_balances.format(entry.load_balance, 2)
    return f"  {entry.chain.text}-chain\n  [@0]: {balance}"
