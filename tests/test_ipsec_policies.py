"""Policy databases: the searches against plain Python, and what becomes of packets, counted and traced."""

from __future__ import annotations

import ipaddress
import random
import re
from collections import Counter
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.gateways import HERE, PEER, Gateway
from tests.graphs import SIZES, full_engine
from tests.packets import ip4_packet, ip6_packet
from vppsh.engine.fib.types import Protocol
from vppsh.engine.ipsec.match import NO_POLICY, Flows, Selectors
from vppsh.engine.ipsec.sa import SaConfig, SaFlag, Sas
from vppsh.engine.ipsec.spd import Action, NumberedPolicy, Policy, PolicyType, Range
from vppsh.engine.ipsec.tunnel import TunnelConfig

TCP, UDP, ICMP, ESP = 6, 17, 1, 50
KEY = "4339314b55523947594d6d3547666b45764e6a58"
# Few addresses and ports, so that ranges end on them; IPv6 ones on both sides of a half.
ADDRESSES = {
    Protocol.IP4: [0, 1, 0x0A000000, 0x0A000001, 0x0A0000FF, 0x0A000100, 0xFFFFFFFF],
    Protocol.IP6: [0, 1, 0x0A000001, (1 << 64) - 1, 1 << 64, (5 << 64) + 7, (1 << 128) - 1],
}
PORTS = [0, 1, 53, 1000, 65535]
SPIS = [1, 7, 256]
families = st.sampled_from([Protocol.IP4, Protocol.IP6])


def ranges(values: list[int]) -> st.SearchStrategy[Range]:
    return st.tuples(st.sampled_from(values), st.sampled_from(values)).map(lambda pair: Range(min(pair), max(pair)))


@cache
def associations() -> Sas:
    """Those of an engine that has no packets; every search makes its own anew."""
    return full_engine().get(Sas)


@st.composite
def searches(draw: st.DrawFn) -> tuple[Protocol, list[NumberedPolicy], list[tuple[int, ...]]]:
    """A family, a list of policies, and packets as (local, remote, protocol, local port, remote port, SPI)."""
    family = draw(families)
    addresses, sas = ADDRESSES[family], associations()
    for number, spi in enumerate(SPIS):
        if sas.find(number) is not None:
            sas.delete(number)
        flags = SaFlag.INBOUND | (SaFlag.TUNNEL if draw(st.booleans()) else 0)
        tunnel = TunnelConfig(family, draw(st.sampled_from(addresses)), family, draw(st.sampled_from(addresses)))
        sas.add(SaConfig(number, spi, flags=flags, tunnel=tunnel))
    policies = [
        NumberedPolicy(
            100 + index,
            Policy(PolicyType.of(True, family, Action.PROTECT), family, 0, Action.PROTECT, draw(st.sampled_from([255, TCP, UDP, ICMP])),
                   draw(ranges(addresses)), draw(ranges(addresses)), draw(ranges(PORTS)), draw(ranges(PORTS))),
            sas.find(draw(st.sampled_from(range(len(SPIS))))),
        )
        for index in range(draw(st.integers(0, 6)))
    ]  # fmt: skip
    packet = st.tuples(*(st.sampled_from(each) for each in (addresses, addresses, [TCP, UDP, ICMP, 132], PORTS, PORTS, [*SPIS, 99])))
    return family, policies, draw(st.lists(packet, min_size=1, max_size=20))


def flows_of(packets: list[tuple[int, ...]]) -> Flows:
    halves = [np.array([(packet[at] >> 64, packet[at] & (1 << 64) - 1) for packet in packets], np.uint64) for at in (0, 1)]
    rest = [np.array([packet[at] for packet in packets], np.int64) for at in range(2, 6)]
    return Flows(*halves, *rest)


def holds(which: Range, number: int) -> bool:
    return which.start <= number <= which.stop


