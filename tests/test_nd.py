"""Neighbour discovery: who is asked, who is answered, what is learned; messages made and read by scapy."""

from __future__ import annotations

import ipaddress

import pytest
from scapy.layers.inet6 import (
    ICMPv6MLReport2,
    ICMPv6ND_NA,
    ICMPv6ND_NS,
    ICMPv6ND_RA,
    ICMPv6ND_RS,
    ICMPv6NDOptDstLLAddr,
    ICMPv6NDOptMTU,
    ICMPv6NDOptPrefixInfo,
    ICMPv6NDOptSrcLLAddr,
    IPv6,
    IPv6ExtHdrHopByHop,
    in6_chksum,
)
from scapy.layers.l2 import Ether
from scapy.packet import Packet

from tests.graphs import SIZES
from tests.packets import ip6_packet
from tests.routers import Router, neighbor_mac, number
from tests.routers import mac as our_mac
from vppsh.engine.addresses import Addresses
from vppsh.engine.features.nd.autoconfig import Autoconfig
from vppsh.engine.features.nd.dad import DuplicateDetection
from vppsh.engine.features.nd.multicast_listener import Listeners
from vppsh.engine.features.nd.proxy import NdProxies
from vppsh.engine.features.nd.request import Solicitations
from vppsh.engine.features.nd.router import AdvertisedPrefix, RouterOptions, Routers
from vppsh.engine.features.nd.router import Router as Advertiser
from vppsh.engine.fib.fib import Fib
from vppsh.engine.fib.types import EntryFlag, Prefix, Protocol, RoutePath, Source
from vppsh.engine.interfaces import DOWN, UP
from vppsh.engine.ip6_link import Ip6Links
from vppsh.engine.link_local import from_mac
from vppsh.engine.neighbors import Neighbors

ICMP6 = 58
US, NEIGHBOR = "2001:db8::1", "2001:db8::2"
STRANGER_MAC = "02:00:00:00:00:99"
LINK_LOCAL = "fe80::fe:ff:fe00:0"


def text(mac: bytes) -> str:
    return mac.hex(":")


def checked(packet: IPv6) -> IPv6:
    """An ICMPv6 packet whose checksum is right."""
    ahead = 8 if packet.haslayer(IPv6ExtHdrHopByHop) else 0
    assert in6_chksum(ICMP6, packet, bytes(packet)[40 + ahead : 40 + packet.plen]) == 0
    return packet


class Link:
    """A router, and its link 0 as somebody on it sees it."""

    def __init__(self) -> None:
        self.router = Router(ip6=True)
        self.engine = self.router.engine
        self.interface = self.router.interfaces[0]
        self.index = self.interface.sw_if_index

    def hear(self, *packets: Packet, group: str = "33:33:ff:00:00:01", source: str = STRANGER_MAC) -> list[Ether]:
        """What comes back when frames come in."""
        before = len(self.router.left)
        frames = [bytes(Ether(dst=group, src=source) / packet) for packet in packets]
        self.engine.dispatcher.send(self.engine.graph["ethernet-input"], self.router.frame(*frames))
        self.router.settle()
        return self.since(before)

    def since(self, before: int) -> list[Ether]:
        return [Ether(data) for name, data in self.router.left[before:] if name == "if0"]

    def wait(self, seconds: float) -> list[Ether]:
        """What is sent in that time."""
        before = len(self.router.left)
        self.engine.run_for(seconds)
        return self.since(before)

    def asked(self, before: int) -> list[str]:
        """The addresses that were asked for since then."""
        return [frame[ICMPv6ND_NS].tgt for frame in self.since(before) if frame.haslayer(ICMPv6ND_NS)]

    def answers(self, *packets: Packet) -> list[str]:
        """The addresses that are answered for when frames come in."""
        return [frame[ICMPv6ND_NA].tgt for frame in self.hear(*packets) if frame.haslayer(ICMPv6ND_NA)]

    def known(self, address: str) -> str | None:
        """The MAC address of a neighbour."""
        found = self.engine.get(Neighbors).find(Protocol.IP6, self.index, number(address))
        return None if found is None else text(found.mac)


