"""show buffers: the pool of packet buffers (VPP's vlib/buffer.c)."""

from __future__ import annotations

from vppsh.commands.columns import center, left
from vppsh.commands.context import CommandContext, structured
from vppsh.engine.buffers import DATA_SIZE, STRIDE
from vppsh.grammar.arguments import Args, flag, line_input, options
from vppsh.registry import command

COLUMNS = (("Index", 6), ("NUMA", 6), ("Size", 6), ("Data Size", 11), ("Total", 6), ("Avail", 8), ("Cached", 8), ("Used", 8))
NAME_WIDTH = 20


@command("show buffers", line_input(options(flag("detail"), error=None), call_when_empty=True), help="Show packet buffer allocation")
def show_buffers(ctx: CommandContext, args: Args) -> str:
    """How many buffers there are, and how many are in use. vppsh has one pool, and keeps none of it aside for threads."""
    pool = ctx.engine.buffers
    values = (0, 0, STRIDE, DATA_SIZE, pool.count, pool.free, 0, pool.count - pool.free)
    lines = [
        left("Pool Name", NAME_WIDTH) + "".join(center(name, width) for name, width in COLUMNS),
        left("default-numa-0", NAME_WIDTH) + "".join(center(value, width) for value, (_, width) in zip(values, COLUMNS, strict=True)),
    ]
    if args.detail:
        lines.append(f"{'thread':>20}{center(0, 6)}{center('', 37)}{center(0, 8)}")
    data = [{"pool": "default-numa-0", "size": STRIDE, "data_size": DATA_SIZE, "total": pool.count, "available": pool.free}]
    return structured("\n".join(lines), data)
