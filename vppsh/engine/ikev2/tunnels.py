"""What a child SA becomes: two ESP associations with ids of VPP's, and a tunnel that they protect (ikev2_create_tunnel_interface)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from vppsh.engine.features.ipip.tunnels import IpipKey, IpipTunnel, IpipTunnels, Mode
from vppsh.engine.ikev2.names import Encr
from vppsh.engine.ikev2.sa import ChildKeys, ChildSa, IkeSa
from vppsh.engine.ikev2.transforms import Suite
from vppsh.engine.interfaces import DOWN, UP, Change, Interface, TunnelEnds
from vppsh.engine.ipsec.algorithms import CIPHER_BY_NAME, INTEGRITY_BY_NAME, NO_CIPHER, NO_INTEGRITY, Cipher, Integrity
from vppsh.engine.ipsec.protect import NextHop, Protects
from vppsh.engine.ipsec.sa import NO_PORT, SaConfig, SaFlag, SaProtocol, SaRefusedError, Sas
from vppsh.engine.ipsec.tunnel import TunnelConfig
from vppsh.errors import CommandError

if TYPE_CHECKING:
    from vppsh.engine.engine import Engine

LOCAL_ID, REMOTE_ID = 0x80000000, 0xC0000000
SA_SHIFT = 12
ALTERNATE = 0x800
"""In an inbound association's id: there are two of a child SA while it is replaced."""
HOP_LIMIT = 255
OLD_LOOKS = 4
CIPHERS = {Encr.AES_CBC: "aes-cbc", Encr.AES_CTR: "aes-ctr", Encr.AES_GCM_16: "aes-gcm"}
INTEGRITIES = {2: "sha1-96", 12: "sha-256-128", 13: "sha-384-192", 14: "sha-512-256"}


def esp_algorithms(suite: Suite) -> tuple[Cipher, Integrity] | None:
    """The algorithms of IPsec for what was agreed on; None when it has no such."""
    encr, integ = suite.encr, suite.integ
    if encr is None:
        return None
    bits = 8 * encr.key_bytes
    if integ is not None and integ.is_gmac:
        return CIPHER_BY_NAME[f"aes-null-gmac-{8 * integ.key_bytes}"], NO_INTEGRITY
    integrity = NO_INTEGRITY if integ is None else INTEGRITY_BY_NAME.get(INTEGRITIES.get(integ.id, ""))
    if integrity is None:
        return None
    if encr.id is Encr.NULL:
        return NO_CIPHER, integrity
    name = f"{CIPHERS[encr.id]}-{bits}" if encr.id in CIPHERS else "chacha20-poly1305"
    return CIPHER_BY_NAME[name], integrity


