"""Files that are not what they should be, and places that cannot be written: one clear line, and the engine goes on."""

from __future__ import annotations

import os
import resource
import stat
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from packets import ip4_packet
from traffic import Traffic

FRAME = bytes.fromhex("02fe00000001 020000000002 0800") + ip4_packet(payload=bytes.fromhex("03e807d000080000"))
LAST_OF_LINKS = "228 (IPV4) or 229 (IPV6) can be used here"
ROOT = Path(__file__).resolve().parent.parent
Run = Callable[..., "subprocess.CompletedProcess[str]"]


def pcap(*packets: bytes, link: int = 1) -> bytes:
    header = struct.pack("<IHHIIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, link)
    return header + b"".join(struct.pack("<IIII", 1, 2, len(packet), len(packet)) + packet for packet in packets)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Bad files of every kind."""
    for name, content in {
        "empty": b"",
        "junk": bytes(range(1, 200)),
        "short": pcap()[:10],
        "without": pcap(),
        "cut": pcap(FRAME, FRAME)[:-7],
        "wireless": pcap(FRAME, link=105),
        "monster": pcap() + struct.pack("<IIII", 1, 2, 3 << 30, 3 << 30) + b"abc",
        "zero": pcap(b"", b""),
        "giant": pcap(FRAME + bytes(70_000)),
        "open": b"echo one\npacket-generator new {\n name x\n",
        "closed": b"echo one }\n}\n",
        "binary": b"\0\xff\xfe{" + bytes(range(256)),
        "long": b"echo " + b"x" * (1 << 20) + b"\n",
        "unreadable": b"echo one\n",
    }.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    return tmp_path


@pytest.fixture
def traffic(folder: Path) -> Traffic:
    made = Traffic()
    made.udp("whole", 10)
    return made


def goes_on(traffic: Traffic) -> None:
    """The next line works, packets flow, and all buffers are back."""
    assert traffic("echo alive") == "alive"
    before = int(traffic.engine.interfaces.tx.packets.sum())
    traffic.send("whole")
    assert int(traffic.engine.interfaces.tx.packets.sum()) >= before + 10
    assert traffic.engine.buffers.free == traffic.engine.buffers.count


# Packets from files.


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("empty", "read file header `{0}': Operation not supported"),
        ("junk", "bad magic `{0}'"),
        ("short", "read file header `{0}': Operation not supported"),
        ("without", "buffer-size must be positive"),
        ("zero", "buffer-size must be positive"),
        ("cut", "short read `{0}'"),
        ("wireless", "{0}: byte 0: link type 105 (IEEE802_11): only 1 (ETHERNET) or 12 (RAW) or 101 (RAW_IP) or " + LAST_OF_LINKS),
        ("monster", "{0}: byte 24: a packet of 3221225472 bytes: this is no pcap record (the most is 262144)"),
        ("giant", "packet of 70042 bytes in `{0}'"),
        ("missing", "open `{0}': No such file or directory"),
        ("folder", "read file header `{0}': Is a directory"),
        ("pipe", "open `{0}': a pipe would make the dataplane wait"),
    ],
)
def test_captures_that_no_stream_can_send(traffic: Traffic, folder: Path, name: str, says: str) -> None:
    line = f"packet-generator new {{ name bad pcap {folder / name} source pg0 }}"
    assert traffic(line) == f"packet-generator new: {says.format(folder / name)}"
    assert traffic("packet-generator enable-stream bad") == "packet-generator enable-stream: unknown input `bad'"
    goes_on(traffic)


@pytest.mark.parametrize("size", [0, 2048 - 42, 2048 - 41, 5000, 60_000])
def test_packets_longer_than_a_buffer_travel_in_several(traffic: Traffic, folder: Path, size: int) -> None:
    (folder / "long.pcap").write_bytes(pcap(*[FRAME + bytes(size)] * 20))
    assert traffic(f"packet-generator new {{ name long pcap {folder / 'long.pcap'} source pg0 }}") == ""
    assert traffic(f"packet-generator capture pg1 pcap {folder / 'out.pcap'}") == ""
    traffic.send("long")
    assert traffic("packet-generator capture pg1 disable") == ""
    sent = (folder / "out.pcap").read_bytes()
    assert sent.count(FRAME[26:34]) == 20
    goes_on(traffic)


def test_a_capture_may_vanish_or_shrink_while_its_stream_lives(traffic: Traffic, folder: Path) -> None:
    path = folder / "stream.pcap"
    path.write_bytes(pcap(*[FRAME] * 30))
    assert traffic(f"packet-generator new {{ name kept pcap {path} source pg0 }}") == ""
    path.write_bytes(b"")
    traffic.send("kept")
    path.unlink()
    traffic.send("kept")
    assert traffic.engine.interfaces.tx.packets[traffic.engine.interfaces.find("pg1").sw_if_index] == 60  # type: ignore[union-attr]
    goes_on(traffic)


@pytest.mark.parametrize(
    ("name", "status", "says"),
    [
        ("empty", 1, "{0}: the file is empty"),
        ("junk", 1, "{0}: neither a text nor a capture"),
        ("short", 1, "{0}: byte 0: a pcap header is 24 bytes long, the file has 10"),
        ("without", 1, "{0}: there are no packets in it"),
        ("cut", 0, "{0}: byte 82: the file ends 51 bytes into a record of 58"),
        ("wireless", 1, "{0}: byte 0: link type 105 (IEEE802_11): only 1 (ETHERNET) or 101 (RAW_IP) or 12 (RAW) or " + LAST_OF_LINKS),
        ("giant", 1, "packet of 70042 bytes in `{0}'"),
        ("missing", 1, "{0}: No such file or directory"),
        ("folder", 1, "{0}: not a regular file"),
        ("pipe", 1, "{0}: not a regular file"),
    ],
)
def test_captures_that_cannot_be_replayed(vppsh: Run, folder: Path, name: str, status: int, says: str) -> None:
    done = vppsh("replay", folder / name)
    assert (done.returncode, done.stderr) == (status, f"vppsh: {says.format(folder / name)}\n")
    assert bool(done.stdout) == (status == 0)


@pytest.mark.parametrize("missing", ["interface pg7", "tx-interface pg7", "node no-such-node"])
def test_a_stream_that_names_what_is_not_there(traffic: Traffic, missing: str) -> None:
    answer = traffic(f"packet-generator new {{ name bad limit 1 node ethernet-input {missing} data {{ hex 0x01020304 }} }}")
    assert answer.startswith("packet-generator new: unknown input")
    goes_on(traffic)


# Lines from files.


@pytest.mark.parametrize(
    ("name", "out", "says"),
    [
        ("open", "one\n", "{0}:2: braces never closed: packet-generator new {{ name x"),
        ("closed", "one }}\nunknown input `}}'\n", "{0}:2: the line failed"),
        ("long", "the line has 1048581 characters, more than 1048576\n", "{0}:1: the line failed"),
        ("folder", "", "{0}: Is a directory"),
        ("missing", "", "{0}: No such file or directory"),
    ],
)
def test_files_of_lines_that_cannot_be_run(vppsh: Run, folder: Path, name: str, out: str, says: str) -> None:
    done = vppsh("run", folder / name)
    assert (done.returncode, done.stdout, done.stderr) == (1, out.format(), f"vppsh: {says.format(folder / name)}\n")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("exec {0}/missing", "exec: failed to open `{0}/missing': No such file or directory"),
        ("exec {0}/folder", "exec: not a regular file `{0}/folder'"),
        ("exec {0}/pipe", "exec: not a regular file `{0}/pipe'"),
        ("exec {0}/empty", "exec: empty file `{0}/empty'"),
        ("exec {0}/open", "exec: CLI line error: "),
        ("%source {0}/missing", "%source: {0}/missing: No such file or directory"),
        ("%source {0}/folder", "%source: {0}/folder: Is a directory"),
        ("%source {0}/pipe", "%source: {0}/pipe: a pipe would make the dataplane wait"),
        ("%source {0}/open", "one\n%source: {0}/open:2: braces never closed: packet-generator new {{ name x"),
        ("%save {0}/folder", "%save: {0}/folder: Is a directory"),
        ("%save {0}/missing/file", "%save: {0}/missing/file: No such file or directory"),
        ("%save /dev/full", "%save: /dev/full: No space left on device"),
        ("echo x > {0}/folder", "> {0}/folder: Is a directory"),
        ("echo x > {0}/missing/file", "> {0}/missing/file: No such file or directory"),
        ("echo x >> /dev/full", ">> /dev/full: No space left on device"),
        ("packet-generator capture pg1 pcap {0}/folder", "packet-generator capture: pcap file '{0}/folder' already exists."),
    ],
)
def test_lines_that_name_bad_files(traffic: Traffic, folder: Path, line: str, says: str) -> None:
    answer = traffic.session.execute(line.format(folder))
    assert answer.failed
    assert answer.fault is None
    assert answer.text == says.format(folder) + "\n"
    goes_on(traffic)


@pytest.mark.parametrize("line", ["exec {0}", "%source {0}"])
def test_binary_files_are_refused_at_their_first_line(traffic: Traffic, folder: Path, line: str) -> None:
    answer = traffic.session.execute(line.format(folder / "binary"))
    assert answer.failed
    assert answer.fault is None
    goes_on(traffic)


@pytest.mark.parametrize("name", ["binary", "long", "open"])
@pytest.mark.parametrize("options", [(), ("--keep-going",)])
def test_what_is_piped_in_need_not_be_text(folder: Path, name: str, options: tuple[str, ...]) -> None:
    """A line that fails ends it, or with --keep-going what follows is executed, unless a brace swallowed it."""
    junk = (folder / name).read_bytes().replace(b"{", b"(") if name == "binary" else (folder / name).read_bytes()
    command = [sys.executable, "-m", "vppsh", *options]
    done = subprocess.run(command, input=junk + b"\necho alive\n", capture_output=True, cwd=ROOT, timeout=60, check=False)
    assert done.returncode == 1
    assert b"Traceback" not in done.stderr
    assert (b"alive\n" in done.stdout) == (bool(options) and name != "open")
    assert (b"braces never closed" in done.stderr) == (name == "open")


# Places that cannot be written.


def test_a_capture_to_a_place_that_is_not_there(traffic: Traffic, folder: Path) -> None:
    path = folder / "missing" / "out.pcap"
    assert traffic(f"packet-generator capture pg1 pcap {path}") == ""
    traffic.send("whole")
    assert traffic("packet-generator capture pg1 disable") == f"packet-generator capture: {path}: No such file or directory"
    goes_on(traffic)


@pytest.mark.parametrize(
    ("target", "says"),
    [
        ("/dev/full", "No space left on device; 0 packets are in the file"),
        ("{0}/folder", "Is a directory"),
        ("{0}/missing/x", "No such file or directory"),
    ],
)
def test_a_replay_into_a_place_that_cannot_be_written(vppsh: Run, folder: Path, target: str, says: str) -> None:
    (folder / "good.pcap").write_bytes(pcap(FRAME))
    target = target.format(folder)
    done = vppsh("replay", folder / "good.pcap", "--out", target)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"vppsh: {target}: {says}\n")


def test_a_disk_that_fills_up_ends_captures_and_not_the_engine(tmp_path: Path) -> None:
    """In a process of its own, whose files may not grow past a limit."""
    stream = (
        "packet-generator new { name x limit 500 size 64-64 maxframe 10 node pg1-output data { hex 0x0102030405060708090a0b0c0d0e0f } }"
    )
    name = f"vppsh-{os.getpid()}.pcap"
    lines = [
        "create packet-generator interface pg1", "set interface state pg1 up", f"packet-generator capture pg1 pcap {tmp_path}/out.pcap",
        stream, "packet-generator enable-stream", "packet-generator capture pg1 disable", f"pcap trace tx max 500 file {name}",
        "packet-generator enable-stream", "pcap trace off", "show interface pg1 | grep tx.packets", "show buffers | tail 1",
    ]  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "vppsh", "--keep-going", "-c", *lines], capture_output=True, text=True, cwd=ROOT, timeout=60, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192)),
    )  # fmt: skip
    Path("/tmp", name).unlink(missing_ok=True)
    captured, announced, traced, counted, buffers = done.stdout.splitlines()
    assert captured == f"packet-generator capture: {tmp_path}/out.pcap: File too large; 100 packets are in the file"
    assert announced == f"Write 500 packets to /tmp/{name}, and stop capture..."
    assert traced.startswith(f"pcap trace: I/O writing trace capture... /tmp/{name}: File too large;")
    assert counted.split()[-1] == "1000"
    assert buffers.split()[-4:] == ["16384", "16384", "0", "0"]
    assert (done.returncode, done.stderr) == (1, "")
    assert (tmp_path / "out.pcap").stat().st_size == 24 + 100 * (16 + 64)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read and write everything")
def test_no_permission(traffic: Traffic, folder: Path) -> None:
    (folder / "unreadable").chmod(0)
    (folder / "folder").chmod(stat.S_IRUSR)
    for line in (
        "exec {0}/unreadable",
        "%source {0}/unreadable",
        "%save {0}/unreadable",
        "echo x > {0}/folder/x",
        "packet-generator new {{ name bad pcap {0}/unreadable source pg0 }}",
    ):
        assert traffic.session.execute(line.format(folder)).text.endswith("Permission denied\n"), line
    goes_on(traffic)
