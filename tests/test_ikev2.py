"""IKE between two gateways: what comes up, what is replaced, what goes, and what gets lost on the way."""

from __future__ import annotations

import random
import re
import struct
from pathlib import Path

import pytest

from tests.ikev2_sites import ADDRESSES6, SECRET, Link, Site
from tests.packets import ip4_packet
from tests.test_ikev2_peer import TS_I, TS_R, PlainPeer, ask, chain, listening, proposal, transform
from vppsh.engine.fib.types import Protocol
from vppsh.engine.ikev2.message import Header
from vppsh.engine.ikev2.names import Exchange, Kind, Notice
from vppsh.engine.ikev2.payloads import Notify, build, notify_body, parse
from vppsh.engine.ipsec.protect import Protects
from vppsh.engine.ipsec.sa import SaFlag, Sas

IKE_SUITES = (
    "aes-cbc 256 ike-integ-alg sha1-96 ike-dh modp-2048",
    "aes-cbc 192 ike-integ-alg hmac-sha2-256-128 ike-dh modp-1024",
    "aes-cbc 128 ike-integ-alg hmac-sha2-384-192 ike-dh ecp-384",
    "aes-cbc 256 ike-integ-alg hmac-sha2-512-256 ike-dh ecp-521",
    "aes-cbc 256 ike-integ-alg cmac-96 ike-dh ecp-256",
    "aes-cbc 256 ike-integ-alg sha1-160 ike-dh modp-1536",
    "aes-gcm-16 128 ike-dh ecp-256",
    "aes-gcm-16 256 ike-dh modp-3072",
    "chacha20-poly1305 256 ike-dh ecp-256",
)
ESP_SUITES = (
    "aes-cbc 256 esp-integ-alg sha1-96",
    "aes-cbc 128 esp-integ-alg hmac-sha2-256-128",
    "aes-ctr 192 esp-integ-alg hmac-sha2-384-192",
    "aes-gcm-16 128",
    "aes-gcm-16 256",
    "chacha20-poly1305 256",
    "null 0 esp-integ-alg hmac-sha2-512-256",
    "null 0 esp-integ-alg aes-256-gmac",
)


def is_ike(packet: bytes) -> bool:
    """Whether a packet is one of IKE, to port 500 or behind a marker to 4500."""
    if packet[0] >> 4 == 6:
        return packet[6] == 17
    return packet[9] == 17 and (packet[22:24] == b"\x01\xf4" or packet[28:32] == bytes(4))


def exchanges(link: Link, begin: int = 0) -> list[tuple[int, int, bool]]:
    """IKE messages as (sender, exchange, whether it is an answer)."""
    found = []
    for number, packet in link.seen[begin:]:
        if is_ike(packet):
            at = (28 if packet[0] >> 4 == 4 else 48) + (4 if packet[22:24] == b"\x11\x94" else 0)
            found.append((number, packet[at + 18], bool(packet[at + 19] & 0x20)))
    return found


def up(link: Link, **changed: str) -> None:
    link.up(**changed)
    for site in link.sites:
        site.tunnel()


def assert_clean(link: Link) -> None:
    """Nothing is left of what there was: no association, no tunnel, no buffer."""
    for site in link.sites:
        assert site.sas == []
        assert list(site.engine.get(Sas)) == []
        assert list(site.engine.get(Protects)) == []
        assert site.engine.interfaces.find("ipip0") is None
        assert site.engine.buffers.free == site.engine.buffers.count


@pytest.mark.parametrize("suite", IKE_SUITES)
def test_every_suite_of_ike(suite: str) -> None:
    link = Link()
    up(link, ike=suite)
    assert link.ping(0)
    assert link.ping(1)
    assert exchanges(link)[:4] == [(0, 34, False), (1, 34, True), (0, 35, False), (1, 35, True)]
    first, second = link.sites
    assert first.ike.keys == second.ike.keys
    assert (first.child.spi_in, first.child.spi_out) == (second.child.spi_out, second.child.spi_in)


