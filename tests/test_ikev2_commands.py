"""Commands of IKEv2: what they show, what they refuse, and that profiles keep nothing of what was refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.certificates import certificate
from tests.gateways import Gateway
from tests.ikev2_sites import Link, Site
from vppsh.engine.ikev2.state import IkeSas
from vppsh.engine.ipsec.sa import Sas


@pytest.fixture
def gateway() -> Gateway:
    made = Gateway()
    made.type("ikev2 profile add p")
    return made


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        ("", ""),
        ("add", "parse error: 'add'"),
        ("add p", "policy p already exists"),
        ("del q", "policy q does not exists"),
        ("set q tunnel local0", "unknown profile q"),
        ("set q udp-encap", "unknown profile q"),
        ("set q disable natt", "unknown profile q"),
        ("set q sa-lifetime 1 2 3 4", "unknown profile q"),
        ("set q ike-crypto-alg aes-cbc 256 ike-integ-alg sha1-96 ike-dh modp-2048", "unknown profile q"),
        ("set q esp-crypto-alg aes-cbc 256 esp-integ-alg sha1-96", "unknown profile q"),
        ("set q responder if1 10.0.1.2", "unknown profile q"),
        ("set q id local fqdn a", "unknown profile q"),
        ("set q id local key-id 0x12", "unsupported identity type key-id"),
        ("set q ipsec-over-udp port 4567", "Error: Invalid value"),
        ("set p id local der-asn1-dn 0x12", "unsupported identity type der-asn1-dn"),
        ("set p ike-crypto-alg aes-cbc 256 ike-dh modp-2048", "invalid cipher + integrity algorithm"),
        ("set p ike-crypto-alg aes-gcm-16 256 ike-integ-alg sha1-96 ike-dh modp-2048", "invalid cipher + integrity algorithm"),
        ("set p ike-crypto-alg aes-ctr 256 ike-integ-alg sha1-96 ike-dh modp-2048", "AES-CTR is not supported for IKE SAs"),
        ("set p ike-crypto-alg aes-cbc 256 ike-integ-alg aes-128-gmac ike-dh modp-2048", "AES-GMAC is not supported for IKE SAs"),
        ("set p esp-crypto-alg aes-cbc 256 esp-integ-alg aes-128-gmac", "AES-GMAC requires null encryption"),
        ("set p esp-crypto-alg aes-cbc 256 esp-integ-alg cmac-96", "AES-CMAC-96 is not supported for ESP SAs"),
        ("set p auth rsa-sig cert-file /nowhere/cert.pem", "load cert '/nowhere/cert.pem' failed"),
        ("set p traffic-selector local ip-range 10.0.0.0 - 2001:db8::1 port-range 0 - 1 protocol 0", "IP address version mismatch!"),
    ],
)
def test_what_profiles_refuse(gateway: Gateway, words: str, answer: str) -> None:
    before = gateway("show ikev2 profile")
    assert gateway(f"ikev2 profile {words}") == (f"ikev2 profile: {answer}" if answer else "")
    if "rsa-sig" not in words:
        assert gateway("show ikev2 profile") == before


def test_two_ports_for_esp_in_udp(gateway: Gateway) -> None:
    gateway.type("ikev2 profile set p ipsec-over-udp port 4567")
    assert gateway("ikev2 profile set p ipsec-over-udp port 4568") == "ikev2 profile: Error: Value already exists"
    assert gateway("show udp ports").count("4567") == 2
    gateway.type("ikev2 profile del p")
    assert "4567" not in gateway("show udp ports")
    assert "4500" not in gateway("show udp ports")


def test_the_first_word_that_fits_counts(gateway: Gateway) -> None:
    """As in VPP, modp-2048 is read of modp-2048-256, and what is left is not looked at."""
    gateway.type("ikev2 profile set p ike-crypto-alg aes-cbc 256 ike-integ-alg hmac-sha2-256-128 ike-dh modp-2048-256 and more")
    assert "ike-crypto-alg aes-cbc 256 ike-integ-alg hmac-sha2-256-128 ike-dh modp-2048\n" in gateway("show ikev2 profile")


def test_texts_of_identities(gateway: Gateway) -> None:
    for typed, shown in (
        ("ip4-addr 10.0.1.1", "ip4-addr data 10.0.1.1"),
        ("ip6-addr 2001:db8::1", "ip6-addr data 2001:db8::1"),
        ("fqdn a.example", "fqdn data a.example"),
        ("rfc822 0x6140622e63", "rfc822 data a@b.c"),
        ("ip4-addr short", "ip4-addr data 115.104.111.114"),
    ):
        gateway.type(f"ikev2 profile set p id local {typed}")
        assert f"  local id-type {shown}\n" in gateway("show ikev2 profile")


def test_limits_are_shown_as_c_prints_them(gateway: Gateway) -> None:
    gateway.type("ikev2 profile set p sa-lifetime 4294967295 2147483648 1 18446744073709551615")
    assert "  lifetime -1 jitter -2147483648 handover 1 maxdata -1" in gateway("show ikev2 profile")


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("ikev2 initiate nonsense", "ikev2 initiate: parse error: 'nonsense'"),
        ("ikev2 initiate sa-init p", "ikev2 initiate: responder not set for profile p"),
        ("ikev2 initiate sa-init q", "ikev2 initiate: unknown profile q"),
        ("ikev2 initiate del-sa 12", "ikev2 initiate: IKE SA not found"),
        ("ikev2 set liveness 0 3", "ikev2 set liveness: invalid args"),
        ("ikev2 set liveness 3 0", "ikev2 set liveness: invalid args"),
        ("ikev2 set liveness 3", "ikev2 set liveness: parse error: '3'"),
        ("ikev2 set sleep interval x", "ikev2 set sleep interval: parse error: 'x'"),
        ("set ikev2 local key /nowhere/key.pem", "set ikev2 local key: load key '/nowhere/key.pem' failed"),
        ("show ikev2 sa rspi 1", ""),
    ],
)
def test_other_answers(gateway: Gateway, line: str, answer: str) -> None:
    assert gateway(line) == answer


def test_a_host_that_nobody_knows(gateway: Gateway) -> None:
    gateway.type("ikev2 profile set p responder if1 vpp.example", "ikev2 profile set p ike-crypto-alg aes-gcm-16 256 ike-dh ecp-256")
    assert "  responder if1 0.0.0.0 vpp.example\n" in gateway("show ikev2 profile")
    assert gateway("ikev2 initiate sa-init p") == "ikev2 initiate: dns lookup failure"


def test_no_algorithms(gateway: Gateway) -> None:
    gateway.type("ikev2 profile set p responder if1 10.0.1.2")
    assert gateway("ikev2 initiate sa-init p") == "ikev2 initiate: no DH group configured for IKE proposals!"


def test_no_address_to_begin_from() -> None:
    """The manager sends the first message as soon as the interface has an address."""
    link = Link()
    first, second = link.sites
    for site in link.sites:
        site.profile()
    assert first("set interface ip address del if1 10.0.1.1/24") == ""
    link.carry()
    begin = len(link.seen)
    assert link.type(0, "ikev2 initiate sa-init p") == ""
    link.wait(4)
    assert not any(packet[9] == 17 for _, packet in link.seen[begin:] if packet[0] >> 4 == 4)
    assert first("set interface ip address if1 10.0.1.1/24") == ""
    first.add_neighbor("10.0.1.2", 1)
    link.wait(4)
    assert second.ike.state.value == "AUTHENTICATED"


DETAILS = """\
iip 10.0.1.1 ispi {ispi:x} rip 10.0.1.2 rspi {rspi:x}
 encr:aes-cbc-256 prf:hmac-sha2-256 integ:sha1-96 dh-group:ecp-256
 profile: p
 state: AUTHENTICATED
 uptime: 2.000000 (s)

 nonce i:{i_nonce}
       r:{r_nonce}
 SK_d    {keys.d_}
 SK_a  i:{keys.ai_}
       r:{keys.ar_}
 SK_e  i:{keys.ei_}
       r:{keys.er_}
 SK_p  i:{keys.pi_}
       r:{keys.pr_}
 identifier (i) id-type fqdn data site0
 identifier (r) id-type fqdn data site1
   child sa 0:
    uptime: 2.000000 (s)
    encr:aes-cbc-128 integ:hmac-sha2-256-128 esn:yes\x20
    spi(i) {child.offered.spi:x} spi(r) {child.chosen.spi:x}
    SK_e  i:{child_keys.ei_}
          r:{child_keys.er_}
    SK_a  i:{child_keys.ai_}
          r:{child_keys.ar_}
    traffic selectors (i):0 type 7 protocol_id 17 addr 10.0.0.0 - 10.0.0.255 port 0 - 65535
    traffic selectors (r):0 type 7 protocol_id 17 addr 10.2.0.0 - 10.2.0.255 port 256 - 20480
