"""WireGuard's handshakes: when they begin and end, what is refused, cookies, numbers that come twice."""

from __future__ import annotations

import random
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.contrib.wireguard import Wireguard as ScapyWireguard
from scapy.contrib.wireguard import WireguardInitiation, WireguardResponse, WireguardTransport

from tests.noise_peer import NoisePeer, hchacha20, mac
from tests.tunnels import hop
from tests.wireguards import FAR, PRIVATE, Duet, from_inside, from_remote, text
from vppsh.engine.fib.types import Prefix, Protocol
from vppsh.engine.wireguard import cookie
from vppsh.engine.wireguard.allowed import AllowedIps
from vppsh.engine.wireguard.cookie import CookieChecker, CookieMaker, MacState, RateLimit, Source
from vppsh.engine.wireguard.session import REJECT_AFTER_TIME
from vppsh.engine.wireguard.window import REJECT_AFTER_MESSAGES, WINDOW, CounterWindow

INITIATION, RESPONSE, DATA = 148, 92, 16 + 16


def kinds(packets: list[bytes]) -> list[int]:
    """Lengths of the messages in packets over IPv4."""
    return [len(packet) - 28 for packet in packets]


# The messages themselves.


def test_scapy_reads_the_messages() -> None:
    duet = Duet()
    (packet,) = duet.gateway.pass_time(0.5)
    initiation = ScapyWireguard(duet.unwrap(packet))
    assert WireguardInitiation in initiation
    (message,) = duet.exchange(duet.peer.answer(duet.unwrap(packet)))
    keepalive = ScapyWireguard(message)
    assert keepalive[WireguardTransport].counter == 0
    assert keepalive[WireguardTransport].receiver_index == duet.peer.number
    other = Duet()
    (response,) = other.exchange(other.peer.initiation(other.tai64n()))
    assert ScapyWireguard(response)[WireguardResponse].receiver_index == other.peer.number


def test_an_initiation_tells_the_time() -> None:
    duet = Duet()
    (packet,) = duet.gateway.pass_time(0.5)
    duet.peer.answer(duet.unwrap(packet))
    seconds, nanoseconds = struct.unpack(">QI", duet.peer.other_time)
    told = seconds - 0x400000000000000A + nanoseconds / 1e9
    assert duet.gateway.clock.epoch - 0.02 < told < duet.gateway.clock.epoch + 0.5


# What is refused. Nothing of this may raise, let a packet in, or change what was agreed upon.


def test_truncated_and_changed_messages_are_refused() -> None:
    duet = Duet()
    gateway = duet.gateway
    initiation = duet.peer.initiation(duet.tai64n())
    good = [initiation, *(initiation[:length] for length in (0, 1, 3, 4, 8, 60, 116, 132, 147))]
    for message in good[1:]:
        assert duet.exchange(message) == []
    wrong = gateway.counted()
    assert wrong == {"wg4-input Invalid MAC handshake": len(good) - 1}
    for place in range(0, 132, 7):
        changed = bytearray(initiation)
        changed[place] ^= 0x40
        assert duet.exchange(bytes(changed)) == []
    (response,) = duet.exchange(initiation)
    duet.peer.finish(response)
    assert gateway.peer.session.current is None
    # Data: of every length, and with a bit changed anywhere.
    data = duet.peer.seal(from_remote(4))
    for length in range(4, len(data)):
        assert duet.delivers(data[:length]) == []
    for place in range(4, len(data)):
        changed = bytearray(data)
        changed[place] ^= 1 << place % 8
        assert duet.delivers(bytes(changed)) == []
    counted = gateway.counted()
    assert counted["wg4-input Failed during decryption"] == (len(data) - 16) * 2 + 8
    # A forged message confirms nothing.
    assert gateway.peer.session.current is None
    assert len(duet.delivers(data)) == 1


@pytest.mark.parametrize("outer", [4, 6])
def test_random_bytes_are_refused(outer: int) -> None:
    seed = random.randrange(1 << 30)
    print("seed", seed)
    rng, duet = random.Random(seed), Duet(outer)
    duet.initiate()
    number = struct.pack("<I", duet.peer.other_number)
    for _ in range(30):
        messages = [
            bytes((rng.randrange(6), 0, 0, 0)) + rng.choice((number, rng.randbytes(4))) + rng.randbytes(rng.randrange(200))
            for _ in range(rng.randrange(1, 40))
        ]
        assert duet.delivers(*messages, scattered=rng.random() < 0.5) == []
    assert len(duet.delivers(duet.peer.seal(from_remote(4)))) == 1