@given(searches())
def test_first_policy_that_fits(search: tuple[Protocol, list[NumberedPolicy], list[tuple[int, ...]]]) -> None:
    family, policies, packets = search

    def outbound(packet: tuple[int, ...], policy: Policy) -> bool:
        local, remote, protocol, local_port, remote_port, _ = packet
        return (
            holds(policy.local, local) and holds(policy.remote, remote) and policy.protocol in (255, protocol)
            and (protocol == ICMP or (holds(policy.local_ports, local_port) and holds(policy.remote_ports, remote_port)))
        )  # fmt: skip

    def tunnelled(packet: tuple[int, ...], each: NumberedPolicy) -> bool:
        sa = each.sa
        assert sa is not None
        config = sa.tunnel.config
        return sa.has(SaFlag.TUNNEL) and sa.spi == packet[5] and (config.src, config.dst) == (packet[1], packet[0])

    def ranged(packet: tuple[int, ...], each: NumberedPolicy) -> bool:
        sa = each.sa
        assert sa is not None
        inside = holds(each.policy.local, packet[0]) and holds(each.policy.remote, packet[1])
        return not sa.has(SaFlag.TUNNEL) and sa.spi == packet[5] and inside

    selectors, flows = Selectors(policies), flows_of(packets)
    for packet, out, let, protecting in zip(
        packets, selectors.outbound(flows), selectors.inbound(flows), selectors.protecting(flows, family), strict=True
    ):
        fits = [place for place, each in enumerate(policies) if outbound(packet, each.policy)]
        assert out == (fits or [NO_POLICY])[0]
        fits = [n for n, each in enumerate(policies) if holds(each.policy.local, packet[0]) and holds(each.policy.remote, packet[1])]
        assert let == (fits or [NO_POLICY])[0]
        if family is Protocol.IP4:
            fits = [n for n, each in enumerate(policies) if tunnelled(packet, each)]
            fits += [n for n, each in enumerate(policies) if ranged(packet, each)]
        else:
            fits = [n for n, each in enumerate(policies) if tunnelled(packet, each) or ranged(packet, each)]
        assert protecting == (fits or [NO_POLICY])[0]


@pytest.fixture
def gateway() -> Gateway:
    made = Gateway()
    made.type("ipsec spd add 1", "set interface ipsec spd if1 1")
    return made


def add(gateway: Gateway, policy: str) -> None:
    assert gateway(f"ipsec policy add spd 1 {policy}").startswith("policy-index:")


def datagram(dst: str, *, port: int = 2000, protocol: int = UDP, payload: bytes = b"abcdefgh", src: str = "10.0.0.2") -> bytes:
    header = (1000).to_bytes(2, "big") + port.to_bytes(2, "big") + (8 + len(payload)).to_bytes(2, "big") + bytes(2)
    return ip4_packet(int(ipaddress.ip_address(src)), int(ipaddress.ip_address(dst)), payload=header + payload, protocol=protocol)


def datagram6(dst: str, *, payload: bytes = b"\x03\xe8\x07\xd0\x00\x10\0\0abcdefgh") -> bytes:
    return ip6_packet(int(ipaddress.ip_address("2001:db8::2")), int(ipaddress.ip_address(dst)), payload=payload)


def policies(gateway: Gateway) -> dict[int, tuple[int, int]]:
    """Packets and bytes of each policy, as shown."""
    found = re.findall(r"\[(\d+)\] priority.*?packets (\d+) bytes (\d+)", gateway("show ipsec spd"), re.DOTALL)
    return {int(index): (int(packets), int(n_bytes)) for index, packets, n_bytes in found}


@pytest.mark.parametrize("scattered", [False, True])
@pytest.mark.parametrize("size", SIZES)
def test_what_leaves(gateway: Gateway, size: int, scattered: bool) -> None:
    """A vector of packets that meet every policy there is, and none."""
    gateway.type(f"ipsec sa add 10 spi 1001 esp integ-alg sha1-96 integ-key {KEY} tunnel src {HERE} dst {PEER}")
    add(gateway, "outbound priority 5 action protect sa 10 remote-ip-range 10.2.0.0 - 10.2.0.255")
    add(gateway, "outbound priority 4 action discard protocol 17 remote-port-range 2000 - 2100")
    add(gateway, "outbound priority 4 action bypass protocol 17 remote-port-range 53 - 53")
    # Protected packets meet the policies again.
    add(gateway, "outbound priority 1 action bypass protocol 50")
    rng = random.Random(size)
    kinds = {
        "protect": lambda: datagram("10.2.0.9", payload=bytes(rng.randrange(100))),
        "discard": lambda: datagram("10.2.1.9", port=2050),
        "bypass": lambda: datagram("10.2.1.9", port=53),
        "nobody's": lambda: datagram("10.2.1.9", port=54),
    }
    drawn = rng.choices(list(kinds), k=size)
    packets = [kinds[kind]() for kind in drawn]
    n = Counter(drawn)
    left = gateway.goes_out(*packets, scattered=scattered)
    assert Counter(packet[9] for packet in left) == Counter({ESP: n["protect"], UDP: n["bypass"]})
    count = {
        text: gateway.count("ipsec4-output-feature", f"IPSec policy {text}") for text in ("protect", "bypass", "discard", "(no match)")
    }
    assert count == {"protect": n["protect"], "bypass": n["bypass"] + n["protect"], "discard": n["discard"], "(no match)": n["nobody's"]}
    lengths = [sum(len(packet) for packet, kind in zip(packets, drawn, strict=True) if kind == name) for name in kinds]
    assert policies(gateway) == {
        0: (n["protect"], lengths[0]), 1: (n["discard"], lengths[1]), 2: (n["bypass"], lengths[2]),
        3: (n["protect"], sum(len(packet) for packet in left if packet[9] == ESP)),
    }  # fmt: skip


