"""CREATE_CHILD_SA: child SAs are replaced or made, IKE SAs are replaced (RFC 7296, 1.3, 2.8, 2.17 and 2.18)."""

from __future__ import annotations

from dataclasses import replace

from vppsh.engine.ikev2 import groups
from vppsh.engine.ikev2.auth import ESP_SPI_BYTES, set_expiry
from vppsh.engine.ikev2.groups import BadPublicValueError
from vppsh.engine.ikev2.message import Header
from vppsh.engine.ikev2.names import Exchange, Kind, Notice, ProtocolId
from vppsh.engine.ikev2.outgoing import Body, request, respond, send, to_peer
from vppsh.engine.ikev2.payloads import Delete, Notify, Payloads, Selector, delete_body, ke_body, notify_body, sa_body, ts_body
from vppsh.engine.ikev2.sa import ChildSa, IkeSa, RekeyRequest, Stats, derive_child_keys, derive_keys
from vppsh.engine.ikev2.state import Count, IkeSas, Ikev2Error, new_nonce
from vppsh.engine.ikev2.transforms import Proposal, Suite, is_among, proposal_of, select
from vppsh.engine.ikev2.tunnels import ChildTunnels, esp_algorithms

IKE_SPI_BYTES = 8


class RefusedError(Exception):
    """Why a request is not granted."""

    def __init__(self, notice: Notice, data: bytes = b"") -> None:
        super().__init__(notice.name)
        self.notify = Notify(notice, data)


