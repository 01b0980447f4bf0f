"""What is done from time to time: child SAs replaced in time, peers asked whether they are there (ikev2_mngr_process_fn)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vppsh.engine.ikev2.sa import ChildSa, IkeSa, State
from vppsh.engine.ikev2.service import Ikev2
from vppsh.errors import CommandError

if TYPE_CHECKING:
    from vppsh.engine.engine import Engine

REKEY_RETRIES = 5
GIVEN_UP = -1
HALF_OPEN = 30
"""How many seconds an initiator has for IKE_AUTH."""


class Manager:
    """Looks after the SAs of an engine."""

    def __init__(self, engine: Engine) -> None:
        self._ikev2 = engine.get(Ikev2)
        self._sas = self._ikev2.sas

    def look(self) -> None:
        """Look once at everything."""
        for sa in self._sas:
            if sa.state is State.SA_INIT and (sa.is_initiator or self._sas.now > sa.since + HALF_OPEN):
                # IKE_AUTH was not answered, or never came.
                self._begin_anew(sa)
            elif sa.state is State.AUTHENTICATED:
                self._look_at(sa)
        self._ikev2.send_again()

    def _look_at(self, sa: IkeSa) -> None:
        for child in list(sa.children):
            self._drop_old(sa, child)
            self._renew(sa, child)
            self._check_volume(sa, child)
        if self._sas.dpd_disabled:
            return
        if sa.liveness_retries >= self._sas.liveness_retries:
            self._begin_anew(sa)
        elif sa.liveness_check < self._sas.now:
            sa.liveness_retries += 1
            sa.liveness_check = self._sas.now + self._sas.liveness_period
            self._ikev2.ask_if_alive(sa)

    def _begin_anew(self, sa: IkeSa) -> None:
        """The peer is dead: forget it, and begin again if it was us who had begun."""
        profile = sa.profile
        self._sas.initiating.pop(sa.ispi, None)
        self._ikev2.close(sa, tell=False)
        if sa.is_initiator and profile is not None:
            try:
                self._ikev2.start(profile)
            except CommandError:
                # The profile has changed since: nobody is there to be told, and the user sees no SA.
                return

    def _drop_old(self, sa: IkeSa, child: ChildSa) -> None:
        if child.old_remote_id is None:
            return
        child.old_looks -= 1
        if child.old_looks < 0:
            self._ikev2.tunnels.drop_old(sa, child)

    def _check_volume(self, sa: IkeSa, child: ChildSa) -> None:
        """Enough has gone by a child SA: it is time."""
        most = sa.profile.lifetime.max_bytes if sa.profile is not None and sa.is_initiator else 0
        if most and not child.is_expired and self._ikev2.tunnels.received_bytes(child) > most:
            child.expires_at = self._sas.now

    def _renew(self, sa: IkeSa, child: ChildSa) -> None:
        """Ask for a new child SA in time, again each time that the handover has passed, and delete it when nobody answers."""
        now, profile = self._sas.now, sa.profile
        if not sa.is_initiator or profile is None or child.expires_at is None or now <= child.expires_at:
            return
        if child.is_expired and child.rekey_retries <= 0:
            self._ikev2.delete(sa, child)
            return
        self._ikev2.rekey(sa, child)
        child.expires_at, child.is_expired = now + profile.lifetime.handover, True
        if not child.rekey_retries:
            child.rekey_retries = REKEY_RETRIES
        else:
            child.rekey_retries -= 1
            if not child.rekey_retries:
                child.rekey_retries = GIVEN_UP
