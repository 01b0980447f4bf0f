"""device-input: never runs itself; input nodes of devices share its nexts, and its arc holds what they do first.

Counterpart of vnet/devices/devices.c.
"""

from __future__ import annotations

from vppsh.engine.context import Context
from vppsh.registry import arc, feature, input_node

NEXTS = (
    "ip4-input-no-checksum", "ip4-input", "ip6-input", "mpls-input", "ethernet-input", "error-drop", "ip4-drop", "ip6-drop",
    "punt-dispatch",
    # Of ipsec4-tun-input and ipsec6-tun-input, which share all of these.
    "esp4-decrypt-tun", "esp6-decrypt-tun",
)  # fmt: skip
DEVICE_INPUT_ARC = arc("device-input", "device-input", end="ethernet-input")
ARC_END = feature("device-input", "ethernet-input")


@input_node("device-input", nexts=NEXTS)
def device_input(ctx: Context) -> int:
    """Has no packets of its own."""
    return 0
