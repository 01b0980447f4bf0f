"""quit, q, exit: the end of a session (VPP's vlib/unix/cli.c)."""

from __future__ import annotations

from vppsh.commands.context import CommandContext
from vppsh.grammar.arguments import Args
from vppsh.registry import command


def _close(ctx: CommandContext, args: Args) -> None:
    """Let the front end know that this was the last line."""
    ctx.session.closed = True


quit_command = command("quit", help="Exit CLI")(_close)
q_command = command("q", help="Exit CLI")(_close)
exit_command = command("exit", help="Exit CLI")(_close)
