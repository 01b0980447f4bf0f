"""Targets that answer from what they are told to count, for monitors of several."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from vppsh.errors import TargetError
from vppsh.targets.base import Answer

HEAD = "              Name               Idx    State  MTU (L3/IP4/IP6/MPLS)     Counter          Count     \n"


@dataclass
class Counting:
    """A VPP whose interfaces count at given rates a second.

    gone  why it does not answer
    """

    name: str
    rates: dict[str, float] = field(default_factory=lambda: {"rx packets": 1000.0, "rx bytes": 64000.0})
    interfaces: int = 1
    gone: str = ""
    clock: Callable[[], float] = time.monotonic
    where: str = "nowhere"
    cluster: bool = False
    asked: list[str] = field(default_factory=list)
    started: float = 0.0

    def __post_init__(self) -> None:
        self.started = self.clock()

    def execute(self, line: str, timeout: float | None = None) -> Answer:
        self.asked.append(line)
        if self.gone:
            raise TargetError(f"{self.name}: {self.gone}")
        return Answer(self._answers(line))

    def _answers(self, line: str) -> str:
        now = self.clock() - self.started
        match line:
            case "show version":
                return "vpp v26.10 built by somebody\n"
            case "show clock":
                return f"Time now {3600 + now:.6f}, Mon, 23 Nov 2026 05:10:35 GMT\n"
            case "show runtime summary":
                rates = "  vector rates in 1.0e3, out 0.0, drop 0.0, punt 0.0\n"
                return f"Time {now:.1f}, 10 sec internal node vector rate 2.50 loops/sec 1000.00\n{rates}"
            case "show interface":
                return HEAD + "".join(self._interface(number, now) for number in range(1, self.interfaces + 1))
        return ""

    def _interface(self, number: int, now: float) -> str:
        counters = [f"{name:<16}{int(rate * now) + 1:>16}" for name, rate in self.rates.items()]
        head = f"{f'tun{number}':<32}{number:^5}{'up':^10}{'9000/0/0/0':^21}"
        first, *rest = counters or [""]
        return f"{head}{first}\n" + "".join(f"{'':68}{line}\n" for line in rest)

    def interrupt(self) -> None:
        """Every answer comes at once."""

    def close(self) -> None:
        """Nothing is held."""
