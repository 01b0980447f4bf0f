"""What a peer may say that has proved who it is, and what anybody may say before that: answered or not, but never a fault."""

from __future__ import annotations

import struct

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.ikev2_sites import SECRET, Site
from tests.test_ikev2_peer import PlainPeer, ask, chain, listening, proposal, transform
from vppsh.engine.ipsec.sa import Sas

KINDS = (33, 34, 35, 36, 39, 40, 41, 42, 43, 44, 45, 46, 48, 200)
POINT = bytes.fromhex(
    "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c2964fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"
)
transforms = st.builds(
    transform, st.integers(0, 6), st.sampled_from((0, 1, 2, 5, 11, 12, 13, 14, 19, 20, 28)), st.sampled_from((0, 128, 256, 65535))
)
ESP_GOOD = [transform(1, 20, 256), transform(5, 0)]
IKE_GOOD = [transform(1, 20, 256), transform(2, 5), transform(4, 19)]
sa_bodies = st.builds(
    lambda protocol, spi, listed: proposal(protocol, spi, *listed),
    st.sampled_from((0, 1, 2, 3, 9)), st.sampled_from((b"", b"\0\0\0\0", b"\0\0\1\2", bytes(8), b"newspi12")),
    st.one_of(st.just(ESP_GOOD), st.just(IKE_GOOD), st.lists(transforms, max_size=5)),
)  # fmt: skip
ke_bodies = st.builds(
    lambda group, data: struct.pack(">HH", group, 0) + data,
    st.sampled_from((0, 5, 14, 19)), st.one_of(st.binary(max_size=70), st.sampled_from((bytes(64), bytes(256), b"\xff" * 64, POINT))),
)  # fmt: skip
notify_bodies = st.builds(
    lambda protocol, kind, spi, data: struct.pack(">BBH", protocol, len(spi), kind) + spi + data,
    st.integers(0, 4), st.sampled_from((0, 1, 7, 14, 24, 16384, 16388, 16390, 16393, 40000)),
    st.sampled_from((b"", b"\1\2\3\4", b"\1\2", bytes(8))), st.binary(max_size=24),
)  # fmt: skip
delete_bodies = st.builds(
    lambda protocol, size, spis: struct.pack(">BBH", protocol, size, len(spis)) + b"".join(spis),
    st.integers(0, 4), st.sampled_from((0, 4, 8)), st.lists(st.sampled_from((b"\1\2\3\4", b"\0\0\0\0")), max_size=3),
)  # fmt: skip
ts_bodies = st.builds(
    lambda count, ends: struct.pack(">B3xBBHHH", count, 7, 0, 16, 0, 65535) + ends,
    st.integers(0, 2), st.sampled_from((bytes((10, 0, 0, 0, 10, 0, 0, 255)), bytes((10, 2, 0, 0, 10, 2, 0, 255)), bytes(7))),
)  # fmt: skip
payloads = st.one_of(
    st.tuples(st.just(33), sa_bodies), st.tuples(st.just(34), ke_bodies), st.tuples(st.just(40), st.binary(max_size=40)),
    st.tuples(st.just(40), st.just(bytes(32))), st.tuples(st.just(41), notify_bodies), st.tuples(st.just(42), delete_bodies),
    st.tuples(st.sampled_from((44, 45)), ts_bodies), st.tuples(st.sampled_from(KINDS), st.binary(max_size=30)),
)  # fmt: skip
messages = st.lists(
    st.tuples(st.sampled_from((34, 35, 36, 37, 99)), st.sampled_from((8, 0x28, 0, 0x20)), st.lists(payloads, max_size=7)), max_size=4
)
quick = settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])


def talked_to() -> tuple[Site, PlainPeer]:
    """A site with an IKE SA and a child SA, and the peer who knows its keys."""
    there, peer = listening(), PlainPeer()
    peer.derive(ask(there, peer.init)[0])
    ask(there, peer.auth(SECRET.encode()))
    assert there.ike.state.value == "AUTHENTICATED"
    return there, peer