@pytest.mark.parametrize("suite", ESP_SUITES)
def test_every_suite_of_esp(suite: str) -> None:
    link = Link()
    up(link, esp=suite)
    if suite.startswith("null"):
        # Everybody can read it on the way.
        with pytest.raises(AssertionError):
            link.ping(0)
        return
    assert link.ping(0)
    assert link.ping(1)
    for site in link.sites:
        sas = {sa.id: sa for sa in site.engine.get(Sas)}
        assert set(sas) == {0x80000000, 0xC0000000}
        assert all(sa.has(SaFlag.ESN) and sa.has(SaFlag.ANTI_REPLAY) for sa in sas.values())
        assert sas[0xC0000000].has(SaFlag.INBOUND)


def test_an_interface_of_the_profile_is_protected() -> None:
    link = Link()
    for number, site in enumerate(link.sites):
        assert site(f"create ipip tunnel src 10.0.1.{1 + number} dst 10.0.1.{2 - number} instance 7") == "ipip7"
    link.up(tunnel="ipip7")
    for site in link.sites:
        found = site.engine.interfaces.find("ipip7")
        assert found is not None
        assert found.admin_up
        assert [each.interface for each in site.engine.get(Protects)] == [found]
    assert link.type(0, f"ikev2 initiate del-sa {link.sites[0].ike.ispi:x}") == ""
    for site in link.sites:
        found = site.engine.interfaces.find("ipip7")
        assert found is not None
        assert not found.admin_up
        assert list(site.engine.get(Sas)) == []


def test_over_ip6() -> None:
    link = Link()
    link.up(ip6=True)
    first, second = link.sites
    assert first.child.spi_in == second.child.spi_out
    assert "ipip0" in first("show ipsec tunnel")
    assert f"iip {ADDRESSES6[0]} ispi" in second("show ikev2 sa")
    assert all(packet[46:48] != bytes(2) for _, packet in link.seen if packet[0] >> 4 == 6 and packet[6] == 17)


def test_wrong_secret() -> None:
    link = Link()
    for site in link.sites:
        site.profile(auth=f"shared-key-mic string secret{site.number}")
    assert link.type(0, "ikev2 initiate sa-init p") == ""
    assert link.sites[1].sas == []
    assert link.sites[0].ike.state.value == "AUTH_FAILED"
    assert all(list(site.engine.get(Sas)) == [] for site in link.sites)
    # The next attempt takes the failed one away.
    for site in link.sites:
        site.type("ikev2 profile set p auth shared-key-mic string same")
    link.type(0, "ikev2 initiate sa-init p")
    assert link.sites[0].ike.state.value == "AUTHENTICATED"


def test_other_selectors() -> None:
    link = Link()
    link.sites[0].profile()
    link.sites[1].profile(
        ts_remote="ip-range 10.0.0.0 - 10.0.0.127 port-range 0 - 65535 protocol 0",
    )
    link.type(0, "ikev2 initiate sa-init p")
    assert {site.ike.state.value for site in link.sites} == {"TS_UNACCEPTABLE"}
    assert all(list(site.engine.get(Sas)) == [] for site in link.sites)


@pytest.mark.parametrize("part", ["ike", "esp"])
def test_no_common_algorithm(part: str) -> None:
    """A responder takes what it can do, whatever its profile says: refuse what nobody can do."""
    link = Link()
    for site in link.sites:
        site.profile(**{part: "3des 192 ike-integ-alg sha1-96 ike-dh ecp-256" if part == "ike" else "3des 192"})
    answer = link.type(0, "ikev2 initiate sa-init p")
    if part == "ike":
        assert answer == "ikev2 initiate: no DH group configured for IKE proposals!"
    else:
        assert {site.ike.state.value for site in link.sites} == {"NO_PROPOSAL_CHOSEN"}


