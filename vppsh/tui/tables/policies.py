"""Network policies: what each interface lets through, rule by rule in the order in which they are asked."""

from __future__ import annotations

import textwrap
from collections.abc import Hashable, Iterator, Sequence

from vppsh.answers.npol import NetworkPolicy, PolicedInterface, read_network_policies, read_policed_interfaces
from vppsh.tui.grid import Column, Row, Tone
from vppsh.tui.questions import Question
from vppsh.tui.report import Report
from vppsh.tui.store import Store

SELDOM = 60.0
INTERFACES = Question("show npol interfaces", read_policed_interfaces, every=SELDOM)
POLICIES = Question("show npol policies verbose", read_network_policies, every=SELDOM)
_TONES = {"deny": Tone.WARN, "deleted": Tone.BAD}
WAYS = ("rx", "tx")


class PoliciesTable(Report):
    """A rule each."""

    name, title, position = "policies", "Network policies", 100
    questions = (INTERFACES, POLICIES)
    empty = "no policies"
    help = (
        "For each interface and way, the rules in the order in which VPP asks them: those of the policies, then what becomes of packets\n"
        "on which none decided; pass goes on with the profiles. rx is what comes from the interface, tx what goes to it. Behind them\n"
        "stand policies that no interface has. `/' takes words, and addresses: 11.0.0.5 finds rules whose prefixes or sets have it."
    )
    columns = (
        Column("Interface", "interface", 14),
        Column("Way", "way", 3),
        Column("no", "number", 4, number=True),
        Column("Policy", "policy", 10),
        Column("Rule", "rule", 6),
        Column("Action", "action", 7),
        Column("With", "match", 0),
    )

    def rows(self, store: Store, everything: bool = False) -> Sequence[Row]:
        """The rules of the interfaces, then those that are in use nowhere."""
        interfaces, policies = store.value(INTERFACES), store.value(POLICIES)
        rows = [row for each in interfaces.interfaces for row in self._interface(each)] if interfaces else []
        used = (
            {policy.index for each in interfaces.interfaces for some in each.policies.values() for policy in some} if interfaces else set()
        )
        for policy in policies.policies if policies else ():
            if policy.index not in used:
                rows += self._rules("", "", [policy], 0)
                if not policy.rules:
                    rows.append(Row(("", "", policy.index), ("", "", 0, f"{policy.index}", "", "", "no rules"), Tone.DIM))
        return rows

    def _interface(self, each: PolicedInterface) -> Iterator[Row]:
        for way in WAYS:
            first, last = each.defaults.get(way, ("", ""))
            rules = list(self._rules(each.name, way, each.policies.get(way, ()), 1))
            yield from rules
            yield self._default(each, way, len(rules) + 1, "default", first)
            if first == "pass" or each.policies.get("profiles"):
                profiles = list(self._rules(each.name, way, each.policies.get("profiles", ()), len(rules) + 2, "profile "))
                yield from profiles
                yield self._default(each, way, len(rules) + len(profiles) + 2, "default of profiles", last)

    def _default(self, each: PolicedInterface, way: str, number: int, title: str, action: str) -> Row:
        addresses = " ".join(each.addresses)
        match = f"what no rule decided ({title}){f' of {addresses}' if addresses else ''}"
        return Row((each.name, way, number), (each.name, way, number, "default", "", action, match), _TONES.get(action, Tone.DIM))

    def _rules(self, interface: str, way: str, policies: Sequence[NetworkPolicy], number: int, title: str = "") -> Iterator[Row]:
        for policy in policies:
            name = f"{title}{policy.index}" if policy.index is not None else "deleted"
            for rule in policy.rules:
                if way and rule.way != way:
                    continue
                place = number, name, "" if rule.index is None else str(rule.index)
                values = (interface, way or rule.way, *place, rule.action, rule.match or "everything")
                yield Row((interface, way or rule.way, number, policy.index, rule.index), values, _TONES.get(rule.action, Tone.PLAIN))
                number += 1

    def detail(self, store: Store, key: Hashable, width: int) -> list[str]:
        """The rule in full."""
        row = next((row for row in self.rows(store) if row.key == key), None)
        if row is None:
            return [f"{key} is gone"]
        interface, way, number, policy, rule, action, match = row.values
        where = f"{interface} {way}, number {number}" if interface else f"{way}, on no interface"
        lines = [f"{where}: policy {policy}{f', rule {rule}' if rule else ''}: {action}", ""]
        for part in match.replace(",src", ",\nsrc").replace(",dst", ",\ndst").splitlines():
            lines += textwrap.wrap(part.replace(",", ", "), width, subsequent_indent="  ")
        return lines
