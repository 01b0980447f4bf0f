"""%why: what error counters mean, in plain words; VPP's own severity is no guide to that."""

from __future__ import annotations

from textwrap import wrap

from vppsh.commands.context import CommandContext, structured
from vppsh.engine.errors import ErrorCount
from vppsh.errors import CommandError
from vppsh.grammar.arguments import Args, optional, rest_of_line
from vppsh.knowledge import Kind, Reason, knowledge
from vppsh.registry import command

WIDTH = 100
ORDER = {Kind.DROP: 0, Kind.PUNT: 1, Kind.INFO: 2}


@command("%why", optional(rest_of_line("words")), help="%why [WORDS]")
def percent_why(ctx: CommandContext, args: Args) -> str:
    """What the counters of `show errors` that moved mean; with words, the counters that have them in their text, in full."""
    if args.words is None:
        return _counted(
            [counter for node in ctx.engine.graph if node.spec.errors_of is None for counter in ctx.engine.errors.of_node(node.name)]
        )
    words = args.words.strip()
    node, _, rest = words.partition(" ")
    exact = knowledge().find(node.rstrip(":"), rest.strip()) if rest else None
    found = [exact] if exact else knowledge().search(words)
    if not found:
        raise CommandError(f"no counter that is known has `{words}' in its text")
    return structured("\n\n".join(in_full(reason) for reason in found), [_plain(reason) for reason in found])


def in_full(reason: Reason) -> str:
    """A reason with its causes and what to look at, as several lines."""
    lines = [f"{reason.text}  ({reason.kind}{', ' + ' '.join(reason.nodes) if reason.nodes else ''})"]
    lines += wrap(reason.says, WIDTH, initial_indent="  ", subsequent_indent="  ")
    for title, entries in (("because of", reason.causes), ("look at", reason.check)):
        for at, entry in enumerate(entries):
            head = f"  {title if at == 0 else '':<11}"
            lines += wrap(entry, WIDTH, initial_indent=head, subsequent_indent=" " * len(head))
    return "\n".join(lines)


def _counted(counters: list[ErrorCount]) -> str:
    """The counters that are not zero, drops first, each with what it means."""
    lines: list[tuple[int, int, str]] = []
    data = []
    for counter in counters:
        if not counter.count:
            continue
        reason = knowledge().find(counter.node, counter.spec.text)
        kind = reason.kind if reason else None
        says = reason.says if reason else "nothing is known of this counter"
        lines.append(
            (
                ORDER[kind] if kind else 0,
                -counter.count,
                f"{counter.count:>10} {kind or '?':<5} {counter.node}: {counter.spec.text}\n{'':17}{says}",
            )
        )
        data.append({"node": counter.node, "reason": counter.spec.text, "count": counter.count, "kind": kind and str(kind), "says": says})
    return structured("\n".join(line for _, _, line in sorted(lines)) or "no counter has moved", data)


def _plain(reason: Reason) -> dict[str, object]:
    return {
        "reason": reason.text, "kind": str(reason.kind), "nodes": list(reason.nodes), "says": reason.says,
        "causes": list(reason.causes), "check": list(reason.check),
    }  # fmt: skip
