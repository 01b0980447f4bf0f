"""A target that stands still: samples that are always the same, for screens that are compared to the letter."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Future
from typing import Any, TypeVar

from vppsh.errors import CommandError
from vppsh.targets.base import Answer
from vppsh.tui.questions import Question
from vppsh.tui.sampling import Reply, Sample
from vppsh.tui.store import Store
from vppsh.tui.watching import Watched

T = TypeVar("T")
SAMPLES = 40
BEGUN = 1_700_000_000.0  # 2023-11-14, 22:13:20 UTC
# Packets a second in and out, and of what size; what comes in more than goes out is dropped.
INTERFACES = {
    "TenGigabitEthernet5/0/0": (1_200_000, 1_150_000, 800),
    "TenGigabitEthernet5/0/1": (1_150_000, 1_199_500, 640),
    "ipip0": (40_000, 39_000, 1280),
    "loop0": (0, 0, 0),
    "tap0": (12, 9, 90),
}
ERRORS = {
    ("ip4-input", "ip4 ttl <= 1", "error"): 500,
    ("esp4-decrypt-tun", "SA replayed packet", "error"): 3,
    ("arp-reply", "ARP replies sent", "info"): 1,
    ("null-node", "blackholed packets", "error"): 0,
}
HEAD = "              Name               Idx    State  MTU (L3/IP4/IP6/MPLS)     Counter          Count     \n"


def wave(second: int) -> float:
    """How much of its traffic there is: less and more again every sixteen seconds."""
    return 0.6 + 0.05 * abs(second % 16 - 8)


def passed(second: int) -> float:
    """Seconds of full traffic until then."""
    return sum(wave(each) for each in range(second))


def interfaces(second: int) -> str:
    """`show interface`."""
    text = HEAD
    for number, (name, (received, sent, size)) in enumerate(INTERFACES.items()):
        counters = {
            "rx packets": received,
            "rx bytes": received * size,
            "tx packets": sent,
            "tx bytes": sent * size,
            "drops": max(received - sent, 0) // 100,
        }
        shown = [f"{counter:<20}{int(rate * passed(second)):>16}" for counter, rate in counters.items() if rate] or [""]
        state = "up" if received else "down"
        text += f"{name:<33}{number + 1:<7}{state:<10}{'9000/0/0/0':<15}{shown[0]}".rstrip() + "\n"
        text += "".join(f"{'':65}{each}\n" for each in shown[1:])
    return text


def errors(second: int) -> str:
    """`show errors`."""
    text = f"{'Count':>8}{'Node':>22}{'Reason':>36}               Severity \n"
    for (node, reason, severity), rate in ERRORS.items():
        text += f"{int(rate * passed(second)) + 7:>10}  {node:>22}  {reason:>30}  {severity:>10}\n"
    return text


def runtime(second: int) -> str:
    """`show runtime summary`."""
    rate = 20 * wave(second)
    return f"Time {3600 + second}.0, 10.000000 sec internal node vector rate {rate:.2f} loops/sec {2e6 / rate:.2f}\n"


ANSWERS: dict[str, Callable[[int], str]] = {
    "show version": lambda second: "vpp v26.10-rc0 built by root on builder at 2026-10-01T00:00:00\n",
    "show interface": interfaces,
    "show errors": errors,
    "show runtime summary": runtime,
}


def sample(second: int) -> Sample:
    """The sample of a second."""
    return Sample(1000.0 + second, BEGUN + second, {line: Reply(answer(second), 0.0015) for line, answer in ANSWERS.items()})


class StillFeed:
    """All samples at once."""

    def start(self, deliver: Callable[[Sample], None]) -> None:
        """Deliver them."""
        for second in range(SAMPLES):
            deliver(sample(second))

    def want(self, questions: Iterable[Question]) -> None:
        """Everything is there already."""

    def hurry(self) -> None:
        """Nothing new ever comes."""

    def ask(self, line: str) -> Future[Answer]:
        """Nobody answers."""
        return self.call(lambda: Answer(""))

    def call(self, job: Callable[[], T]) -> Future[T]:
        """Nobody does anything."""
        future: Future[Any] = Future()
        future.set_exception(CommandError("nobody is there"))
        return future

    def stop(self) -> None:
        """Nothing runs."""


def watch_still() -> Watched:
    """Watch a target that stands still."""
    store = Store("vpp", "/run/vpp/cli.sock")
    return Watched(StillFeed(), store, lambda: 1.0)