def test_ip6_is_looked_up_in_lists_of_its_own(gateway: Gateway) -> None:
    add(gateway, "outbound priority 5 action discard")
    add(gateway, "ip6 outbound priority 5 action bypass remote-ip-range 2001:db8:2000:: - 2001:db8:2000::ff")
    # One packet passes, another family's and another address's do not.
    assert len(gateway.goes_out(datagram6("2001:db8:2000::5"), datagram6("2001:db8:2000::100"))) == 1
    assert gateway.goes_out(datagram("10.2.0.5")) == []
    assert policies(gateway) == {0: (1, 36), 1: (1, 56)}


def esp(src: str, spi: int, *, payload: bytes = bytes(40), dst: str = HERE) -> bytes:
    body = spi.to_bytes(4, "big") + (1).to_bytes(4, "big") + payload
    return ip4_packet(int(ipaddress.ip_address(src)), int(ipaddress.ip_address(dst)), payload=body, protocol=ESP)


@pytest.mark.parametrize("size", SIZES)
def test_what_comes_in(gateway: Gateway, size: int) -> None:
    """Protected packets that policies let in or not, and others, of which VPP asks nothing."""
    gateway.type(f"ipsec sa add 20 spi 2001 esp integ-alg sha1-96 integ-key {KEY} inbound tunnel src {PEER} dst {HERE}")
    add(gateway, "inbound priority 5 action protect sa 20")
    add(gateway, "inbound priority 4 action bypass remote-ip-range 10.0.1.50 - 10.0.1.59")
    add(gateway, "inbound priority 4 action discard remote-ip-range 10.0.1.60 - 10.0.1.69")
    kinds = {
        "protected": (esp(PEER, 2001), "match"),
        "let through": (esp("10.0.1.50", 2001, dst="10.0.0.2"), "bypass"),
        "discarded": (esp("10.0.1.60", 2001), "discard"),
        "another SPI": (esp(PEER, 2002), "not matched"),
        "SPI 0": (esp("10.0.1.50", 0), "not matched"),
        "cut off": (ip4_packet(0x0A000102, 0x0A000101, payload=b"\0\0\7\xd1", protocol=ESP), "not matched"),
        "not protected": (datagram("10.0.0.2", src=PEER), ""),
        "TCP": (datagram("10.0.0.2", src=PEER, protocol=TCP), "not matched"),
    }  # fmt: skip
    drawn = random.Random(size).choices(list(kinds), k=size)
    n = Counter(drawn)
    inside = gateway.comes_in(*(kinds[kind][0] for kind in drawn))
    # TCP is counted as not matched, and passes.
    assert Counter(packet[9] for packet in inside) == Counter({UDP: n["not protected"], TCP: n["TCP"], ESP: n["let through"]})
    expected = Counter(kinds[kind][1] for kind in drawn)
    for text in ("match", "bypass", "discard", "not matched"):
        assert gateway.count("ipsec4-input-feature", f"IPSec policy {text}") == expected[text]
    assert gateway.count("ipsec4-input-feature", "IPSec pkts received") == size
    # Whoever has the SPI, but not the key:
    assert gateway.count("esp4-decrypt", "integ_error") == n["protected"]


def test_databases_are_of_interfaces(gateway: Gateway) -> None:
    add(gateway, "outbound priority 5 action discard")
    assert gateway.goes_out(datagram("10.2.0.5")) == []
    gateway.type("set interface ipsec spd if1 1 del")
    assert len(gateway.goes_out(datagram("10.2.0.5"))) == 1
    gateway.type("set interface ipsec spd if1 1", "ipsec spd del 1")
    assert len(gateway.goes_out(datagram("10.2.0.5"))) == 1
    assert gateway("show ipsec spd bindings") == "SPD Bindings:"
