"""The commands of IPsec: what they answer, what they refuse, and whom they show keys."""

from __future__ import annotations

import json

import pytest

from tests.gateways import HERE, PEER, Gateway
from tests.packets import ip4_packet

KEY = bytes(range(16)).hex()
LONG_KEY = bytes(range(64)).hex()


@pytest.fixture(scope="module")
def untouched() -> Gateway:
    """For lines that change nothing."""
    made = Gateway()
    made.type(f"ipsec sa add 10 spi 1001 crypto-alg aes-gcm-128 crypto-key {KEY}", "ipsec spd add 1")
    assert made("ipsec itf create") == "ipsec0"
    return made


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("ipsec sa", ""),
        ("ipsec sa add 11", "ipsec sa: missing spi"),
        ("ipsec sa spi 7", "ipsec sa: missing id"),
        ("ipsec sa add 10 spi 7", "ipsec sa: failed: -116"),
        ("ipsec sa del 11", "ipsec sa: failed: -6"),
        ("ipsec sa add 11 spi 7 salt 12", "ipsec sa: parse error: 'salt 12'"),
        ("ipsec sa add 11 spi 7 crypto-alg rot-13", "ipsec sa: parse error: 'crypto-alg rot-13'"),
        ("ipsec sa add 11 spi 7 ah", "ipsec sa: failed: -9"),
        (f"ipsec sa add 11 spi 7 tunnel src {HERE} dst {PEER} table-id 9", "ipsec sa: failed: -3"),
        ("ipsec sa add 11 spi 7 anti-replay-size 16777217", "ipsec sa: anti-replay-size is at most 16777216"),
        ("ipsec sa add 11 spi 7 anti-replay-size -1", "ipsec sa: anti-replay-size is at most 16777216"),
        ("show ipsec sa 4", "No such SA index: 4"),
        ("show ipsec sa 4294967294", "No such SA index: -2"),
        ("clear ipsec sa 4", "clear ipsec sa: unknown SA index: 4"),
        ("ipsec spd", ""),
        ("ipsec spd add", "ipsec spd: please specify SPD ID"),
        ("ipsec spd add one", "ipsec spd: parse error: 'one'"),
        ("show ipsec spd 1", "No such SPD index: 1"),
        ("set interface ipsec spd if1 7", "set interface ipsec spd: no such spd-id"),
        ("set interface ipsec spd if9 1", "set interface ipsec spd: parse error: 'if9 1'"),
        ("set interface ipsec spd if1 7 del", "set interface ipsec spd: no such spd-id"),
        ("ipsec policy add spd 7 outbound action bypass", "error:-11"),
        ("ipsec policy add spd 1 outbound action protect sa 99", "error:-11"),
        ("ipsec policy add spd 1 outbound action resolve", "ipsec policy: unsupported action: 'resolve'"),
        ("ipsec policy add spd 1 outbound action shred", "ipsec policy: parse error: 'action shred'"),
        ("ipsec policy add spd 1 local-ip-range 10.0.0.0 10.0.0.1", "ipsec policy: parse error: 'local-ip-range 10.0.0.0 10.0.0...'"),
        ("ipsec tunnel protect", ""),
        ("ipsec tunnel protect if9", "ipsec tunnel protect: unknown input 'if9'"),
        ("ipsec tunnel protect sa-in 10 sa-out 10", ""),
        ("ipsec tunnel protect if1 sa-in 10 sa-out 10", ""),
        ("ipsec tunnel protect ipsec0 sa-in 10", ""),
        ("ipsec tunnel protect ipsec0 sa-in 10 sa-out 10", ""),
        ("ipsec tunnel protect ipsec0 sa-in 10 sa-in 10 sa-in 10 sa-in 10 sa-in 10 sa-out 10", ""),
        ("ipsec tunnel protect ipsec0 del", ""),
        ("show ipsec tunnel", ""),
        ("ipsec itf create instance 0", "ipsec itf create: iPSec interface create failed"),
        ("ipsec itf create instance 16384", "ipsec itf create: iPSec interface create failed"),
        ("ipsec itf create multipoint", "ipsec itf create: unknown input: multipoint"),
        ("ipsec itf delete if1", "ipsec itf delete: ipsec interface delete failed"),
        ("ipsec itf delete ipsec9", "ipsec itf delete: no such interface: ipsec9"),
        ("set ipsec async mode", ""),
        ("set ipsec async mode maybe", "set ipsec async mode: unknown input 'maybe'"),
    ],
)
def test_refusals(untouched: Gateway, line: str, answer: str) -> None:
    assert untouched(line) == answer


