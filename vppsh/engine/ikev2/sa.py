"""Security associations of IKE and the child SAs that they agreed on (RFC 7296, 2.1 to 2.17; VPP's ikev2_sa_t and ikev2_child_sa_t)."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

from msgspec import Struct

from vppsh.engine.fib.types import Protocol
from vppsh.engine.ikev2.crypto import Sealer, prf, prf_plus, sealer
from vppsh.engine.ikev2.groups import Agreement
from vppsh.engine.ikev2.message import SPIS
from vppsh.engine.ikev2.names import NAT_PORT, PORT, PrfId
from vppsh.engine.ikev2.payloads import Auth, Identity, Selector
from vppsh.engine.ikev2.profile import Profile
from vppsh.engine.ikev2.transforms import EncrAlgorithm, IntegAlgorithm, PrfAlgorithm, Proposal, Suite

CMAC_NONCE = 8


class State(enum.Enum):
    """How far an IKE SA is; what is shown is VPP's name."""

    SA_INIT = "SA_INIT"
    AUTH_FAILED = "AUTH_FAILED"
    AUTHENTICATED = "AUTHENTICATED"
    NOTIFY_AND_DELETE = "NOTIFY_AND_DELETE"
    TS_UNACCEPTABLE = "TS_UNACCEPTABLE"
    NO_PROPOSAL_CHOSEN = "NO_PROPOSAL_CHOSEN"


class Nat(enum.Enum):
    """Whether messages and ESP go by port 4500, because an address is translated on the way."""

    ENABLED = "if need be"
    DISABLED = "never"
    ACTIVE = "yes"


@dataclass
class Stats:
    """What was counted for an IKE SA."""

    keepalives: int = 0
    rekey_requests: int = 0
    init_requests: int = 0
    init_retransmits: int = 0
    retransmits: int = 0
    auth_requests: int = 0


class IkeKeys(Struct, frozen=True):
    """SK_d, and of each side what authenticates messages, encrypts them (with the salt), and proves its identity."""

    d: bytes
    ai: bytes
    ar: bytes
    ei: bytes
    er: bytes
    pi: bytes
    pr: bytes


class ChildKeys(Struct, frozen=True):
    """Of each direction what encrypts, the salt, and what authenticates."""

    ei: bytes
    salt_i: bytes
    ai: bytes
    er: bytes
    salt_r: bytes
    ar: bytes


@dataclass(eq=False)
class ChildSa:
    """A pair of ESP associations.

    offered    by who began the exchange, with the SPI of what comes to him
    chosen     by the other one, with the SPI of what comes to that
    initiated  whether it was us who began
    since      when it was installed; `expires_at` is when it is to be replaced, None for never
    alternate  which of two ids the inbound association has: it changes with each rekeying
    old_remote_id  of the inbound association that was replaced and goes in `old_looks` looks of the manager
    """

    offered: Proposal | None = None
    chosen: Proposal | None = None
    initiated: bool = False
    ts_i: tuple[Selector, ...] = ()
    ts_r: tuple[Selector, ...] = ()
    keys: ChildKeys | None = None
    local_sa_id: int = 0
    remote_sa_id: int = 0
    since: float = 0.0
    expires_at: float | None = None
    is_expired: bool = False
    rekey_retries: int = 0
    alternate: bool = False
    old_remote_id: int | None = None
    old_looks: int = 0

    @property
    def spi_in(self) -> int:
        """Of what comes to us, 0 while that is not known."""
        mine = self.offered if self.initiated else self.chosen
        return 0 if mine is None else mine.spi

    @property
    def spi_out(self) -> int:
        """Of what we send."""
        theirs = self.chosen if self.initiated else self.offered
        return 0 if theirs is None else theirs.spi


class RekeyRequest(Struct, frozen=True):
    """A request of ours to replace a child SA, while no answer has come."""

    message_id: int
    child: ChildSa
    offered: Proposal
    nonce: bytes