class Children:
    """The exchange, on both sides."""

    def __init__(self, sas: IkeSas, tunnels: ChildTunnels) -> None:
        self._sas, self._tunnels = sas, tunnels

    # We ask.

    def rekey(self, sa: IkeSa, child: ChildSa) -> None:
        """Ask the peer to replace a child SA."""
        if child.offered is None or child.chosen is None:
            return
        transforms = child.offered.transforms if child.initiated else child.chosen.transforms
        offered = Proposal(1, ProtocolId.ESP, self._sas.new_spi(ESP_SPI_BYTES), transforms)
        pending = sa.rekey = RekeyRequest(sa.next_id, child, offered, new_nonce())
        ts_i, ts_r = _selectors(child, initiated=True)
        message = request(
            sa, Exchange.CREATE_CHILD_SA, sa_body([offered]), (Kind.NONCE, pending.nonce), ts_body(Kind.TSI, ts_i),
            ts_body(Kind.TSR, ts_r), notify_body(Notify(Notice.REKEY_SA, b"", ProtocolId.ESP, child.spi_in)),
        )  # fmt: skip
        send(self._sas.engine, to_peer(sa, message))

    def answered(self, sa: IkeSa, header: Header, said: Payloads, count: Count) -> None:
        """What the peer says to that."""
        pending = sa.rekey
        if pending is None or header.message_id != pending.message_id:
            return
        sa.rekey = None
        chosen = said.proposals[0] if len(said.proposals) == 1 else None
        usable = chosen is not None and is_among(chosen, pending.offered) and esp_algorithms(Suite(chosen)) is not None
        if chosen is None or not usable or not said.nonce or pending.child not in sa.children:
            count(Ikev2Error.MALFORMED_PACKET)
            return
        ts_i, ts_r = _selectors(pending.child, initiated=True)
        new = ChildSa(pending.offered, chosen, initiated=True, ts_i=said.ts_i or ts_i, ts_r=said.ts_r or ts_r)
        self._replace(sa, pending.child, new, pending.nonce + said.nonce)
        # Who has asked for the new one takes the old one away.
        message = request(sa, Exchange.INFORMATIONAL, delete_body(Delete(ProtocolId.ESP, (pending.child.spi_in,))))
        send(self._sas.engine, to_peer(sa, message))

    # The peer asks.

    def asked(self, sa: IkeSa, header: Header, said: Payloads, count: Count) -> bytes | None:
        """What the peer wants; our answer."""
        if not said.proposals or not said.nonce:
            count(Ikev2Error.MALFORMED_PACKET)
            return None
        rekeyed, of_ike = said.notify(Notice.REKEY_SA), said.proposals[0].protocol == ProtocolId.IKE
        if rekeyed is not None or of_ike:
            count(Ikev2Error.REKEY_REQ)
            sa.stats.rekey_requests += 1
        try:
            if of_ike:
                return self._replace_ike(sa, header, said)
            return respond(sa, header, *self._new_child(sa, said, rekeyed))
        except RefusedError as error:
            return respond(sa, header, notify_body(error.notify))

    def _new_child(self, sa: IkeSa, said: Payloads, rekeyed: Notify | None) -> list[Body]:
        old = None if rekeyed is None else sa.child_of(rekeyed.spi, outbound=True)
        if rekeyed is not None and old is None:
            raise RefusedError(Notice.CHILD_SA_NOT_FOUND)
        if old is not None and old.old_remote_id is not None:
            raise RefusedError(Notice.TEMPORARY_FAILURE)
        public = said.key_exchange
        chosen = select(said.proposals, ProtocolId.ESP, self._sas.new_spi(ESP_SPI_BYTES), with_group=public is not None)
        if chosen is None or esp_algorithms(Suite(chosen)) is None:
            raise RefusedError(Notice.NO_PROPOSAL_CHOSEN)
        shared, key_exchange = b"", []
        if public is not None:
            shared, ours = self._agree(public.group, public.data, Suite(chosen).dh)
            key_exchange = [ke_body(public.group, ours)]
        ts_i, ts_r = self._wanted(sa, old)
        if not set(ts_i) <= set(said.ts_i) or not set(ts_r) <= set(said.ts_r):
            raise RefusedError(Notice.TS_UNACCEPTABLE)
        offered = proposal_of(said.proposals, chosen)
        new, nonce = ChildSa(offered, chosen, ts_i=ts_i, ts_r=ts_r), new_nonce(len(said.nonce))
        if old is None:
            sa.children.append(new)
            self._install(sa, new, shared, said.nonce + nonce)
        else:
            self._replace(sa, old, new, said.nonce + nonce, shared)
        return [sa_body([chosen]), (Kind.NONCE, nonce), *key_exchange, ts_body(Kind.TSI, ts_i), ts_body(Kind.TSR, ts_r)]

    @staticmethod
    def _agree(group: int, public: bytes, chosen: int) -> tuple[bytes, bytes]:
        """The secret that both sides know, and what the peer has to be told for it."""
        found = groups.group(chosen)
        if found is None or group != chosen:
            raise RefusedError(Notice.INVALID_KE_PAYLOAD, chosen.to_bytes(2, "big"))
        agreement = found.start()
        try:
            return agreement.shared(public), agreement.public
        except BadPublicValueError as error:
            raise RefusedError(Notice.INVALID_SYNTAX) from error

    @staticmethod
    def _wanted(sa: IkeSa, old: ChildSa | None) -> tuple[tuple[Selector, ...], tuple[Selector, ...]]:
        """The selectors of the peer and ours: those of the child SA that is replaced, or of the profile."""
        if old is not None:
            return _selectors(old, initiated=False)
        profile = sa.profile
        if profile is None or profile.local_ts is None or profile.remote_ts is None:
            raise RefusedError(Notice.TS_UNACCEPTABLE)
        return (profile.remote_ts,), (profile.local_ts,)

    def _replace_ike(self, sa: IkeSa, header: Header, said: Payloads) -> bytes:
        """A new IKE SA takes over what the old one has, which the peer will delete."""
        chosen = select(said.proposals, ProtocolId.IKE, self._sas.new_spi(IKE_SPI_BYTES))
        if chosen is None:
            raise RefusedError(Notice.NO_PROPOSAL_CHOSEN)
        offered = proposal_of(said.proposals, chosen)
        if not offered.spi:
            raise RefusedError(Notice.INVALID_SYNTAX)
        if said.key_exchange is None:
            raise RefusedError(Notice.INVALID_KE_PAYLOAD, Suite(chosen).dh.to_bytes(2, "big"))
        shared, ours = self._agree(said.key_exchange.group, said.key_exchange.data, Suite(chosen).dh)
        nonce = new_nonce(len(said.nonce))
        # The peer has begun the new one, whoever began the old one.
        identities = (sa.id_r, sa.id_i) if sa.is_initiator else (sa.id_i, sa.id_r)
        new = replace(
            sa, is_initiator=False, iaddr=sa.remote, raddr=sa.local, ispi=offered.spi, rspi=chosen.spi, i_nonce=said.nonce, r_nonce=nonce,
            agreement=None, group=Suite(chosen).dh, offered=offered, suite=Suite(chosen), keys=None, id_i=identities[0],
            id_r=identities[1], init_request=b"", init_response=b"", last_id=None, last_response=b"", next_id=0, rekey=None,
            liveness_retries=0, stats=Stats(),
        )  # fmt: skip
        new.keys = derive_keys(new, shared, sa)
        answer = respond(sa, header, sa_body([chosen], ike_spi=True), (Kind.NONCE, nonce), ke_body(new.group, ours))
        sa.children = []
        self._sas.replace(sa, new)
        return answer

    # What both do.

    def _replace(self, sa: IkeSa, old: ChildSa, new: ChildSa, nonces: bytes, secret: bytes = b"") -> None:
        """Let a new child SA have the place of an old one, whose inbound association stays for a while."""
        if old.old_remote_id is not None:
            self._tunnels.drop_old(sa, old)
        sa.children[sa.children.index(old)] = new
        self._install(sa, new, secret, nonces, old)

    def _install(self, sa: IkeSa, new: ChildSa, secret: bytes, nonces: bytes, old: ChildSa | None = None) -> None:
        self._tunnels.install(sa, new, derive_child_keys(sa, new, nonces, secret), old)
        set_expiry(self._sas, sa, new)


def _selectors(child: ChildSa, *, initiated: bool) -> tuple[tuple[Selector, ...], tuple[Selector, ...]]:
    """The selectors of a child SA, those of who begins the next exchange first: us, or the peer."""
    return (child.ts_i, child.ts_r) if child.initiated == initiated else (child.ts_r, child.ts_i)
