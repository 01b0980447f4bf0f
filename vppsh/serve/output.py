"""Bytes on their way to a client: what its connection does not take at once waits here."""

from __future__ import annotations

import socket


class Output:
    """The sending side of a connection that does not block.

    crlf    lines end in CR LF
    broken  the client has gone; nothing is sent any more
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._waiting = bytearray()
        self.crlf = True
        self.broken = False

    @property
    def waiting(self) -> int:
        """How many bytes wait."""
        return len(self._waiting)

    def write(self, text: bytes) -> None:
        """Send a text, its lines ended as the client wants."""
        self.raw(text.replace(b"\n", b"\r\n") if self.crlf else text)

    def raw(self, data: bytes) -> None:
        """Send bytes as they are, with the next `flush`."""
        if not self.broken:
            self._waiting += data

    def flush(self) -> None:
        """Send what can be sent now."""
        sent = 0
        view = memoryview(self._waiting)
        try:
            while sent < len(view):
                sent += self._connection.send(view[sent : sent + (1 << 18)])
        except BlockingIOError:
            pass  # the rest goes when the socket is writable again
        except OSError:
            self.broken = True
        finally:
            view.release()
        if self.broken:
            self._waiting.clear()
        else:
            del self._waiting[:sent]
