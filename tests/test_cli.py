"""The vppsh command: arguments, files, standard input, exit statuses, and what start-up loads."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]


def test_version_loads_nothing_heavy(root: Path) -> None:
    code = (
        "import sys; from vppsh.cli import main\ntry: main(['--version'])\nexcept SystemExit: pass\n"
        "print([name for name in ('numpy', 'scapy', 'prompt_toolkit', 'textual', 'kubernetes') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root, check=True)
    assert done.stdout.startswith("vppsh ")
    assert done.stdout.endswith("[]\n")


def test_lines_of_the_command_line(vppsh: Run) -> None:
    done = vppsh("-c", "echo one", "create loopback interface", "-c", "show interface loop0 | count")
    assert done.returncode == 0
    assert done.stdout.splitlines() == ["one", "loop0", "2"]


def test_the_first_bad_line_ends_the_run(vppsh: Run) -> None:
    done = vppsh("-c", "echo one", "frobnicate", "echo two")
    assert (done.returncode, done.stdout) == (1, "one\nunknown input `frobnicate'\n")
    assert done.stderr == "vppsh: -c 2: the line failed\n"
    done = vppsh("--keep-going", "-c", "frobnicate", "echo two")
    assert (done.returncode, done.stdout) == (1, "unknown input `frobnicate'\ntwo\n")


def test_a_file_with_its_echo(vppsh: Run, tmp_path: Path) -> None:
    file = tmp_path / "lines.vpp"
    file.write_text("# title\necho { one\n  two }\n\nfrobnicate\n%sleep 0\necho three\n")
    done = vppsh("run", file, "--echo")
    assert done.stdout == (
        "vpp# echo { one two }\none two \nvpp# frobnicate\nunknown input `frobnicate'\nvpp# %sleep 0\nvpp# echo three\nthree\n"
    )
    assert done.returncode == 1
    done = vppsh("run", file)
    assert done.stdout == "one two \nunknown input `frobnicate'\n"
    assert done.stderr == f"vppsh: {file}:5: the line failed\n"


def test_lines_from_standard_input(vppsh: Run) -> None:
    done = vppsh(stdin="echo one\n# two\nquit\necho three\n")
    assert (done.returncode, done.stdout) == (0, "one\n")
    done = vppsh("run", "-", stdin="echo one")
    assert (done.returncode, done.stdout) == (0, "one\n")


def test_what_exec_prints_goes_to_stderr(vppsh: Run, tmp_path: Path) -> None:
    (tmp_path / "lines").write_text("echo aside\n")
    done = vppsh("-c", f"exec {tmp_path}/lines", "echo answer")
    assert (done.stdout, done.stderr) == ("answer\n", "aside\n")


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (("--nonsense",), 2),
        (("run",), 2),
        (("run", "/no/such/file"), 1),
        (("run", "/"), 1),
        (("--vector-size", "0", "-c", "echo"), 2),
        (("--vector-size", "5000", "-c", "echo"), 2),
        (("--vector-size", "many", "-c", "echo"), 2),
        (("run", "x", "-c", "echo"), 2),
    ],
)
def test_wrong_usage(vppsh: Run, arguments: tuple[str, ...], status: int) -> None:
    done = vppsh(*arguments)
    assert done.returncode == status
    assert done.stdout == ""
    assert "vppsh" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "data",
    [
        bytes(range(256)) * 40,
        b"\xff\xfe{\n" * 10,
        b"x" * 1_100_000 + b"\n",
        b"packet-generator new {\n name x\n",
        b"\0\n\r\n\x1b[31m\n",
        b"echo \xff\xf0\n{",
    ],
    ids=["all bytes", "open braces", "a long line", "an open stream", "controls", "an open end"],
)
def test_bad_input_is_an_error_and_no_accident(root: Path, data: bytes) -> None:
    done = subprocess.run([sys.executable, "-m", "vppsh"], input=data, capture_output=True, cwd=root, timeout=60, check=False)
    assert done.returncode == 1
    assert b"Traceback" not in done.stderr
    assert done.stderr.startswith(b"vppsh: ")


def test_bytes_that_are_no_text_pass_unchanged(root: Path) -> None:
    command = [sys.executable, "-m", "vppsh"]
    done = subprocess.run(command, input=b"echo \xff\xf0 x\n", capture_output=True, cwd=root, timeout=60, check=True)
    assert done.stdout == b"\xff\xf0 x\n"


def test_a_reader_that_leaves_early_is_no_error(root: Path) -> None:
    command = f"{sys.executable} -m vppsh --keep-going -c {' '.join(['help'] * 500)} | head -1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, cwd=root, timeout=60, check=True)
    assert len(done.stdout.splitlines()) == 1
    assert done.stderr == ""
