"""Forwarding between devices of the host, inside a network namespace of its own: the process that the device case starts.

usage: unshare --net python -m bench.devices --shape tap|tap-in|tap-out|veth --vector N      prints JSON

Bursts are put into the host's end of the first device while the clock stands still; what counts is the engine's own processor time,
that of its system calls included.
"""

from __future__ import annotations

import argparse
import json
import socket
import subprocess
import sys
import time

from vppsh.session import Session
from vppsh.startup import make_session

BURST, ROUNDS = 512, 60
HOST_MAC, OWN_MAC = "02:00:00:00:00:02", "02:fe:00:00:00:01"
# A UDP packet of 64 bytes, Ethernet included, to 10.64.0.1.
PACKET = bytes.fromhex(
    "02fe0000000102000000000208004500003200000000401166790a0000020a40000104d210e1001e0000" + "000102030405060708090a0b0c0d0e0f101112131415"
)
PG = "packet-generator new {{ name s limit {limit} size 64-64 interface pg0 node ethernet-input maxframe {vector} data {{ "
PG += "IP4: 02:00:00:00:00:02 -> 02:fe:00:00:00:01 UDP: 10.0.0.2 -> 10.64.0.1 UDP: 1234 -> 4321 incrementing 22 }} }}"


def lines(shape: str) -> list[str]:
    """CLI lines of a router from the first device to the second."""
    if shape == "veth":
        made = [f"create host-interface name a0 hw-addr {OWN_MAC}", "create host-interface name b0"]
        first, second = "host-a0", "host-b0"
    else:
        first, second = ("pg0" if shape == "tap-out" else "tap0"), ("pg1" if shape == "tap-in" else "tap1")
        made = [
            f"create packet-generator interface pg0 hw-addr {OWN_MAC}", "create packet-generator interface pg1",
            f"create tap id 0 host-if-name a1 hw-addr {OWN_MAC}", "create tap id 1 host-if-name b1",
        ]  # fmt: skip
    return [
        *made, f"set interface state {first} up", f"set interface state {second} up", f"set interface ip address {first} 10.0.0.1/24",
        f"set interface ip address {second} 10.0.1.1/24", f"ip neighbor {second} 10.0.1.2 {HOST_MAC}",
        f"ip route add 10.64.0.0/16 via 10.0.1.2 {second}",
    ]  # fmt: skip


def prepare(shape: str, vector: int) -> Session:
    """The links of the host and the engine between them."""
    quiet = "for f in /proc/sys/net/ipv6/conf/*/disable_ipv6; do echo 1 > $f; done"
    subprocess.run(["sh", "-c", quiet], check=True)
    if shape == "veth":
        for name in "ab":
            subprocess.run(["ip", "link", "add", f"{name}0", "type", "veth", "peer", "name", f"{name}1"], check=True)
            subprocess.run(["ip", "link", "set", f"{name}1", "up"], check=True)
    session = make_session(vector)
    for line in lines(shape):
        answer = session.execute(line)
        if answer.failed:
            raise RuntimeError(f"{line}: {answer.text}")
    subprocess.run(["ip", "link", "set", "a1", "txqueuelen", str(2 * BURST)], check=True)
    return session


def measure(shape: str, vector: int) -> float:
    """Packets a second of processor time."""
    session = prepare(shape, vector)
    engine = session.engine
    if shape == "tap-out":
        limit = BURST * ROUNDS
        session.execute(PG.format(limit=limit, vector=vector))
        session.execute("packet-generator enable-stream s")
        begin = time.process_time()
        engine.run_until_idle()
        return limit / (time.process_time() - begin)
    out = engine.interfaces.find("host-b0" if shape == "veth" else "pg1" if shape == "tap-in" else "tap1")
    assert out is not None
    sent, spent = engine.interfaces.tx.packets, 0.0
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sender:
        sender.bind(("a1", 0))
        for number in range(1, ROUNDS + 1):
            for _ in range(BURST):
                sender.send(PACKET)
            begin = time.process_time()
            patience = begin + 5
            while sent[out.sw_if_index] < number * BURST:
                engine.step()
                if time.process_time() > patience:
                    raise RuntimeError(f"{shape}: {int(sent[out.sw_if_index])} of {number * BURST} packets arrived")
            spent += time.process_time() - begin
    return BURST * ROUNDS / spent


def main() -> None:
    """Measure one shape."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--shape", choices=("tap", "tap-in", "tap-out", "veth"), required=True)
    parser.add_argument("--vector", type=int, required=True)
    options = parser.parse_args()
    json.dump({"pps": measure(options.shape, options.vector)}, sys.stdout)


if __name__ == "__main__":
    main()
