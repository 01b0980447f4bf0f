"""The telnet that VPP's CLI speaks (RFC 854, 1073, 1091): both ends say what they want and do not wait for consent.

VPP does not double bytes of value 255 in an answer. Those that no telnet command begins with are text here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum


class Command(IntEnum):
    """Telnet commands, each after an IAC."""

    XEOF = 236
    SUSP = 237
    ABORT = 238
    EOR = 239
    SE = 240
    NOP = 241
    DM = 242
    BREAK = 243
    IP = 244
    AO = 245
    AYT = 246
    EC = 247
    EL = 248
    GA = 249
    SB = 250
    WILL = 251
    WONT = 252
    DO = 253
    DONT = 254
    IAC = 255


class Option(IntEnum):
    """Telnet options that VPP's CLI names."""

    ECHO = 1
    SUPPRESS_GO_AHEAD = 3
    TERMINAL_TYPE = 24
    WINDOW_SIZE = 31
    LINE_MODE = 34


IAC = bytes([Command.IAC])
SEND = 1
# A subnegotiation of VPP's has six bytes; what goes on longer is a text that happens to begin like one.
LONGEST = 64
_COMMAND = re.compile(rb"\xff(?:\xfa(?P<option>.)[^\xff]*\xff.|[\xfb-\xfe].|[\xec-\xf9])", re.DOTALL)
_BEGUN = re.compile(rb"\xff(?:\xfa(?:.[^\xff]*\xff?)?|[\xfb-\xfe])?\Z", re.DOTALL)


def subnegotiation(option: Option, value: bytes) -> bytes:
    """`IAC SB option value IAC SE`."""
    return bytes([Command.IAC, Command.SB, option]) + value + bytes([Command.IAC, Command.SE])


def terminal_type(name: str) -> bytes:
    """The answer to who asks for the type of the terminal."""
    return subnegotiation(Option.TERMINAL_TYPE, b"\0" + name.encode("ascii", "replace"))


def window_size(width: int, height: int) -> bytes:
    """The answer to who asks for the size of the window."""
    return subnegotiation(Option.WINDOW_SIZE, width.to_bytes(2, "big") + height.to_bytes(2, "big"))


def server_greeting() -> bytes:
    """What VPP sends to whoever connects: character mode, echo by the server, and tell me your terminal."""
    wanted = (
        (Command.WONT, Option.LINE_MODE),
        (Command.DONT, Option.LINE_MODE),
        (Command.WILL, Option.SUPPRESS_GO_AHEAD),
        (Command.DO, Option.SUPPRESS_GO_AHEAD),
        (Command.WILL, Option.ECHO),
        (Command.DONT, Option.ECHO),
        (Command.DO, Option.TERMINAL_TYPE),
    )
    greeting = b"".join(bytes([Command.IAC, command, option]) for command, option in wanted)
    greeting += subnegotiation(Option.TERMINAL_TYPE, bytes([SEND]))
    greeting += bytes([Command.IAC, Command.DO, Option.WINDOW_SIZE])
    return greeting + subnegotiation(Option.WINDOW_SIZE, bytes([SEND]))


@dataclass
class ClientFilter:
    """Takes the telnet commands out of what VPP sends, wherever a read may have cut them.

    requests  options whose value VPP asked for, since the last look
    """

    def __post_init__(self) -> None:
        """Nothing was received yet."""
        self.requests: list[int] = []
        self._held = b""

    def feed(self, data: bytes) -> bytes:
        """What is left of the bytes received."""
        if IAC not in data and not self._held:
            return data
        data, self._held = self._held + data, b""
        begun = _BEGUN.search(data, max(len(data) - LONGEST, 0))
        if begun is not None:
            data, self._held = data[: begun.start()], data[begun.start() :]
        self.requests += [found["option"][0] for found in _COMMAND.finditer(data) if found["option"]]
        return _COMMAND.sub(b"", data)
