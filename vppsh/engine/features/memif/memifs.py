"""The memif interfaces of an engine, and the sockets by which they meet their other sides.

Counterpart of VPP's plugins/memif/memif.c and socket.c. A master listens, a slave connects while its interface is up, every three
seconds until somebody is there. One descriptor set holds it all: sockets and the wake-ups of rings run memif-input.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from vppsh import __version__
from vppsh.engine.descriptors import Descriptors
from vppsh.engine.features.memif import messages
from vppsh.engine.features.memif.exchange import address, receive, send, take_region, take_ring
from vppsh.engine.features.memif.messages import AddRing, Kind
from vppsh.engine.features.memif.model import MEMIF_DEVICE, MEMIF_IP, Memif, MemifConfig, Mode, SocketFile
from vppsh.engine.features.memif.rings import MemifError, Queue, make_region, ring_bytes
from vppsh.engine.interfaces import DOWN, ETHERNET, Change, Interface, Interfaces
from vppsh.engine.rx_queues import RxQueue, RxQueues
from vppsh.errors import CommandError

if TYPE_CHECKING:
    from vppsh.engine.engine import Engine

INPUT_NODE, PROCESS = "memif-input", "memif-process"
DEFAULT_SOCKET = "memif.sock"
NAME = f"vppsh {__version__}"


def runtime_directory() -> str:
    """Where VPP keeps its sockets."""
    return "/run/vpp" if os.geteuid() == 0 else f"/run/user/{os.geteuid()}/vpp"


class Memifs:
    """The memif interfaces and sockets of an engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._interfaces = engine.get(Interfaces)
        self._descriptors = engine.get(Descriptors)
        self._instances: list[Memif | None] = []
        self.files: dict[int, SocketFile] = {0: SocketFile(0, f"{runtime_directory()}/{DEFAULT_SOCKET}")}
        self._listening: dict[int, SocketFile] = {}
        self._pending: dict[int, tuple[SocketFile, socket.socket]] = {}
        self._talking: dict[int, Memif] = {}
        self._waking: dict[int, tuple[Memif, Queue]] = {}
        self._interfaces.subscribe(self._changed)

    def __iter__(self) -> Iterator[Memif]:
        """In the order of their instances."""
        return (memif for memif in self._instances if memif is not None)

    def of(self, interface: Interface) -> Memif | None:
        """The memif that an interface is (or is on)."""
        device = interface.hardware.device
        return device if isinstance(device, Memif) else None

    # What is configured.

    def add_socket(self, number: int, name: str) -> None:
        """Name a socket; a relative name is one in VPP's directory (CommandError)."""
        path = name if name.startswith(("/", "abstract:", "@")) else f"{runtime_directory()}/{name}"
        known = self.files.get(number)
        if known is not None and known.path != path:
            raise CommandError("Entry already exists (entry already exists)")
        if known is None:
            if not name.startswith(("/", "abstract:", "@")):
                try:
                    Path(path).parent.mkdir(parents=True, exist_ok=True)
                except OSError as error:
                    raise CommandError("System call error #1 (unable to create socket dir)") from error
            self.files[number] = SocketFile(number, path)

    def delete_socket(self, number: int) -> None:
        """Forget a socket (CommandError)."""
        known = self.files.get(number)
        if known is None:
            raise CommandError(f"Invalid argument (socket file with id {number} does not exist)")
        if known.users:
            raise CommandError(f"Unexpected interface state (socket file '{known.path}' is in use)")
        del self.files[number]

    def create(self, config: MemifConfig) -> Memif:
        """Make a memif; a master begins to listen (CommandError)."""
        file = self.files.get(config.socket_id)
        if file is None:
            raise CommandError("Invalid argument (unknown socket id)")
        if file.users:
            if file.users[0].config.master is not config.master:
                raise CommandError("Subinterface already exists (socket file cannot be used by both master and slave)")
            if any(user.config.number == config.number for user in file.users):
                raise CommandError("Subinterface already exists (interface already exists)")
        if config.master and file.listener is None:
            self._listen(file)
        instance = self._instances.index(None) if None in self._instances else len(self._instances)
        memif = Memif(config, instance, file)
        name = f"memif{file.number}/{config.number}"
        if config.mode is Mode.ETHERNET:
            mac = config.mac or b"\x02\xfe" + self._engine.random.bytes(4)
            memif.interface = self._interfaces.add_hardware(name, MEMIF_DEVICE, ETHERNET, mac=mac, device=memif)
        else:
            memif.interface = self._interfaces.add_hardware(name, MEMIF_DEVICE, MEMIF_IP, mtu=0, device=memif)
        file.users.append(memif)
        if instance == len(self._instances):
            self._instances.append(memif)
        else:
            self._instances[instance] = memif
        return memif

    def delete(self, memif: Memif) -> None:
        """Take a memif away; the last one of a socket stops listening."""
        self._interfaces.set_state(memif.interface, DOWN)
        self.leave(memif, "interface deleted")
        file = memif.file
        file.users.remove(memif)
        self._instances[memif.instance] = None
        self._interfaces.delete(memif.interface)
        if not file.users and file.listener is not None:
            for descriptor, (owner, connection) in list(self._pending.items()):
                if owner is file:
                    self._drop_pending(descriptor, connection)
            self._descriptors.ignore(file.listener.fileno())
            del self._listening[file.listener.fileno()]
            file.listener.close()
            file.listener = None
            with suppress(OSError):
                Path(file.path).unlink()

    def _changed(self, change: Change, interface: Interface) -> None:
        memif = self.of(interface)
        if memif is None or change is not Change.ADMIN or not interface.is_hardware:
            return
        if interface.admin_up:
            self._interfaces.set_link(interface, memif.connected)
            for queue in memif.rx if memif.connected else ():
                os.eventfd_write(queue.wakeup, 1)  # what came meanwhile
        self._engine.dispatcher.signal(self._engine.graph[PROCESS], True)

    # Connections.

    def connect_slaves(self) -> None:
        """Let slaves that are up look for their masters."""
        for memif in self:
            if memif.config.master or not memif.interface.admin_up or memif.connection is not None:
                continue
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)
            try:
                connection.connect(address(memif.file.path))
                connection.setblocking(False)
            except (OSError, ValueError):
                connection.close()  # nobody there yet
                continue
            self._meet(memif, connection)

    def handle(self, descriptor: int) -> tuple[Memif, Queue] | None:
        """A descriptor can be read: a ring that has something, or else something is done about a socket."""
        woken = self._waking.get(descriptor)
        if woken is not None:
            woken[1].hush()
            return woken
        if descriptor in self._listening:
            self._accept(self._listening[descriptor])
        elif descriptor in self._pending:
            file, connection = self._pending[descriptor]
            self._first_message(file, descriptor, connection)
        elif descriptor in self._talking:
            memif = self._talking[descriptor]
            try:
                self._message(memif)
            except MemifError as error:
                self.leave(memif, str(error))
        return None

    def leave(self, memif: Memif, reason: str) -> None:
        """End a connection, and say why."""
        memif.local_reason = reason
        connection = memif.connection
        if connection is not None:
            with suppress(OSError):
                connection.send(messages.disconnect(reason))
            self._descriptors.ignore(connection.fileno())
            del self._talking[connection.fileno()]
            connection.close()
        memif.connection, memif.connected = None, False
        self._interfaces.set_link(memif.interface, False)
        self._engine.get(RxQueues).remove(memif.interface)
        for queue in memif.rx:
            if self._waking.pop(queue.wakeup, None) is not None:
                self._descriptors.ignore(queue.wakeup)
        memif.rx, memif.tx, memif.regions = [], [], []
        memif.remote_name = memif.remote_interface = ""

    def _listen(self, file: SocketFile) -> None:
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
        try:
            if file.path.startswith("/") and Path(file.path).is_socket():
                Path(file.path).unlink()
            listener.bind(address(file.path))
            listener.listen()
        except (OSError, ValueError) as error:
            listener.close()
            text = getattr(error, "strerror", None) or error
            raise CommandError(f"bind: {text} (fd -1, '{file.path}')") from error
        file.listener = listener
        self._listening[listener.fileno()] = file
        self._watch(listener.fileno())

    def _watch(self, descriptor: int) -> None:
        self._descriptors.watch(descriptor, self._engine.graph[INPUT_NODE])

    def _accept(self, file: SocketFile) -> None:
        assert file.listener is not None
        try:
            connection, _ = file.listener.accept()
            connection.setblocking(False)
            connection.send(messages.hello(NAME))
        except OSError:
            return  # gone again
        self._pending[connection.fileno()] = (file, connection)
        self._watch(connection.fileno())

    def _drop_pending(self, descriptor: int, connection: socket.socket) -> None:
        self._descriptors.ignore(descriptor)
        self._pending.pop(descriptor, None)
        connection.close()

    def _meet(self, memif: Memif, connection: socket.socket) -> None:
        memif.connection = connection
        self._talking[connection.fileno()] = memif
        self._watch(connection.fileno())

    def _first_message(self, file: SocketFile, descriptor: int, connection: socket.socket) -> None:
        """Find out which interface a slave wants."""
        try:
            data, descriptors = receive(connection)
            for given in descriptors:
                os.close(given)
            if messages.kind_of(data) != Kind.INIT:
                raise MemifError("unexpected message received")
            wanted = messages.read_init(data)
            memif = next((user for user in file.users if user.config.number == wanted.number), None)
            if wanted.version != messages.VERSION:
                raise MemifError("unsupported version")
            if memif is None:
                raise MemifError("unmatched interface id")
            if memif.connection is not None:
                raise MemifError("already connected")
            if wanted.mode != memif.config.mode:
                raise MemifError("mode mismatch")
        except MemifError as error:
            with suppress(OSError):
                connection.send(messages.disconnect(str(error)))
            self._drop_pending(descriptor, connection)
            return
        del self._pending[descriptor]
        self._meet(memif, connection)
        memif.remote_name = wanted.name
        if memif.config.secret and wanted.secret != memif.config.secret:
            self.leave(memif, "incorrect secret" if wanted.secret else "secret required")
            return
        send(memif, messages.packed(Kind.ACK))

    def _message(self, memif: Memif) -> None:
        """What the other side says (MemifError)."""
        assert memif.connection is not None
        data, descriptors = receive(memif.connection)
        kind = messages.kind_of(data)
        given = descriptors.pop() if descriptors else None
        if given is not None and not (memif.config.master and kind in (Kind.ADD_REGION, Kind.ADD_RING)):
            os.close(given)
        match kind:
            case Kind.ACK:
                return
            case Kind.HELLO if not memif.config.master:
                self._greeted(memif, data)
            case Kind.ADD_REGION if memif.config.master:
                take_region(memif, data, given)
            case Kind.ADD_RING if memif.config.master:
                take_ring(memif, data, given)
            case Kind.CONNECT if memif.config.master:
                self._connected(memif, messages.read_name(data))
                send(memif, messages.named(Kind.CONNECTED, memif.interface.name))
            case Kind.CONNECTED if not memif.config.master:
                self._connected(memif, messages.read_name(data))
            case Kind.DISCONNECT:
                memif.remote_reason = messages.read_disconnect(data)
                raise MemifError("disconnect received")
            case _:
                raise MemifError(f"unknown message type (0x{kind:x})")

    def _greeted(self, memif: Memif, data: bytes) -> None:
        """The master says what it can do: bring the memory."""
        greeting, config = messages.read_hello(data), memif.config
        if not greeting.min_version <= messages.VERSION <= greeting.max_version:
            raise MemifError("incompatible protocol version")
        memif.remote_name = greeting.name
        memif.s2m_rings = min(greeting.max_s2m_ring + 1, config.tx_queues)
        memif.m2s_rings = min(greeting.max_m2s_ring + 1, config.rx_queues)
        memif.buffer_size = config.buffer_size
        log2, rings = min(greeting.max_log2_ring, config.log2_ring), memif.s2m_rings + memif.m2s_rings
        buffers_at = rings * ring_bytes(log2)
        region = make_region(f"{memif.interface.name} region 0", buffers_at + (rings * config.buffer_size << log2))
        memif.regions = [region]
        for position in range(rings):
            s2m = position < memif.s2m_rings
            index = position if s2m else position - memif.s2m_rings
            queue = Queue(s2m, index, 0, position * ring_bytes(log2), log2, os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC))
            queue.attach(memif.regions)
            queue.begin(memif.regions, buffers_at + (position * config.buffer_size << log2), config.buffer_size)
            (memif.tx if s2m else memif.rx).append(queue)
        send(memif, messages.init(config.number, config.mode, config.secret, NAME))
        send(memif, messages.add_region(0, region.size), region.descriptor)
        for queue in (*memif.tx, *memif.rx):
            ring = AddRing(queue.s2m, queue.index, 0, queue.offset, log2)
            send(memif, messages.add_ring(ring), queue.wakeup)
        send(memif, messages.named(Kind.CONNECT, memif.interface.name))

    def _connected(self, memif: Memif, name: str) -> None:
        """Both sides have everything (MemifError if not)."""
        if memif.connected or not memif.rx or not memif.tx:
            raise MemifError("unexpected message received")
        for region in memif.regions:
            if not hasattr(region, "bytes"):
                region.attach()
        queues, interface = self._engine.get(RxQueues), memif.interface
        for queue in (*memif.tx, *memif.rx):
            queue.attach(memif.regions)
            queue.check(memif.regions)
        for queue in memif.rx:
            if not queue.s2m:
                queue.head[0] = queue.size & 0xFFFF  # every buffer is free
            queue.flags[0] = 0
            self._waking[queue.wakeup] = (memif, queue)
            self._watch(queue.wakeup)
            queues.add(RxQueue(interface, INPUT_NODE, queues.default_mode, queue.index))
        memif.remote_interface = name
        memif.connected = True
        memif.local_reason = memif.remote_reason = ""
        self._interfaces.set_link(interface, True)
