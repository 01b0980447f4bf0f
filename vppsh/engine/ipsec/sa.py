"""Security associations: keys, numbers, windows and counters of one direction of protected traffic (RFC 4301, 4.1).

VPP counterpart: vnet/ipsec/ipsec_sa.c. An association is known by the id that the user gave, in listings and on the wire by its
index and SPI. Policies, tunnels and the user each hold a lock; the last one takes it away.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import field
from typing import TYPE_CHECKING, Any

import numpy as np
from msgspec import Struct

from vppsh.engine.counters import CombinedCounter, SimpleCounter
from vppsh.engine.fib.rows import Pool
from vppsh.engine.fib.types import Protocol
from vppsh.engine.ipsec.algorithms import NO_CIPHER, NO_INTEGRITY, Cipher, Integrity, go_together
from vppsh.engine.ipsec.crypto import Hmac, Transform, make_transform
from vppsh.engine.ipsec.replay import MINIMUM, ReplayWindow, window_size
from vppsh.engine.ipsec.tunnel import SaTunnel, TunnelConfig
from vppsh.engine.ipsec.udp import IpsecPorts
from vppsh.engine.wire import ip_protocol

if TYPE_CHECKING:
    from vppsh.engine.engine import Engine

MAX_KEY = 128
NO_PORT = 0xFFFF
IPSEC_PORT = 4500
ESP_ALIGNMENT = 4
MAX_NUMBER = (1 << 32) - 1
MAX_EXTENDED_NUMBER = (1 << 64) - 1
NO_THREAD = 0xFFFF


class SaProtocol(enum.Enum):
    """Encapsulating security payload, or authentication header."""

    AH = "ah"
    ESP = "esp"


class SaFlag:
    """Properties of an association."""

    ESN = 1
    ANTI_REPLAY = 2
    TUNNEL = 4
    TUNNEL_V6 = 8
    UDP_ENCAP = 16
    PROTECT = 32
    INBOUND = 64
    ASYNC = 512
    NO_ALGO_NO_DROP = 1024


SA_FLAG_NAMES = {
    SaFlag.ESN: "esn", SaFlag.ANTI_REPLAY: "anti-replay", SaFlag.TUNNEL: "tunnel", SaFlag.TUNNEL_V6: "tunnel-v6",
    SaFlag.UDP_ENCAP: "udp-encap", SaFlag.PROTECT: "Protect", SaFlag.INBOUND: "inbound", SaFlag.ASYNC: "async",
    SaFlag.NO_ALGO_NO_DROP: "no-algo-no-drop",
}  # fmt: skip


class SaError(enum.IntEnum):
    """What is counted against an association, in the order in which it is shown."""

    LOST = 0
    HANDOFF = 1
    INTEG_ERROR = 2
    DECRYPTION_FAILED = 3
    CRYPTO_ENGINE_ERROR = 4
    REPLAY = 5
    RUNT = 6
    NO_BUFFERS = 7
    OVERSIZED_HEADER = 8
    NO_TAIL_SPACE = 9
    TUN_NO_PROTO = 10
    UNSUP_PAYLOAD = 11
    SEQ_CYCLED = 12
    CRYPTO_QUEUE_FULL = 13
    NO_ENCRYPTION = 14
    DROP_FRAGMENTS = 15


SA_ERROR_TEXTS = (
    "packets lost", "hand-off", "Integrity check failed", "Decryption failed", "crypto engine error (dropped)",
    "SA replayed packet", "undersized packet", "no buffers (dropped)", "buffer with oversized header (dropped)",
    "no enough buffer tail space (dropped)", "no tunnel protocol", "unsupported payload", "sequence number cycled (dropped)",
    "crypto queue full (dropped)", "no Encrypting SA (dropped)", "IP fragments drop",
)  # fmt: skip


class SaRefusedError(Exception):
    """An association that cannot be; `code` is VPP's number of the reason."""

    def __init__(self, code: int) -> None:
        super().__init__(f"failed: {code}")
        self.code = code


EXISTS, NO_ENTRY, UNIMPLEMENTED, KEY_LENGTH, NO_TABLE = -116, -6, -9, -156, -3