@pytest.mark.parametrize("who", [0, 1])
def test_rekeying(who: int) -> None:
    """Either side may ask; what is on its way by the old association still arrives, until that is gone."""
    link = Link()
    up(link)
    site = link.sites[who]
    old = [each.child for each in link.sites]
    assert link.type(who, f"ikev2 initiate rekey-child-sa {site.spi:x}") == ""
    new = [each.child for each in link.sites]
    assert {each.spi_in for each in new}.isdisjoint({each.spi_in for each in old})
    assert new[0].keys == new[1].keys
    assert new[0].spi_in == new[1].spi_out
    for each in link.sites:
        ids = {sa.id for sa in each.engine.get(Sas)}
        assert ids == {0x80000000, 0xC0000000, 0xC0000800}
        assert each("show ipsec tunnel").count("sa 3221") == 2
    assert link.ping(0)
    assert link.ping(1)
    link.wait(12)
    for each in link.sites:
        assert {sa.id for sa in each.engine.get(Sas)} == {0x80000000, 0xC0000800}
    assert link.ping(0)
    # And back to the first id.
    link.type(who, f"ikev2 initiate rekey-child-sa {site.spi:x}")
    link.wait(12)
    assert {sa.id for sa in site.engine.get(Sas)} == {0x80000000, 0xC0000000}
    assert link.ping(1)
    assert [count for name, count in link.sites[1 - who].counts().items() if name == "rekey_req"] == [2]


def test_rekeying_while_the_old_one_is_there() -> None:
    link = Link()
    up(link)
    for _ in range(2):
        link.type(0, f"ikev2 initiate rekey-child-sa {link.sites[0].spi:x}")
    assert link.sites[0].child.spi_in == link.sites[1].child.spi_out
    assert link.ping(0)


def test_lifetime() -> None:
    """The initiator has a child SA replaced when its time is over."""
    link = Link()
    up(link, lifetime="20 0 4 0")
    spi = link.sites[0].child.spi_in
    link.wait(18)
    assert link.sites[0].child.spi_in == spi
    link.wait(6)
    assert link.sites[0].child.spi_in != spi
    assert link.ping(1)


def test_lifetime_over_and_no_answer() -> None:
    """Nobody answers: it is asked for some times, and then deleted."""
    link = Link()
    up(link, lifetime="10 0 2 0")
    for site in link.sites:
        site.type("ikev2 dpd disable")
    link.change = lambda number, packet: packet if number == 0 or not is_ike(packet) else None
    link.wait(40)
    assert link.sites[0].ike.children == []
    assert [sa.id for sa in link.sites[0].engine.get(Sas)] == []


def test_volume() -> None:
    link = Link()
    up(link, lifetime="0 0 5 200")
    spi = link.sites[0].child.spi_in
    link.wait(4)
    assert link.sites[0].child.spi_in == spi
    assert link.ping(1, bytes(range(250)))
    link.wait(6)
    assert link.sites[0].child.spi_in != spi


@pytest.mark.parametrize("who", [0, 1])
def test_deleting_a_child(who: int) -> None:
    link = Link()
    up(link)
    spi = link.sites[who].spi
    assert link.type(who, f"ikev2 initiate del-child-sa {spi:x}") == ""
    for site in link.sites:
        assert site.ike.children == []
        assert list(site.engine.get(Sas)) == []
        assert site.engine.interfaces.find("ipip0") is None
    assert exchanges(link)[-2:] == [(who, 37, False), (1 - who, 37, True)]


@pytest.mark.parametrize("who", [0, 1])
def test_deleting_everything(who: int) -> None:
    link = Link()
    link.up()
    assert link.type(who, f"ikev2 initiate del-sa {link.sites[who].ike.ispi:x}") == ""
    assert_clean(link)


def test_a_profile_goes_with_what_there_is_because_of_it() -> None:
    link = Link()
    link.up()
    assert link.type(0, "ikev2 profile del p") == ""
    assert_clean(link)
    assert link.sites[0]("show udp ports").count("ikev2") == 0
    assert link.sites[1]("show udp ports").count("ikev2-ip") == 2


