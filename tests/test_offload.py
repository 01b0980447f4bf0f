"""What the host leaves undone is finished as hardware would: compared packet by packet with a few lines of plain Python."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Dot1Q, Ether
from scapy.packet import Packet, Raw

from vppsh.engine.buffer_data import make_packet
from vppsh.engine.buffers import BufferPool
from vppsh.engine.frame import Frame
from vppsh.engine.offload import NEEDS_CHECKSUM, TCP4, TCP6, VNET_HEADER, finish

# Addresses are given, or scapy would ask the network for them.
ETHERNET = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
LINKS = st.sampled_from([ETHERNET, ETHERNET / Dot1Q(vlan=7), ETHERNET / Dot1Q(vlan=7) / Dot1Q(vlan=8), None])
NETWORKS = st.sampled_from([IP(src="10.0.0.1", dst="10.0.0.2", id=0xFFFE), IPv6(src="2001:db8::1", dst="2001:db8::2")])


def unfinished(layers: Packet, *, gso: int = 0) -> tuple[bytes, np.void]:
    """The bytes of a packet whose checksum is that of the pseudo header only, and its virtio-net header."""
    built = layers.__class__(bytes(layers))
    transport = built[TCP] if TCP in built else built[UDP]
    at = 16 if TCP in built else 6
    start = len(built) - len(transport)
    whole = bytearray(bytes(built))
    summed = bytes(transport)[:at] + b"\0\0" + bytes(transport)[at + 2 :]
    # The field holds the sum without the transport's own bytes: what completes to the right checksum.
    right = int.from_bytes(bytes(transport)[at : at + 2], "big")
    partial = (0xFFFF - right - ones_complement(summed)) % 0xFFFF
    whole[start + at : start + at + 2] = partial.to_bytes(2, "big")
    header = np.zeros(1, VNET_HEADER)[0]
    header["flags"], header["csum_start"], header["csum_offset"] = NEEDS_CHECKSUM, start, at
    if gso:
        header["gso_type"], header["gso_size"] = (TCP4 if IP in built else TCP6), gso
    return bytes(whole), header


def ones_complement(data: bytes) -> int:
    data += b"\0" * (len(data) % 2)
    return sum(int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2)) % 0xFFFF


def run(packets: list[tuple[bytes, np.void]], *, ethernet: bool) -> tuple[list[bytes], list[int], list[bool]]:
    """The packets after finishing, which of the old ones each is of, and which were bad."""
    buffers = BufferPool(512)
    rows = np.array([make_packet(buffers, data) for data, _ in packets], np.int32)
    bad = np.zeros(len(packets), bool)
    frame, kept = finish(buffers, Frame(rows, len(rows)), np.array([header for _, header in packets], VNET_HEADER), bad, ethernet=ethernet)
    return [buffers.packet(int(index)) for index in frame.indices(buffers)], kept.tolist(), bad.tolist()


@given(LINKS, NETWORKS, st.sampled_from([TCP(flags="PA"), UDP()]), st.lists(st.integers(0, 3000), min_size=1, max_size=7))
def test_checksums_are_completed(link: Packet | None, network: Packet, transport: Packet, sizes: list[int]) -> None:
    layers = [network / transport / Raw((bytes(range(1, 256)) * 12)[:size]) for size in sizes]
    whole = [each if link is None else link / each for each in layers]
    finished, kept, bad = run([unfinished(each) for each in whole], ethernet=link is not None)
    assert finished == [bytes(each) for each in whole]
    assert kept == list(range(len(sizes)))
    assert not any(bad)


@given(LINKS, NETWORKS, st.integers(1, 5000), st.integers(100, 1460), st.sampled_from(["A", "PA", "FPA", "ACE"]))
def test_long_segments_are_cut_up(link: Packet | None, network: Packet, length: int, size: int, flags: str) -> None:
    payload = (bytes(range(256)) * 20)[:length]
    start = 0xFFFF_FF00
    segment = network / TCP(seq=start, flags=flags, options=[("NOP", None), ("NOP", None), ("Timestamp", (1, 2))]) / Raw(payload)
    finished, kept, bad = run([unfinished(segment if link is None else link / segment, gso=size)], ethernet=link is not None)
    pieces = [payload[at : at + size] for at in range(0, length, size)]
    assert kept == [0] * len(pieces)
    assert bad == [False]
    for number, (packet, piece) in enumerate(zip(finished, pieces, strict=True)):
        wanted = (network / TCP(bytes(segment[TCP])[:32]) / Raw(piece)).copy()
        last = number == len(pieces) - 1
        wanted[TCP].seq = (start + number * size) & 0xFFFF_FFFF
        wanted[TCP].flags = "".join(flag for flag in flags if (last or flag not in "FP") and (not number or flag != "C"))
        if IP in wanted:
            wanted[IP].id = (0xFFFE + number) & 0xFFFF
        del wanted[TCP].chksum
        assert packet == bytes(wanted if link is None else link / wanted)


@pytest.mark.parametrize(
    "change",
    [{"gso_size": 0}, {"csum_start": 0}, {"csum_start": 60000}, {"gso_type": 3}, {"gso_type": 5}, {"gso_size": 60000}],
)
def test_what_makes_no_sense_is_marked(change: dict[str, int]) -> None:
    good = unfinished(ETHERNET / IP(src="10.0.0.1", dst="10.0.0.2") / TCP() / Raw(bytes(3000)), gso=1000)
    data, header = unfinished(ETHERNET / IP(src="10.0.0.1", dst="10.0.0.2") / TCP() / Raw(bytes(3000)), gso=1000)
    for name, value in change.items():
        header[name] = value
    finished, kept, bad = run([good, (data, header), good], ethernet=True)
    assert bad == [False, True, False]
    assert kept == [0, 0, 0, 2, 2, 2]
    assert len(finished) == 6


@pytest.mark.parametrize(("start", "offset"), [(5000, 0), (30, 60000), (65535, 65535)])
def test_a_checksum_that_lies_outside_changes_nothing(start: int, offset: int) -> None:
    data, header = unfinished(ETHERNET / IP(src="10.0.0.1", dst="10.0.0.2") / UDP() / Raw(b"x" * 50))
    header["csum_start"], header["csum_offset"] = start, offset
    finished, _, bad = run([(data, header)], ethernet=True)
    assert bad == [False]
    assert finished == [data]
