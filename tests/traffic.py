"""A session on an engine that forwards between pg0 and pg1, for tests that need packets to go somewhere."""

from __future__ import annotations

import numpy as np

from vppsh.engine.clock import FakeClock
from vppsh.engine.engine import Engine
from vppsh.registry import Catalog, discover
from vppsh.session import Session

CATALOG: Catalog = discover()
SETUP = (
    "create packet-generator interface pg0 hw-addr 02:fe:00:00:00:01",
    "create packet-generator interface pg1 hw-addr 02:fe:00:00:00:02",
    "set interface state pg0 up",
    "set interface state pg1 up",
    "set interface ip address pg0 10.0.0.1/24",
    "set interface ip address pg1 10.0.1.1/24",
    "ip neighbor pg1 10.0.1.2 02:00:00:00:01:02",
)
MACS = "02:00:00:00:00:02 -> 02:fe:00:00:00:01"


class Traffic:
    """The session; calling it types a line, lets the dataplane come to rest, and gives the answer."""

    def __init__(self, *, vector_size: int = 256) -> None:
        self.clock = FakeClock()
        self.engine = Engine(CATALOG, clock=self.clock, random=np.random.default_rng(7), vector_size=vector_size)
        self.session = Session(self.engine)
        for line in SETUP:
            assert self(line) == ""

    def __call__(self, line: str) -> str:
        text = self.session.execute(line).text
        self.engine.run_until_idle()
        return text.rstrip("\n")

    def udp(self, name: str, n: int, *, destination: str = "10.0.1.2", source: str = "10.0.0.2", ports: str = "1 -> 2") -> None:
        """A stream of `n` UDP packets of 64 bytes from pg0, that is not running yet."""
        data = f"IP4: {MACS} UDP: {source} -> {destination} UDP: {ports} incrementing 22"
        line = f"packet-generator new {{ name {name} limit {n} size 64-64 interface pg0 node ethernet-input data {{ {data} }} }}"
        assert self(line) == ""

    def send(self, name: str) -> None:
        """Run a stream to its end."""
        assert self(f"packet-generator enable-stream {name}") == ""