def test_an_interface_goes_with_what_was_begun_by_it() -> None:
    link = Link()
    link.up()
    first, second = link.sites
    first.engine.interfaces.delete(first.interfaces[1])
    assert first.sas == []
    assert list(first.engine.get(Sas)) == []
    assert "responder" not in first("show ikev2 profile")
    assert len(second.sas) == 1


def test_peers_that_are_there_are_asked_now_and_then() -> None:
    link = Link()
    link.up()
    link.wait(95)
    asked = [number for number, exchange, answer in exchanges(link)[4:] if exchange == 37 and not answer]
    # The initiator asks at once and then each 30 seconds, the responder 30 seconds later for the first time, as in VPP.
    assert asked.count(0) in (3, 4)
    assert asked.count(1) in (2, 3)
    assert all(site.ike.liveness_retries == 0 for site in link.sites)


def test_dead_peers_are_forgotten_and_begun_anew() -> None:
    """Routes by an interface of the profile's outlive its association."""
    link = Link()
    for number, site in enumerate(link.sites):
        site(f"create ipip tunnel src 10.0.1.{1 + number} dst 10.0.1.{2 - number}")
    up(link, tunnel="ipip0")
    assert link.type(0, "ikev2 set liveness 4 2") == ""
    assert link.type(1, "ikev2 set liveness 4 2") == ""
    old = link.sites[0].ike.ispi
    link.change = lambda number, packet: None
    link.wait(44)
    assert link.sites[1].sas == []
    assert link.sites[0].sas == []
    link.change = lambda number, packet: packet
    link.wait(4)
    assert link.sites[0].ike.ispi != old
    assert link.ping(0)
    assert link.ping(1)


def test_dpd_disabled() -> None:
    link = Link()
    link.up()
    for number in (0, 1):
        assert link.type(number, "ikev2 dpd disable") == ""
    begin = len(link.seen)
    link.wait(100)
    assert exchanges(link, begin) == []


@pytest.mark.parametrize("lost", range(4))
def test_lost_messages(lost: int) -> None:
    """Whichever message of the first four gets lost, the tunnel comes up in the end."""
    link, count = Link(), [0]

    def change(number: int, packet: bytes) -> bytes | None:
        if not is_ike(packet):
            return packet
        count[0] += 1
        return None if count[0] == lost + 1 else packet

    link.change = change
    link.up()
    link.wait(8)
    for site in link.sites:
        site.tunnel()
    assert link.ping(0)
    assert link.ping(1)
    assert all(len(site.engine.get(Protects).lookups.listed(Protocol.IP4)) == 1 for site in link.sites)


def test_packets_twice() -> None:
    """What comes twice is answered twice, and done once."""
    link = Link()
    link.change = lambda number, packet: packet
    for site in link.sites:
        site.profile()
    first, second = link.sites
    first("ikev2 initiate sa-init p")
    messages: list[bytes] = []
    for _ in range(4):
        for site, other in ((first, second), (second, first)):
            for packet in site.outside_packets:
                messages.append(packet)
                other.arrive(packet)
                other.arrive(packet)
    assert first.ike.state is second.ike.state
    assert len(list(first.engine.get(Sas))) == len(list(second.engine.get(Sas))) == 2
    assert second.counts()["ike_sa_init_retransmit"] >= 1
    assert second.counts()["ike_req_retransmit"] >= 1
    begin = second.counts().get("ike_sa_init_ignore", 0)
    second.arrive(messages[0])
    assert second.counts()["ike_sa_init_ignore"] == begin + 1


