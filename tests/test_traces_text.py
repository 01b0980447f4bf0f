"""Reading `show trace`: what VPP printed comes out as it went in, and so does what people made of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.traces import THREAD, dropped, forwarded, read, recordings, shown, steps
from vppsh.traces.model import Packet, Thread, seconds, show_packet
from vppsh.traces.text import Between, packets_of, read_text

FORWARD = ("pg-input", "ethernet-input", "ip4-input", "ip4-lookup", "ip4-rewrite", "pg1-output", "pg1-tx")
DROP = ("pg-input", "ip4-input", "ip4-lookup", "ip4-drop", "error-drop", "drop")
ONE = shown(forwarded())
TWO = shown(forwarded(), dropped())


def joined(text: str, block: int = 1 << 20) -> str:
    return "".join(item.text for item in read_text([text[at : at + block] for at in range(0, len(text), block)]))


@pytest.mark.skipif(not recordings(), reason="no recorded sessions beside the checkout")
@pytest.mark.parametrize("block", [997, 1 << 20])
def test_recorded_traces_come_out_as_they_went_in(block: int) -> None:
    count = 0
    for path in recordings():
        text = read(path)
        assert joined(text, block) == text, path
        for packet in packets_of(text):
            count += 1
            assert packet.steps, f"{path}: {packet.text}"
            assert packet.raw is None, path
            # Written from its steps, not from what was read.
            assert show_packet(packet).rstrip("\n") == packet.text.rstrip("\n"), path
            assert all(step.time is not None for step in packet.steps), path
    assert count > 500


@dataclass(frozen=True)
class Odd:
    """A text as people have it, and the paths of the packets in it."""

    name: str
    text: str
    paths: tuple[tuple[str, ...], ...]
    check: Callable[[list[Packet]], bool] = lambda packets: True


def quoted(text: str, mark: str) -> str:
    return "".join(f"{mark}{line}" for line in text.splitlines(keepends=True))


CUT = ONE.index("00:00:00:482957: pg1-output")
UNKNOWN = steps(("my-plugin-input", "  anything: 1 -> 2 of what\nno indentation at all\n\n    an empty line above\n"), ("drop", "  x: y\n"))
OLD_DPDK = """\
  GigabitEthernet0/8/0 rx queue 0
  buffer 0x4d67: current data 14, length 84, free-list 0, totlen-nifb 0, trace 0x0
  PKT MBUF: port 0, nb_segs 1, pkt_len 98
    buf_len 2176, data_len 98, ol_flags 0x0, data_off 128, phys_addr 0x6d35ac0
    packet_type 0x0
  IP4: 08:00:27:0b:6e:a5 -> 08:00:27:2d:7b:3c
  ICMP: 10.0.0.1 -> 10.0.0.2
    tos 0x00, ttl 64, length 84, checksum 0x2d5c
    fragment id 0xf94b, flags DONT_FRAGMENT
  ICMP echo_request checksum 0x3b2f
