"""The table of counters: complete for what the engine declares and what real VPP was seen to count, and sound in itself."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from vppsh.engine.clock import FakeClock
from vppsh.engine.engine import Engine
from vppsh.engine.vpp_nodes import vpp_nodes
from vppsh.knowledge import Kind, Reason, knowledge
from vppsh.registry import NodeSpec, discover
from vppsh.session import Session

RECORDINGS = Path(__file__).resolve().parent.parent.parent / "shared/conformance/scenarios"
# Count, node, reason, severity; a node's name may touch its reason.
COUNTED = re.compile(
    r"^ {0,9}\d+ +(?P<node>[a-z][a-z0-9-]+?)(?: +|(?<=check-rx))(?P<text>[a-zA-Z(].*?) +(?:error|info|warn)\w* *(?:\d+ *)?$"
)
CATALOG = discover()
NODES = {node.name for node in CATALOG.nodes} | set(vpp_nodes())
# Names of nodes that each interface has.
EACH_INTERFACE = ("pg0-output", "pg0-tx", "interface-8-tx-deleted")


def name(reason: Reason) -> str:
    return f"{reason.family}: {reason.text}"


@pytest.mark.parametrize(
    "node", sorted((node for node in CATALOG.nodes if node.errors), key=lambda node: node.name), ids=lambda node: node.name
)
def test_each_counter_of_the_engine_is_known(node: NodeSpec) -> None:
    unknown = [error.text for error in node.errors if knowledge().find(node.errors_of or node.name, error.text) is None]
    assert not unknown


def recorded() -> set[tuple[str, str]]:
    found = set()
    for file in RECORDINGS.glob("*/*.txt"):
        for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
            if match := COUNTED.match(line):
                found.add((match["node"], match["text"]))
    return found


@pytest.mark.skipif(not RECORDINGS.is_dir(), reason="the recordings of real VPP are not beside this checkout")
def test_each_counter_that_real_vpp_was_seen_to_show_is_known() -> None:
    counters = recorded()
    assert len(counters) > 150
    assert not {(node, text) for node, text in counters if knowledge().find(node, text) is None}


@pytest.mark.parametrize("reason", knowledge().reasons, ids=name)
def test_a_reason_is_sound(reason: Reason) -> None:
    assert reason.says
    assert not reason.says.endswith("."), "a phrase, not a sentence"
    for pattern in reason.nodes:
        assert any(fnmatchcase(node, pattern) for node in (*NODES, *EACH_INTERFACE)), f"{pattern} is no node of VPP's"
    for line in reason.check:
        assert line.count("`") % 2 == 0
    same = [other for other in knowledge().reasons if other is not reason and other.text == reason.text]
    assert not any(other.nodes == reason.nodes for other in same), "told twice"
    assert all(other.nodes and reason.nodes for other in same), "one of two reasons of the same text fits any node"


def test_the_same_words_mean_what_they_mean_at_their_node() -> None:
    decrypted = knowledge().find("esp4-decrypt-tun", "ESP pkts received")
    encrypted = knowledge().find("esp4-encrypt-tun", "ESP pkts received")
    assert decrypted
    assert encrypted
    assert decrypted.says != encrypted.says
    assert knowledge().find("ip4-input", "ESP pkts received") is None


def test_texts_that_show_errors_cuts_off_are_found() -> None:
    reason = knowledge().find("arp-reply", "IP4 source address not local to sub")
    assert reason is not None
    assert reason.text == "IP4 source address not local to subnet"
    assert knowledge().find("arp-reply", "IP4 source") is None


def test_drops_without_a_counter() -> None:
    silent = knowledge().silent("cnat-input-ip4", "ip4-drop")
    assert silent is not None
    assert "policy" in silent.says
    assert knowledge().silent("ip4-input", "ip4-drop") is None


def test_why_tells_of_one_counter() -> None:
    session = Session(Engine(CATALOG, clock=FakeClock()))
    text = session.execute("%why uRPF").text
    assert "because of a spoofed source" in text
    assert "show ip fib SOURCE" in text
    at_node = session.execute("%why esp4-encrypt: ESP pkts received").text
    assert "to be encrypted" in at_node
    assert "to be decrypted" not in at_node
    assert "%errors" in session.execute("%why").text
    refused = session.execute("%why gibberish")
    assert refused.failed
    assert "no counter that is known has `gibberish'" in refused.text


def test_kinds() -> None:
    kinds = {reason.text: reason.kind for reason in knowledge().reasons}
    assert kinds["ARP requests sent"] is Kind.DROP, "VPP calls it information, and the packet is gone"
    assert kinds["packets decapsulated"] is Kind.INFO, "VPP calls it an error"
