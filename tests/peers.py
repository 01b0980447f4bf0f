"""Real peers: a network namespace of the kernel, joined to an engine by a tap or a veth pair, for as long as a `with` lasts.

    @needs_peers
    def test_it() -> None:
        with tap_peer() as peer:                           # or veth_peer(): the engine's interface is then a host-interface
            peer.type(f"set interface ip address {peer.interface} 10.1.0.1/24")
            peer.address("10.1.0.2/24")
            assert "0% packet loss" in peer.kernel("ping -c 3 10.1.0.1")

The engine runs in real time in the test's own thread: while `kernel()` waits for its command, in `run()`, in `until()`, and for as
long as it has work after `type()`.
"""

from __future__ import annotations

import os
import secrets
import shlex
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from vppsh.session import Session
from vppsh.startup import make_session


def _why_not() -> str:
    """Why there can be no peers here; nothing if there can."""
    if os.geteuid() != 0:
        return "needs root"
    missing = [program for program in ("ip", "ping") if shutil.which(program) is None]
    if missing:
        return f"needs {' and '.join(missing)}"
    if not Path("/dev/net/tun").exists():
        return "needs /dev/net/tun"
    probe = subprocess.run(["unshare", "--net", "true"], capture_output=True, check=False)
    return "needs network namespaces" if probe.returncode else ""


WHY_NOT = _why_not()
needs_peers = pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT or "needs nothing that is not here")


def has_kind(kind: str) -> bool:
    """Whether the kernel has links of a kind (`ipip`, `gre`, `vxlan`, `wireguard` ...)."""
    if WHY_NOT:
        return False
    ends = "local 10.0.0.1 remote 10.0.0.2"
    extra = {"vxlan": "id 1 dstport 4789", "vlan": "id 1", "ipip": ends, "gre": ends, "sit": ends}
    with namespace() as name:
        below = ""
        if kind == "vlan":
            subprocess.run(shlex.split(f"ip -n {name} link add below0 type veth peer name below1"), check=True)
            below = "link below0"
        command = f"ip -n {name} link add {below} name probe0 type {kind} {extra.get(kind, '')}"
        return not subprocess.run(shlex.split(command), capture_output=True, check=False).returncode


@contextmanager
def namespace() -> Iterator[str]:
    """The name of a namespace, which is gone afterwards with all that is in it."""
    name = f"vppsh-{secrets.token_hex(4)}"
    subprocess.run(["ip", "netns", "add", name], check=True)
    try:
        subprocess.run(["ip", "-n", name, "link", "set", "lo", "up"], check=True)
        # Addresses are to be usable at once: nobody else can have them.
        no_detection = "echo 0 > /proc/sys/net/ipv6/conf/all/accept_dad; echo 0 > /proc/sys/net/ipv6/conf/default/accept_dad"
        subprocess.run(["ip", "netns", "exec", name, "sh", "-c", no_detection], check=True)
        yield name
    finally:
        subprocess.run(["ip", "netns", "delete", name], check=False)


