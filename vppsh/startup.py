"""A session on a fresh dataplane: made at once, or step by step while the first line is being typed."""

from __future__ import annotations

import gc
import sys
import traceback
from collections.abc import Generator
from typing import TYPE_CHECKING

from vppsh.errors import UsageError
from vppsh.registry import discovery
from vppsh.session import Session

if TYPE_CHECKING:
    from vppsh.engine.frame import Frame
    from vppsh.engine.graph import Node

GC_THRESHOLDS = (50_000, 20, 100)

Steps = Generator[None, None, Session]


def session_steps(vector_size: int | None = None) -> Steps:
    """Make a session in steps of some milliseconds; the generator's value is the session."""
    import numpy  # noqa: F401 - the largest of what the engine needs, as a step of its own

    yield
    from vppsh.engine.engine import DEFAULT_VECTOR_SIZE, MAX_VECTOR_SIZE, Engine

    size = DEFAULT_VECTOR_SIZE if vector_size is None else vector_size
    if not 1 <= size <= MAX_VECTOR_SIZE:
        raise UsageError(f"--vector-size {size}: must be between 1 and {MAX_VECTOR_SIZE}")
    catalog = yield from discovery()
    engine = Engine(catalog, vector_size=size)
    engine.on_fault = report_fault
    session = Session(engine)
    # What is there now stays, and tables of a hundred thousand routes do too: do not search them for garbage all the time.
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    gc.enable()
    return session


def make_session(vector_size: int | None = None) -> Session:
    """A session on a fresh dataplane."""
    steps = session_steps(vector_size)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            session: Session = end.value
            return session


def report_fault(node: Node, frame: Frame, error: Exception) -> None:
    """Say on standard error that a node failed, and where."""
    sys.stderr.write(f"vppsh: internal error in node {node.name}: {error!r}; its {frame.n} packets are lost\n")
    sys.stderr.write("".join(traceback.format_exception(error)[-3:]))
