"""`%errors`: the target's error counters in plain words."""

from __future__ import annotations

from vppsh.commands.context import ShellContext
from vppsh.errors import CommandError
from vppsh.grammar.arguments import Args, choice, optional
from vppsh.knowledge import Kind
from vppsh.registry import command
from vppsh.traces.counters import show_counters

KINDS = {kind.value: kind for kind in Kind}


@command("%errors", optional(choice("kind", KINDS)), help="%errors [drop | punt | info]")
def percent_errors(ctx: ShellContext, args: Args) -> str:
    """What the counters of `show errors` mean: drops first, then punts, those that are not known, and mere information."""
    shown = ctx.session.execute_nested("show errors")
    if shown.failed:
        raise CommandError(shown.text.rstrip("\n"))
    return show_counters(shown.text, args.kind)
