"""The flow hash of a tunnel's own outer header, by which it chooses among several ways to its far end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vppsh.engine.features.ip4 import flow_hash as ip4_flow_hash
from vppsh.engine.features.ip6 import flow_hash as ip6_flow_hash
from vppsh.engine.fib.flow_hash import FlowHashSettings
from vppsh.engine.fib.types import Protocol

if TYPE_CHECKING:
    from vppsh.engine.engine import Engine


def hash_of_header(engine: Engine, header: bytes, protocol: Protocol, config: int) -> int:
    """The hash under a configuration of a header that begins with IP; what it does not say counts as zeros."""
    module = ip6_flow_hash if protocol is Protocol.IP6 else ip4_flow_hash
    dtype = module.HEADER
    fields = np.frombuffer(header[: dtype.itemsize].ljust(dtype.itemsize, b"\0"), dtype)
    router_id = engine.get(FlowHashSettings).router_id
    return int(module.hash_of(fields, np.array([config], np.uint32), router_id)[0])
