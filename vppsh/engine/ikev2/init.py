"""IKE_SA_INIT: both sides agree on algorithms and keys of an IKE SA (RFC 7296, 1.2)."""

from __future__ import annotations

from msgspec.structs import replace

from vppsh.engine.fib.types import Protocol
from vppsh.engine.ikev2 import groups
from vppsh.engine.ikev2.auth import Authentication
from vppsh.engine.ikev2.groups import BadPublicValueError
from vppsh.engine.ikev2.message import HEADER, Header, nat_hash, plain_message
from vppsh.engine.ikev2.names import Exchange, Flag, Kind, Notice, ProtocolId, TransformType
from vppsh.engine.ikev2.outgoing import send, to_peer
from vppsh.engine.ikev2.payloads import (
    CriticalPayloadError,
    MalformedError,
    Notify,
    Payloads,
    build,
    ke_body,
    notify_body,
    parse,
    sa_body,
)  # fmt: skip
from vppsh.engine.ikev2.profile import Algorithms, Profile, Responder
from vppsh.engine.ikev2.sa import ChildSa, IkeSa, Nat, State, derive_keys
from vppsh.engine.ikev2.state import Count, Datagram, IkeSas, Ikev2Error, new_nonce
from vppsh.engine.ikev2.transforms import (
    ESN_NO,
    ESN_YES,
    PRFS,
    Proposal,
    Suite,
    Transform,
    find_encr,
    find_integ,
    is_among,
    select,
)  # fmt: skip
from vppsh.engine.source_address import of_interface
from vppsh.errors import CommandError

IKE_SPI_BYTES, ESP_SPI_BYTES = 8, 4
COOKIE_MOST = 64


def packed(family: Protocol, address: int) -> bytes:
    """An address as bytes."""
    return address.to_bytes(4 if family is Protocol.IP4 else 16, "big")


def offer_ike(algorithms: Algorithms) -> Proposal | None:
    """The only proposal for IKE that we make; None when it cannot be."""
    encr = find_encr(algorithms.encr, algorithms.key_bits)
    if encr is None or not encr.for_ike or (algorithms.integ and find_integ(algorithms.integ) is None):
        return None
    if all(each.id != algorithms.prf for each in PRFS) or groups.group(algorithms.dh) is None:
        return None
    integ = [Transform(TransformType.INTEG, algorithms.integ)] if algorithms.integ else []
    prf, dh = Transform(TransformType.PRF, algorithms.prf), Transform(TransformType.DH, algorithms.dh)
    return Proposal(1, ProtocolId.IKE, 0, (*encr.transforms, *integ, prf, dh))


def offer_esp(algorithms: Algorithms, spi: int) -> Proposal:
    """The only proposal for ESP that we make. As in VPP it ends where something is not supported, and the peer refuses it."""
    encr = find_encr(algorithms.encr, algorithms.key_bits)
    transforms = [] if encr is None else list(encr.transforms)
    if encr is not None and (not algorithms.integ or find_integ(algorithms.integ) is not None):
        transforms += [Transform(TransformType.INTEG, algorithms.integ)] if algorithms.integ else []
        transforms += [Transform(TransformType.ESN, ESN_YES), Transform(TransformType.ESN, ESN_NO)]
    return Proposal(1, ProtocolId.ESP, spi, tuple(transforms))


