"""Streams: defined, switched on and off, changed, deleted.

Counterpart of VPP's pg/stream.c. Streams live in a pool: a place that becomes free is taken by the next stream, the one freed
last first; listings and the input node go by place.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from msgspec.structs import replace

from vppsh.engine.features.pg.interfaces import Mode, PgInterface, PgInterfaces
from vppsh.engine.interfaces import UP, Change, Interface, Interfaces
from vppsh.engine.pg.generator import ROOM, Generator
from vppsh.engine.pg.replay import Batch, Recording, bytes_counted
from vppsh.engine.pg.stream import BUFFER_BYTES, StreamSpec
from vppsh.errors import CommandError
from vppsh.registry import NodeKind

if TYPE_CHECKING:
    from vppsh.engine.engine import Engine


MAX_RATE = 1e12
# How many seconds a line of a script waits for a stream with a rate to reach its limit.
PATIENCE = 10.0


class Stream:
    """A stream at work.

    sent       packets sent since it was enabled
    ready      packets made, and counted as received, but not sent yet
    pg         the interface it belongs to, which comes up with it
    rx         sw_if_index of the interface its packets come in on
    slot       next of the input nodes
    to_wire    its packets go out of an Ethernet interface at once
    credit     packets that its rate allows beyond those sent
    """

    def __init__(self, place: int, spec: StreamSpec, pg: PgInterface, slot: int, to_wire: bool, random: np.random.Generator) -> None:
        self.place = place
        self.name = spec.name if spec.name is not None else f"stream{place}"
        self.spec = spec
        self.pg = pg
        self.rx = pg.interface.sw_if_index if spec.rx is None else spec.rx
        self.slot = slot
        self.to_wire = to_wire
        self.enabled = False
        self.sent = 0
        self.ready = 0
        self.credit = 0.0
        self.last_time: float | None = None
        self._position = 0
        self._queue: deque[Batch] = deque()
        self.generator = None if isinstance(spec.packets, Recording) else Generator(spec.packets, spec.sizes, random)

    @property
    def exhausted(self) -> bool:
        """Whether it has sent as many as it was told to."""
        return 0 < self.spec.limit <= self.sent

    @property
    def ends_soon(self) -> bool:
        """Whether a script should wait for its last packet."""
        spec = self.spec
        return spec.limit > 0 and spec.max_frame != 0 and (spec.rate == 0 or (spec.limit - self.sent) / spec.rate <= PATIENCE)

    def configure(self, spec: StreamSpec) -> None:
        """Take other parameters from the next packet on."""
        self.spec = spec
        if self.generator is not None:
            self.generator.resize(spec.sizes)

    def wanted(self, now: float, vector_size: int) -> int:
        """How many packets to send now."""
        n = vector_size
        if self.last_time is None:
            self.last_time = now
        if self.spec.rate > 0:
            self.credit += (now - self.last_time) * min(self.spec.rate, MAX_RATE)
            n = int(self.credit)
            self.credit -= n
        self.last_time = now
        if self.spec.limit > 0:
            n = min(n, self.spec.limit - self.sent)
        return min(n, vector_size, vector_size if self.spec.max_frame is None else self.spec.max_frame)

    def shortage(self, n: int, vector_size: int) -> int:
        """How many packets to make so that `n` can be sent: VPP makes whole vectors, but never beyond the limit."""
        if self.ready >= n:
            return 0
        made = max(vector_size, n - self.ready)
        if self.spec.limit > 0:
            made = min(made, max(self.spec.limit - self.sent - self.ready, 0))
        return made

    def make(self, n: int) -> int:
        """Make `n` packets ahead; their bytes, as VPP counts them."""
        if self.generator is None:
            assert isinstance(self.spec.packets, Recording)
            batch = self.spec.packets.batch(self._position, n)
            self._position = (self._position + n) % len(self.spec.packets)
            counted = bytes_counted(batch, BUFFER_BYTES)
        else:
            width = self.spec.max_size + ROOM
            memory = np.empty((n, width), np.uint8)
            lengths = np.broadcast_to(np.asarray(self.generator.fill(memory), np.int64), n)
            batch = Batch(memory.reshape(-1), np.arange(n) * width, lengths)
            counted = int(lengths.sum())
        self._queue.append(batch)
        self.ready += n
        return counted

    def take(self, n: int) -> list[Batch]:
        """The next `n` packets that were made."""
        taken = []
        self.ready -= n
        while n:
            batch = self._queue.popleft()
            if len(batch) > n:
                self._queue.appendleft(batch[n:])
                batch = batch[:n]
            taken.append(batch)
            n -= len(batch)
        return taken


class Streams:
    """The streams of an engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._interfaces = engine.get(Interfaces)
        self._pg_interfaces = engine.get(PgInterfaces)
        self._by_place: dict[int, Stream] = {}
        self._by_name: dict[str, Stream] = {}
        self._free: list[int] = []
        self._interfaces.subscribe(self._on_change)

    def __iter__(self) -> Iterator[Stream]:
        """In the order of their places."""
        return (self._by_place[place] for place in sorted(self._by_place))

    def __len__(self) -> int:
        return len(self._by_place)

    def find(self, name: str) -> Stream | None:
        """The stream of that name, if there is one."""
        return self._by_name.get(name)

    def at(self, place: int) -> Stream | None:
        """The stream at a place, if there is one."""
        return self._by_place.get(place)

    def to_wire(self, node: str) -> bool:
        """Whether a node is the output node of an Ethernet interface: it gets frames."""
        hardware = (interface.hardware for interface in self._interfaces if interface.is_hardware)
        return any(each.hardware_class.ethernet and each.output.name == node for each in hardware)

    def add(self, spec: StreamSpec) -> Stream:
        """Define a stream; one of the same name goes."""
        spec.check()
        if self._engine.graph[spec.node].kind is not NodeKind.INTERNAL:
            raise CommandError(f"node `{spec.node}' takes no packets")
        old = self._by_name.get(spec.name) if spec.name is not None else None
        if old is not None:
            self.delete(old)
        place = self._free.pop() if self._free else len(self._by_place)
        pg = self._pg_interfaces.get_or_create(PgInterface(spec.source, Mode.ETHERNET))
        graph = self._engine.graph
        graph.next_by_name("device-input", spec.node)
        slot = graph.next_by_name("pg-input", spec.node)
        # VPP forgets a buffer size that was given here, and takes one only from `configure`.
        stream = Stream(place, replace(spec.settled(), buffer_bytes=BUFFER_BYTES), pg, slot, self.to_wire(spec.node), self._engine.random)
        self._by_place[place] = self._by_name[stream.name] = stream
        return stream

    def delete(self, stream: Stream) -> None:
        """Forget a stream."""
        self.enable(stream, False)
        del self._by_place[stream.place]
        if self._by_name.get(stream.name) is stream:
            del self._by_name[stream.name]
        self._free.append(stream.place)

    def configure(self, stream: Stream, spec: StreamSpec) -> None:
        """Change the parameters of a stream."""
        spec.check()
        stream.configure(spec.settled())

    def enable(self, stream: Stream, on: bool) -> None:
        """Switch a stream on or off; on, it starts counting anew, and its interface comes up."""
        if stream.enabled == on:
            return
        if on:
            self._check_interfaces(stream)
            stream.sent = 0
            self._interfaces.set_link(stream.pg.interface, True)
            self._interfaces.set_state(stream.pg.interface, UP)
        stream.enabled = on
        stream.credit = 0.0
        stream.last_time = None
        node = self._engine.graph["pg-input"]
        node.polling = any(each.enabled for each in self._by_place.values())
        node.busy = any(each.enabled and each.ends_soon for each in self._by_place.values())

    def _check_interfaces(self, stream: Stream) -> None:
        used = (stream.pg.interface.sw_if_index, stream.rx, *(() if stream.spec.tx is None else (stream.spec.tx,)))
        if self._pg_interfaces.find(stream.pg.number) is not stream.pg or any(index not in self._interfaces for index in used):
            raise CommandError(f"an interface of stream `{stream.name}' was deleted")

    def _on_change(self, change: Change, interface: Interface) -> None:
        """A stream whose interface goes away stops."""
        if change is Change.DELETED:
            for stream in list(self):
                if interface.sw_if_index in (stream.rx, stream.spec.tx, stream.pg.interface.sw_if_index):
                    self.enable(stream, False)
