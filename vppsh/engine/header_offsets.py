"""Where the headers of a packet are, as the traces of devices that could offload show it.

Counterpart of vnet/gso/hdr_offset_parser.h, its view of tunnels included: what is inside of VXLAN and of IP in IP is told, the inside
of GRE and Geneve is not. It believes the buffer's flags, as VPP does: a packet that no IP node has marked shows no IP header.
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from vppsh.engine.buffers import BufferFlag, BufferPool
from vppsh.engine.wire import ethertype, ip4, ip6, ip_protocol
from vppsh.engine.wire.ethernet import TAG_TYPES

ETHERNET_BYTES, TAG_BYTES, UDP_BYTES, VXLAN_BYTES = 14, 4, 8, 8
MOST_TAGS = 2
VXLAN_PORT, GENEVE_PORT = 4789, 6081
PARSED_BYTES = 192


class Headers(Struct, frozen=True):
    """One set of headers: offsets in bytes from the packet's start (l2 from where current_data is 0), sizes in bytes.

    version   4 or 6, 0 when there is no IP header; protocol is `tcp`, `udp` or nothing
    tunnel    what is carried: `vxlan-tunnel`, `ipip-tunnel` ...
    """

    version: int = 0
    protocol: str = ""
    tunnel: str = ""
    size: int = 0
    l2: int = 0
    l3: int = 0
    l4: int = 0
    l4_size: int = 0

    def __str__(self) -> str:
        return f"hdr-sz {self.size} l2-hdr-offset {self.l2} l3-hdr-offset {self.l3} l4-hdr-offset {self.l4} l4-hdr-sz {self.l4_size}"


class HeaderOffsets(Struct, frozen=True):
    """The headers of a packet, and those of the tunnel that it is in."""

    inner: Headers
    outer: Headers | None = None


NO_HEADERS = Headers()
IP_IN_IP6 = "ip6"  # VPP has a flag for it, but no word
LOOKED_INTO = ("vxlan-tunnel", "ipip-tunnel", IP_IN_IP6)


def find_headers(buffers: BufferPool, index: int, *, ethernet: bool) -> HeaderOffsets:
    """The headers of the packet that begins in a buffer."""
    data = buffers.peek(index, PARSED_BYTES)
    start, flags = int(buffers.current_data[index]), int(buffers.flags[index])
    if ethernet:
        l3, _ = link_layer(data)
        version = 4 if flags & BufferFlag.IS_IP4 else 6 if flags & BufferFlag.IS_IP6 else 0
    else:
        l3 = int(buffers.save_rewrite_length[index])
        version = data[0] >> 4 if data[0] >> 4 in (4, 6) else 0
    found = replace(_headers(data, version, l3), l2=start)
    if not found.tunnel:
        return HeaderOffsets(found)
    if found.tunnel not in LOOKED_INTO:
        return HeaderOffsets(found, replace(NO_HEADERS, tunnel=found.tunnel))
    rest = data[found.size :]
    if found.tunnel == "vxlan-tunnel":
        l3, kind = link_layer(rest)
        version = 4 if kind == ethertype.IP4 else 6 if kind == ethertype.IP6 else 0
    else:
        l3, version = 0, 4 if found.tunnel == "ipip-tunnel" else 6
    inner = _headers(rest, version, l3)
    return HeaderOffsets(replace(inner, tunnel="", size=inner.l4 + inner.l4_size, l2=start + found.size), found)


def format_offsets(found: HeaderOffsets) -> str:
    """VPP's line, or two when there is a tunnel."""
    text = ""
    if found.outer is not None:
        outer = found.outer
        words = [outer.tunnel if outer.tunnel != IP_IN_IP6 else "", f"outer-ipv{outer.version}" if outer.version else ""]
        words.append(f"outer-{outer.protocol}" if outer.protocol else "")
        text = "".join(f"{word} " for word in words if word)
        text += (
            f"outer-hdr-sz {outer.size} outer-l2-hdr-offset {outer.l2} outer-l3-hdr-offset {outer.l3} "
            f"outer-l4-hdr-offset {outer.l4} outer-l4-hdr-sz {outer.l4_size}\n\t"
        )
    words = [f"ipv{found.inner.version}" if found.inner.version else "", found.inner.protocol]
    return text + "".join(f"{word} " for word in words if word) + str(found.inner)


def link_layer(data: bytes) -> tuple[int, int]:
    """How long the Ethernet header is, up to two tags included, and the type behind it."""
    at, kind = ETHERNET_BYTES, int.from_bytes(data[12:14], "big")
    for _ in range(MOST_TAGS):
        if kind not in TAG_TYPES:
            break
        kind = int.from_bytes(data[at + 2 : at + 4], "big")
        at += TAG_BYTES
    return at, kind


def _headers(data: bytes, version: int, l3: int) -> Headers:
    """The IP header at `l3` and what follows."""
    if version == 4:
        l4, protocol = l3 + ip4.header_bytes(data[l3]), data[l3 + 9]
    elif version == 6:
        l4, protocol = l3 + ip6.HEADER.itemsize, data[l3 + 6]
    else:
        return Headers(l3=l3)
    plain = Headers(version, l3=l3, l4=l4, size=l4)
    if protocol == ip_protocol.TCP:
        size = (data[l4 + 12] >> 4) * 4
        return replace(plain, protocol="tcp", l4_size=size, size=l4 + size)
    if protocol == ip_protocol.UDP:
        port = int.from_bytes(data[l4 + 2 : l4 + 4], "big")
        tunnel = {VXLAN_PORT: "vxlan-tunnel", GENEVE_PORT: "geneve-tunnel"}.get(port, "")
        size = l4 + UDP_BYTES + (VXLAN_BYTES if port == VXLAN_PORT else 0)
        return replace(plain, protocol="udp", tunnel=tunnel, l4_size=UDP_BYTES, size=size)
    tunnels = {ip_protocol.IP_IN_IP: "ipip-tunnel", ip_protocol.IPV6: IP_IN_IP6, ip_protocol.GRE: "gre-tunnel"}
    return replace(plain, tunnel=tunnels.get(protocol, ""))