class Initiation:
    """The first exchange, on both sides."""

    def __init__(self, sas: IkeSas, authentication: Authentication) -> None:
        self._sas, self._authentication = sas, authentication

    # As initiator.

    def start(self, profile: Profile) -> None:
        """Begin an IKE SA; the manager sends the message again until it is answered (CommandError)."""
        responder = profile.responder
        if responder is None or not (responder.address or responder.host):
            raise CommandError(f"responder not set for profile {profile.name}")
        if not responder.address:
            raise CommandError("dns lookup failure")
        offered, group = offer_ike(profile.ike), groups.group(profile.ike.dh)
        if offered is None or group is None:
            raise CommandError("no DH group configured for IKE proposals!")
        source = self._source(responder)
        sa = IkeSa(True, responder.family, source or 0, responder.address)
        sa.offered = offered
        sa.ispi, sa.i_nonce, sa.group, sa.agreement = self._sas.new_spi(IKE_SPI_BYTES), new_nonce(), profile.ike.dh, group.start()
        sa.profile, sa.tunnel, sa.udp_encap, sa.udp_port = profile, profile.tunnel, profile.udp_encap, profile.udp_port
        sa.nat = Nat.DISABLED if profile.nat_disabled else Nat.ENABLED
        sa.id_i, sa.id_r, sa.sw_if_index, sa.next_id = profile.local_id, profile.remote_id, responder.sw_if_index, 1
        child = ChildSa(offer_esp(profile.esp, self._sas.new_spi(ESP_SPI_BYTES)), initiated=True)
        child.ts_i = () if profile.local_ts is None else (profile.local_ts,)
        child.ts_r = () if profile.remote_ts is None else (profile.remote_ts,)
        sa.children.append(child)
        self._authentication.forget_others(sa)
        self._sas.initiating[sa.ispi] = sa
        if source is not None:
            self.send_request(sa)

    def send_again(self, sa: IkeSa) -> None:
        """Send a message that was not answered yet, as soon as there is an address to send it from."""
        if not sa.iaddr and sa.profile is not None and sa.profile.responder is not None:
            sa.iaddr = self._source(sa.profile.responder) or 0
        if sa.iaddr:
            self.send_request(sa)

    def _source(self, responder: Responder) -> int | None:
        if responder.sw_if_index not in self._sas.engine.interfaces:
            return None
        return of_interface(self._sas.engine, responder.family, responder.sw_if_index)

    def send_request(self, sa: IkeSa) -> None:
        """Send the message, always the same one."""
        if not sa.init_request:
            sa.init_request = self._request(sa)
        send(self._sas.engine, to_peer(sa, sa.init_request))

    @staticmethod
    def _request(sa: IkeSa) -> bytes:
        assert sa.offered is not None
        assert sa.agreement is not None
        header = Header(sa.ispi, 0, Exchange.IKE_SA_INIT, Flag.INITIATOR, 0)
        source = nat_hash(sa.ispi, 0, packed(sa.family, sa.iaddr), sa.local_port)
        target = nat_hash(sa.ispi, 0, packed(sa.family, sa.raddr), sa.peer_port)
        cookie = [notify_body(Notify(Notice.COOKIE, sa.cookie))] if sa.cookie else []
        return plain_message(header, build(
            *cookie, sa_body([sa.offered]), ke_body(sa.group, sa.agreement.public), (Kind.NONCE, sa.i_nonce),
            notify_body(Notify(Notice.NAT_DETECTION_SOURCE_IP, source)),
            notify_body(Notify(Notice.NAT_DETECTION_DESTINATION_IP, target)),
        ))  # fmt: skip

    def answered(self, datagram: Datagram, header: Header, count: Count) -> Datagram | None:
        """The responder's answer; our IKE_AUTH request, or the first message once more with a cookie."""
        sa = self._sas.initiating.get(header.ispi)
        if sa is None or sa.init_answered or datagram.src != sa.raddr:
            return None
        try:
            said = parse(header.next_payload, datagram.data[HEADER.size :])
        except (MalformedError, CriticalPayloadError):
            count(Ikev2Error.MALFORMED_PACKET)
            return None
        cookie = said.notify(Notice.COOKIE)
        if not said.proposals and cookie is not None and 0 < len(cookie.data) <= COOKIE_MOST and cookie.data != sa.cookie:
            sa.cookie = cookie.data
            sa.init_request = self._request(sa)
            return replace(to_peer(sa, sa.init_request), sw_if_index=datagram.sw_if_index)
        if not self._agree(sa, header, said):
            return None
        sa.init_answered = True
        sa.init_response = datagram.data
        if self._behind_nat(sa, datagram, said, sa.rspi):
            sa.found_nat()
        self._sas.add(sa)
        return self._authentication.ask(sa, datagram)

    @staticmethod
    def _agree(sa: IkeSa, header: Header, said: Payloads) -> bool:
        """Take over what the responder chose; False when that is none of what he was offered."""
        public, offered, chosen = said.key_exchange, sa.offered, said.proposals
        if public is None or not said.nonce or not header.rspi or offered is None or sa.agreement is None or len(chosen) != 1:
            return False
        if public.group != sa.group or not is_among(chosen[0], offered):
            return False
        try:
            secret = sa.agreement.shared(public.data)
        except BadPublicValueError:
            return False
        sa.rspi, sa.r_nonce, sa.suite = header.rspi, said.nonce, Suite(chosen[0])
        sa.keys = derive_keys(sa, secret)
        return True

    @staticmethod
    def _behind_nat(sa: IkeSa, datagram: Datagram, said: Payloads, rspi: int) -> bool:
        """Whether addresses or ports are not those that the sender knows."""
        for notice, address, port in (
            (Notice.NAT_DETECTION_SOURCE_IP, datagram.src, datagram.src_port),
            (Notice.NAT_DETECTION_DESTINATION_IP, datagram.dst, datagram.dst_port),
        ):
            told = [each.data for each in said.notifies if each.type == notice]
            if told and nat_hash(sa.ispi, rspi, packed(sa.family, address), port) not in told:
                return True
        return False

    # As responder.

    def asked(self, datagram: Datagram, header: Header, count: Count) -> Datagram | None:
        """Somebody begins an IKE SA; our answer."""
        count(Ikev2Error.INIT_SA_REQ)
        if header.rspi or header.message_id:
            return None
        try:
            said = parse(header.next_payload, datagram.data[HEADER.size :])
        except MalformedError:
            count(Ikev2Error.MALFORMED_PACKET)
            return None
        except CriticalPayloadError as error:
            count(Ikev2Error.MALFORMED_PACKET)
            notify = Notify(Notice.UNSUPPORTED_CRITICAL_PAYLOAD, bytes((error.kind,)))
            return self._refuse(datagram, header, notify)
        for known in self._sas:
            if not known.is_initiator and known.ispi == header.ispi and known.iaddr == datagram.src and known.i_nonce == said.nonce:
                return self._asked_again(known, datagram, count)
        chosen = select(said.proposals, ProtocolId.IKE, 0)
        if chosen is None:
            return self._refuse(datagram, header, Notify(Notice.NO_PROPOSAL_CHOSEN))
        return self._accept(datagram, header, said, Suite(chosen), count)

    def _asked_again(self, sa: IkeSa, datagram: Datagram, count: Count) -> Datagram | None:
        if sa.state is not State.SA_INIT:
            count(Ikev2Error.IKE_SA_INIT_IGNORE)
            return None
        sa.stats.init_retransmits += 1
        count(Ikev2Error.IKE_SA_INIT_RETRANSMIT)
        return datagram.answer(sa.init_response)

    def _accept(self, datagram: Datagram, header: Header, said: Payloads, suite: Suite, count: Count) -> Datagram | None:
        public, group = said.key_exchange, groups.group(suite.dh)
        if public is None or group is None or public.group != suite.dh:
            return self._refuse(datagram, header, Notify(Notice.INVALID_KE_PAYLOAD, suite.dh.to_bytes(2, "big")))
        agreement = group.start()
        try:
            if not said.nonce:
                raise MalformedError("no nonce")
            secret = agreement.shared(public.data)
        except (BadPublicValueError, MalformedError):
            count(Ikev2Error.MALFORMED_PACKET)
            return None
        sa = IkeSa(False, datagram.family, datagram.src, datagram.dst, sw_if_index=datagram.sw_if_index)
        sa.ispi, sa.rspi, sa.suite = header.ispi, self._sas.new_spi(IKE_SPI_BYTES), suite
        sa.i_nonce, sa.r_nonce, sa.group = said.nonce, new_nonce(len(said.nonce)), suite.dh
        sa.local_port, sa.peer_port, sa.marked = datagram.dst_port, datagram.src_port, datagram.marked
        sa.init_request = datagram.data
        sa.stats.init_requests += 1
        sa.since, sa.liveness_check = self._sas.now, self._sas.now + self._sas.liveness_period
        if self._behind_nat(sa, datagram, said, 0):
            sa.found_nat()
        sa.keys = derive_keys(sa, secret)
        source = nat_hash(sa.ispi, sa.rspi, packed(sa.family, datagram.dst), datagram.dst_port)
        target = nat_hash(sa.ispi, sa.rspi, packed(sa.family, datagram.src), datagram.src_port)
        sa.init_response = plain_message(
            Header(sa.ispi, sa.rspi, Exchange.IKE_SA_INIT, Flag.RESPONSE, header.message_id),
            build(
                sa_body([suite.proposal]), ke_body(suite.dh, agreement.public), (Kind.NONCE, sa.r_nonce),
                notify_body(Notify(Notice.NAT_DETECTION_SOURCE_IP, source)),
                notify_body(Notify(Notice.NAT_DETECTION_DESTINATION_IP, target)),
            ),
        )  # fmt: skip
        self._sas.add(sa)
        return datagram.answer(sa.init_response)

    @staticmethod
    def _refuse(datagram: Datagram, header: Header, notify: Notify) -> Datagram:
        answer = Header(header.ispi, 0, Exchange.IKE_SA_INIT, Flag.RESPONSE, header.message_id)
        return datagram.answer(plain_message(answer, build(notify_body(notify))))
