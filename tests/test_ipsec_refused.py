"""What must not get through: tampered, replayed, cut and misdirected packets, and associations that cannot be."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.layers.inet import IP
from scapy.layers.ipsec import AH, ESP, _ESPPlain

from tests.gateways import HERE, PEER, Gateway
from tests.packets import ip4_packet
from tests.test_ipsec_algorithms import KINDS, Suite, incoming, outgoing, tunnel_header
from vppsh.engine.ipsec.algorithms import CIPHERS, Cipher
from vppsh.engine.ipsec.sa import MAX_EXTENDED_NUMBER, MAX_NUMBER, SaError

SUITES = {str(each): each for each in KINDS}
GCM, CBC = SUITES["aes-gcm-128+none"], SUITES["aes-cbc-128+sha1-96"]
IP_BYTES, ESP_BYTES = 20, 8


def gateway(each: Suite, options: str = "use-anti-replay") -> Gateway:
    made = Gateway()
    made.type(
        f"ipsec sa add 10 spi 1001 {each.words} tunnel src {HERE} dst {PEER}",
        f"ipsec sa add 20 spi 2001 {each.words} inbound {options} tunnel src {PEER} dst {HERE}",
    )
    made.protect(20, 10)
    return made


def sealed(each: Suite, *numbers: int, packet: bytes | None = None, spi: int = 2001) -> list[bytes]:
    """Packets of the peer, with these sequence numbers."""
    association = each.scapy(ESP, spi, tunnel_header=tunnel_header(out=False))
    return [bytes(association.encrypt(IP(packet or incoming()[5]), seq_num=number)) for number in numbers]


def nothing_left_over(made: Gateway) -> bool:
    """Whether every buffer is in the pool again."""
    return made.engine.buffers.free == made.engine.buffers.count


# Packets of others.


@pytest.mark.parametrize("each", KINDS, ids=str)
def test_another_key(each: Suite) -> None:
    made = gateway(each)
    other = Suite(**{**vars(each), "key": each.key[::-1], "integrity_key": each.integrity_key[::-1]})
    assert made.comes_in(*sealed(other, 1, 2, 3)) == []
    fault = SaError.DECRYPTION_FAILED if each.integrity == "none" else SaError.INTEG_ERROR
    assert made.errors_of(20) == {fault: 3}
    assert made.sa(20).window.top == 0
    assert nothing_left_over(made)


@pytest.mark.parametrize("each", KINDS, ids=str)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_any_bit_may_be_wrong(each: Suite, data: st.DataObject) -> None:
    made = gateway(each)
    packet = bytearray(sealed(each, 7)[0])
    bit = data.draw(st.integers(8 * (IP_BYTES + 4), 8 * len(packet) - 1))
    packet[bit // 8] ^= 1 << bit % 8
    assert made.comes_in(bytes(packet)) == []
    assert sum(made.errors_of(20).values()) == 1
    assert made.sa(20).window.top == 0


@pytest.mark.parametrize("each", KINDS, ids=str)
def test_cut_anywhere(each: Suite) -> None:
    """ESP of any length, with the length in the IP header that goes with it: counted as a runt, or not authentic."""
    made = gateway(each)
    whole = sealed(each, 7)[0]
    pieces = [ip4_packet(0x0A000102, 0x0A000101, payload=whole[IP_BYTES:length], protocol=50) for length in range(IP_BYTES, len(whole))]
    assert made.comes_in(*pieces) == []
    received = made.count("esp4-decrypt", "rx_pkts")
    # Without SPI and number there is no association to ask.
    assert received == len(pieces) - ESP_BYTES
    assert sum(made.errors_of(20).values()) == received
    assert made.sa(20).window.top == 0
    assert nothing_left_over(made)


@pytest.mark.parametrize("each", KINDS, ids=str)
def test_good_ones_among_bad_ones(each: Suite) -> None:
    """A vector in which every other packet is wrong, in a way of its own."""
    made = gateway(each)
    rng = random.Random(5)
    packets = sealed(each, *range(1, 101))
    for position in range(0, 100, 2):
        wrong = bytearray(packets[position])
        wrong[rng.randrange(IP_BYTES + ESP_BYTES, len(wrong))] ^= 1 << rng.randrange(8)
        packets[position] = (
            bytes(wrong) if position % 4 else ip4_packet(0x0A000102, 0x0A000101, payload=packets[position][20:30], protocol=50)
        )
    assert len(made.comes_in(*packets)) == 50
    faults = made.errors_of(20)
    assert faults.pop(SaError.LOST) == 18
    assert sum(faults.values()) == 50
    assert made.sa(20).window.shown()[-8:] == "01010101"
    assert nothing_left_over(made)


def test_another_spi() -> None:
    made = gateway(GCM)
    assert made.comes_in(*sealed(GCM, 1, spi=2002), *sealed(GCM, 1, spi=0)) == []
    assert made.count("ipsec4-input-feature", "IPSec policy not matched") == 2


def test_another_peer() -> None:
    """The ends of the association's tunnel count, not the policy's ranges."""
    made = gateway(GCM)
    packet = sealed(GCM, 1)[0]
    assert made.comes_in(ip4_packet(0x0A000109, 0x0A000101, payload=packet[20:], protocol=50)) == []
    assert made.count("ipsec4-input-feature", "IPSec policy not matched") == 1


# The same packet twice.


@pytest.mark.parametrize("each", KINDS, ids=str)
def test_replayed(each: Suite) -> None:
    made = gateway(each)
    first = sealed(each, *range(1, 11))
    # Twice in a vector, and again in the next.
    assert len(made.comes_in(*first, *first[:5])) == 10
    assert made.comes_in(*first) == []
    assert made.errors_of(20) == {SaError.REPLAY: 15}


def test_too_old() -> None:
    made = gateway(GCM)
    assert len(made.comes_in(*sealed(GCM, 100))) == 1
    assert len(made.comes_in(*sealed(GCM, 36, 37, 38))) == 2
    assert made.errors_of(20) == {SaError.REPLAY: 1, SaError.LOST: 36}


def test_without_a_window_packets_come_twice() -> None:
    made = gateway(GCM, options="")
    packets = sealed(GCM, 1, 2)
    assert len(made.comes_in(*packets)) == len(made.comes_in(*packets)) == 2


def test_forged_numbers_do_not_move_the_window() -> None:
    made = gateway(GCM)
    forged = bytearray(sealed(GCM, 5)[0])
    forged[IP_BYTES + 4 : IP_BYTES + 8] = (1 << 31).to_bytes(4, "big")
    assert made.comes_in(bytes(forged)) == []
    assert len(made.comes_in(*sealed(GCM, 5))) == 1
    assert made.sa(20).window.top == 5


# Authentic, but wrong inside.


def footer(each: Suite, payload: bytes, pads: int, following: int) -> bytes:
    """ESP of the peer with any payload, padding and next header."""
    association = each.scapy(ESP, 2001, tunnel_header=tunnel_header(out=False))
    plain = _ESPPlain(spi=2001, seq=1, iv=association.crypt_algo.generate_iv(), data=payload, padlen=pads, nh=following)
    esp = association.crypt_algo.encrypt(association, plain, association.crypt_key)
    association.auth_algo.sign(esp, association.auth_key)
    return ip4_packet(0x0A000102, 0x0A000101, payload=bytes(esp), protocol=50)


@pytest.mark.parametrize("each", [GCM, CBC], ids=str)
@pytest.mark.parametrize(
    ("payload", "pads", "following", "fault"),
    [
        (bytes(14), 255, 4, SaError.NO_TAIL_SPACE),
        (bytes(14), 15, 4, SaError.NO_TAIL_SPACE),
        (bytes(30), 200, 41, SaError.NO_TAIL_SPACE),
        (bytes(14), 0, 17, SaError.UNSUP_PAYLOAD),
        (bytes(14), 0, 59, SaError.UNSUP_PAYLOAD),
        (bytes(14), 0, 0, SaError.UNSUP_PAYLOAD),
    ],
)
def test_padding_and_next_header(each: Suite, payload: bytes, pads: int, following: int, fault: SaError) -> None:
    made = gateway(each)
    assert made.comes_in(footer(each, payload, pads, following)) == []
    assert made.errors_of(20) == {fault: 1}
    assert nothing_left_over(made)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=90).filter(lambda data: (len(data) + 2) % 4 == 0), st.integers(0, 255), st.integers(0, 255))
def test_anything_may_be_inside(payload: bytes, pads: int, following: int) -> None:
    """Whoever has the key may send what he likes: the books balance."""
    made = gateway(GCM)
    made.comes_in(footer(GCM, payload, pads, following))
    assert nothing_left_over(made)


# Associations.


@pytest.mark.parametrize("cipher", [cipher for cipher in CIPHERS if cipher.key_bytes], ids=str)
def test_keys_of_any_other_length(cipher: Cipher) -> None:
    made = Gateway()
    for length in {1, cipher.key_bytes - 1, cipher.key_bytes + 1, 128}:
        line = f"ipsec sa add 10 spi 1 esp crypto-alg {cipher} crypto-key {bytes(length).hex()}"
        assert made(line) == "ipsec sa: failed: -156"
    made.type(f"ipsec sa add 10 spi 1 esp crypto-alg {cipher} crypto-key {bytes(range(cipher.key_bytes)).hex()}")


def test_a_cipher_without_a_key_encrypts_nothing() -> None:
    made = Gateway()
    made.type(
        f"ipsec sa add 10 spi 1001 esp crypto-alg aes-gcm-128 tunnel src {HERE} dst {PEER}",
        f"ipsec sa add 20 spi 2001 esp crypto-alg aes-gcm-128 inbound tunnel src {PEER} dst {HERE}",
    )
    made.protect(20, 10)
    assert made.goes_out(*outgoing(3)) == []
    assert made.comes_in(*sealed(GCM, 1, 2)) == []
    assert made.errors_of(10) == {SaError.CRYPTO_ENGINE_ERROR: 3}
    assert made.errors_of(20) == {SaError.CRYPTO_ENGINE_ERROR: 2}


def test_no_algorithm_at_all_encrypts_nothing() -> None:
    made = Gateway()
    made.type(
        f"ipsec sa add 10 spi 1001 esp tunnel src {HERE} dst {PEER}",
        f"ipsec sa add 20 spi 2001 esp inbound tunnel src {PEER} dst {HERE}",
    )
    made.protect(20, 10)
    assert made.goes_out(*outgoing(3)) == []
    assert made.errors_of(10) == {SaError.NO_ENCRYPTION: 3}


@pytest.mark.parametrize(("options", "last"), [("", MAX_NUMBER), ("use-esn", MAX_EXTENDED_NUMBER)])
def test_numbers_end(options: str, last: int) -> None:
    """Two packets have the last numbers, the rest do not leave; nor does one when the vector is another."""
    made = Gateway()
    made.type(
        f"ipsec sa add 10 spi 1001 {GCM.words} {options} tunnel src {HERE} dst {PEER}",
        f"ipsec sa add 20 spi 2001 {GCM.words} inbound tunnel src {PEER} dst {HERE}",
    )
    made.protect(20, 10)
    made.sa(10).sent = last - 2
    left = made.goes_out(*outgoing(5))
    assert [IP(packet)[ESP].seq for packet in left] == [MAX_NUMBER - 1, MAX_NUMBER]
    assert made.goes_out(*outgoing(1)) == []
    assert made.errors_of(10) == {SaError.SEQ_CYCLED: 4}
    assert made.sa(10).sent == last


def test_deleted_while_policies_need_it() -> None:
    """The policies keep it; when they are gone it is, and packets are not let out in the clear."""
    made = gateway(GCM)
    made.type("ipsec sa del 10", "ipsec sa del 20")
    assert len(made.goes_out(*outgoing(3))) == 3
    assert len(made.comes_in(*sealed(GCM, 1))) == 1
    local = "local-ip-range 10.0.0.0 - 10.0.255.255 remote-ip-range 10.2.0.0 - 10.2.255.255"
    assert made(f"ipsec policy del spd 1 outbound priority 100 action protect sa 10 {local}") == "policy-index:0"
    assert made(f"ipsec policy del spd 1 inbound priority 100 action protect sa 20 {local}") == "policy-index:2"
    assert made("show ipsec sa") == ""
    assert made.comes_in(*sealed(GCM, 2)) == []
    # What leaves now leaves by the policy that lets everything pass.
    assert [packet[9] for packet in made.goes_out(*outgoing(1))] == [17]


def test_gone_while_packets_are_under_way() -> None:
    """Packets that were given an association which is not there any more when they come to be encrypted or decrypted."""
    made = Gateway()
    for name in (
        "esp4-encrypt",
        "esp6-encrypt",
        "esp4-decrypt",
        "esp6-decrypt",
        "ah4-encrypt",
        "ah6-encrypt",
        "ah4-decrypt",
        "ah6-decrypt",
    ):
        for index in (0, 7, -1):
            frame = made.frame(*outgoing(3))
            made.engine.buffers.sad_index[frame.rows] = index
            made.engine.dispatcher.send(made.engine.graph[name], frame)
            made.settle()
    assert made.left == []
    assert nothing_left_over(made)


# Long packets.


@pytest.mark.parametrize("length", [1900, 1990, 2040, 2048, 2049, 2100, 4000, 4096, 8900])
@pytest.mark.parametrize("each", KINDS, ids=str)
def test_packets_in_several_buffers(each: Suite, length: int) -> None:
    made = gateway(each)
    inner = ip4_packet(0x0A000002, 0x0A020005, payload=np.random.default_rng(length).bytes(length - 20))
    [left] = made.goes_out(inner)
    association = each.scapy(ESP, 1001, tunnel_header=tunnel_header(out=True))
    assert bytes(association.decrypt(IP(left)))[20:] == inner[20:]
    back = ip4_packet(0x0A020005, 0x0A000002, payload=inner[20:])
    [inside] = made.comes_in(*sealed(each, 1, packet=back))
    assert inside[20:] == inner[20:]
    assert made.comes_in(*sealed(each, 1, packet=back)) == []
    assert made.errors_of(20) == {SaError.REPLAY: 1}
    assert nothing_left_over(made)


@pytest.mark.parametrize("wrong", [set(), {0, 7}])
@pytest.mark.parametrize("each", [each for each in KINDS if each.integrity == "none"], ids=str)
def test_with_a_cryptography_that_writes_nowhere(each: Suite, wrong: set[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Older versions have no functions that encrypt into a given place: packets are the same."""
    made = gateway(each)
    for sa_id in (10, 20):
        for name in ("_encrypt_into", "_decrypt_into"):
            monkeypatch.setattr(made.sa(sa_id).transform, name, None)
    inner = [ip4_packet(0x0A000002, 0x0A020005, payload=bytes([number]) * 1300) for number in range(8)]
    association = each.scapy(ESP, 1001, tunnel_header=tunnel_header(out=True))
    assert [bytes(association.decrypt(IP(packet)))[20:] for packet in made.goes_out(*inner)] == [packet[20:] for packet in inner]
    back = [ip4_packet(0x0A020005, 0x0A000002, payload=packet[20:]) for packet in inner]
    arriving = [sealed(each, number, packet=packet)[0] for number, packet in enumerate(back, 1)]
    for number in wrong:
        arriving[number] = arriving[number][:-1] + bytes((arriving[number][-1] ^ 1,))
    assert [packet[20:] for packet in made.comes_in(*arriving)] == [each[20:] for number, each in enumerate(back) if number not in wrong]
    assert nothing_left_over(made)


