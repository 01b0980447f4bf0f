"""Where Calico/VPP is in a cluster: Calico's defaults, the environment, the command line, in that order."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields

from vppsh.attach import seconds
from vppsh.errors import UsageError

PREFIX = "VPPSH_KUBE_"


@dataclass(frozen=True)
class KubeSettings:
    """How the cluster is reached, and what to look for in it.

    kubeconfig       file, or several separated by colons; None takes KUBECONFIG, ~/.kube/config or a pod's own account
    context          of the kubeconfig; None takes its current one
    namespace        of the pods with VPP
    selector         their labels
    vpp_container    the container with VPP
    agent_container  the container with the agent
    vppctl           the client in the VPP container
    socket           VPP's CLI socket there
    felix_namespace  of the pods with felix
    felix_selector   their labels
    felix_container  the container with felix
    request_timeout  seconds that a request or an answer may take
    """

    kubeconfig: str | None = None
    context: str | None = None
    namespace: str = "calico-vpp-dataplane"
    selector: str = "k8s-app=calico-vpp-node"
    vpp_container: str = "vpp"
    agent_container: str = "agent"
    vppctl: str = "/usr/bin/vppctl"
    socket: str = "/var/run/vpp/cli.sock"
    felix_namespace: str = "calico-system"
    felix_selector: str = "k8s-app=calico-node"
    felix_container: str = "calico-node"
    request_timeout: float = 30.0


HELP = {
    "kubeconfig": ("FILE", "the kubeconfig (default: as kubectl finds it, or a pod's own account)"),
    "context": ("NAME", "the context of the kubeconfig"),
    "namespace": ("NAME", "the namespace of the pods with VPP"),
    "selector": ("LABELS", "the labels of the pods with VPP"),
    "vpp_container": ("NAME", "the container with VPP"),
    "agent_container": ("NAME", "the container with the agent"),
    "vppctl": ("PATH", "the client in the VPP container"),
    "socket": ("PATH", "VPP's CLI socket in the VPP container"),
    "felix_namespace": ("NAME", "the namespace of the pods with felix"),
    "felix_selector": ("LABELS", "the labels of the pods with felix"),
    "felix_container": ("NAME", "the container with felix"),
    "request_timeout": ("S", "how long a request or an answer may take"),
}


def add_settings(parser: argparse.ArgumentParser) -> None:
    """An option for each setting; what is not given is left to the environment."""
    group = parser.add_argument_group("the cluster")
    defaults = KubeSettings()
    for field in fields(KubeSettings):
        metavar, text = HELP[field.name]
        default = getattr(defaults, field.name)
        note = f" (default: {default:g})" if isinstance(default, float) else f" (default: {default})" if default else ""
        kind: Callable[[str], object] = seconds if isinstance(default, float) else str
        option = f"--{field.name.replace('_', '-')}"
        group.add_argument(option, type=kind, metavar=metavar, default=argparse.SUPPRESS, help=text + note)


def settings_of(options: argparse.Namespace, environment: Mapping[str, str] = os.environ) -> KubeSettings:
    """The settings: `VPPSH_KUBE_NAMESPACE` and so on, then the options. Raises UsageError."""
    chosen: dict[str, object] = {}
    for field in fields(KubeSettings):
        value = environment.get(PREFIX + field.name.upper())
        if value:
            try:
                chosen[field.name] = seconds(value) if field.name == "request_timeout" else value
            except argparse.ArgumentTypeError as error:
                raise UsageError(f"{PREFIX}{field.name.upper()}: {error}") from error
        if hasattr(options, field.name):
            chosen[field.name] = getattr(options, field.name)
    return KubeSettings(**chosen)  # type: ignore[arg-type]  # by name, each of its own type
