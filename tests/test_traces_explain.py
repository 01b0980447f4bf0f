"""Explanations: for every way that packets ended in recorded sessions of VPP, the verdict, the words, and what decided."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from string import Formatter

import pytest

from tests.conftest import ROOT
from tests.traces import RECORDINGS, dropped, forwarded, read, recorded_packets, recordings, shown, steps
from tests.traffic import CATALOG, Traffic
from vppsh.traces.counters import counters, show_counters
from vppsh.traces.explain import WORDS, explain
from vppsh.traces.fields import SLOT, node_parser
from vppsh.traces.meaning import COLUMN, Kind, table
from vppsh.traces.text import packets_of
from vppsh.traces.verdict import Outcome, verdict

recorded = pytest.mark.skipif(not recordings(), reason="no recorded sessions beside the checkout")
ENDED = (Outcome.DROPPED, Outcome.PUNTED, Outcome.REFUSED)
# Areas of which the counters must be in the table.
AREAS = (
    "ethernet-input",
    "arp-reply",
    "ip6-glean",
    "ip4-udp-lookup",
    "ip4-icmp-input",
    "ip6-icmp-input",
    "ip4-icmp-error",
    "mpls-input",
    "vxlan4-input",
    "gre4-input",
    "ipip4-input",
    "geneve4-input",
    "wg4-input",
    "esp4-decrypt-tun",
    "esp4-encrypt-tun",
    "ipsec4-tun-input",
    "ikev2-ip4",
    "ip4-cnat-return",
    "acl-plugin-in-ip4-fa",
    "nat44-ed-out2in-slowpath",
    "punt-dispatch",
)
# Texts of nodes of VPP that vppsh does not have, and of which no recording has a packet.
OF_VPP_ONLY = ("interface is deleted", "maximum sessions exceeded")


@dataclass(frozen=True)
class Case:
    """A recorded session in which a packet ended so: the verdict, the words, and the begin of what decided."""

    session: str
    verdict: str
    words: str
    decided: str


# One a line: session, verdict, words, the begin of what decided.
CASES = [Case(*line.split("\t")) for line in (ROOT / "tests" / "data" / "explained.tsv").read_text().splitlines()]


@recorded
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.session}: {case.verdict}"[:100])
def test_recorded_ends_are_explained(case: Case) -> None:
    found = [explain(packet) for packet in packets_of(read(RECORDINGS / f"{case.session}.txt"))]
    [explanation, *_] = [each for each in found if str(each.verdict) == case.verdict]
    assert explanation.words == case.words
    assert explanation.decided.startswith(case.decided)
    assert bool(explanation.decided) == bool(case.decided)


@recorded
def test_every_recorded_end_has_an_entry() -> None:
    for packet in recorded_packets():
        if verdict(packet).outcome in ENDED:
            assert explain(packet).counter is not None, str(verdict(packet))


def texts_of_counters() -> set[str]:
    """The texts that the engine's nodes count by, and those in recorded answers of `show errors` and traces."""
    known = {error.text for node in CATALOG.nodes for error in node.errors}
    for path in recordings():
        known |= {line.strip() for line in read(path).split("\n")}
        known |= {line.partition(": ")[2].strip() for line in read(path).split("\n")}
    if RECORDINGS.is_dir():
        for path in RECORDINGS.glob("*/*.txt"):
            known |= {column for line in read(path).split("\n") for column in re.split(r" {2,}", line.strip())}
    return known


@recorded
def test_the_table_knows_no_counter_that_is_none() -> None:
    known = texts_of_counters()
    unknown = [each.text for each in table().counters if each.text not in known and each.text[:COLUMN] not in known]
    assert sorted(set(unknown) - set(OF_VPP_ONLY)) == []


def test_every_area_has_entries() -> None:
    for node in AREAS:
        assert any(fnmatchcase(node, each.node) for each in table().counters if each.node != "*"), node


def test_what_to_check_are_commands_of_vpp(root: Path) -> None:
    lines = (root / "vppsh" / "grammar" / "vpp_commands.txt").read_text().splitlines()
    paths = {line.partition(" = ")[0] for line in lines if line and not line.startswith("#")}
    for counter in table().counters:
        for line in counter.check:
            plain = line.replace("{ip}", "ip")
            assert any(plain == path or plain.startswith(f"{path} ") for path in paths if " " in path or path == "ping"), line


def test_values_in_the_table_are_values_of_traces() -> None:
    """A name in braces that no trace has would leave its line out for ever."""
    formats = [each for each in node_parser()._formats.values() if each is not None] + [each for _, each in node_parser()._patterns]
    names = {slot[1] for each in formats for line in each.lines for slot in SLOT.finditer(line)} | {"source", "destination", "ip"}
    texts = [line for counter in table().counters for line in counter.check] + [each.text for each in table().deciders]
    used = {name for text in texts for _, name, _, _ in Formatter().parse(text) if name}
    assert used <= names


