"""Reassembly of IPv4 and IPv6 fragments: whatever the order, the packet comes back or nothing does."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.packets import ip4_packet, ip6_packet, ones_complement
from tests.routers import Router, number
from vppsh.engine.features.ip4.full_reassembly import Ip4Reassemblies
from vppsh.engine.features.ip6.full_reassembly import Ip6Reassemblies
from vppsh.engine.reassembly.assembly import Assembly, Piece
from vppsh.engine.reassembly.table import Limits

SRC6, DST6 = number("2001:db8::2"), number("2001:db8:1::2")
MANY = Limits(fragments=1000)
FEATURES = {4: ("ip4-unicast", "ip4-full-reassembly-feature"), 6: ("ip6-unicast", "ip6-full-reassembly-feature")}


def fragment4(payload: bytes, first: int, last: int, *, identifier: int = 7, pad: int = 0, options: bytes = b"") -> bytes:
    """Octets `first` to `last` of a payload, as a fragment in an Ethernet frame that may be longer."""
    more = 0x2000 if last < len(payload) - 1 else 0
    piece = payload[first : last + 1]
    return ip4_packet(identifier=identifier, flags_and_offset=more | first // 8, payload=piece, options=options) + bytes(pad)


def fragment6(payload: bytes, first: int, last: int, *, identifier: int = 7, extension: bytes = b"") -> bytes:
    more = int(last < len(payload) - 1)
    header = bytes((17, 0)) + (first | more).to_bytes(2, "big") + identifier.to_bytes(4, "big")
    protocol = 60 if extension else 44
    return ip6_packet(SRC6, DST6, payload=extension + header + payload[first : last + 1], protocol=protocol)


def router(version: int, limits: Limits = MANY) -> Router:
    """One that puts together what comes in on if0."""
    made = Router(ip6=version == 6)
    made.engine.get(Ip4Reassemblies).limits = made.engine.get(Ip6Reassemblies).limits = limits
    made.engine.arcs.enable(*FEATURES[version], made.interfaces[0].sw_if_index)
    return made


def free_buffers(made: Router) -> int:
    return made.engine.buffers.count - made.engine.buffers.free


@st.composite
def cuts(draw: st.DrawFn, longest: int = 400) -> list[tuple[int, int]]:
    """Ranges of octets that together are a whole payload, in any order; all but the last of whole units of eight."""
    # ip4-input refuses what begins behind the first eight octets (RFC 1858).
    units = draw(st.lists(st.integers(2, longest // 8), min_size=1, max_size=6))
    ranges, at = [], 0
    for unit in units:
        ranges.append((at, at + 8 * unit - 1))
        at += 8 * unit
    ranges.append((at, at + draw(st.integers(0, 20))))
    return draw(st.permutations(ranges))


@settings(max_examples=40)
@given(ranges=cuts(), pad=st.sampled_from((0, 6)), twice=st.booleans())
@pytest.mark.parametrize("version", [4, 6])
def test_fragments_in_any_order_are_the_packet_again(version: int, ranges: list[tuple[int, int]], pad: int, twice: bool) -> None:
    made = router(version)
    payload = random.Random(len(ranges)).randbytes(max(last for _, last in ranges) + 1)
    sent = [fragment4(payload, *each, pad=pad) if version == 4 else fragment6(payload, *each) for each in ranges]
    # A copy of the first one to arrive is of no use, but does no harm either.
    sent[1:1] = sent[:1] * twice
    left = made.send(f"ip{version}-input", *sent)
    if version == 4:
        expected = ip4_packet(identifier=7, ttl=63, payload=payload)
        assert made.count("ip4-full-reassembly-feature", "reass_duplicate_fragment") == twice
    else:
        expected = ip6_packet(SRC6, DST6, payload=payload, hop_limit=63)
    assert left == [expected]
    assert free_buffers(made) == 0


@settings(max_examples=60)
@given(units=st.integers(2, 20), data=st.data())
def test_overlapping_ip4_fragments_of_one_packet_are_the_packet(units: int, data: st.DataObject) -> None:
    payload = random.Random(units).randbytes(8 * units)
    made = router(4)
    starts = data.draw(st.lists(st.integers(0, units - 1), max_size=5))
    ranges = [(start, data.draw(st.integers(start + 1, units))) for start in starts]
    ranges = [(start, stop) for start, stop in ranges if stop - start < units]
    have = {unit for start, stop in ranges for unit in range(start, stop)}
    ranges += [(unit, unit + 1) for unit in range(units) if unit not in have]
    left = made.send("ip4-full-reassembly", *(fragment4(payload, 8 * start, 8 * stop - 1) for start, stop in ranges))
    assert left
    assert set(left) == {ip4_packet(identifier=7, ttl=63, payload=payload)}
    made.engine.run_for(1.0)
    assert free_buffers(made) == 0


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(1, 20)), max_size=12))
def test_ranges_stay_in_order_and_apart(fragments: list[tuple[int, int]]) -> None:
    assembly = Assembly(0, 0, 0, 0.0)
    discarded: list[Piece] = []
    octets: set[int] = set()
    for index, (start, units) in enumerate(fragments):
        piece = Piece(index, 20, 8 * start, 8 * (start + units) - 1)
        octets.update(range(piece.first, piece.last + 1))
        used = assembly.insert(piece, lambda action, piece: None, discarded.append)
        assert used == (piece in assembly.pieces)
        covered = [octet for each in assembly.pieces for octet in range(each.range_first, each.range_last + 1)]
        assert covered == sorted(octets)
        assert assembly.data_length == len(octets)
        for each in assembly.pieces:
            assert each.first <= each.range_first <= each.range_last <= each.last
    assert not {id(piece) for piece in discarded} & {id(piece) for piece in assembly.pieces}


@settings(max_examples=50)
@given(data=st.data(), waiting=st.booleans(), limits=st.sampled_from((MANY, MANY, Limits(assemblies=1), Limits(assemblies=2))))
def test_a_frame_gives_what_its_fragments_give_one_by_one(data: st.DataObject, waiting: bool, limits: Limits) -> None:
    """Pairs of fragments in one frame are joined together; nobody may notice."""
    sent = []
    for identifier in range(data.draw(st.integers(1, 8))):
        size = data.draw(st.sampled_from((24, 100, 1500, 3000)))
        payload = random.Random(identifier).randbytes(size)
        cut = 8 * data.draw(st.integers(1, (size - 1) // 8))
        pieces = [(0, cut - 1), (cut, size - 1)]
        if data.draw(st.booleans()) and cut > 8:
            pieces[:1] = [(0, 7), (8, cut - 1)]
        options = data.draw(st.sampled_from((b"", b"", bytes(4))))
        sent += [fragment4(payload, *each, identifier=identifier, options=options) for each in pieces if each[1] - each[0] < 1900]
        sent += data.draw(st.sampled_from((0, 0, 0, 1))) * sent[-1:]
    sent = data.draw(st.permutations(sent))
    together, apart = router(4, limits), router(4, limits)
    early = fragment4(bytes(100), 48, 99, identifier=0)
    results = []
    for made, frames in ((together, [sent]), (apart, [[packet] for packet in sent])):
        if waiting:
            made.send("ip4-full-reassembly", early)
        before = made.engine.graph["ip4-input"].vectors
        left = [packet for frame in frames for packet in made.send("ip4-full-reassembly", *frame)]
        names = ("reass_success", "reass_fragments_reassembled", "reass_fragments_rcvd", "reass_limit_reached")
        counted = [made.count("ip4-full-reassembly", name) for name in names]
        results.append((sorted(left), made.engine.graph["ip4-input"].vectors - before, counted, free_buffers(made)))
    assert results[0] == results[1]
    assert len(together.engine.get(Ip4Reassemblies)) == len(apart.engine.get(Ip4Reassemblies))


def test_more_pairs_one_after_the_other_than_packets_at_once() -> None:
    payload = random.Random(2).randbytes(64)
    pairs = [[fragment4(payload, first, first + 31, identifier=each) for first in (0, 32)] for each in range(6)]
    made = router(4, Limits(assemblies=1))
    assert len(made.send("ip4-input", *(fragment for pair in pairs for fragment in pair))) == 6
    assert made.count("ip4-full-reassembly-feature", "reass_limit_reached") == 0
    # All begun before one is complete: only the first has room, and behind it the second half of the second one.
    made = router(4, Limits(assemblies=1))
    made.send("ip4-input", *(pair[0] for pair in pairs), *(pair[1] for pair in pairs))
    assert made.count("ip4-full-reassembly-feature", "reass_limit_reached") == 5 + 4
    assert free_buffers(made) == 1


def test_packets_of_several_buffers() -> None:
    made = router(4)
    payload = random.Random(1).randbytes(7200)
    sent = [fragment4(payload, first, first + 2399) for first in (4800, 0, 2400)]
    assert made.send("ip4-input", *sent) == [ip4_packet(identifier=7, ttl=63, payload=payload)]
    assert free_buffers(made) == 0


def test_the_header_is_that_of_the_first_fragment() -> None:
    made = router(4)
    payload = bytes(range(64))
    sent = [fragment4(payload, 32, 63), ip4_packet(identifier=7, flags_and_offset=0x2000, payload=payload[:32], tos=0x28, ttl=9)]
    (left,) = made.send("ip4-input", *sent)
    assert (left[1], left[8], left[20:]) == (0x28, 8, payload)
    assert ones_complement(left[:20]) == 0


def test_other_packets_pass_without_a_step_of_their_own() -> None:
    made = router(4)
    whole = [ip4_packet(identifier=number_) for number_ in range(300)]
    mixed = [*whole[:100], fragment4(bytes(24), 16, 23, identifier=999), *whole[100:], fragment4(bytes(24), 0, 15, identifier=999)]
    left = made.send("ip4-input", *mixed)
    assert [int.from_bytes(packet[4:6], "big") for packet in left] == [*range(300), 999]


@pytest.mark.parametrize("version", [4, 6])
def test_only_so_many_fragments_and_packets(version: int) -> None:
    made = router(version, Limits(assemblies=2))
    payload = bytes(8 * 10)
    node = f"ip{version}-full-reassembly-feature"
    make = fragment4 if version == 4 else fragment6
    # VPP counts an IPv6 packet's first fragment twice.
    allowed = 3 if version == 4 else 2
    sent = [make(payload, 16 * place, 16 * place + 7) for place in range(allowed)]
    assert made.send(f"ip{version}-input", *sent) == []
    assert made.count(node, "reass_fragment_chain_too_long") == 0
    made.send(f"ip{version}-input", make(payload, 64, 71))
    assert made.count(node, "reass_fragment_chain_too_long") == 1
    assert free_buffers(made) == 0
    made.send(f"ip{version}-input", *(make(payload, 0, 7, identifier=each) for each in range(3)))
    assert made.count(node, "reass_limit_reached") == 1
    assert free_buffers(made) == 2


@pytest.mark.parametrize(
    ("first", "length", "more"),
    [(0, 0, True), (0, 4, True), (0xFFF8, 8, False), (0xFF00, 400, True)],
)
def test_malformed_ip4_fragments(first: int, length: int, more: bool) -> None:
    made = router(4)
    packet = ip4_packet(flags_and_offset=0x2000 * more | first // 8, payload=bytes(length))
    assert made.send("ip4-input", packet) == []
    assert made.count("ip4-full-reassembly-feature", "reass_malformed_packet") == 1
    assert free_buffers(made) == 0


def test_ip4_waits_only_so_long() -> None:
    made = router(4)
    payload = bytes(24)
    made.send("ip4-input", fragment4(payload, 0, 15))
    made.clock.sleep(0.19)
    assert made.send("ip4-input", fragment4(payload, 0, 15, identifier=8)) == []
    made.engine.run_for(0.08)
    assert made.count("ip4-full-reassembly-expire-walk", "reass_timeout") == 1
    assert len(made.send("ip4-input", fragment4(payload, 16, 23, identifier=8))) == 1
    assert made.send("ip4-input", fragment4(payload, 16, 23)) == []


def test_fragments_of_different_tables_sources_and_protocols_do_not_meet() -> None:
    made = router(4)
    payload = bytes(16)
    others = [
        ip4_packet(src=0x0A000003, identifier=7, flags_and_offset=1, payload=payload[8:]),
        ip4_packet(dst=0x0A000103, identifier=7, flags_and_offset=1, payload=payload[8:]),
        ip4_packet(protocol=6, identifier=7, flags_and_offset=1, payload=payload[8:]),
    ]
    made.send("ip4-local-full-reassembly", fragment4(payload, 0, 7), *others)
    assert len(made.engine.get(Ip4Reassemblies)) == 4


# IPv6 only.


def test_overlapping_ip6_fragments_are_refused_with_the_packet() -> None:
    made = router(6)
    payload = bytes(48)
    sent = [fragment6(payload, 0, 23), fragment6(payload, 16, 39), fragment6(payload, 24, 47)]
    assert made.send("ip6-input", *sent) == []
    assert made.count("ip6-full-reassembly-feature", "reass_overlapping_fragment") == 1
    assert free_buffers(made) == 1


def test_a_packet_of_one_fragment_is_whole_at_once() -> None:
    made = router(6)
    payload = bytes(range(48))
    first = fragment6(payload, 0, 23)
    atomic = fragment6(payload, 0, 47)
    assert made.send("ip6-input", first, atomic) == [ip6_packet(SRC6, DST6, payload=payload, hop_limit=63)]
    assert len(made.engine.get(Ip6Reassemblies)) == 1


def test_headers_in_front_of_the_fragment_header_stay() -> None:
    made = router(6)
    payload = bytes(range(48))
    extension = bytes((44, 0, 1, 4, 0, 0, 0, 0))
    sent = [fragment6(payload, 24, 47, extension=extension), fragment6(payload, 0, 23, extension=extension)]
    expected = ip6_packet(SRC6, DST6, payload=bytes((17,)) + extension[1:] + payload, hop_limit=63, protocol=60)
    assert made.send("ip6-input", *sent) == [expected]


def test_the_sender_of_the_first_fragment_is_told_that_the_rest_is_missing() -> None:
    from scapy.layers.inet6 import ICMPv6TimeExceeded, IPv6

    made = router(6)
    made.send("ip6-input", fragment6(bytes(48), 0, 23), fragment6(bytes(48), 24, 47, identifier=8))
    made.clock.sleep(0.3)
    made.settle()
    assert made.count("ip6-full-reassembly-expire-walk", "reass_timeout") == 4
    (data,) = (packet[14:] for _, packet in made.left)
    told = IPv6(data)
    assert (told.src, told.dst) == ("2001:db8::1", "2001:db8::2")
    message = told[ICMPv6TimeExceeded]
    assert message.code == 1
    assert bytes(message.payload) == fragment6(bytes(48), 0, 23)
    assert ones_complement(data[8:40] + len(data[40:]).to_bytes(4, "big") + bytes((0, 0, 0, 58)) + data[40:]) == 0
    assert free_buffers(made) == 0


def test_ip6_fragments_to_us() -> None:
    from scapy.layers.inet6 import ICMPv6EchoReply, ICMPv6EchoRequest, IPv6, IPv6ExtHdrFragment
    from scapy.layers.inet6 import fragment6 as cut

    made = Router(ip6=True)
    request = IPv6(src="2001:db8::2", dst="2001:db8::1") / IPv6ExtHdrFragment(id=9) / ICMPv6EchoRequest(id=3, seq=4, data=bytes(1500))
    (reply,) = made.send("ip6-input", *(bytes(piece) for piece in cut(request, 1280)))
    assert IPv6(reply)[ICMPv6EchoReply].data == bytes(1500)
