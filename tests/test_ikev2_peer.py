"""A peer written from RFC 7296 with nothing of ours: its keys, messages and proofs must be what the gateway's are."""

from __future__ import annotations

import hashlib
import hmac
import struct

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from scapy.contrib.ikev2 import IKEv2, IKEv2_KE, IKEv2_Nonce, IKEv2_Notify, IKEv2_SA
from scapy.layers.inet import IP, UDP, fragment
from scapy.packet import Raw

from tests.ikev2_sites import SECRET, Site
from tests.packets import ip4_packet
from vppsh.engine.ikev2 import groups
from vppsh.engine.ipsec.sa import Sas

# RFC 3526, 3.
PRIME = int(
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DDEF9519B3CD3A431B302B0A6D"
    "F25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7EDEE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3D"
    "C2007CB8A163BF0598DA48361C55D39A69163FA8FD24CF5F83655D23DCA3AD961C62F356208552BB9ED529077096966D670C354E4ABC9804F1746C08"
    "CA18217C32905E462E36CE3BE39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF6955817183995497CEA956AE515D2261898FA0510"
    "15728E5A8AACAA68FFFFFFFFFFFFFFFF",
    16,
)
EXPONENT = 0x1F2E3D4C5B6A79880123456789ABCDEF0F1E2D3C4B5A69788796A5B4C3D2E1F
NONCE = bytes(range(40))
SPI = bytes(range(0x11, 0x19))
CHILD_SPI = b"\x01\x02\x03\x04"
TS_I = struct.pack(">B3xBBHHH", 1, 7, 0, 16, 0, 65535) + bytes((10, 0, 0, 0, 10, 0, 0, 255))
TS_R = struct.pack(">B3xBBHHH", 1, 7, 0, 16, 0, 65535) + bytes((10, 2, 0, 0, 10, 2, 0, 255))
SA, KE, IDI, IDR, AUTH, NONCE_TYPE, NOTIFY, DELETE, VENDOR, TSI, TSR, SK = 33, 34, 35, 36, 39, 40, 41, 42, 43, 44, 45, 46


def chain(*payloads: tuple[int, bytes]) -> bytes:
    kinds = [kind for kind, _ in payloads[1:]] + [0]
    return b"".join(struct.pack(">BBH", kind, 0, 4 + len(body)) + body for kind, (_, body) in zip(kinds, payloads, strict=True))


def transform(kind: int, number: int, key_bits: int = 0, last: bool = False) -> bytes:
    attribute = struct.pack(">HH", 0x800E, key_bits) if key_bits else b""
    return struct.pack(">BxHBxH", 0 if last else 3, 8 + len(attribute), kind, number) + attribute


def proposal(protocol: int, spi: bytes, *transforms: bytes) -> bytes:
    body = b"".join(transforms)
    return struct.pack(">BxHBBBB", 0, 8 + len(spi) + len(body), 1, protocol, len(spi), len(transforms)) + spi + body


def prf(key: bytes, data: bytes) -> bytes:
    return hmac.new(key, data, hashlib.sha256).digest()


def prf_plus(key: bytes, seed: bytes, length: int) -> bytes:
    out, last, number = b"", b"", 1
    while len(out) < length:
        last = prf(key, last + seed + bytes([number]))
        out, number = out + last, number + 1
    return out[:length]


def cut(data: bytes, *sizes: int) -> list[bytes]:
    pieces = []
    for size in sizes:
        pieces.append(data[:size])
        data = data[size:]
    assert not data
    return pieces


