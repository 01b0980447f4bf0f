"""Explanations: for every way that packets ended in recorded sessions of VPP, the verdict, the words, and what decided."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.serving import serving_process
from tests.traces import RECORDINGS, dropped, forwarded, read, recorded_packets, recordings, shown, steps
from tests.traffic import CATALOG, Traffic
from vppsh.engine.vpp_nodes import vpp_nodes
from vppsh.knowledge import SHOWN_WIDTH, Kind, knowledge
from vppsh.traces.counters import counters, show_counters
from vppsh.traces.explain import ENDED as ENDED_WORDS
from vppsh.traces.explain import SLOT, explain, show_explanations
from vppsh.traces.fields import node_parser
from vppsh.traces.text import packets_of
from vppsh.traces.verdict import Outcome, verdict

recorded = pytest.mark.skipif(not recordings(), reason="no recorded sessions beside the checkout")
ENDED = (Outcome.DROPPED, Outcome.PUNTED, Outcome.REFUSED)
# Values that no template reads: those of headers and of adjacencies, and what follows from the packet's way.
OF_HEADERS = {
    "source", "destination", "source_mac", "destination_mac", "source_port", "destination_port", "ttl", "bytes", "protocol", "checksum",
    "right_checksum", "ident", "vlan", "opcode", "arp_source", "arp_mac", "arp_destination", "icmp", "via", "mtu", "output", "ip", "ip4",
    "port_index", "acl_source", "acl_destination", "acl_source_port", "acl_destination_port",
}  # fmt: skip


@dataclass(frozen=True)
class Case:
    """A recorded session in which a packet ended so: the verdict, the node that decided, the words, and what decided."""

    session: str
    verdict: str
    node: str
    words: str
    decided: str


# One a line: session, verdict, node, words, what decided.
CASES = [Case(*line.split("\t")) for line in (ROOT / "tests" / "data" / "explained.tsv").read_text().splitlines()]


@recorded
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.session}: {case.verdict}"[:100])
def test_recorded_ends_are_explained(case: Case) -> None:
    found = [explain(packet) for packet in packets_of(read(RECORDINGS / f"{case.session}.txt"))]
    [explanation, *_] = [each for each in found if str(each.verdict) == case.verdict]
    assert (explanation.node, explanation.why, explanation.decided) == (case.node, case.words, case.decided)


@recorded
def test_every_recorded_packet_is_explained() -> None:
    for packet in recorded_packets():
        [text] = show_explanations([packet])
        assert "{" not in text.replace("{fib}", ""), text
        assert "nothing more is known" not in text
        found = explain(packet)
        if found.verdict.outcome in ENDED:
            assert found.why not in ENDED_WORDS.values(), text
            assert found.packet.path[found.position] == found.node


def test_what_decided_is_shown_by_commands_of_vpp(root: Path) -> None:
    lines = (root / "vppsh" / "grammar" / "vpp_commands.txt").read_text().splitlines()
    paths = [line.partition(" = ")[0] for line in lines if line and not line.startswith("#")]
    for each in knowledge().deciding:
        plain = each.show.replace("{ip}", "ip").replace("{ip4}", "ip4")
        assert not plain or any(plain == path or plain.startswith(f"{path} ") for path in paths if " " in path), each.show


def test_values_that_decide_are_values_of_traces() -> None:
    """A name in braces that no trace has would leave its entry out for ever."""
    formats = [each for each in node_parser()._formats.values() if each is not None] + [each for _, each in node_parser()._patterns]
    names = {slot[1] for each in formats for line in each.lines for slot in SLOT.finditer(line)} | OF_HEADERS
    used = {slot[1] for each in knowledge().deciding for slot in SLOT.finditer(each.what + each.show + each.seen)}
    assert used <= names


def test_each_deciding_node_is_one() -> None:
    nodes = {node.name for node in CATALOG.nodes} | set(vpp_nodes()) | {"pg0-output", "pg0-output-deleted"}
    for each in knowledge().deciding:
        assert each.nodes or each.texts
        for pattern in each.nodes:
            assert any(fnmatchcase(node, pattern) for node in nodes), pattern


@pytest.mark.parametrize(
    ("text", "outcome", "words"),
    [
        (forwarded(), Outcome.SENT, "it left by pg1"),
        (steps(("ip4-lookup", ""), ("my-node", "")), Outcome.UNFINISHED, "or my-node took the packet"),
        (
            steps(("my-node", ""), ("error-drop", "  rx:pg0\n"), ("drop", "  my-node: my own reason\n")),
            Outcome.DROPPED,
            "my-node counts it as `my own reason'; nothing more is known",
        ),
        ("", Outcome.UNFINISHED, "the trace stops here"),
    ],
)
def test_what_the_table_does_not_know_is_still_told(text: str, outcome: Outcome, words: str) -> None:
    [packet] = packets_of(f"Packet 1\n\n{text}")
    found = explain(packet)
    assert found.verdict.outcome is outcome
    assert words in found.why
    assert (found.causes, found.check) == ((), ())


def test_every_outcome_has_words() -> None:
    assert set(ENDED_WORDS) == set(Outcome)


def test_explanations_on_the_command_line(vppsh: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path) -> None:
    path = tmp_path / "trace.txt"
    path.write_text(shown(forwarded(), dropped(), dropped(start=900000)))
    done = vppsh("trace", path, "--explain", "--filter", "dropped")
    assert done.stdout == (
        "2 packets (2, 3): dropped by ip4-lookup (null-node: blackholed packets)\n"
        "    such as     udp 10.0.0.2:1234 -> 192.0.2.1:53\n"
        "    where       pg-input -> ip4-input -> [ip4-lookup] -> ip4-drop -> error-drop -> drop\n"
        "    why         no route leads to the packet's destination: the look-up ended in the table's default, which\n"
        "                drops, or in a route that says drop\n"
        "    seen        destination 192.0.2.1\n"
        "    decided by  the route of 192.0.2.1 in FIB index 0\n"
        "    because of  a route that is missing, or in another table than the interface's\n"
        "                a route that was withdrawn, or whose next hop cannot be reached\n"
        "                an interface that is down\n"
        "    look at     `show ip fib index 0 192.0.2.1`\n"
        "                `show interface address`: the table of the interface\n"
        "\n"
    )
    done = vppsh("trace", path, "--explain", "--output", "json", "--max", "2")
    values = [json.loads(line) for line in done.stdout.splitlines()]
    assert [value["verdict"] for value in values] == ["sent", "dropped"]
    assert values[1]["decided_by"] == "the route of 192.0.2.1 in FIB index 0"
    one = vppsh("trace", path, "--explain", "3").stdout
    assert one.startswith("1 packet (3): dropped by ip4-lookup")
    missing = vppsh("trace", path, "--explain", "9")
    assert (missing.returncode, missing.stdout) == (1, "")
    assert "no packet 9 among 3" in missing.stderr


def test_a_running_dataplane_is_asked_for_what_decided(vppsh: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path) -> None:
    sock, setup = tmp_path / "cli.sock", tmp_path / "setup.vpp"
    data = "UDP: 10.0.0.2 -> 192.0.2.1 UDP: 1 -> 2 incrementing 36"
    setup.write_text(
        "create packet-generator interface pg0\nset interface state pg0 up\nset interface ip address pg0 10.0.0.1/24\n"
        f"packet-generator new {{ name s limit 2 size 64-64 interface pg0 node ip4-input data {{ {data} }} }}\n"
        "trace add pg-input 5\npacket-generator enable-stream s\n"
    )
    with serving_process(sock, "--config", str(setup)):
        done = vppsh("trace", sock, "--explain")
    assert done.stdout.startswith("2 packets (1, 2): dropped by ip4-lookup")
    assert "\n    decided by  the route of 192.0.2.1 in FIB index 0\n                | ipv4-VRF:0, fib_index:0" in done.stdout
    assert done.returncode == 0


def test_explanations_at_the_prompt_show_what_decided() -> None:
    traffic = Traffic()
    traffic.udp("lost", 2, destination="192.0.2.1")
    traffic("trace add pg-input 2")
    traffic.send("lost")
    text = traffic("%trace explain")
    assert text.startswith("2 packets (1, 2): dropped by ip4-lookup")
    assert "\n                | ipv4-VRF:0, fib_index:0" in text
    assert traffic("%trace explain 2").startswith("1 packet (2): dropped by ip4-lookup")
    assert traffic("%trace explain 7") == "there is no packet 7 among them"


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
        ["10", "drop"], ["2", "drop"], ["1", "drop"], ["5", "?"], ["4", "info"],
    ]  # fmt: skip
    assert lines[1].strip().startswith("the packet was given up and an ARP request sent")
    assert "my-node: my reason" in lines[6]
    assert show_counters(SHOWN, Kind.INFO).splitlines()[0] == "         4  info  ip4-icmp-error: destination unreachable response se"
    assert show_counters(SHOWN, Kind.PUNT) == "no such counters\n"
    assert show_counters("no errors\n") == "no counters\n"


@recorded
def test_recorded_counters_that_cost_packets_are_known() -> None:
    """Every counter that a recorded drop names is told as what it is when `show errors` shows it."""
    for packet in recorded_packets():
        ending = verdict(packet).ending
        if ending.outcome is Outcome.DROPPED and ending.counter:
            [counted] = counters(f"   1  {ending.counter}  {ending.reason[: SHOWN_WIDTH + 4]}  error\n")
            assert counted.kind is not None, ending


def test_the_prompt_tells_counters_in_words() -> None:
    traffic = Traffic()
    assert traffic("%errors") == "no counters"
    traffic.udp("lost", 2, destination="192.0.2.1")
    traffic.send("lost")
    assert traffic("%errors drop").splitlines()[0] == "         2  drop  null-node: blackholed packets"
    assert traffic("%errors info") == "no such counters"