def ask(target: str, source: str = NEIGHBOR, option: bool = True) -> Packet:
    packet = IPv6(src=source, dst="ff02::1:ff00:1", hlim=255) / ICMPv6ND_NS(tgt=target)
    return packet / ICMPv6NDOptSrcLLAddr(lladdr=STRANGER_MAC) if option else packet


# Asking.


@pytest.mark.parametrize("size", SIZES)
def test_one_solicitation_leaves_for_each_next_hop(size: int) -> None:
    link = Link()
    targets = [f"2001:db8::{1000 + position % 5:x}" for position in range(size)]
    before = len(link.router.left)
    packets = [ip6_packet(number("2001:db8:1::2"), number(target)) for target in targets]
    link.router.send("ip6-input", *packets, link=1)
    asked = [checked(frame[IPv6]) for frame in link.since(before)]
    assert {packet[ICMPv6ND_NS].tgt for packet in asked} <= set(targets)
    sent, throttled = (link.router.count("ip6-glean", name) for name in ("request_sent", "throttled"))
    assert sent == len(asked)
    assert sent + throttled == size
    for packet in asked:
        target = number(packet[ICMPv6ND_NS].tgt)
        assert (packet.src, packet.hlim) == (LINK_LOCAL, 255)
        assert number(packet.dst) == number("ff02::1:ff00:0") | target & 0xFFFFFF
        assert packet[ICMPv6NDOptSrcLLAddr].lladdr == text(our_mac(0))
        assert packet.underlayer is None or packet.underlayer.dst == "33:33:ff:00" + f":{target >> 8 & 255:02x}:{target & 255:02x}"


def test_an_incomplete_next_hop_is_asked_for_and_then_used() -> None:
    link = Link()
    destination = number("2001:db8:9::9")
    path = RoutePath(Protocol.IP6, number("2001:db8::77"), link.index)
    before = len(link.router.left)
    link.engine.get(Fib).ip6[0].update(Prefix(Protocol.IP6, destination, 64), Source.API, EntryFlag.NONE, [path])
    link.router.settle()
    assert link.asked(before) == ["2001:db8::77"]
    link.router.clock.sleep(1)
    before = len(link.router.left)
    link.router.send("ip6-input", ip6_packet(number("2001:db8:1::2"), destination), link=1)
    assert link.asked(before) == ["2001:db8::77"]
    assert link.router.count("ip6-discover-neighbor", "request_sent") == 1
    told = IPv6(src="2001:db8::77", dst=US, hlim=255) / ICMPv6ND_NA(tgt="2001:db8::77", S=1)
    link.hear(told / ICMPv6NDOptDstLLAddr(lladdr=STRANGER_MAC), group=text(our_mac(0)))
    packet = ip6_packet(number("2001:db8:1::2"), destination)
    (left,) = link.router.send("ip6-input", packet, link=1)
    assert left == packet[:7] + bytes((packet[7] - 1,)) + packet[8:]
    assert link.router.left[-1][1][:6] == bytes.fromhex(STRANGER_MAC.replace(":", ""))


def test_an_address_is_announced() -> None:
    link = Link()
    before = len(link.router.left)
    link.engine.get(Solicitations).announce(link.index)
    link.router.settle()
    (frame,) = link.since(before)
    told = checked(frame[IPv6])
    assert (frame.dst, told.src, told.dst) == ("33:33:00:00:00:01", US, "ff02::1")
    assert (told[ICMPv6ND_NA].tgt, told[ICMPv6ND_NA].O, told[ICMPv6ND_NA].S) == (US, 1, 0)
    assert told[ICMPv6NDOptDstLLAddr].lladdr == text(our_mac(0))


# Answering and learning.


@pytest.mark.parametrize("target", [US, LINK_LOCAL])
@pytest.mark.parametrize("source", [NEIGHBOR, "fe80::99", "::"])
def test_our_addresses_are_answered_for(target: str, source: str) -> None:
    link = Link()
    (frame,) = link.hear(ask(target, source))
    answer = checked(frame[IPv6])
    assert (frame.src, frame.dst) == (text(our_mac(0)), STRANGER_MAC)
    assert (answer.src, answer.dst, answer.hlim) == (target, "ff02::1" if source == "::" else source, 255)
    told = answer[ICMPv6ND_NA]
    assert (told.tgt, told.R, told.S, told.O) == (target, 0, 1, 1)
    assert told[ICMPv6NDOptDstLLAddr].lladdr == text(our_mac(0))
    assert link.known(source) == (None if source == "::" else STRANGER_MAC)


