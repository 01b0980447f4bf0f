"""Load-balances: what a lookup finds. Buckets of data-path objects chosen by the flow hash, and the counters.

VPP counterpart: vnet/dpo/load_balance.c. A load-balance of one bucket, by far the usual one, is read
straight from `dpo`; larger ones have a power of two of buckets from `offset` on in
`bucket_type` and `bucket_index`, of which the flow hash picks one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .dpo import DROPS, NO_MTU, Dpo, Dpos, DpoType
from .rows import Rows
from .types import Protocol

MAX_BUCKETS = 8192
TOLERANCE = 0.1
FLOW_HASH_DEFAULT = 0x9F
USES_MAP = 1


class NextHop(NamedTuple):
    """One candidate for the buckets: where packets go, with which weight, and the path it came from.

    release  lets go of the object, when the load-balance alone holds it
    """

    dpo: Dpo
    weight: int
    path: int = -1
    release: Callable[[], None] | None = None


def normalise(next_hops: Sequence[NextHop]) -> list[tuple[NextHop, int]]:
    """Share a power of two of buckets out by weight, heavier first, with an error of at most a tenth.

    The smallest power of two that does is taken; the rounding and the leftovers go as in VPP's
    ip_multipath_normalize_next_hops, so that 3 equal paths get 6, 5 and 5 of 16.
    """
    count = len(next_hops)
    if count == 1:
        return [(next_hops[0], 1)]
    if count == 2:
        first, second = next_hops
        if first.weight < second.weight:
            first, second = second, first
        ordered = [first, second]
        if first.weight == second.weight:
            return [(first, 1), (second, 1)]
    else:
        ordered = sorted(next_hops, key=lambda hop: hop.weight)
    weights = [hop.weight for hop in ordered]
    if not sum(weights):
        weights = [1] * count
    total = sum(weights)
    buckets = min(1 << (count - 1).bit_length(), MAX_BUCKETS)
    while True:
        error, left, shares = 0.0, buckets, []
        for weight in weights:
            exact = weight * (buckets / total)
            share = min(int(exact + 0.5), left)
            left -= share
            error += abs(exact - share)
            shares.append(share)
            if not share:
                error = buckets
                break
        shares[0] += left
        if error <= TOLERANCE * buckets or buckets >= MAX_BUCKETS:
            return list(zip(ordered, shares, strict=False))
        buckets *= 2


# The only bucket, or the first of several, lies together: among many routes a lookup then misses the cache once, not three times.
DPO_ROW = np.dtype({"names": ["type", "protocol", "index"], "formats": ["u1", "u1", "i4"], "offsets": [0, 1, 4], "itemsize": 8})


class LoadBalances(Rows):
    """The engine's load-balances, a row each."""

    n_buckets: NDArray[np.int32]
    dpo: NDArray[np.void]
    offset: NDArray[np.int32]
    protocol: NDArray[np.uint8]
    hash_config: NDArray[np.uint16]
    urpf: NDArray[np.int32]
    flags: NDArray[np.uint8]
    entry_flags: NDArray[np.uint16]
    packets: NDArray[np.int64]
    bytes: NDArray[np.int64]
    via_packets: NDArray[np.int64]
    via_bytes: NDArray[np.int64]

    def __init__(self, engine: Any) -> None:
        super().__init__(
            {
                "n_buckets": ("i4", 0),
                "dpo": (DPO_ROW, np.void((int(DpoType.DROP), 0, 0), DPO_ROW)),
                "offset": ("i4", 0),
                "protocol": ("u1", 0),
                "hash_config": ("u2", FLOW_HASH_DEFAULT),
                "urpf": ("i4", -1),
                "flags": ("u1", 0),
                "entry_flags": ("u2", 0),
                "packets": ("i8", 0),
                "bytes": ("i8", 0),
                "via_packets": ("i8", 0),
                "via_bytes": ("i8", 0),
            }
        )
        self._dpos: Dpos = engine.get(Dpos)
        self._dpos.register(DpoType.LOAD_BALANCE, self._format)
        self._dpos.register_mtu(DpoType.LOAD_BALANCE, self._mtu)
        self.bucket_type = np.zeros(64, np.uint8)
        self.bucket_index = np.zeros(64, np.int32)
        self.bucket_protocol = np.zeros(64, np.uint8)
        self._bucket_end = 0
        self._free_buckets: dict[int, list[int]] = {}
        self._held: dict[int, list[Callable[[], None]]] = {}
        self._linked: set[tuple[int, int, int]] = set()
        self.create(Protocol.IP4)
        self.n_buckets[0] = 1

    @property
    def dpo_type(self) -> NDArray[np.uint8]:
        """Type of the first bucket's object, by row."""
        return self.dpo["type"]

    @property
    def dpo_protocol(self) -> NDArray[np.uint8]:
        """Its protocol."""
        return self.dpo["protocol"]

    @property
    def dpo_index(self) -> NDArray[np.int32]:
        """Its number among those of its type."""
        return self.dpo["index"]

    @property
    def multipath(self) -> bool:
        """Whether there has ever been a load-balance of several buckets."""
        return self._bucket_end > 0

    def create(self, protocol: int, hash_config: int = FLOW_HASH_DEFAULT) -> int:
        """A new load-balance without buckets; its number."""
        row = self._allocate()
        if protocol:
            self.protocol[row] = protocol
        if hash_config != FLOW_HASH_DEFAULT:
            self.hash_config[row] = hash_config
        return row

    def destroy(self, row: int) -> None:
        """Free a load-balance and its buckets."""
        self._free_range(row)
        self._release(row)
        for release in self._held.pop(row, ()):
            release()

    def update(self, row: int, next_hops: Sequence[NextHop], flags: int = 0) -> None:
        """Fill the buckets from the candidates, whose objects are taken over; none at all gives one that drops."""
        if len(next_hops) <= 1:
            dpo = next_hops[0].dpo if next_hops else DROPS[self.protocol[row]]
            if self.multipath:
                self._free_range(row)
            self._link(row, dpo)
            self.n_buckets[row] = 1
            self.dpo[row] = dpo
        else:
            dpos = [hop.dpo for hop, share in normalise(next_hops) for _ in range(share)]
            for dpo in dpos:
                self._link(row, dpo)
            self._set_many(row, dpos)
        if flags or self.flags[row]:
            self.flags[row] = flags
        held = [hop.release for hop in next_hops if hop.release is not None]
        # What was held goes last: numbers of the objects that take its place are other ones.
        for release in self._held.pop(row, ()) if self._held else ():
            release()
        if held:
            self._held[row] = held

    def _link(self, row: int, dpo: Dpo) -> None:
        """Give the object's node a slot in the nodes of the load-balance, as VPP does when it stacks one on the other."""
        link = (int(self.protocol[row]), dpo[0], dpo[1])
        if link not in self._linked:
            self._linked.add(link)
            self._dpos.slot(Protocol(link[0]), dpo)

    def update_rows(self, rows: NDArray[np.int32], dpo: Dpo, urpf: int) -> None:
        """Give many load-balances the same single bucket; all of them must have one bucket at most."""
        self._link(int(rows[0]), dpo)
        self.n_buckets[rows] = 1
        self.dpo[rows] = np.array(dpo, DPO_ROW)
        self.urpf[rows] = urpf

    def _set_many(self, row: int, dpos: list[Dpo]) -> None:
        count = len(dpos)
        if self.n_buckets[row] != count:
            self._free_range(row)
            self.offset[row] = self._take_range(count)
        offset = int(self.offset[row])
        kinds, protocols, indices = zip(*dpos, strict=True)
        self.bucket_type[offset : offset + count] = kinds
        self.bucket_protocol[offset : offset + count] = protocols
        self.bucket_index[offset : offset + count] = indices
        self.n_buckets[row] = count
        self.dpo[row] = dpos[0]

    def _take_range(self, count: int) -> int:
        free = self._free_buckets.get(count)
        if free:
            return free.pop()
        offset = self._bucket_end
        self._bucket_end += count
        if self._bucket_end > len(self.bucket_type):
            size = max(self._bucket_end, 2 * len(self.bucket_type))
            for name in ("bucket_type", "bucket_index", "bucket_protocol"):
                old = getattr(self, name)
                bigger = np.zeros(size, old.dtype)
                bigger[: len(old)] = old
                setattr(self, name, bigger)
        return offset

    def _free_range(self, row: int) -> None:
        count = int(self.n_buckets[row])
        if count > 1:
            self._free_buckets.setdefault(count, []).append(int(self.offset[row]))

    def buckets(self, row: int) -> list[Dpo]:
        """The data-path objects of all buckets, in order."""
        count = int(self.n_buckets[row])
        if count <= 1:
            return [Dpo(*self.dpo[row].item())] * count
        at = slice(int(self.offset[row]), int(self.offset[row]) + count)
        return [
            Dpo(*map(int, bucket)) for bucket in zip(self.bucket_type[at], self.bucket_protocol[at], self.bucket_index[at], strict=True)
        ]

    def is_drop(self, row: int) -> bool:
        """Whether the only bucket drops."""
        return bool(self.n_buckets[row] == 1 and self.dpo_type[row] == DpoType.DROP)

    def format(self, row: int, indent: int = 0, *, ranges: bool = True) -> str:
        """The load-balance with its buckets, equal neighbours joined to ranges when asked."""
        if self.is_free(row):
            return f"DELETED lb:{row}"
        protocol = Protocol(int(self.protocol[row]))
        buckets = self.buckets(row)
        text = (
            f"dpo-load-balance: [proto:{protocol.text} index:{row} buckets:{len(buckets)} uRPF:{self.urpf[row]} "
            f"{'flags:[uses-map] ' if self.flags[row] else ''}to:[{self.packets[row]}:{self.bytes[row]}]"
        )
        if self.via_packets[row]:
            text += f" via:[{self.via_packets[row]}:{self.via_bytes[row]}]"
        lines = [text + "]"]
        start = 0
        for position, dpo in enumerate(buckets):
            last = position + 1 == len(buckets)
            if ranges and not last and buckets[position + 1][::2] == dpo[::2]:
                continue
            span = f"{start}-{position}" if ranges and start < position else str(position)
            head = f"{' ' * (indent + 2)}[{span}] "
            lines.append(head + self._dpos.format(dpo, indent + 6, protocol, len(head)))
            start = position + 1
        return "\n".join(lines)

    def _format(self, row: int, indent: int) -> str:
        return self.format(row, indent)

    def _mtu(self, row: int) -> int:
        """What every bucket lets pass."""
        return min(map(self._dpos.mtu, self.buckets(row)), default=NO_MTU)

    def clear_counters(self) -> None:
        """Zero the route counters."""
        for counter in (self.packets, self.bytes, self.via_packets, self.via_bytes):
            counter[:] = 0
