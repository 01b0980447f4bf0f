"""define, undefine, show macro: the macros of the session (VPP's vlib/unix/cli.c)."""

from __future__ import annotations

from vppsh.commands.context import CommandContext, structured
from vppsh.errors import CommandError
from vppsh.grammar.arguments import Args, keyword, one_of, optional, rest_of_line, sequence, string
from vppsh.registry import command

NOT_EVALUATED = one_of(keyword("noevaluate", "as_defined"), keyword("noeval", "as_defined"))


@command(
    "define",
    sequence(string("name").or_error("missing variable name..."), optional(rest_of_line("value"))),
    help="define <variable-name> <value>",
)
def define(ctx: CommandContext, args: Args) -> None:
    """Set a macro."""
    if args.value is None:
        raise CommandError(f"missing value for '{args.name}'...")
    ctx.session.macros.define(args.name, args.value)


@command("undefine", string("name").or_error("missing variable name..."), help="undefine <variable-name>")
def undefine(ctx: CommandContext, args: Args) -> str | None:
    """Forget a macro."""
    return None if ctx.session.macros.undefine(args.name) else f"{args.name} wasn't set..."


@command("show macro", optional(NOT_EVALUATED), help="show macro [noevaluate]")
def show_macro(ctx: CommandContext, args: Args) -> str:
    """All macros with their values."""
    macros = ctx.session.macros
    return structured(macros.listing(evaluate=not args.as_defined), dict(sorted(macros.values.items())))
