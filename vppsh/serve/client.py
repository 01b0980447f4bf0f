"""One client of the CLI socket: its telnet options, its session, and what it types.

A client that says its terminal is `vppctl` gets line mode: each piece of input is a line, each answer ends in a NUL
byte, and there is no prompt, echo, pager or history. All others get character mode with a banner and a prompt, after
they told their terminal or did not within a second.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from time import monotonic

from vppsh.serve.editing import PROMPT, LineEditor
from vppsh.serve.keyboard import AT_PROMPT, IN_PAGER, LONGEST, Key, read_key
from vppsh.serve.output import Output
from vppsh.serve.pager import ServedPager
from vppsh.session import Session
from vppsh.targets.base import Answer
from vppsh.targets.telnet import Command, Option, server_greeting
from vppsh.terminal import Terminal

# How long a client may take to tell its terminal before it is greeted anyway.
WELCOME_AFTER = 1.0
# No terminal is larger than this, and one without a size is a VT100.
LARGEST = 512
WIDTH, HEIGHT = 80, 24
# A client that does not read its answers gets no more of them.
MOST_WAITING = 1 << 20
# A subnegotiation that does not end within so many bytes is none.
LONGEST_NEGOTIATION = 32
ANSI_TERMINALS = ("xterm", "xterm-color", "xterm-256color", "screen", "screen-256color", "ansi")
NOT_INTERACTIVE = "vppctl"
ANSI_RED, ANSI_RESET = "\x1b[1m\x1b[31m", "\x1b[0m"
BANNER = (
    ("    _______    _     ", "   _   _____  ___ \n"),
    (" __/ __/ _ \\  (_)__ ", "   | | / / _ \\/ _ \\\n"),
    (" _/ _// // / / / _ \\", "   | |/ / ___/ ___/\n"),
    (" /_/ /____(_)_/\\___/", "   |___/_/  /_/    \n"),
)


def new_terminal(origin: str, number: int, descriptor: int, process: int) -> Terminal:
    """The terminal of a client that has just connected; VPP takes it for a person's until it says otherwise.

    origin  `local`, or the address and port that it came from over TCP
    """
    return Terminal(
        name=f"unix-cli-{f'local:{number}' if origin == 'local' else origin}",
        node=f"unix-cli-process-{process}",
        interactive=True,
        line_mode=False,
        width=WIDTH,
        height=HEIGHT,
        history=True,
        pager=True,
        crlf=True,
        is_socket=True,
        process_index=process,
        descriptor=descriptor,
    )


class Client:
    """A connection and its session.

    execute   runs a line in the session, and the dataplane after it
    deadline  when it is greeted whatever it said; None once it was
    closed    nothing more will be read from it
    """

    def __init__(self, connection: socket.socket, session: Session, execute: Callable[[Session, str], Answer]) -> None:
        self.connection = connection
        self.session = session
        self.output = Output(connection)
        self.deadline: float | None = monotonic() + WELCOME_AFTER
        self.closed = False
        self._execute = execute
        self._input = bytearray()
        self._incomplete = False
        self._lines = 0
        self._editor = LineEditor(self.output, session.terminal, session.history, self._completions)
        self._pager = ServedPager(self.output, session.terminal)
        self.output.raw(server_greeting())

    def welcome(self) -> None:
        """Greet: banner and prompt, for those who are interactive."""
        self.deadline = None
        terminal = self.session.terminal
        if not terminal.interactive:
            return
        self.output.raw(b"\r")
        for left, right in BANNER:
            line = f"{ANSI_RED}{left}{ANSI_RESET}{right}" if terminal.ansi else left + right
            self.output.write(line.encode())
        self.output.write(b"\n")
        self._editor.prompt()

    @property
    def ready(self) -> bool:
        """There is input to act on, and what was answered before is on its way."""
        return bool(self._input) and not self._incomplete and not self.closed and self.output.waiting < MOST_WAITING

    def receive(self, data: bytes) -> None:
        """Take what the client sent; nothing means that it will send no more."""
        self.closed = self.closed or not data
        self._input += data
        self._incomplete = False

    def work(self) -> None:
        """Act on the input, up to the next line that is executed: then it is the others' turn."""
        lines = self._lines
        while self._input and not self.closed and self._lines == lines:
            if self.session.terminal.line_mode:
                line, self._input = bytes(self._input), bytearray()
                self._answer(line.partition(b"\0")[0].decode("utf-8", "surrogateescape"))
            elif not self._key():
                self._incomplete = True
                break

    def _key(self) -> bool:
        """Act on the next key; False when more bytes must come first."""
        paging = self._pager.active
        found = read_key(IN_PAGER if paging else AT_PROMPT, bytes(self._input[:LONGEST]))
        if found is None:
            return False
        key, length = found
        if key == Key.TELNET:
            length = self._telnet()
            if not length:
                return False
        # Telnet may have made it a client in line mode, whose input is a line and not keys.
        elif self.session.terminal.line_mode:
            return True
        typed = bytes(self._input[:length])
        del self._input[:length]
        if key is None:
            if not paging and self._editor.type(typed):
                self._enter()
                # What ended a search without a match is typed all the same.
                self._editor.type(typed)
        elif paging:
            if self._pager.key(key):
                self._editor.prompt()
        elif key == Key.ERASE_RIGHT and typed == b"\x04" and self._editor.empty:
            self.output.write(b"quit\n")
            self.session.closed = self.closed = True
        elif key == Key.ENTER or self._editor.key(key):
            self._enter()
        return True

    def _enter(self) -> None:
        line = self._editor.take()
        self._answer(line)
        self._editor.rewind()

    def _answer(self, line: str) -> None:
        """Execute a line and send its answer."""
        self._lines += 1
        terminal = self.session.terminal
        answer = self._execute(self.session, line) if line.strip() else Answer("")
        self.closed = self.session.closed
        if self.closed or not terminal.interactive:
            self.output.write(answer.text.encode("utf-8", "surrogateescape"))
            # No NUL after `quit`: vppctl would take it for a reason to write once more.
            self.output.raw(b"" if self.closed else b"\0")
        elif not self._pager.show(answer.text):
            self.output.raw(PROMPT)

    def _completions(self, text: str) -> list[str]:
        """The words of commands that Tab may put in the place of the last one."""
        return [found.text for found in self.session.complete(text, len(text)) if found.kind == "command"]

    def _telnet(self) -> int:
        """Act on the telnet command at the beginning of the input; how long it is, 0 when more of it must come."""
        data = self._input
        if len(data) < 2:
            return 0
        match data[1]:
            case Command.WILL | Command.WONT | Command.DO | Command.DONT:
                return 3 if len(data) >= 3 else 0
            case Command.SB:
                end = data.find(bytes([Command.IAC, Command.SE]), 2, LONGEST_NEGOTIATION)
                if end >= 0:
                    self._option(data[2], bytes(data[3:end]))
                    return end + 2
                return 2 if len(data) >= LONGEST_NEGOTIATION else 0
            case Command.AYT:
                self.output.write(b"fd.io VPP\n")
                return 2
            case code if code >= Command.XEOF:
                return 2
        return 1

    def _option(self, option: int, value: bytes) -> None:
        """What the client says of its terminal."""
        terminal = self.session.terminal
        if option == Option.TERMINAL_TYPE:
            if value[:1] == b"\0":
                name = value[1:].decode("ascii", "replace").lower()
                terminal.ansi = any(known.startswith(name) for known in ANSI_TERMINALS)
                if NOT_INTERACTIVE.startswith(name):
                    terminal.interactive = terminal.pager = terminal.history = False
                    terminal.line_mode = True
            if self.deadline is not None:
                self.welcome()
        elif option == Option.WINDOW_SIZE and len(value) == 4:
            terminal.width = min(int.from_bytes(value[:2], "big"), LARGEST) or WIDTH
            terminal.height = min(int.from_bytes(value[2:], "big"), LARGEST) or HEIGHT
            self._pager.resized()
