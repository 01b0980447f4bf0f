"""What several nodes of a bridge domain capture of a traced packet: who sends to whom, where it came in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import Struct

from vppsh.engine.context import Context
from vppsh.engine.frame import Frame
from vppsh.engine.wire.text import format_ethernet_address

ADDRESS_BYTES = 12


class AddressesTrace(Struct, frozen=True):
    """The receive interface, both addresses, the bridge domain's index."""

    sw_if_index: int
    addresses: bytes
    bd_index: int

    def __str__(self) -> str:
        destination, source = format_ethernet_address(self.addresses[:6]), format_ethernet_address(self.addresses[6:])
        return f"sw_if_index {self.sw_if_index} dst {destination} src {source} bd_index {self.bd_index}"


def addresses_of(ctx: Context, index: int) -> AddressesTrace:
    """What there is to capture of a buffer."""
    buffers = ctx.buffers
    return AddressesTrace(int(buffers.rx_sw_if_index[index]), buffers.peek(index, ADDRESS_BYTES), int(buffers.l2_bd_index[index]))


def trace_addresses(ctx: Context, frame: Frame) -> None:
    """Capture it of all traced packets."""
    for _, index in ctx.traced(frame):
        ctx.trace(index, addresses_of(ctx, index))


def format_of(node: str) -> Callable[[Any, AddressesTrace], str]:
    """The formatter of a node's records: VPP's `l2-learn: sw_if_index 1 dst ... src ... bd_index 1`."""

    def format_record(view: Any, record: AddressesTrace) -> str:
        return f"{node}: {record}"

    return format_record
