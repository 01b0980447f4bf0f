"""The server's side of RFC 6455, as much of it as the exec subresource of Kubernetes needs."""

from __future__ import annotations

import base64
import hashlib
import struct
import threading
from dataclasses import dataclass
from enum import IntEnum
from typing import BinaryIO

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Opcode(IntEnum):
    CONTINUATION = 0
    TEXT = 1
    BINARY = 2
    CLOSE = 8
    PING = 9
    PONG = 10


class ClosedError(Exception):
    """The client has gone, with or without saying so."""


@dataclass(frozen=True)
class Message:
    opcode: Opcode
    data: bytes


def accept_key(key: str) -> str:
    """The Sec-WebSocket-Accept that answers a Sec-WebSocket-Key (RFC 6455 4.2.2)."""
    return base64.b64encode(hashlib.sha1(key.encode() + GUID).digest()).decode()


class WebSocket:
    """A connection after its upgrade. Several threads may send, one may receive."""

    def __init__(self, source: BinaryIO, sink: BinaryIO) -> None:
        self._source = source
        self._sink = sink
        self._sending = threading.Lock()
        self.closed = False

    def send(self, data: bytes, opcode: Opcode = Opcode.BINARY) -> None:
        length = len(data)
        if length < 126:
            header = struct.pack("!BB", 0x80 | opcode, length)
        elif length < 1 << 16:
            header = struct.pack("!BBH", 0x80 | opcode, 126, length)
        else:
            header = struct.pack("!BBQ", 0x80 | opcode, 127, length)
        with self._sending:
            try:
                self._sink.write(header + data)
                self._sink.flush()
            except (OSError, ValueError) as error:
                self.closed = True
                raise ClosedError(str(error)) from error

    def receive(self) -> Message:
        """The next message, put together from its fragments; pings are answered here."""
        whole, opcode = b"", Opcode.CONTINUATION
        while True:
            final, code, data = self._frame()
            if code is Opcode.PING:
                self.send(data, Opcode.PONG)
            elif code is Opcode.CLOSE:
                self.close(data[:2])
                raise ClosedError("closed by the client")
            elif code is not Opcode.PONG:
                whole += data
                opcode = opcode or code
                if final:
                    return Message(Opcode(opcode), whole)

    def close(self, code: bytes = b"\x03\xe8") -> None:
        if not self.closed:
            self.closed = True
            self.send(code, Opcode.CLOSE)

    def _frame(self) -> tuple[bool, Opcode, bytes]:
        first, second = self._read(2)
        length = second & 0x7F
        if length == 126:
            (length,) = struct.unpack("!H", self._read(2))
        elif length == 127:
            (length,) = struct.unpack("!Q", self._read(8))
        if not second & 0x80:
            raise ClosedError("a client's frames are masked (RFC 6455 5.1)")
        mask = self._read(4)
        data = bytes(byte ^ mask[at & 3] for at, byte in enumerate(self._read(length)))
        return bool(first & 0x80), Opcode(first & 0x0F), data

    def _read(self, length: int) -> bytes:
        try:
            data = self._source.read(length)
        except (OSError, ValueError) as error:
            self.closed = True
            raise ClosedError(str(error)) from error
        if len(data) < length:
            self.closed = True
            raise ClosedError("the connection ended")
        return data
