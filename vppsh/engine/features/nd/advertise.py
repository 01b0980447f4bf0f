"""icmp6-router-solicitation and icmp6-router-advertisement, and the process that advertises unasked.

Counterpart of vnet/ip6-nd/ip6_ra.c. Advertisements nobody asked for come through the solicitation node too:
the process hands it a solicitation to nobody.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from vppsh.engine.buffer_data import make_packet
from vppsh.engine.buffers import HEADROOM, BufferFlag
from vppsh.engine.context import Context, Nexts
from vppsh.engine.engine import Engine
from vppsh.engine.features.icmp6.errors import (
    NEIGHBOR_SOLICITATION_SOURCE_NOT_ON_LINK,
    NONE,
    ROUTER_ADVERTISEMENT_SOURCE_NOT_LINK_LOCAL,
    ROUTER_ADVERTISEMENTS_RX,
    ROUTER_ADVERTISEMENTS_TX,
    ROUTER_SOLICITATION_RADV_NOT_CONFIG,
    ROUTER_SOLICITATION_SOURCE_NOT_ON_LINK,
    ROUTER_SOLICITATION_UNSUPPORTED_INTF,
)  # fmt: skip
from vppsh.engine.features.ip6.trace import format_input_trace, trace_input
from vppsh.engine.features.nd.message import ALL_NODES, HOP_LIMIT, ip6_packet
from vppsh.engine.features.nd.neighbor import NeighborDiscovery, read_message, turn_back
from vppsh.engine.features.nd.router import DELAY_BETWEEN_ANSWERS, Router, Routers, read_advertisement
from vppsh.engine.features.nd.solicit_router import RouterSearch
from vppsh.engine.frame import Frame
from vppsh.engine.interfaces import LOCAL0
from vppsh.engine.link_local import is_link_local
from vppsh.engine.wire import icmp6, ip6
from vppsh.registry import demux, node, process, table

TO_DROP, REWRITE, OUTPUT, PUNT = range(4)
NEXTS = ("ip6-drop", "ip6-rewrite-mcast", "interface-output", "ip6-punt")
TICK = 1.0
NOBODY = bytes(16)

SOLICITATION = demux("ip6-icmp-input", icmp6.ROUTER_SOLICITATION, "icmp6-router-solicitation")
ADVERTISEMENT = demux("ip6-icmp-input", icmp6.ROUTER_ADVERTISEMENT, "icmp6-router-advertisement")
ROUTERS = table(Routers)


class Advertiser:
    """Answers the solicitations of a frame."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._routers = ctx.get(Routers)
        self._discovery = NeighborDiscovery(ctx)

    def handle(self, index: int) -> tuple[int, int]:
        """The next and the error of the message in a buffer."""
        buffers = self._ctx.buffers
        sw_if_index = int(buffers.rx_sw_if_index[index])
        header = buffers.peek(index, ip6.HEADER.itemsize)
        source, asked = int.from_bytes(header[8:24], "big"), header[24:40] != NOBODY
        message = read_message(buffers, index, icmp6.SOURCE_LINK_LAYER_ADDRESS, icmp6.ROUTER_SOLICITATION_BYTES)
        if self._discovery.check_source(index, message) == NEIGHBOR_SOLICITATION_SOURCE_NOT_ON_LINK:
            return TO_DROP, ROUTER_SOLICITATION_SOURCE_NOT_ON_LINK
        if not is_link_local(source):
            self._discovery.learn(index, message, source)
        if not self._ctx.engine.interfaces[sw_if_index].hardware.hardware_class.ethernet:
            return TO_DROP, ROUTER_SOLICITATION_UNSUPPORTED_INTF
        router = self._routers.find(sw_if_index)
        if router is None or not router.sending:
            return PUNT, ROUTER_SOLICITATION_RADV_NOT_CONFIG
        return self._answer(index, router, source if router.unicast and source else ALL_NODES, asked), NONE

    def _answer(self, index: int, router: Router, destination: int, asked: bool) -> int:
        """Turn a message into an advertisement; where it goes."""
        buffers, now = self._ctx.buffers, self._ctx.now
        too_soon = asked and router.answered != 0 and now - router.answered < DELAY_BETWEEN_ANSWERS
        router.solicited += asked
        router.dropped += too_soon
        if asked and not too_soon:
            router.answered = now
        packet = ip6_packet(router.link.address, destination, HOP_LIMIT, router.message(now))
        start = HEADROOM + int(buffers.current_data[index])
        packet = buffers.data[index, start : start + 4].tobytes() + packet[4:]
        buffers.data[index, start : start + len(packet)] = np.frombuffer(packet, np.uint8)
        buffers.current_length[index] = len(packet)
        buffers.rx_sw_if_index[index] = LOCAL0
        buffers.flags[index] |= np.uint32(BufferFlag.LOCALLY_ORIGINATED)
        if asked:
            self._readdress(index, router)
        elif router.link.multicast is not None:
            buffers.adj_index[index] = router.link.multicast.index
        if too_soon:
            return TO_DROP
        router.sent += 1
        self._ctx.count(ROUTER_ADVERTISEMENTS_TX)
        return OUTPUT if asked else REWRITE

    def _readdress(self, index: int, router: Router) -> None:
        """Let the Ethernet header that the solicitation came with lead back."""
        buffers = self._ctx.buffers
        turn_back(buffers, index, router.link.interface.mac)
        buffers.tx_sw_if_index[index] = router.link.interface.sw_if_index