def test_a_frame_of_all_kinds_of_messages() -> None:
    duet = Duet()
    duet.initiate()
    data = [duet.peer.seal(from_remote(4, 44)) for _ in range(3)]
    forged = data[0][:-1] + bytes((data[0][-1] ^ 1,))
    nobody = data[0][:4] + b"\1\2\3\4" + data[0][8:]
    mixed = [data[0], forged, b"\4\0\0\0", nobody, data[1], b"\7\0\0\0", data[1], b"", data[2], duet.peer.seal(b"")]
    assert duet.delivers(*mixed) == [hop(from_remote(4, 44))] * 3
    assert duet.gateway.counted() == {
        "wg4-input Failed during decryption": 1, "wg4-input Peer error": 2, "wg4-input Invalid MAC handshake": 2,
    }  # fmt: skip


def test_strangers_are_refused() -> None:
    duet = Duet()
    stranger = NoisePeer(PRIVATE[2])
    stranger.other = duet.peer.other
    assert duet.exchange(stranger.initiation(duet.tai64n())) == []
    assert duet.gateway.counted() == {"wg4-input Peer error": 1}
    # Somebody who knows all but the pre-shared key gets an answer that is worth nothing to him.
    guarded = Duet(psk=bytes(range(32)))
    guarded.peer.psk = bytes(32)
    (response,) = guarded.exchange(guarded.peer.initiation(guarded.tai64n()))
    with pytest.raises(Exception, match=r"^$"):
        guarded.peer.finish(response)


def test_responses_that_nobody_waits_for_are_refused() -> None:
    duet = Duet()
    (packet,) = duet.gateway.pass_time(0.5)
    response = duet.peer.answer(duet.unwrap(packet))
    wrong_psk = NoisePeer(PRIVATE[1], bytes(range(1, 33)))
    wrong = wrong_psk.answer(duet.unwrap(packet))
    assert duet.exchange(wrong) == []
    body = response[:8] + b"\1\2\3\4" + response[12:60]
    assert duet.exchange(duet.peer.with_macs(body)) == []
    assert duet.gateway.counted() == {"wg4-input Peer error": 2}
    # None of that harms the right one, which counts once.
    assert len(duet.exchange(response)) == 1
    assert duet.exchange(response) == []
    assert duet.gateway.counted() == {"wg4-input Peer error": 3}
    assert duet.exchange(duet.peer.with_macs(b"\5\0\0\0" + bytes(56))) == []
    assert duet.gateway.counted()["wg4-input Failed while receiving Handshake"] == 1


def test_old_and_frequent_initiations_are_refused() -> None:
    duet = Duet()
    old, new = duet.peer.initiation(duet.tai64n()), duet.peer.initiation(duet.tai64n())
    (response,) = duet.exchange(new)
    duet.gateway.pass_time(1)
    assert duet.exchange(new) == duet.exchange(old) == []
    duet.peer.finish(response)
    assert duet.exchange(duet.peer.seal(b"")) == []
    assert len(duet.exchange(duet.peer.initiation(duet.tai64n()))) == 1
    duet.gateway.pass_time(0.01)
    assert duet.exchange(duet.peer.initiation(duet.tai64n())) == []
    duet.gateway.pass_time(0.03)
    assert len(duet.exchange(duet.peer.initiation(duet.tai64n()))) == 1


@pytest.mark.parametrize("public", [bytes(32), (1).to_bytes(32, "little"), (2**255 - 19 + 1).to_bytes(32, "little")])
def test_keys_with_which_everybody_shares_a_secret_are_refused(public: bytes) -> None:
    duet = Duet()
    assert duet.exchange(duet.peer.with_macs(struct.pack("<II", 1, 7) + public + bytes(76))) == []
    assert duet.gateway.counted() == {"wg4-input Peer error": 1}


# When handshakes begin.


def test_unanswered_initiations_are_repeated_for_a_while() -> None:
    duet = Duet()
    sent, times = 0, []
    for second in range(200):
        packets = duet.gateway.pass_time(1)
        assert set(kinds(packets)) <= {INITIATION}
        sent += len(packets)
        times += [second] * len(packets)
    assert sent == 20
    assert all(5 <= later - earlier <= 6 for earlier, later in zip(times, times[1:]))
    # Packets that want to leave begin anew.
    assert kinds(duet.gateway.goes_out(from_inside(4))) == [INITIATION]
    assert kinds(duet.gateway.goes_out(from_inside(4))) == []
    duet.gateway.pass_time(6)
    assert kinds(duet.gateway.goes_out(from_inside(4))) == []


