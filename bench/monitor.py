"""The monitor on a terminal of its own, watching a large VPP: how long until a key has changed the screen, what looking on costs."""

from __future__ import annotations

import os
import re
import select
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pexpect

WIDTH, HEIGHT = 160, 50
# The screen is drawn when nothing more came for so long (seconds).
QUIET = 0.02
LONGEST = 5.0
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Answered:
    """How long keys took until the screen stood still again, in milliseconds."""

    median: float
    worst: float


class Watched:
    """`vppsh tui` on a terminal."""

    def __init__(self, vppsh: str, cli: Path, home: Path) -> None:
        """Start it, and wait until it shows what it watches."""
        environment = {**os.environ, "HOME": str(home), "XDG_STATE_HOME": str(home), "TERM": "xterm-256color"}
        command = ["tui", str(cli), "--no-stats"]
        self._terminal = pexpect.spawn(vppsh, command, env=environment, timeout=30, dimensions=(HEIGHT, WIDTH))
        self._terminal.delaybeforesend = None
        self._terminal.expect(r"1 Overview.*took")
        self._tabs = {name.decode(): key.decode() for key, name in re.findall(rb"(\d) ([A-Z][a-z]+)", self._terminal.match[0])}
        self._rest(LONGEST)

    def close(self) -> None:
        """End it."""
        self._terminal.close(force=True)

    def open(self, tab: str) -> None:
        """Go to a tab, and let it be drawn with what is asked for it."""
        self.press(self._tabs[tab])
        self.settle()

    def until(self, text: str) -> float:
        """Wait until something stands on the screen, which did not before; the seconds that it took."""
        begun = time.perf_counter()
        self._terminal.expect_exact(text.encode(), timeout=120)
        return time.perf_counter() - begun

    def settle(self, seconds: float = 1.5) -> None:
        """Let what a tab needs be asked and drawn for the first time."""
        end = time.perf_counter() + seconds
        while (left := end - time.perf_counter()) > 0:
            self._read(left)

    def send(self, key: str) -> None:
        """Press a key and do not wait."""
        self._terminal.send(key)

    def press(self, key: str) -> float:
        """Press a key; how many seconds passed until the last of what it changed on the screen came, 0 if it changed nothing."""
        self._rest(1.0)
        begun = time.perf_counter()
        self._terminal.send(key)
        return max(self._rest(LONGEST, patience=0.5) - begun, 0.0)

    def keys(self, keys: Sequence[str]) -> Answered:
        """Press keys one after the other."""
        took = [1000 * seconds for key in keys if (seconds := self.press(key))]
        return Answered(statistics.median(took), max(took))

    def processor(self) -> float:
        """Seconds of processor time until now, of all its threads."""
        fields = Path(f"/proc/{self._terminal.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def share(self, seconds: float) -> float:
        """Which part of a core it takes when it is only looked at, in percent."""
        before, begun = self.processor(), time.perf_counter()
        self.settle(seconds)
        return 100 * (self.processor() - before) / (time.perf_counter() - begun)

    def _rest(self, longest: float, patience: float = QUIET) -> float:
        """Read until nothing came for a while; when the last of it came."""
        last, end = 0.0, time.perf_counter() + longest
        while time.perf_counter() < end and self._read(QUIET if last else patience):
            last = time.perf_counter()
        return last

    def _read(self, seconds: float) -> bool:
        if not select.select([self._terminal.child_fd], [], [], seconds)[0]:
            return False
        os.read(self._terminal.child_fd, 1 << 20)
        return True


@contextmanager
def big_vpp(work: Path) -> Iterator[Path]:
    """The socket of a VPP with 500 interfaces, 2,000 lines of nodes and 200,000 routes."""
    path = work / "big.sock"
    path.unlink(missing_ok=True)
    with subprocess.Popen([sys.executable, "-m", "bench.big_vpp", str(path)], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "serving\n"
            yield path
        finally:
            process.terminate()
            path.unlink(missing_ok=True)