@node("icmp6-router-solicitation", nexts=NEXTS, errors_of="ip6-icmp-input", trace=format_input_trace)
def icmp6_router_solicitation(ctx: Context, frame: Frame) -> Nexts:
    """Advertise, where that is configured; the host may want to otherwise."""
    buffers, advertiser = ctx.buffers, Advertiser(ctx)
    if frame.traced:
        trace_input(ctx, frame)
    nexts = np.full(frame.n, TO_DROP)
    for position, index in enumerate(frame.indices(buffers).tolist()):
        nexts[position], error = advertiser.handle(index)
        buffers.error[index] = ctx.error_base + error
        if nexts[position] == PUNT:
            # As in VPP the host gets the whole buffer, from its very beginning.
            buffers.current_length[index] += buffers.current_data[index]
            buffers.current_data[index] = 0
        elif error != NONE:
            ctx.count(error)
    frame.offset = frame.rx = None
    return nexts


def _heard(ctx: Context, index: int) -> int:
    """Tell who wants to know what a router advertises; why it is not to be believed."""
    buffers, routers = ctx.buffers, ctx.get(Routers)
    interface = ctx.engine.interfaces[int(buffers.rx_sw_if_index[index])]
    header = buffers.peek(index, ip6.HEADER.itemsize)
    source = int.from_bytes(header[8:24], "big")
    if not is_link_local(source):
        return ROUTER_ADVERTISEMENT_SOURCE_NOT_LINK_LOCAL
    if not interface.hardware.hardware_class.ethernet:
        return ROUTER_SOLICITATION_UNSUPPORTED_INTF
    if routers.find(interface.sw_if_index) is None:
        return ROUTER_SOLICITATION_RADV_NOT_CONFIG
    ctx.get(RouterSearch).stop(interface.sw_if_index)
    report = read_advertisement(interface, source, buffers.peek(index, int.from_bytes(header[4:6], "big"), len(header)))
    for listener in routers.listeners:
        listener(report)
    return NONE


@node("icmp6-router-advertisement", nexts=("ip6-drop",), errors_of="ip6-icmp-input", trace=format_input_trace)
def icmp6_router_advertisement(ctx: Context, frame: Frame) -> Nexts:
    """Listen to other routers."""
    buffers = ctx.buffers
    if frame.traced:
        trace_input(ctx, frame)
    for index in frame.indices(buffers).tolist():
        error = _heard(ctx, index)
        if error != NONE:
            ctx.count(error)
        buffers.error[index] = ctx.error_base + error
    ctx.count(ROUTER_ADVERTISEMENTS_RX, frame.n)
    return TO_DROP


# Unasked.


def _advertise(engine: Engine, router: Router) -> None:
    """Let the solicitation node make an advertisement: a solicitation from nobody to nobody is one of our own."""
    index = make_packet(engine.buffers, ip6_packet(0, 0, HOP_LIMIT, bytes((icmp6.ROUTER_SOLICITATION, *bytes(15)))))
    if index is None:
        return
    sw_if_index = router.link.interface.sw_if_index
    engine.buffers.rx_sw_if_index[index] = sw_if_index
    engine.dispatcher.send(engine.graph["icmp6-router-solicitation"], Frame(slice(index, index + 1), 1, offset=0, rx=sw_if_index))


@process("ip6-ra-process")
def ip6_ra_process(ctx: Context) -> Iterator[float]:
    """Once a second: advertise where it is time."""
    while True:
        yield TICK
        now = ctx.now
        for router in list(ctx.get(Routers)):
            if not router.link.interface.admin_up:
                router.restart(now)
            elif router.sending and now >= router.next:
                wait = router.min_interval + (router.max_interval - router.min_interval) * ctx.engine.random.random()
                if router.initial > 0:
                    router.initial -= 1
                    wait = min(wait, router.initial_interval)
                    if not router.initial and router.ceasing:
                        router.sending = False
                router.next = now + wait
                _advertise(ctx.engine, router)
