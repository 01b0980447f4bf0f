"""`%trace`: packet traces of this session's target, or of files, filtered, grouped, compared (see docs/trace.md)."""

from __future__ import annotations

from vppsh.commands.context import ShellContext
from vppsh.grammar.arguments import Args, optional, rest_of_line
from vppsh.registry import command

USAGE = "%trace [list | explain [N] | group | tree | dot | json | top KIND | diff FILE] [max N] [FILE ...] [filter EXPRESSION]"


@command("%trace", optional(rest_of_line("line")), help=USAGE)
def percent_trace(ctx: ShellContext, args: Args) -> str:
    """The packets in the trace buffer (or in files), as text, one a line, by path, as a tree ...

    Behind `filter` everything up to the end of the line is the expression: host 10.0.0.2 and port 53 and dropped.
    """
    from vppsh.traces.line import answer_line  # what reads traces is not needed to start

    return answer_line(args.line or "", ctx.session.execute_nested)
