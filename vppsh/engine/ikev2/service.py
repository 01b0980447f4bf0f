"""IKEv2 of an engine: what comes is handed to the exchange that it is part of; what the user and the manager want done.

VPP counterpart: ikev2_node_internal and the ikev2_initiate functions of plugins/ikev2/ikev2.c.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vppsh.engine.ikev2.auth import Authentication
from vppsh.engine.ikev2.child import Children
from vppsh.engine.ikev2.incoming import opened
from vppsh.engine.ikev2.init import Initiation
from vppsh.engine.ikev2.message import Header
from vppsh.engine.ikev2.names import VERSION, Exchange, Notice, ProtocolId
from vppsh.engine.ikev2.outgoing import request, respond, send, to_peer
from vppsh.engine.ikev2.payloads import CriticalPayloadError, Delete, Notify, Payloads, delete_body, notify_body
from vppsh.engine.ikev2.profile import Profile
from vppsh.engine.ikev2.sa import ChildSa, IkeSa, State
from vppsh.engine.ikev2.state import Count, Datagram, IkeSas, Ikev2Error
from vppsh.engine.ikev2.tunnels import ChildTunnels
from vppsh.engine.interfaces import Change, Interface
from vppsh.errors import CommandError

if TYPE_CHECKING:
    from vppsh.engine.engine import Engine

LOCAL0 = 0


class Ikev2:
    """Sends and receives, and changes SAs when it is told to."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.sas = engine.get(IkeSas)
        self.tunnels = engine.get(ChildTunnels)
        self._authentication = Authentication(self.sas, self.tunnels)
        self._initiation = Initiation(self.sas, self._authentication)
        self._children = Children(self.sas, self.tunnels)
        engine.interfaces.subscribe(self._interface_changed)

    # What comes.

    def receive(self, datagram: Datagram, count: Count) -> Datagram | None:
        """Handle a message; what there is to answer."""
        header = datagram.header
        if header is None or header.length != len(datagram.data):
            count(Ikev2Error.BAD_LENGTH)
            return None
        if header.version != VERSION:
            count(Ikev2Error.NOT_IKEV2)
            return None
        if header.exchange == Exchange.IKE_SA_INIT:
            if header.from_initiator and not header.is_response:
                return self._initiation.asked(datagram, header, count)
            if header.is_response and not header.from_initiator:
                return self._initiation.answered(datagram, header, count)
            return None
        sa = self.sas.find(header)
        # What we have sent ourselves may come back, but it says nothing.
        if sa is None or sa.is_initiator == header.from_initiator:
            return None
        if header.is_response:
            self._answered(sa, datagram, header, count)
            return None
        if sa.last_id is not None and header.message_id <= sa.last_id:
            return self._asked_again(sa, datagram, header, count)
        return self._asked(sa, datagram, header, count)

    @staticmethod
    def _asked_again(sa: IkeSa, datagram: Datagram, header: Header, count: Count) -> Datagram | None:
        if header.message_id != sa.last_id or not sa.last_response:
            count(Ikev2Error.IKE_REQ_IGNORE)
            return None
        sa.stats.retransmits += 1
        count(Ikev2Error.IKE_REQ_RETRANSMIT)
        return datagram.answer(sa.last_response)

    def _asked(self, sa: IkeSa, datagram: Datagram, header: Header, count: Count) -> Datagram | None:
        if header.exchange == Exchange.IKE_AUTH:
            return None if sa.is_initiator else self._authentication.asked(sa, datagram, header, count)
        try:
            said = opened(sa, datagram, header, count)
        except CriticalPayloadError as error:
            sa.last_id = header.message_id
            notify = Notify(Notice.UNSUPPORTED_CRITICAL_PAYLOAD, bytes((error.kind,)))
            return datagram.answer(respond(sa, header, notify_body(notify)))
        if said is None:
            return None
        sa.last_id, sa.liveness_retries = header.message_id, 0
        if header.exchange == Exchange.INFORMATIONAL:
            answer = self._informed(sa, header, said, count)
        elif header.exchange == Exchange.CREATE_CHILD_SA and sa.state is State.AUTHENTICATED:
            answer = self._children.asked(sa, header, said, count)
        else:
            answer = None
        return None if answer is None else datagram.answer(answer)

    def _answered(self, sa: IkeSa, datagram: Datagram, header: Header, count: Count) -> None:
        if header.message_id >= sa.next_id:
            return
        if header.exchange == Exchange.IKE_AUTH:
            if sa.is_initiator:
                self._authentication.answered(sa, datagram, header, count)
            return
        try:
            said = opened(sa, datagram, header, count)
        except CriticalPayloadError:
            return
        if said is None:
            return
        sa.liveness_retries = 0
        if header.exchange == Exchange.CREATE_CHILD_SA:
            self._children.answered(sa, header, said, count)
        elif header.exchange == Exchange.INFORMATIONAL:
            self._deleted(sa, said)

    def _informed(self, sa: IkeSa, header: Header, said: Payloads, count: Count) -> bytes | None:
        """The peer says that something is over, or only asks whether we are there."""
        if said.notify(Notice.AUTHENTICATION_FAILED) is not None:
            self._authentication.close(sa)
            return None
        if any(each.protocol == ProtocolId.IKE for each in said.deletes):
            answer = respond(sa, header)
            self._authentication.close(sa)
            return answer
        gone = self._deleted(sa, said)
        if gone:
            return respond(sa, header, delete_body(Delete(ProtocolId.ESP, tuple(gone))))
        count(Ikev2Error.KEEPALIVE)
        sa.stats.keepalives += 1
        return respond(sa, header)

    def _deleted(self, sa: IkeSa, said: Payloads) -> list[int]:
        """Take away the child SAs that the peer has deleted; the SPIs of what came to us by them."""
        gone = []
        for delete in said.deletes:
            for spi in delete.spis if delete.protocol == ProtocolId.ESP else ():
                # VPP as responder names what came to its peer, instead of what came to itself.
                child = sa.child_of(spi, outbound=True) or sa.child_of(spi, outbound=False)
                if child is not None:
                    gone.append(child.spi_in)
                    self._forget_child(sa, child)
        return gone

    def _forget_child(self, sa: IkeSa, child: ChildSa) -> None:
        self.tunnels.remove(sa, child)
        sa.children.remove(child)

    # What the user wants.

    def initiate(self, name: str) -> None:
        """Begin an IKE SA with a profile's responder (CommandError)."""
        self._initiation.start(self.sas.profiles[name])

    def delete_ike(self, ispi: int) -> None:
        """Delete the IKE SA whose initiator has an SPI (CommandError)."""
        found = next((sa for sa in self.sas if sa.ispi == ispi), None)
        if found is None:
            raise CommandError("IKE SA not found")
        self.close(found)

    def delete_child(self, spi: int) -> None:
        """Delete the child SA to whose initiator packets with an SPI go (CommandError)."""
        self.delete(*self._child(spi))

    def rekey_child(self, spi: int) -> None:
        """Ask the peer to replace the child SA to whose initiator packets with an SPI go (CommandError)."""
        self.rekey(*self._child(spi))

    def _child(self, spi: int) -> tuple[IkeSa, ChildSa]:
        found = self.sas.find_child(spi)
        if found is None:
            raise CommandError("Child SA not found")
        return found

    def remove_profile(self, name: str) -> None:
        """Forget a profile, and what there is because of it (CommandError)."""
        profile = self.sas.profiles.find(name)
        if profile is None:
            raise CommandError(f"policy {name} does not exists")
        for sa in [each for each in self.sas.initiating.values() if each.profile is profile]:
            del self.sas.initiating[sa.ispi]
        for sa in self.sas:
            if sa.profile is profile:
                self.close(sa)
        self.sas.profiles.remove(profile)

    # What the manager wants.

    def close(self, sa: IkeSa, *, tell: bool = True) -> None:
        """Take an IKE SA away, and tell the peer."""
        if tell and sa.sealers is not None:
            message = request(sa, Exchange.INFORMATIONAL, delete_body(Delete(ProtocolId.IKE)))
            send(self._engine, to_peer(sa, message, LOCAL0))
        self._authentication.close(sa)

    def delete(self, sa: IkeSa, child: ChildSa) -> None:
        """Take a child SA away, and tell the peer."""
        message = request(sa, Exchange.INFORMATIONAL, delete_body(Delete(ProtocolId.ESP, (child.spi_in,))))
        send(self._engine, to_peer(sa, message))
        self._forget_child(sa, child)

    def rekey(self, sa: IkeSa, child: ChildSa) -> None:
        """Ask the peer to replace a child SA."""
        self._children.rekey(sa, child)

    def ask_if_alive(self, sa: IkeSa) -> None:
        """An empty message, which the peer will answer if it is there."""
        send(self._engine, to_peer(sa, request(sa, Exchange.INFORMATIONAL)))

    def start(self, profile: Profile) -> None:
        """Begin an IKE SA anew (CommandError)."""
        self._initiation.start(profile)

    def send_again(self) -> None:
        """Send first messages that were not answered."""
        for sa in list(self.sas.initiating.values()):
            if not sa.init_answered:
                self._initiation.send_again(sa)

    def _interface_changed(self, change: Change, interface: Interface) -> None:
        """What was begun by an interface that is gone goes with it, and nobody is told."""
        if change is not Change.DELETED:
            return
        for profile in self.sas.profiles:
            if profile.responder is not None and profile.responder.sw_if_index == interface.sw_if_index:
                profile.responder = None
                for sa in self.sas:
                    if sa.is_initiator and sa.sw_if_index == interface.sw_if_index:
                        self.close(sa, tell=False)
                for sa in [each for each in self.sas.initiating.values() if each.sw_if_index == interface.sw_if_index]:
                    del self.sas.initiating[sa.ispi]
