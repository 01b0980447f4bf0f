"""VPP in a pod as a target: one lasting vppctl in the pod's container, one round trip per line.

vppctl run with its input from a pipe drops the marks that end an answer, so it is given a terminal and asked for its
prompt: `vpp# ` at the end of what came is the end of the answer. Terminal type `dumb` and no pager leave plain text.
Lines that the line editing of VPP would take otherwise (`?`, tabs, control characters) go by a vppctl of their own.
"""

from __future__ import annotations

import re
import threading
import time
from contextlib import suppress

from vppsh.errors import CommandError, TargetError
from vppsh.kube.api import Api, ClusterError
from vppsh.kube.execution import Exec, run
from vppsh.kube.model import Node, Pod
from vppsh.targets.base import INTERRUPTED, Answer
from vppsh.targets.connection import AnswerTimeoutError, ConnectionLostError
from vppsh.targets.verdict import refused

PROMPT = b"vpp# "
_AT_PROMPT = re.compile(rb"(?:^|\n)vpp# \Z")
_LINE_END = re.compile(rb"\r*\n")
# VPP takes no wider terminal.
WIDTH, HEIGHT = 512, 200
# What the editing of a line takes as a key, or what does not fit a line of the terminal.
_KEYS = re.compile(r"[\x00-\x1f?\x7f]")
LONGEST = 480


class NotRunningError(ConnectionLostError):
    """vppctl found nobody behind VPP's socket: VPP does not run, and whatever was set in it is gone."""


class PodTarget:
    """The VPP of one node."""

    cluster = True

    def __init__(self, api: Api, node: Node) -> None:
        """Remember it; the first line connects."""
        self._api = api
        self._pod = node.pod
        self.name = node.name
        self.where = f"{node.pod.namespace}/{node.pod.name}" if node.pod else "no pod"
        self._lock = threading.Lock()
        self._exec: Exec | None = None
        self._known = False
        self._interrupted = False

    @property
    def pod(self) -> Pod | None:
        """The pod that is asked now; another one once it was replaced."""
        return self._pod

    def execute(self, line: str, timeout: float | None = None) -> Answer:
        """Answer a line in the lasting session; after a loss the next line begins a new one."""
        with self._lock:
            self._interrupted = False
            seconds = self._api.settings.request_timeout if timeout is None else timeout
            if _KEYS.search(line) or len(line) > LONGEST:
                return self._once(line, seconds)
            notice = self._ready(seconds)
            try:
                text = self._ask(line, seconds)
            except InterruptedError:
                self._drop()
                return Answer(INTERRUPTED.text, failed=True, aside=notice)
            except TargetError:
                self._drop()
                raise
            except BaseException:
                self._drop()
                raise
            return Answer(text, refused(line, text), aside=notice)

    def demand(self, *lines: str, timeout: float | None = None) -> list[str]:
        """The answers of several lines; raises CommandError at the first that VPP refuses."""
        texts = []
        for line in lines:
            answer = self.execute(line, timeout)
            if answer.failed:
                raise CommandError(f"{self.name}: {line}: {answer.text.strip()}")
            texts.append(answer.text)
        return texts

    def interrupt(self) -> None:
        """End the wait for an answer."""
        self._interrupted = True
        running = self._exec
        if running is not None:
            running.wake()

    def close(self) -> None:
        """Leave; a line that still waits for its answer is left waiting, and its session with it."""
        if self._lock.acquire(blocking=False):
            try:
                self._drop()
            finally:
                self._lock.release()
        else:
            self.interrupt()

    def _words(self, *line: str) -> list[str]:
        settings = self._api.settings
        return [settings.vppctl, "-s", settings.socket, *line]

    def _need(self) -> Pod:
        if self._pod is None:
            raise ClusterError(f"{self.name}: no pod with VPP runs on this node")
        return self._pod

    def _once(self, line: str, timeout: float) -> Answer:
        """By a vppctl that gets the line as its argument."""
        done = run(self._api, self._need(), self._api.settings.vpp_container, self._words(line), timeout=timeout)
        if done.status:
            raise ClusterError(f"{self.name}: vppctl: {_text(done.stderr or done.stdout).strip() or f'exit status {done.status}'}")
        text = _text(done.stdout)
        return Answer(text, refused(line, text))

    def _ready(self, timeout: float) -> str:
        """Have a session; what is to be said about that."""
        if self._exec is not None and self._alive(self._exec):
            return ""
        known, self._known = self._known, True
        self._drop()
        if known:
            self._find_again()
        words = ["env", "TERM=dumb", *self._words()]
        self._exec = Exec(self._api, self._need(), self._api.settings.vpp_container, words, stdin=True, tty=True)
        try:
            self._exec.resize(WIDTH, HEIGHT)
            self._until_prompt(self._exec, timeout)
            self._ask("set terminal pager off", timeout)
        except BaseException:
            self._drop()
            raise
        return f"{self.name}: connected anew to {self.where}\n" if known else ""

    def _find_again(self) -> None:
        """The node's pod as it is now: it may have been replaced."""
        pods = [pod for pod in self._api.pods() if pod.node == self.name]
        self._pod = max(pods, key=lambda pod: pod.ready, default=None)
        self.where = f"{self._pod.namespace}/{self._pod.name}" if self._pod else "no pod"

    def _alive(self, session: Exec) -> bool:
        """Whether the session is still there; what it said since the last answer (a log line) is dropped."""
        while True:
            try:
                out, error = session.receive(0.0)
            except TimeoutError:
                return True
            except OSError:
                return False
            if not out and not error:
                return False

    def _ask(self, line: str, timeout: float) -> str:
        session = self._exec
        if session is None:
            raise ClusterError(f"{self.name}: not connected")
        try:
            session.send(line.encode("utf-8", "surrogateescape") + b"\n")
        except OSError as error:
            raise ConnectionLostError(f"{self.name}: the connection was lost: {error}") from error
        received = self._until_prompt(session, timeout)
        # The terminal echoes the line; the answer begins behind it.
        _, _, answer = received.partition(b"\n")
        return _text(answer)

    def _until_prompt(self, session: Exec, timeout: float) -> bytes:
        """All that comes up to the prompt, which is left away; line ends are plain."""
        received = b""
        deadline = time.monotonic() + timeout
        while True:
            if self._interrupted:
                raise InterruptedError
            try:
                out, _ = session.receive(max(deadline - time.monotonic(), 0.0))
            except TimeoutError:
                raise AnswerTimeoutError(f"{self.name}: no answer within {timeout:g} s", _text(received)) from None
            except InterruptedError:
                raise
            except OSError as error:
                raise ConnectionLostError(f"{self.name}: the connection was lost: {error}", _text(received)) from error
            if not out:
                raise self._ended(session, received)
            received += out
            if received.endswith(PROMPT):
                plain = _LINE_END.sub(b"\n", received)
                if _AT_PROMPT.search(plain):
                    return plain[: -len(PROMPT)]

    def _ended(self, session: Exec, received: bytes) -> ConnectionLostError:
        """What the end of the session means."""
        text = _text(received)
        said = text.strip().splitlines()
        with suppress(ClusterError):
            if session.status:
                return NotRunningError(
                    f"{self.name}: vppctl ended with status {session.status}: {said[-1] if said else 'it said nothing'}", text
                )
        return ConnectionLostError(f"{self.name}: the session ended in the middle of the answer", text)

    def _drop(self) -> None:
        session, self._exec = self._exec, None
        if session is not None:
            session.close()


def _text(data: bytes) -> str:
    return _LINE_END.sub(b"\n", data).decode("utf-8", "surrogateescape")