def test_a_solicitation_without_an_option_is_answered_without_one() -> None:
    link = Link()
    (frame,) = link.hear(ask(US, "2001:db8::44", option=False))
    assert not frame.haslayer(ICMPv6NDOptDstLLAddr)
    assert link.known("2001:db8::44") is None


@pytest.mark.parametrize(
    ("message", "error"),
    [
        (ask("2001:db8::99"), "neighbor_solicitation_source_unknown"),
        (ask(NEIGHBOR), "neighbor_solicitation_source_unknown"),
        (ask(US, "2001:db8:1::2"), "neighbor_solicitation_source_not_on_link"),
        (ask(US, "2001:db8:55::2"), "neighbor_solicitation_source_not_on_link"),
    ],
)
def test_what_is_none_of_our_business_is_not_answered(message: Packet, error: str) -> None:
    link = Link()
    assert link.hear(message) == []
    assert link.router.count("ip6-icmp-input", error) == 1


def test_advertisements_teach_and_go_to_the_host() -> None:
    link = Link()
    message = IPv6(src=NEIGHBOR, dst=US, hlim=255) / ICMPv6ND_NA(tgt="2001:db8::50") / ICMPv6NDOptDstLLAddr(lladdr=STRANGER_MAC)
    link.hear(message, group=text(our_mac(0)))
    assert link.known("2001:db8::50") == STRANGER_MAC
    assert link.router.count("ip6-icmp-input", "neighbor_advertisements_rx") == 1


def test_proxies_answer_for_others() -> None:
    link = Link()
    proxies = link.engine.get(NdProxies)
    proxies.add(link.index, number("2001:db8::99"))
    assert link.answers(ask("2001:db8::99")) == ["2001:db8::99"]
    proxies.delete(link.index, number("2001:db8::99"))
    link.router.settle()
    assert link.hear(ask("2001:db8::99")) == []
    proxies.answer_all(link.index, True)
    assert link.answers(ask("2001:db8::1234")) == ["2001:db8::1234"]
    proxies.answer_all(link.index, False)
    assert link.hear(ask("2001:db8::1234")) == []


# Groups.


def groups(link: Link) -> list[str]:
    found = link.engine.get(Ip6Links).find(link.index)
    assert found is not None
    listener = link.engine.get(Listeners).of(found)
    assert listener is not None
    return [str(ipaddress.IPv6Address(group)) for group in listener.groups]


def test_groups_follow_the_addresses() -> None:
    link = Link()
    addresses = link.engine.get(Addresses)
    always = ["ff02::1", "ff02::2", "ff02::16", "ff02::1:ff00:0", "ff02::1:ff00:1"]
    assert groups(link) == always
    addresses.add(Protocol.IP6, link.interface, number("2001:db8::ab:cdef"), 64)
    addresses.add(Protocol.IP6, link.interface, number("2001:db8::1:ab:cdef"), 64)
    assert groups(link) == [*always, "ff02::1:ffab:cdef"]
    addresses.delete(Protocol.IP6, link.interface, number("2001:db8::ab:cdef"), 64)
    assert groups(link) == [*always, "ff02::1:ffab:cdef"]
    addresses.delete(Protocol.IP6, link.interface, number("2001:db8::1:ab:cdef"), 64)
    assert groups(link) == always
    link.engine.get(Ip6Links).set_address(link.interface, number("fe80::1234"))
    assert groups(link) == ["ff02::1", "ff02::2", "ff02::16", "ff02::1:ff00:1234", "ff02::1:ff00:1"]


