"""Protected tunnels and IPsec interfaces: what leaves by them, what comes in by them, what does not when something changes."""

from __future__ import annotations

import random

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.ipsec import ESP, SecurityAssociation

from tests.gateways import HERE, PEER, Gateway
from tests.graphs import SIZES
from tests.packets import ip4_packet, ip6_packet
from tests.test_ipsec_algorithms import KINDS, Suite, parse, routed
from vppsh.engine.ipsec.sa import SaError

GCM = next(each for each in KINDS if each.cipher == "aes-gcm-128")
CBC = next(each for each in KINDS if each.cipher == "aes-cbc-128")
NAT_PORT = 4500


def inner(n: int, *, tunnel: int = 0, rng: random.Random | None = None) -> list[bytes]:
    """Packets from inside to the network behind a tunnel."""
    rng = rng or random.Random(n)
    return [ip4_packet(0x0A000002, 0x0A140005 + (tunnel << 16), payload=rng.randbytes(rng.randrange(300)), protocol=253) for _ in range(n)]


def back(packet: bytes) -> bytes:
    """The same packet the other way."""
    return ip4_packet(int.from_bytes(packet[16:20], "big"), int.from_bytes(packet[12:16], "big"), payload=packet[20:], protocol=253)


def ipip(each: Suite, options: str = "") -> Gateway:
    """10.20.0.0/16 behind an IPIP tunnel that is protected."""
    made = Gateway()
    assert made(f"create ipip tunnel src {HERE} dst {PEER}") == "ipip0"
    made.type(
        f"ipsec sa add 10 spi 1001 {each.words} {options}",
        f"ipsec sa add 20 spi 2001 {each.words} {options} inbound use-anti-replay",
        "ipsec tunnel protect ipip0 sa-in 20 sa-out 10",
        "set interface state ipip0 up",
        "set interface unnumbered ipip0 use if1",
        "ip route add 10.20.0.0/16 via ipip0",
    )
    return made


def itf(each: Suite, options: str = "", *, number: int = 0, made: Gateway | None = None) -> Gateway:
    """10.20.0.0/16, 10.21.0.0/16 ... behind IPsec interfaces."""
    made = made or Gateway()
    assert made("ipsec itf create") == f"ipsec{number}"
    made.type(
        f"ipsec sa add {10 + number} spi {1001 + number} {each.words} {options} tunnel src {HERE} dst {PEER}",
        f"ipsec sa add {20 + number} spi {2001 + number} {each.words} {options} inbound use-anti-replay tunnel src {PEER} dst {HERE}",
        f"ipsec tunnel protect ipsec{number} sa-in {20 + number} sa-out {10 + number}",
        f"set interface state ipsec{number} up",
        f"set interface unnumbered ipsec{number} use if1",
        f"ip route add 10.{20 + number}.0.0/16 via ipsec{number}",
        f"ip route add 2001:db8:{3000 + number}::/48 via ipsec{number}",
    )
    return made


def peer_opens(each: Suite, packet: bytes, spi: int = 1001, **options: object) -> bytes:
    association = each.scapy(ESP, spi, tunnel_header=IP(src=HERE, dst=PEER), **options)
    return bytes(association.decrypt(parse(packet)))


def peer_seals(each: Suite, packets: list[bytes], spi: int = 2001, first: int = 1, **options: object) -> list[bytes]:
    association: SecurityAssociation = each.scapy(ESP, spi, tunnel_header=IP(src=PEER, dst=HERE), **options)
    return [bytes(association.encrypt(parse(packet), seq_num=number)) for number, packet in enumerate(packets, first)]


@pytest.mark.parametrize("make", [ipip, itf])
@pytest.mark.parametrize("each", KINDS, ids=str)
def test_both_ways(each: Suite, make: object) -> None:
    """ESP in transport mode around IPIP looks like ESP in tunnel mode."""
    made, packets = make(each), inner(5)
    assert [peer_opens(each, packet) for packet in made.goes_out(*packets)] == [routed(packet) for packet in packets]
    returned = [back(packet) for packet in packets]
    assert made.comes_in(*peer_seals(each, returned)) == [routed(packet) for packet in returned]
    # The same again is refused.
    assert made.comes_in(*peer_seals(each, returned)) == []
    assert made.errors_of(20) == {SaError.REPLAY: 5}
    assert made.engine.buffers.free == made.engine.buffers.count


