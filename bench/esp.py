"""ESP inside one engine, in turns with a bare loop of AES-GCM: the process that the IPsec case starts.

usage: python -m bench.esp [--way encrypt|decrypt] [--size 64] [--vector N]      prints JSON
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bench import yardstick
from bench.forward import PORTS, transmitted
from vppsh.engine.engine import Engine
from vppsh.engine.ipsec.sa import Sas
from vppsh.engine.wire.pcapwriter import PcapWriter
from vppsh.session import Session
from vppsh.startup import GC_THRESHOLDS

ROUNDS = 12
# Of long ones so few that a capture of them stays in the processor's last cache.
PACKETS, LONG_PACKETS, LONG = 40_960, 16_384, 1000
KEY, SALT = bytes(range(16)), bytes(range(4))
ETHERNET, IP4, ESP = 14, 20, 8
BARE_PACKETS = 20_000
# What ESP adds to a packet in a tunnel: IPIP header, then footer and padding to four bytes.
ALIGNMENT, FOOTER = 4, 2


def packets_of(size: int) -> int:
    """How many packets a round has."""
    return LONG_PACKETS if size >= LONG else PACKETS


def plain_bytes(size: int) -> int:
    """How much is encrypted of a packet that has `size` bytes with its Ethernet header."""
    return -(-(size - ETHERNET + FOOTER) // ALIGNMENT) * ALIGNMENT


def bare(size: int, *, decrypt: bool) -> float:
    """Millions of packets a second, when nothing is done but to encrypt or decrypt them."""
    cipher, associated = AESGCM(KEY), bytes(ESP)
    data = [bytes(plain_bytes(size))] * BARE_PACKETS
    nonces = [SALT + number.to_bytes(8, "big") for number in range(BARE_PACKETS)]
    function = cipher.encrypt
    if decrypt:
        data = [cipher.encrypt(nonce, each, associated) for nonce, each in zip(nonces, data, strict=True)]
        function = cipher.decrypt
    start = time.process_time()
    for nonce, each in zip(nonces, data, strict=True):
        function(nonce, each, associated)
    return BARE_PACKETS / (time.process_time() - start) / 1e6


def lines(*, decrypt: bool) -> list[str]:
    """A gateway whose tunnel is protected; what comes out of it is for 10.0.0.0/24, and 10.64.0.0/16 lies behind it."""
    words = f"crypto-alg aes-gcm-128 crypto-key {KEY.hex()} salt 0x{SALT.hex()}"
    here, peer = ("10.0.1.2", "10.0.1.1") if decrypt else ("10.0.1.1", "10.0.1.2")
    return [
        *PORTS.splitlines(),
        "set interface ip address pg0 10.0.0.1/24", f"set interface ip address pg1 {here}/24",
        f"ip neighbor pg1 {peer} 02:00:00:00:01:02", "ip neighbor pg0 10.0.0.2 02:00:00:00:00:02",
        f"create ipip tunnel src {here} dst {peer}",
        f"ipsec sa add 10 spi 1001 esp {words}{' inbound use-anti-replay' if decrypt else ''}",
        f"ipsec sa add 20 spi 2001 esp {words}{'' if decrypt else ' inbound use-anti-replay'}",
        f"ipsec tunnel protect ipip0 sa-in {10 if decrypt else 20} sa-out {20 if decrypt else 10}",
        "set interface state ipip0 up", "set interface unnumbered ipip0 use pg1",
        "ip route add 10.64.0.0/16 via 10.0.0.2 pg0" if decrypt else "ip route add 10.64.0.0/16 via ipip0",
    ]  # fmt: skip


def stream(size: int, vector: int) -> str:
    data = (
        f"IP4: 02:00:00:00:00:02 -> 02:fe:00:00:00:01 UDP: 10.0.0.2 -> 10.64.0.1 UDP: 1234 -> 4321 incrementing {size - ETHERNET - IP4 - 8}"
    )
    head = f"packet-generator new {{ name s limit {packets_of(size)} size {size}-{size} interface pg0 node ethernet-input maxframe {vector}"
    return f"{head} data {{ {data} }} }}"


def session_of(configuration: list[str], vector: int) -> Session:
    session = Session(Engine(vector_size=vector))
    for line in configuration:
        answer = session.execute(line)
        if answer.failed:
            raise SystemExit(f"{line}\n{answer.text}")
    return session


def protected(size: int, path: Path) -> None:
    """A capture of what a gateway sends when packets go into the tunnel."""
    sender = session_of([*lines(decrypt=False), stream(size, 256)], 256)
    sent = path.with_suffix(".out.pcap")
    for line in (f"packet-generator capture pg1 pcap {sent} count {packets_of(size)}", "packet-generator enable-stream s"):
        sender.execute(line)
        sender.engine.run_until_idle()
    raw = np.frombuffer(sent.read_bytes(), np.uint8)
    length = int(raw[24 + 8 : 24 + 12].view("<u4")[0])
    packets = raw[24:].reshape(-1, 16 + length)[:, 16:].copy()
    # As they come to the other gateway.
    packets[:, :6] = np.frombuffer(bytes.fromhex("02fe00000002"), np.uint8)
    writer = PcapWriter(path)
    n = len(packets)
    writer.write(packets.reshape(-1), np.arange(n) * length, np.full(n, length), np.zeros(n, np.int64))
    writer.close()


def run(session: Session, packets: int) -> float:
    """Send the stream once more; the seconds that took."""
    engine = session.engine
    for sa in engine.get(Sas):
        # The same numbers come again.
        sa.window.top = 0
        sa.window.missing[:] = False
    sent = transmitted(engine)
    session.execute("packet-generator enable-stream s")
    start = time.process_time()
    engine.run_until_idle()
    seconds = time.process_time() - start
    if transmitted(engine) - sent != packets:
        raise SystemExit(f"{transmitted(engine) - sent} of {packets} packets were transmitted")
    return seconds


def measure(size: int, vector: int, folder: Path, *, decrypt: bool) -> dict[str, object]:
    """The best round of the engine, of the bare loop and of the yardstick, taken in turns."""
    source = stream(size, vector)
    if decrypt:
        capture = folder / "esp.pcap"
        protected(size, capture)
        source = (
            f"packet-generator new {{ name s limit {packets_of(size)} pcap {capture} source pg1 node ethernet-input maxframe {vector} }}"
        )
    session = session_of([*lines(decrypt=decrypt), source], vector)
    engine, packets = session.engine, packets_of(size)
    best = beside = loop = 0.0
    costs: list[dict[str, object]] = []
    for _ in range(ROUNDS):
        beside = max(beside, yardstick.mpps(vector, runs=1))
        loop = max(loop, bare(size, decrypt=decrypt))
        before = {node.name: (node.clocks, node.vectors) for node in engine.graph}
        seconds = run(session, packets)
        mpps = packets / seconds / 1e6
        if mpps > best:
            best, costs = mpps, []
            for node in engine.graph:
                clocks, vectors = (now - then for now, then in zip((node.clocks, node.vectors), before[node.name], strict=True))
                if vectors:
                    costs.append({"node": node.name, "nanoseconds": clocks / vectors, "part": vectors / packets})
    return {"mpps": best, "yardstick": beside, "loop": loop, "costs": costs}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.esp", description="ESP, one direction and size; prints JSON.")
    parser.add_argument("--way", choices=("encrypt", "decrypt"), default="encrypt")
    parser.add_argument("--size", type=int, default=64, help="of the packets in the tunnel, Ethernet header included")
    parser.add_argument("--vector", type=int, default=256)
    options = parser.parse_args()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    with tempfile.TemporaryDirectory() as folder:
        json.dump(measure(options.size, options.vector, Path(folder), decrypt=options.way == "decrypt"), sys.stdout)


if __name__ == "__main__":
    main()