def test_the_initiator_renews_keys_that_are_old() -> None:
    duet = Duet()
    duet.respond()
    gateway = duet.gateway
    begun = gateway.engine.clock.now()
    while gateway.engine.clock.now() < begun + 119:
        sent = gateway.goes_out(from_inside(4))
        assert len(sent) == 1
        duet.exchange(duet.peer.seal(b""))
        gateway.pass_time(9)
    gateway.pass_time(max(0.0, begun + 121 - gateway.engine.clock.now()))
    data, initiation = sorted(gateway.goes_out(from_inside(4)), key=len)
    assert kinds([data, initiation]) == [len(from_inside(4)) + DATA, INITIATION]
    old = duet.peer.open(duet.unwrap(data))
    assert old[1] == hop(from_inside(4))
    other = NoisePeer(PRIVATE[1])
    (keepalive,) = duet.exchange(other.answer(duet.unwrap(initiation)))
    assert other.open(keepalive) == (0, b"")
    # Data by the old keys is still good for a moment.
    assert len(duet.delivers(duet.peer.seal(from_remote(4)))) == 1
    assert [other.open(duet.unwrap(packet))[0] for packet in gateway.goes_out(from_inside(4))] == [1]


def test_keys_are_not_used_for_too_long() -> None:
    duet = Duet()
    duet.initiate()
    gateway = duet.gateway
    old = duet.peer.seal(from_remote(4))
    gateway.pass_time(REJECT_AFTER_TIME - 1)
    assert len(duet.delivers(duet.peer.seal(from_remote(4)))) == 1
    # The responder does not renew keys on its own, but will when it has something to say.
    assert kinds(gateway.goes_out(from_inside(4))) == [len(from_inside(4)) + DATA]
    gateway.pass_time(2)
    assert kinds(gateway.goes_out(from_inside(4))) == [INITIATION]
    assert duet.delivers(old) == []
    assert gateway.counted() == {"wg4-input Failed during decryption": 1}
    assert not gateway.peer.established
    gateway.pass_time(3 * REJECT_AFTER_TIME)
    assert gateway.peer.session.current is None
    assert duet.delivers(duet.peer.seal(from_remote(4))) == []
    assert gateway.counted()["wg4-input Peer error"] == 1


def test_a_peer_that_says_nothing_is_asked_again() -> None:
    duet = Duet()
    duet.respond()
    assert duet.gateway.pass_time(60) == []
    assert len(duet.gateway.goes_out(from_inside(4))) == 1
    assert duet.gateway.pass_time(14) == []
    assert kinds(duet.gateway.pass_time(2)) == [INITIATION]


def test_data_is_answered_by_a_keepalive_if_there_is_nothing_else_to_say() -> None:
    duet = Duet()
    duet.respond()
    duet.gateway.pass_time(1)
    duet.delivers(duet.peer.seal(from_remote(4)))
    assert duet.gateway.pass_time(9) == []
    (keepalive,) = duet.gateway.pass_time(2)
    assert duet.peer.open(duet.unwrap(keepalive))[1] == b""
    # A keepalive is not answered.
    duet.exchange(duet.peer.seal(b""))
    assert duet.gateway.pass_time(30) == []


def test_persistent_keepalives() -> None:
    duet = Duet()
    duet.gateway.type(
        "wireguard peer remove 0",
        f"wireguard peer add wg0 public-key {text(duet.peer.public)} endpoint {FAR[4]} dst-port 51820 allowed-ip 10.2.0.0/16 "
        "persistent-keepalive 25",
    )
    duet.respond()
    keepalives = duet.gateway.pass_time(110)
    assert [duet.peer.open(duet.unwrap(packet)) for packet in keepalives] == [(count, b"") for count in range(1, 5)]


def test_numbers_run_out() -> None:
    duet = Duet()
    duet.initiate()
    keypair = duet.gateway.peer.session.current
    assert keypair is not None
    keypair.sent = 1 << 60
    assert kinds(duet.gateway.goes_out(from_inside(4))) == [INITIATION, len(from_inside(4)) + DATA]
    keypair.sent = REJECT_AFTER_MESSAGES - 1
    duet.gateway.peer.activity.sent_handshake = None
    packets = duet.gateway.goes_out(*[from_inside(4)] * 5)
    assert sorted(kinds(packets)) == [len(from_inside(4)) + DATA] * 2 + [INITIATION]
    assert not duet.gateway.peer.established


# Numbers of data messages.


