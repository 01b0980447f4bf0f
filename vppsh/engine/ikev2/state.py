"""The IKE SAs of an engine, what is set for all of them, and what goes between them and the network."""

from __future__ import annotations

import enum
import secrets
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from msgspec import Struct

from vppsh.engine.fib.rows import Pool
from vppsh.engine.fib.types import Protocol
from vppsh.engine.ikev2.crypto import load_private_key
from vppsh.engine.ikev2.message import Header
from vppsh.engine.ikev2.profile import Profiles
from vppsh.engine.ikev2.sa import ChildSa, IkeSa
from vppsh.errors import CommandError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    from vppsh.engine.engine import Engine

LIVENESS_RETRIES = 3
LIVENESS_PERIOD = 30
SLEEP_INTERVAL = 2.0
NONCE_BYTES = 32


class Ikev2Error(enum.IntEnum):
    """The counters of the nodes, in VPP's order."""

    PROCESSED = 0
    IKE_SA_INIT_RETRANSMIT = 1
    IKE_SA_INIT_IGNORE = 2
    IKE_REQ_RETRANSMIT = 3
    IKE_REQ_IGNORE = 4
    NOT_IKEV2 = 5
    BAD_LENGTH = 6
    MALFORMED_PACKET = 7
    NO_BUFF_SPACE = 8
    KEEPALIVE = 9
    REKEY_REQ = 10
    INIT_SA_REQ = 11
    IKE_AUTH_REQ = 12
    HANDOFF = 13
    HANDOFF_CONGESTION_DROP = 14


class Datagram(Struct, frozen=True):
    """A message that came, or one that is to go: `src` and `dst` are numbers of the family.

    marked       whether four zero bytes go before it, so that it is not taken for ESP
    sw_if_index  by which it came, or whose table tells the way
    """

    family: Protocol
    src: int
    dst: int
    src_port: int
    dst_port: int
    data: bytes
    marked: bool = False
    sw_if_index: int = 0

    @property
    def header(self) -> Header | None:
        """The message's header; None if it is too short for one."""
        return Header.read(self.data)

    def answer(self, data: bytes) -> Datagram:
        """A message back to the sender."""
        return Datagram(self.family, self.dst, self.src, self.dst_port, self.src_port, data, self.marked, self.sw_if_index)


Count = Callable[[Ikev2Error], None]


class IkeSas:
    """The IKE SAs of an engine, from the second message on; before that, those that we began are in `initiating`, by our SPI."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.profiles = engine.get(Profiles)
        self._pool = Pool()
        self._by_spis: dict[tuple[int, int], IkeSa] = {}
        self.initiating: dict[int, IkeSa] = {}
        self.key: RSAPrivateKey | None = None
        self.sleep_interval = SLEEP_INTERVAL
        self.liveness_period = LIVENESS_PERIOD
        self.liveness_retries = LIVENESS_RETRIES
        self.dpd_disabled = False

    def __iter__(self) -> Iterator[IkeSa]:
        """In the order of their indices; they may be removed meanwhile."""
        return iter([sa for sa in self._pool.items if sa is not None])

    def __getitem__(self, index: int) -> IkeSa:
        sa: IkeSa = self._pool.items[index]
        return sa

    @property
    def now(self) -> float:
        """Seconds on the engine's clock."""
        return self.engine.clock.now()

    def find(self, header: Header) -> IkeSa | None:
        """The SA that a message belongs to."""
        return self._by_spis.get((header.ispi, header.rspi))

    def find_child(self, spi: int) -> tuple[IkeSa, ChildSa] | None:
        """The child SA whose initiator gave it an SPI, and its IKE SA."""
        for sa in self:
            for child in sa.children:
                if child.offered is not None and child.offered.spi == spi:
                    return sa, child
        return None

    def add(self, sa: IkeSa) -> None:
        """Keep an SA whose SPIs are known."""
        sa.index = self._pool.add(sa)
        self._by_spis[sa.ispi, sa.rspi] = sa

    def replace(self, old: IkeSa, new: IkeSa) -> None:
        """Let a new SA have the place of an old one, and so the ids of its child SAs; the old one goes to another place."""
        new.index, self._pool.items[old.index] = old.index, new
        old.index = self._pool.add(old)
        self._by_spis[new.ispi, new.rspi] = new

    def remove(self, sa: IkeSa) -> None:
        """Forget an SA."""
        if self._by_spis.pop((sa.ispi, sa.rspi), None) is not None:
            self._pool.remove(sa.index)

    def new_spi(self, n_bytes: int) -> int:
        """An SPI of our own; those below 256 are reserved."""
        while True:
            spi = int.from_bytes(secrets.token_bytes(n_bytes), "big")
            if spi > 0xFF:
                return spi

    def load_key(self, path: str) -> None:
        """Sign with the private key of a file from now on (CommandError)."""
        self.key = load_private_key(path)
        if self.key is None:
            raise CommandError(f"load key '{path}' failed")

    def set_liveness(self, period: int, retries: int) -> None:
        """How often to ask whether a peer is there, and how often in vain (CommandError)."""
        if not period or not retries:
            raise CommandError("invalid args")
        self.liveness_period, self.liveness_retries = period, retries

    def set_sleep_interval(self, seconds: float) -> None:
        """How long the manager sleeps between two looks (CommandError)."""
        if not seconds:
            raise CommandError("invalid arg")
        self.sleep_interval = seconds


def new_nonce(length: int = NONCE_BYTES) -> bytes:
    """What makes an exchange one that has never been."""
    return secrets.token_bytes(length)
