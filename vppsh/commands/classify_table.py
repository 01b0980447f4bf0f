"""classify table, classify session (VPP's vnet/classify/vnet_classify.c)."""

from __future__ import annotations

from vppsh.commands.classify_mask import Mask, mask
from vppsh.commands.classify_match import match
from vppsh.commands.context import CommandContext
from vppsh.engine.classify import VECTOR, ClassifyError, ClassifyFailure, ClassifySession, ClassifyTables
from vppsh.engine.fib.fib import Fib
from vppsh.engine.fib.types import Protocol, Source
from vppsh.engine.graph import Node
from vppsh.errors import CommandError
from vppsh.grammar.arguments import (
    Args,
    Argument,
    flag,
    interface,
    keyed,
    keyword,
    node_name,
    one_of,
    options,
    pattern,
    sequence,
    signed,
    unsigned,
)
from vppsh.registry import command

DEFAULT_BUCKETS = 2
DEFAULT_MEMORY = 2 << 20
ALL_ONES = 0xFFFFFFFF
UNITS = {"M": 20, "G": 30}
ACTIONS = {"set-ip4-fib-id": 1, "set-ip6-fib-id": 2, "set-sr-policy-index": 3}
TABLES = {1: Protocol.IP4, 2: Protocol.IP6}
# Words for slots: of the nodes that look routed, received and sent layer 2 packets up; of access lists.
ROUTED = {"drop": 0, "rewrite": 5}
RECEIVED = {"drop": 0, "ethernet": 1, "ip4": 2, "ip6": 3}
SENT = {"drop": 0}
ACL = {"deny": 0, "permit": ALL_ONES}
# `ip4-node NAME`: a node to go to, and whose next it becomes.
ROUTED_NODES = {"ip6-node": "ip6-inacl", "ip4-node": "ip4-inacl"}
L2_NODES = {"input-node": "l2-input-classify", "output-node": "l2-output-classify"}


def _next(what: str, words: dict[str, int], nodes: dict[str, str]) -> Argument:
    """`WHAT drop|NUMBER|ip4-node NODE`, in the order in which VPP tries them; the value is a slot, or a node and its owner."""
    named = [sequence(keyword(word, "owner", owner, None), node_name("target")) for word, owner in nodes.items()]
    known = [keyword(word, "slot", slot, None) for word, slot in words.items()]
    return keyed(what, one_of(*named, *known, signed("slot")))


def _nexts(kind: str) -> list[Argument]:
    """All ways to say where packets go on."""
    return [
        _next(f"{kind}-next", ROUTED, ROUTED_NODES), _next(f"l2-input-{kind}-next", RECEIVED, L2_NODES),
        _next(f"l2-output-{kind}-next", SENT, L2_NODES), _next(f"acl-{kind}-next", ACL, ROUTED_NODES),
    ]  # fmt: skip


def _slot(ctx: CommandContext, args: Args) -> int:
    """The slot that the arguments name; all ones for none."""
    if args.owner is not None and isinstance(args.target, Node):
        return ctx.engine.graph.add_next(ctx.engine.graph[args.owner], args.target)
    return ALL_ONES if args.slot is None else int(args.slot) & ALL_ONES


@command(
    "classify table",
    options(
        flag("del-chain", "chain"), flag("del", "delete"), keyed("buckets", signed("buckets", DEFAULT_BUCKETS)),
        keyed("skip", signed("skip")), keyed("match", signed("match")), keyed("table", signed("table")), keyed("mask", mask("mask")),
        keyed("memory-size", pattern("memory", r"(\d+)([MG])", lambda found: int(found[1]) << UNITS[found[2]], DEFAULT_MEMORY)),
        keyed("next-table", signed("next_table")), *_nexts("miss"), keyed("current-data-flag", signed("flag", 0)),
        keyed("current-data-offset", signed("offset", 0)),
        error=None,
    ),
    help="classify table [miss-next|l2-miss_next|acl-miss-next <next_index>]\n mask <mask-value> buckets <nn> [skip <n>] [match <n>]"
    "\n [current-data-flag <n>] [current-data-offset <n>] [table <n>]\n [memory-size <nn>[M][G]] [next-table <n>]\n [del] [del-chain]",
)  # fmt: skip
def classify_table(ctx: CommandContext, args: Args) -> None:
    """A new table, another next table for one, or none any more."""
    tables = ctx.engine.get(ClassifyTables)
    if args.delete or args.chain:
        if args.table is None:
            raise CommandError("table index required for delete")
        tables.delete(args.table, chain=args.chain)
        return
    if args.table is not None:
        table = tables.find(args.table)
        if table is None:
            raise CommandError(f"vnet_classify_add_del_table returned {int(ClassifyError.TABLE_NOT_FOUND)}")
        table.next_table = args.next_table
        return
    if args.mask is None:
        raise CommandError("Mask required")
    wanted = _whole_vectors(args.mask, args.skip, args.match)
    try:
        table = tables.add(wanted.data, wanted.skip, args.buckets, args.memory, args.next_table)
    except ClassifyFailure as failure:
        raise CommandError(f"vnet_classify_add_del_table returned {int(failure.error)}") from failure
    table.miss_next = _slot(ctx, args)
    table.current_data_flag, table.current_data_offset = args.flag & 0xFF, args.offset


def _whole_vectors(given: Mask, skip: int | None, match: int | None) -> Mask:
    """A mask with other numbers of vectors than it has itself: VPP cuts it or fills it up, but does not move it."""
    length = len(given.data) if match is None else match * VECTOR
    return Mask(given.skip if skip is None else skip, given.data[:length].ljust(length, b"\0"))


@command(
    "classify session",
    options(
        flag("del", "delete"), *_nexts("hit"), keyed("policer-hit-next", signed("slot")),
        keyed("opaque-index", signed("opaque", bits=64)), keyed("opaque-sw_if_index", interface("opaque")), keyed("match", match("match")),
        keyed("advance", signed("advance", 0)), keyed("table-index", unsigned("table")),
        *(sequence(keyword(f"action {words}", "action", number, 0), signed("metadata", 0)) for words, number in ACTIONS.items()),
        error=None,
    ),
    help="classify session [hit-next|l2-input-hit-next|l2-output-hit-next|acl-hit-next <next_index>|policer-hit-next <policer_name>]"
    "\n table-index <nn> match [hex] [l2] [l3 ip4] [opaque-index <index>]"
    "\n [action set-ip4-fib-id|set-ip6-fib-id|set-sr-policy-index <n>] [del]",
)  # fmt: skip
def classify_session(ctx: CommandContext, args: Args) -> None:
    """Put a session into a table, or take it out."""
    if args.table is None:
        raise CommandError("Table index required")
    table = ctx.engine.get(ClassifyTables).find(args.table)
    # VPP can only read what is to match for a table that exists.
    if table is None or args.match is None:
        raise CommandError("Match value required")
    key = table.key_of(args.match)
    if args.delete:
        try:
            table.delete(key)
        except ClassifyFailure as failure:
            raise CommandError(f"vnet_classify_add_del_session returned {int(failure.error)}") from failure
        return
    metadata = args.metadata
    if args.action in TABLES:
        metadata = ctx.engine.get(Fib).tables(TABLES[args.action]).find_or_create(metadata, Source.CLASSIFY).index
    opaque = ALL_ONES if args.opaque is None else args.opaque & ALL_ONES
    table.add(ClassifySession(key, _slot(ctx, args) & 0xFFFF, opaque, args.advance, args.action, metadata))