class SaConfig(Struct, frozen=True):
    """An association as it was asked for; a port that is NO_PORT was not given."""

    id: int
    spi: int
    protocol: SaProtocol = SaProtocol.ESP
    cipher: Cipher = NO_CIPHER
    cipher_key: bytes = b""
    integrity: Integrity = NO_INTEGRITY
    integrity_key: bytes = b""
    salt: int = 0
    flags: int = 0
    src_port: int = NO_PORT
    dst_port: int = NO_PORT
    window: int = 0
    tunnel: TunnelConfig = field(default_factory=TunnelConfig)


class Sa:
    """One association.

    sent      the last sequence number that went out
    window    what came in
    iv_base   IVs are this number and those after it
    around    what the last packets got for headers, and for what that was
    inside    what was found in the last packets that all said the same, and what they said
    thread    the only one there is, or NO_THREAD until the first packet after the association was unbound
    """

    def __init__(self, engine: Engine, config: SaConfig, index: int) -> None:
        self.index = index
        self.id, self.spi, self.protocol, self.salt = config.id, config.spi, config.protocol, config.salt
        self.flags = config.flags
        self.cipher = config.cipher if config.protocol is SaProtocol.ESP else NO_CIPHER
        self.cipher_key, self.integrity = config.cipher_key, config.integrity
        self.integrity_key = config.integrity_key
        self.src_port, self.dst_port = 0, 0
        self.locks = 1
        self.thread = 0
        self.sent = 0
        size = window_size(config.window) if self.has(SaFlag.ANTI_REPLAY) else MINIMUM
        self.window = ReplayWindow(size, checks=self.has(SaFlag.ANTI_REPLAY), extended=self.has(SaFlag.ESN))
        self.tunnel = SaTunnel(engine, config.tunnel, f"ipsec-sa:{index}")
        key = self.cipher_key if self.cipher is not NO_CIPHER else b""
        self.transform: Transform | None = make_transform(self.cipher, key, self.salt, self.integrity, self.integrity_key)
        self.hmac = Hmac(self.integrity, self.integrity_key) if self.integrity is not NO_INTEGRITY else None
        self.iv_base = int(engine.random.integers(0, 1 << 64, dtype=np.uint64))
        self.outer_header = b""
        self.around: tuple[object, Any] | None = None
        self.inside: tuple[object, Any] | None = None

    def has(self, flag: int) -> bool:
        """Whether a flag is set."""
        return bool(self.flags & flag)

    @property
    def extended(self) -> bool:
        """Whether sequence numbers have 64 bits."""
        return self.has(SaFlag.ESN)

    @property
    def max_number(self) -> int:
        """The last sequence number that may go out."""
        return MAX_EXTENDED_NUMBER if self.extended else MAX_NUMBER

    @property
    def icv_bytes(self) -> int:
        """How long the check value of a packet is."""
        return self.cipher.icv_bytes or self.integrity.icv_bytes

    @property
    def alignment(self) -> int:
        """What ESP pads to."""
        return max(ESP_ALIGNMENT, self.cipher.block)

    @property
    def encrypts_nothing(self) -> bool:
        """Whether packets must not leave by it: it has no algorithm, and nobody said that this is meant."""
        return self.cipher is NO_CIPHER and self.integrity is NO_INTEGRITY and not self.has(SaFlag.NO_ALGO_NO_DROP)

    @property
    def outer_is_known(self) -> bool:
        """Whether it is a tunnel's: packets that arrive by it come from the far end."""
        return self.has(SaFlag.TUNNEL)

    @property
    def outer_protocol(self) -> int:
        """The IP protocol of what it sends."""
        if self.has(SaFlag.UDP_ENCAP):
            return ip_protocol.UDP
        return ip_protocol.IPSEC_AH if self.protocol is SaProtocol.AH else ip_protocol.IPSEC_ESP

    def take_numbers(self, n: int) -> int:
        """Use the next `n` sequence numbers, fewer when they end; how many there were."""
        taken = min(n, self.max_number - self.sent)
        self.sent += taken
        return taken


