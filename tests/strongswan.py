"""strongSwan in a network namespace, behind a link whose other end is a gateway's.

ESP is strongSwan's own, in user space (kernel-libipsec), so that a kernel without IPsec will do; it insists on UDP.
"""

from __future__ import annotations

import fcntl
import os
import select
import shutil
import struct
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tests.ikev2_sites import SECRET, Site
from tests.routers import mac
from vppsh.engine.engine import Engine
from vppsh.registry import discover
from vppsh.session import Session

CHARON = Path("/usr/lib/ipsec/charon")
LIBIPSEC = Path("/usr/lib/ipsec/plugins/libstrongswan-kernel-libipsec.so")
TUN = Path("/dev/net/tun")
TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454CA, 0x0002, 0x1000
MAC = "02:00:00:00:01:02"
LONGEST = 9000


def missing() -> str:
    """Why strongSwan cannot run here; nothing if it can."""
    if os.geteuid() != 0:
        return "needs root for a network namespace"
    if not TUN.exists():
        return f"needs {TUN}"
    wanted = {CHARON: "strongswan-charon", LIBIPSEC: "libcharon-extra-plugins"}
    absent = [package for path, package in wanted.items() if not path.exists()]
    absent += [] if shutil.which("swanctl") else ["strongswan-swanctl"]
    if absent:
        return f"needs {', '.join(absent)} (apt)"
    try:
        subprocess.run(["ip", "netns", "list"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        return "needs ip netns"
    return ""


PLUGINS = (
    "random nonce openssl gmp kdf aes sha1 sha2 hmac cmac ctr gcm "
    "chapoly pem pkcs1 x509 pubkey kernel-libipsec kernel-netlink socket-default vici updown"
)
CONF = """
charon {{
  load = {plugins}
  retransmit_timeout = 2
  {options}
  plugins {{
    vici {{ socket = unix://{directory}/vici }}
  }}
  filelog {{
    log {{ path = {directory}/log
      default = 1
      ike = 2
      flush_line = yes }}
  }}
}}
"""

CONNECTION = """
connections {{
  gateway {{
    version = 2
    local_addrs = 10.0.1.2
    remote_addrs = 10.0.1.1
    proposals = {ike}
    {more}
    local {{
      auth = {auth}
      id = fqdn:site1
      {ours}
    }}
    remote {{
      auth = {auth}
      id = fqdn:site0
      {theirs}
    }}
    children {{
      net {{
        local_ts = 10.2.0.0/24
        remote_ts = 10.0.0.0/24
        esp_proposals = {esp}
        {child}
      }}
    }}
  }}
}}
secrets {{
  ike-gateway {{
    secret = "{secret}"
  }}
}}
"""


@dataclass(frozen=True)
class Certificates:
    """strongSwan's key and certificate, and the gateway's certificate."""

    key: Path
    ours: Path
    theirs: Path


class Charon(ABC):
    """charon in a network namespace, at 10.0.1.2 with 10.2.0.1 inside; the gateway is 10.0.1.1. Subclasses know the link between.

    options  more of what charon is told when it starts
    """

    def __init__(self, options: str = "") -> None:
        self._options = options
        self._name = f"vppsh-ike-{os.getpid()}"
        self._directory = Path(tempfile.mkdtemp(prefix="vppsh-ike-"))
        self._charon: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def make_link(self) -> None:
        """Let there be a link to the gateway in the namespace."""

    @abstractmethod
    def step(self) -> None:
        """Let the gateway do for a moment what there is to do."""

    @abstractmethod
    def close_link(self) -> None:
        """The link is needed no longer."""

    def __enter__(self) -> Self:
        try:
            _run("ip", "netns", "add", self._name)
            inside = ("ip", "-n", self._name)
            _run(*inside, "link", "set", "lo", "up")
            _run(*inside, "addr", "add", "10.2.0.1/24", "dev", "lo")
            self.make_link()
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _start(self) -> None:
        (self._directory / "strongswan.conf").write_text(CONF.format(directory=self._directory, options=self._options, plugins=PLUGINS))
        # Its pid file must not meet that of another one.
        command = f"mount -t tmpfs none /run && exec {CHARON}"
        environment = os.environ | {"STRONGSWAN_CONF": str(self._directory / "strongswan.conf")}
        with (self._directory / "out").open("wb") as out:
            self._charon = subprocess.Popen(
                ["ip", "netns", "exec", self._name, "unshare", "-m", "sh", "-c", command], env=environment, stdout=out, stderr=out
            )
        self.until((self._directory / "vici").exists, "charon to start")

    def configure(self, *, ike: str, esp: str, more: str = "", child: str = "", certificates: Certificates | None = None) -> None:
        """Load the connection, with proposals in strongSwan's words; with certificates it is they that prove who somebody is."""
        path = self._directory / "swanctl.conf"
        auth, ours, theirs = "psk", "", ""
        if certificates is not None:
            auth, ours, theirs = "pubkey", f"certs = {certificates.ours}", f"certs = {certificates.theirs}"
            (self._directory / "private").mkdir()
            shutil.copy(certificates.key, self._directory / "private")
        words = {"ike": ike, "esp": esp, "secret": SECRET, "more": more, "child": child, "auth": auth, "ours": ours, "theirs": theirs}
        path.write_text(CONNECTION.format(**words))
        self.swanctl("--load-all", "--file", str(path))

    def swanctl(self, *words: str) -> str:
        """Ask charon, while packets go on."""
        return self._while_packets_go_on("swanctl", *words, "--uri", f"unix://{self._directory}/vici")

    def ping(self, address: str, count: int = 3) -> int:
        """How many echo requests from inside are answered."""
        inside = ("ip", "netns", "exec", self._name, "ping", "-i", "0.2", "-W", "2", "-c", str(count), "-I", "10.2.0.1")
        return self._while_packets_go_on(*inside, address).count("bytes from")

    def _while_packets_go_on(self, *words: str) -> str:
        environment = os.environ | {"SWANCTL_DIR": str(self._directory)}
        process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment)
        self.until(lambda: process.poll() is not None, " ".join(words))
        assert process.stdout is not None
        with process.stdout as output:
            return output.read()

    @property
    def log(self) -> str:
        """What charon says."""
        path = self._directory / "log"
        return path.read_text() if path.exists() else (self._directory / "out").read_text()

    def until(self, done: Callable[[], bool], what: str, seconds: float = 30) -> None:
        """Let packets and time go on until something is so."""
        end = time.monotonic() + seconds
        while not done():
            assert time.monotonic() < end, f"waited {seconds} s for {what}\n{self.log[-6000:]}"
            self.step()

    def __exit__(self, *_: object) -> None:
        if self._charon is not None:
            self._charon.terminate()
            try:
                self._charon.wait(10)
            except subprocess.TimeoutExpired:
                self._charon.kill()
                self._charon.wait()
        self.close_link()
        subprocess.run(["ip", "netns", "del", self._name], check=False, capture_output=True)
        shutil.rmtree(self._directory, ignore_errors=True)


class StrongSwan(Charon):
    """strongSwan whose link is if1 of a site, by a TAP that the test reads and writes.

    wire  every frame, as (whether the gateway sent it, bytes)
    """

    def __init__(self, site: Site, options: str = "") -> None:
        super().__init__(options)
        self.site = site
        self.wire: list[tuple[bool, bytes]] = []
        self._device = f"vike{os.getpid() % 100000}"
        self._last = time.monotonic()
        self._tap = os.open(TUN, os.O_RDWR | os.O_NONBLOCK)

    def make_link(self) -> None:
        fcntl.ioctl(self._tap, TUNSETIFF, struct.pack("16sH22x", self._device.encode(), IFF_TAP | IFF_NO_PI))
        _run("ip", "link", "set", self._device, "netns", self._name)
        inside = ("ip", "-n", self._name)
        _run(*inside, "link", "set", self._device, "address", MAC)
        _run(*inside, "addr", "add", "10.0.1.2/24", "dev", self._device)
        _run(*inside, "link", "set", self._device, "up")

    def step(self) -> None:
        """What has come, and as much time for the gateway as has passed."""
        ready, _, _ = select.select([self._tap], [], [], 0.02)
        while ready:
            try:
                frame = os.read(self._tap, LONGEST)
            except BlockingIOError:
                break
            self.wire.append((False, frame))
            self.site.engine.dispatcher.send(self.site.engine.graph["ethernet-input"], self.site.frame(frame, link=1))
            self._flush()
        now = time.monotonic()
        self.site.engine.run_for(now - self._last)
        self._last = now
        self._flush()

    def send(self, packet: bytes) -> None:
        """A packet that the gateway has not sent, though it looks so."""
        os.write(self._tap, bytes.fromhex(MAC.replace(":", "")) + mac(1) + b"\x08\x00" + packet)

    def type(self, line: str) -> str:
        """Type a line at the gateway."""
        answer = self.site(line)
        self._flush()
        return answer

    def _flush(self) -> None:
        self.site.settle()
        leaving = [data for name, data in self.site.left if name == "if1"]
        self.site.left.clear()
        for frame in leaving:
            self.wire.append((True, frame))
            os.write(self._tap, frame)

    def close_link(self) -> None:
        os.close(self._tap)


class StrongSwanOnTap(Charon):
    """strongSwan at the other end of tap0 of a whole engine, which has the machine's clock; calling it types a line."""

    def __init__(self) -> None:
        super().__init__()
        self.engine = Engine(discover())
        self._session = Session(self.engine)

    def __call__(self, line: str) -> str:
        return self._session.execute(line).text.rstrip("\n")

    def make_link(self) -> None:
        answer = self(f"create tap id 0 host-ns {self._name} host-if-name outside host-ip4-addr 10.0.1.2/24")
        assert answer == "tap0", answer
        self("set interface state tap0 up")
        self("set interface ip address tap0 10.0.1.1/24")

    def step(self) -> None:
        self.engine.run_for(0.02)

    def close_link(self) -> None:
        self("delete tap tap0")


def _run(*words: str) -> None:
    subprocess.run(words, check=True, capture_output=True)
