"""The text of a trace: a line with time and node for each step, then what the node's formatter says.

Counterpart of format_vlib_trace in vlib/trace.c.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from vppsh.engine.tracing import TimestampFormat, Trace

if TYPE_CHECKING:
    from vppsh.engine.engine import Engine


def format_interval(seconds: float) -> str:
    """`h:m:s:u`, the time of day of a duration (whole days are not shown)."""
    micros = int(seconds * 1e6)
    rest, micros = divmod(micros, 1_000_000)
    minutes, secs = divmod(rest, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours % 24:02}:{minutes:02}:{secs:02}:{micros:06}"


def format_timestamp(seconds: float, epoch: float, style: TimestampFormat) -> str:
    """A moment in seconds since the engine's start, which was at `epoch` of Unix time."""
    if style is TimestampFormat.RELATIVE:
        return format_interval(seconds)
    unix = epoch + seconds
    if style is TimestampFormat.UNIX:
        return f"{unix:.6f}"
    return f"{datetime.fromtimestamp(int(unix), UTC):%Y-%m-%dT%H:%M:%S}.{int((unix - int(unix)) * 1e6):06}"


def format_trace(engine: Engine, trace: Trace) -> str:
    """All steps of a trace; begins with a newline, as VPP's text does."""
    parts: list[str] = []
    previous = None
    for step in trace.steps:
        if step.node is not previous:
            when = format_timestamp(step.time, engine.clock.epoch, engine.tracer.timestamps)
            parts.append(f"\n{when}: {step.node.name}")
        previous = step.node
        formatter = step.node.spec.trace
        parts.append(f"\n  {formatter(engine, step.record) if formatter else step.record}")
    return "".join(parts)
