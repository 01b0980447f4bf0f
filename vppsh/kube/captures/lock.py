"""The file in VPP's container that says that somebody captures: calicovppctl's, so that the two tools respect each other."""

from __future__ import annotations

import getpass
import json
import socket
from dataclasses import dataclass
from datetime import datetime

from vppsh.errors import CommandError
from vppsh.kube.api import Api, ClusterError
from vppsh.kube.execution import Completed, run
from vppsh.kube.model import Pod

PATH = "/tmp/calicovppctl.lock"
# The shell refuses to write a file that exists (noclobber), so two who come at once cannot both have it.
WRITE = ("sh", "-c", 'set -C; printf %s "$2" > "$1"', "sh")


@dataclass(frozen=True)
class Lock:
    """Who captures what, in calicovppctl's fields; `user` is ours alone."""

    node_name: str
    operation: str
    started_at: str
    hostname: str
    bpf_active: bool
    user: str = ""

    def __str__(self) -> str:
        who = f"{self.user}@{self.hostname}" if self.user else self.hostname
        return f"{self.operation} by {who} since {self.started_at}"


class LockFile:
    """The lock file of one pod."""

    def __init__(self, api: Api, node: str, pod: Pod) -> None:
        self._api = api
        self._node = node
        self._pod = pod
        self._ours = ""

    def take(self, operation: str, *, filtered: bool) -> None:
        """Have the lock; raises CommandError when somebody else has it, ClusterError when it cannot be written."""
        now = datetime.now().astimezone().isoformat()
        lock = Lock(self._node, operation, now, socket.gethostname(), filtered, getpass.getuser())
        self._ours = json.dumps(vars(lock), indent=2)
        done = self._run(*WRITE, PATH, self._ours)
        if done.status == 0:
            return
        self._ours = ""
        holder = self.holder()
        if holder is None:
            raise ClusterError(f"{self._node}: {PATH} cannot be written: {_said(done)}")
        hint = f"`vppsh kube capture clear {self._node}' ends it, if it was left behind"
        raise CommandError(f"{self._node}: a capture is running: {holder}; {hint}")

    def holder(self) -> Lock | str | None:
        """Who has the lock; a text when the file is not one of ours or calicovppctl's; None when there is none."""
        done = self._run("cat", PATH)
        if done.status:
            return None
        try:
            told = json.loads(done.stdout)
            node, operation, started, host = (str(told[name]) for name in ("node_name", "operation", "started_at", "hostname"))
            return Lock(node, operation, started, host, bool(told.get("bpf_active")), str(told.get("user", "")))
        except (ValueError, KeyError, TypeError, AttributeError):
            return f"{PATH} holds something else"

    def release(self) -> None:
        """Remove the lock if it is the one taken here; also when nobody knows whether taking it went well."""
        if self._ours:
            done = self._run("cat", PATH)
            if done.status == 0 and done.stdout.decode("utf-8", "replace") == self._ours:
                self.remove()
            self._ours = ""

    def remove(self) -> None:
        """Remove it, whoever has it."""
        done = self._run("rm", "-f", PATH)
        if done.status:
            raise ClusterError(f"{self._node}: {PATH} cannot be removed: {_said(done)}")

    def _run(self, *words: str) -> Completed:
        return run(self._api, self._pod, self._api.settings.vpp_container, words)


def _said(done: Completed) -> str:
    return done.stderr.decode("utf-8", "replace").strip() or f"exit status {done.status}"
