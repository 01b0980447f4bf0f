"""strongSwan in a network namespace, behind a TAP interface whose other end is a gateway's if1.

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
from collections.abc import Callable
from pathlib import Path

from tests.ikev2_sites import SECRET, Site
from tests.routers import mac

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


CONF = """
charon {{
  load = random nonce openssl gmp kdf aes sha1 sha2 hmac gcm chapoly kernel-libipsec kernel-netlink socket-default vici updown
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
      auth = psk
      id = fqdn:site1
    }}
    remote {{
      auth = psk
      id = fqdn:site0
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


class StrongSwan:
    """strongSwan at 10.0.1.2 with 10.2.0.1 inside, and the gateway that it talks to.

    wire  every frame, as (whether the gateway sent it, bytes)
    options  more of what charon is told when it starts
    """

    def __init__(self, site: Site, options: str = "") -> None:
        self.site, self._options = site, options
        self.wire: list[tuple[bool, bytes]] = []
        self._name = f"vppsh-ike-{os.getpid()}"
        self._device = f"vike{os.getpid() % 100000}"
        self._directory = Path(tempfile.mkdtemp(prefix="vppsh-ike-"))
        self._charon: subprocess.Popen[bytes] | None = None
        self._last = time.monotonic()
        self._tap = os.open(TUN, os.O_RDWR | os.O_NONBLOCK)

    def __enter__(self) -> StrongSwan:
        try:
            self._make_network()
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _make_network(self) -> None:
        fcntl.ioctl(self._tap, TUNSETIFF, struct.pack("16sH22x", self._device.encode(), IFF_TAP | IFF_NO_PI))
        _run("ip", "netns", "add", self._name)
        _run("ip", "link", "set", self._device, "netns", self._name)
        inside = ("ip", "-n", self._name)
        _run(*inside, "link", "set", self._device, "address", MAC)
        _run(*inside, "addr", "add", "10.0.1.2/24", "dev", self._device)
        _run(*inside, "addr", "add", "10.2.0.1/24", "dev", "lo")
        for device in ("lo", self._device):
            _run(*inside, "link", "set", device, "up")

    def _start(self) -> None:
        (self._directory / "strongswan.conf").write_text(CONF.format(directory=self._directory, options=self._options))
        # Its pid file must not meet that of another one.
        command = f"mount -t tmpfs none /run && exec {CHARON}"
        environment = os.environ | {"STRONGSWAN_CONF": str(self._directory / "strongswan.conf")}
        with (self._directory / "out").open("wb") as out:
            self._charon = subprocess.Popen(
                ["ip", "netns", "exec", self._name, "unshare", "-m", "sh", "-c", command], env=environment, stdout=out, stderr=out
            )
        self.until((self._directory / "vici").exists, "charon to start")

    def configure(self, *, ike: str, esp: str, more: str = "", child: str = "") -> None:
        """Load the connection, with proposals in strongSwan's words."""
        path = self._directory / "swanctl.conf"
        path.write_text(CONNECTION.format(ike=ike, esp=esp, secret=SECRET, more=more, child=child))
        self.swanctl("--load-all", "--file", str(path))

    def swanctl(self, *words: str) -> str:
        """Ask charon, while packets go on."""
        process = subprocess.Popen(
            ["swanctl", *words, "--uri", f"unix://{self._directory}/vici"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self.until(lambda: process.poll() is not None, f"swanctl {' '.join(words)}")
        assert process.stdout is not None
        with process.stdout as output:
            return output.read()

    def ping(self, address: str, count: int = 3) -> int:
        """How many echo requests from inside are answered."""
        process = subprocess.Popen(
            ["ip", "netns", "exec", self._name, "ping", "-i", "0.2", "-W", "2", "-c", str(count), "-I", "10.2.0.1", address],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        self.until(lambda: process.poll() is not None, "ping")
        assert process.stdout is not None
        with process.stdout as output:
            return output.read().count("bytes from")

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

    def __exit__(self, *_: object) -> None:
        if self._charon is not None:
            self._charon.terminate()
            try:
                self._charon.wait(10)
            except subprocess.TimeoutExpired:
                self._charon.kill()
                self._charon.wait()
        os.close(self._tap)
        subprocess.run(["ip", "netns", "del", self._name], check=False, capture_output=True)
        shutil.rmtree(self._directory, ignore_errors=True)


def _run(*words: str) -> None:
    subprocess.run(words, check=True, capture_output=True)
