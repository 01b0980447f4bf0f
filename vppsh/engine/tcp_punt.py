"""Whether the host gets TCP segments for which there is no connection; without a TCP stack it gets all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vppsh.engine.fib.types import Protocol

if TYPE_CHECKING:
    from vppsh.engine.engine import Engine


class TcpPunt:
    """What `set punt tcp` has set, and `show tcp punt` shows."""

    def __init__(self, engine: Engine) -> None:
        self.unknown = {Protocol.IP4: False, Protocol.IP6: False}
