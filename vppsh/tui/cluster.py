"""The cluster as values: a row for each target, and the sums."""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterable
from dataclasses import asdict

from vppsh.tui import grid
from vppsh.tui.fleet import HISTORY, SUMS, Fleet, Member, Place, Vitals
from vppsh.tui.grid import Column, Order, Row, Tone
from vppsh.tui.numbers import bits, duration, short, sparkline
from vppsh.tui.questions import VERSION
from vppsh.tui.report import Report
from vppsh.tui.store import Store

NAME = "Cluster"
POSITION = 70
ASKING, UP, LOST = "asking", "up", "lost"


def state_of(member: Member, now: float, place: Place | None = None) -> tuple[str, Tone]:
    """How a target is, in words, with the age and the reason of what is wrong."""
    store = member.store
    if store.lost:
        return f"{LOST} {_lost_for(store, now)}: {_reason(member)}", Tone.BAD
    if not store.samples:
        return ASKING, Tone.DIM
    if place is not None and not place.well:
        return f"{UP}, {place.state}", Tone.WARN
    return UP, Tone.WARN if member.vitals.drops or member.vitals.errors else Tone.PLAIN


def _reason(member: Member) -> str:
    """Why it is lost, without its name, which stands beside it."""
    return member.store.lost.removeprefix(f"{member.name}: ")


def _lost_for(store: Store, now: float) -> str:
    return duration(now - (now if store.lost_at is None else store.lost_at))


def sums(fleet: Fleet) -> Vitals:
    """What all do together; the vector rate is that of the busiest thread of all."""
    vitals = [each.vitals for each in fleet.members]
    return Vitals(
        **{name: sum(getattr(each, name) for each in vitals) for name in SUMS},
        vector_rate=max((each.vector_rate for each in vitals), default=0.0),
    )


def counts(fleet: Fleet) -> str:
    """How many there are, and how they are."""
    members, lost = fleet.members, fleet.lost
    unknown = sum(not (each.store.samples or each.store.lost) for each in members)
    parts = [f"{len(members)} node{'s' * (len(members) != 1)}", f"{len(members) - lost - unknown} up"]
    parts += [f"{lost} lost"] * bool(lost) + [f"{unknown} not heard of yet"] * bool(unknown)
    pods = [place.pods for each in members if (place := fleet.places.get(each.name)) and place.pods is not None]
    return ", ".join(parts + [f"{sum(pods)} pods"] * bool(pods))


def rates(fleet: Fleet) -> str:
    """What all do together, in a line."""
    total = sums(fleet)
    return (
        f"rx {short(total.rx_packets) or '0'} pps {bits(total.rx_bytes) or '0b/s'}   "
        f"tx {short(total.tx_packets) or '0'} pps {bits(total.tx_bytes) or '0b/s'}   "
        f"drops {short(total.drops) or '0'}/s   errors {short(total.errors) or '0'}/s"
    )


def as_text(fleet: Fleet, rows: Iterable[Row]) -> str:
    """The sums and the table."""
    trouble = f"{fleet.trouble}\n" if fleet.trouble else ""
    return f"{fleet.name}: {counts(fleet)}\n{rates(fleet)}\n{trouble}\n{grid.as_text(ClusterReport.columns, rows)}"


def as_json(fleet: Fleet, rows: Iterable[Row]) -> str:
    """The sums, the table, and why something is not known."""
    report = {
        "cluster": fleet.name,
        "totals": asdict(sums(fleet)),
        "trouble": fleet.trouble,
        "nodes": json.loads(grid.as_json(ClusterReport.columns, rows)),
    }
    return json.dumps(report, indent=2, ensure_ascii=False) + "\n"


def about(fleet: Fleet, name: Hashable | None) -> list[str]:
    """More about one row, in lines."""
    member = next((each for each in fleet.members if each.name == name), None)
    if member is None:
        return []
    store, place = member.store, fleet.places.get(member.name)
    if store.lost:
        lines = [f"{member.name}, lost for {_lost_for(store, fleet.now())}: {_reason(member)}"]
    else:
        uptime = member.uptime()
        parts = [store.value(VERSION) or ASKING, f"up for {duration(uptime)}" if uptime is not None else "", store.where]
        lines = [f"{member.name}: {', '.join(part for part in parts if part)}"]
    return [*lines, f"{place.where}: {place.state}"] if place is not None else lines


class ClusterReport(Report):
    """Of each target how it is and what it does."""

    name = NAME
    position = POSITION
    questions = ()
    order = Order(0)
    empty = "no nodes"
    help = (
        "A node of the cluster each. Enter goes to a node: all tabs are about it then. Escape, Backspace or this tab lead back; `<' and "
        "`>' go to the node before and the next one, on the same tab.\n\n"
        "Rates are those of all interfaces of a node together; errors are rx-error, tx-error, rx-miss and rx-no-buf; the vector rate is "
        "that of the busiest thread. A row is red while the node does not answer: it tells since when and why, and the node is tried "
        "again, ever more rarely. It is yellow while packets are dropped or something is wrong with its pod.\n\n"
        "A node that is out of sight is asked every third time only, and never what stops VPP's workers: `asked' tells how often that is "
        "and how long it took. Pods are what the API server knows, asked every 15 seconds."
    )
    columns = (
        Column("Node", "node", 0),
        Column("State", "state", 0),
        Column("rx pps", "rx_packets_rate", 7, short, number=True),
        Column("tx pps", "tx_packets_rate", 7, short, number=True),
        Column("drops/s", "drops_rate", 8, short, number=True),
        Column("errors/s", "errors_rate", 8, short, number=True),
        Column("vectors", "vector_rate", 7, short, number=True),
        Column("pods", "pods", 5, lambda count: "" if count < 0 else str(count), number=True),
        Column("rx bits", "rx_bits_rate", 9, lambda value: bits(value / 8), number=True),
        Column("tx bits", "tx_bits_rate", 9, lambda value: bits(value / 8), number=True),
        Column("VPP's pod", "pod_state", 20),
        Column("up for", "uptime", 7, lambda seconds: "" if seconds < 0 else duration(seconds), number=True),
        Column("rx+tx pps", "history", HISTORY, lambda values: sparkline(values, HISTORY)),
        Column("asked", "asked", 12),
        Column("Version", "version", 18),
    )

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet

    def rows(self, store: Store, everything: bool = False) -> list[Row]:
        """A target each."""
        return [self._row(member) for member in self.fleet.members]

    def _row(self, member: Member) -> Row:
        store, now, place = member.store, member.vitals, self.fleet.places.get(member.name)
        state, tone = state_of(member, self.fleet.now(), place)
        uptime = member.uptime()
        values = (
            member.name,
            state,
            now.rx_packets,
            now.tx_packets,
            now.drops,
            now.errors,
            now.vector_rate,
            -1 if place is None or place.pods is None else place.pods,
            8 * now.rx_bytes,
            8 * now.tx_bytes,
            place.state if place is not None else "",
            -1.0 if uptime is None or store.lost else uptime,
            tuple(member.history),
            f"{duration(member.watched.interval())} {1000 * store.cost:.0f}ms" if store.samples else "",
            store.value(VERSION) or "",
        )
        return Row(member.name, values, tone)

    def lines(self, key: Hashable | None) -> list[str]:
        """By hand."""
        return self.fleet.behind(str(key)) if key is not None else []
