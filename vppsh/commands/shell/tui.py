"""`%tui`: the monitor of who answers lines, from the prompt and back to it."""

from __future__ import annotations

from vppsh.commands.context import ShellContext
from vppsh.errors import UsageError
from vppsh.grammar.arguments import Args, optional, string
from vppsh.registry import command


@command("%tui", optional(string("targets")), help="%tui [TARGETS]")
def percent_tui(ctx: ShellContext, args: Args) -> str:
    """Watch the current target on the whole terminal: interfaces, nodes, errors; or those that `a,b`, `node-*` or `all` mean.

    `q` comes back to the prompt. A dataplane of this process goes on meanwhile, and is the same one.
    """
    if ctx.monitor is None:
        raise UsageError("%tui needs a prompt on a terminal; `vppsh tui --text TAB' prints a tab without one")
    targets = ctx.session.targets
    return ctx.monitor([targets.current] if args.targets is None else targets.select(args.targets))
