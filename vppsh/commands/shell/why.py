"""`%why`: what an error counter means, what brings it about, and what to look at (`%errors` tells which ones moved)."""

from __future__ import annotations

from textwrap import wrap

from vppsh.commands.context import ShellContext, structured
from vppsh.errors import CommandError
from vppsh.grammar.arguments import Args, rest_of_line
from vppsh.knowledge import Reason, knowledge
from vppsh.registry import command

WIDTH = 100


@command("%why", rest_of_line("words").or_error("which counter? %errors lists those that moved"), help="%why [NODE] WORDS")
def percent_why(ctx: ShellContext, args: Args) -> str:
    """The counters of `show errors` that have these words in their text, in full: as `%why no tunnel` or `%why esp4-encrypt: ESP pkts`."""
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


def _plain(reason: Reason) -> dict[str, object]:
    return {
        "reason": reason.text, "kind": str(reason.kind), "nodes": list(reason.nodes), "says": reason.says,
        "causes": list(reason.causes), "check": list(reason.check),
    }  # fmt: skip
