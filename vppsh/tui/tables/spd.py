"""IPsec policies: what is encrypted, let through or dropped, and how often each policy decided."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence

from vppsh.answers.ipsec import Policies, Policy, read_policies
from vppsh.tui.grid import Column, Row, Tone
from vppsh.tui.numbers import short
from vppsh.tui.questions import Question
from vppsh.tui.report import Report
from vppsh.tui.store import Store

SELDOM = 30.0
ANY = ("0.0.0.0", "255.255.255.255"), ("::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")


def _counters(value: Policies) -> Mapping[Hashable, float]:
    return {(each.index, what): count for each in value.policies for what, count in (("packets", each.packets), ("bytes", each.bytes))}


POLICIES = Question("show ipsec spd", read_policies, _counters, every=SELDOM)


def _range(addresses: tuple[str, str], ports: tuple[int, int]) -> str:
    text = "any" if addresses in ANY else addresses[0] if addresses[0] == addresses[1] else f"{addresses[0]} - {addresses[1]}"
    return text if ports == (0, 65535) else f"{text} port {ports[0]}" if ports[0] == ports[1] else f"{text} ports {ports[0]}-{ports[1]}"


class SpdTable(Report):
    """A policy of a security policy database each."""

    name, title, position = "spd", "IPsec policies", 70
    questions = (POLICIES,)
    empty = "no policies"
    help = (
        "The policies of all SPDs in the order in which VPP asks them: the highest priority first. A packet that meets none is dropped.\n"
        "`/' takes words, and addresses: 10.2.0.7 finds the policies whose ranges have it."
    )
    columns = (
        Column("SPD", "spd", 4, number=True),
        Column("List", "list", 19),
        Column("prio", "priority", 6, number=True),
        Column("Action", "action", 7),
        Column("Protocol", "protocol", 9),
        Column("Local", "local", 0),
        Column("Remote", "remote", 0),
        Column("SA", "sa", 10),
        Column("pps", "packets_rate", 7, short, number=True),
        Column("packets", "packets", 8, short, number=True),
        Column("bytes", "bytes", 8, short, number=True),
    )

    def rows(self, store: Store, everything: bool = False) -> Sequence[Row]:
        """A policy each."""
        known = store.value(POLICIES)
        return [self._row(store, each) for each in known.policies] if known else []

    def _row(self, store: Store, each: Policy) -> Row:
        head = each.spd, each.kind, each.priority, each.action, each.protocol
        ranges = _range(each.local, each.local_ports), _range(each.remote, each.remote_ports)
        rate = store.track(POLICIES).rate((each.index, "packets"))
        values = (*head, *ranges, "" if each.sa is None else str(each.sa), rate, each.packets, each.bytes)
        return Row(each.index, values, Tone.BAD if rate and each.action == "discard" else Tone.PLAIN)

    def detail(self, store: Store, key: Hashable, width: int) -> list[str]:
        """The ranges in full, and the counters."""
        known = store.value(POLICIES)
        each = next((each for each in known.policies if each.index == key), None) if known else None
        if each is None:
            return [f"policy {key} is gone"]
        track = store.track(POLICIES)
        lines = [f"SPD {each.spd}, {each.kind}, priority {each.priority}: {each.action}{'' if each.sa is None else f' with SA {each.sa}'}"]
        lines += [f"protocol {each.protocol}"]
        for title, addresses, ports in (("local", each.local, each.local_ports), ("remote", each.remote, each.remote_ports)):
            lines.append(f"{title:<9}{addresses[0]} to {addresses[1]}, ports {ports[0]} to {ports[1]}")
        for what, count in (("packets", each.packets), ("bytes", each.bytes)):
            lines.append(f"{what:<9}{count}, {short(track.rate((each.index, what))) or '0'} a second")
        return lines
