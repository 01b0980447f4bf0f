"""Damaged traces: whatever is in a file, it is read or refused by name, and nothing else goes wrong."""

from __future__ import annotations

import io
import random
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.traces import ARP, dropped, forwarded, recorded_packets, shown
from vppsh.errors import InputFileError
from vppsh.traces.captures import read_capture
from vppsh.traces.dispatch import LINK_VPP, read_dispatch
from vppsh.traces.export import write_pcapng
from vppsh.traces.flows import flows
from vppsh.traces.follow import follow
from vppsh.traces.graph import dot, picture
from vppsh.traces.groups import Groups, show_groups
from vppsh.traces.journeys import show_journeys
from vppsh.traces.jsonl import packet_of, read_lines, write_line
from vppsh.traces.model import Packet, show_packet
from vppsh.traces.pcapng import PcapngWriter
from vppsh.traces.received import read_packets
from vppsh.traces.report import Question, Request, answer
from vppsh.traces.text import packets_of, read_text
from vppsh.traces.verdict import verdict

PIECES = (
    "9" * 5000,
    "99999999999",
    "ffff",
    "-1",
    ": ",
    "\n",
    "\n\n",
    " -> ",
    ",",
    "0x",
    "\0",
    "é",
    "٣",
    "::",
    "2001:db8::1",
    "Packet 3\n",
    "1.2.3",
)


def damaged(text: str, chance: random.Random) -> str:
    """A text with some characters lost, repeated, or replaced."""
    for _ in range(chance.randrange(1, 10)):
        at = chance.randrange(len(text))
        end = at + chance.randrange(30)
        replacement = chance.choice(("", chance.choice(PIECES), chr(chance.randrange(32, 127)), text[at:end] * 2))
        text = text[:at] + replacement + text[end:] or "x"
    return text


def use(packets: list[Packet]) -> None:
    """Everything that can be asked of packets."""
    for packet in packets:
        verdict(packet)
        flows(packet)
        [again] = read_lines([write_line(packet)], "x")
        assert again.steps == packet.steps
    write_pcapng(packets, io.BytesIO())
    groups = Groups(packets)
    assert show_groups(groups) + picture(groups) + dot(groups)
    assert len(list(answer(Request(Question.LIST), packets))) == len(packets)
    assert show_journeys(follow([("one", packets), ("two", packets[:1])]))


@pytest.fixture(scope="module")
def whole() -> list[str]:
    """Packets that are not damaged: recorded ones where there are any."""
    return [show_packet(packet) for packet in recorded_packets()] or [shown(forwarded()), shown(dropped()), shown(ARP)]


@pytest.mark.parametrize("seed", range(100))
def test_damaged_text(seed: int, whole: list[str]) -> None:
    chance = random.Random(seed)
    text = damaged("".join(chance.sample(whole, 2)), chance)
    assert "".join(item.text for item in read_text([text])) == text
    use(packets_of(text))


def capture(seed: int, link_type: int) -> bytes:
    """A small pcap or pcapng with packets of any bytes."""
    chance = random.Random(seed)
    data = [chance.randbytes(chance.randrange(80)) for _ in range(3)]
    if link_type == LINK_VPP:
        data = [bytes((1, 0, 5, 0, 0, 0, 0, 1)) + b"ip4-input\0m\0o\0p\0\n00:00:00:000001: x\n  y\0" + each for each in data]
    if seed % 2:
        out = io.BytesIO()
        writer = PcapngWriter(out)
        for each in data:
            writer.add(each, 5, link_type=link_type, interface="e", comment="c")
        return out.getvalue()
    records = b"".join(struct.pack("<IIII", 1, 2, len(each), len(each)) + each for each in data)
    return struct.pack("<IHHIIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, link_type) + records


@pytest.mark.parametrize("link_type", [1, 101, 147, LINK_VPP])
@pytest.mark.parametrize("seed", range(40))
def test_damaged_captures(seed: int, link_type: int) -> None:
    chance = random.Random(seed)
    content = bytearray(capture(seed, link_type))
    for _ in range(seed % 4):
        content[chance.randrange(len(content))] = chance.randrange(256)
    read = read_dispatch if link_type == LINK_VPP else read_packets
    packets = []
    try:
        packets = list(read(read_capture(io.BytesIO(bytes(content[: len(content) - seed % 5])), "x"), "x"))
    except InputFileError as error:
        assert str(error).startswith("x")  # noqa: PT017  # most are read, some are refused: both are right
    use(packets)


VALUES = st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5), lambda value: st.lists(value, max_size=2))
KEYS = st.sampled_from(["vppsh-trace", "steps", "number", "thread", "length", "node", "stamp", "text", "data"])


@given(st.dictionaries(KEYS, VALUES | st.lists(st.dictionaries(KEYS, VALUES, max_size=4), max_size=2), max_size=6))
@settings(max_examples=200)
def test_any_json(value: dict[str, object]) -> None:
    value["vppsh-trace"] = 1
    packets = []
    try:
        packets = [packet_of(value)]
    except (ValueError, KeyError, TypeError, AttributeError):
        pass  # what read_lines turns into an error that names the line
    use(packets)
