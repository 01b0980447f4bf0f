"""Graph: how many packets each node handles, how full its vectors are, and what it costs."""

from __future__ import annotations

from collections.abc import Hashable

from vppsh.answers.runtime import NodeRuntime, Thread
from vppsh.tui.behind import Behind
from vppsh.tui.flow import describe
from vppsh.tui.grid import Column, Order, Row, Tone
from vppsh.tui.numbers import duration, plot, short, sparkline
from vppsh.tui.questions import RUNTIME
from vppsh.tui.report import Report
from vppsh.tui.store import Store

SPARK = 12
HEAT = 10
# A node that takes this share of a thread's clocks is marked.
HOT = 0.25


class GraphReport(Report):
    """`show runtime`, with rates and shares."""

    name = "Graph"
    position = 30
    questions = (RUNTIME,)
    order = Order(2, descending=True)
    still = True
    empty = "no node ran between the last two samples; `a' shows all"
    help = (
        "Packets, calls and packets a call are those between the last two samples; clocks are VPP's mean since its last\n"
        "`clear runtime`, for a packet, or for a call of a node that handles none. Cost is the node's share of what all nodes of its\n"
        "thread spend now: clocks times packets. A row is yellow when that is a quarter or more. `a' shows nodes that do not run, too."
    )
    columns = (
        Column("Node", "node", 0),
        Column("State", "state", 10),
        Column("cost", "share", 5, lambda share: f"{100 * share:.0f}%" if share >= 0.005 else "", number=True),
        Column("packets/s", "vectors_rate", 9, short, number=True),
        Column("calls/s", "calls_rate", 8, short, number=True),
        Column("per call", "vectors_per_call", 8, lambda value: f"{value:.1f}" if value else "", number=True),
        Column("clocks", "clocks", 8, short, number=True),
        Column("heat", "heat", HEAT, lambda share: "█" * round(share * HEAT)),
        Column("last samples", "history", SPARK, lambda values: sparkline(values, SPARK)),
        Column("Thread", "thread", 10),
        Column("packets", "vectors", 8, short, number=True),
    )

    def rows(self, store: Store, everything: bool = False) -> list[Row]:
        """A node of a thread each."""
        runtime = store.value(RUNTIME)
        return [row for thread in runtime.threads for row in self._rows(store, thread, everything)] if runtime else []

    def _rows(self, store: Store, thread: Thread, everything: bool) -> list[Row]:
        track = store.track(RUNTIME)
        moved = [tuple(track.rate((thread.name, node.name, what)) for what in ("vectors", "calls", "suspends")) for node in thread.nodes]
        costs = [node.clocks * next((rate for rate in rates if rate), 0.0) for node, rates in zip(thread.nodes, moved)]
        total = sum(costs) or 1.0
        shown = [number for number, rates in enumerate(moved) if everything or any(rates)]
        histories = track.histories([(thread.name, thread.nodes[number].name, "vectors") for number in shown], SPARK).tolist()
        return [
            self._row(thread, thread.nodes[number], moved[number], costs[number] / total, history)
            for number, history in zip(shown, histories)
        ]

    def _row(self, thread: Thread, node: NodeRuntime, rates: tuple[float, ...], share: float, history: list[float]) -> Row:
        vectors, calls = rates[:2]
        values = (
            node.name,
            node.state,
            share,
            vectors,
            calls,
            vectors / calls if calls else 0.0,
            node.clocks,
            share,
            tuple(history),
            thread.name,
            node.vectors,
        )
        return Row((thread.name, node.name), values, Tone.WARN if share >= HOT else Tone.PLAIN)

    def detail(self, store: Store, key: Hashable, width: int) -> list[str]:
        """Packets a second and packets a call over the last minutes, and who feeds whom where that is known."""
        if not isinstance(key, tuple):
            return []
        thread, node = key
        track, half = store.track(RUNTIME), max((width - 3) // 2, 10)
        runtime = store.value(RUNTIME)
        threads = [thread] if thread or runtime is None else [each.name for each in runtime.threads]
        vectors, calls = (track.histories([(each, node, what) for each in threads], half).sum(axis=0) for what in ("vectors", "calls"))
        times = track.times(half)
        filled = [packets / times_called if times_called else 0.0 for packets, times_called in zip(vectors, calls)]
        span = duration(times[-1] - times[0]) if len(times) > 1 else "no time yet"
        titles = [
            f"packets a second, highest {short(max(vectors, default=0)) or '0'} in {span}",
            f"packets a call, highest {short(max(filled, default=0)) or '0'}",
        ]
        lines = [f"{node} on {thread or 'all threads'}", "", f"{titles[0]:<{half}}   {titles[1]}"]
        lines += [f"{left}   {right}" for left, right in zip(plot(vectors.tolist(), half, 4), plot(filled, half, 4))]
        fed = describe(store, node, width)
        return [*lines, "", *fed] if fed else lines

    def behind(self, key: Hashable) -> Behind | None:
        """Packets that came by the node."""
        return Behind(f"node {key[1]}", visits=str(key[1])) if isinstance(key, tuple) else None

    def lines(self, key: Hashable | None) -> list[str]:
        """For a row, also what VPP tells of that node."""
        return ["show runtime"] if not isinstance(key, tuple) else [f"show runtime {key[1]}", f"show node {key[1]}"]
