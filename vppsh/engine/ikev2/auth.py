"""IKE_AUTH: both sides prove who they are and bring up the first child SA (RFC 7296, 1.2 and 2.15)."""

from __future__ import annotations

import hmac

from msgspec.structs import replace

from vppsh.engine.ikev2.crypto import prf, psk_auth, sign, verifies
from vppsh.engine.ikev2.incoming import opened
from vppsh.engine.ikev2.message import Header
from vppsh.engine.ikev2.names import AuthMethod, Exchange, Kind, Notice, ProtocolId
from vppsh.engine.ikev2.outgoing import Body, request, respond, to_peer
from vppsh.engine.ikev2.payloads import (
    Auth,
    CriticalPayloadError,
    Identity,
    Notify,
    Payloads,
    auth_body,
    id_body,
    notify_body,
    sa_body,
    ts_body,
)  # fmt: skip
from vppsh.engine.ikev2.profile import Credential, Profile
from vppsh.engine.ikev2.sa import ChildSa, IkeSa, State, algorithms_of, derive_child_keys
from vppsh.engine.ikev2.state import Count, Datagram, IkeSas, Ikev2Error
from vppsh.engine.ikev2.transforms import Suite, is_among, proposal_of, select
from vppsh.engine.ikev2.tunnels import ChildTunnels, esp_algorithms

ESP_SPI_BYTES = 4


def signed_octets(sa: IkeSa, *, responder: bool) -> bytes:
    """What a side authenticates: its first message, the other's nonce, and its identity."""
    assert sa.keys is not None
    message, nonce, key, identity = sa.init_request, sa.r_nonce, sa.keys.pi, sa.id_i
    if responder:
        message, nonce, key, identity = sa.init_response, sa.i_nonce, sa.keys.pr, sa.id_r
    _, said = id_body(Kind.IDI, identity)
    return message + nonce + prf(algorithms_of(sa)[1], key, said)


