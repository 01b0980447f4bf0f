"""echo: the rest of the line (VPP's vlib/unix/cli.c)."""

from __future__ import annotations

from vppsh.commands.context import CommandContext
from vppsh.grammar.arguments import Args, optional, rest_of_line
from vppsh.registry import command


@command("echo", optional(rest_of_line("text", "")), help="echo <rest-of-line>")
def echo(ctx: CommandContext, args: Args) -> str:
    """Answer with the line."""
    return str(args.text)
