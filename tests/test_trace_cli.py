"""`vppsh trace` and `%trace` as people type them: what they print, where to, and their exit statuses."""

from __future__ import annotations

import gzip
import json
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.serving import serving
from tests.traces import dropped, forwarded, read, recordings, shown
from tests.traffic import MACS, SETUP, Traffic
from vppsh.attached import Attached
from vppsh.targets.base import Answer
from vppsh.traces.source import SHOW

Run = Callable[..., "subprocess.CompletedProcess[str]"]
DATA = f"IP4: {MACS} UDP: 10.0.0.2 -> 10.0.1.2 UDP: 1 -> 2 incrementing 22"
TEXT = shown(forwarded(), dropped(), dropped(start=900000))


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    path = tmp_path / "trace.txt"
    path.write_text(TEXT)
    return path


def test_without_options_the_file_is_printed_as_it_is(vppsh: Run, trace: Path, tmp_path: Path) -> None:
    odd = tmp_path / "odd.txt"
    odd.write_bytes(b"\xff\r\n" + TEXT.replace("\n", "\r\n").encode() + b"\x00 tail")
    assert vppsh("trace", trace).stdout == TEXT
    copy = tmp_path / "copy.txt"
    done = vppsh("trace", odd, "--output", "text", "--write", copy)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert copy.read_bytes() == odd.read_bytes()


@pytest.mark.skipif(not recordings(), reason="no recorded sessions beside the checkout")
def test_recordings_come_out_of_a_pipe_as_they_went_in(vppsh: Run, tmp_path: Path) -> None:
    text = "".join(read(path) for path in recordings())
    path, copy = tmp_path / "all.txt.gz", tmp_path / "copy.txt"
    path.write_bytes(gzip.compress(text.encode()))
    assert vppsh("trace", path, "--write", copy).returncode == 0
    assert copy.read_bytes() == text.encode()


def test_a_filter_keeps_packets_with_their_numbers(vppsh: Run, trace: Path) -> None:
    done = vppsh("trace", trace, "--filter", "dst host 192.0.2.1 and dropped", "--max", "1")
    assert done.returncode == 0
    assert done.stdout.startswith(
        "------------------- Start of thread 0 vpp_main -------------------\nPacket 2\n\n00:00:00:482907: pg-input\n"
    )
    assert "Packet 3" not in done.stdout
    # What was filtered can be read again.
    assert vppsh("trace", "-", "--list", stdin=done.stdout).stdout.count("\n") == 1


def test_lists_groups_and_pictures(vppsh: Run, trace: Path) -> None:
    listed = vppsh("trace", trace, "--list").stdout
    number, stamp, rest = listed.splitlines()[1].split(maxsplit=2)
    assert (number, stamp) == ("2", "00:00:00:482907")
    assert rest.split("  ", 1)[0] == "udp 10.0.0.2:1234 -> 192.0.2.1:53"
    assert rest.endswith("  dropped by ip4-lookup (null-node: blackholed packets)")
    assert vppsh("trace", trace, "--group").stdout.startswith("3 packets, 2 paths\n\n[1] 2 packets: dropped by ip4-lookup")
    assert vppsh("trace", trace, "--top", "drops").stdout == "       2 100%  dropped by ip4-lookup (null-node: blackholed packets)\n"
    assert vppsh("trace", trace, "--output", "tree").stdout.startswith("3 packets, 2 paths\n3 pg-input\n├─ 2 ip4-input")
    assert '"pg-input" -> "ip4-input" [label=2' in vppsh("trace", trace, "--output", "dot").stdout
    packets = [json.loads(line) for line in vppsh("trace", trace, "--output", "json").stdout.splitlines()]
    assert [packet["verdict"]["outcome"] for packet in packets] == ["sent", "dropped", "dropped"]
    assert packets[0]["steps"][3]["fields"]["values"] == {"fib": 0, "dpo": 5, "flow_hash": 0}
    assert json.loads(vppsh("trace", trace, "--top", "services", "--output", "json").stdout) == {
        "services": [{"name": "udp 192.0.2.1:53", "packets": 2}, {"name": "udp 10.1.0.2:53", "packets": 1}]
    }
    assert json.loads(vppsh("trace", trace, "--group", "--output", "json").stdout)["paths"][0]["packets"] == 2


