"""Reading traces, in a process of its own: `python -m bench.traces WORK` prints the figures as JSON.

One thread does it all, so that processor time is the time it takes on a machine that does nothing else.
"""

from __future__ import annotations

import argparse
import gc
import json
import random
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

PACKETS = 20_000
PASSES = 5
RECORDS = 60_000
MEGABYTES = 200
FILTER = "net 10.1.0.0/17 and (port 53 or dropped)"
ETHERNET = "  IP4: 02:00:00:00:00:02 -> 02:fe:00:00:00:01\n"
LINK_VPP = 280


def trace_text(packets: int, seed: int = 1) -> Iterator[str]:
    """Packets of ten steps as a forwarder with access lists prints them; every tenth has no route."""
    choose = random.Random(seed)
    yield "------------------- Start of thread 0 vpp_main -------------------\n"
    for number in range(packets):
        yield f"Packet {number + 1}\n\n{''.join(steps(choose, number))}\n\n"


def steps(choose: random.Random, number: int) -> Iterator[str]:
    """The steps of one packet."""
    source, destination = (f"10.{net}.{choose.randrange(256)}.{choose.randrange(250)}" for net in (0, 1))
    ports = f"{choose.randrange(1024, 65000)} -> {choose.choice((53, 80, 443, 8080))}"
    checksum = choose.randrange(65536)
    header = (
        f"  UDP: {source} -> {destination}\n    tos 0x00, ttl 64, length 50, checksum 0x{checksum:04x} dscp CS0 ecn NON_ECN\n"
        f"    fragment id 0x{number & 0xFFFF:04x}\n  UDP: {ports}\n    length 30, checksum 0x513d\n"
    )
    buffer = f"buffer 0x{number:x}: current data 0, length 64, buffer-pool 0, ref-count 1, trace handle 0x{number:x}\n"
    mbuf = (
        "  PKT MBUF: port 0, nb_segs 1, pkt_len 64\n"
        "    buf_len 2176, data_len 64, ol_flags 0x0, data_off 128, phys_addr 0x6d35ac0\n    packet_type 0x0\n"
    )
    bodies = [
        ("dpdk-input", f"  eth0 rx queue 0\n  {buffer}{mbuf}{ETHERNET}{header}"),
        ("ethernet-input", f"  frame: flags 0x1, hw-if-index 1, sw-if-index 1\n{ETHERNET}"),
        ("ip4-input-no-checksum", header),
        ("ip4-sv-reassembly-feature", "  [not-fragmented]\n"),
        (
            "acl-plugin-in-ip4-fa",
            "  acl-plugin: lc_index: 0, sw_if_index 1, next index 1, action: 1, match: acl 0 rule 0 trace_bits 00000000\n",
        ),
        ("ip4-lookup", f"  fib 0 dpo-idx 4 flow hash: 0x00000000\n{header}"),
    ]
    if number % 10 == 3:
        ending = [
            ("ip4-drop", f"    fib:0 adj:0 flow:0x00000000\n{header}"),
            ("error-drop", "  rx:eth0\n"),
            ("drop", "  null-node: blackholed packets\n"),
        ]
    else:
        ending = [
            (
                "ip4-rewrite",
                "  tx_sw_if_index 2 dpo-idx 4 : ipv4 via 10.1.0.2 eth1: mtu:9000 next:3 flags:[] 02000000010202fe000000020800\n",
            ),
            ("nat44-ed-in2out-output", "  NAT44_IN2OUT_ED_FAST_PATH: sw_if_index 1, next index 5\n"),
            ("eth1-output", f"  eth1 flags 0x00180001\n{ETHERNET}{header}"),
            ("eth1-tx", f"    {buffer}{ETHERNET}{header}"),
        ]
    for position, (node, body) in enumerate(bodies + ending):
        micros = number * 100 + 7 * position
        yield f"00:00:{micros // 1_000_000 % 60:02}:{micros % 1_000_000:06}: {node}\n{body}"


def dispatch_file(path: Path, records: int) -> int:
    """A dispatch trace of traced packets, six records each; how many records it has."""
    choose = random.Random(2)
    written = 0
    with path.open("wb") as out:
        out.write(struct.pack("<IHHIIII", 0xA1B2C3D4, 2, 4, 0, 0, 65536, LINK_VPP))
        for number in range(records // 6):
            parts = list(steps(choose, number * 10))
            for position in range(4, 10):
                node = parts[position].split(": ", 1)[1].split("\n", 1)[0]
                metadata = f"flags: \ncurrent_data: 14, current_length: 50\nerror: 0\ntrace_handle: 0x{number:x}, len_not_first_buf: 0\n"
                texts = (node, metadata, "raw: 00000001\n", "raw: 00000000\n", "\n" + "".join(parts[:position]).rstrip("\n"))
                data = (
                    bytes((1, 0, 5, 0)) + (number % 4096).to_bytes(4, "big") + b"".join(text.encode() + b"\0" for text in texts) + bytes(64)
                )
                out.write(struct.pack("<IIII", number, position, len(data), len(data)) + data)
                written += 1
    return written


def resident(path: Path) -> float:
    """Megabytes that `vppsh trace FILE --group` has in memory at most, by its own account: what is made here does not count."""
    script = (
        "import sys; from vppsh.cli import main; main(['trace', sys.argv[1], '--group']); "
        "sys.stderr.write(next(line for line in open('/proc/self/status') if line.startswith('VmHWM')))"
    )
    done = subprocess.run([sys.executable, "-c", script, path], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=True)
    return int(done.stderr.split()[-2]) / 1024


def measure(work: Path) -> dict[str, float]:
    """All figures: packets and records a second, seconds, megabytes."""
    from vppsh.traces.expression import compile_filter
    from vppsh.traces.groups import Groups
    from vppsh.traces.source import TraceFile

    found: dict[str, float] = {}
    text, big, dispatch = work / "trace.txt", work / "trace-big.txt", work / "dispatch.pcap"
    text.write_text("".join(trace_text(PACKETS)))
    with big.open("wb") as out:
        while out.tell() < MEGABYTES << 20:
            out.write(text.read_bytes())
    gc.disable()  # as the command does
    start = time.process_time()
    with TraceFile(str(big)) as file:
        count = sum(1 for _ in file.packets())
    found["parse"] = count / (time.process_time() - start)
    found["stream"] = resident(big)
    keep = compile_filter(FILTER)
    seconds = 0.0
    groups = Groups()
    for _ in range(PASSES):
        with TraceFile(str(text)) as file:
            packets = list(file.packets())
        start = time.process_time()
        for packet in packets:
            if keep(packet):
                groups.add(packet)
        seconds += time.process_time() - start
    found["filter"] = seconds * 100_000 / (PACKETS * PASSES)
    records = dispatch_file(dispatch, RECORDS)
    start = time.process_time()
    with TraceFile(str(dispatch)) as file:
        steps_found = sum(len(packet.steps) for packet in file.packets())
    found["dispatch"] = records / (time.process_time() - start)
    if steps_found != records // 6 * 10:
        raise RuntimeError(f"{steps_found} steps in {records} records")
    for path in (text, big, dispatch):
        path.unlink()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=Path, help="a folder for files")
    print(json.dumps(measure(parser.parse_args().work)))


if __name__ == "__main__":
    main()
