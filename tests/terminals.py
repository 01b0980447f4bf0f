"""vppsh on a terminal: in tmux, where one sees what a person sees, or on a bare pseudo-terminal."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pexpect
import pytest

ROOT = Path(__file__).resolve().parent.parent
PATIENCE = 30.0
KEY = re.compile(r"[CM]-(?:.|Enter)|Enter|Tab|BTab|Up|Down|Left|Right|Home|End|PageUp|PageDown|Escape")
SHELL = r"\$\n\Z"  # the prompt of the shell around vppsh
VPPSH = f"{sys.executable} -m vppsh"

needs_tmux = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed (see debian-packages.txt)")


def environment(home: Path, **more: str) -> dict[str, str]:
    """The environment of a user who never ran vppsh."""
    home.mkdir(exist_ok=True)
    names = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "TMUX", "PYTHONDONTWRITEBYTECODE")}
    return {**names, "HOME": str(home), "XDG_STATE_HOME": str(home), "XDG_CONFIG_HOME": str(home), **more}


def bare_terminal(home: Path, *arguments: str, program: str = VPPSH, term: str = "xterm-256color", **more: str) -> pexpect.spawn:
    """vppsh on a pseudo-terminal on which nobody tells where the cursor is."""
    variables = environment(home, TERM=term, PROMPT_TOOLKIT_NO_CPR="1", **more)
    command = [*program.split(), *arguments]
    return pexpect.spawn(command[0], command[1:], env=variables, cwd=ROOT, timeout=PATIENCE, encoding="utf-8", dimensions=(40, 120))


# vppsh with commands that no VPP has: one that never ends, one with a long answer, one that ends the front end itself.
PROGRAM = """
import sys
from vppsh import repl
from vppsh.startup import make_session
from vppsh.grammar.tree import CommandTree
from vppsh.registry import command
from vppsh.session import Session

@command("busy")
def busy(ctx, args):
    while True:
        pass

@command("lengthy")
def lengthy(ctx, args):
    return "a line of a long answer\\n" * 3_000_000

@command("fatal")
def fatal(ctx, args):
    repl.Repl._show = None

def steps():
    engine = make_session().engine
    yield
    return Session(engine, tree=CommandTree([*engine.catalog.commands, busy, lengthy, fatal]))

sys.exit(repl.main(steps()))
"""


class Tmux:
    """A shell in a tmux of its own; `vppsh` is typed into it."""

    def __init__(self, home: Path, columns: int, rows: int, **more: str) -> None:
        self._socket = f"vppsh-test-{uuid.uuid4().hex[:12]}"
        size = ["-x", str(columns), "-y", str(rows)]
        variables = environment(home, **more)
        self._tmux("-f", "/dev/null", "new-session", "-d", *size, "PS1='$ ' exec bash --norc", environment=variables)
        self._tmux("set-option", "-g", "escape-time", "0")
        self.wait(SHELL)
        self.type(f"cd {ROOT}", "Enter")

    def _tmux(self, *arguments: str, environment: dict[str, str] | None = None) -> str:
        command = ["tmux", "-L", self._socket, *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=PATIENCE).stdout

    def start(self, *arguments: str, program: str = VPPSH) -> None:
        """Start vppsh and wait for its prompt."""
        self.type(f"clear; {program} {' '.join(arguments)}", "Enter")
        self.wait(r"Ctrl-D leaves[^$]*vpp# ?\n")

    def type(self, *keys: str) -> None:
        """Press keys: names of tmux's (`Tab`, `C-c`), anything else letter by letter."""
        for key in keys:
            name = KEY.fullmatch(key)
            self._tmux("send-keys", *([] if name else ["-l"]), "--", key)

    def interrupt(self) -> None:
        """Ctrl-C until the prompt is there: one that is pressed before the line begins to execute is not for the line."""
        for _ in range(10):
            self.type("C-c")
            until = time.monotonic() + PATIENCE / 10
            while time.monotonic() < until:
                if re.search(r"\nvpp#\n", self.screen()):
                    return
                time.sleep(0.03)
        pytest.fail(f"Ctrl-C was not heard:\n{self.screen()}")

    def paste(self, text: str) -> None:
        """Paste a text as a terminal does for programs that know of bracketed paste."""
        self._tmux("set-buffer", text)
        self._tmux("paste-buffer", "-p", "-r")

    def resize(self, columns: int, rows: int) -> None:
        self._tmux("resize-window", "-x", str(columns), "-y", str(rows))

    def screen(self, *, colours: bool = False, history: bool = False) -> str:
        """What is to be seen, perhaps with colours and what has scrolled away; blank lines at the end left out."""
        options = ["-e"] * colours + ["-S", "-"] * history
        return self._tmux("capture-pane", "-p", *options).rstrip("\n") + "\n"

    def ask(self, form: str) -> str:
        """What tmux knows of the terminal, in its format language."""
        return self._tmux("display-message", "-p", form).strip()

    def wait(self, pattern: str, *, colours: bool = False, history: bool = False) -> str:
        """Wait until the screen matches; what it shows then."""
        return self._wait_for(pattern, colours, history, wanted=True)

    def wait_gone(self, pattern: str) -> str:
        """Wait until the screen does not match any more."""
        return self._wait_for(pattern, False, False, wanted=False)

    def _wait_for(self, pattern: str, colours: bool, history: bool, *, wanted: bool) -> str:
        until = time.monotonic() + PATIENCE
        while True:
            shown = self.screen(colours=colours, history=history)
            if (re.search(pattern, shown) is not None) is wanted:
                return shown
            assert time.monotonic() < until, f"{'no' if wanted else 'still'} {pattern!r} on the screen:\n{shown}"
            time.sleep(0.03)

    def close(self) -> None:
        socket = Path(self._tmux("display-message", "-p", "#{socket_path}").strip())
        self._tmux("kill-server")
        socket.unlink(missing_ok=True)


@contextmanager
def tmux(home: Path, columns: int = 110, rows: int = 30, **more: str) -> Iterator[Tmux]:
    """A tmux that is gone afterwards."""
    terminal = Tmux(home, columns, rows, **more)
    try:
        yield terminal
    finally:
        terminal.close()
