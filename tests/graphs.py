"""Small catalogs and frames for tests of the engine."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from vppsh.engine.clock import FakeClock
from vppsh.engine.context import Context
from vppsh.engine.engine import Engine
from vppsh.engine.features import drop, interface_nodes
from vppsh.engine.frame import Frame
from vppsh.registry import Catalog, NodeSpec, discover, node

SIZES = (1, 7, 255, 256, 257)


def basic_catalog(*more: object) -> Catalog:
    """The nodes that every engine needs, and these declarations."""
    catalog = Catalog()
    for module in (drop, interface_nodes):
        catalog.extend(module)
    for name in ("device-input", "ethernet-input"):
        catalog.add(sink(name))
    for declaration in more:
        catalog.add(declaration)  # type: ignore[arg-type]  # callers pass declarations
    return catalog


def sink(name: str, seen: list[list[int]] | None = None) -> NodeSpec:
    """A node that frees its packets, and notes which buffers came, frame by frame."""

    @node(name)
    def take(ctx: Context, frame: Frame) -> None:
        if seen is not None:
            seen.append(frame.indices(ctx.buffers).tolist())
        ctx.buffers.free_packets(frame)

    return take


def engine_with(*more: object, **options: object) -> Engine:
    """An engine of the basic catalog and these declarations, on a clock that stands still."""
    return Engine(basic_catalog(*more), clock=FakeClock(), random=np.random.default_rng(1), **options)  # type: ignore[arg-type]


def full_engine() -> Engine:
    """An engine with every node that vppsh has, on a clock that stands still."""
    return Engine(discover(("vppsh.engine.features",)), clock=FakeClock(), random=np.random.default_rng(1))


def fill(engine: Engine, packets: Iterable[bytes], *, sw_if_index: int = 0, scattered: bool = False) -> Frame:
    """A frame of these packets: side by side, or in buffers out of order and with different offsets."""
    packets = list(packets)
    buffers = engine.buffers
    rows: slice | np.ndarray = buffers.allocate_indices(len(packets))
    if scattered:
        rows = np.ascontiguousarray(rows[::-1])
    buffers.reset(rows)
    buffers.rx_sw_if_index[rows] = sw_if_index
    for position, (index, packet) in enumerate(zip(rows.tolist(), packets, strict=True)):
        buffers.current_data[index] = position % 3 * 2 if scattered else 0
        buffers.current_length[index] = len(packet)
        start = 130 + int(buffers.current_data[index])
        buffers.data[index, start : start + len(packet)] = np.frombuffer(packet, np.uint8)
    if scattered:
        return Frame(rows, len(packets))
    first = int(rows[0]) if len(rows) else 0
    return Frame(slice(first, first + len(packets)), len(packets), offset=0, rx=sw_if_index)


def call(engine: Engine, name: str, frame: Frame) -> list[int]:
    """What a node answers for a frame: the slot of every packet."""
    chosen = engine.graph[name]
    function: Callable[[Context, Frame], object] = chosen.function
    nexts = function(chosen.context, frame)
    return np.broadcast_to(np.asarray(nexts), (frame.n,)).tolist()