@pytest.mark.parametrize("scattered", [False, True])
@pytest.mark.parametrize("size", SIZES)
def test_vectors(size: int, scattered: bool) -> None:
    """Packets of any length, for three tunnels with different algorithms, in one vector; each tunnel keeps its order."""
    rng, suites = random.Random(size), (GCM, CBC, KINDS[-1])
    made = Gateway()
    for number, each in enumerate(suites):
        itf(each, number=number, made=made)
    chosen = [rng.randrange(3) for _ in range(size)]
    packets = [inner(1, tunnel=tunnel, rng=rng)[0] for tunnel in chosen]
    left = made.goes_out(*packets, scattered=scattered)
    assert len(left) == size
    returned: list[bytes] = []
    for number, each in enumerate(suites):
        mine = [packet for packet, tunnel in zip(packets, chosen, strict=True) if tunnel == number]
        seen = [packet for packet in left if packet[20:24] == (1001 + number).to_bytes(4, "big")]
        assert [peer_opens(each, packet, 1001 + number) for packet in seen] == [routed(packet) for packet in mine]
        assert [IP(packet)[ESP].seq for packet in seen] == list(range(1, len(mine) + 1))
        returned += peer_seals(each, [back(packet) for packet in mine], 2001 + number)
    if returned:
        rng.shuffle(returned)
        # Windows are as wide as vectors are long.
        for number in range(3):
            made.sa(20 + number).window.checks = False
        inside = made.comes_in(*returned, scattered=scattered)
        assert sorted(inside) == sorted(routed(back(packet)) for packet in packets)


def test_ip6_inside() -> None:
    made = itf(GCM)
    there, here = 0x20010DB8300000000000000000000009, 0x20010DB8000000000000000000000002
    packet = ip6_packet(here, there, payload=b"0123456789", protocol=253)
    [left] = made.goes_out(packet)
    assert peer_opens(GCM, left) == routed(packet)
    answer = ip6_packet(there, here, payload=b"0123456789", protocol=253)
    assert made.comes_in(*peer_seals(GCM, [answer])) == [routed(answer)]


def test_in_udp() -> None:
    made, packets, nat = itf(GCM, "udp-encap"), inner(3), UDP(sport=NAT_PORT, dport=NAT_PORT)
    left = made.goes_out(*packets)
    assert [IP(packet)[UDP].dport for packet in left] == [NAT_PORT] * 3
    assert [peer_opens(GCM, packet, nat_t_header=nat) for packet in left] == [routed(packet) for packet in packets]
    returned = [back(packet) for packet in packets]
    assert made.comes_in(*peer_seals(GCM, returned, nat_t_header=nat)) == [routed(packet) for packet in returned]


def test_what_is_not_esp_in_udp() -> None:
    made = itf(GCM, "udp-encap")

    def datagram(payload: bytes) -> bytes:
        header = NAT_PORT.to_bytes(2, "big") * 2 + (8 + len(payload)).to_bytes(2, "big") + bytes(2)
        return ip4_packet(0x0A000102, 0x0A000101, payload=header + payload)

    keepalive, ike, short, stranger = b"\xff", bytes(28), b"\0\0\7\xd1", bytes((0, 0, 7, 0)) + bytes(40)
    assert made.comes_in(*map(datagram, (keepalive, keepalive, ike, short, stranger))) == []
    counted = ("nat_keepalive", "spi_0", "too_short", "no_tunnel")
    # VPP counts what it hands to the host as packets without a tunnel, too; and nobody there wants it.
    assert [made.count("ipsec4-tun-input", name) for name in counted] == [2, 0, 1, 2]
    assert made.count("punt-dispatch", "No registrations") == 2
    assert made.engine.buffers.free == made.engine.buffers.count


def test_peers_and_numbers_of_others() -> None:
    made = itf(GCM)
    [sealed] = peer_seals(GCM, [back(inner(1)[0])])
    assert made.comes_in(ip4_packet(0x0A000103, 0x0A000101, payload=sealed[20:], protocol=50)) == []
    assert made.comes_in(*peer_seals(GCM, [back(inner(1)[0])], spi=2002)) == []
    assert made.count("ipsec4-tun-input", "no_tunnel") == 2
    assert made.comes_in(ip4_packet(0x0A000102, 0x0A000101, payload=sealed[20:26], protocol=50)) == []
    assert made.count("ipsec4-tun-input", "too_short") == 1


@pytest.mark.parametrize("make", [ipip, itf])
def test_interfaces_that_are_down(make: object) -> None:
    made = make(GCM)
    name = "ipip0" if make is ipip else "ipsec0"
    made.type(f"set interface state {name} down")
    assert made.comes_in(*peer_seals(GCM, [back(each) for each in inner(2)])) == []
    assert made.count("ipsec4-tun-input", "disabled") == 2
    assert made.goes_out(*inner(2)) == []
    made.type(f"set interface state {name} up")
    assert len(made.goes_out(*inner(2))) == len(made.comes_in(*peer_seals(GCM, [back(each) for each in inner(2)]))) == 2