@dataclass
class Peer:
    """A session of vppsh and the kernel that it is joined to.

    interface  what the engine calls its end
    link       what the namespace calls the other end
    mac        the address of the namespace's end
    """

    session: Session
    namespace: str
    link: str
    interface: str = ""
    processes: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def mac(self) -> str:
        return self.kernel(f"cat /sys/class/net/{self.link}/address").strip()

    # The engine.

    def type(self, *lines: str) -> str:
        """Execute lines that must not fail; the last one's answer."""
        text = ""
        for line in lines:
            answer = self.session.execute(line)
            assert not answer.failed, f"{line}: {answer.text}"
            text = answer.text
            self.session.engine.run_until_idle(at_most=5)
        return text

    def run(self, seconds: float) -> None:
        """Let the engine run."""
        self.session.engine.run_for(seconds)

    def until(self, condition: Callable[[], bool], seconds: float = 10) -> bool:
        """Let the engine run until a condition holds; whether it came to hold in time."""
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() >= end:
                return False
            self.run(0.01)
        return True

    # The kernel.

    def start(self, command: str) -> subprocess.Popen[str]:
        """Begin a command in the namespace; it is ended with the peer."""
        process = subprocess.Popen(
            ["ip", "netns", "exec", self.namespace, *shlex.split(command)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        self.processes.append(process)
        return process

    def kernel(self, command: str, *, fails: bool = False, seconds: float = 30) -> str:
        """Run a command in the namespace, and the engine meanwhile; what it printed."""
        with tempfile.TemporaryFile("w+") as output:
            process = subprocess.Popen(
                ["ip", "netns", "exec", self.namespace, *shlex.split(command)],
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
            )  # fmt: skip
            try:
                assert self.until(lambda: process.poll() is not None, seconds), f"{command}: goes on after {seconds} s"
            finally:
                if process.poll() is None:
                    process.kill()
                    process.wait()
            output.seek(0)
            text = output.read()
        assert (process.returncode != 0) is fails, f"{command}: status {process.returncode}\n{text}"
        return text

    def address(self, prefix: str, link: str = "") -> None:
        """Give a link of the namespace an address."""
        self.kernel(f"ip addr add {prefix} dev {link or self.link}")

    def close(self) -> None:
        """End what still runs."""
        for process in self.processes:
            process.kill()
            process.communicate()


@contextmanager
def tap_peer(options: str = "", *, session: Session | None = None, up: bool = True) -> Iterator[Peer]:
    """An engine's tap with its other end in a namespace of its own; `options` are more words for `create tap`."""
    with namespace() as name:
        peer = Peer(session or make_session(), name, "veth0")
        try:
            peer.interface = peer.type(f"create tap host-ns {name} host-if-name {peer.link} {options}").strip()
            if up:
                peer.type(f"set interface state {peer.interface} up")
            yield peer
            if peer.session.engine.interfaces.find(peer.interface) is not None:
                peer.type(f"delete tap {peer.interface}")
        finally:
            peer.close()


@contextmanager
def veth_peer(options: str = "", *, session: Session | None = None, up: bool = True) -> Iterator[Peer]:
    """An engine's host-interface on one end of a veth pair, the other end in a namespace."""
    with namespace() as name:
        ours = f"vs{secrets.token_hex(4)}"
        subprocess.run(shlex.split(f"ip link add {ours} type veth peer name veth0 netns {name}"), check=True)
        Path(f"/proc/sys/net/ipv6/conf/{ours}/disable_ipv6").write_text("1")
        peer = Peer(session or make_session(), name, "veth0")
        try:
            peer.kernel("ip link set veth0 up")
            peer.interface = peer.type(f"create host-interface name {ours} {options}").strip()
            if up:
                peer.type(f"set interface state {peer.interface} up")
            yield peer
            peer.type(f"delete host-interface name {ours}")
        finally:
            peer.close()
            subprocess.run(["ip", "link", "delete", ours], capture_output=True, check=False)


@contextmanager
def router(left: str, right: str, *, kind: Callable[..., AbstractContextManager[Peer]] = tap_peer) -> Iterator[tuple[Peer, Peer]]:
    """Two peers of one engine that reach each other through it: 10.1.0.2 and 10.2.0.2, 2001:db8:1::2 and 2001:db8:2::2."""
    with kind(left) as one, kind(right, session=one.session) as two:
        for number, peer in ((1, one), (2, two)):
            peer.type(f"set interface ip address {peer.interface} 10.{number}.0.1/24")
            peer.type(f"set interface ip address {peer.interface} 2001:db8:{number}::1/64")
            peer.address(f"10.{number}.0.2/24")
            peer.address(f"2001:db8:{number}::2/64")
            peer.kernel(f"ip route add default via 10.{number}.0.1")
            peer.kernel(f"ip route add default via 2001:db8:{number}::1")
            # As in VPP, a packet whose next hop is not known yet is lost.
            for address in (f"10.{number}.0.2", f"2001:db8:{number}::2"):
                peer.type(f"ping {address} repeat 2 interval 0.05")
        yield one, two


def listening(peer: Peer, command: str) -> subprocess.Popen[str]:
    """A server in the namespace that says that it listens."""
    server = peer.start(command)
    assert server.stdout is not None
    assert server.stdout.readline() == "listening\n"
    return server