class ChildTunnels:
    """Brings the tunnels of child SAs up and down."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._sas = engine.get(Sas)
        self._protects = engine.get(Protects)
        self._ipips = engine.get(IpipTunnels)
        self._made: set[int] = set()
        engine.interfaces.subscribe(self._interface_changed)

    def install(self, sa: IkeSa, child: ChildSa, keys: ChildKeys, replaced: ChildSa | None = None) -> None:
        """Protect the tunnel by the associations of a child SA; what cannot be is passed over in silence, as in VPP.

        With `replaced` its inbound association stays for a while, so that the peer has time to change to the new one.
        """
        assert child.chosen is not None
        algorithms = esp_algorithms(Suite(child.chosen))
        if algorithms is None:
            return
        child.keys, child.since = keys, self._engine.clock.now()
        place = self._place(sa, child) if replaced is None else replaced.local_sa_id & ~LOCAL_ID
        child.local_sa_id, child.remote_sa_id = LOCAL_ID | place, REMOTE_ID | place
        interface = self._interface(sa, make=True)
        if replaced is not None:
            child.alternate = not replaced.alternate
            child.remote_sa_id |= ALTERNATE if child.alternate else 0
            child.old_remote_id, child.old_looks = replaced.remote_sa_id, OLD_LOOKS
        if interface is None:
            return
        if replaced is not None:
            self._protects.delete(interface, NextHop())
            self._unlock(replaced.local_sa_id)
        inputs = [child.remote_sa_id] + ([child.old_remote_id] if child.old_remote_id is not None else [])
        if self._add(sa, child, keys, *algorithms) and _can_be_protected(interface, in_tunnel=sa.udp_encap):
            self._protects.update(interface, NextHop(), child.local_sa_id, inputs)

    @staticmethod
    def _place(sa: IkeSa, child: ChildSa) -> int:
        """The part of its ids that tells a child SA from all others: the first that no other one of the IKE SA has."""
        taken = {each.local_sa_id & ~LOCAL_ID for each in sa.children if each is not child}
        return next(place for number in range(len(taken) + 1) if (place := sa.index << SA_SHIFT | number) not in taken)

    def remove(self, sa: IkeSa, child: ChildSa) -> None:
        """Take the associations of a child SA away, and the tunnel that was made for them."""
        interface = self._interface(sa, make=False)
        protection = None if interface is None else self._protects.find(interface, NextHop())
        last = interface is not None and (protection is None or protection.output.id == child.local_sa_id)
        if interface is not None and last:
            if sa.tunnel is not None:
                self._engine.interfaces.set_state(interface, DOWN)
            self._protects.delete(interface, NextHop())
        for sa_id in (child.remote_sa_id, child.local_sa_id, child.old_remote_id):
            self._unlock(sa_id)
        if interface is not None and last and interface.sw_if_index in self._made:
            tunnel = self._ipips.of_interface(interface.sw_if_index)
            if tunnel is not None:
                self._ipips.delete(tunnel)

    def drop_old(self, sa: IkeSa, child: ChildSa) -> None:
        """The peer has had its time: the inbound association that was replaced goes."""
        old, child.old_remote_id = child.old_remote_id, None
        interface = self._interface(sa, make=False)
        if interface is not None:
            self._protects.update(interface, NextHop(), child.local_sa_id, [child.remote_sa_id])
        self._unlock(old)

    def received_bytes(self, child: ChildSa) -> int:
        """How much came by a child SA."""
        found = self._sas.find(child.remote_sa_id)
        return 0 if found is None else int(self._sas.counters.bytes[found.index])

    def _unlock(self, sa_id: int | None) -> None:
        found = None if sa_id is None else self._sas.find(sa_id)
        if found is not None:
            self._sas.unlock(found)

    # The tunnel.

    def _interface(self, sa: IkeSa, *, make: bool) -> Interface | None:
        """The interface that an IKE SA protects: the profile's, or an IPIP tunnel between both ends, which may be made."""
        if sa.tunnel is not None:
            if sa.tunnel not in self._engine.interfaces:
                return None
            interface = self._engine.interfaces[sa.tunnel]
            if make:
                self._engine.interfaces.set_state(interface, UP)
            return interface
        number = self._ipips.keys.get(IpipKey(sa.family, Mode.P2P, sa.local, sa.remote, 0))
        if number is not None:
            found = self._ipips[number].interface
            # Somebody else's tunnel is left alone.
            return found if found.sw_if_index in self._made else None
        if not make:
            return None
        try:
            made = self._ipips.add(IpipTunnel(Mode.P2P, sa.family, sa.local, sa.remote, 0, -1))
        except CommandError:
            # Its name is that of a tunnel whose number the user chose.
            return None
        self._made.add(made.interface.sw_if_index)
        return made.interface

    def _interface_changed(self, change: Change, interface: Interface) -> None:
        if change is Change.DELETED:
            self._made.discard(interface.sw_if_index)

    # The associations.

    def _add(self, sa: IkeSa, child: ChildSa, keys: ChildKeys, cipher: Cipher, integrity: Integrity) -> bool:
        """Both associations, or none."""
        flags = SaFlag.ANTI_REPLAY
        if sa.udp_encap:
            flags |= SaFlag.TUNNEL | SaFlag.UDP_ENCAP
        if sa.nat_active:
            flags |= SaFlag.UDP_ENCAP
        assert child.chosen is not None
        if Suite(child.chosen).extended:
            flags |= SaFlag.ESN
        directions = [Direction(keys.ei, keys.salt_i, keys.ai), Direction(keys.er, keys.salt_r, keys.ar)]
        ours, theirs = directions if child.initiated else reversed(directions)
        port = NO_PORT if sa.udp_port is None else sa.udp_port
        there, back = TunnelEnds(sa.family, sa.local, sa.remote), TunnelEnds(sa.family, sa.remote, sa.local)
        out = SaConfig(
            child.local_sa_id, child.spi_out, SaProtocol.ESP, cipher, ours.cipher_key, integrity, ours.integrity_key, ours.salt_number,
            flags, port, sa.peer_port if sa.nat_active else port, tunnel=_tunnel(there),
        )  # fmt: skip
        inside = SaConfig(
            child.remote_sa_id, child.spi_in, SaProtocol.ESP, cipher, theirs.cipher_key, integrity, theirs.integrity_key,
            theirs.salt_number, flags | SaFlag.INBOUND, port, port, tunnel=_tunnel(back),
        )  # fmt: skip
        try:
            made = self._sas.add(out)
        except SaRefusedError:
            return False
        try:
            self._sas.add(inside)
        except SaRefusedError:
            self._sas.unlock(made)
            return False
        return True


class Direction(Struct, frozen=True):
    """The keys of one direction: what encrypts, the salt, what authenticates. A GMAC's key is one of the last kind in IKE."""

    encr: bytes
    salt: bytes
    integ: bytes

    @property
    def cipher_key(self) -> bytes:
        """The key of what IPsec calls a cipher."""
        return self.encr or (self.integ if self.salt else b"")

    @property
    def integrity_key(self) -> bytes:
        """The key of what IPsec calls an integrity algorithm."""
        return self.integ if self.encr or not self.salt else b""

    @property
    def salt_number(self) -> int:
        """The salt as a number."""
        return int.from_bytes(self.salt, "big")


def _can_be_protected(interface: Interface, *, in_tunnel: bool) -> bool:
    """Whether an interface is a tunnel, or one that leaves the outer header to associations in tunnel mode."""
    ends_of = interface.hardware.device_class.tunnel_ends
    ends = ends_of(interface) if ends_of is not None else None
    return ends is not None and (bool(ends.src) or in_tunnel)


def _tunnel(ends: TunnelEnds) -> TunnelConfig:
    return TunnelConfig(ends.family, ends.src, ends.family, ends.dst, hop_limit=HOP_LIMIT)