def test_what_is_written_is_known_by_its_name(vppsh: Run, trace: Path, tmp_path: Path) -> None:
    for name in ("x.jsonl", "x.pcapng"):
        assert vppsh("trace", trace, "--filter", "dropped", "--write", tmp_path / name).returncode == 0
        assert vppsh("trace", tmp_path / name, "--top", "destinations").stdout == "       2 100%  192.0.2.1\n"
    assert vppsh("trace", trace, "--write", tmp_path / "x.dot").returncode == 0
    assert (tmp_path / "x.dot").read_text().startswith("digraph trace {")


def test_differences_have_a_status(vppsh: Run, trace: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.txt"
    other.write_text(shown(forwarded(), forwarded(destination="192.0.2.1")))
    done = vppsh("trace", trace, "--diff", other)
    assert done.returncode == 1
    assert "1 flow took another way behind pg-input" in done.stdout
    assert vppsh("trace", trace, "--diff", trace).returncode == 0
    assert json.loads(vppsh("trace", trace, "--diff", other, "--output", "json").stdout)["packets"] == [3, 2]


@pytest.mark.parametrize(
    ("options", "status", "message"),
    [
        (("--filter", "node vxlan4-input"), 1, "none of 3 packets fulfils the filter"),
        (("--filter", "host nobody"), 2, "filter: column 6: expected an address after `host', got `nobody'\n  host nobody\n       ^"),
        (("--group", "--list"), 2, "not allowed with argument"),
        (("--group", "--output", "dot"), 2, "--output dot and --group exclude each other"),
        (("--diff", "x", "--output", "tree"), 2, "--diff answers as text or json"),
        (("--diff", "/nowhere"), 1, "/nowhere: No such file or directory"),
        (("--write", "/nowhere/x"), 1, "/nowhere/x: No such file or directory"),
        (("--max", "none"), 2, "'none' is no number of packets"),
        (("--top", "colours"), 2, "invalid choice"),
    ],
)
def test_errors(vppsh: Run, trace: Path, options: tuple[str, ...], status: int, message: str) -> None:
    done = vppsh("trace", trace, *options)
    assert done.returncode == status
    assert message in done.stderr


def test_packets_are_followed_over_files(vppsh: Run, trace: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.txt"
    other.write_text(shown(forwarded(start=700000)))
    done = vppsh("trace", "--follow", trace, other, "--filter", "port 53", "--max", "1")
    assert done.returncode == 0
    assert done.stdout.startswith("[1] udp 10.0.0.2:1234 -> 10.1.0.2:53\n")
    assert f"{trace}: 3 packets, 1 of them in another trace too\n    2 only here: dropped by ip4-lookup" in done.stdout
    value = json.loads(vppsh("trace", "--follow", trace, other, "--output", "json").stdout)
    assert [len(journey) for journey in value["journeys"]] == [2, 1, 1]
    missing = vppsh("trace", "--follow", trace, other, "--missing").stdout
    assert missing.count("packet 1: sent by pg1") == 0
    assert missing.count("packet 2: dropped by ip4-lookup (") == 1
    assert vppsh("trace", "--follow", trace).returncode == 2
    assert vppsh("trace", trace, "--missing").returncode == 2
    assert vppsh("trace", "--follow", trace, other, "--filter", "arp").returncode == 1
    assert vppsh("trace", "--follow", trace, other, "--output", "dot").returncode == 2


def test_a_file_without_packets_is_a_failure(vppsh: Run, tmp_path: Path) -> None:
    path = tmp_path / "prose.txt"
    path.write_text("nothing here\n")
    done = vppsh("trace", path)
    assert (done.returncode, done.stdout) == (1, "nothing here\n")
    assert done.stderr == f"vppsh: {path}: there are no packets in it\n"
    assert vppsh("trace", tmp_path / "missing").returncode == 1


def test_several_files_and_standard_input(vppsh: Run, trace: Path) -> None:
    assert vppsh("trace", trace, trace, "-", "--group", stdin=TEXT).stdout.startswith("9 packets, 2 paths\n")


def test_a_running_dataplane_is_asked_through_its_socket(vppsh: Run, tmp_path: Path) -> None:
    path = tmp_path / "cli.sock"
    with serving(path):
        for line in (*SETUP, f"packet-generator new {{ name s limit 3 size 64-64 interface pg0 node ethernet-input data {{ {DATA} }} }}"):
            assert vppsh("attach", path, line).returncode == 0
        assert vppsh("trace", path, "--list").returncode == 1
        assert vppsh("attach", path, "trace add pg-input 60").returncode == 0
        assert vppsh("attach", path, "packet-generator enable-stream s").returncode == 0
        deadline = time.monotonic() + 30
        while (done := vppsh("trace", path, "--group")).returncode and time.monotonic() < deadline:
            time.sleep(0.1)
        assert done.stdout.startswith("3 packets, 1 path\n\n[1] 3 packets: sent by pg1\n")
        assert "\r" not in vppsh("trace", path).stdout
    gone = tmp_path / "gone.sock"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(gone))
    assert vppsh("trace", gone).returncode == 3


@pytest.fixture
def traced() -> Traffic:
    traffic = Traffic()
    traffic.udp("fwd", 2)
    traffic.udp("lost", 1, destination="192.0.2.1")
    traffic("trace add pg-input 10")
    traffic.send("fwd")
    traffic.send("lost")
    return traffic


def test_the_prompt_looks_into_its_own_trace_buffer(traced: Traffic) -> None:
    assert traced("%trace list").splitlines()[2].endswith("dropped by ip4-lookup (null-node: blackholed packets)")
    assert traced("%trace group filter dropped").startswith("1 packet, 1 path\n")
    assert traced("%trace top destinations") == "       2  67%  10.0.1.2\n       1  33%  192.0.2.1"
    assert traced("%trace tree max 3").startswith("3 packets, 2 paths\n3 pg-input → ethernet-input")
    assert traced("%trace max 1 filter dst host 192.0.2.1").startswith("------------------- Start of thread 0 vpp_main")
    assert json.loads(traced("%trace json max 1 filter sent"))["verdict"]["interface"] == "pg1"
    assert traced("%trace") == traced("show trace")


def test_the_prompt_looks_into_files(traced: Traffic, trace: Path) -> None:
    assert traced(f"%trace group {trace}").startswith("3 packets, 2 paths\n")
    assert "only in the trace buffer: 1 packet, dropped by ip4-lookup" in traced(f"%trace diff {trace} filter sent or dropped")


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("%trace filter dropd", "filter: column 1: unknown word `dropd': did you mean `dropped'?\n  dropd\n  ^"),
        ("%trace filter vni 7", "none of 3 packets fulfils the filter"),
        (
            "%trace top colours",
            "expected one of sources, destinations, services, flows, drops, verdicts, interfaces, inputs after top, got `colours'",
        ),
        ("%trace max all", "expected a number after max, got `all'"),
        ("%trace diff", "expected a file after diff"),
        ("%trace /nowhere", "/nowhere: No such file or directory"),
    ],
)
def test_errors_at_the_prompt(traced: Traffic, line: str, answer: str) -> None:
    assert traced(line).removeprefix("%trace: ") == answer


class Elsewhere:
    """A VPP with a trace buffer."""

    name, where, cluster = "vpp", "elsewhere", False

    def execute(self, line: str, timeout: float | None = None) -> Answer:
        return Answer(TEXT if line == SHOW else "", failed=line != SHOW)

    def interrupt(self) -> None:
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError


def test_the_prompt_on_a_running_vpp_looks_into_that_ones_buffer() -> None:
    shell = Attached(Elsewhere())
    assert shell.execute("%trace top verdicts").text == (
        "       2  67%  dropped by ip4-lookup (null-node: blackholed packets)\n       1  33%  sent by pg1\n"
    )


def test_an_empty_trace_buffer_is_said_to_be_so() -> None:
    assert Traffic()("%trace list") == "no packets in the trace"
