"""Where packets come in: calicovppctl's interface types, as nodes of VPP's graph."""

from __future__ import annotations

import json
import re

from vppsh.errors import UsageError
from vppsh.kube.api import Api

# Of several, the first that a VPP has: names changed with its versions.
INPUTS = {
    "tuntap": ("tap-input", "virtio-input"),
    "af_packet": ("af-packet-input",),
    "af_xdp": ("af_xdp-input", "af-xdp-input"),
    "virtio": ("virtio-input",),
    "vmxnet3": ("vmxnet3-input",),
    "rdma": ("rdma-input",),
    "dpdk": ("dpdk-input",),
    "memif": ("memif-input",),
    "vcl": ("session-queue",),
}
PHYSICAL = "phy"
DEFAULT = "tuntap"
TYPES = ", ".join((PHYSICAL, *INPUTS, "or the name of an input node"))
CONFIG, UPLINKS = "calico-vpp-config", "CALICOVPP_INTERFACES"
_NODE = re.compile(r"[a-z0-9_]+(-[a-z0-9_]+)+")


def nodes_of(interface: str, api: Api) -> tuple[str, ...]:
    """The nodes that an interface type may mean, a node's own name too; raises UsageError and ClusterError."""
    kind = driver(api) if interface == PHYSICAL else interface
    if kind in INPUTS:
        return INPUTS[kind]
    if _NODE.fullmatch(kind):
        return (kind,)
    where = f"the driver of {CONFIG}" if interface == PHYSICAL else "interface"
    raise UsageError(f"{where} {kind!r}: expected one of {TYPES}")


def driver(api: Api) -> str:
    """The driver of the first uplink, as Calico's configuration has it; raises UsageError when it names none."""
    try:
        uplinks = json.loads(api.config_map(CONFIG).get(UPLINKS) or "{}").get("uplinkInterfaces") or [{}]
        found = str(uplinks[0].get("vppDriver") or "")
    except (ValueError, AttributeError, LookupError, TypeError):
        found = ""
    if not found:
        raise UsageError(f"the config map {CONFIG} names no vppDriver (name one of {', '.join(INPUTS)} instead of {PHYSICAL})")
    return found
