"""The CLI sockets and their clients, served by one thread in turns with the dataplane.

A line has the engine to itself until it lets time pass, as `ping` does: meanwhile others are served, as in VPP.
"""

from __future__ import annotations

import logging
import selectors
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from time import monotonic
from types import FrameType
from typing import TYPE_CHECKING

from vppsh.prompt.dataplane import Dataplane
from vppsh.serve.client import MOST_WAITING, Client, new_terminal
from vppsh.serve.listening import Listener, listen
from vppsh.serve.stats import StatsListener
from vppsh.session import Answer, Session

if TYPE_CHECKING:
    from vppsh.engine.engine import Engine

LOG = logging.getLogger(__name__)

RECEIVE = 1 << 16
# Ctrl-C ends the line that is being executed.
INTERRUPT = b"\x03"


class Server:
    """An engine behind a CLI socket, or several.

    places    where it listens
    sessions  those of the clients that are connected
    """

    def __init__(self, first: Session, *places: str, stats: str | None = None) -> None:
        """Listen at paths or HOST:PORT, and for readers of counters at a path `stats`.

        `first` is a session of the engine, whose tree of commands all share. Raises OutputFileError when one of them cannot be used.
        """
        self._first = first
        self._engine: Engine = first.engine
        self._dataplane = Dataplane(first.engine, _tell)
        with ExitStack() as unless_all:
            self._listeners = []
            for place in places:
                self._listeners.append(listen(place))
                unless_all.callback(self._listeners[-1].close)
            self._stats = None if stats is None else StatsListener(first.engine, stats)
            unless_all.pop_all()
        self.places = tuple(listener.where for listener in self._listeners)
        self._selector = selectors.DefaultSelector()
        for listener in self._listeners:
            self._selector.register(listener.waiting, selectors.EVENT_READ, listener)
        if self._stats is not None:
            self._selector.register(self._stats.waiting, selectors.EVENT_READ, self._stats)
        self._clients: list[Client] = []
        self._unused: list[int] = []
        self._connected = 0
        self._running: list[Client] = []
        self._ending = False
        self._devices: int | None = None

    @property
    def sessions(self) -> list[Session]:
        """The sessions of the clients."""
        return [client.session for client in self._clients]

    def run(self) -> None:
        """Serve until `stop` is called."""
        self._engine.waiting = self._turn
        try:
            while not self._ending:
                pause = self._dataplane.run_slice()
                self._turn(pause)
        finally:
            self._engine.waiting = None
            for client in list(self._clients):
                self._drop(client)
            self._selector.close()
            for listener in self._listeners:
                listener.close()
            if self._stats is not None:
                self._stats.close()

    def stop(self) -> None:
        """End soon, also in the middle of a line; for signal handlers."""
        self._ending = True
        for client in self._running:
            client.session.interrupt()

    @contextmanager
    def ended_by_signals(self) -> Iterator[None]:
        """Let SIGINT, SIGTERM and SIGHUP end `run` within."""

        def end(number: int, frame: FrameType | None) -> None:
            self.stop()

        ends, wakes = socket.socketpair()
        ends.setblocking(False)
        wakes.setblocking(False)
        self._selector.register(ends, selectors.EVENT_READ)
        before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
        wake_before = signal.set_wakeup_fd(wakes.fileno())
        try:
            yield
        finally:
            signal.set_wakeup_fd(wake_before)
            for number, handler in before.items():
                signal.signal(number, handler)
            ends.close()
            wakes.close()

    def _turn(self, pause: float) -> None:
        """Wait for clients at most so long, and serve those that want something."""
        self._watch_devices()
        if any(client.ready and client not in self._running for client in self._clients):
            pause = 0.0
        deadlines = [client.deadline for client in self._clients if client.deadline is not None]
        if deadlines:
            pause = min(pause, max(min(deadlines) - monotonic(), 0.0))
        if self._stats is not None:
            pause = min(pause, self._stats.publish(monotonic()))
        for key, events in self._selector.select(pause):
            if isinstance(key.data, Listener):
                self._accept(key.data)
            elif isinstance(key.data, StatsListener):
                key.data.accept()
            elif isinstance(key.data, Client):
                self._serve(key.data, events)
        now = monotonic()
        for client in [client for client in self._clients if client not in self._running]:
            if client.ready:
                self._work(client)
            elif client.deadline is not None and client.deadline <= now:
                client.welcome()
                self._flush(client)

    def _watch_devices(self) -> None:
        """Wake up when a device of the dataplane has something to read."""
        devices = None if self._dataplane.broken is not None else self._engine.descriptors.fileno()
        if devices != self._devices:
            if self._devices is not None:
                self._selector.unregister(self._devices)
            if devices is not None:
                self._selector.register(devices, selectors.EVENT_READ)
            self._devices = devices

    def _accept(self, listener: Listener) -> None:
        with suppress(BlockingIOError, ConnectionAbortedError):
            connection, origin = listener.accept()
            self._connected += 1
            process = self._unused.pop() if self._unused else len(self._clients)
            terminal = new_terminal(origin, self._connected, connection.fileno(), process)
            session = Session(self._engine, terminal, self._first.tree, vpp_only=True, peers=lambda: self.sessions)
            client = Client(connection, session, self._execute)
            self._clients.append(client)
            self._selector.register(connection, selectors.EVENT_READ, client)
            self._flush(client)

    def _serve(self, client: Client, events: int) -> None:
        running = client in self._running
        if events & selectors.EVENT_READ and (running or not client.ready):
            try:
                data = client.connection.recv(RECEIVE)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            client.receive(data)
            if running and INTERRUPT in data:
                client.session.interrupt()
        if running:
            self._flush(client)
        else:
            self._work(client)

    def _work(self, client: Client) -> None:
        """Let a client have a line executed, if it sent one."""
        self._running.append(client)
        try:
            if client.ready:
                client.work()
        except Exception:  # a fault of ours must not take the dataplane from the others
            LOG.exception("a fault of vppsh; please report it. The client is disconnected")
            client.output.broken = True
        finally:
            self._running.remove(client)
        self._flush(client)

    def _execute(self, session: Session, line: str) -> Answer:
        """Execute a line, and let the dataplane end what it began if that is soon."""
        self._dataplane.mend()
        answer = session.execute(line)
        self._engine.waiting = None  # the answer is there: nobody else's line comes before it is sent
        self._dataplane.settle()
        self._engine.waiting = self._turn
        if answer.aside:
            sys.stdout.write(answer.aside)
            sys.stdout.flush()
        return answer

    def _flush(self, client: Client) -> None:
        """Send what can be sent, and wait for what comes next."""
        client.output.flush()
        waiting = client.output.waiting
        running = client in self._running
        if not running and (client.output.broken or (client.closed and not waiting)):
            self._drop(client)
            return
        events = selectors.EVENT_WRITE if waiting and not client.output.broken else 0
        if not client.closed and waiting < MOST_WAITING:
            events |= selectors.EVENT_READ
        self._watch(client, events)

    def _watch(self, client: Client, events: int) -> None:
        """Wait for these events; for none while a client that has closed has its last line executed."""
        registered = client.connection in self._selector.get_map()
        if events and registered:
            self._selector.modify(client.connection, events, client)
        elif events:
            self._selector.register(client.connection, events, client)
        elif registered:
            self._selector.unregister(client.connection)

    def _drop(self, client: Client) -> None:
        self._clients.remove(client)
        self._unused.append(client.session.terminal.process_index)
        self._watch(client, 0)
        client.connection.close()


def _tell(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()
