"""IKE and ESP with strongSwan in a network namespace, on both sides of every exchange, with pings through the tunnel."""

from __future__ import annotations

from pathlib import Path

import pytest
from scapy.layers.inet import IP, UDP
from scapy.packet import Raw

from tests.certificates import certificate
from tests.ikev2_sites import SECRET, Site, selector
from tests.strongswan import Certificates, StrongSwan, StrongSwanOnTap, missing
from tests.test_ikev2_peer import PlainPeer
from vppsh.engine.ipsec.sa import Sas

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing() or "strongSwan is there")

CALICO = ("aes-cbc 256 ike-integ-alg sha1-96 ike-dh modp-2048", "aes256-sha1-prfsha256-modp2048", "aes-gcm-16 256", "aes256gcm16")
"""What a Calico/VPP cluster uses: IKE in our words and strongSwan's, then ESP."""
SUITES = [
    CALICO,
    ("aes-gcm-16 256 ike-dh ecp-256", "aes256gcm16-prfsha256-ecp256", "aes-cbc 256 esp-integ-alg hmac-sha2-256-128", "aes256-sha256"),
    ("aes-cbc 128 ike-integ-alg hmac-sha2-256-128 ike-dh ecp-384", "aes128-sha256-prfsha256-ecp384",
     "aes-cbc 128 esp-integ-alg sha1-96", "aes128-sha1"),
    ("chacha20-poly1305 256 ike-dh modp-3072", "chacha20poly1305-prfsha256-modp3072", "aes-gcm-16 128", "aes128gcm16"),
    ("aes-cbc 256 ike-integ-alg hmac-sha2-512-256 ike-dh ecp-521", "aes256-sha512-prfsha256-ecp521",
     "chacha20-poly1305 256", "chacha20poly1305"),
    ("aes-cbc 192 ike-integ-alg cmac-96 ike-dh modp-1536", "aes192-aescmac-prfsha256-modp1536",
     "aes-ctr 256 esp-integ-alg hmac-sha2-384-192", "aes256ctr-sha384"),
]  # fmt: skip
INSIDE = "10.0.0.1"


def configured(site: Site, peer: StrongSwan, suite: tuple[str, str, str, str], *, more: str = "", child: str = "") -> None:
    ours_ike, theirs_ike, ours_esp, theirs_esp = suite
    peer.configure(ike=theirs_ike, esp=theirs_esp, more=more, child=child)
    site.profile(ike=ours_ike, esp=ours_esp)


def established(site: Site, peer: StrongSwan) -> None:
    """Wait for the tunnel, and route by it."""
    peer.until(lambda: any(child.keys for sa in site.sas for child in sa.children), "a child SA")
    site.tunnel()


def brought_up(site: Site, peer: StrongSwan) -> None:
    """The usual tunnel, begun by the gateway."""
    configured(site, peer, CALICO)
    peer.type("ikev2 initiate sa-init p")
    established(site, peer)


@pytest.mark.parametrize("suite", SUITES, ids=lambda suite: suite[0].split()[0] + " " + suite[3])
@pytest.mark.parametrize("who", ["initiator", "responder"])
def test_a_ping_through_the_tunnel(who: str, suite: tuple[str, str, str, str]) -> None:
    """`who` the gateway is."""
    site = Site(0)
    with StrongSwan(site) as peer:
        configured(site, peer, suite)
        if who == "initiator":
            peer.type("ikev2 initiate sa-init p")
        else:
            answer = peer.swanctl("--initiate", "--child", "net", "--timeout", "20")
            assert "initiate completed successfully" in answer, answer
        established(site, peer)
        assert peer.ping(INSIDE) == 3
        assert "ESTABLISHED" in peer.swanctl("--list-sas")
        assert all(int(site.engine.get(Sas).counters.packets[sa.index]) == 3 for sa in site.engine.get(Sas))
        # IKE by port 500 and then 4500, ESP in UDP; echo requests are not seen on the wire.
        assert not any(frame[12:14] == b"\x08\x00" and frame[23] in (1, 50) for _, frame in peer.wire)
        assert site.ike.is_initiator == (who == "initiator")


@pytest.mark.parametrize(
    "proposal",
    ["aes256-sha1-prfaescmac-modp2048s256", "aes256-sha384-prfsha384-modp1024s160", "aes256gcm16-prfsha1-ecp192",
     "aes128gcm16-prfsha512-modp4096", "aes128-sha256-prfsha384-modp2048s224"],
)  # fmt: skip
def test_what_only_a_peer_can_ask_for(proposal: str) -> None:
    """Groups and pseudo-random functions that no command of ours offers."""
    site = Site(0)
    with StrongSwan(site) as peer:
        configured(site, peer, (CALICO[0], proposal, *CALICO[2:]))
        answer = peer.swanctl("--initiate", "--child", "net", "--timeout", "20")
        assert "initiate completed successfully" in answer, answer
        established(site, peer)
        assert peer.ping(INSIDE) == 3


