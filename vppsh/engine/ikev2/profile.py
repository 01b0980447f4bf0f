"""Profiles: with whom to talk IKE, how to prove who one is, and what to protect (VPP's ikev2_profile_t)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from msgspec import Struct

from vppsh.engine.features.ipsec.punt import IpsecPunts
from vppsh.engine.fib.rows import Pool
from vppsh.engine.fib.types import Protocol
from vppsh.engine.ikev2.names import GMACS, ID_NAMES, NAT_PORT, PORT, AuthMethod, Encr, IdType, Integ, PrfId, name_of
from vppsh.engine.ikev2.payloads import Identity, Selector
from vppsh.engine.ikev2.transforms import ENCRS
from vppsh.engine.ipsec.udp import IpsecPorts
from vppsh.engine.punt import Punts
from vppsh.engine.udp_ports import UdpPorts
from vppsh.errors import CommandError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    from vppsh.engine.engine import Engine

NODES = {Protocol.IP4: "ikev2-ip4", Protocol.IP6: "ikev2-ip6"}
NAT_NODE = "ikev2-ip4-natt"
CLIENT = "ikev2"
SUPPORTED_IDS = (IdType.IP4_ADDR, IdType.IP6_ADDR, IdType.RFC822, IdType.FQDN)


class Credential(Struct, frozen=True):
    """The shared secret, or the certificate of the peer and the key in it.

    data    the secret, or the name of the certificate's file
    is_hex  it was given in hex and is shown so
    """

    method: AuthMethod = AuthMethod.NONE
    data: bytes = b""
    is_hex: bool = False
    key: RSAPublicKey | None = None


class Responder(Struct, frozen=True):
    """Where to begin: by an interface to an address, 0 while only the name of a host is known."""

    sw_if_index: int
    family: Protocol = Protocol.IP4
    address: int = 0
    host: str = ""


class Algorithms(Struct, frozen=True):
    """What to offer for IKE, or for ESP, by number; key lengths are bits."""

    encr: int = 0
    key_bits: int = 0
    integ: int = 0
    prf: int = PrfId.HMAC_SHA2_256
    dh: int = 0


class Lifetime(Struct, frozen=True):
    """Of a child SA: seconds and how many more at random, seconds to wait for a new one, and bytes; 0 is no limit."""

    seconds: int = 0
    jitter: int = 0
    handover: int = 0
    max_bytes: int = 0


@dataclass(eq=False)
class Profile:
    """One profile.

    tunnel    sw_if_index of the interface to protect; None lets a tunnel be made
    udp_port  where ESP in UDP is expected besides port 4500
    """

    name: str
    index: int = -1
    auth: Credential = field(default_factory=Credential)
    local_id: Identity = field(default_factory=Identity)
    remote_id: Identity = field(default_factory=Identity)
    local_ts: Selector | None = None
    remote_ts: Selector | None = None
    responder: Responder | None = None
    ike: Algorithms = field(default_factory=Algorithms)
    esp: Algorithms = field(default_factory=Algorithms)
    lifetime: Lifetime = field(default_factory=Lifetime)
    tunnel: int | None = None
    udp_encap: bool = False
    udp_port: int | None = None
    nat_disabled: bool = False

    def set_id(self, identity: Identity, *, local: bool) -> None:
        """Say who we are, or who the peer is (CommandError)."""
        if local:
            self.local_id = identity
        else:
            self.remote_id = identity

    def set_ike(self, algorithms: Algorithms) -> None:
        """Say what to offer for IKE (CommandError)."""
        aead = any(each.is_aead and each.id == algorithms.encr for each in ENCRS)
        if (algorithms.integ != Integ.NONE) == aead:
            raise CommandError("invalid cipher + integrity algorithm")
        if algorithms.encr == Encr.AES_CTR:
            raise CommandError("AES-CTR is not supported for IKE SAs")
        if algorithms.integ in GMACS:
            raise CommandError("AES-GMAC is not supported for IKE SAs")
        self.ike = algorithms

    def set_esp(self, algorithms: Algorithms) -> None:
        """Say what to offer for ESP (CommandError)."""
        if algorithms.integ in GMACS and algorithms.encr != Encr.NULL:
            raise CommandError("AES-GMAC requires null encryption")
        if algorithms.integ == Integ.AES_CMAC_96:
            raise CommandError("AES-CMAC-96 is not supported for ESP SAs")
        self.esp = algorithms


def check_id_type(kind: int) -> None:
    """Whether identities may be of a type (CommandError)."""
    if kind not in SUPPORTED_IDS:
        raise CommandError(f"unsupported identity type {name_of(ID_NAMES, kind)}")


class Profiles:
    """The profiles of an engine. While there is one, IKE listens at its ports.

    first_added  is called when there is one for the first time
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._pool = Pool()
        self._by_name: dict[str, Profile] = {}
        self._ever = False
        self.first_added: Callable[[], None] = lambda: None

    def __iter__(self) -> Iterator[Profile]:
        """In the order of their indices."""
        return (profile for profile in self._pool.items if profile is not None)

    def __getitem__(self, name: str) -> Profile:
        """The profile of a name (CommandError)."""
        found = self._by_name.get(name)
        if found is None:
            raise CommandError(f"unknown profile {name}")
        return found

    def find(self, name: str) -> Profile | None:
        """The profile of a name, if there is one."""
        return self._by_name.get(name)

    def add(self, name: str) -> Profile:
        """A new profile (CommandError)."""
        if name in self._by_name:
            raise CommandError(f"policy {name} already exists")
        profile = self._by_name[name] = Profile(name)
        profile.index = self._pool.add(profile)
        if len(self._by_name) == 1:
            self._listen()
        if not self._ever:
            self._ever = True
            self._engine.get(Punts).add_client(CLIENT)
            self.first_added()
        return profile

    def remove(self, profile: Profile) -> None:
        """Forget a profile."""
        if len(self._by_name) == 1:
            self._stop_listening()
        if profile.udp_port is not None:
            for family in Protocol.IP6, Protocol.IP4:
                self._engine.get(IpsecPorts).unregister(family, profile.udp_port)
        del self._by_name[profile.name]
        self._pool.remove(profile.index)

    def set_udp_port(self, profile: Profile, port: int) -> None:
        """Expect ESP in UDP at a port, too (CommandError)."""
        if profile.udp_port is not None:
            raise CommandError("Error: Value already exists")
        for family in Protocol.IP6, Protocol.IP4:
            self._engine.get(IpsecPorts).register(family, port)
        profile.udp_port = port

    def _listen(self) -> None:
        """What comes to port 4500 is IPsec's first, which hands over what has no SPI."""
        ports, punts = self._engine.get(UdpPorts), self._engine.get(Punts)
        for family, node in NODES.items():
            ports.register(family, PORT, node)
            self._engine.get(IpsecPorts).register(family, NAT_PORT)
        punts.register(CLIENT, punts.reasons[self._engine.get(IpsecPunts).ip4_spi_udp_0], NAT_NODE)

    def _stop_listening(self) -> None:
        ports, punts = self._engine.get(UdpPorts), self._engine.get(Punts)
        punts.unregister(CLIENT, punts.reasons[self._engine.get(IpsecPunts).ip4_spi_udp_0])
        for family in NODES:
            self._engine.get(IpsecPorts).unregister(family, NAT_PORT)
            ports.unregister(family, PORT)
