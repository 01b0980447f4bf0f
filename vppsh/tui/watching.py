"""What is watched: a target, how it is asked, and what is known of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vppsh.targets.base import Target
from vppsh.tui.sampling import Sampler
from vppsh.tui.store import Store
from vppsh.tui.worker import Feed, Worker

if TYPE_CHECKING:
    from vppsh.session import Session


@dataclass
class Watched:
    """Something to watch.

    feed      where samples come from
    store     what is known
    interval  tells how many seconds lie between samples now
    """

    feed: Feed
    store: Store
    interval: Callable[[], float]


def watch_target(target: Target, interval: float) -> Watched:
    """Watch somebody's VPP."""
    sampler = Sampler(target, interval)
    return Watched(Worker(target, sampler), Store(target.name, target.where), lambda: sampler.interval)


def watch_session(session: Session, interval: float, notes: Callable[[str], None] = lambda text: None) -> Watched:
    """Watch a session's own engine, which runs in the worker's thread from now on; `notes` is told of faults."""
    from vppsh.prompt.dataplane import Dataplane

    sampler = Sampler(session.here, interval, own=True)
    worker = Worker(session.here, sampler, Dataplane(session.engine, notes))
    return Watched(worker, Store(session.here.name, session.here.where), lambda: sampler.interval)
