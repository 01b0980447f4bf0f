"""show clock (VPP's vlib/threads.c): how long the dataplane has run, and what time it is."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime

from vppsh.commands.context import CommandContext, structured
from vppsh.engine.wire.float_text import format_float
from vppsh.grammar.arguments import Args, level, options
from vppsh.registry import command

# Our clock counts nanoseconds.
CLOCKS = 1e9


@command("show clock", options(level("verbose"), error=None), help="show clock")
def show_clock(ctx: CommandContext, args: Args) -> str:
    """Seconds since the start, the wall-clock time, and the same of each thread, of which there is one."""
    clock = ctx.engine.clock
    now = clock.now()
    wall = clock.epoch + now
    told = _time(now, clock.epoch, bool(args.verbose))
    lines = [
        f"{told}, {format_datetime(datetime.fromtimestamp(wall, UTC), usegmt=True)}",
        f"Time last barrier release {format_float(0.0, 9)}",
        f"0: {told}",
        f"Thread 0 offset {format_float(0.0, 9)} error {format_float(0.0, 9)}",
    ]
    return structured("\n".join(lines), {"now": now, "time": wall})


def _time(now: float, epoch: float, verbose: bool) -> str:
    text = f"Time now {format_float(now)}"
    if not verbose:
        return text
    clocks = int(now * CLOCKS)
    return (
        f"{text}\ncpu time {format_float(now)} now {clocks} last {clocks} since start {clocks} \n"
        f"reftime {format_float(now)} now {format_float(epoch + now)} last {format_float(epoch + now)} init {format_float(epoch)}\n"
        f"error {format_float(0.0)}, clocks/sec {format_float(CLOCKS)}"
    )