def test_a_link_reports_once_after_it_came_up() -> None:
    link = Link()
    (frame,) = link.wait(1.5)
    report = checked(frame[IPv6])
    assert (frame.dst, report.src, report.dst, report.hlim) == ("33:33:00:00:00:16", LINK_LOCAL, "ff02::16", 1)
    assert report[IPv6ExtHdrHopByHop].nh == ICMP6
    assert report[ICMPv6MLReport2].records_number == len(groups(link))
    records = bytes(report)[56:]
    assert [records[at : at + 4] for at in range(0, len(records), 20)] == [b"\4\0\0\0"] * len(groups(link))
    assert [str(ipaddress.IPv6Address(records[at + 4 : at + 20])) for at in range(0, len(records), 20)] == groups(link)
    assert link.wait(3) == []
    link.engine.interfaces.set_state(link.interface, DOWN)
    link.wait(1)
    link.engine.interfaces.set_state(link.interface, UP)
    assert len([frame for frame in link.wait(1.5) if frame.haslayer(ICMPv6MLReport2)]) == 1


# Routers.


def advertiser(link: Link) -> Advertiser:
    found = link.engine.get(Routers).find(link.index)
    assert found is not None
    return found


def advertised(frames: list[Ether]) -> list[IPv6]:
    return [checked(frame[IPv6]) for frame in frames if frame.haslayer(ICMPv6ND_RA)]


def solicit(source: str = "fe80::99") -> Packet:
    return IPv6(src=source, dst="ff02::2", hlim=255) / ICMPv6ND_RS() / ICMPv6NDOptSrcLLAddr(lladdr=STRANGER_MAC)


def test_nothing_is_advertised_unless_configured() -> None:
    link = Link()
    assert link.hear(solicit()) == []
    assert link.router.count("ip6-icmp-input", "router_solicitation_radv_not_config") == 1
    assert advertised(link.wait(5)) == []


def test_an_advertisement_says_what_is_configured() -> None:
    link = Link()
    router, now = advertiser(link), link.router.clock.now()
    assert router.configure(RouterOptions(managed=True, lifetime=1800), now)
    assert router.add_prefix(AdvertisedPrefix(number("2001:db8:5::"), 64, 8000, 7000, autonomous=False), now)
    assert router.add_prefix(AdvertisedPrefix(number("2001:db8:6::"), 56, 2**32 - 1, 2**32 - 1, ages=False, on_link=False), now)
    link.router.clock.sleep(10)
    packet = advertised(link.hear(solicit()))[-1]
    message = packet[ICMPv6ND_RA]
    assert (packet.src, packet.dst, packet.hlim) == (LINK_LOCAL, "ff02::1", 255)
    assert (message.M, message.O, message.routerlifetime, message.chlim) == (1, 0, 1800, 64)
    assert packet[ICMPv6NDOptSrcLLAddr].lladdr == text(our_mac(0))
    assert packet[ICMPv6NDOptMTU].mtu == 9000
    options = [packet.getlayer(ICMPv6NDOptPrefixInfo, nb=which) for which in (1, 2)]
    seen = [(each.prefix, each.prefixlen, each.L, each.A, each.validlifetime, each.preferredlifetime) for each in options]
    assert seen == [("2001:db8:5::", 64, 1, 0, 7990, 6990), ("2001:db8:6::", 56, 0, 1, 2**32 - 1, 2**32 - 1)]


def test_solicitations_are_answered_every_three_seconds_at_most() -> None:
    link = Link()
    advertiser(link).configure(RouterOptions(unicast=True), link.router.clock.now())
    link.router.clock.sleep(0.5)
    assert [packet.dst for packet in advertised(link.hear(solicit(NEIGHBOR)))] == [NEIGHBOR]
    assert link.hear(solicit()) == []
    link.router.clock.sleep(3.5)
    assert len(advertised(link.hear(solicit()))) >= 1
    router = advertiser(link)
    assert (router.solicited, router.dropped) == (3, 1)


def test_the_first_advertisements_follow_each_other_soon() -> None:
    link = Link()
    link.wait(1.2)
    advertiser(link).configure(RouterOptions(max_interval=1000, initial_interval=5, lifetime=2000), link.router.clock.now())
    assert len(advertised(link.wait(20))) == 3
    assert len(advertised(link.wait(500))) == 0
    assert len(advertised(link.wait(600))) == 1
    router = advertiser(link)
    router.configure(RouterOptions(cease=True), link.router.clock.now())
    # As in VPP the last of the initial ones is never sent: sending ends before its turn comes.
    assert len(advertised(link.wait(3000))) == 1
    assert not router.sending