def test_keys_are_shown_only_to_who_asks_for_one_association() -> None:
    made = Gateway()
    words = f"crypto-alg aes-cbc-128 crypto-key {KEY} integ-alg sha-512-256 integ-key {LONG_KEY}"
    made.type(f"ipsec sa add 10 spi 1001 esp {words}")
    alone = made("show ipsec sa 0")
    assert f"   crypto alg aes-cbc-128 key {KEY}\n" in alone
    # Long ones have lines of 32 bytes, below each other.
    pad = " " * len("   integrity alg sha-512-256 key ")
    assert f"   integrity alg sha-512-256 key 00000000: {LONG_KEY[:64]}\n{pad}00000020: {LONG_KEY[64:]}\n" in alone
    for line in ("show ipsec sa", "show ipsec sa detail", "show ipsec all", "show ipsec sa 0 | json"):
        answer = made(line)
        assert answer
        assert KEY not in answer
        assert LONG_KEY[:64] not in answer
    assert made("show ipsec sa detail").count("[redacted]") == 2


def test_everything_at_once() -> None:
    made = Gateway()
    made.type(
        f"ipsec sa add 10 spi 1001 esp crypto-alg aes-gcm-128 crypto-key {KEY}",
        f"ipsec sa add 20 spi 2001 esp crypto-alg aes-gcm-128 crypto-key {KEY} inbound",
        "ipsec spd add 7", "set interface ipsec spd if1 7", "set ipsec async mode on",
    )  # fmt: skip
    assert made(f"create ipip tunnel src {HERE} dst {PEER}") == "ipip0"
    made.type("ipsec tunnel protect ipip0 sa-in 20 sa-out 10")
    lines = made("show ipsec all").splitlines()
    assert lines[:3] == [
        "[0] sa 10 (0xa) spi 1001 (0x000003e9) protocol:esp flags:[]",
        "[1] sa 20 (0x14) spi 2001 (0x000007d1) protocol:esp flags:[inbound ]",
        "spd 7",
    ]
    assert lines[-8:] == [
        "SPD Bindings:", "  7 -> if1",
        "ipip0 flags:[none]", " output-sa:", f"  {lines[0]}", " input-sa:", f"  {lines[1]}", "IPSec async mode: on",
    ]  # fmt: skip


def test_the_same_as_data() -> None:
    made = Gateway()
    made.type(f"ipsec sa add 10 spi 1001 esp crypto-alg aes-gcm-128 crypto-key {KEY} tunnel src {HERE} dst {PEER}", "ipsec spd add 7")
    assert made("ipsec policy add spd 7 outbound priority 3 action protect sa 10") == "policy-index:0"
    [sa] = json.loads(made("show ipsec sa | json"))
    assert (sa["id"], sa["spi"], sa["crypto"], sa["flags"]) == (10, 1001, "aes-gcm-128", ["tunnel"])
    assert sa["tunnel"] == {"src": HERE, "dst": PEER, "table_id": 0}
    [spd] = json.loads(made("show ipsec spd | json"))
    assert spd["policies"] == [{"index": 0, "type": "ip4-outbound", "priority": 3, "action": "protect", "sa": 10, "packets": 0, "bytes": 0}]


@pytest.mark.parametrize("line", ["clear ipsec sa", "clear ipsec sa 0", "clear ipsec counters"])
def test_counters_are_cleared(line: str) -> None:
    made = Gateway()
    made.type(
        f"ipsec sa add 10 spi 1001 esp tunnel src {HERE} dst {PEER}", f"ipsec sa add 20 spi 2001 inbound tunnel src {PEER} dst {HERE}"
    )
    made.protect(20, 10)
    made.goes_out(ip4_packet(dst=0x0A020005))
    assert '"no Encrypting SA (dropped)":[packets:1]' in made("show ipsec sa 0")
    made.type(line)
    assert '"no Encrypting SA (dropped)":[packets:0]' in made("show ipsec sa 0")
    # Those of policies only by all counters.
    assert ("packets 1 bytes 36" in made("show ipsec spd")) == (line != "clear ipsec counters")


def test_two_engines_know_nothing_of_each_other() -> None:
    one, other = Gateway(), Gateway()
    one.type(f"ipsec sa add 10 spi 1001 crypto-alg aes-gcm-128 crypto-key {KEY}", "ipsec spd add 1")
    assert one("ipsec itf create") == other("ipsec itf create") == "ipsec0"
    assert other("show ipsec all") == "SPD Bindings:\nIPSec async mode: off"
