"""6rd (RFC 5969): IPv6 over a provider's IPv4, whose addresses name the far ends.

Counterpart of VPP's plugins/ipip/sixrd.c. Packets to the domain's prefix leave by one adjacency for all far ends:
its fixup takes the outer destination out of the inner one, and the outer packet is looked up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vppsh.engine.adjacency_types import ALL_ONES, Adjacency
from vppsh.engine.context import Context
from vppsh.engine.features.ipip.tunnels import TTL, IpipKey, IpipTunnel, IpipTunnels, Mode, SixRd
from vppsh.engine.fib.dpo import DpoType
from vppsh.engine.fib.fib import Fib
from vppsh.engine.fib.special import LookupInput
from vppsh.engine.fib.types import EntryFlag, Prefix, Protocol, RoutePath, Source
from vppsh.engine.frame import Frame
from vppsh.engine.interfaces import DOWN, UP, DeviceClass, HardwareClass
from vppsh.engine.ip_enable import IpEnable
from vppsh.engine.tunnel.midchain import Data, Encap, Endpoint, Midchains, update_adjacency
from vppsh.engine.tunnel.outer import IP4_BYTES, ip4_template
from vppsh.engine.wire import ip4, ip_protocol
from vppsh.engine.wire.checksum import checksums, word_sums
from vppsh.errors import CommandError

if TYPE_CHECKING:
    from vppsh.engine.engine import Engine

MTU = 1480
UPPER_HALF = np.dtype(">u8")
INNER_DST_AT = IP4_BYTES + 24
# Errors of VPP's API, which the command shows as numbers.
ALREADY_EXISTS, INVALID_VALUE = -79, -7

DEVICE = DeviceClass("ip6ip-6rd", None)
HARDWARE = HardwareClass("ip6ip-6rd", update_adjacency=update_adjacency)


class SixRdDomains:
    """The 6rd tunnels of an engine, and by their numbers what finds a far end in an IPv6 address.

    shift, mask, prefix  uint64 by number of a tunnel: (upper half >> shift & mask) | prefix is the IPv4 address
    """

    def __init__(self, engine: Engine) -> None:
        self._interfaces = engine.interfaces
        self._enabled = engine.get(IpEnable)
        self._fib = engine.get(Fib)
        self._midchains = engine.get(Midchains)
        self._tunnels = engine.get(IpipTunnels)
        self.shift: NDArray[np.uint64] = np.zeros(64, np.uint64)
        self.mask: NDArray[np.uint64] = np.zeros(64, np.uint64)
        self.prefix: NDArray[np.uint64] = np.zeros(64, np.uint64)

    def add(self, src: int, fib_index: int, six_rd: SixRd) -> IpipTunnel:
        """Make a tunnel: its interface is up at once, and the domain's prefix leads there (CommandError in VPP's words)."""
        if six_rd.ip6_prefix.length + 32 - six_rd.ip4_prefix.length > 64:
            raise CommandError(f"adding tunnel failed {INVALID_VALUE}")
        key = IpipKey(Protocol.IP4, Mode.SIX_RD, src, 0, fib_index)
        if key in self._tunnels.keys:
            raise CommandError(f"adding tunnel failed {ALREADY_EXISTS}")
        tunnel = IpipTunnel(Mode.SIX_RD, Protocol.IP4, src, 0, fib_index, -1, six_rd=six_rd)
        index = tunnel.instance = self._tunnels.allocate(tunnel)
        if index >= len(self.shift):
            for name in ("shift", "mask", "prefix"):
                column = getattr(self, name)
                setattr(self, name, np.concatenate((column, np.zeros_like(column))))
        self.shift[index], self.mask[index], self.prefix[index] = six_rd.shift, six_rd.suffix_mask, six_rd.ip4_prefix.address
        self._tunnels.install(tunnel, index, key, f"ip6ip-6rd{index:x}", DEVICE, HARDWARE, MTU)
        self._midchains.attach(tunnel.interface, self._describe)
        self._interfaces.set_state(tunnel.interface, UP)
        self._enabled.enable(Protocol.IP6, tunnel.interface.sw_if_index)
        table = self._fib.ip6[six_rd.ip6_fib_index]
        table.lock(Source.SIX_RD)
        table.update(six_rd.ip6_prefix, Source.SIX_RD, EntryFlag.ATTACHED, [self._path(tunnel)])
        self._tunnels.register_ip4(ip_protocol.IPV6)
        return tunnel

    def delete(self, tunnel: IpipTunnel) -> None:
        """Take a tunnel away."""
        assert tunnel.six_rd is not None
        table = self._fib.ip6[tunnel.six_rd.ip6_fib_index]
        table.path_remove(tunnel.six_rd.ip6_prefix, Source.SIX_RD, [self._path(tunnel)])
        table.unlock(Source.SIX_RD)
        self._interfaces.set_state(tunnel.interface, DOWN)
        self._enabled.disable(Protocol.IP6, tunnel.interface.sw_if_index)
        self._tunnels.delete(tunnel)

    @staticmethod
    def _path(tunnel: IpipTunnel) -> RoutePath:
        return RoutePath(Protocol.IP6, ALL_ONES, tunnel.interface.sw_if_index)

    def _describe(self, adjacency: Adjacency) -> Encap:
        """To every far end by a lookup of the outer packet; to a next hop by the entry of the far end that it names."""
        tunnel = self._tunnels.of_interface(adjacency.interface)
        if tunnel is None or tunnel.six_rd is None:
            return Encap()
        header = ip4_template(tunnel.src, 0, ip_protocol.IPV6, ttl=TTL)
        if adjacency.next_hop == ALL_ONES:
            return Encap(header, fixup=to_named_end, data=tunnel.index, stack=self._stack)
        far_end = tunnel.six_rd.ip4_of(adjacency.next_hop >> 64)
        return Encap(header, fixup=to_one_end, data=far_end, endpoint=Endpoint(tunnel.fib_index, Prefix(Protocol.IP4, far_end, 32)))

    def _stack(self, adjacency: Adjacency) -> None:
        """Look outer packets up in the tunnel's table."""
        tunnel = self._tunnels.of_interface(adjacency.interface)
        if tunnel is not None and adjacency.midchain is not None and adjacency.midchain.dpo.type != DpoType.LOOKUP:
            lookup = self._fib.lookups.create(Protocol.IP4, tunnel.fib_index, LookupInput.DESTINATION)
            self._midchains.stack(adjacency, lookup, lambda: self._fib.lookups.destroy(lookup))


def to_named_end(ctx: Context, frame: Frame, tunnel: Data) -> None:
    """Complete outer headers towards the far ends that inner destinations name."""
    domains = ctx.get(SixRdDomains)
    upper = ctx.buffers.load(frame, UPPER_HALF, INNER_DST_AT).astype(np.uint64)
    _complete(ctx, frame, upper >> domains.shift.take(tunnel) & domains.mask.take(tunnel) | domains.prefix.take(tunnel))


def to_one_end(ctx: Context, frame: Frame, far_end: Data) -> None:
    """Complete outer headers towards the far end that the next hop names."""
    _complete(ctx, frame, np.broadcast_to(far_end, (frame.n,)))


def _complete(ctx: Context, frame: Frame, destinations: NDArray[np.integer]) -> None:
    buffers = ctx.buffers
    outer = buffers.load(frame, ip4.HEADER).copy()
    outer["length"] = buffers.packet_length(frame.rows)
    outer["dst"] = destinations
    outer["checksum"] = 0
    outer["checksum"] = checksums(word_sums(outer))
    buffers.store(frame, ip4.HEADER, outer)