class PlainPeer:
    """Initiates with AES-CBC-256, HMAC-SHA1-96, PRF-HMAC-SHA2-256, group 14, and AES-GCM-256 for ESP."""

    def __init__(self) -> None:
        offered = proposal(1, b"", transform(1, 12, 256), transform(3, 2), transform(2, 5), transform(4, 14, last=True))
        public = pow(2, EXPONENT, PRIME).to_bytes(256, "big")
        body = chain((SA, offered), (KE, struct.pack(">HH", 14, 0) + public), (NONCE_TYPE, NONCE))
        self.init = SPI + bytes(8) + struct.pack(">BBBBII", SA, 0x20, 34, 8, 0, 28 + len(body)) + body

    def derive(self, answer: bytes) -> None:
        """Everything there is to know from the answer to the first message."""
        self.answer, said = answer, IKEv2(answer)
        self.rspi = answer[8:16]
        theirs = int.from_bytes(said[IKEv2_KE].ke, "big")
        self.nonce_r = bytes(said[IKEv2_Nonce].nonce)
        shared = pow(theirs, EXPONENT, PRIME).to_bytes(256, "big")
        seed = prf(NONCE + self.nonce_r, shared)
        keys = prf_plus(seed, NONCE + self.nonce_r + SPI + self.rspi, 32 + 2 * 20 + 2 * 32 + 2 * 32)
        self.d, self.ai, self.ar, self.ei, self.er, self.pi, self.pr = cut(keys, 32, 20, 20, 32, 32, 32, 32)

    def auth(self, secret: bytes, identity: bytes = b"\x02\0\0\0site0", *, esp: bytes | None = None, more: bytes = b"") -> bytes:
        """The second message."""
        esp = esp or proposal(3, CHILD_SPI, transform(1, 20, 256), transform(5, 0, last=True))
        octets = self.init + self.nonce_r + prf(self.pi, identity)
        proof = prf(prf(secret, b"Key Pad for IKEv2"), octets)
        vendor = [(VENDOR, more)] if more else []
        plain = chain((IDI, identity), (AUTH, b"\x02\0\0\0" + proof), (SA, esp), *vendor, (TSI, TS_I), (TSR, TS_R))
        return self.seal(35, 1, IDI, plain)

    def seal(self, exchange: int, number: int, first: int, plain: bytes, flags: int = 8) -> bytes:
        """A message of ours, encrypted."""
        missing = -(len(plain) + 1) % 16
        plain += bytes(missing) + bytes([missing])
        iv = bytes(range(16))
        cipher = Cipher(algorithms.AES(self.ei), modes.CBC(iv)).encryptor()
        sealed = iv + cipher.update(plain) + cipher.finalize()
        length = 28 + 4 + len(sealed) + 12
        head = SPI + self.rspi + struct.pack(">BBBBII", SK, 0x20, exchange, flags, number, length)
        message = head + struct.pack(">BBH", first, 0, 4 + len(sealed) + 12) + sealed
        return message + hmac.new(self.ai, message, hashlib.sha1).digest()[:12]

    def open(self, message: bytes) -> dict[int, bytes]:
        """The payloads of a message of the gateway, by type."""
        assert hmac.new(self.ar, message[:-12], hashlib.sha1).digest()[:12] == message[-12:]
        assert message[16] == SK
        iv, sealed = message[32:48], message[48:-12]
        decryptor = Cipher(algorithms.AES(self.er), modes.CBC(iv)).decryptor()
        plain = decryptor.update(sealed) + decryptor.finalize()
        plain, kind, found = plain[: -1 - plain[-1]], message[28], {}
        while kind:
            following, _, length = struct.unpack(">BBH", plain[:4])
            found[kind] = plain[4:length]
            kind, plain = following, plain[length:]
        assert not plain
        return found


def listening() -> Site:
    made = Site(1)
    made.profile(ike="aes-cbc 256 ike-integ-alg sha1-96 ike-dh modp-2048", auth=f"shared-key-mic hex {SECRET.encode().hex()}")
    return made


def ask(there: Site, message: bytes) -> list[bytes]:
    """What the gateway answers to a message."""
    datagram = struct.pack(">HHHH", 500, 500, 8 + len(message), 0) + message
    there.arrive(ip4_packet(0x0A000101, 0x0A000102, payload=datagram, protocol=17))
    answers = [IP(packet) for packet in there.outside_packets if packet[0] >> 4 == 4]
    assert all((answer[UDP].sport, answer[UDP].dport, answer.src) == (500, 500, "10.0.1.2") for answer in answers)
    return [bytes(answer[UDP].payload) for answer in answers]


@pytest.fixture
def peer() -> PlainPeer:
    return PlainPeer()


def test_the_prime_is_the_one_of_the_rfc() -> None:
    assert groups.modp_prime(2048) == PRIME


def test_keys_and_proofs(peer: PlainPeer) -> None:
    there = listening()
    [answer] = ask(there, peer.init)
    peer.derive(answer)
    # The same message again is answered with the same bytes, and makes no second association.
    assert ask(there, peer.init) == [answer]
    keys = there.ike.keys
    assert keys is not None
    assert (keys.d, keys.ai, keys.ar, keys.ei, keys.er, keys.pi, keys.pr) == (
        peer.d, peer.ai, peer.ar, peer.ei, peer.er, peer.pi, peer.pr)  # fmt: skip
    [sealed] = ask(there, peer.auth(SECRET.encode()))
    said = peer.open(sealed)
    assert set(said) == {IDR, AUTH, SA, TSI, TSR}
    assert said[IDR] == b"\x02\0\0\0site1"
    octets = peer.answer + NONCE + prf(peer.pr, said[IDR])
    assert said[AUTH] == b"\x02\0\0\0" + prf(prf(SECRET.encode(), b"Key Pad for IKEv2"), octets)
    assert (said[TSI], said[TSR]) == (TS_I, TS_R)
    assert said[SA][:8] == proposal(3, CHILD_SPI, transform(1, 20, 256), transform(5, 0, last=True))[:8]
    spi = int.from_bytes(said[SA][8:12], "big")
    to_them, salt_i, to_us, salt_r = cut(prf_plus(peer.d, NONCE + peer.nonce_r, 72), 32, 4, 32, 4)
    sas = {sa.spi: sa for sa in there.engine.get(Sas)}
    assert set(sas) == {spi, int.from_bytes(CHILD_SPI, "big")}
    assert (sas[spi].cipher_key, sas[spi].salt) == (to_them, int.from_bytes(salt_i, "big"))
    assert (sas[0x01020304].cipher_key, sas[0x01020304].salt) == (to_us, int.from_bytes(salt_r, "big"))
    assert [sas[number].id for number in (0x01020304, spi)] == [0x80000000, 0xC0000000]