@dataclass(eq=False)
class IkeSa:
    """One IKE SA.

    iaddr, raddr   addresses of the initiator and the responder
    ports          ours and the peer's; `marked` when a marker tells messages from ESP
    last_id        of the last request of the peer, `last_response` what it was answered with
    next_id        of our next request
    critical       the type of a payload that we should know and do not
    init_request   the first message and the answer to it, which both sides authenticate
    """

    is_initiator: bool
    family: Protocol
    iaddr: int
    raddr: int
    state: State = State.SA_INIT
    index: int = -1
    ispi: int = 0
    rspi: int = 0
    i_nonce: bytes = b""
    r_nonce: bytes = b""
    agreement: Agreement | None = None
    group: int = 0
    offered: Proposal | None = None
    suite: Suite | None = None
    keys: IkeKeys | None = None
    id_i: Identity = field(default_factory=Identity)
    id_r: Identity = field(default_factory=Identity)
    peer_auth: Auth = field(default_factory=Auth)
    init_request: bytes = b""
    init_response: bytes = b""
    cookie: bytes = b""
    critical: bytes = b""
    init_answered: bool = False
    last_id: int | None = None
    last_response: bytes = b""
    next_id: int = 0
    profile: Profile | None = None
    tunnel: int | None = None
    udp_encap: bool = False
    udp_port: int | None = None
    children: list[ChildSa] = field(default_factory=list)
    rekey: RekeyRequest | None = None
    liveness_retries: int = 0
    liveness_check: float = 0.0
    local_port: int = PORT
    peer_port: int = PORT
    marked: bool = False
    sw_if_index: int = 0
    nat: Nat = Nat.ENABLED
    stats: Stats = field(default_factory=Stats)
    since: float = 0.0

    @property
    def local(self) -> int:
        """Our address."""
        return self.iaddr if self.is_initiator else self.raddr

    @property
    def remote(self) -> int:
        """The peer's address."""
        return self.raddr if self.is_initiator else self.iaddr

    def is_in(self, state: State) -> bool:
        """Whether it is that far now."""
        return self.state is state

    @property
    def nat_active(self) -> bool:
        """Whether ESP goes in UDP because of a translation."""
        return self.nat is Nat.ACTIVE

    def found_nat(self) -> None:
        """An address is translated on the way: go by port 4500, unless that is switched off. There is no such way for IPv6 in VPP."""
        if self.nat is Nat.ENABLED and self.family is Protocol.IP4:
            self.nat = Nat.ACTIVE
            if self.is_initiator:
                self.local_port = self.peer_port = NAT_PORT
                self.marked = True

    def child_of(self, spi: int, *, outbound: bool) -> ChildSa | None:
        """The child SA whose packets of a direction have an SPI."""
        return next((each for each in self.children if (each.spi_out if outbound else each.spi_in) == spi), None)

    @property
    def sealers(self) -> tuple[Sealer, Sealer] | None:
        """For what we send and for what comes; None before there are keys."""
        keys, suite = self.keys, self.suite
        if keys is None or suite is None or suite.encr is None:
            return None
        of_initiator = sealer(suite.encr, suite.integ, keys.ei, keys.ai)
        of_responder = sealer(suite.encr, suite.integ, keys.er, keys.ar)
        return (of_initiator, of_responder) if self.is_initiator else (of_responder, of_initiator)


def derive_keys(sa: IkeSa, secret: bytes, old: IkeSa | None = None) -> IkeKeys:
    """The keys of an IKE SA whose suite and nonces are known (RFC 7296, 2.14), or of one that takes the place of an old one (2.18)."""
    encr, algorithm, integ = algorithms_of(sa)
    nonces = sa.i_nonce + sa.r_nonce
    if old is not None and old.keys is not None:
        seed = prf(algorithms_of(old)[1], old.keys.d, secret + nonces)
    else:
        # AES-CMAC is treated specially: a key of its own length comes of the beginnings of both nonces.
        half = CMAC_NONCE if algorithm.id is PrfId.AES128_CMAC else None
        seed = prf(algorithm, sa.i_nonce[:half] + sa.r_nonce[:half], secret)
    integ_bytes, encr_bytes = 0 if integ is None else integ.key_bytes, encr.key_bytes + encr.salt_bytes
    sizes = (algorithm.n_bytes, integ_bytes, integ_bytes, encr_bytes, encr_bytes, algorithm.n_bytes, algorithm.n_bytes)
    return IkeKeys(*_cut(prf_plus(algorithm, seed, nonces + SPIS.pack(sa.ispi, sa.rspi), sum(sizes)), sizes))


def derive_child_keys(sa: IkeSa, child: ChildSa, nonces: bytes, secret: bytes = b"") -> ChildKeys:
    """The keys of a child SA from the nonces of its exchange, and the secret of a key exchange if there was one (RFC 7296, 2.17)."""
    assert sa.keys is not None
    assert child.chosen is not None
    _, algorithm, _ = algorithms_of(sa)
    suite = Suite(child.chosen)
    encr, integ = suite.encr, suite.integ
    assert encr is not None
    is_gmac = integ is not None and integ.is_gmac
    salt, integ_bytes = 4 if is_gmac else encr.salt_bytes, 0 if integ is None else integ.key_bytes
    sizes = (encr.key_bytes, salt, integ_bytes) * 2
    return ChildKeys(*_cut(prf_plus(algorithm, sa.keys.d, secret + nonces, sum(sizes)), sizes))


def algorithms_of(sa: IkeSa) -> tuple[EncrAlgorithm, PrfAlgorithm, IntegAlgorithm | None]:
    """What the two sides of an IKE SA agreed on."""
    assert sa.suite is not None
    encr, algorithm = sa.suite.encr, sa.suite.prf
    assert encr is not None
    assert algorithm is not None
    return encr, algorithm, sa.suite.integ


def _cut(data: bytes, sizes: tuple[int, ...]) -> list[bytes]:
    pieces, at = [], 0
    for size in sizes:
        pieces.append(data[at : at + size])
        at += size
    return pieces