def test_child_rekeyed_by_strongswan() -> None:
    site = Site(0)
    with StrongSwan(site) as peer:
        configured(site, peer, CALICO, child="rekey_time = 1h")
        peer.swanctl("--initiate", "--child", "net", "--timeout", "20")
        established(site, peer)
        old = site.child.spi_in
        answer = peer.swanctl("--rekey", "--child", "net")
        assert "rekey completed successfully" in answer, answer
        peer.until(lambda: site.child.spi_in != old, "a new child SA")
        assert peer.ping(INSIDE) == 3
        assert site.counts("ikev2-ip4-natt")["rekey_req"] == 1


def test_child_rekeyed_with_a_key_exchange() -> None:
    """Perfect forward secrecy: a new agreement for the new child SA."""
    site = Site(0)
    suite = (*CALICO[:3], "aes256gcm16-ecp256")
    with StrongSwan(site) as peer:
        configured(site, peer, suite)
        peer.swanctl("--initiate", "--child", "net", "--timeout", "20")
        established(site, peer)
        old = site.child.spi_in
        peer.swanctl("--rekey", "--child", "net")
        peer.until(lambda: site.child.spi_in != old, "a new child SA")
        assert "AES_GCM_16-256/ECP_256" in peer.swanctl("--list-sas")
        assert peer.ping(INSIDE) == 3


@pytest.mark.parametrize("who", ["initiator", "responder"])
def test_child_rekeyed_by_the_gateway(who: str) -> None:
    site = Site(0)
    with StrongSwan(site) as peer:
        configured(site, peer, CALICO)
        if who == "initiator":
            peer.type("ikev2 initiate sa-init p")
        else:
            peer.swanctl("--initiate", "--child", "net", "--timeout", "20")
        established(site, peer)
        old = site.child.spi_in
        assert peer.type(f"ikev2 initiate rekey-child-sa {site.spi:x}") == ""
        peer.until(lambda: site.child.spi_in != old, "a new child SA")
        assert peer.ping(INSIDE) == 3
        assert f"{site.child.spi_in:08x}" in peer.swanctl("--list-sas")
        assert f"received DELETE for ESP CHILD_SA with SPI {old:08x}" in peer.log


@pytest.mark.parametrize("who", ["initiator", "responder"])
def test_everything_rekeyed_by_strongswan(who: str) -> None:
    """A new IKE SA takes over the child SA, whoever began the old one."""
    site = Site(0)
    with StrongSwan(site) as peer:
        configured(site, peer, CALICO)
        if who == "initiator":
            peer.type("ikev2 initiate sa-init p")
        else:
            peer.swanctl("--initiate", "--child", "net", "--timeout", "20")
        established(site, peer)
        old = site.ike
        answer = peer.swanctl("--rekey", "--ike", "gateway")
        assert "rekey completed successfully" in answer, answer
        peer.until(lambda: len(site.sas) == 1 and site.ike is not old, "a new IKE SA")
        assert not site.ike.is_initiator
        assert peer.ping(INSIDE) == 3
        # The new one is good for what comes next.
        spi = site.child.spi_in
        peer.type(f"ikev2 initiate rekey-child-sa {site.spi:x}")
        peer.until(lambda: site.child.spi_in != spi, "a new child SA")
        assert peer.ping(INSIDE) == 3


def test_ended_by_strongswan() -> None:
    site = Site(0)
    with StrongSwan(site) as peer:
        brought_up(site, peer)
        peer.swanctl("--terminate", "--child", "net")
        peer.until(lambda: not site.ike.children, "the child SA to go")
        assert list(site.engine.get(Sas)) == []
        peer.swanctl("--terminate", "--ike", "gateway")
        peer.until(lambda: not site.sas, "the IKE SA to go")


def test_ended_by_the_gateway() -> None:
    site = Site(0)
    with StrongSwan(site) as peer:
        brought_up(site, peer)
        peer.type(f"ikev2 initiate del-child-sa {site.spi:x}")
        peer.until(lambda: "INSTALLED" not in peer.swanctl("--list-sas"), "the child SA to go")
        assert "ESTABLISHED" in peer.swanctl("--list-sas")
        peer.type(f"ikev2 initiate del-sa {site.ike.ispi:x}")
        peer.until(lambda: "ESTABLISHED" not in peer.swanctl("--list-sas"), "the IKE SA to go")
        assert site.sas == []


