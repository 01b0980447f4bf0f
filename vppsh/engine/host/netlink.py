"""Links, addresses and routes of the host, set by rtnetlink (RFC 3549; rtnetlink(7)).

Counterpart of vnet/devices/netlink.c, its errors included. Everything happens in the namespace of the calling thread.
"""

from __future__ import annotations

import socket
import struct

from vppsh.errors import CommandError

NEWLINK, GETLINK, SETLINK, NEWADDR, NEWROUTE = 16, 18, 19, 20, 24
REQUEST, ACK, REPLACE, CREATE = 0x1, 0x4, 0x100, 0x400
ERROR = 2
HEADER = struct.Struct("=IHHII")
LINK = struct.Struct("=BxHiII")
ADDRESS = struct.Struct("=BBBBI")
ROUTE = struct.Struct("=BBBBBBBBI")
IFLA_ADDRESS, IFLA_MTU, IFLA_MASTER = 1, 4, 10
IFA_ADDRESS, IFA_LOCAL = 1, 2
RTA_DST, RTA_GATEWAY = 1, 5
IFF_UP = 1
TABLE_MAIN, UNICAST = 254, 1
LONGEST = 1 << 16


class NetlinkError(CommandError):
    """The kernel refused; `number` is the errno."""

    def __init__(self, what: str, number: int) -> None:
        super().__init__(f"{what} netlink error {-number}")
        self.number = number


def link_index(name: str) -> int:
    """The number of a link; 0 if there is none of that name."""
    try:
        return socket.if_nametoindex(name)
    except (OSError, ValueError):
        return 0


def set_address(index: int, mac: bytes) -> None:
    """Give a link its MAC address."""
    _ask("set link addr", SETLINK, 0, LINK.pack(0, 0, index, 0, 0) + _attribute(IFLA_ADDRESS, mac))


def set_master(index: int, master: str) -> None:
    """Put a link into a bridge."""
    try:
        number = socket.if_nametoindex(master)
    except OSError as error:
        raise CommandError(f"unknown master interface '{master}': {error.strerror}") from error
    _ask("set link master", SETLINK, 0, LINK.pack(0, 0, index, 0, 0) + _attribute(IFLA_MASTER, struct.pack("=i", number)))


def set_state(index: int, up: bool) -> None:
    """Switch a link on or off."""
    _ask("set link state", SETLINK, 0, LINK.pack(0, 0, index, IFF_UP if up else 0, IFF_UP))


def set_mtu(index: int, mtu: int) -> None:
    """Set a link's MTU, in bytes behind the Ethernet header."""
    _ask("set link mtu", SETLINK, 0, LINK.pack(0, 0, index, 0, 0) + _attribute(IFLA_MTU, struct.pack("=I", mtu)))


def get_mtu(index: int) -> int:
    """A link's MTU."""
    reply = _ask("get link mtu", GETLINK, 0, LINK.pack(0, 0, index, 0, 0))
    at = HEADER.size + LINK.size
    while at + 4 <= len(reply):
        length, kind = struct.unpack_from("=HH", reply, at)
        if kind == IFLA_MTU:
            mtu: int = struct.unpack_from("=I", reply, at + 4)[0]
            return mtu
        at += max((length + 3) & ~3, 4)
    raise CommandError("get link mtu mtu not found in netlink message")


def add_address(index: int, address: bytes, length: int) -> None:
    """Give a link an IPv4 (4 bytes) or IPv6 (16 bytes) address with a prefix of that length."""
    family = socket.AF_INET if len(address) == 4 else socket.AF_INET6
    body = ADDRESS.pack(family, length, 0, 0, index) + _attribute(IFA_LOCAL, address) + _attribute(IFA_ADDRESS, address)
    _ask(f"add ip{_version(address)} addr", NEWADDR, CREATE | REPLACE, body)


def add_default_route(gateway: bytes) -> None:
    """Let all else go to a gateway."""
    family = socket.AF_INET if len(gateway) == 4 else socket.AF_INET6
    body = ROUTE.pack(family, 0, 0, 0, TABLE_MAIN, 0, 0, UNICAST, 0) + _attribute(RTA_GATEWAY, gateway)
    _ask(f"add ip{_version(gateway)} route", NEWROUTE, CREATE | REPLACE, body + _attribute(RTA_DST, bytes(len(gateway))))


def _version(address: bytes) -> int:
    return 4 if len(address) == 4 else 6


def _attribute(kind: int, data: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(data), kind) + data + bytes(-len(data) % 4)


def _ask(what: str, kind: int, flags: int, body: bytes) -> bytes:
    """Send one request; the kernel's answer to it (NetlinkError if that is an error, CommandError if there is none)."""
    request = HEADER.pack(HEADER.size + len(body), kind, flags | REQUEST | ACK, 0, 0) + body
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE) as link:
            link.bind((0, 0))
            link.send(request)
            reply = link.recv(LONGEST)
    except OSError as error:
        raise CommandError(f"{what} {error.strerror}") from error
    if HEADER.unpack_from(reply)[1] == ERROR:
        number: int = struct.unpack_from("=i", reply, HEADER.size)[0]
        if number:
            raise NetlinkError(what, -number)
    return reply