# Authentication headers.


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_authentication_header_covers_all_but_what_routers_change(data: st.DataObject) -> None:
    words = f"ah integ-alg sha1-96 integ-key {CBC.integrity_key.hex()}"
    made = Gateway()
    made.type(
        f"ipsec sa add 10 spi 1001 {words} tunnel src {HERE} dst {PEER}",
        f"ipsec sa add 20 spi 2001 {words} inbound use-anti-replay tunnel src {PEER} dst {HERE}",
    )
    made.protect(20, 10)
    packet = bytearray(sealed_by_ah(1))
    bit = data.draw(st.integers(8 * (IP_BYTES + 12), 8 * len(packet) - 1))
    assert len(made.comes_in(bytes(packet))) == 1
    packet = bytearray(sealed_by_ah(2))
    packet[bit // 8] ^= 1 << bit % 8
    assert made.comes_in(bytes(packet)) == []
    assert made.errors_of(20) == {SaError.INTEG_ERROR: 1}
    assert nothing_left_over(made)


def sealed_by_ah(number: int) -> bytes:
    association = CBC.scapy(AH, 2001, tunnel_header=tunnel_header(out=False))
    return bytes(association.encrypt(IP(incoming()[5]), seq_num=number))


def test_authentication_header_cut_anywhere() -> None:
    words = f"ah integ-alg sha1-96 integ-key {CBC.integrity_key.hex()}"
    made = Gateway()
    made.type(
        f"ipsec sa add 10 spi 1001 {words} tunnel src {HERE} dst {PEER}",
        f"ipsec sa add 20 spi 2001 {words} inbound use-anti-replay tunnel src {PEER} dst {HERE}",
    )
    made.protect(20, 10)
    whole = sealed_by_ah(1)
    pieces = [ip4_packet(0x0A000102, 0x0A000101, payload=whole[20:length], protocol=51) for length in range(20, len(whole))]
    assert made.comes_in(*pieces) == []
    assert made.sa(20).window.top == 0
    assert nothing_left_over(made)
