"""Interfaces: state, rates in packets and bits, drops and errors."""

from __future__ import annotations

from collections.abc import Hashable

from vppsh.answers.interfaces import Interface
from vppsh.tui.behind import Behind
from vppsh.tui.grid import Column, Order, Row, Tone
from vppsh.tui.numbers import bits, duration, plot, short, sparkline
from vppsh.tui.questions import INTERFACES
from vppsh.tui.report import Report
from vppsh.tui.store import Store

SPARK = 20
# What VPP counts when something goes wrong, beside its drops.
FAULTS = ("rx-error", "tx-error", "rx-miss", "rx-no-buf")


class InterfacesReport(Report):
    """The interfaces that VPP has."""

    name = "Interfaces"
    position = 20
    questions = (INTERFACES,)
    order = Order(0)
    help = (
        "Rates are differences of VPP's own counters between the last two samples.\n"
        "Drops are packets that came in by the interface and were dropped somewhere in the graph.\n"
        "Errors are rx-error, tx-error, rx-miss and rx-no-buf together.\n"
        "A row is red while packets are dropped, and dim while the interface is down."
    )
    columns = (
        Column("Name", "name", 0),
        Column("Idx", "index", 4, number=True),
        Column("State", "state", 5),
        Column("rx pps", "rx_packets_rate", 8, short, number=True),
        Column("rx bits", "rx_bits_rate", 9, lambda value: bits(value / 8), number=True),
        Column("tx pps", "tx_packets_rate", 8, short, number=True),
        Column("tx bits", "tx_bits_rate", 9, lambda value: bits(value / 8), number=True),
        Column("drops/s", "drops_rate", 8, short, number=True),
        Column("errors/s", "errors_rate", 8, short, number=True),
        Column("drops", "drops", 8, short, number=True),
        Column("rx+tx pps, last samples", "history", SPARK, lambda values: sparkline(values, SPARK)),
    )

    def rows(self, store: Store, everything: bool = False) -> list[Row]:
        """An interface each."""
        known = store.value(INTERFACES)
        if known is None:
            return []
        track = store.track(INTERFACES)
        received, sent = (track.histories([(each.name, f"{way} packets") for each in known.interfaces], SPARK) for way in ("rx", "tx"))
        return [self._row(store, each, moved) for each, moved in zip(known.interfaces, (received + sent).tolist())]

    def _row(self, store: Store, interface: Interface, moved: list[float]) -> Row:
        track, name = store.track(INTERFACES), interface.name
        drops = track.rate((name, "drops"))
        values = (
            name,
            interface.index,
            interface.state,
            track.rate((name, "rx packets")),
            8 * track.rate((name, "rx bytes")),
            track.rate((name, "tx packets")),
            8 * track.rate((name, "tx bytes")),
            drops,
            sum(track.rate((name, fault)) for fault in FAULTS),
            interface.counters.get("drops", 0),
            tuple(moved),
        )
        return Row(name, values, Tone.BAD if drops else Tone.PLAIN if interface.up else Tone.DIM)

    def detail(self, store: Store, key: Hashable, width: int) -> list[str]:
        """Rates over the last minutes as plots, and every counter with its rate and what it counted since the baseline."""
        known = store.value(INTERFACES)
        interface = next((each for each in known.interfaces if each.name == key), None) if known else None
        if interface is None:
            return [f"{key} is gone"]
        track = store.track(INTERFACES)
        half = max((width - 3) // 2, 10)
        times = track.times(half)
        lines = [f"{interface.name}, index {interface.index}, {interface.state}, MTU (L3/IP4/IP6/MPLS) {interface.mtu}", ""]
        rx, tx = (track.history((key, f"{way} packets"), half).tolist() for way in ("rx", "tx"))
        span = duration(times[-1] - times[0]) if len(times) > 1 else "no time yet"
        titles = [f"{way} pps, highest {short(max(values, default=0)) or '0'} in {span}" for way, values in (("rx", rx), ("tx", tx))]
        lines.append(f"{titles[0]:<{half}}   {titles[1]}")
        lines += [f"{left}   {right}" for left, right in zip(plot(rx, half, 4), plot(tx, half, 4))]
        age = duration(store.at - track.based_at)
        lines += ["", f"{'counter':<20} {'value':>20} {'a second':>10} {f'last {age}':>16}"]
        for counter, value in interface.counters.items():
            lines.append(f"{counter:<20} {value:>20} {short(track.rate((key, counter))):>10} {track.since((key, counter)):>16.0f}")
        return lines

    def behind(self, key: Hashable) -> Behind | None:
        """Packets that came in or left by the interface."""
        return Behind(f"interface {key}", interface=str(key))

    def lines(self, key: Hashable | None) -> list[str]:
        """For a row, what VPP tells of that interface."""
        return ["show interface"] if key is None else [f"show interface {key}", f"show hardware-interfaces {key}"]