@pytest.mark.parametrize(
    "options",
    [RouterOptions(lifetime=100), RouterOptions(min_interval=190), RouterOptions(min_interval=2), RouterOptions(initial_count=4)],
)
def test_contradicting_settings_change_nothing(options: RouterOptions) -> None:
    router = advertiser(Link())
    before = (router.lifetime, router.min_interval, router.max_interval, router.initial_count)
    assert not router.configure(options, 0.0)
    assert (router.lifetime, router.min_interval, router.max_interval, router.initial_count) == before


# Addresses of our own.


def test_an_address_on_trial_that_nobody_has() -> None:
    link = Link()
    dad = link.engine.get(DuplicateDetection)
    dad.enabled, dad.transmits, dad.delay = True, 2, 0.5
    before = len(link.router.left)
    link.router.add_address("2001:db8::abcd", 64, 0)
    link.router.settle()
    (frame,) = link.since(before)
    question = checked(frame[IPv6])
    assert (frame.dst, question.src, question.dst) == ("33:33:ff:00:ab:cd", "::", "ff02::1:ff00:abcd")
    assert question[ICMPv6ND_NS].tgt == "2001:db8::abcd"
    assert question.plen == 24
    assert len(list(dad)) == 1
    assert [frame[ICMPv6ND_NS].tgt for frame in link.wait(0.7)] == ["2001:db8::abcd"]
    link.wait(0.5)
    assert list(dad) == []


@pytest.mark.parametrize("message", ["advertisement", "question"])
def test_an_address_on_trial_that_somebody_has(message: str) -> None:
    link = Link()
    dad = link.engine.get(DuplicateDetection)
    dad.enabled = True
    link.router.add_address("2001:db8::abcd", 64, 0)
    link.router.settle()
    if message == "question":
        # Somebody else on trial for the same address is no conflict; somebody who has it is.
        link.hear(ask("2001:db8::abcd", "::"))
        assert len(list(dad)) == 1
        link.hear(ask("2001:db8::abcd"))
    else:
        link.hear(IPv6(src="2001:db8::abcd", dst="ff02::1", hlim=255) / ICMPv6ND_NA(tgt="2001:db8::abcd"))
    assert list(dad) == []
    known = [each.address for each in link.engine.get(Addresses).of(Protocol.IP6, link.interface)]
    assert number("2001:db8::abcd") in known


def test_addresses_and_routes_come_and_go_with_advertisements() -> None:
    link = Link()
    autoconfig, addresses = link.engine.get(Autoconfig), link.engine.get(Addresses)
    own = number("2001:db8:77::") | from_mac(our_mac(0)) & (1 << 64) - 1

    def has() -> bool:
        return any(each.address == own for each in addresses.of(Protocol.IP6, link.interface))

    def advertise(valid: int, lifetime: int) -> None:
        prefix = ICMPv6NDOptPrefixInfo(prefix="2001:db8:77::", prefixlen=64, validlifetime=valid, preferredlifetime=valid)
        link.hear(IPv6(src="fe80::99", dst="ff02::1", hlim=255) / ICMPv6ND_RA(routerlifetime=lifetime) / prefix)

    advertise(100, 100)
    assert not has()
    before = len(link.router.left)
    autoconfig.configure(link.interface, True, True)
    link.router.settle()
    assert [frame.dst for frame in link.since(before) if frame.haslayer(ICMPv6ND_RS)] == ["33:33:00:00:00:02"]
    advertise(100, 50)
    assert has()
    link.router.add_neighbor("fe80::99", 0)
    away = ip6_packet(number("2001:db8:1::2"), number("2001:db8:abcd::1"))
    assert len(link.router.send("ip6-input", away, link=1)) == 1
    link.wait(60)
    assert has()
    assert link.router.send("ip6-input", away, link=1) == []
    link.wait(60)
    assert not has()
    advertise(10000, 50)
    autoconfig.configure(link.interface, False, False)
    assert not has()
    assert text(neighbor_mac(0)) == link.known(NEIGHBOR)
