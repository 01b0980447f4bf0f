"""One capture on one node: begun, ended, and undone whatever happened in between.

Everything that is set in VPP, or written in its container, is noted before it is done; `stop` and `close` undo what was
noted, last first. The lock goes last and stays when something could not be undone, so that `capture clear` is asked for.
"""

from __future__ import annotations

import re
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from vppsh.errors import CommandError, TargetError, VppshError
from vppsh.kube.api import Api, ClusterError
from vppsh.kube.captures.download import size_of
from vppsh.kube.captures.lock import LockFile
from vppsh.kube.execution import run
from vppsh.kube.model import Node
from vppsh.kube.target import NotRunningError, PodTarget
from vppsh.targets.tracing import BPF, NO_FILTER, function_in_use

NOT_FOUND = 404
_UPTIME = re.compile(r"^Time now (\d*\.\d+)")
# A clock of VPP's that is further behind than this was begun anew.
DRIFT = 1.0
# Seconds before each attempt to undo something: a connection that was lost may be back.
PATIENCE = (0.0, 0.5, 2.0, 5.0)
Value = TypeVar("Value")


@dataclass(frozen=True)
class Plan:
    """What to capture.

    count       packets at most
    inputs      nodes of the graph where packets come in, the first that VPP has is taken; an interface's name for `pcap`
    expression  which packets, in pcap-filter(7)'s language; empty for all
    """

    count: int
    inputs: tuple[str, ...]
    expression: str = ""


class Capture(ABC):
    """Of one kind, on one node.

    operation  what it is called in the lock file
    remote     the file that VPP writes; empty when it writes none
    filters    whose function chooses packets: `trace` or `pcap`
    """

    operation = ""
    remote = ""
    filters = "pcap"

    def __init__(self, api: Api, node: Node, plan: Plan) -> None:
        """Remember it; raises ClusterError when no VPP runs on the node."""
        if node.pod is None:
            raise ClusterError(f"{node.name}: no pod with VPP runs on this node")
        self.name = node.name
        self.api = api
        self.pod = node.pod
        self.plan = plan
        self.target = PodTarget(api, node)
        self._lock = LockFile(api, node.name, node.pod)
        self._settings: list[Callable[[], None]] = []
        self._files: list[Callable[[], None]] = []
        self._vpp_started: float | None = None

    @abstractmethod
    def start(self) -> None:
        """Let VPP capture; raises CommandError when it refuses."""

    @abstractmethod
    def stop(self) -> bytes | int:
        """End it; what was captured, or the size of the file that holds it: 0 when nothing came."""

    def begin(self) -> None:
        """Lock, filter, start."""
        filtered = bool(self.plan.expression)
        self._files.append(self._lock.release)
        self._lock.take(self.operation, filtered=filtered)
        if filtered:
            self._filter()
        if self.remote:
            self._remove()
            self._files.append(self._remove)
        self._vpp_started = self._when_started()
        self.start()

    def end(self) -> bytes | int:
        """Stop, and put settings back at once: the file may take its time to come."""
        try:
            captured = self._patiently(self.stop)
            if not captured:
                self.must_be_the_same()
            return captured
        except NotRunningError as error:
            raise type(error)(f"{self.name}: VPP does not run any more; what had been captured is lost") from error
        finally:
            self._undo(self._settings)

    def close(self) -> None:
        """Undo all that is left; raises TargetError when something stays behind."""
        try:
            self._undo(self._settings)
            self._undo(self._files)
        finally:
            self.target.close()

    def choose(self) -> str:
        """The input node to take."""
        for name in self.plan.inputs[:-1]:
            if re.search(rf"^{re.escape(name)}\s", self.target.execute(f"show vlib graph {name}").text, re.MULTILINE):
                return name
        return self.plan.inputs[-1]

    def must_be_the_same(self) -> None:
        """Raise CommandError when VPP was restarted since the capture began: then it is no wonder that nothing was captured."""
        before, now = self._vpp_started, self._when_started()
        if before is not None and now is not None and now > before + DRIFT:
            raise CommandError(f"{self.name}: VPP was restarted during the capture; what had been captured is lost")

    def _when_started(self) -> float | None:
        """When VPP was started, by this host's clock; None when it does not tell."""
        told = _UPTIME.match(self.target.execute("show clock").text)
        return None if told is None else time.monotonic() - float(told[1])

    def word(self) -> str:
        """The word that makes VPP filter."""
        return " filter" if self.plan.expression else ""

    def note(self, line: str) -> None:
        """A line that undoes what is about to be done. That VPP refuses it is well: it has nothing to undo then."""
        self._settings.append(lambda: self._line(line))

    def _line(self, line: str) -> None:
        self.target.execute(line)

    def _filter(self) -> None:
        """Set the expression and the function that goes by it, and see that both are in force."""
        program, functions = self.target.demand("show bpf trace filter", f"show {self.filters} filter function")
        in_use = function_in_use(functions)
        if not in_use:
            raise CommandError(f"{self.name}: this VPP cannot filter: it has no {self.filters} filter functions")
        if NO_FILTER not in program:
            raise CommandError(f"{self.name}: a BPF filter is set, and not by us: `vppsh kube capture clear {self.name}' removes it")
        self.note("set bpf trace filter del")
        self.note(f"set {self.filters} filter function {in_use}")
        self.target.demand(f"set bpf trace filter {{{{{self.plan.expression}}}}}", f"set {self.filters} filter function {BPF}")
        program, functions = self.target.demand("show bpf trace filter", f"show {self.filters} filter function")
        in_use = function_in_use(functions)
        if NO_FILTER in program or in_use != BPF:
            raise CommandError(f"{self.name}: the filter was not taken: {self.plan.expression}")

    def _remove(self) -> None:
        done = run(self.api, self.pod, self.api.settings.vpp_container, ("rm", "-f", self.remote))
        if done.status:
            raise ClusterError(f"{self.name}: {self.remote} cannot be removed: {done.stderr.decode('utf-8', 'replace').strip()}")

    def _undo(self, steps: list[Callable[[], None]]) -> None:
        """Take the steps, last first; one that fails is kept, and those before it."""
        while steps:
            try:
                self._patiently(steps[-1])
            except NotRunningError:
                pass  # what was set in it is gone with it
            except TargetError as error:
                if _gone(error):
                    steps.clear()  # the pod has gone, and its files with it
                    return
                raise ClusterError(
                    f"{self.name}: the capture could not be undone ({error}): run `vppsh kube capture clear {self.name}'"
                ) from error
            steps.pop()

    def _patiently(self, work: Callable[[], Value]) -> Value:
        for pause in PATIENCE[:-1]:
            time.sleep(pause)
            try:
                return work()
            except NotRunningError:
                raise
            except TargetError as error:
                if _gone(error):
                    raise
        time.sleep(PATIENCE[-1])
        return work()


