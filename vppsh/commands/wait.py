"""wait, suspend: let time pass within a line (VPP's vlib/unix/cli.c and vlib/cli.c)."""

from __future__ import annotations

import math

from vppsh.commands.context import CommandContext
from vppsh.engine.wire.float_text import format_float
from vppsh.errors import CommandError
from vppsh.grammar.arguments import Args, Reader, raw
from vppsh.registry import command

MAX_WAIT = 86400
SUSPEND = 30e-3


def _seconds(line: Reader) -> float:
    seconds = 1.0
    while not line.at_end():
        number = line.floating()
        if number is None:
            # VPP quotes the command's input here, of which the line was already taken.
            raise CommandError("unknown parameter: ``")
        seconds = number
    if not 0 < seconds <= MAX_WAIT or math.floor(seconds * 1000) / 1000 != seconds:
        raise CommandError("<sec> must be a positive value and less than 86400 (one day) with no more than msec precision.")
    return seconds


@command("wait", raw("<sec>"), help="wait <sec>")
def wait(ctx: CommandContext, args: Args) -> str | None:
    """Let the dataplane run for some seconds; nothing happens without a line."""
    line = ctx.input.line_input()
    if line is None:
        return None
    seconds = _seconds(line)
    ctx.engine.run_for(seconds)
    return f"waited {format_float(seconds, 3)} sec."


@command("suspend", help="suspend debug CLI for 30ms")
def suspend(ctx: CommandContext, args: Args) -> None:
    """Let the dataplane run for 30 ms."""
    ctx.engine.run_for(SUSPEND)