Stats:
 keepalives :1
 rekey :0
 SA init :1 (retransmit: 0)
 retransmit: 0
 SA auth :1"""


class Hex:
    """Fields of keys in hex, their names with an underscore."""

    def __init__(self, keys: object) -> None:
        self._keys = keys

    def __getattr__(self, name: str) -> str:
        value = getattr(self._keys, name.rstrip("_"))
        assert isinstance(value, bytes)
        return value.hex()


def test_details_of_an_association() -> None:
    link = Link()
    ranges = ("ip-range 10.0.0.0 - 10.0.0.255 port-range 0 - 65535", "ip-range 10.2.0.0 - 10.2.0.255 port-range 1 - 80")
    for number, site in enumerate(link.sites):
        site.profile(
            esp="aes-cbc 128 esp-integ-alg hmac-sha2-256-128",
            ts_local=f"{ranges[number]} protocol 17",
            ts_remote=f"{ranges[1 - number]} protocol 17",
        )
    link.type(0, "ikev2 initiate sa-init p")
    link.wait(2)
    site = link.sites[1]
    sa, child = site.ike, site.child
    wanted = DETAILS.format(
        ispi=sa.ispi, rspi=sa.rspi, i_nonce=sa.i_nonce.hex(), r_nonce=sa.r_nonce.hex(), keys=Hex(sa.keys), child=child,
        child_keys=Hex(child.keys),
    )  # fmt: skip
    assert site("show ikev2 sa details") == wanted
    assert site(f"show ikev2 sa rspi {sa.rspi:x}") == wanted
    assert site("show ikev2 sa") == wanted.splitlines()[0]
    assert f'"rspi": "{sa.rspi:x}"' in site("show ikev2 sa | json")
    # VPP ends each with an empty line.
    assert site.session.execute("show ikev2 sa details").text == wanted + "\n\n"


def test_signatures(tmp_path: Path) -> None:
    """Each has its own key and the other's certificate; a certificate of somebody else proves nothing."""
    files = [certificate(tmp_path, name) for name in ("first", "second", "third")]
    link = Link()
    for number, site in enumerate(link.sites):
        site.profile(auth=f"rsa-sig cert-file {files[1 - number][1]}")
        assert site(f"set ikev2 local key {files[number][0]}") == ""
        assert f"  auth-method rsa-sig auth data {files[1 - number][1]}\n" in site("show ikev2 profile")
    link.type(0, "ikev2 initiate sa-init p")
    assert {site.ike.state.value for site in link.sites} == {"AUTHENTICATED"}
    assert all(len(list(site.engine.get(Sas))) == 2 for site in link.sites)
    assert link.type(0, f"set ikev2 local key {files[2][0]}") == ""
    link.type(0, "ikev2 initiate sa-init p")
    assert link.sites[0].ike.state.value == "AUTH_FAILED"
    # A key that cannot be read is no key.
    assert link.type(0, f"set ikev2 local key {files[2][1]}").endswith("failed")
    link.type(0, "ikev2 initiate sa-init p")
    assert link.sites[0].sas == []


