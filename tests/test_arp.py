"""ARP: what we ask, what we answer, whom we believe, as scapy reads it."""

from __future__ import annotations

import random

import pytest
from scapy.layers.inet6 import ICMPv6ND_NA, ICMPv6ND_NS, ICMPv6NDOptDstLLAddr, IPv6
from scapy.layers.l2 import ARP, Ether

from tests.graphs import SIZES, call
from tests.packets import ip4_packet
from tests.routers import Router, mac, neighbor_mac, number
from vppsh.engine.addresses import Addresses
from vppsh.engine.features.arp.proxy import ArpProxy, ProxyRange
from vppsh.engine.features.arp.request import ArpRequests
from vppsh.engine.features.arping import Arping
from vppsh.engine.fib.types import Protocol
from vppsh.engine.neighbor_counters import Direction, Message, NeighborCounters
from vppsh.engine.neighbors import Neighbors

STRANGER = "02:00:00:00:00:77"
BROADCAST = "ff:ff:ff:ff:ff:ff"


def asked(target: str, sender: str = "10.0.0.77", *, hw: str = STRANGER, source: str = STRANGER, op: int = 1, **other: object) -> bytes:
    """An ARP message in its frame."""
    fields = {"hwsrc": hw, "psrc": sender, "pdst": target, "op": op, **other}
    return bytes(Ether(src=source, dst=BROADCAST) / ARP(**fields))


def receive(router: Router, *frames: bytes, link: int = 0) -> list[Ether]:
    """Let frames come in by a link; what leaves because of them."""
    before = len(router.left)
    router.send("ethernet-input", *frames, link=link)
    return [Ether(data) for _, data in router.left[before:]]


def learned(router: Router, address: str) -> bytes | None:
    neighbor = router.engine.get(Neighbors).find(Protocol.IP4, router.interfaces[0].sw_if_index, number(address))
    return None if neighbor is None else neighbor.mac


@pytest.mark.parametrize("size", SIZES)
def test_requests_for_our_address_are_answered_and_senders_learned(size: int) -> None:
    router = Router()
    senders = [f"10.0.0.{3 + each % 200}" for each in range(size)]
    replies = receive(router, *(asked("10.0.0.1", sender) for sender in senders))
    ours = ":".join(f"{octet:02x}" for octet in mac(0))
    for reply, sender in zip(replies, senders, strict=True):
        assert (reply.src, reply.dst, reply.type) == (ours, STRANGER, 0x0806)
        message = reply[ARP]
        assert (message.op, message.hwtype, message.ptype, message.hwlen, message.plen) == (2, 1, 0x0800, 6, 4)
        assert (message.hwsrc, message.psrc, message.hwdst, message.pdst) == (ours, "10.0.0.1", STRANGER, sender)
    assert all(learned(router, sender) == bytes.fromhex(STRANGER.replace(":", "")) for sender in senders)
    assert router.count("arp-reply", "replies_sent") == size
    assert router.engine.buffers.free == router.engine.buffers.count