def scalar_window(counters: list[int]) -> list[bool]:
    """Which numbers are accepted, by a set of all that came."""
    seen: set[int] = set()
    top, verdicts = 0, []
    for counter in counters:
        good = counter < REJECT_AFTER_MESSAGES and counter + WINDOW >= top and counter not in seen
        verdicts.append(good)
        if good:
            seen.add(counter)
            top = max(top, counter)
    return verdicts


NUMBERS = st.one_of(st.integers(0, 40), st.integers(0, 3 * WINDOW), st.integers(REJECT_AFTER_MESSAGES - 9, (1 << 64) - 1))
STARTS, COUNTS, STEPS = st.integers(0, 20000), st.integers(1, 300), st.integers(1, 90)
RUNS = st.builds(lambda first, n, step: list(range(first, first + n * step, step)), STARTS, COUNTS, STEPS)


@given(st.lists(st.one_of(st.lists(NUMBERS, min_size=1, max_size=30), RUNS), min_size=1, max_size=8))
def test_numbers_are_accepted_once(vectors: list[list[int]]) -> None:
    window = CounterWindow()
    found = [window.accept(np.array(vector, np.uint64)).tolist() for vector in vectors]
    wanted = scalar_window([number for vector in vectors for number in vector])
    assert [verdict for vector in found for verdict in vector] == wanted


def test_replayed_data_does_not_come_in() -> None:
    duet = Duet()
    duet.initiate()
    messages = [duet.peer.seal(from_remote(4, 44)) for _ in range(20)]
    rng = random.Random(1)
    mixed = [rng.choice(messages) for _ in range(60)]
    assert len(duet.delivers(*mixed)) == len(set(mixed))
    assert len(duet.delivers(*messages)) == 20 - len(set(mixed))
    assert duet.delivers(*messages) == []
    # As in VPP no error is counted.
    assert duet.gateway.counted() == {}
    duet.peer.sent += WINDOW + 100
    late = duet.peer.seal(from_remote(4, 44), 30)
    assert len(duet.delivers(duet.peer.seal(from_remote(4, 44)), late)) == 1


# Allowed IPs.


def scalar_allowed(prefixes: list[Prefix], version: int, address: int) -> bool:
    """Whether an address is covered, as VPP compares: an IPv4 prefix looks at the last 32 bits of whatever there is."""
    for prefix in prefixes:
        bits = 32 if prefix.protocol is Protocol.IP4 else 128
        part = address & (1 << bits) - 1
        if part >> bits - prefix.length == prefix.address >> bits - prefix.length:
            return True
    return False


@given(st.data())
def test_allowed_addresses(data: st.DataObject) -> None:
    prefixes = []
    for version in data.draw(st.lists(st.sampled_from((4, 6)), min_size=1, max_size=5)):
        bits, protocol = (32, Protocol.IP4) if version == 4 else (128, Protocol.IP6)
        length = data.draw(st.integers(0, bits))
        address = data.draw(st.integers(0, (1 << bits) - 1)) >> bits - length << bits - length
        prefixes.append(Prefix(protocol, address, length))
    allowed = AllowedIps(prefixes)
    near = [prefix.address ^ data.draw(st.integers(0, 5)) << data.draw(st.integers(0, 20)) for prefix in prefixes]
    addresses = [*near, *data.draw(st.lists(st.integers(0, (1 << 128) - 1), max_size=5))]
    wanted = [scalar_allowed(prefixes, 6, address) for address in addresses]
    assert [allowed.covers(address) for address in addresses] == wanted
    high = np.array([address >> 64 for address in addresses], np.uint64)
    low = np.array([address & (1 << 64) - 1 for address in addresses], np.uint64)
    assert allowed.covers_each(high, low).tolist() == wanted


# Cookies.


@given(st.binary(min_size=32, max_size=32), st.binary(min_size=16, max_size=16))
def test_hchacha20(key: bytes, nonce: bytes) -> None:
    assert cookie._hchacha20(key, nonce) == hchacha20(key, nonce)


def test_hchacha20_of_the_draft() -> None:
    """draft-irtf-cfrg-xchacha-03, 2.2.1."""
    found = cookie._hchacha20(bytes(range(32)), bytes.fromhex("000000090000004a0000000031415927"))
    assert found.hex() == "82413b4227b27bfed30e42508a877d73a0f9e4d58a74a853c12ec41326d3ecdc"