def test_each_asks_whether_the_other_is_there() -> None:
    site = Site(0)
    with StrongSwan(site) as peer:
        configured(site, peer, CALICO, more="dpd_delay = 1s")
        peer.type("ikev2 set liveness 1 3")
        peer.type("ikev2 set sleep interval 0.5")
        peer.type("ikev2 initiate sa-init p")
        established(site, peer)
        peer.until(lambda: site.counts("ikev2-ip4-natt").get("keepalive", 0) >= 2, "strongSwan to ask")
        peer.until(lambda: site.ike.next_id >= 5, "the gateway to ask")
        assert site.ike.liveness_retries <= 1
        assert peer.ping(INSIDE) == 3


def test_cookies() -> None:
    """strongSwan asks for one as soon as somebody has begun and not gone on."""
    site = Site(0)
    with StrongSwan(site, "cookie_threshold = 1") as peer:
        configured(site, peer, CALICO)
        peer.send(bytes(IP(src="10.0.1.1", dst="10.0.1.2") / UDP(sport=500, dport=500) / Raw(PlainPeer().init)))
        peer.until(lambda: "is initiating an IKE_SA" in peer.log, "somebody to begin")
        peer.type("ikev2 initiate sa-init p")
        established(site, peer)
        assert len(site.ike.cookie) > 8
        assert peer.ping(INSIDE) == 3


@pytest.mark.parametrize("who", ["initiator", "responder"])
def test_signatures(who: str, tmp_path: Path) -> None:
    """RSA keys on both sides, each with the other's certificate."""
    ours, theirs = (certificate(tmp_path, name) for name in ("site0", "site1"))
    site = Site(0)
    with StrongSwan(site) as peer:
        peer.configure(ike=CALICO[1], esp=CALICO[3], certificates=Certificates(theirs[0], theirs[1], ours[1]))
        site.profile(ike=CALICO[0], esp=CALICO[2], auth=f"rsa-sig cert-file {theirs[1]}")
        site.type(f"set ikev2 local key {ours[0]}")
        if who == "initiator":
            peer.type("ikev2 initiate sa-init p")
        else:
            answer = peer.swanctl("--initiate", "--child", "net", "--timeout", "20")
            assert "initiate completed successfully" in answer, answer + peer.log
        established(site, peer)
        assert peer.ping(INSIDE) == 3


def test_wrong_secret() -> None:
    site = Site(0)
    with StrongSwan(site) as peer:
        configured(site, peer, CALICO)
        site.type("ikev2 profile set p auth shared-key-mic string wrong")
        answer = peer.swanctl("--initiate", "--child", "net", "--timeout", "20")
        assert "AUTHENTICATION_FAILED" in answer
        assert site.sas == []
        peer.type("ikev2 initiate sa-init p")
        peer.until(lambda: bool(site.sas) and site.ike.state.value == "AUTH_FAILED", "strongSwan to refuse")
        assert list(site.engine.get(Sas)) == []


@pytest.mark.parametrize("who", ["initiator", "responder"])
def test_over_a_tap(who: str) -> None:
    """Nothing of the test's between: the engine's own device and clock, and only typed lines."""
    with StrongSwanOnTap() as peer:
        ours_ike, theirs_ike, ours_esp, theirs_esp = CALICO
        peer.configure(ike=theirs_ike, esp=theirs_esp)
        lines = (
            "create loopback interface", "set interface state loop0 up", "set interface ip address loop0 10.0.0.1/24",
            "create ipip tunnel src 10.0.1.1 dst 10.0.1.2", "set interface unnumbered ipip0 use loop0",
            "ip route add 10.2.0.0/24 via ipip0", "ikev2 profile add p", f"ikev2 profile set p auth shared-key-mic string {{{SECRET}}}",
            "ikev2 profile set p id local fqdn site0", "ikev2 profile set p id remote fqdn site1",
            f"ikev2 profile set p traffic-selector local {selector(0)}", f"ikev2 profile set p traffic-selector remote {selector(2)}",
            "ikev2 profile set p responder tap0 10.0.1.2", "ikev2 profile set p tunnel ipip0",
            f"ikev2 profile set p ike-crypto-alg {ours_ike}", f"ikev2 profile set p esp-crypto-alg {ours_esp}",
        )  # fmt: skip
        assert {peer(line) for line in lines} == {"", "loop0", "ipip0"}
        if who == "initiator":
            assert peer("ikev2 initiate sa-init p") == ""
        else:
            answer = peer.swanctl("--initiate", "--child", "net", "--timeout", "20")
            assert "initiate completed successfully" in answer, answer
        peer.until(lambda: "state: AUTHENTICATED" in peer("show ikev2 sa details"), "an IKE SA")
        assert peer.ping(INSIDE) == 3
        assert "sa 2147483648 (0x80000000)" in peer("show ipsec tunnel")
        assert peer("ping 10.2.0.1 source loop0 repeat 2 interval 0.1").count("bytes from 10.2.0.1: icmp_seq") == 2
