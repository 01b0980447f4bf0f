"""Trace texts for tests: packets as VPP prints them, and where recorded ones lie."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from vppsh.traces.model import Packet
from vppsh.traces.text import packets_of

RECORDINGS = Path(__file__).resolve().parent.parent.parent / "shared" / "conformance" / "scenarios"
THREAD = "------------------- Start of thread 0 vpp_main -------------------\n"


def recordings() -> list[Path]:
    """Recorded sessions that have traces in them; none where they do not lie beside the checkout."""
    return [path for path in sorted(RECORDINGS.glob("*/*.txt")) if "\nPacket 1\n" in read(path)]


def read(path: Path) -> str:
    """A file's text with its line breaks as they are."""
    return path.read_bytes().decode(errors="surrogateescape")


def recorded_packets() -> Iterator[Packet]:
    for path in recordings():
        yield from packets_of(read(path), str(path))


def ip4(source: str, destination: str, ports: str = "1234 -> 53", ttl: int = 64, protocol: str = "UDP", ident: int = 0) -> str:
    """The lines of an IPv4 header and of the ports behind it."""
    below = f"  {protocol}: {ports}\n    length 30, checksum 0x782d\n" if ports else ""
    return (
        f"  {protocol}: {source} -> {destination}\n"
        f"    tos 0x00, ttl {ttl}, length 50, checksum 0x66b7 dscp CS0 ecn NON_ECN\n"
        f"    fragment id 0x{ident:04x}\n{below}"
    )


ETHERNET = "  IP4: 02:00:00:00:00:01 -> 02:fe:00:00:00:10\n"


def steps(*nodes: tuple[str, str], start: int = 482907) -> str:
    """Steps with relative stamps, ten microseconds apart."""
    return "".join(
        f"00:00:{(start + 10 * n) // 1000000:02}:{(start + 10 * n) % 1000000:06}: {node}\n{body}" for n, (node, body) in enumerate(nodes)
    )


def forwarded(
    source: str = "10.0.0.2", destination: str = "10.1.0.2", ports: str = "1234 -> 53", start: int = 482907, ident: int = 0
) -> str:
    """The steps of a packet that is forwarded from pg0 to pg1."""
    header = ip4(source, destination, ports, ident=ident)
    return steps(
        ("pg-input", f"  stream s, 64 bytes, sw_if_index 1, next_node ethernet-input\n{ETHERNET}{header}"),
        ("ethernet-input", f"  frame: flags 0x1, hw-if-index 1, sw-if-index 1\n{ETHERNET}"),
        ("ip4-input", header),
        ("ip4-lookup", f"  fib 0 dpo-idx 5 flow hash: 0x00000000\n{header}"),
        (
            "ip4-rewrite",
            "  tx_sw_if_index 2 dpo-idx 5 : ipv4 via 10.1.0.2 pg1: mtu:9000 next:3 flags:[] 02000000000202fe000000110800\n",
        ),
        ("pg1-output", f"  pg1 flags 0x00180001\n{ETHERNET}{header}"),
        ("pg1-tx", f"    buffer 0xfffc0: current data 0, length 64, buffer-pool 0, ref-count 1, trace handle 0x0\n{ETHERNET}{header}"),
        start=start,
    )


def dropped(source: str = "10.0.0.2", destination: str = "192.0.2.1", ports: str = "1234 -> 53", start: int = 482907) -> str:
    """The steps of a packet that has no route."""
    header = ip4(source, destination, ports)
    return steps(
        ("pg-input", f"  stream s, 60 bytes, sw_if_index 1, next_node ip4-input\n{header}"),
        ("ip4-input", header),
        ("ip4-lookup", f"  fib 0 dpo-idx 0 flow hash: 0x00000000\n{header}"),
        ("ip4-drop", f"    fib:0 adj:0 flow:0x00000000\n{header}"),
        ("error-drop", "  rx:pg0\n"),
        ("drop", "  null-node: blackholed packets\n"),
        start=start,
    )


def shown(*packets: str, thread: str = THREAD) -> str:
    """The answer of `show trace` with these packets."""
    return thread + "".join(f"Packet {number}\n\n{text}\n\n".replace("\n\n\n", "\n\n") for number, text in enumerate(packets, 1))


ARP = steps(
    (
        "pg-input",
        (
            "  ARP: 02:00:00:00:00:01 -> ff:ff:ff:ff:ff:ff\n  request, type ethernet/IP4, address size 6/4\n"
            "  02:00:00:00:00:01/10.0.0.2 -> 00:00:00:00:00:00/10.0.0.1\n"
        ),
    ),
    ("arp-reply", ""),
    ("pg0-output", "  pg0 flags 0x1\n"),
    ("pg0-tx", ""),
)