def translate(number: int, packet: bytes) -> bytes:
    """The second site knows the first one as 10.0.1.9, ports moved, as if a NAT were between them."""
    if packet[0] >> 4 != 4 or packet[9] != 17:
        return packet
    data = bytearray(packet)
    if number == 0:
        data[12:16] = bytes((10, 0, 1, 9))
        data[20:22] = struct.pack(">H", int.from_bytes(data[20:22], "big") + 20000)
    else:
        data[16:20] = bytes((10, 0, 1, 1))
        data[22:24] = struct.pack(">H", int.from_bytes(data[22:24], "big") - 20000)
    return ip4_packet(
        int.from_bytes(data[12:16], "big"), int.from_bytes(data[16:20], "big"), payload=bytes(data[20:26]) + bytes(2) + bytes(data[28:]),
        protocol=17, ttl=data[8],
    )  # fmt: skip


def behind_nat() -> Link:
    link = Link()
    link.change = translate
    link.sites[1].type(f"ip neighbor if1 10.0.1.9 {'02:00:00:00:01:02'}")
    up(link)
    return link


def test_through_nat() -> None:
    link = behind_nat()
    first, second = link.sites
    ports = [struct.unpack(">HH", packet[20:24]) for _, packet in link.seen if packet[0] >> 4 == 4]
    assert ports == [(500, 500), (500, 20500), (4500, 4500), (4500, 24500)]
    assert [site.counts("ikev2-ip4-natt") for site in link.sites] == [{}, {"ike_auth_req": 1}]
    assert second("show ikev2 sa").startswith("iip 10.0.1.9 ")
    for site in link.sites:
        assert all(sa.has(SaFlag.UDP_ENCAP) for sa in site.engine.get(Sas))
    begin = len(link.seen)
    assert link.ping(0)
    assert link.ping(1)
    assert [struct.unpack(">HH", packet[20:24]) for _, packet in link.seen[begin:]] == [(4500, 4500), (4500, 24500)]
    link.wait(70)
    assert all(site.ike.liveness_retries == 0 for site in link.sites)
    link.type(0, f"ikev2 initiate rekey-child-sa {first.spi:x}")
    assert link.ping(0)
    assert link.ping(1)
    link.type(1, f"ikev2 initiate del-sa {second.ike.ispi:x}")
    assert_clean(link)


def test_nat_disabled() -> None:
    link = Link()
    link.change = translate
    for site in link.sites:
        site.profile()
        site.type("ikev2 profile set p disable natt")
    link.sites[1].type("ip neighbor if1 10.0.1.9 02:00:00:00:01:02")
    link.type(0, "ikev2 initiate sa-init p")
    assert [struct.unpack(">H", packet[20:22])[0] for number, packet in link.seen if number == 0] == [500, 500]
    assert not any(sa.has(SaFlag.UDP_ENCAP) for sa in link.sites[0].engine.get(Sas))


def test_cookie() -> None:
    """A responder under load wants to see that the initiator is where it says (RFC 7296, 2.6)."""
    link = Link()
    for site in link.sites:
        site.profile()
    first, second = link.sites
    first("ikev2 initiate sa-init p")
    [asked] = first.outside_packets
    header = Header.read(asked[28:])
    assert header is not None
    body = build(notify_body(Notify(Notice.COOKIE, b"who are you")))
    length = 28 + len(body.data)
    answer = Header(header.ispi, 0, Exchange.IKE_SA_INIT, 0x20, 0, body.first, length=length).pack() + body.data
    datagram = struct.pack(">HHHH", 500, 500, 8 + length, 0) + answer
    first.arrive(ip4_packet(0x0A000102, 0x0A000101, payload=datagram, protocol=17))
    [again] = first.outside_packets
    said = parse(again[28 + 16], again[28 + 28 :])
    assert again[28 + 16] == Kind.NOTIFY
    assert said.notifies[0] == Notify(Notice.COOKIE, b"who are you")
    assert said.nonce == parse(asked[28 + 16], asked[28 + 28 :]).nonce
    second.arrive(again)
    link.carry()
    assert {site.ike.state.value for site in link.sites} == {"AUTHENTICATED"}


def test_initial_contact() -> None:
    """Who begins anew has lost what there was."""
    link = Link()
    link.up()
    old = link.sites[1].ike.ispi
    link.type(0, "ikev2 initiate sa-init p")
    for site in link.sites:
        assert site.ike.ispi != old
        assert len(list(site.engine.get(Sas))) == 2