def test_under_load_others_must_show_where_they_are() -> None:
    duet = Duet()
    gateway = duet.gateway
    # Messages with a good first MAC, of which a peer would never send so many.
    flood = [duet.peer.initiation(duet.tai64n()) for _ in range(39)]
    assert len(duet.exchange(*flood)) == 1
    wanted = duet.peer.initiation(duet.tai64n())
    (reply,) = duet.exchange(wanted)
    assert len(reply) == 64
    duet.peer.take_cookie(reply)
    assert duet.peer.cookie
    (response,) = duet.exchange(duet.peer.initiation(duet.tai64n()))
    duet.peer.finish(response)
    # The cookie is good for one place only.
    gateway.add_neighbor("10.0.1.77", 1)
    (reply,) = duet.exchange(duet.peer.initiation(duet.tai64n()), src="10.0.1.77")
    assert len(reply) == 64
    # From there too many is too many.
    many = [duet.peer.initiation(duet.tai64n()) for _ in range(9)]
    assert len(duet.exchange(*many)) == 4
    assert gateway.counted()["wg4-input Handshake ratelimited"] == 5
    # After a while nobody is asked any more.
    gateway.pass_time(3)
    duet.peer.cookie = b""
    assert len(duet.exchange(duet.peer.initiation(duet.tai64n()))[0]) == RESPONSE


def test_responses_under_load_get_cookies_too() -> None:
    duet = Duet()
    (packet,) = duet.gateway.pass_time(0.3)
    response = duet.peer.answer(duet.unwrap(packet))
    junk = [duet.peer.with_macs(b"\5\0\0\0" + bytes([each]) * 56) for each in range(60)]
    assert duet.exchange(*junk) == []
    (reply,) = duet.exchange(response)
    duet.peer.last_mac1 = response[60:76]
    duet.peer.take_cookie(reply)
    assert len(duet.exchange(duet.peer.with_macs(response[:60]))) == 1
    assert duet.gateway.peer.established


def test_we_show_where_we_are() -> None:
    duet = Duet()
    (first,) = duet.gateway.pass_time(0.5)
    message = duet.unwrap(first)
    reply = duet.peer.cookie_for(message)
    assert duet.exchange(reply[:20]) == duet.exchange(reply[:-1] + bytes((reply[-1] ^ 1,))) == []
    assert duet.gateway.counted() == {"wg4-input Peer error": 1, "wg4-input Failed during Cookie decryption": 1}
    assert duet.exchange(reply) == []
    # It is for one message, and counts once.
    assert duet.exchange(reply) == []
    assert duet.gateway.counted()["wg4-input Failed during Cookie decryption"] == 2
    (second,) = duet.gateway.pass_time(6)
    message = duet.unwrap(second)
    assert message[-16:] == mac(duet.peer.given, message[:-16])
    # Cookies grow old.
    duet.gateway.pass_time(120)
    (last,) = duet.gateway.goes_out(from_inside(4))
    assert duet.unwrap(last)[-16:] == bytes(16)


@given(st.binary(max_size=100), st.integers(0, (1 << 128) - 1), st.integers(0, 65535))
def test_cookies_both_ways(body: bytes, address: int, port: int) -> None:
    public = bytes(range(32))
    maker, checker = CookieMaker(public), CookieChecker(public)
    here = Source(Protocol.IP6, address, port)
    message = maker.with_macs(body, 10.0)
    assert checker.check(message, here, 10.0, busy=False) is MacState.NO_COOKIE
    assert checker.check(message, here, 10.0, busy=True) is MacState.NO_COOKIE
    assert maker.accept(checker.reply(message, here, 1, 10.0), 10.0)
    again = maker.with_macs(body, 11.0)
    assert checker.check(again, here, 11.0, busy=True) is MacState.COOKIE
    assert checker.check(again, Source(Protocol.IP6, address ^ 1, port), 11.0, busy=True) is MacState.NO_COOKIE
    assert checker.check(again, Source(Protocol.IP6, address, port ^ 1), 11.0, busy=True) is MacState.NO_COOKIE
    assert checker.check(again[:-17] + bytes((again[-17] ^ 1,)) + again[-16:], here, 11.0, busy=True) is MacState.INVALID
    assert checker.check(maker.with_macs(body, 126.0), here, 126.0, busy=True) is MacState.NO_COOKIE


def test_the_rate_of_an_address() -> None:
    limit = RateLimit()
    assert [limit.allow(1, 5.0) for _ in range(7)] == [True] * 5 + [False] * 2
    assert limit.allow(2, 5.0)
    assert [limit.allow(1, 5.06), limit.allow(1, 5.06)] == [True, False]
    assert [limit.allow(1, 9.0) for _ in range(6)] == [True] * 5 + [False]
