"""A router with commands, for tests of packets that are protected between two gateways."""

from __future__ import annotations

from tests.routers import LINKS, Router
from vppsh.engine.ipsec.sa import Sa, SaError, Sas
from vppsh.registry import Catalog, discover
from vppsh.session import Session

CATALOG: Catalog = discover()
INSIDE, OUTSIDE = 0, 1
HERE, PEER = "10.0.1.1", "10.0.1.2"
HERE6, PEER6 = "2001:db8:1::1", "2001:db8:1::2"
NODES = {4: "ip4-input", 6: "ip6-input"}


class Gateway(Router):
    """What is inside is on if0, the other gateway on if1, and behind that 10.2.0.0/16 and 2001:db8:2000::/48.

    Calling it types a line and gives the answer.
    """

    def __init__(self) -> None:
        super().__init__(ip6=True, catalog=CATALOG)
        self.session = Session(self.engine)
        self.type(
            f"ip route add 10.2.0.0/16 via {PEER} if1",
            f"ip route add 2001:db8:2000::/48 via {PEER6} if1",
        )

    def __call__(self, line: str) -> str:
        text = self.session.execute(line).text
        self.settle()
        return text.rstrip("\n")

    def type(self, *lines: str) -> None:
        """Lines that answer nothing."""
        for line in lines:
            assert self(line) == "", line

    def protect(self, sa_in: int, sa_out: int, *, ip6: bool = False) -> None:
        """Policies on if1: everything for the network behind the peer by one association, what comes by the other is let in."""
        local, remote = ("2001:db8:: - 2001:db8:0:ffff::", "2001:db8:2000:: - 2001:db8:2000:ffff::") if ip6 else (
            "10.0.0.0 - 10.0.255.255", "10.2.0.0 - 10.2.255.255")  # fmt: skip
        self.type("ipsec spd add 1", "set interface ipsec spd if1 1")
        for line in (
            f"outbound priority 100 action protect sa {sa_out} local-ip-range {local} remote-ip-range {remote}",
            f"{'ip6 ' if ip6 else ''}outbound priority 10 action bypass",
            f"inbound priority 100 action protect sa {sa_in} local-ip-range {local} remote-ip-range {remote}",
        ):
            assert self(f"ipsec policy add spd 1 {line}").startswith("policy-index:")

    def sends(self, *packets: bytes, link: int = INSIDE, scattered: bool = False) -> list[tuple[int, bytes]]:
        """What leaves when packets come in by a link, as (link, packet without its Ethernet header)."""
        before = len(self.left)
        if packets:
            self.send(NODES[packets[0][0] >> 4], *packets, link=link, scattered=scattered)
        names = {self.interfaces[each].name: each for each in LINKS}
        return [(names[name], data[14:]) for name, data in self.left[before:]]

    def goes_out(self, *packets: bytes, scattered: bool = False) -> list[bytes]:
        """What the peer gets when packets come from inside."""
        return [data for link, data in self.sends(*packets, link=INSIDE, scattered=scattered) if link == OUTSIDE]

    def comes_in(self, *packets: bytes, scattered: bool = False) -> list[bytes]:
        """What gets inside when packets come from the peer."""
        return [data for link, data in self.sends(*packets, link=OUTSIDE, scattered=scattered) if link == INSIDE]

    def sa(self, sa_id: int) -> Sa:
        """The association of an id."""
        found = self.engine.get(Sas).find(sa_id)
        assert found is not None
        return found

    def errors_of(self, sa_id: int) -> dict[SaError, int]:
        """What was counted against an association."""
        sas, index = self.engine.get(Sas), self.sa(sa_id).index
        return {error: int(sas.errors[error].value[index]) for error in SaError if sas.errors[error].value[index]}