@pytest.mark.parametrize("make", [ipip, itf])
def test_nothing_leaves_in_the_clear_any_more(make: object) -> None:
    """As in VPP a tunnel that was protected once drops."""
    made = make(GCM)
    name = "ipip0" if make is ipip else "ipsec0"
    made.type(f"ipsec tunnel protect {name} del")
    assert made.goes_out(*inner(3)) == []
    assert made.comes_in(*peer_seals(GCM, [back(each) for each in inner(3)])) == []
    assert made("show ipsec tunnel") == ""
    assert made("show ipsec protect-hash") == "IPv4:\nIPv6:"
    assert made.sa(10).locks == made.sa(20).locks == 1
    made.type(f"ipsec tunnel protect {name} sa-in 20 sa-out 10")
    assert len(made.goes_out(*inner(3))) == 3


def test_other_keys() -> None:
    """Rekeying: the old association is still let in while it is among the inputs."""
    made = ipip(GCM)
    made.type(
        f"ipsec sa add 11 spi 1002 {CBC.words}",
        f"ipsec sa add 21 spi 2002 {CBC.words} inbound use-anti-replay",
        "ipsec tunnel protect ipip0 sa-in 20 sa-in 21 sa-out 11",
    )
    packets = inner(2)
    assert [peer_opens(CBC, packet, 1002) for packet in made.goes_out(*packets)] == [routed(packet) for packet in packets]
    returned = [back(packet) for packet in packets]
    assert len(made.comes_in(*peer_seals(GCM, returned), *peer_seals(CBC, returned, 2002))) == 4
    made.type("ipsec tunnel protect ipip0 sa-in 21 sa-out 11")
    assert made.comes_in(*peer_seals(GCM, returned, first=9)) == []
    assert len(made.comes_in(*peer_seals(CBC, returned, 2002, first=9))) == 2
    # Nobody needs the old one any more.
    made.type("ipsec sa del 20", "ipsec sa del 10")
    assert [line.split()[2] for line in made("show ipsec sa").splitlines()] == ["11", "21"]


@pytest.mark.parametrize("delete", ["delete ipip tunnel sw_if_index 4", "ipsec itf delete ipsec0"])
def test_a_protected_tunnel_is_deleted(delete: str) -> None:
    made = (ipip if "ipip" in delete else itf)(GCM)
    made.type(delete)
    assert made("show ipsec tunnel") == ""
    assert made.goes_out(*inner(2)) == []
    assert made.comes_in(*peer_seals(GCM, [back(each) for each in inner(2)])) == []
    assert made.sa(10).locks == made.sa(20).locks == 1
    assert made.engine.buffers.free == made.engine.buffers.count


def test_what_comes_by_a_tunnel_without_ipsec() -> None:
    """IPIP in the clear still comes in by a protected tunnel, as in VPP: a policy or an ACL forbids it."""
    made = ipip(GCM)
    clear = bytes(IP(src=PEER, dst=HERE, proto=4) / IP(back(inner(1)[0])))
    assert len(made.comes_in(clear)) == 1


def test_several_peers() -> None:
    made = Gateway()
    made.add_neighbor("10.0.1.3", 1)
    assert made(f"create ipip tunnel src {HERE} p2mp") == "ipip0"
    made.type("set interface state ipip0 up", "set interface ip address ipip0 10.99.0.1/24")
    for number, peer in enumerate((PEER, "10.0.1.3")):
        made.type(
            f"create teib ipip0 peer 10.99.0.{2 + number} nh {peer}",
            f"ipsec sa add {10 + number} spi {1001 + number} {GCM.words}",
            f"ipsec sa add {20 + number} spi {2001 + number} {GCM.words} inbound use-anti-replay",
            f"ipsec tunnel protect ipip0 10.99.0.{2 + number} sa-in {20 + number} sa-out {10 + number}",
            f"ip route add 10.{20 + number}.0.0/16 via 10.99.0.{2 + number} ipip0",
        )
    packets = [*inner(2), *inner(3, tunnel=1)]
    left = made.goes_out(*packets)
    assert [(IP(packet).dst, IP(packet)[ESP].spi) for packet in left] == [(PEER, 1001)] * 2 + [("10.0.1.3", 1002)] * 3
    returned = [back(packet) for packet in packets]
    sealed = peer_seals(GCM, returned[:2])
    association = GCM.scapy(ESP, 2002, tunnel_header=IP(src="10.0.1.3", dst=HERE))
    other = [bytes(association.encrypt(IP(packet), seq_num=number)) for number, packet in enumerate(returned[2:], 1)]
    assert made.comes_in(*sealed, *other) == [routed(packet) for packet in returned]
    # Without its entry a peer is not known any more.
    made.type("delete teib ipip0 peer 10.99.0.3")
    assert made.comes_in(*(bytes(association.encrypt(IP(packet), seq_num=number)) for number, packet in enumerate(returned[2:], 10))) == []
    # A peer whose traffic nobody protects gets none.
    made.type("ipsec tunnel protect ipip0 10.99.0.2 del")
    assert made.goes_out(*inner(2)) == []
    assert made.count("esp4-encrypt-tun", "no_protection") == 2
