"""Every algorithm against two other implementations, scapy's and Wireshark's: both ways, in both modes, with all options."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.hmac import HMAC
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.ipsec import AH, AUTH_ALGOS, ESP, AuthAlgo, SecurityAssociation
from scapy.utils import wrpcap

from tests.gateways import HERE, HERE6, PEER, PEER6, Gateway
from tests.packets import ip4_packet, ip6_packet, ones_complement
from vppsh.engine.ipsec.algorithms import CIPHERS, INTEGRITIES, INTEGRITY_BY_NAME, NO_CIPHER, NO_INTEGRITY, Cipher, go_together

SALT = bytes.fromhex("1a2b3c4d")
KEY = bytes(range(1, 65))
INSIDE4, FAR4 = 0x0A000002, 0x0A020005
INSIDE6, FAR6 = 0x20010DB8000000000000000000000002, 0x20010DB8200000000000000000000005
# Lengths around the blocks of ciphers, and with all the padding there can be.
PAYLOADS = [bytes(range(256))[:length] for length in (0, 1, 7, 8, 9, 15, 16, 17, 31, 33, 100, 255)]


@dataclass(frozen=True)
class Suite:
    """A pair of algorithms in three languages; salts are the last bytes of scapy's and Wireshark's keys."""

    cipher: str
    key: bytes
    integrity: str
    integrity_key: bytes
    scapy_cipher: str
    scapy_integrity: str
    shark_cipher: str
    shark_integrity: str

    def __str__(self) -> str:
        return f"{self.cipher}+{self.integrity}"

    @property
    def salted(self) -> bytes:
        if self.cipher == "des-cbc":
            # VPP takes seven bytes of the eight, the last one is zero.
            return self.key + b"\0"
        return self.key + (SALT if self.scapy_cipher in ("AES-GCM", "AES-CTR", "AES-NULL-GMAC", "CHACHA20-POLY1305") else b"")

    @property
    def words(self) -> str:
        """As `ipsec sa add` takes it."""
        cipher = f"crypto-alg {self.cipher} crypto-key {self.key.hex()} " if self.key else ""
        integrity = f"integ-alg {self.integrity} integ-key {self.integrity_key.hex()} " if self.integrity_key else ""
        return f"{cipher}{integrity}salt 0x{SALT.hex()}"

    def scapy(self, protocol: type, spi: int, **options: object) -> SecurityAssociation:
        options |= {"auth_algo": self.scapy_integrity, "auth_key": self.integrity_key or None}
        if protocol is ESP:
            options |= {"crypt_algo": self.scapy_cipher, "crypt_key": self.salted or None}
        return SecurityAssociation(protocol, spi=spi, **options)


# The draft's truncation, which scapy does not have.
AUTH_ALGOS.setdefault("SHA2-256-96", AuthAlgo("SHA2-256-96", mac=HMAC, digestmod=hashes.SHA256, icv_size=12))
HMACS = {
    "none": ("NULL", "NULL", 0),
    "md5-96": ("HMAC-MD5-96", "HMAC-MD5-96 [RFC2403]", 16),
    "sha1-96": ("HMAC-SHA1-96", "HMAC-SHA-1-96 [RFC2404]", 20),
    "sha-256-96": ("SHA2-256-96", "HMAC-SHA-256-96 [draft-ietf-ipsec-ciph-sha-256-00]", 32),
    "sha-256-128": ("SHA2-256-128", "HMAC-SHA-256-128 [RFC4868]", 32),
    "sha-384-192": ("SHA2-384-192", "HMAC-SHA-384-192 [RFC4868]", 48),
    "sha-512-256": ("SHA2-512-256", "HMAC-SHA-512-256 [RFC4868]", 64),
}


# Names of scapy and Wireshark (which does not know them all), by VPP's name up to the key's length.
CIPHER_NAMES = {
    "none": ("NULL", "NULL"),
    "aes-cbc": ("AES-CBC", "AES-CBC [RFC3602]"),
    "aes-ctr": ("AES-CTR", "AES-CTR [RFC3686]"),
    "aes-gcm": ("AES-GCM", "AES-GCM with 16 octet ICV [RFC4106]"),
    "aes-null-gmac": ("AES-NULL-GMAC", ""),
    "des-cbc": ("DES", "DES-CBC [RFC2405]"),
    "3des-cbc": ("3DES", "TripleDES-CBC [RFC2451]"),
    "chacha20-poly1305": ("CHACHA20-POLY1305", ""),
}


def suite(cipher: Cipher, integrity: str) -> Suite:
    scapy, shark = CIPHER_NAMES[re.sub("-(128|192|256)$", "", cipher.name)]
    scapy_integrity, shark_integrity, key_bytes = HMACS[integrity]
    return Suite(cipher.name, KEY[: cipher.key_bytes], integrity, KEY[::-1][:key_bytes], scapy, scapy_integrity, shark, shark_integrity)


# Whatever VPP takes together.
SUITES = [
    suite(cipher, integrity.name)
    for cipher in CIPHERS
    for integrity in INTEGRITIES
    if go_together(cipher, integrity) and (cipher is not NO_CIPHER or integrity is not NO_INTEGRITY)
]


def paired(cipher: Cipher, number: int) -> Suite:
    """A cipher with the first check value that it goes with, from a place in the list on that is another one for the next cipher."""
    names = [*list(HMACS)[1 + number % 6 :], "sha1-96", "none"]
    return suite(cipher, next(name for name in names if go_together(cipher, INTEGRITY_BY_NAME[name])))


# Every cipher once.
CIPHER_SUITES = [paired(cipher, number) for number, cipher in enumerate(CIPHERS)]
# With less to go through each: one of every kind.
KINDS = [each for each in SUITES if str(each) in {
    "aes-gcm-128+none", "aes-null-gmac-128+none", "chacha20-poly1305+none", "aes-cbc-128+sha1-96", "aes-ctr-128+sha-256-128",
    "3des-cbc+sha1-96", "none+sha-512-256",
}]  # fmt: skip


def outgoing(n: int = len(PAYLOADS), *, ip6: bool = False) -> list[bytes]:
    """UDP from inside to the far network."""
    found = []
    for number, payload in enumerate(PAYLOADS[:n]):
        header = UDP(sport=41000 + number, dport=42000, chksum=0 if not ip6 else None) / payload
        datagram = bytes(IP(src="10.0.0.2", dst="10.2.0.5") / header)[20:] if not ip6 else bytes(
            IPv6(src="2001:db8::2", dst="2001:db8:2000::5") / header)[40:]  # fmt: skip
        found.append(ip6_packet(INSIDE6, FAR6, payload=datagram) if ip6 else ip4_packet(INSIDE4, FAR4, payload=datagram))
    return found


def incoming(*, ip6: bool = False) -> list[bytes]:
    """The same from there."""
    if ip6:
        return [packet[:8] + packet[24:40] + packet[8:24] + packet[40:] for packet in outgoing(ip6=True)]
    return [ip4_packet(FAR4, INSIDE4, payload=packet[20:]) for packet in outgoing()]


def routed(packet: bytes) -> bytes:
    """A packet after one hop."""
    if packet[0] >> 4 == 6:
        return packet[:7] + bytes((packet[7] - 1,)) + packet[8:]
    header = packet[:8] + bytes((packet[8] - 1, packet[9])) + bytes(2) + packet[12:20]
    return header[:10] + ones_complement(header).to_bytes(2, "big") + header[12:] + packet[20:]


def gateway(each: Suite, *, options: str = "", tunnel: bool = True, ip6: bool = False, spi: int = 1001) -> Gateway:
    made = Gateway()
    here, peer = (HERE6, PEER6) if ip6 else (HERE, PEER)
    ends = (f" tunnel src {here} dst {peer}", f" tunnel src {peer} dst {here}") if tunnel else ("", "")
    made.type(
        f"ipsec sa add 10 spi {spi} {each.words} {options}{ends[0]}",
        f"ipsec sa add 20 spi 2001 {each.words} {options} inbound use-anti-replay{ends[1]}",
    )
    made.protect(20, 10, ip6=ip6)
    return made


def tunnel_header(*, out: bool, ip6: bool = False) -> IP | IPv6:
    ends = {"src": HERE6, "dst": PEER6} if ip6 else {"src": HERE, "dst": PEER}
    if not out:
        ends = {"src": ends["dst"], "dst": ends["src"]}
    return (IPv6 if ip6 else IP)(**ends)


def parse(packet: bytes) -> IP | IPv6:
    return IPv6(packet) if packet[0] >> 4 == 6 else IP(packet)


def check_both_ways(
    made: Gateway, out: SecurityAssociation, back: SecurityAssociation, *, ip6: bool = False, high: int | None = None
) -> None:
    """What leaves is what scapy opens, what scapy sealed gets inside."""
    protected = made.goes_out(*outgoing(ip6=ip6))
    assert len(protected) == len(PAYLOADS)
    opened = []
    for number, packet in enumerate(protected, 1):
        more = {} if high is None else {"esn_en": True, "esn": high}
        opened.append(bytes(out.decrypt(parse(packet), **more)))
        assert number == (parse(packet)[AH].seq if parse(packet).haslayer(AH) else parse(packet)[ESP].seq)
    assert opened == [routed(packet) for packet in outgoing(ip6=ip6)]
    more = {} if high is None else {"esn_en": True, "esn": high}
    sealed = [bytes(back.encrypt(parse(packet), seq_num=number, **more)) for number, packet in enumerate(incoming(ip6=ip6), 1)]
    assert made.comes_in(*sealed) == [routed(packet) for packet in incoming(ip6=ip6)]
    assert made.errors_of(10) == made.errors_of(20) == {}


@pytest.mark.parametrize("each", SUITES, ids=str)
def test_tunnel(each: Suite) -> None:
    out, back = (each.scapy(ESP, spi, tunnel_header=tunnel_header(out=spi == 1001)) for spi in (1001, 2001))
    check_both_ways(gateway(each), out, back)


@pytest.mark.parametrize("each", CIPHER_SUITES, ids=str)
def test_tunnel_over_ip6(each: Suite) -> None:
    out, back = (each.scapy(ESP, spi, tunnel_header=tunnel_header(out=spi == 1001, ip6=True)) for spi in (1001, 2001))
    check_both_ways(gateway(each, ip6=True), out, back, ip6=True)


@pytest.mark.parametrize("ip6", [False, True])
@pytest.mark.parametrize("each", CIPHER_SUITES, ids=str)
def test_transport(each: Suite, ip6: bool) -> None:
    check_both_ways(gateway(each, tunnel=False, ip6=ip6), each.scapy(ESP, 1001), each.scapy(ESP, 2001), ip6=ip6)


@pytest.mark.parametrize("each", CIPHER_SUITES, ids=str)
def test_extended_sequence_numbers(each: Suite) -> None:
    out, back = (each.scapy(ESP, spi, tunnel_header=tunnel_header(out=spi == 1001), esn_en=True) for spi in (1001, 2001))
    made = gateway(each, options="use-esn")
    # Beyond the first 2^32 packets.
    made.sa(10).sent = made.sa(20).window.top = 3 << 32
    check_both_ways(made, out, back, high=3)
    assert made.sa(10).sent == made.sa(20).window.top == 3 << 32 | len(PAYLOADS)


@pytest.mark.parametrize("tunnel", [False, True])
@pytest.mark.parametrize("each", CIPHER_SUITES, ids=str)
def test_in_udp(each: Suite, tunnel: bool) -> None:
    nat = UDP(sport=4500, dport=4500)
    headers = [{"tunnel_header": tunnel_header(out=out)} if tunnel else {} for out in (True, False)]
    out, back = (each.scapy(ESP, spi, nat_t_header=nat, **header) for spi, header in zip((1001, 2001), headers, strict=True))
    check_both_ways(gateway(each, options="udp-encap", tunnel=tunnel), out, back)


@pytest.mark.parametrize("ip6", [False, True])
@pytest.mark.parametrize("tunnel", [False, True])
@pytest.mark.parametrize("integrity", [name for name in HMACS if name != "none"])
def test_authentication_header(integrity: str, tunnel: bool, ip6: bool) -> None:
    each = suite(NO_CIPHER, integrity)
    headers = [{"tunnel_header": tunnel_header(out=out, ip6=ip6)} if tunnel else {} for out in (True, False)]
    out, back = (each.scapy(AH, spi, **header) for spi, header in zip((1001, 2001), headers, strict=True))
    check_both_ways(gateway(each, options="ah", tunnel=tunnel, ip6=ip6), out, back, ip6=ip6)


def fields(tshark: str, capture: Path, preferences: list[str], *names: str) -> list[list[str]]:
    """Fields of each packet of a capture, by Wireshark."""
    line = [tshark, "-n", "-r", str(capture), "-T", "fields"]
    for preference in preferences:
        line += ["-o", preference]
    for name in names:
        line += ["-e", name]
    answer = subprocess.run(line, capture_output=True, text=True, check=True, timeout=60)
    return [row.split("\t") for row in answer.stdout.splitlines()]


@dataclass(frozen=True)
class Form:
    """How packets are protected, and for which pairs of algorithms that is looked at."""

    name: str
    suites: list[Suite]
    options: str = ""
    tunnel: bool = True
    ip6: bool = False


FORMS = [
    Form("tunnel", SUITES),
    Form("tunnel-over-ip6", CIPHER_SUITES, ip6=True),
    Form("transport", CIPHER_SUITES, tunnel=False),
    Form("transport-in-udp", CIPHER_SUITES, "udp-encap", tunnel=False),
]


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_wireshark_decrypts(tmp_path: Path, form: Form) -> None:
    tshark = shutil.which("tshark")
    if tshark is None:
        pytest.skip("tshark is not installed (debian-packages.txt names it)")
    packets, keys, expected = [], [], []
    known = [each for each in form.suites if each.shark_cipher]
    for number, each in enumerate(known):
        spi = 5000 + number
        made = gateway(each, options=form.options, tunnel=form.tunnel, ip6=form.ip6, spi=spi)
        packets += [parse(packet) for packet in made.goes_out(*outgoing(5, ip6=form.ip6))]
        expected += [str(41000 + port) for port in range(5)]
        secrets = (f"0x{secret.hex()}" if secret else "" for secret in (each.salted, each.integrity_key))
        fields_of_key = ("IPv6" if form.ip6 else "IPv4", "*", "*", f"0x{spi:08x}", each.shark_cipher, next(secrets), each.shark_integrity,
                         next(secrets))  # fmt: skip
        keys.append("uat:esp_sa:" + ",".join(f'"{field}"' for field in fields_of_key))
    capture = tmp_path / "esp.pcap"
    wrpcap(str(capture), packets)
    preferences = ["esp.enable_encryption_decode:TRUE", "esp.enable_authentication_check:TRUE", *keys]
    rows = fields(tshark, capture, preferences, "udp.srcport", "esp.icv_good", "esp.icv_bad")
    # Around all of it may be the UDP that takes it through a NAT.
    assert [row[0].removeprefix("4500,") for row in rows] == expected
    # Wireshark says so for combined modes too; without an algorithm there is nothing to say.
    checked = [each.integrity != "none" or each.scapy_cipher == "AES-GCM" for each in known for _ in range(5)]
    assert [row[1:] for row in rows] == [["1", "0"] if has_value else ["", ""] for has_value in checked]