def check(there: Site) -> None:
    """Nothing lost, nothing doubled, and everything can be shown."""
    engine = there.engine
    assert engine.buffers.free == engine.buffers.count
    children = [child for sa in there.sas for child in sa.children]
    wanted = {number for child in children for number in (child.local_sa_id, child.remote_sa_id, child.old_remote_id) if number}
    assert {sa.id for sa in engine.get(Sas)} <= wanted
    there("show ikev2 sa details")
    there("show ipsec all")


@quick
@given(messages)
def test_what_a_peer_may_say(said: list[tuple[int, int, list[tuple[int, bytes]]]]) -> None:
    there, peer = talked_to()
    for number, (exchange, flags, bodies) in enumerate(said, 2):
        data = chain(*bodies) if bodies else b""
        ask(there, peer.seal(exchange, number, bodies[0][0] if bodies else 0, data, flags))
        check(there)
    there.engine.run_for(40)
    check(there)


@quick
@given(messages)
def test_what_anybody_may_say(said: list[tuple[int, int, list[tuple[int, bytes]]]]) -> None:
    """The same without keys: nothing comes of it but half-open associations."""
    there = listening()
    for number, (exchange, flags, bodies) in enumerate(said):
        data = chain(*bodies) if bodies else b""
        first = bodies[0][0] if bodies else 0
        ask(there, bytes(range(8)) + bytes(8) + struct.pack(">BBBBII", first, 0x20, exchange, flags, number, 28 + len(data)) + data)
        assert list(there.engine.get(Sas)) == []
        assert all(sa.state.value == "SA_INIT" for sa in there.sas)
        check(there)
    there.engine.run_for(60)
    assert there.sas == []


@quick
@given(st.lists(st.binary(max_size=120), max_size=6), st.booleans())
def test_any_bytes_to_both_ports(datagrams: list[bytes], marked: bool) -> None:
    there = listening()
    for data in datagrams:
        ask(there, bytes(4) + data if marked else data)
    check(there)
    assert there.sas == []


def test_the_generators_reach_what_they_should() -> None:
    """A rekeying and a new IKE SA of the same parts are granted: the fuzz above is not all refusals."""
    there, peer = talked_to()
    ts = [(44, struct.pack(">B3xBBHHH", 1, 7, 0, 16, 0, 65535) + bytes((10, 0, 0, 0, 10, 0, 0, 255))),
          (45, struct.pack(">B3xBBHHH", 1, 7, 0, 16, 0, 65535) + bytes((10, 2, 0, 0, 10, 2, 0, 255)))]  # fmt: skip
    last = [transform(1, 20, 256), transform(5, 0, last=True)]
    rekey = [(41, b"\3\4\x40\x09\1\2\3\4"), (33, proposal(3, b"\0\0\1\2", *last)), (40, bytes(32)), *ts]
    [answer] = ask(there, peer.seal(36, 2, 41, chain(*rekey)))
    assert set(peer.open(answer)) == {33, 40, 44, 45}
    assert there.child.spi_out == 0x102
    old = there.ike
    ike = [transform(1, 20, 256), transform(2, 5), transform(4, 19, last=True)]
    fresh = [(33, proposal(1, b"newspi12", *ike)), (40, bytes(32)), (34, struct.pack(">HH", 19, 0) + POINT)]
    [answer] = ask(there, peer.seal(36, 3, 33, chain(*fresh)))
    assert set(peer.open(answer)) == {33, 34, 40}
    assert len(there.sas) == 2
    assert old.children == []
    new = next(sa for sa in there.sas if sa is not old)
    assert new.ispi == int.from_bytes(b"newspi12", "big")
    assert len(new.children) == 1
    check(there)
    # Without a new SPI there can be none.
    [answer] = ask(there, peer.seal(36, 4, 33, chain((33, proposal(1, bytes(8), *ike)), *fresh[1:])))
    assert peer.open(answer) == {41: struct.pack(">BBH", 0, 0, 7)}