def test_scapy_reads_the_first_answer(peer: PlainPeer) -> None:
    [answer] = ask(listening(), peer.init)
    said = IKEv2(answer)
    assert (said.exch_type, said.length, said.flags.value, said.init_SPI) == (34, len(answer), 0x20, SPI)
    assert said[IKEv2_SA].prop.trans_nb == 4
    assert said[IKEv2_KE].group == 14
    assert len(said[IKEv2_Nonce].nonce) == len(NONCE)
    first = said[IKEv2_Notify]
    assert (first.type, first.payload.type) == (16388, 16389)
    address = bytes((10, 0, 1, 2)) + struct.pack(">H", 500)
    assert bytes(first.notify) == hashlib.sha1(answer[:16] + address).digest()


@pytest.mark.parametrize(
    ("secret", "identity"),
    [(b"wrong", b"\x02\0\0\0site0"), (SECRET.encode(), b"\x02\0\0\0nobody"), (SECRET.encode(), b"\x03\0\0\0site0")],
    ids=["secret", "identity", "type"],
)
def test_who_proves_nothing_is_told_so(peer: PlainPeer, secret: bytes, identity: bytes) -> None:
    there = listening()
    peer.derive(ask(there, peer.init)[0])
    [sealed] = ask(there, peer.auth(secret, identity))
    assert peer.open(sealed) == {NOTIFY: struct.pack(">BBH", 0, 0, 24)}
    assert there.sas == []
    assert list(there.engine.get(Sas)) == []
    assert there.engine.interfaces.find("ipip0") is None


def test_no_proposal_and_no_selector(peer: PlainPeer) -> None:
    there = listening()
    peer.derive(ask(there, peer.init)[0])
    [sealed] = ask(there, peer.auth(SECRET.encode(), esp=proposal(3, CHILD_SPI, transform(1, 3), transform(5, 0, last=True))))
    said = peer.open(sealed)
    assert said[NOTIFY] == struct.pack(">BBH", 0, 0, 14)
    assert there.ike.state.value == "NO_PROPOSAL_CHOSEN"
    assert list(there.engine.get(Sas)) == []


def test_forged_messages_change_nothing(peer: PlainPeer) -> None:
    there = listening()
    peer.derive(ask(there, peer.init)[0])
    ask(there, peer.auth(SECRET.encode()))
    before = there("show ikev2 sa details")
    good = peer.seal(37, 2, 0, b"")
    for at in (20, 28, 33, 50, len(good) - 1):
        forged = good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :]
        assert ask(there, forged) == []
    assert there.counts()["malformed_packet"] >= 4
    assert there("show ikev2 sa details") == before
    # The number was not used up by them.
    [answer] = ask(there, good)
    assert peer.open(answer) == {}
    assert ask(there, good) == [answer]
    assert ask(there, peer.seal(37, 1, 0, b"")) == []
    assert there.counts()["ike_req_retransmit"] == 1
    assert there.counts()["ike_req_ignore"] == 1


def test_deletions(peer: PlainPeer) -> None:
    there = listening()
    peer.derive(ask(there, peer.init)[0])
    spi = peer.open(ask(there, peer.auth(SECRET.encode()))[0])[SA][8:12]
    [sealed] = ask(there, peer.seal(37, 2, DELETE, chain((DELETE, b"\x03\x04\0\x01" + CHILD_SPI))))
    assert peer.open(sealed) == {DELETE: b"\x03\x04\0\x01" + spi}
    assert there.ike.children == []
    assert list(there.engine.get(Sas)) == []
    [sealed] = ask(there, peer.seal(37, 3, DELETE, chain((DELETE, b"\x01\0\0\0"))))
    assert peer.open(sealed) == {}
    assert there.sas == []


