"""A stand-in for VPP's vppctl in the pods of the double: the same telnet, the same treatment of terminals and pipes.

python vppctl.py -s SOCKET [LINE ...]
"""

from __future__ import annotations

import fcntl
import os
import selectors
import signal
import socket
import struct
import sys
import termios

from vppsh.targets.telnet import ClientFilter, Option, terminal_type, window_size


def size() -> tuple[int, int]:
    rows, columns, _, _ = struct.unpack("HHHH", fcntl.ioctl(0, termios.TIOCGWINSZ, bytes(8)))
    return columns, rows


def main(arguments: list[str]) -> int:
    path, words = arguments[1], arguments[2:]
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.connect(path)
    except OSError as error:
        sys.stderr.write(f"connect: {error.strerror}\n")
        return 1
    interactive = os.isatty(0) and not words
    if interactive:
        mode = termios.tcgetattr(0)
        mode[3] &= ~(termios.ECHO | termios.ICANON | termios.IEXTEN)
        termios.tcsetattr(0, termios.TCSAFLUSH, mode)
        signal.signal(signal.SIGWINCH, lambda *_: connection.sendall(window_size(*size())))
    command = b" ".join(os.fsencode(word) for word in words) + b"\n" if words else b""
    telnet, told = ClientFilter(), False
    watched = selectors.DefaultSelector()
    watched.register(connection, selectors.EVENT_READ)
    while True:
        for key, _ in watched.select():
            if key.fileobj is not connection:
                typed = os.read(0, 100)
                connection.sendall(typed or b"quit\n")
                continue
            data = connection.recv(4096)
            if not data:
                return 0
            text = telnet.feed(data)
            if not told and Option.TERMINAL_TYPE in telnet.requests:
                connection.sendall(terminal_type(os.environ.get("TERM", "dumb") if interactive else "vppctl"))
                if interactive:
                    connection.sendall(window_size(*size()))
                if command:
                    connection.sendall(command)
                else:
                    watched.register(0, selectors.EVENT_READ)
                told = True
            os.write(1, text.replace(b"\0", b""))
            if command and b"\0" in text:
                connection.sendall(b"quit\n")


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