def test_json(gateway: Gateway) -> None:
    assert '"name": "p"' in gateway("show ikev2 profile | json")


def test_settings_are_each_engines_own() -> None:
    first, second = Site(0), Site(1)
    first.type("ikev2 set sleep interval 7", "ikev2 set liveness 5 9", "ikev2 dpd disable")
    ours, theirs = first.engine.get(IkeSas), second.engine.get(IkeSas)
    assert (ours.sleep_interval, ours.liveness_period, ours.liveness_retries, ours.dpd_disabled) == (7.0, 5, 9, True)
    assert (theirs.sleep_interval, theirs.liveness_period, theirs.liveness_retries, theirs.dpd_disabled) == (2.0, 30, 3, False)


def test_trace(gateway: Gateway) -> None:
    """A first message that says nothing, by the packet generator."""
    gateway.type(
        "create packet-generator interface pg0", "set interface state pg0 up", "set interface ip address pg0 10.9.0.1/24",
        "packet-generator new { name ike limit 1 interface pg0 node ip4-input size 66-66 data "
        "{ UDP: 10.9.0.2 -> 10.9.0.1 UDP: 500 -> 500 incrementing 38 } }",
        "trace add pg-input 1", "packet-generator enable-stream ike",
    )  # fmt: skip
    shown = gateway("show trace")
    assert "ikev2-ip4\n  ikev2: sw_if_index 4, next index 1" in shown
    assert "error-drop" in shown
