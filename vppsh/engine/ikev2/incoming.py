"""Messages of the peer of an SA, opened with its keys."""

from __future__ import annotations

from vppsh.engine.ikev2.crypto import ForgedError
from vppsh.engine.ikev2.message import Header, open_message
from vppsh.engine.ikev2.payloads import CriticalPayloadError, MalformedError, Payloads
from vppsh.engine.ikev2.sa import IkeSa
from vppsh.engine.ikev2.state import Count, Datagram, Ikev2Error


def opened(sa: IkeSa, datagram: Datagram, header: Header, count: Count) -> Payloads | None:
    """What a message says; None of one that does not say it with our keys, which anybody may have sent.

    Raises CriticalPayloadError for one with a payload that we do not know and must.
    """
    sealers = sa.sealers
    try:
        if sealers is None:
            raise ForgedError
        return open_message(header, datagram.data, sealers[1])
    except (MalformedError, ForgedError):
        count(Ikev2Error.MALFORMED_PACKET)
        return None
    except CriticalPayloadError:
        count(Ikev2Error.MALFORMED_PACKET)
        raise
