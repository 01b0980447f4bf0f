"""A VPP that is large, as far as the monitor can tell: canned answers behind a CLI socket, `python -m bench.big_vpp SOCKET`.

Counters rise from second to second, as under traffic. What the monitor costs is measured in its own process, so it does not matter
here what making the answers costs.
"""

from __future__ import annotations

import random
import socket
import sys
import threading
import time
from collections.abc import Callable
from functools import lru_cache

from vppsh.targets.telnet import server_greeting

INTERFACES = 500
NODES = 2_000
ERRORS = 300
ROUTES = 200_000
THREADS = 2
BUSY = 4  # every so many interfaces, nodes and errors move


def main() -> None:
    """Serve at a socket until told to end by a signal; says so when it can be connected to."""
    answers = Answers()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(sys.argv[1])
    listener.listen()
    sys.stdout.write("serving\n")
    sys.stdout.flush()
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=serve, args=(connection, answers.to), daemon=True).start()


def serve(connection: socket.socket, answer: Callable[[str], bytes]) -> None:
    """One client in line mode: each line's answer ends in a NUL."""
    with connection:
        connection.sendall(server_greeting())
        received = b""
        while not received.endswith(b"\xff\xf0"):
            received += connection.recv(4096)
        while line := connection.recv(4096):
            connection.sendall(answer(line.decode().strip()) + b"\0")


class Answers:
    """What the lines of the monitor are answered."""

    def __init__(self) -> None:
        self._begun = time.monotonic()
        self._weights = [random.Random(1).randrange(1, 5000) for _ in range(NODES)]
        self._of = {
            "show interface": interfaces,
            "show errors": errors,
            "show runtime": runtime,
            "show runtime summary": summary,
            "show ip fib": fib,
            "show ip fib summary": fib_summary,
        }

    def to(self, line: str) -> bytes:
        """The answer to a line; a short one to those that are not known."""
        if line == "show version":
            return b"vpp v26.10-rc0 built by nobody\r\n"
        if line in ("show ip fib", "show ip fib summary"):
            return self._made(line, 0)
        return self._made(line, int(time.monotonic() - self._begun)) if line in self._of else b""

    @lru_cache(maxsize=32)  # noqa: B019 - there is one of these
    def _made(self, line: str, second: int) -> bytes:
        return self._of[line](second, self._weights).replace("\n", "\r\n").encode()


def interfaces(second: int, weights: list[int]) -> str:
    """`show interface`: every fourth moves."""
    lines = [f"{'Name':^32}{'Idx':^5}{'State':^10}{'MTU (L3/IP4/IP6/MPLS)':^21}{'Counter':^16}{'Count':^16}"]
    for number in range(INTERFACES):
        packets = weights[number] * (1 + second if number % BUSY == 0 else 1)
        counters = {
            "rx packets": packets, "rx bytes": 90 * packets, "tx packets": packets, "tx bytes": 90 * packets, "drops": packets // 50,
            "ip4": packets, "ip6": packets // 9,
        }  # fmt: skip
        head = f"{f'tun{number}':<32}{number:^5}{'up':^10}{'9000/0/0/0':^21}"
        for name, count in counters.items():
            lines.append(f"{head}{name:<16}{count:>16}")
            head = " " * 68
    return "\n".join(lines) + "\n"


def errors(second: int, weights: list[int]) -> str:
    """`show errors`: every fourth moves."""
    lines = [f"{'Count':^10}{'Node':^35}{'Reason':^35}{'Severity':^10}"]
    for number in range(ERRORS):
        count = weights[number] * (1 + second if number % BUSY == 0 else 1)
        lines.append(f"{count:>10}{f'node-{number % 90}':^35}{f'reason number {number}':^35}{'error':^10}")
    return "\n".join(lines) + "\n"


def runtime(second: int, weights: list[int]) -> str:
    """`show runtime`: two threads of a thousand nodes each."""
    lines = []
    for thread in range(THREADS):
        lines += [
            *(["---------------"] if thread else []),
            f"Thread {thread} vpp_{'wk_0' if thread else 'main'}",
            f"Time {second + 1:.1f}, 10 sec internal node vector rate 31.50 loops/sec 120000.00",
            "  vector rates in 1.0000e6, out 1.0000e6, drop 0.0000e0, punt 0.0000e0",
            f"{'Name':^32}{'State':^12}{'Calls':^16}{'Vectors':^16}{'Suspends':^16}{'Clocks':^15}{'Vectors/Call':^15}",
        ]
        for number in range(NODES // THREADS):
            calls = weights[number] * (1 + second if number % BUSY == 0 else 1)
            lines.append(f"{f'some-graph-node-{number}':<32}{'active':<12}{calls:>16}{20 * calls:>16}{0:>16}{31.5:>15.2e}{20.0:>15.2f}")
    return "\n".join(lines) + "\n"


def summary(second: int, weights: list[int]) -> str:
    """`show runtime summary`: the threads without their nodes."""
    return "".join(f"{line}\n" for line in runtime(second, weights).splitlines() if line.startswith(("-", "Thread", "Time", "  vector")))


def fib(second: int, weights: list[int]) -> str:
    """`show ip fib`: one table."""
    lines = ["ipv4-VRF:0, fib_index:0, flow hash:[src dst sport dport proto flowlabel ] epoch:0 flags:none locks:[default-route:1, ]"]
    for number in range(ROUTES):
        prefix = f"{10 + (number >> 16)}.{number >> 8 & 255}.{number & 255}.0/24"
        lines += [
            prefix,
            "  unicast-ip4-chain",
            f"  [@0]: dpo-load-balance: [proto:ip4 index:{number + 10} buckets:1 uRPF:{number + 10} to:[0:0]]",
            f"    [0] [@5]: ipv4 via 192.168.{number % 40}.2 tun{number % INTERFACES}: mtu:9000 next:5 flags:[] 02fe000000020800",
        ]
    return "\n".join(lines) + "\n"


def fib_summary(second: int, weights: list[int]) -> str:
    """`show ip fib summary`: how many routes there are."""
    return (
        f"ipv4-VRF:0, fib_index:0, flow hash:[src dst sport dport proto flowlabel ] epoch:0 flags:none locks:[default-route:1, ]\n"
        f"    Prefix length         Count\n                  24{ROUTES:>16}\n"
    )


if __name__ == "__main__":
    main()
