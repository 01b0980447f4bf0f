"""arping-input and arping6-input: who answers for an address on a link (VPP's plugins/arping).

The features are enabled on an interface while somebody waits there for answers to requests of our own; what
they see goes on as if they were not there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from msgspec import Struct

from vppsh.engine.context import Context, Nexts
from vppsh.engine.engine import Engine
from vppsh.engine.features.arp.message import read_message
from vppsh.engine.features.arp.request import ArpRequests
from vppsh.engine.features.nd.request import Solicitations
from vppsh.engine.fib.types import Protocol, format_address
from vppsh.engine.frame import Frame
from vppsh.engine.wire import arp, icmp6, ip6
from vppsh.engine.wire.text import format_ethernet_address
from vppsh.registry import error, feature, node

NEXTS = ("error-drop", "interface-output")
# VPP gives this counter no name of its own: its text serves as name.
ERRORS = (error("no error", "no error"),)
ARCS = {Protocol.IP4: ("arp", "arping-input"), Protocol.IP6: ("ip6-local", "arping6-input")}
FEATURES = (
    feature("arp", "arping-input", before=("arp-reply",)),
    feature("ip6-local", "arping6-input", before=("ip6-local-end-of-arc",)),
)
TYPE_AT = ip6.HEADER.itemsize
TARGET_AT = TYPE_AT + 8
MAC_AT = TYPE_AT + icmp6.NEIGHBOR.itemsize + 2


@dataclass
class ArpingRun:
    """Requests for one address on one interface: how many answers have come, and the MAC address in the last one."""

    protocol: Protocol
    sw_if_index: int
    address: int
    replies: int = 0
    mac: bytes = bytes(6)


class Arping:
    """The runs of an engine, one per interface at a time."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._runs: dict[int, ArpingRun] = {}

    def start(self, protocol: Protocol, sw_if_index: int, address: int) -> ArpingRun | None:
        """Begin to listen; None when somebody listens on the interface already."""
        if sw_if_index in self._runs:
            return None
        run = self._runs[sw_if_index] = ArpingRun(protocol, sw_if_index, address)
        self._engine.arcs.enable(*ARCS[protocol], sw_if_index)
        return run

    def stop(self, run: ArpingRun) -> None:
        """Listen no longer."""
        del self._runs[run.sw_if_index]
        self._engine.arcs.enable(*ARCS[run.protocol], run.sw_if_index, False)

    def ask(self, run: ArpingRun) -> None:
        """Send one request."""
        self._messages(run.protocol).probe(run.sw_if_index, run.address)

    def announce(self, protocol: Protocol, sw_if_index: int, address: int) -> None:
        """Say that an address is ours."""
        self._messages(protocol).announce(sw_if_index, address)

    def heard(self, protocol: Protocol, sw_if_index: int, address: int, mac: bytes) -> None:
        """Somebody has answered for an address."""
        run = self._runs.get(sw_if_index)
        if run is not None and (run.protocol, run.address) == (protocol, address):
            run.replies += 1
            run.mac = mac

    def _messages(self, protocol: Protocol) -> ArpRequests | Solicitations:
        return self._engine.get(ArpRequests) if protocol is Protocol.IP4 else self._engine.get(Solicitations)


class ArpingTrace(Struct, frozen=True):
    """What came: an ARP operation or a type of ICMPv6, whose MAC address it gives for which address."""

    protocol: Protocol
    sw_if_index: int
    kind: int
    mac: bytes
    address: int


def format_arping_trace(view: Any, record: ArpingTrace) -> str:
    """`sw-if-index: 1, opcode: reply, from 02:00:00:00:00:77 (10.0.0.77)`."""
    kind = f"opcode: {arp.format_ethernet_arp_opcode(record.kind)}" if record.protocol is Protocol.IP4 else f"type: {record.kind}"
    sender = f"{format_ethernet_address(record.mac)} ({format_address(record.protocol, record.address)})"
    return f"sw-if-index: {record.sw_if_index}, {kind}, from {sender}"


def _see(ctx: Context, index: int, protocol: Protocol, kind: int, answer: int, mac: bytes, address: int) -> None:
    """Note one message, and whether it is an answer."""
    sw_if_index = int(ctx.buffers.rx_sw_if_index[index])
    if kind == answer:
        ctx.get(Arping).heard(protocol, sw_if_index, address, mac)
    if ctx.buffers.trace[index] >= 0:
        ctx.trace(index, ArpingTrace(protocol, sw_if_index, kind, mac, address))


@node("arping-input", nexts=NEXTS, errors=ERRORS, trace=format_arping_trace)
def arping_input(ctx: Context, frame: Frame) -> Nexts:
    """ARP messages."""
    for index in frame.indices(ctx.buffers).tolist():
        message = read_message(ctx.buffers, index)
        _see(ctx, index, Protocol.IP4, message.opcode, arp.REPLY, message.sender_mac, message.sender)
    return ctx.engine.arcs.next(ctx, frame)


@node("arping6-input", nexts=NEXTS, errors=ERRORS, trace=format_arping_trace)
def arping6_input(ctx: Context, frame: Frame) -> Nexts:
    """IPv6 packets for us, neighbour advertisements among them."""
    for index in frame.indices(ctx.buffers).tolist():
        data = ctx.buffers.peek(index, MAC_AT + 6)
        target, mac = int.from_bytes(data[TARGET_AT : TARGET_AT + 16], "big"), data[MAC_AT:]
        _see(ctx, index, Protocol.IP6, data[TYPE_AT], icmp6.NEIGHBOR_ADVERTISEMENT, mac, target)
    return ctx.engine.arcs.next(ctx, frame)
