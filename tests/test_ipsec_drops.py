"""What a protected tunnel refuses: the counters that name the reason, at the node and at the association, and that nothing got in."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest
from scapy.layers.inet import IP
from scapy.layers.ipsec import AH, ESP

from tests.gateways import Gateway
from tests.packets import ip4_packet
from tests.test_ipsec_algorithms import CIPHER_SUITES, KINDS, PAYLOADS, Suite, suite
from tests.test_ipsec_refused import footer, nothing_left_over
from tests.test_ipsec_tunnels import CBC, GCM, back, inner, ipip, itf, peer_opens, peer_seals, routed
from vppsh.engine.ipsec.algorithms import NO_CIPHER
from vppsh.engine.ipsec.sa import MAX_NUMBER, SaError

INPUT, DECRYPT, ENCRYPT = "ipsec4-tun-input", "esp4-decrypt-tun", "esp4-encrypt-tun"
ESP_AT = 20
RETURNED = [back(packet) for packet in inner(6)]


def counted(made: Gateway, node: str) -> dict[str, int]:
    """The errors of a node that are not zero, as `show errors` names them; packets received are none."""
    found = {each.spec.text: each.count for each in made.engine.errors.of_node(node) if each.count}
    return {text: n for text, n in found.items() if not text.endswith("received")}


def with_esp(packet: bytes, payload: bytes) -> bytes:
    """Another payload behind the outer header."""
    return ip4_packet(*(int.from_bytes(packet[at : at + 4], "big") for at in (12, 16)), payload=payload, protocol=packet[9])


def other_key(each: Suite) -> Suite:
    return dataclasses.replace(each, key=each.key[::-1], integrity_key=each.integrity_key[::-1])


@dataclasses.dataclass(frozen=True)
class Refused:
    """Packets that must not get in, and where that is counted.

    association  the counter of the association, if one was found
    top          the highest number afterwards: what is authentic moves the window, whatever is in it
    """

    name: str
    packets: Callable[[], list[bytes]]
    node: str
    reason: str
    association: SaError | None = None
    suite: Suite = GCM
    top: int = 0


def sealed(*packets: bytes, each: Suite = GCM, first: int = 1, spi: int = 2001) -> list[bytes]:
    return peer_seals(each, list(packets or RETURNED[:3]), spi=spi, first=first)


REFUSED = [
    Refused("wrong key", lambda: sealed(each=other_key(GCM)), DECRYPT, "ESP decryption failed", SaError.DECRYPTION_FAILED),
    Refused("wrong HMAC key", lambda: sealed(each=other_key(CBC)), DECRYPT, "integrity check failed", SaError.INTEG_ERROR, CBC),
    Refused("wrong salt", lambda: peer_seals_salted(GCM), DECRYPT, "ESP decryption failed",
            SaError.DECRYPTION_FAILED),
    Refused("wrong SPI", lambda: sealed(spi=2002), INPUT, "no matching tunnel"),
    Refused("wrong peer", lambda: [ip4_packet(0x0A000103, 0x0A000101, payload=packet[ESP_AT:], protocol=50) for packet in sealed()],
            INPUT, "no matching tunnel"),
    Refused("cut within the ESP header", lambda: [with_esp(packet, packet[ESP_AT:][:7]) for packet in sealed()], INPUT, "Too Short"),
    Refused("cut within the IV", lambda: [with_esp(packet, packet[ESP_AT:][:15]) for packet in sealed()], DECRYPT, "undersized packet",
            SaError.RUNT),
    Refused("cut within the check value", lambda: [with_esp(packet, packet[ESP_AT:][:31]) for packet in sealed()], DECRYPT,
            "undersized packet", SaError.RUNT),
    Refused("cut at the end", lambda: [with_esp(packet, packet[ESP_AT:-1]) for packet in sealed()], DECRYPT, "ESP decryption failed",
            SaError.DECRYPTION_FAILED),
    Refused("cut to no whole block", lambda: [with_esp(packet, packet[ESP_AT:-1]) for packet in sealed(each=CBC)], DECRYPT,
            "integrity check failed", SaError.INTEG_ERROR, CBC),
    Refused("too much padding", lambda: [footer(GCM, bytes(14), 255, 4)], DECRYPT, "no enough buffer tail space (dropped)",
            SaError.NO_TAIL_SPACE, top=1),
    Refused("longer inside than outside", lambda: [footer(GCM, ip4_packet(length=500)[:38], 0, 4)], DECRYPT,
            "no enough buffer tail space (dropped)", SaError.NO_TAIL_SPACE, top=1),
    Refused("next header", lambda: [footer(GCM, bytes(38), 0, 89)], DECRYPT, "unsupported payload", SaError.UNSUP_PAYLOAD, top=1),
    Refused("dummy packet", lambda: [footer(GCM, bytes(38), 0, 59)], DECRYPT, "unsupported payload", SaError.UNSUP_PAYLOAD, top=1),
]  # fmt: skip


def peer_seals_salted(each: Suite) -> list[bytes]:
    """As the peer does with another salt."""
    association = each.scapy(ESP, 2001, tunnel_header=IP(src="10.0.1.2", dst="10.0.1.1"))
    association.crypt_salt = b"\0\1\2\3"
    return [bytes(association.encrypt(IP(packet), seq_num=number)) for number, packet in enumerate(RETURNED[:3], 1)]


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.name)
def test_refused(case: Refused) -> None:
    made, packets = ipip(case.suite), case.packets()
    assert made.comes_in(*packets) == []
    assert counted(made, case.node) == {case.reason: len(packets)}
    assert made.errors_of(20) == ({case.association: len(packets)} if case.association is not None else {})
    assert made.sa(20).window.top == case.top
    assert nothing_left_over(made)
    # What is right still gets in.
    assert made.comes_in(*sealed(each=case.suite, first=case.top + 1)) == [routed(packet) for packet in RETURNED[:3]]


# DES alone has nothing to tell by.
@pytest.mark.parametrize("each", [each for each in CIPHER_SUITES if each.cipher != "des-cbc"], ids=str)
def test_every_cipher_refuses_another_key(each: Suite) -> None:
    made = ipip(each)
    assert made.comes_in(*sealed(each=other_key(each))) == []
    reason, fault = ("ESP decryption failed", SaError.DECRYPTION_FAILED) if each.integrity == "none" else (
        "integrity check failed", SaError.INTEG_ERROR)  # fmt: skip
    assert counted(made, DECRYPT) == {reason: 3}
    assert made.errors_of(20) == {fault: 3}
    assert made.sa(20).window.top == 0


def test_replayed_and_too_old() -> None:
    made = ipip(GCM)
    assert len(made.comes_in(*sealed(*RETURNED[:1], first=100))) == 1
    assert made.comes_in(*sealed(*RETURNED[:1], first=100), *sealed(*RETURNED[:2], first=35)) == []
    assert counted(made, DECRYPT) == {"SA replayed packet": 3}
    assert made.errors_of(20)[SaError.REPLAY] == 3
    # The oldest one that the window still holds.
    assert len(made.comes_in(*sealed(*RETURNED[:1], first=37))) == 1


@pytest.mark.parametrize("make", [ipip, itf])
@pytest.mark.parametrize(("options", "last"), [("", MAX_NUMBER), ("use-esn", (1 << 64) - 1)])
def test_numbers_end(make: Callable[..., Gateway], options: str, last: int) -> None:
    made = make(GCM, options)
    made.sa(10).sent = last - 1
    assert len(made.goes_out(*inner(3))) == 1
    assert counted(made, ENCRYPT) == {"sequence number cycled (packet dropped)": 2}
    assert made.errors_of(10) == {SaError.SEQ_CYCLED: 2}
    assert nothing_left_over(made)


@pytest.mark.parametrize("make", [ipip, itf])
def test_an_association_that_a_tunnel_needs_stays(make: Callable[..., Gateway]) -> None:
    """Deleted for the user only: as in VPP the tunnel holds it, and can be given others."""
    made = make(GCM)
    name = "ipip0" if make is ipip else "ipsec0"
    assert made("ipsec sa del 10") == made("ipsec sa del 20") == ""
    assert [peer_opens(GCM, packet) for packet in made.goes_out(*inner(2))] == [routed(packet) for packet in inner(2)]
    assert len(made.comes_in(*sealed())) == 3
    made.type(f"ipsec tunnel protect {name} del")
    assert made("show ipsec sa") == ""
    assert made.goes_out(*inner(2)) == made.comes_in(*sealed(first=9)) == []
    assert nothing_left_over(made)


@pytest.mark.parametrize("make", [ipip, itf])
def test_a_far_end_behind_the_tunnel_itself(make: Callable[..., Gateway]) -> None:
    made = make(GCM)
    name = "ipip0" if make is ipip else "ipsec0"
    made.type(f"ip route add 10.0.1.2/32 via {name}")
    assert made.goes_out(*inner(3)) == []
    assert counted(made, "null-node") == {"blackholed packets": 3}
    assert nothing_left_over(made)
    made.type(f"ip route del 10.0.1.2/32 via {name}")
    assert len(made.goes_out(*inner(3))) == 3


def in_place(made: Gateway, sa_id: int) -> bool:
    """Whether packets of an association have been handled where they lay."""
    places = getattr(made.sa(sa_id).transform, "_places", None)
    return places is not None and bool(places._known)


@pytest.mark.parametrize("each", KINDS, ids=str)
@pytest.mark.parametrize("size", [10, 1300])
@pytest.mark.parametrize("wrong", [{0}, {5}, {2, 3, 9}, set(range(10))])
def test_packets_that_are_handled_where_they_lie_among_them_wrong_ones(each: Suite, size: int, wrong: set[int]) -> None:
    """As they are when the same buffers are used for the third time; what is wrong with some is nothing to the others."""
    made = ipip(each)
    packets = [ip4_packet(0x0A140005, 0x0A000002, payload=bytes([number]) * size, protocol=253) for number in range(10)]
    for turn in range(3):
        protected = peer_seals(each, packets, first=1 + 10 * turn)
        refused = wrong if turn == 2 else set()
        for number in refused:
            protected[number] = protected[number][:-1] + bytes((protected[number][-1] ^ 0x80,))
        assert made.comes_in(*protected) == [routed(packet) for number, packet in enumerate(packets) if number not in refused]
    faults = made.errors_of(20)
    assert faults.get(SaError.INTEG_ERROR, 0) + faults.get(SaError.DECRYPTION_FAILED, 0) == len(wrong)
    assert in_place(made, 20) == (each.integrity == "none" and "gmac" not in each.cipher)
    assert nothing_left_over(made)


@pytest.mark.parametrize("each", KINDS, ids=str)
@pytest.mark.parametrize("size", [10, 102, 106, 200, 1300, 1400])
def test_packets_that_leave_from_where_they_lie(each: Suite, size: int) -> None:
    made = ipip(each)
    packets = [ip4_packet(0x0A000002, 0x0A140005, payload=bytes([number]) * size, protocol=253) for number in range(10)]
    for _ in range(4):
        assert [peer_opens(each, packet) for packet in made.goes_out(*packets)] == [routed(packet) for packet in packets]
    assert in_place(made, 10) == (each.integrity == "none" and "gmac" not in each.cipher and size > 102)


# Authentication headers, behind policies.

SHA1 = suite(NO_CIPHER, "sha1-96")


def ah_gateway() -> Gateway:
    made = Gateway()
    words = f"ah integ-alg sha1-96 integ-key {SHA1.integrity_key.hex()}"
    made.type(
        f"ipsec sa add 10 spi 1001 {words} tunnel src 10.0.1.1 dst 10.0.1.2",
        f"ipsec sa add 20 spi 2001 {words} inbound use-anti-replay tunnel src 10.0.1.2 dst 10.0.1.1",
    )
    made.protect(20, 10)
    return made


def by_ah(each: Suite = SHA1, first: int = 1, n: int = 3) -> list[bytes]:
    association = each.scapy(AH, 2001, tunnel_header=IP(src="10.0.1.2", dst="10.0.1.1"))
    packet = ip4_packet(0x0A020005, 0x0A000002, payload=PAYLOADS[-1], protocol=253)
    return [bytes(association.encrypt(IP(packet), seq_num=number)) for number in range(first, first + n)]


@pytest.mark.parametrize(
    ("packets", "reason", "association"),
    [
        (by_ah(other_key(SHA1)), "Integrity check failed", SaError.INTEG_ERROR),
        ([packet[:-1] + b"\xff" for packet in by_ah()], "Integrity check failed", SaError.INTEG_ERROR),
        ([with_esp(packet, packet[20:43]) for packet in by_ah()], "Integrity check failed", SaError.INTEG_ERROR),
    ],
    ids=["wrong key", "changed", "cut"],
)
def test_authentication_header_refused(packets: list[bytes], reason: str, association: SaError) -> None:
    made = ah_gateway()
    assert made.comes_in(*packets) == []
    assert counted(made, "ah4-decrypt") == {reason: len(packets)}
    assert made.errors_of(20) == {association: len(packets)}
    assert made.sa(20).window.top == 0
    assert len(made.comes_in(*by_ah())) == 3
    assert made.comes_in(*by_ah()) == []
    assert counted(made, "ah4-decrypt")["SA replayed packet"] == made.errors_of(20)[SaError.REPLAY] == 3
    assert nothing_left_over(made)


def test_numbers_of_an_authentication_header_end() -> None:
    made = ah_gateway()
    made.sa(10).sent = MAX_NUMBER - 1
    assert len(made.goes_out(*[ip4_packet(0x0A000002, 0x0A020005)] * 3)) == 1
    assert counted(made, "ah4-encrypt") == {"sequence number cycled (packet dropped)": 2}
    assert made.errors_of(10) == {SaError.SEQ_CYCLED: 2}
