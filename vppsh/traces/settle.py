"""Payloads for rebuilt packets: a trace prints checksums but no payload, and a receiver that checks would drop zeros.

One word of the payload is chosen so that the printed checksum is right (RFC 1071); all else stays zero.
"""

from __future__ import annotations

ICMP, TCP, UDP, ICMP6 = 1, 6, 17, 58
# Protocol: where the checksum is, how long the header is at least, whether the IP addresses count too.
CHECKED = {ICMP: (2, 8, False), TCP: (16, 20, True), UDP: (6, 8, True), ICMP6: (2, 8, True)}


def settled(packet: bytes, ip: int) -> bytes:
    """A packet whose IP header is at `ip`, with a payload that its transport checksum fits; as it is, where that cannot be."""
    data = bytearray(packet)
    place = _transport(data, ip)
    if place is None:
        return packet
    protocol, start, end = place
    if protocol not in CHECKED:
        return packet
    at, header, pseudo = CHECKED[protocol]
    if protocol == TCP and end - start >= header:
        header = (data[start + 12] >> 4) * 4
    word = start + header + (start + header - start) % 2
    if end - start < header + 2 or word + 2 > end or not any(data[start + at : start + at + 2]):
        return packet
    total = _sum(data[start:end])
    if pseudo:
        addresses = data[ip + 12 : ip + 20] if data[ip] >> 4 == 4 else data[ip + 8 : ip + 40]
        total += _sum(addresses) + protocol + end - start
    missing = 0xFFFF - _folded(total)
    data[word : word + 2] = _folded(missing + int.from_bytes(data[word : word + 2], "big")).to_bytes(2, "big")
    return bytes(data)


def _transport(data: bytearray, ip: int) -> tuple[int, int, int] | None:
    """Protocol, begin and end of what an IP header carries; None for fragments and what is too short."""
    if len(data) >= ip + 20 and data[ip] >> 4 == 4:
        start, end = ip + (data[ip] & 15) * 4, ip + int.from_bytes(data[ip + 2 : ip + 4], "big")
        fragment = int.from_bytes(data[ip + 6 : ip + 8], "big") & 0x3FFF
        return (data[ip + 9], start, end) if not fragment and end <= len(data) else None
    if len(data) >= ip + 40 and data[ip] >> 4 == 6:
        start, end = ip + 40, ip + 40 + int.from_bytes(data[ip + 4 : ip + 6], "big")
        return (data[ip + 6], start, end) if end <= len(data) else None
    return None


def _sum(data: bytes | bytearray) -> int:
    padded = bytes(data) + bytes(len(data) % 2)
    return sum(int.from_bytes(padded[at : at + 2], "big") for at in range(0, len(padded), 2))


def _folded(total: int) -> int:
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total