class Sas:
    """The associations of an engine.

    counters    packets and bytes by index
    errors      packets by SaError and index
    async_mode  what somebody set it to; packets are handled at once all the same
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._pool = Pool()
        self._by_id: dict[int, Sa] = {}
        self._ports: IpsecPorts = engine.get(IpsecPorts)
        self.async_mode = False
        self.counters = CombinedCounter()
        self.errors = tuple(SimpleCounter() for _ in SaError)

    def __iter__(self) -> Iterator[Sa]:
        """In the order of their indices."""
        return (sa for sa in self._pool.items if sa is not None)

    def __getitem__(self, index: int) -> Sa:
        sa: Sa = self._pool.items[index]
        return sa

    def at(self, index: int) -> Sa | None:
        """The association of an index, if there is one."""
        found: Sa | None = self._pool.get(index)
        return found

    def find(self, sa_id: int) -> Sa | None:
        """The association of an id, if there is one."""
        return self._by_id.get(sa_id)

    def add(self, config: SaConfig) -> Sa:
        """A new association; SaRefusedError says why not."""
        if config.id in self._by_id:
            raise SaRefusedError(EXISTS)
        cipher = config.cipher if config.protocol is SaProtocol.ESP else NO_CIPHER
        if config.protocol is SaProtocol.AH and config.integrity is NO_INTEGRITY:
            raise SaRefusedError(UNIMPLEMENTED)
        if not go_together(cipher, config.integrity):
            raise SaRefusedError(UNIMPLEMENTED)
        if cipher is not NO_CIPHER and config.cipher_key and len(config.cipher_key) != cipher.key_bytes:
            raise SaRefusedError(KEY_LENGTH)
        index = self._pool.add(None)
        sa = self._pool.items[index] = Sa(self._engine, config, index)
        if sa.has(SaFlag.TUNNEL):
            self._set_up_tunnel(sa)
        self._set_ports(sa, config)
        self.counters.ensure(index)
        for counter in self.errors:
            counter.ensure(index)
        self.clear(sa)
        self._by_id[sa.id] = sa
        return sa

    def delete(self, sa_id: int) -> None:
        """Let go of an association for the user; it stays while others need it."""
        sa = self._by_id.get(sa_id)
        if sa is None:
            raise SaRefusedError(NO_ENTRY)
        self.unlock(sa)

    def lock(self, sa: Sa) -> None:
        """Keep an association."""
        sa.locks += 1

    def unlock(self, sa: Sa) -> None:
        """Let go of an association; nobody's is taken away."""
        sa.locks -= 1
        if sa.locks:
            return
        del self._by_id[sa.id]
        sa.tunnel.unresolve()
        if sa.has(SaFlag.UDP_ENCAP) and sa.has(SaFlag.INBOUND):
            self._ports.unregister(_family(sa), sa.dst_port)
        self._pool.remove(sa.index)

    def clear(self, sa: Sa) -> None:
        """Set what was counted for an association to zero."""
        self.counters.clear(sa.index)
        for counter in self.errors:
            counter.clear(sa.index)

    def clear_counters(self) -> None:
        """Set all counters to zero."""
        self.counters.clear()
        for counter in self.errors:
            counter.clear()

    def count_error(self, sa: Sa, error: SaError, n: int = 1) -> None:
        """Count packets against an association."""
        self.errors[error].add(sa.index, n)

    def _set_up_tunnel(self, sa: Sa) -> None:
        if sa.tunnel.config.family is Protocol.IP6:
            sa.flags |= SaFlag.TUNNEL_V6
        if not sa.has(SaFlag.INBOUND) and not sa.tunnel.resolve():
            self._pool.remove(sa.index)
            raise SaRefusedError(NO_TABLE)
        sa.outer_header = sa.tunnel.header(sa.outer_protocol)

    def _set_ports(self, sa: Sa, config: SaConfig) -> None:
        if not sa.has(SaFlag.UDP_ENCAP):
            return
        sa.src_port = IPSEC_PORT if config.src_port == NO_PORT else config.src_port
        sa.dst_port = IPSEC_PORT if config.dst_port == NO_PORT else config.dst_port
        if sa.has(SaFlag.INBOUND):
            self._ports.register(_family(sa), sa.dst_port)


def _family(sa: Sa) -> Protocol:
    return Protocol.IP6 if sa.has(SaFlag.TUNNEL_V6) else Protocol.IP4