def _gone(error: TargetError) -> bool:
    """Whether it says that the pod is not there."""
    return isinstance(error, ClusterError) and error.code == NOT_FOUND


class Trace(Capture):
    """Packets' ways through the graph, as `show trace` tells them."""

    operation = "trace"
    filters = "trace"

    def start(self) -> None:
        """`trace add`, on an empty trace buffer."""
        node = self.choose()
        self.note("clear trace")
        self.target.demand("clear trace", f"trace add {node} {self.plan.count}{self.word()}")

    def stop(self) -> bytes | int:
        """`show trace`; nothing when no packet was traced."""
        text = self.target.demand(f"show trace max {self.plan.count}")[0]
        return text.encode("utf-8", "surrogateescape") if re.search(r"^Packet \d", text, re.MULTILINE) else 0


class Pcap(Capture):
    """Packets as they come in and go out, in a pcap file."""

    operation = "pcap"
    remote = "/tmp/trace.pcap"
    command = "pcap trace"
    _asked = False

    def start(self) -> None:
        """Begin it, unless VPP captures already."""
        if "enabled:" in self.target.demand(f"{self.command} status")[0]:
            raise CommandError(f"{self.name}: `{self.command}' is on already: `vppsh kube capture clear {self.name}' ends it")
        self.note(f"{self.command} off")
        self.target.demand(self.line())

    def line(self) -> str:
        """The line that begins it."""
        name = self.remote.rsplit("/", 1)[-1]
        return f"pcap trace tx rx max {self.plan.count} intfc {self.plan.inputs[0]} file {name}{self.word()}"

    def stop(self) -> bytes | int:
        """End it: VPP writes the file now, and refuses when there is nothing to write."""
        again, self._asked = self._asked, True
        answer = self.target.execute(f"{self.command} off")
        if answer.failed and "No packets captured" in answer.text:
            return 0
        if answer.failed:
            self.must_be_the_same()
        # Asked again after the answer was lost, VPP says that it is off already.
        if answer.failed and not again:
            raise CommandError(f"{self.name}: somebody ended the capture before: {answer.text.strip()}")
        return size_of(self.api, self.pod, self.remote)


class Dispatch(Pcap):
    """Every packet before every node, in a pcap file that Wireshark knows."""

    operation = "dispatch"
    remote = "/tmp/dispatch.pcap"
    command = "pcap dispatch trace"

    def start(self) -> None:
        """Begin it: the packets that it follows are traced, too."""
        self.note("clear trace")
        super().start()

    def line(self) -> str:
        """The line that begins it: packets are followed from the node where they come in."""
        name = self.remote.rsplit("/", 1)[-1]
        count = self.plan.count
        return f"{self.command} on max {count} buffer-trace {self.choose()} {count} file {name}{self.word()}"


KINDS: tuple[type[Capture], ...] = (Trace, Pcap, Dispatch)


def clear(api: Api, node: Node) -> str:
    """End whatever captures on a node, whoever began it, and remove the filters, the files and the lock; whose lock it was."""
    if node.pod is None:
        raise ClusterError(f"{node.name}: no pod with VPP runs on this node")
    lock = LockFile(api, node.name, node.pod)
    holder = lock.holder()
    target = PodTarget(api, node)
    failures: list[VppshError] = []
    try:
        for line in (
            "pcap trace off", "pcap dispatch trace off", "clear trace", "set bpf trace filter del",
            "set trace filter function vnet_is_packet_traced", "set pcap filter function vnet_is_packet_traced",
        ):  # fmt: skip
            target.execute(line)  # what is off already is refused, and well
    except NotRunningError:
        pass  # nothing is set in a VPP that does not run
    except TargetError as error:
        failures.append(error)  # the files are removed all the same
    finally:
        target.close()
    names = [kind.remote for kind in KINDS if kind.remote] + ["/tmp/trace.txt"]
    done = run(api, node.pod, api.settings.vpp_container, ("rm", "-f", *names, *(f"{name}.gz" for name in names)))
    if done.status:
        raise ClusterError(f"{node.name}: {done.stderr.decode('utf-8', 'replace').strip()}")
    lock.remove()
    if failures:
        raise failures[0]
    return str(holder or "")
