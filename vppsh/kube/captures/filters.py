"""Which packets a capture takes: the fields that calicovppctl knows, as an expression of pcap-filter(7)."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

from vppsh.errors import UsageError

PROTOCOLS = ("tcp", "udp", "icmp")


@dataclass(frozen=True)
class PacketFilter:
    """Addresses, ports and protocol; None and empty texts fit every packet.

    one_way  only packets from source to destination, not their answers
    """

    source: str = ""
    destination: str = ""
    source_port: int | None = None
    destination_port: int | None = None
    protocol: str = ""
    one_way: bool = False

    def expression(self) -> str:
        """The expression, empty when every packet fits; raises UsageError for what is no address or port."""
        protocol = self._protocol()
        there = _ends(self.source, self.source_port, self.destination, self.destination_port)
        back = _ends(self.destination, self.destination_port, self.source, self.source_port)
        ends = there if self.one_way or there == back else f"(({there}) or ({back}))"
        return " and ".join(part for part in (protocol, ends) if part)

    def _protocol(self) -> str:
        """The protocol; ICMP is another protocol for each version of IP."""
        if self.protocol and self.protocol not in PROTOCOLS:
            raise UsageError(f"protocol {self.protocol!r}: expected one of {', '.join(PROTOCOLS)}")
        if self.protocol != "icmp":
            return self.protocol
        if self.source_port is not None or self.destination_port is not None:
            raise UsageError("ICMP has no ports")
        versions = {_address(text).version for text in (self.source, self.destination) if text}
        if len(versions) == 2:
            raise UsageError(f"{self.source} and {self.destination} are of different versions of IP")
        return "icmp6" if versions == {6} else "icmp" if versions else "(icmp or icmp6)"


def _ends(source: str, source_port: int | None, destination: str, destination_port: int | None) -> str:
    parts = []
    for direction, address, port in (("src", source, source_port), ("dst", destination, destination_port)):
        if address:
            parts.append(f"{direction} host {_address(address)}")
        if port is not None:
            if not 0 < port < 65536:
                raise UsageError(f"port {port} is not between 1 and 65535")
            parts.append(f"{direction} port {port}")
    return " and ".join(parts)


def _address(text: str) -> IPv4Address | IPv6Address:
    try:
        return ip_address(text)
    except ValueError:
        raise UsageError(f"{text!r} is not an address") from None