class Authentication:
    """The second exchange, on both sides."""

    def __init__(self, sas: IkeSas, tunnels: ChildTunnels) -> None:
        self._sas, self._tunnels = sas, tunnels

    def forget_others(self, sa: IkeSa) -> None:
        """Forget what there was between the same two identities: one of them says that it begins anew.

        Of who has only begun nobody knows yet who it is.
        """
        for other in self._sas:
            known = other.is_initiator or not other.is_in(State.SA_INIT)
            if known and other is not sa and (other.id_i, other.id_r) == (sa.id_i, sa.id_r):
                self.close(other)

    def close(self, sa: IkeSa) -> None:
        """Take an IKE SA away, with its tunnels."""
        for child in list(sa.children):
            self._tunnels.remove(sa, child)
        sa.children.clear()
        self._sas.remove(sa)

    # As initiator.

    def ask(self, sa: IkeSa, datagram: Datagram) -> Datagram:
        """Our request, once there are keys."""
        child, profile = sa.children[0], sa.profile
        proof = self._proof(sa, profile.auth, responder=False) if profile is not None else None
        if proof is None or child.offered is None:
            sa.state = State.AUTH_FAILED
            bodies: list[Body] = [notify_body(Notify(Notice.AUTHENTICATION_FAILED))]
        else:
            bodies = [id_body(Kind.IDI, sa.id_i)]
            if sa.id_r.type:
                bodies.append(id_body(Kind.IDR, sa.id_r))
            bodies += [
                auth_body(proof), sa_body([child.offered]), ts_body(Kind.TSI, child.ts_i), ts_body(Kind.TSR, child.ts_r),
                notify_body(Notify(Notice.INITIAL_CONTACT)),
            ]  # fmt: skip
        message = to_peer(sa, request(sa, Exchange.IKE_AUTH, *bodies))
        if proof is None:
            self.close(sa)
        return replace(message, sw_if_index=datagram.sw_if_index)

    def answered(self, sa: IkeSa, datagram: Datagram, header: Header, count: Count) -> None:
        """The responder's answer to our request."""
        if not sa.is_in(State.SA_INIT) or header.message_id != sa.next_id - 1:
            return
        said = self._open(sa, datagram, header, count)
        if said is None:
            if not sa.is_in(State.SA_INIT):
                self._sas.initiating.pop(sa.ispi, None)
                self.close(sa)
            return
        self._sas.initiating.pop(sa.ispi, None)
        self._note_ports(sa, datagram)
        sa.peer_auth = said.auth or Auth()
        if said.id_r is not None:
            sa.id_r = said.id_r
        child = sa.children[0]
        if self._authenticate(sa) is None:
            return
        self._forget_if_told(sa, said)
        if said.notify(Notice.TS_UNACCEPTABLE) is not None:
            sa.state = State.TS_UNACCEPTABLE
            return
        self._match_selectors(sa, child, said.ts_i or child.ts_i, said.ts_r or child.ts_r)
        if sa.state is State.AUTHENTICATED:
            chosen = said.proposals[0] if len(said.proposals) == 1 else None
            if chosen is not None and child.offered is not None and is_among(chosen, child.offered):
                child.chosen = chosen
            self._install(sa, child)

    # As responder.

    def asked(self, sa: IkeSa, datagram: Datagram, header: Header, count: Count) -> Datagram | None:
        """The initiator's request; our answer."""
        if not sa.is_in(State.SA_INIT):
            return None
        count(Ikev2Error.IKE_AUTH_REQ)
        sa.stats.auth_requests += 1
        said = self._open(sa, datagram, header, count)
        if said is None:
            return None if sa.is_in(State.SA_INIT) else self._say(sa, datagram, header)
        sa.last_id = header.message_id
        self._note_ports(sa, datagram)
        sa.peer_auth, sa.id_i, sa.id_r = said.auth or Auth(), said.id_i or Identity(), said.id_r or Identity()
        child = ChildSa(said.proposals[0] if said.proposals else None)
        sa.children = [child]
        profile = self._authenticate(sa)
        if profile is None:
            return self._say(sa, datagram, header, notify_body(Notify(Notice.AUTHENTICATION_FAILED)), close=True)
        sa.id_i, sa.id_r = profile.remote_id, profile.local_id
        if profile.tunnel is not None:
            sa.tunnel = profile.tunnel
        self._forget_if_told(sa, said)
        self._match_selectors(sa, child, said.ts_i, said.ts_r)
        if sa.state is State.AUTHENTICATED:
            chosen = select(said.proposals, ProtocolId.ESP, self._sas.new_spi(ESP_SPI_BYTES), with_group=False)
            if chosen is not None:
                child.chosen, child.offered = chosen, proposal_of(said.proposals, chosen)
            self._install(sa, child)
        proof = self._proof(sa, profile.auth, responder=True) or Auth()
        identity = [id_body(Kind.IDR, sa.id_r), auth_body(proof)]
        if sa.state is State.TS_UNACCEPTABLE:
            return self._say(sa, datagram, header, notify_body(Notify(Notice.TS_UNACCEPTABLE)), *identity)
        selectors = [ts_body(Kind.TSI, child.ts_i), ts_body(Kind.TSR, child.ts_r)]
        if sa.state is State.NO_PROPOSAL_CHOSEN or child.chosen is None:
            return self._say(sa, datagram, header, notify_body(Notify(Notice.NO_PROPOSAL_CHOSEN)), *identity, *selectors)
        return self._say(sa, datagram, header, *identity, sa_body([child.chosen]), *selectors)

    def _say(self, sa: IkeSa, datagram: Datagram, header: Header, *bodies: Body, close: bool = False) -> Datagram | None:
        """Answer, and then perhaps close."""
        if sa.state is State.NOTIFY_AND_DELETE:
            bodies, close = (notify_body(Notify(Notice.UNSUPPORTED_CRITICAL_PAYLOAD, sa.critical)),), True
        answer = datagram.answer(respond(sa, header, *bodies))
        if close:
            self.close(sa)
        return answer

    # What both do.

    @staticmethod
    def _open(sa: IkeSa, datagram: Datagram, header: Header, count: Count) -> Payloads | None:
        """What a message says; None of one that cannot be read, or that the SA ends with."""
        try:
            return opened(sa, datagram, header, count)
        except CriticalPayloadError as error:
            sa.state, sa.critical = State.NOTIFY_AND_DELETE, bytes((error.kind,))
            return None

    @staticmethod
    def _note_ports(sa: IkeSa, datagram: Datagram) -> None:
        """Go on by the ports by which the peer does."""
        sa.local_port, sa.peer_port, sa.marked = datagram.dst_port, datagram.src_port, datagram.marked

    def _forget_if_told(self, sa: IkeSa, said: Payloads) -> None:
        if said.notify(Notice.INITIAL_CONTACT) is not None:
            self.forget_others(sa)

    def _proof(self, sa: IkeSa, ours: Credential, *, responder: bool) -> Auth | None:
        """What proves our identity; None when there is nothing."""
        octets = signed_octets(sa, responder=responder)
        if ours.method is AuthMethod.SHARED_KEY_MIC:
            return Auth(AuthMethod.SHARED_KEY_MIC, psk_auth(algorithms_of(sa)[1], ours.data, octets))
        if ours.method is AuthMethod.RSA_SIG and self._sas.key is not None:
            return Auth(AuthMethod.RSA_SIG, sign(self._sas.key, octets))
        return None

    def _authenticate(self, sa: IkeSa) -> Profile | None:
        """The first profile that is about these identities and by which the peer has proved to be who it says; else AUTH_FAILED."""
        octets = signed_octets(sa, responder=sa.is_initiator)
        for profile in self._sas.profiles:
            if self._is_about(profile, sa) and self._proves(sa, profile.auth, octets):
                sa.state, sa.profile = State.AUTHENTICATED, profile
                sa.since = self._sas.now
                sa.udp_encap, sa.udp_port = profile.udp_encap, profile.udp_port
                return profile
        sa.state = State.AUTH_FAILED
        return None

    @staticmethod
    def _is_about(profile: Profile, sa: IkeSa) -> bool:
        """A responder may not have been told whom the initiator wants; an initiator may take whoever answers."""
        local, remote = (sa.id_i, sa.id_r) if sa.is_initiator else (sa.id_r, sa.id_i)
        if (sa.is_initiator or local.type) and profile.local_id != local:
            return False
        return (sa.is_initiator and not profile.remote_id.type) or profile.remote_id == remote

    @staticmethod
    def _proves(sa: IkeSa, expected: Credential, octets: bytes) -> bool:
        if sa.peer_auth.method != expected.method:
            return False
        if expected.method is AuthMethod.SHARED_KEY_MIC:
            return hmac.compare_digest(psk_auth(algorithms_of(sa)[1], expected.data, octets), sa.peer_auth.data)
        return expected.key is not None and verifies(expected.key, sa.peer_auth.data, octets)

    @staticmethod
    def _match_selectors(sa: IkeSa, child: ChildSa, ts_i: tuple, ts_r: tuple) -> None:
        """Of the traffic selectors those count that are the profile's, to the letter, as in VPP."""
        assert sa.profile is not None
        ours_i, ours_r = sa.profile.local_ts, sa.profile.remote_ts
        if not sa.is_initiator:
            ours_i, ours_r = ours_r, ours_i
        if ours_i is not None and ours_r is not None and ours_i in ts_i and ours_r in ts_r:
            child.ts_i, child.ts_r = (ours_i,), (ours_r,)
        else:
            sa.state = State.TS_UNACCEPTABLE

    def _install(self, sa: IkeSa, child: ChildSa) -> None:
        """Bring the tunnel of the first child SA up."""
        if child.chosen is None or esp_algorithms(Suite(child.chosen)) is None:
            sa.state = State.NO_PROPOSAL_CHOSEN
            return
        self._tunnels.install(sa, child, derive_child_keys(sa, child, sa.i_nonce + sa.r_nonce))
        set_expiry(self._sas, sa, child)


def set_expiry(sas: IkeSas, sa: IkeSa, child: ChildSa) -> None:
    """When a child SA is to be replaced, which its IKE SA's initiator sees to: after its lifetime and some more at random."""
    if not sa.is_initiator or sa.profile is None or not sa.profile.lifetime.seconds:
        return
    lifetime = sa.profile.lifetime
    child.expires_at = sas.now + lifetime.seconds
    if lifetime.jitter:
        child.expires_at += 1 + int(sas.engine.random.integers(lifetime.jitter))