def test_critical_payloads_that_are_not_known(peer: PlainPeer) -> None:
    there = listening()
    peer.derive(ask(there, peer.init)[0])
    ask(there, peer.auth(SECRET.encode()))
    [sealed] = ask(there, peer.seal(37, 2, 200, struct.pack(">BBH", 0, 0x80, 4)))
    assert peer.open(sealed) == {NOTIFY: struct.pack(">BBHB", 0, 0, 1, 200)}
    # One that is not critical is passed over.
    [sealed] = ask(there, peer.seal(37, 3, 200, struct.pack(">BBH", 0, 0, 4)))
    assert peer.open(sealed) == {}


def first_message(offered: bytes, group: int = 14, nonce: bytes = NONCE) -> bytes:
    """A first message with something else in it."""
    public = pow(2, EXPONENT, PRIME).to_bytes(256, "big")
    body = chain((SA, offered), (KE, struct.pack(">HH", group, 0) + public), (NONCE_TYPE, nonce))
    return SPI + bytes(8) + struct.pack(">BBBBII", SA, 0x20, 34, 8, 0, 28 + len(body)) + body


GOOD = (transform(1, 12, 256), transform(3, 2), transform(2, 5), transform(4, 14, last=True))


@pytest.mark.parametrize(
    ("message", "notice", "data"),
    [
        (first_message(proposal(1, b"", transform(1, 3), *GOOD[1:])), 14, b""),
        (first_message(proposal(1, b"", transform(1, 12, 512), *GOOD[1:])), 14, b""),
        (first_message(proposal(1, b"", *GOOD[:3])), 14, b""),
        (first_message(proposal(1, b"", GOOD[0], *GOOD[2:])), 14, b""),
        (first_message(proposal(1, b"", *GOOD)[:-1]), 14, b""),
        (first_message(proposal(1, b"", *GOOD), group=5), 17, b"\0\x0e"),
    ],
    ids=["cipher", "key length", "no group", "no integrity", "cut off", "group"],
)  # fmt: skip
def test_first_messages_that_do_not_fit(message: bytes, notice: int, data: bytes) -> None:
    there = listening()
    [answer] = ask(there, message)
    assert answer[:16] == SPI + bytes(8)
    assert answer[28:] == struct.pack(">BBHBBH", 0, 0, 8 + len(data), 0, 0, notice) + data
    assert there.sas == []


@pytest.mark.parametrize(
    ("message", "counted"),
    [
        (first_message(proposal(1, b"", *GOOD), nonce=b"short"), "malformed_packet"),
        (first_message(proposal(1, b"", *GOOD), nonce=bytes(257)), "malformed_packet"),
        (PlainPeer().init[:-1], "bad_length"),
        (PlainPeer().init + b"x", "bad_length"),
        (PlainPeer().init[:20], "bad_length"),
        (b"", "bad_length"),
        (PlainPeer().init[:17] + b"\x10" + PlainPeer().init[18:], "not_ikev2"),
    ],
    ids=["short nonce", "long nonce", "cut off", "too long", "no header", "empty", "version 1"],
)
def test_what_is_counted_and_not_answered(message: bytes, counted: str) -> None:
    there = listening()
    assert ask(there, message) == []
    assert there.counts()[counted] == 1
    assert there.sas == []


def test_deletion_in_the_words_of_vpp(peer: PlainPeer) -> None:
    """A responder of VPP's names the SPI of what came to its peer."""
    there = listening()
    peer.derive(ask(there, peer.init)[0])
    spi = peer.open(ask(there, peer.auth(SECRET.encode()))[0])[SA][8:12]
    [sealed] = ask(there, peer.seal(37, 2, DELETE, chain((DELETE, b"\x03\x04\0\x01" + spi))))
    assert peer.open(sealed) == {DELETE: b"\x03\x04\0\x01" + spi}
    assert there.ike.children == []


def test_a_message_in_fragments(peer: PlainPeer) -> None:
    """Certificates and other long payloads make messages longer than a packet, and than a buffer."""
    there = listening()
    peer.derive(ask(there, peer.init)[0])
    vendor = bytes(range(256)) * 12
    message = peer.auth(SECRET.encode(), more=vendor)
    assert len(message) > 3000
    datagram = IP(src="10.0.1.1", dst="10.0.1.2", id=7) / UDP(sport=500, dport=500) / Raw(message)
    for piece in fragment(IP(bytes(datagram)), 1200):
        there.arrive(bytes(piece))
    [answer] = [bytes(IP(packet)[UDP].payload) for packet in there.outside_packets if packet[0] >> 4 == 4]
    assert AUTH in peer.open(answer)
    assert there.ike.state.value == "AUTHENTICATED"
    assert there.engine.buffers.free == there.engine.buffers.count