@pytest.mark.parametrize(
    ("message", "node", "error"),
    [
        (asked("10.0.0.1", "10.0.1.77"), "arp-reply", "unnumbered_mismatch"),
        (asked("10.0.0.1", "192.0.2.1"), "arp-reply", "l3_src_address_not_local"),
        (asked("10.0.0.1", "10.0.0.1"), "arp-reply", "l3_src_address_is_local"),
        (asked("192.0.2.1"), "arp-reply", "l3_dst_address_not_local"),
        (asked("10.0.0.1", source="02:00:00:00:00:78"), "arp-reply", "l2_address_mismatch"),
        (asked("10.0.1.1"), "arp-reply", "unnumbered_mismatch"),
        (asked("10.0.0.1", "0.0.0.0"), "arp-input", "l3_dst_address_unset"),
        (asked("10.0.0.1", hwtype=6), "arp-input", "l2_type_not_ethernet"),
        (asked("10.0.0.1", ptype=0x86DD), "arp-input", "l3_type_not_ip4"),
        (asked("10.0.0.99", op=2), "arp-reply", "l3_dst_address_not_local"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_not_answered(message: bytes, node: str, error: str) -> None:
    router = Router()
    assert receive(router, message) == []
    assert router.count(node, error) == 1
    assert learned(router, "10.0.0.77") is None


def test_replies_to_us_and_announcements_of_neighbours_are_believed() -> None:
    router = Router()
    assert receive(router, asked("10.0.0.1", op=2)) == []
    assert learned(router, "10.0.0.77") == bytes.fromhex(STRANGER.replace(":", ""))
    assert receive(router, asked("10.0.0.77", hw="02:00:00:00:00:99", source="02:00:00:00:00:99")) == []
    assert learned(router, "10.0.0.77") == bytes.fromhex("020000000099")
    assert receive(router, asked("10.0.0.88", "10.0.0.88")) == []
    assert learned(router, "10.0.0.88") is None, "an announcement of somebody unknown"
    assert router.count("arp-reply", "l3_src_address_learned") == 2
    counters = router.engine.get(NeighborCounters)
    counted = [counters.value(Protocol.IP4, Direction.RX, kind, router.interfaces[0].sw_if_index) for kind in Message]
    assert dict(zip(Message, counted, strict=True))[Message.REPLY] == 1


def test_a_link_without_an_address_is_deaf() -> None:
    router = Router()
    router.engine.get(Addresses).delete(Protocol.IP4, router.interfaces[0], number("10.0.0.1"), 24)
    assert receive(router, asked("10.0.0.1")) == []
    assert router.count("arp-disabled", "disabled") == 1


@pytest.mark.parametrize("size", SIZES)
def test_input_finds_what_is_wrong_with_each_message(size: int) -> None:
    rng = random.Random(size)
    router = Router()
    kinds = [rng.choice(("", "hwtype", "ptype", "psrc")) for _ in range(size)]
    wrong = {"": {}, "hwtype": {"hwtype": 2}, "ptype": {"ptype": 0x0806}, "psrc": {"sender": "0.0.0.0"}}
    errors = {"hwtype": "l2_type_not_ethernet", "ptype": "l3_type_not_ip4", "psrc": "l3_dst_address_unset"}
    samples = {kind: asked("10.0.0.1", **fields)[14:] for kind, fields in wrong.items()}
    frame = router.frame(*(samples[kind] for kind in kinds), scattered=bool(size % 2))
    rows = frame.indices(router.engine.buffers).tolist()
    nexts = call(router.engine, "arp-input", frame)
    node = router.engine.graph["arp-input"]
    for kind, row, slot in zip(kinds, rows, nexts, strict=True):
        assert node.nexts[slot].name == ("error-drop" if kind else "arp-reply")
        if kind:
            assert router.engine.errors.spec(int(router.engine.buffers.error[row]))[1].name == errors[kind]


# Proxy.


def test_a_proxy_answers_for_its_range_where_it_is_enabled() -> None:
    router = Router()
    proxy = router.engine.get(ArpProxy)
    wanted = ProxyRange(number("10.0.1.10"), number("10.0.1.20"), 0)
    proxy.add(wanted)
    sw_if_index = router.interfaces[0].sw_if_index
    targets = ("10.0.1.9", "10.0.1.10", "10.0.1.20", "10.0.1.21")

    def answered() -> list[str]:
        return [reply[ARP].psrc for reply in receive(router, *map(asked, targets))]

    assert answered() == []
    proxy.enable(sw_if_index, True)
    assert answered() == ["10.0.1.10", "10.0.1.20"]
    assert router.count("arp-proxy", "replies_sent") == 2
    proxy.remove(wanted)
    assert answered() == []
    proxy.add(ProxyRange(wanted.first, wanted.last, 7))
    assert answered() == [], "a range of another table"
    proxy.add(wanted)
    proxy.enable(sw_if_index, False)
    assert answered() == []


# Requests of our own.


def test_packets_to_unknown_neighbours_make_us_ask() -> None:
    router = Router()
    targets = [0x0A000140 + each for each in range(5)]
    router.send("ip4-input", *(ip4_packet(dst=target) for target in targets for _ in range(3)))
    ours = ":".join(f"{octet:02x}" for octet in mac(1))
    wanted = []
    for name, data in router.left:
        request = Ether(data)
        message = request[ARP]
        assert (name, request.src, request.dst) == ("if1", ours, BROADCAST)
        assert (message.op, message.hwsrc, message.psrc) == (1, ours, "10.0.1.1")
        wanted.append(number(message.pdst))
    # Two of them may share a bit of the throttle.
    assert len(wanted) >= 3
    assert wanted == [target for target in targets if target in wanted]
    assert router.count("ip4-glean", "request_sent") == len(wanted)
    assert router.count("ip4-glean", "throttled") == 15 - len(wanted)
    router.clock.sleep(0.002)
    assert len(router.send("ip4-input", ip4_packet(dst=targets[0]))) == 1
    assert router.engine.buffers.free == router.engine.buffers.count


def test_answers_to_our_requests_open_the_way() -> None:
    router = Router()
    packet = ip4_packet(dst=0x0A000140)
    router.send("ip4-input", packet)
    router.left.clear()
    reply = bytes(Ether(src=STRANGER, dst="02:fe:00:00:00:01") / ARP(op=2, hwsrc=STRANGER, psrc="10.0.1.64", pdst="10.0.1.1"))
    receive(router, reply, link=1)
    (left,) = router.send("ip4-input", packet)
    assert left[20:] == packet[20:]
    assert Ether(router.left[-1][1]).dst == STRANGER


def test_we_announce_addresses() -> None:
    router = Router()
    router.engine.get(ArpRequests).announce(router.interfaces[1].sw_if_index, number("10.0.1.1"))
    router.settle()
    ((name, data),) = router.left
    message = Ether(data)[ARP]
    assert (name, Ether(data).dst) == ("if1", BROADCAST)
    assert (message.op, message.psrc, message.pdst) == (1, "10.0.1.1", "10.0.1.1")


def test_who_answers_for_an_address_is_counted_while_somebody_listens() -> None:
    router = Router()
    arping, sw_if_index = router.engine.get(Arping), router.interfaces[0].sw_if_index
    run = arping.start(Protocol.IP4, sw_if_index, number("10.0.0.77"))
    assert run is not None
    assert arping.start(Protocol.IP4, sw_if_index, number("10.0.0.78")) is None
    arping.ask(run)
    router.settle()
    assert Ether(router.left[-1][1])[ARP].pdst == "10.0.0.77"
    others = [asked("10.0.0.1", "10.0.0.78", op=2), asked("10.0.0.1", "10.0.0.77", op=1)]
    assert len(receive(router, asked("10.0.0.1", op=2), *others, asked("10.0.0.1", op=2))) == 1
    assert (run.replies, run.mac) == (2, bytes.fromhex(STRANGER.replace(":", "")))
    assert learned(router, "10.0.0.77") == run.mac, "what is seen goes on"
    arping.stop(run)
    receive(router, asked("10.0.0.1", op=2))
    assert run.replies == 2


def test_who_answers_for_an_ip6_address() -> None:
    router = Router(ip6=True)
    arping, sw_if_index = router.engine.get(Arping), router.interfaces[0].sw_if_index
    run = arping.start(Protocol.IP6, sw_if_index, number("2001:db8::77"))
    assert run is not None
    arping.ask(run)
    router.settle()
    solicited = Ether(router.left[-1][1])
    assert solicited[ICMPv6ND_NS].tgt == "2001:db8::77"
    option = ICMPv6NDOptDstLLAddr(lladdr=STRANGER)
    answer = IPv6(src="2001:db8::77", dst="2001:db8::1", hlim=255) / ICMPv6ND_NA(tgt="2001:db8::77", R=0) / option
    router.send("ip6-input", bytes(answer))
    assert (run.replies, run.mac) == (1, bytes.fromhex(STRANGER.replace(":", "")))


def test_neighbours_keep_their_address_when_a_request_is_forged() -> None:
    router = Router()
    assert learned(router, "10.0.0.2") == neighbor_mac(0)
    receive(router, asked("10.0.0.1", "10.0.0.2", source="02:00:00:00:00:78"))
    assert learned(router, "10.0.0.2") == neighbor_mac(0)