def test_several_peers() -> None:
    """Profiles of several names, of which the right one is found by its identities; the ids of associations tell IKE SAs apart."""
    link = Link()
    for site in link.sites:
        for number in range(3):
            site.profile(
                f"p{number}",
                auth=f"shared-key-mic string s{number}",
                id_local=f"fqdn s{site.number}.{number}",
                id_remote=f"fqdn s{1 - site.number}.{number}",
            )
            site(f"create ipip tunnel src 10.0.1.{site.number + 1} dst 10.0.1.{2 - site.number} outer-table-id 0 instance {number}")
    assert link.type(0, "ikev2 initiate sa-init p1") == ""
    assert link.type(0, "ikev2 initiate sa-init p2") == ""
    for site in link.sites:
        assert [sa.profile.name for sa in site.sas if sa.profile] == ["p1", "p2"]
        assert [sa.children[0].local_sa_id for sa in site.sas] == [0x80000000, 0x80001000]


def test_random_changes_on_the_way() -> None:
    """Whatever a message turns into, nobody falls over it, and nothing is accepted that was not said."""
    rng = random.Random(5)
    for _ in range(12):
        link = Link()

        def change(number: int, packet: bytes) -> bytes:
            if packet[0] >> 4 != 4 or packet[9] != 17 or rng.random() < 0.4:
                return packet
            data = bytearray(packet)
            for _ in range(rng.randrange(1, 4)):
                data[rng.randrange(28, len(data))] = rng.randrange(256)
            return bytes(data)

        link.change = change
        link.up()
        link.wait(10)
        link.change = lambda number, packet: packet
        link.wait(40)
        first, second = link.sites
        assert len(first.sas) == 1
        assert first.ike.state.value in ("AUTHENTICATED", "AUTH_FAILED", "TS_UNACCEPTABLE", "NO_PROPOSAL_CHOSEN")
        if first.ike.state.value == "AUTHENTICATED":
            assert any(sa.keys == first.ike.keys for sa in second.sas)
        for site in link.sites:
            assert site.engine.buffers.free == site.engine.buffers.count


def test_two_engines_know_nothing_of_each_other() -> None:
    first, second = Site(0), Site(1)
    first.profile()
    assert second("show ikev2 profile") == ""
    assert second("ikev2 initiate sa-init p") == "ikev2 initiate: unknown profile p"


def test_the_lines_of_the_page(root: Path) -> None:
    """The two gateways of docs/features/ikev2.md."""
    page = (root / "docs" / "features" / "ikev2.md").read_text().partition("## Commands")[0]
    blocks = re.findall(r"```\n(.*?)```", page, re.DOTALL)
    assert len(blocks) == 2
    link = Link()
    for number in (1, 0):
        for line in blocks[number].replace("pg1", "if1").replace("192.168.1.", "10.0.1.").splitlines():
            assert link.type(number, line) in ("", "ipip0"), line
    for site in link.sites:
        assert site.ike.state.value == "AUTHENTICATED"
        shown = site("show ipsec tunnel")
        assert "sa 2147483648 (0x80000000)" in shown
        assert "sa 3221225472 (0xc0000000)" in shown
    assert link.ping(0)
    assert link.ping(1)


@pytest.mark.parametrize("lines", [("udp-encap",), ("udp-encap", "ipsec-over-udp port 4567"), ("ipsec-over-udp port 4567",)], ids="+".join)
def test_esp_in_udp_because_the_profile_says_so(lines: tuple[str, ...]) -> None:
    """With udp-encap ESP is in UDP, in a header of its own around the tunnel's; the port counts for nothing else."""
    link = Link()
    for site in link.sites:
        site.profile()
        site.type(*(f"ikev2 profile set p {line}" for line in lines))
    link.type(0, "ikev2 initiate sa-init p")
    for site in link.sites:
        site.tunnel()
    begin = len(link.seen)
    assert link.ping(0)
    assert link.ping(1)
    port = 4567 if "ipsec-over-udp port 4567" in lines else 4500
    for _, packet in link.seen[begin:]:
        if "udp-encap" in lines:
            assert (packet[9], struct.unpack(">HH", packet[20:24])) == (17, (port, port))
        else:
            assert packet[9] == 50
    for site in link.sites:
        assert all(sa.has(SaFlag.TUNNEL) == ("udp-encap" in lines) for sa in site.engine.get(Sas))