def test_the_entry_of_the_deciding_node_comes_first() -> None:
    route = table().find("null-node", "blackholed packets", "ip4-lookup")
    service = table().find("null-node", "blackholed packets", "cnat-input-ip4")
    assert route is not None
    assert service is not None
    assert route.words.startswith("There is no route")
    assert service.words.startswith("A service that has no backend")
    other = table().find("null-node", "blackholed packets", "my-node")
    assert other is not None
    assert other.words.startswith("Packets that were dropped without a reason")
    assert table().find("my-node", "my reason") is None


def test_texts_that_show_errors_cuts_off_are_found() -> None:
    cut = "GRE input packets dropped due to mi"
    assert len(cut) == COLUMN
    found = table().find("gre4-input", cut)
    assert found is not None
    assert found.words.startswith("No GRE tunnel")
    assert found.kind is Kind.DROP


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        (forwarded(), Outcome.SENT),
        (steps(("ip4-lookup", ""), ("my-node", "")), Outcome.UNFINISHED),
        (steps(("my-node", ""), ("error-drop", "  rx:pg0\n"), ("drop", "  my-node: my own reason\n")), Outcome.DROPPED),
    ],
)
def test_what_the_table_does_not_know_is_still_told(text: str, outcome: Outcome) -> None:
    [packet] = packets_of(f"Packet 1\n\n{text}")
    found = explain(packet)
    assert found.verdict.outcome is outcome
    assert (found.counter, found.words, found.check) == (None, WORDS[outcome], ())


def test_every_outcome_has_words() -> None:
    assert set(WORDS) == set(Outcome)


def test_explanations_on_the_command_line(vppsh: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path) -> None:
    path = tmp_path / "trace.txt"
    path.write_text(shown(forwarded(), dropped(), dropped(start=900000)))
    done = vppsh("trace", path, "--explain", "--filter", "dropped")
    assert done.stdout == (
        "2 packets (2, 3): dropped by ip4-lookup (null-node: blackholed packets)\n"
        "    such as   udp 10.0.0.2:1234 -> 192.0.2.1:53\n"
        "    why       There is no route to the destination, or its route says drop.\n"
        "    decided   ip4-lookup: route to 192.0.2.1 in FIB index 0, forwarding object 0\n"
        "    often     a missing route; the wrong table (VRF) of the interface; a next hop that cannot be resolved\n"
        "    check     show ip fib 192.0.2.1\n"
        "              show ip fib index 0 192.0.2.1\n"
        "\n"
    )
    done = vppsh("trace", path, "--explain", "--output", "json", "--max", "2")
    values = [json.loads(line) for line in done.stdout.splitlines()]
    assert [value["kind"] for value in values] == [None, "drop"]
    assert values[1]["decided"].startswith("ip4-lookup: route to 192.0.2.1")


SHOWN = """\
   Count                  Node                              Reason               Severity
         2             null-node                      blackholed packets           error
         1           ethernet-input                    l3 mac mismatch             error
         4           ip4-icmp-error            destination unreachable response se   info
         5              my-node                           my reason                error
         3             ip4-glean                      ARP requests sent            info
   Count                  Node                              Reason               Severity
         7             ip4-glean                      ARP requests sent            info
"""


def test_counters_are_told_in_words() -> None:
    lines = show_counters(SHOWN).splitlines()
    assert [line.split(maxsplit=2)[:2] for line in lines if line[:10].strip()] == [
        ["10", "drop"], ["2", "drop"], ["1", "punt"], ["5", "?"], ["4", "info"],
    ]  # fmt: skip
    assert lines[1].strip().startswith("The next hop's MAC address was not known")
    assert "my-node: my reason" in lines[6]
    assert show_counters(SHOWN, Kind.PUNT).splitlines()[0] == "         1  punt  ethernet-input: l3 mac mismatch"
    assert show_counters("", Kind.PUNT) == "no such counters\n"
    assert show_counters("no errors\n") == "no counters\n"


@recorded
def test_recorded_counters_that_cost_packets_are_known() -> None:
    """Every counter that a recorded drop names is told as what it is when `show errors` shows it."""
    for packet in recorded_packets():
        ending = verdict(packet).ending
        if ending.outcome is Outcome.DROPPED and ending.counter:
            [counted] = counters(f"   1  {ending.counter}  {ending.reason[:COLUMN]}  error\n")
            assert counted.kind is not None, ending


def test_the_prompt_tells_counters_in_words() -> None:
    traffic = Traffic()
    assert traffic("%errors") == "no counters"
    traffic.udp("lost", 2, destination="192.0.2.1")
    traffic.send("lost")
    assert traffic("%errors drop").splitlines()[0] == "         2  drop  null-node: blackholed packets"
    assert traffic("%errors info") == "no such counters"
