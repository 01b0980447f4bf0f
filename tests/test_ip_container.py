"""Layer 3 proxies of containers: routes that take packets in, for one interface."""

from __future__ import annotations

import pytest

from tests.graphs import full_engine
from vppsh.engine.fib.dpo import DpoType
from vppsh.engine.fib.fib import Fib
from vppsh.engine.fib.l3_proxy import L3Proxies
from vppsh.engine.fib.load_balance import LoadBalances
from vppsh.engine.fib.types import Prefix, Protocol
from vppsh.engine.fib.urpf import Urpfs


@pytest.mark.parametrize(("protocol", "address"), [(Protocol.IP4, 0x0A000132), (Protocol.IP6, 0x20010DB8 << 96 | 50)])
def test_a_proxy_takes_packets_in_until_it_is_removed(protocol: Protocol, address: int) -> None:
    engine = full_engine()
    proxies, host = engine.get(L3Proxies), Prefix(protocol, address, protocol.bits)
    table = engine.get(Fib).tables(protocol)[0]
    before = table.size
    proxies.add(host, 0)
    entry = table.find(host)
    assert entry is not None
    (bucket,) = engine.get(LoadBalances).buckets(entry.load_balance)
    assert bucket.type == DpoType.L3_PROXY
    # Answers come from the interface for which packets are taken in.
    assert engine.get(Urpfs).interfaces[int(engine.get(LoadBalances).urpf[entry.load_balance])] == (0,)
    assert proxies.is_set(host, 0)
    assert not proxies.is_set(host, 1)
    proxies.remove(host, 0)
    assert not proxies.is_set(host, 0)
    assert table.size == before
