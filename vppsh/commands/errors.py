"""show / clear errors, under their newer names show / clear node counters too (VPP's vlib/error.c)."""

from __future__ import annotations

from collections.abc import Iterator

from vppsh.commands.columns import center, right
from vppsh.commands.context import CommandContext, structured
from vppsh.engine.engine import Engine
from vppsh.engine.errors import ErrorCount
from vppsh.grammar.arguments import Args, flag, one_of, optional, sequence, signed
from vppsh.registry import command

COLUMNS = (("Count", 10), ("Node", 35), ("Reason", 35), ("Severity", 10))
ALL_COUNTERS = 2
ARGUMENTS = optional(one_of(sequence(flag("verbose"), signed("level")), flag("verbose")))


def _counters(engine: Engine) -> Iterator[tuple[int, ErrorCount]]:
    """Every error counter with its index, in the order of VPP's nodes."""
    for node in engine.graph:
        if node.spec.errors_of is None:
            for at, counter in enumerate(engine.errors.of_node(node.name)):
                yield node.error_base + at, counter


def _show(ctx: CommandContext, args: Args) -> str:
    level = args.level if args.level is not None else int(args.verbose)
    lines = ["".join(center(name, width) for name, width in COLUMNS) + (center("Index", 6) if level else "")]
    if level:
        lines.append("Thread 0 (vpp_main):")
    counted = [(index, each) for index, each in _counters(ctx.engine) if each.count or level >= ALL_COUNTERS]
    for index, each in counted:
        line = right(each.count, 10) + center(each.node, 35) + center(each.spec.text, 35) + center(each.spec.severity.value, 10)
        lines.append(line + (center(index, 6) if level else ""))
    if level:
        lines.append("Total:")
        lines += [
            right(each.count, 10) + center(each.node, 40) + center(each.spec.text, 20) + center(index, 10)
            for index, each in counted
            if each.count
        ]
    data = [
        {"node": each.node, "error": each.spec.name, "reason": each.spec.text, "severity": each.spec.severity.value, "count": each.count}
        for _, each in counted
    ]
    return structured("\n".join(lines), data)


def _clear(ctx: CommandContext, args: Args) -> None:
    ctx.engine.errors.clear()


SHOW_ERRORS = command("show errors", ARGUMENTS, help="Show error counts")(_show)
SHOW_NODE_COUNTERS = command("show node counters", ARGUMENTS, help="Show node counters")(_show)
CLEAR_ERRORS = command("clear errors", help="Clear error counters")(_clear)
CLEAR_NODE_COUNTERS = command("clear node counters", help="Clear node counters")(_clear)