"""
ODD = [
    Odd("relative", ONE, (FORWARD,), lambda packets: packets[0].start == 0.482907),
    Odd("two packets", TWO, (FORWARD, DROP), lambda packets: [packet.number for packet in packets] == [1, 2]),
    Odd("unix time", ONE.replace("00:00:00:", "1795410329."), (FORWARD,), lambda packets: packets[0].start == 1795410329.482907),
    Odd("date", ONE.replace("00:00:00:", "2026-11-23T05:05:29."), (FORWARD,), lambda packets: packets[0].start == 1795410329.482907),
    Odd("hours", ONE.replace("00:00:00:", "123:45:06:"), (FORWARD,), lambda packets: packets[0].start == 445506.482907),
    Odd(
        "several threads",
        shown(forwarded(), thread="") + shown(dropped(), thread=THREAD.replace("0 vpp_main", "1 vpp_wk_0")),
        (FORWARD, DROP),
        lambda packets: packets[0].thread is None and packets[1].thread == Thread(1, "vpp_wk_0"),
    ),
    Odd(
        "a thread without packets",
        f"{THREAD}No packets in trace buffer\n{THREAD.replace('0 vpp_main', '1 vpp_wk_0')}{shown(dropped(), thread='')}",
        (DROP,),
        lambda packets: packets[0].thread == Thread(1, "vpp_wk_0"),
    ),
    Odd(
        "handed off",
        shown(steps(("handoff_trace", "  HANDED-OFF: from thread 2 trace index 7\n"), ("ip4-lookup", ""), ("drop", "  a: b\n"))),
        (("handoff_trace", "ip4-lookup", "drop"),),
        lambda packets: packets[0].steps[0].fields.values == {"from_thread": 2, "from_trace": 7},
    ),
    Odd(
        "limited",
        f"Limiting display to 1 packets. To display more specify max.\n{ONE}Limiting display to 1 packets. To display more specify max.\n",
        (FORWARD,),
    ),
    Odd("cut off within a step", ONE[: CUT + 40], (FORWARD[:-1],)),
    Odd("cut off within a stamp", ONE[: CUT + 8], (FORWARD[:-2],)),
    Odd("cut off behind a heading", f"{ONE}Packet 2", (FORWARD, ())),
    Odd("cut off before the empty lines", ONE.rstrip("\n"), (FORWARD,)),
    Odd("no heading", forwarded(), (FORWARD,), lambda packets: packets[0].number is None),
    Odd("two without heading", f"{dropped()}\n\n{dropped(start=900000)}", (DROP, DROP)),
    Odd("no line with the thread", shown(forwarded(), thread=""), (FORWARD,)),
    Odd("carriage returns", ONE.replace("\n", "\r\n"), (FORWARD,), lambda packets: packets[0].steps[0].fields.values["bytes"] == 64),
    Odd("colours", ONE.replace("pg-input", "\x1b[1;32mpg-input\x1b[0m"), (FORWARD,)),
    Odd("a title and bells", f"\x1b]0;root@node: ~\x07{ONE}", (FORWARD,)),
    Odd("a pager", ONE.replace("00:00:00:482927", "-- more -- (1-22/190)\r                     \r00:00:00:482927"), (FORWARD,)),
    Odd("quoted in mail", quoted(ONE, "> "), (FORWARD,)),
    Odd("quoted twice, empty lines bare", quoted(ONE, "> > ").replace("> > \n", "> >\n"), (FORWARD,)),
    Odd("indented in a page", quoted(ONE, "    "), (FORWARD,), lambda packets: packets[0].steps[0].fields.values["stream"] == "s"),
    Odd("indented by tabs", quoted(ONE, "\t"), (FORWARD,)),
    Odd("a prompt before and behind", f"vpp# show trace\n{ONE}vpp# show errors\n   Count  Node\nvpp# ", (FORWARD,)),
    Odd("a prompt right behind a truncated packet", f"DBGvpp# sh tr\n{ONE.rstrip()}\nDBGvpp# quit\n", (FORWARD,)),
    Odd("a shell's prompt behind", f"$ vppctl show trace\n{ONE}root@node-1:~# vppctl show errors\n   1  ip4-input  x\n", (FORWARD,)),
    Odd("what kubectl says first", f'Defaulted container "vpp" out of: vpp, agent\n{ONE}', (FORWARD,)),
    Odd(
        "unknown nodes", shown(UNKNOWN), (("my-plugin-input", "drop"),), lambda packets: "no indentation at all" in packets[0].steps[0].text
    ),
    Odd("a node twice, one heading", shown(steps(("drop", "  a: b\n  c: d\n"))), (("drop",),)),
    Odd(
        "an empty body",
        shown(steps(("vrrp6-input", "  \n"), ("ip4-input", ""), ("drop", "  a: b\n"))),
        (("vrrp6-input", "ip4-input", "drop"),),
    ),
    Odd("blanks cut off by an editor", shown(steps(("vrrp6-input", "\n"), ("drop", "  a: b\n"))), (("vrrp6-input", "drop"),)),
    Odd("names with odd characters", ONE.replace("pg1", "Eth3b/0/0.100"), ((*FORWARD[:-2], "Eth3b/0/0.100-output", "Eth3b/0/0.100-tx"),)),
    Odd("bytes that are no text", shown(forwarded()).replace("stream s", "stream \udcff\x00"), (FORWARD,)),
    Odd("only prose", "We saw no packet at 12:30: none.\n\nPacket loss 1%\n", ()),
    Odd("nothing", "", ()),
    Odd(
        "an old VPP",
        shown(steps(("dpdk-input", OLD_DPDK))),
        (("dpdk-input",),),
        lambda packets: packets[0].steps[0].fields.other == () and packets[0].steps[0].fields.values["interface"] == "GigabitEthernet0/8/0",
    ),
    Odd("one huge step", shown(steps(("drop", "  a: b\n" + "  00000000: 00\n" * 50000)), dropped()), (("drop",), DROP)),
]


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: odd.name)
def test_odd_texts_are_read_and_nothing_is_lost(odd: Odd) -> None:
    packets = packets_of(odd.text)
    assert tuple(packet.path for packet in packets) == odd.paths
    assert odd.check(packets)
    for block in (7, 1 << 20) if len(odd.text) < 100000 else (1 << 20, 1 << 16):
        assert joined(odd.text, block) == odd.text


def test_the_text_between_packets_is_kept_apart() -> None:
    items = list(read_text([f"vpp# show trace\n{TWO}vpp# show version\nvpp v1\n"]))
    assert [type(item) for item in items] == [Between, Between, Packet, Packet, Between]
    assert items[-1].text == "vpp# show version\nvpp v1\n"


def test_unfinished_packets_are_not_handed_out_before_they_end() -> None:
    """A packet whose end lies in a later block comes whole."""
    for cut in range(0, len(TWO), 61):
        assert [packet.path for packet in (item for item in read_text([TWO[:cut], TWO[cut:]])) if isinstance(packet, Packet)] == [
            FORWARD,
            DROP,
        ]


PIECES = ["Packet 1", "\n", "\n\n", "\r", "00:00:00:000001: drop", "  x: y", " ", ">", "vpp# ", "\x1b[0m", "-", "7"]


@given(st.lists(st.sampled_from(PIECES), max_size=60).map("".join))
def test_any_text_comes_out_as_it_went_in(text: str) -> None:
    assert joined(text) == text
    assert joined(text, 5) == text


@pytest.mark.parametrize("stamp", ["", "soon", "1:2:3", "00:00:xx:000001", "2026-99-23T05:05:29.482907", "12.3", "....", "-1.000000x"])
def test_what_is_no_time_is_none(stamp: str) -> None:
    assert seconds(stamp) is None