def test_child_sas_of_one_ike_sa_have_ids_of_their_own() -> None:
    """Also when one of several has gone and another one comes."""
    there, peer = listening(), PlainPeer()
    peer.derive(ask(there, peer.init)[0])
    ask(there, peer.auth(SECRET.encode()))
    number = 2

    def one_more(spi: bytes) -> None:
        nonlocal number
        offered = proposal(3, spi, transform(1, 20, 256), transform(5, 0, last=True))
        ask(there, peer.seal(36, number, 33, chain((33, offered), (40, bytes(32)), (44, TS_I), (45, TS_R))))
        number += 1

    one_more(b"\1\0\0\1")
    one_more(b"\1\0\0\2")
    assert [child.local_sa_id for child in there.ike.children] == [0x80000000, 0x80000001, 0x80000002]
    ask(there, peer.seal(37, number, 42, chain((42, b"\3\4\0\1\1\0\0\1"))))
    number += 1
    one_more(b"\1\0\0\3")
    assert [child.local_sa_id for child in there.ike.children] == [0x80000000, 0x80000002, 0x80000001]
    assert len(list(there.engine.get(Sas))) == 6
    # The newest one is used; when it goes the tunnel that was made goes with it, and so do all in the end.
    [protection] = there.engine.get(Protects)
    assert protection.output.id == 0x80000001
    ask(there, peer.seal(37, number, 42, chain((42, b"\1\0\0\0"))))
    assert list(there.engine.get(Sas)) == []
    assert there.engine.interfaces.find("ipip0") is None


def test_what_cannot_be_protected() -> None:
    """An interface that is no tunnel, or a name that somebody else has: no tunnel comes up, and nothing stays behind."""
    link = Link()
    first, second = link.sites
    first.profile(tunnel="if2")
    second.profile()
    assert second("create ipip tunnel src 10.0.9.1 dst 10.0.9.2 instance 1") == "ipip1"
    link.type(0, "ikev2 initiate sa-init p")
    assert {site.ike.state.value for site in link.sites} == {"AUTHENTICATED"}
    assert all(list(site.engine.get(Protects)) == [] for site in link.sites)
    link.type(0, f"ikev2 initiate del-sa {first.ike.ispi:x}")
    for site in link.sites:
        assert site.sas == []
        assert list(site.engine.get(Sas)) == []


def test_a_tunnel_of_somebody_else_is_left_alone() -> None:
    link = Link()
    assert link.type(0, "create ipip tunnel src 10.0.1.1 dst 10.0.1.2") == "ipip0"
    link.up()
    first, second = link.sites
    assert list(first.engine.get(Protects)) == []
    assert len(list(second.engine.get(Protects))) == 1
    link.type(0, f"ikev2 initiate del-sa {first.ike.ispi:x}")
    assert first.engine.interfaces.find("ipip0") is not None
    assert second.engine.interfaces.find("ipip0") is None


def test_who_has_only_begun_is_not_forgotten() -> None:
    """Two without identities are not the same."""
    there, peer = listening(), PlainPeer()
    ask(there, peer.init)
    there.type(
        "ikev2 profile add q",
        "ikev2 profile set q responder if1 10.0.1.1",
        "ikev2 profile set q ike-crypto-alg aes-gcm-16 256 ike-dh ecp-256",
    )
    assert there("ikev2 initiate sa-init q") == ""
    assert len(there.sas) == 1
